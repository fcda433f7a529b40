"""The initializers that Keras, JAX and TensorFlow.js have under the same names.

Glorot's, He's and LeCun's schemes have a fixed gain: an activation or its slope changes nothing.
Their normals are cut at two standard deviations of the parent.
"""

import math
from collections.abc import Callable
from dataclasses import replace

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
        fan_initializer(peer, name, distribution, f"{name}_{distribution}", call, fault=fault)
        for name in _STDS
        for distribution in ("normal", "uniform")
    )


def fan_initializer(
    peer: Peer,
    scheme: str,
    distribution: str,
    name: str,
    call: Callable[[str, str], str],
    *,
    layer: str | None = None,
    example: str | None = None,
    fault: str | None = None,
) -> Scheme:
    """One of them, as an initializer of any layer or as the default of one."""
    gain, mode, n, gain_text, references = _STDS[scheme]
    called = call(scheme, distribution)
    std = "std" if fault is None else "parent's std"
    cut = "cut at 2 std of the parent" + (", corrected" if fault is None else ", not corrected")
    normal = distribution == "normal"
    made = peer.scaled(
        name,
        f"{called}: normal, {cut}." if normal else f"{called}: uniform.",
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


def uncorrected(scheme: Scheme, fault: str) -> Scheme:
    """`scheme`, whose std is by default that of the parent."""
    return replace(scheme, defaults=CUT_PARENT.over(scheme.defaults), fault=fault)


def truncated_normal(peer: Peer, name: str, summary: str, std: float) -> Scheme:
    """A normal cut at two standard deviations of the parent, whose std is `std` by default."""
    return replace(
        peer.named(truncated.SCHEMES[0], name, summary),
        formula="w ~ N(mean, std^2) given |w - mean| < bounds std",
        fields=("mean", "std", "std_kind", "bounds"),
        defaults=CUT_PARENT.over(Numbers(mean=0.0, std=std)),
    )
