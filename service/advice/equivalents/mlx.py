"""Lines of MLX. Source: python/mlx/nn/init.py, release 0.32.4."""

from functools import partial

from service.advice.equivalents.lines import (
    Framework,
    Line,
    call,
    constants,
    ends_of,
    eye,
    gain_of,
    mean_of,
    parent_of,
    plus_mean,
    sigmas_of,
    std_of,
    times,
)
from service.advice.equivalents.target import Target
from service.initializers.framework_fans import framework_fans

_INIT = "mlx.nn.init."


def _he(target: Target) -> str | None:
    """he_normal and he_uniform have gain 1 by default, not sqrt(2)."""
    if target.mode not in ("fan_in", "fan_out"):
        return None
    mode = '"fan_out"' if target.mode == "fan_out" else None
    return call(f"{_INIT}he_{target.kind}()", "w", mode=mode, gain=gain_of(target))


def _glorot(target: Target) -> str | None:
    if target.mode != "fan_avg":
        return None
    return call(f"{_INIT}glorot_{target.kind}()", "w", gain=gain_of(target))


def _normal(target: Target) -> str:
    return f"{call(f'{_INIT}normal', mean=mean_of(target), std=std_of(target))}(w)"


def _uniform(target: Target) -> str:
    return f"{call(f'{_INIT}uniform', *ends_of(target))}(w)"


def _truncated(target: Target) -> str | None:
    sigmas = sigmas_of(target)
    if sigmas is None:
        return None
    draw = f"mlx.core.random.truncated_normal({sigmas[0]}, {sigmas[1]}, w.shape)"
    return plus_mean(target, times(parent_of(target), draw))


def _orthogonal(target: Target) -> str | None:
    """MLX takes two axes."""
    if len(target.weight.shape) != 2 or not target.one_matrix("mlx", 0):
        return None
    return f"{call(f'{_INIT}orthogonal', gain=gain_of(target))}(w)"


MLX = Framework(
    {
        "constant": constants(
            "mlx.core.zeros_like(w)", "mlx.core.ones_like(w)", f"{_INIT}constant(number)(w)"
        ),
        "normal": (
            Line("he_normal", _he, counted=True),
            Line("glorot_normal", _glorot, counted=True),
            Line("normal", _normal),
        ),
        "uniform": (
            Line("he_uniform", _he, counted=True),
            Line("glorot_uniform", _glorot, counted=True),
            Line("uniform", _uniform),
        ),
        "truncated_normal": (Line("truncated_normal", _truncated),),
        "orthogonal": (Line("orthogonal", _orthogonal),),
        "identity": (Line("eye", eye("mlx.core.eye(*w.shape)")),),
    },
    missing="mlx.nn.init has nothing for these values: fetch weights_url.",
    fans=partial(framework_fans, "mlx"),
)
