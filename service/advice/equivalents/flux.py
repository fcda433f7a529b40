"""Lines of Flux. Source: Flux.jl/src/utils.jl, release 0.16.11."""

import math
from functools import partial

from service.advice.equivalents.lines import (
    Framework,
    Line,
    constants,
    cut_of,
    gain_of,
    mean_of,
    parent_of,
)
from service.advice.equivalents.notation import JULIA
from service.advice.equivalents.target import Target
from service.initializers.framework_fans import framework_fans

_FAMILIES = {"fan_in": ("kaiming", math.sqrt(2.0)), "fan_avg": ("glorot", 1.0)}
"""The functions of each mode, and the gain that they have by default."""


def _filled(function: str, **named: str | None) -> str:
    """A call with the extents and with keyword arguments, of which None is left out."""
    given = ", ".join(f"{name} = {text}" for name, text in named.items() if text is not None)
    return f"{function}(dims...; {given})" if given else f"{function}(dims...)"


def _scaled(target: Target) -> str | None:
    if target.mode not in _FAMILIES:
        return None
    family, usual = _FAMILIES[target.mode]
    gain = None if target.has_gain(usual) else target.gain.text(JULIA)
    return _filled(f"Flux.{family}_{target.kind}", gain=gain)


def _normal(target: Target) -> str:
    std, mean = target.std.text(JULIA), mean_of(target, JULIA)
    draw = "randn(Float32, dims...)"
    draw = draw if std == "1" else f"Float32({std}) .* {draw}"
    return draw if mean is None else f"Float32({mean}) .+ {draw}"


def _uniform(target: Target) -> str | None:
    if target.facts.limit is None:
        return None
    return f"Float32({target.limit.text(JULIA)}) .* (2 .* rand(Float32, dims...) .- 1)"


def _truncated(target: Target) -> str | None:
    cut = cut_of(target, JULIA)
    if cut is None:
        return None
    mean, std = mean_of(target, JULIA), parent_of(target, JULIA)
    return _filled("Flux.truncated_normal", mean=mean, std=std, lo=cut[0], hi=cut[1])


def _orthogonal(target: Target) -> str | None:
    if not target.one_matrix("flux", -1):
        return None
    return _filled("Flux.orthogonal", gain=gain_of(target, JULIA))


def _identity(target: Target) -> str | None:
    if target.parts > 1:
        return None
    return _filled("Flux.identity_init", gain=gain_of(target, JULIA))


FLUX = Framework(
    {
        "constant": constants(
            "zeros(Float32, dims...)",
            "ones(Float32, dims...)",
            "fill(Float32(number), dims...)",
            JULIA,
        ),
        "normal": (Line("scaled", _scaled, counted=True), Line("normal", _normal)),
        "uniform": (Line("scaled", _scaled, counted=True), Line("uniform", _uniform)),
        "truncated_normal": (
            Line(
                "truncated_normal",
                _truncated,
                note="lo and hi are values, not numbers of standard deviations.",
            ),
        ),
        "orthogonal": (Line("orthogonal", _orthogonal),),
        "identity": (Line("identity", _identity),),
    },
    missing="Flux has no function for these values: fetch weights_url.",
    fans=partial(framework_fans, "flux"),
)
