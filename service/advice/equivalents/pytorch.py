"""Lines of PyTorch. Source: torch/nn/init.py, release 2.13.0."""

import math
from functools import partial

from service.advice.equivalents.lines import (
    Framework,
    Line,
    call,
    constants,
    cut_of,
    ends_of,
    gain_of,
    mean_of,
    parent_of,
    std_of,
)
from service.advice.equivalents.notation import PYTHON
from service.advice.equivalents.target import Target
from service.initializers.framework_fans import framework_fans

_INIT = "torch.nn.init."


def _kaiming(target: Target) -> str | None:
    """kaiming_normal_ and kaiming_uniform_ take a nonlinearity, or the slope of a rectifier.

    No slope but the activation's own is written: one that only makes up a gain means nothing.
    """
    if target.mode not in ("fan_in", "fan_out"):
        return None
    mode = '"fan_out"' if target.mode == "fan_out" else None
    kaiming = partial(call, f"{_INIT}kaiming_{target.kind}_", "w")
    if target.has_gain(math.sqrt(2.0)):
        return kaiming(mode=mode, nonlinearity='"relu"')
    if target.has_gain(1.0):
        return kaiming(mode=mode, nonlinearity='"linear"')
    slope = target.slope
    if slope is None or not target.has_gain(math.sqrt(2.0 / (1.0 + slope * slope))):
        return None
    return kaiming(a=PYTHON.number(slope), mode=mode)


def _xavier(target: Target) -> str | None:
    if target.mode != "fan_avg":
        return None
    return call(f"{_INIT}xavier_{target.kind}_", "w", gain=gain_of(target))


def _normal(target: Target) -> str:
    return call(f"{_INIT}normal_", "w", mean=mean_of(target), std=std_of(target))


def _uniform(target: Target) -> str:
    return call(f"{_INIT}uniform_", "w", *ends_of(target))


def _truncated(target: Target) -> str | None:
    cut = cut_of(target)
    if cut is None:
        return None
    mean, std = mean_of(target), parent_of(target)
    return call(f"{_INIT}trunc_normal_", "w", mean=mean, std=std, a=cut[0], b=cut[1])


def _orthogonal(target: Target) -> str | None:
    if not target.one_matrix("torch", 0):
        return None
    return call(f"{_INIT}orthogonal_", "w", gain=gain_of(target))


def _orthogonal_parts(target: Target) -> str | None:
    """PyTorch stacks the parts of a weight of two axes along axis 0."""
    weight = target.weight
    if target.parts == 1 or weight.layer == "embedding" or sorted(weight.letters) != ["I", "O"]:
        return None
    fill = call(f"{_INIT}orthogonal_", "part", gain=gain_of(target))
    return f"for part in w.chunk({target.parts}): {fill}"


def _eye(target: Target) -> str | None:
    return f"{_INIT}eye_(w)" if target.parts == 1 and target.has_gain(1.0) else None


def _dirac(target: Target) -> str | None:
    weight = target.weight
    if target.parts > 1 or not target.has_gain(1.0) or weight.transposed or weight.depthwise:
        return None
    groups = weight.groups or 1
    return call(f"{_INIT}dirac_", "w", groups=str(groups) if groups > 1 else None)


PYTORCH = Framework(
    {
        "constant": constants(
            f"{_INIT}zeros_(w)", f"{_INIT}ones_(w)", f"{_INIT}constant_(w, number)"
        ),
        "normal": (
            Line("kaiming_normal", _kaiming, counted=True),
            Line("xavier_normal", _xavier, counted=True),
            Line("normal", _normal),
        ),
        "uniform": (
            Line("kaiming_uniform", _kaiming, counted=True),
            Line("xavier_uniform", _xavier, counted=True),
            Line("uniform", _uniform),
        ),
        "truncated_normal": (
            Line(
                "trunc_normal",
                _truncated,
                note="a and b are values, not numbers of standard deviations.",
            ),
        ),
        "orthogonal": (
            Line("orthogonal", _orthogonal),
            Line(
                "orthogonal_parts",
                _orthogonal_parts,
                note="Each of the fused parts has a matrix of its own.",
            ),
        ),
        "identity": (Line("eye", _eye),),
        "dirac": (Line("dirac", _dirac),),
    },
    missing="torch.nn.init has no function for these values: fetch weights_url.",
    fans=partial(framework_fans, "torch"),
)
