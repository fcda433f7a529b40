"""Variance scaling, of which He, Glorot and LeCun are cases: n is a fan or a mean of both fans.

std = gain sqrt(1/n) and limit = gain sqrt(3/n), computed in float64 in this order
(docs/stream-v1.md, section 3, "Scaling").
"""

import math
from dataclasses import replace
from typing import Literal

from service.initializers.gains import gain_of, rectifier_gain
from service.initializers.references import (
    GLOROT_2010,
    HE_2015,
    KLAMBAUER_2017,
    LECUN_1998,
    Reference,
)
from service.initializers.schemes.plain import constant_law, normal_law, uniform_within
from service.initializers.schemes.record import (
    Law,
    Numbers,
    Preset,
    Request,
    Scheme,
    require_positive,
)
from service.initializers.schemes.truncated import CUT_DEFAULTS, cut_at_sigmas

Gain = Literal["one", "he", "activation"] | float

_NORMAL = ("normal", "truncated_normal")
_UNIFORM = ("uniform",)
_FIELDS = ("fan_in", "fan_out", "mode", "distribution", "gain", "scale")
_OF_TRUNCATION = ("std_kind", "bounds")


def variance_scaling(
    name: str,
    summary: str,
    formula: str,
    *,
    gain: Gain,
    mode: str,
    distributions: tuple[str, ...],
    aliases: tuple[str, ...] = (),
    references: tuple[Reference, ...] = (),
    preset: Preset | None = None,
    draft: int | None = None,
) -> Scheme:
    """A scheme with std = gain sqrt(1/n). The first of `distributions` is the default.

    `gain` is a number, `one`, `he` or `activation`. `he` is sqrt(2 / (1 + a^2)), a the slope below
    0. `activation` is the activation's gain by `gain_rule`.
    """
    truncates = "truncated_normal" in distributions
    fields = (
        *_FIELDS[:-1],
        *(("gain_rule",) if gain == "activation" else ()),
        _FIELDS[-1],
        *(_OF_TRUNCATION if truncates else ()),
    )
    rule = "exact" if gain == "activation" else None
    defaults = Numbers(mode=mode, distribution=distributions[0], gain_rule=rule)
    return Scheme(
        name=name,
        summary=summary,
        formula=formula,
        distribution=distributions[0],
        fields=fields,
        law=lambda request: _law(request, gain),
        aliases=aliases,
        distributions=distributions,
        defaults=defaults.over(CUT_DEFAULTS) if truncates else defaults,
        gain=gain,
        references=references,
        preset=preset,
        draft=draft,
    )


def _law(request: Request, default: Gain) -> Law:
    numbers, n = request.numbers, request.fan_number
    gain = _gain(request, default)
    if n is None:
        # An empty tensor that lacks the needed fan has no values and no std.
        values = replace(constant_law(0.0), distribution=numbers.distribution or "", std=None)
    else:
        values = _values(numbers, gain, n)
    return replace(
        values, mode=numbers.mode, fan_in=request.fan_in, fan_out=request.fan_out, gain=gain
    )


def _values(numbers: Numbers, gain: float, n: float) -> Law:
    std = gain * math.sqrt(1.0 / n)
    if numbers.distribution == "uniform":
        return uniform_within(gain * math.sqrt(3.0 / n), std)
    if numbers.distribution == "truncated_normal":
        return cut_at_sigmas(0.0, std, numbers)
    return normal_law(0.0, std)


def _gain(request: Request, default: Gain) -> float:
    """The requested gain, the square root of the requested scale, or the scheme's gain."""
    requested = request.requested
    if requested.gain is not None:
        require_positive("gain", requested.gain)
        return requested.gain
    if requested.scale is not None:
        require_positive("scale", requested.scale)
        return math.sqrt(requested.scale)
    activation, slope = request.activation, request.negative_slope
    if default == "activation":
        return gain_of(activation, request.numbers.gain_rule or "", slope)
    if default == "he":
        return rectifier_gain(slope if activation.takes_slope else 0.0)
    return 1.0 if default == "one" else float(default)


_STD = "std = gain sqrt(1/n)"
_LIMIT = "limit = gain sqrt(3/n)"

SCHEMES = (
    variance_scaling(
        "variance_scaling",
        "Variance gain^2 / n, by default with the activation's exact gain.",
        f"{_STD}, n = fan_in; gain = E[f(z)^2]^-1/2, z ~ N(0, 1)",
        gain="activation",
        mode="fan_in",
        distributions=(*_NORMAL, *_UNIFORM),
        references=(LECUN_1998, GLOROT_2010, HE_2015),
    ),
    variance_scaling(
        "lecun_normal",
        "Normal that keeps the variance of linear and self-normalizing layers.",
        f"{_STD}, n = fan_in, gain = 1",
        gain="one",
        mode="fan_in",
        distributions=_NORMAL,
        references=(LECUN_1998, KLAMBAUER_2017),
    ),
    variance_scaling(
        "lecun_uniform",
        "Uniform that keeps the variance of linear and self-normalizing layers.",
        f"{_LIMIT}, n = fan_in, gain = 1",
        gain="one",
        mode="fan_in",
        distributions=_UNIFORM,
        references=(LECUN_1998, KLAMBAUER_2017),
    ),
    variance_scaling(
        "glorot_normal",
        "Normal between keeping the variance forward and keeping it backward.",
        f"{_STD}, n = (fan_in + fan_out) / 2, gain = 1",
        gain="one",
        mode="fan_avg",
        distributions=_NORMAL,
        aliases=("xavier_normal",),
        references=(GLOROT_2010,),
    ),
    variance_scaling(
        "glorot_uniform",
        "Uniform between keeping the variance forward and keeping it backward.",
        f"{_LIMIT}, n = (fan_in + fan_out) / 2, gain = 1",
        gain="one",
        mode="fan_avg",
        distributions=_UNIFORM,
        aliases=("xavier_uniform",),
        references=(GLOROT_2010,),
    ),
    variance_scaling(
        "he_normal",
        "Normal that keeps the variance through (leaky) ReLU.",
        f"{_STD}, n = fan_in, gain = sqrt(2/(1 + a^2)), a the slope below 0",
        gain="he",
        mode="fan_in",
        distributions=_NORMAL,
        aliases=("kaiming_normal",),
        references=(HE_2015,),
    ),
    variance_scaling(
        "he_uniform",
        "Uniform that keeps the variance through (leaky) ReLU.",
        f"{_LIMIT}, n = fan_in, gain = sqrt(2/(1 + a^2)), a the slope below 0",
        gain="he",
        mode="fan_in",
        distributions=_UNIFORM,
        aliases=("kaiming_uniform",),
        references=(HE_2015,),
    ),
)
