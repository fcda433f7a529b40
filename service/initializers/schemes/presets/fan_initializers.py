"""The initializers that Keras, JAX and TensorFlow.js have under the same names.

Glorot's, He's and LeCun's schemes have a fixed gain: an activation or its slope changes nothing.
Their normals are cut at two standard deviations of the parent.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from service.initializers.fans import Weight
from service.initializers.references import (
    GLOROT_2010,
    HE_2015,
    KLAMBAUER_2017,
    LECUN_1998,
    Reference,
)
from service.initializers.schemes import truncated
from service.initializers.schemes.presets.following import Peer
from service.initializers.schemes.record import Numbers, Scheme
from service.initializers.schemes.variance_scaling import Gain

ROOT_2 = math.sqrt(2.0)

CUT_PARENT = Numbers(bounds=(2.0,), std_kind="parent")
"""The bounds are two standard deviations of the parent, whose std is not corrected."""

_STDS: dict[str, tuple[Gain, str, str, str, tuple[Reference, ...]]] = {
    "glorot": ("one", "fan_avg", "(fan_in + fan_out) / 2", "1", (GLOROT_2010,)),
    "he": (ROOT_2, "fan_in", "fan_in", "sqrt(2)", (HE_2015,)),
    "lecun": ("one", "fan_in", "fan_in", "1", (LECUN_1998, KLAMBAUER_2017)),
}
"""Gain, mode, n and gain as text, and references of each scheme."""


def fan_initializers(
    peer: Peer, call: Callable[[str, str], str], *, fault: str | None = None
) -> tuple[Scheme, ...]:
    """glorot, he and lecun, normal and uniform.

    `call` returns what the framework calls a scheme of a distribution. With a `fault`, which is
    then the warning's message, the std of the normals is that of the parent.
    """
    return tuple(
        fan_initializer(
            peer,
            name,
            distribution,
            f"{name}_{distribution}",
            _summary(call(name, distribution), distribution, fault is not None),
            fault=fault,
        )
        for name in _STDS
        for distribution in ("normal", "uniform")
    )


def fan_initializer(
    peer: Peer,
    scheme: str,
    distribution: str,
    name: str,
    summary: str,
    *,
    layer: str | None = None,
    example: str | None = None,
    fault: str | None = None,
) -> Scheme:
    """One of them, as an initializer of any layer or as the default of one."""
    gain, mode, n, gain_text, references = _STDS[scheme]
    std = "std" if fault is None else "parent's std"
    normal = distribution == "normal"
    made = peer.scaled(
        name,
        summary,
        f"{std if normal else 'limit'} = gain sqrt({1 if normal else 3}/n), n = {n}, "
        f"gain = {gain_text}",
        gain=gain,
        mode=mode,
        distributions=("truncated_normal",) if normal else ("uniform",),
        layer=layer,
        example=example,
        references=references,
    )
    return uncorrected(made, fault) if normal and fault is not None else made


def _summary(called: str, distribution: str, reduced: bool) -> str:
    """The sentences about an initializer that has fans."""
    if distribution == "uniform":
        return f"{called} draws from a uniform distribution around 0."
    text = f"{called} draws from a normal distribution, cut at two of its standard deviations."
    if reduced:
        return f"{text} The std of the values is 0.88 of the std in the formula."
    return f"{text} The std in the formula is that of the values after the cut."


def uncorrected(scheme: Scheme, fault: str) -> Scheme:
    """`scheme`, whose std is by default that of the parent."""
    return replace(
        scheme,
        defaults=CUT_PARENT.over(scheme.defaults),
        fault=fault,
        repeats_fault=_keeps_parent,
    )


def _keeps_parent(weight: Weight, requested: Numbers) -> bool:
    """Whether a request has a truncated normal with the parent's std."""
    cut = requested.distribution in (None, "truncated_normal")
    return cut and requested.std_kind != "corrected"


def depthwise(scheme: Scheme, framework: str) -> Scheme:
    """`scheme` for a depthwise kernel, of which the framework counts all inputs into fan_in."""
    fault = (
        f"{framework} counts all inputs into fan_in of a depthwise kernel, though each output has "
        "one input (keras issue 11773), so the std is too small: give fan_in if that is not meant"
    )
    if scheme.fault is not None:
        fault = f"{scheme.fault}. {fault}"
    return replace(scheme, fault=fault, repeats_fault=_counts_all_inputs)


def _counts_all_inputs(weight: Weight, requested: Numbers) -> bool:
    """Whether fan_in is counted and an output has fewer inputs than the kernel's axis says."""
    return requested.fan_in is None and weight.count("E") > 1


def truncated_normal(peer: Peer, name: str, summary: str, std: float) -> Scheme:
    """A normal cut at two standard deviations of the parent, whose std is `std` by default."""
    return replace(
        peer.named(truncated.SCHEMES[0], name, summary),
        formula="w ~ N(mean, std^2) given |w - mean| < bounds std",
        fields=("mean", "std", "std_kind", "bounds"),
        defaults=CUT_PARENT.over(Numbers(mean=0.0, std=std)),
    )
