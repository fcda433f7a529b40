"""Deeplearning4j: the schemes of org.deeplearning4j.nn.weights.WeightInit.

Its layers pass their fans. Those of a recurrent layer need `fan_in` and `fan_out`: for the input
weights and for the recurrent ones, Deeplearning4j passes the hidden units, and the sum of inputs
and hidden units.
"""

import math
from dataclasses import replace

from service.initializers.layers import preset_letters
from service.initializers.references import GLOROT_2010, HE_2015, LECUN_1998, Reference
from service.initializers.schemes.plain import constant_law, normal_law
from service.initializers.schemes.presets.fan_initializers import ROOT_2
from service.initializers.schemes.presets.following import ROOT_OF_A_THIRD, Peer, without_gain
from service.initializers.schemes.presets.positions import identity_preset
from service.initializers.schemes.record import Law, Numbers, Request, Scheme

_DL4J = Peer("dl4j", "dl4j", "org/deeplearning4j/nn/weights/WeightInitUtil.java, commit 04ca4c7")

_ROOT_3 = math.sqrt(3.0)

_N = {
    "fan_in": "n = fan_in",
    "fan_out": "n = fan_out",
    "fan_avg": "n = (fan_in + fan_out) / 2",
}


def _scheme(
    name: str,
    distribution: str,
    gain: float,
    mode: str = "fan_in",
    *references: Reference,
    fault: str | None = None,
) -> Scheme:
    """A scheme by its name in WeightInit."""
    normal = distribution == "normal"
    told = "normal, not cut" if normal else "uniform"
    formula = "std = gain sqrt(1/n)" if normal else "limit = gain sqrt(3/n)"
    made = _DL4J.scaled(
        name,
        f"Deeplearning4j's WeightInit.{name.upper()}: {told}.",
        f"{formula}, {_N[mode]}, gain = {gain:.6g}",
        gain=gain,
        mode=mode,
        distributions=(distribution,),
        references=references,
    )
    return replace(made, fault=fault, repeats_fault=without_gain)


def _too_wide(fan: str) -> str:
    return (
        f"Deeplearning4j's limit is 3/sqrt({fan}) where sqrt(3/{fan}) keeps the variance, so the "
        "std is sqrt(3) times as large: give gain=1 if that is not meant"
    )


def _legacy(request: Request) -> Law:
    """std = 1/sqrt(shape[0] + shape[1]), the shape in Deeplearning4j's own order of the axes.

    A tensor of one axis has a first axis of extent 1, as in Deeplearning4j.
    """
    weight, shape = request.weight, request.shape
    own = preset_letters("dl4j", weight.layer) if weight.layer else None
    if own is not None and sorted(own) == sorted(weight.letters):
        shape = tuple(weight.shape[weight.letters.index(letter)] for letter in own)
    first, second = shape[:2] if len(shape) > 1 else (1, math.prod(shape))
    if 0 in shape:
        return replace(constant_law(0.0), distribution="normal", std=None)
    return normal_law(0.0, math.sqrt(1.0 / (first + second)))


def _xavier_legacy() -> Scheme:
    made = _DL4J.following(
        "normal",
        "xavier_legacy",
        "Deeplearning4j's WeightInit.XAVIER_LEGACY: normal; kernel axes do not count.",
        fields=(),
        defaults=Numbers(),
    )
    return replace(made, formula="std = sqrt(1/(shape[0] + shape[1]))", law=_legacy)


SCHEMES = (
    _DL4J.constant("zero", "Deeplearning4j's WeightInit.ZERO: every element is 0.", 0.0),
    _DL4J.constant("ones", "Deeplearning4j's WeightInit.ONES: every element is 1.", 1.0),
    identity_preset(
        _DL4J,
        "identity",
        "Deeplearning4j's WeightInit.IDENTITY is the identity matrix. Deeplearning4j itself makes "
        "square ones only.",
        "shape=256,256",
    ),
    _scheme("xavier", "normal", 1.0, "fan_avg", GLOROT_2010),
    _scheme("xavier_uniform", "uniform", 1.0, "fan_avg", GLOROT_2010),
    _scheme("xavier_fan_in", "normal", 1.0),
    _xavier_legacy(),
    _scheme("sigmoid_uniform", "uniform", 4.0, "fan_avg", GLOROT_2010),
    _scheme("relu", "normal", ROOT_2, "fan_in", HE_2015),
    _scheme("relu_uniform", "uniform", ROOT_2, "fan_in", HE_2015),
    _scheme("uniform", "uniform", ROOT_OF_A_THIRD),
    _scheme("normal", "normal", 1.0),
    _scheme("lecun_normal", "normal", 1.0, "fan_in", LECUN_1998),
    _scheme("lecun_uniform", "uniform", _ROOT_3, "fan_in", LECUN_1998, fault=_too_wide("fan_in")),
    _scheme("var_scaling_normal_fan_in", "normal", 1.0),
    _scheme("var_scaling_normal_fan_out", "normal", 1.0, "fan_out"),
    _scheme("var_scaling_normal_fan_avg", "normal", 1.0, "fan_avg"),
    _scheme("var_scaling_uniform_fan_in", "uniform", _ROOT_3, fault=_too_wide("fan_in")),
    _scheme(
        "var_scaling_uniform_fan_out", "uniform", _ROOT_3, "fan_out", fault=_too_wide("fan_out")
    ),
    _scheme("var_scaling_uniform_fan_avg", "uniform", _ROOT_3, "fan_avg", fault=_too_wide("n")),
)
