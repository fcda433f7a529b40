"""Lines of JAX and of Flax, which has the initializers of JAX and passes them to its layers.

Source: jax/_src/nn/initializers.py, release 0.10.2, and flax/core/nn/initializers.py, release
0.12.8.
"""

from functools import partial

from service.advice.equivalents.lines import (
    CLASSIC,
    Framework,
    Line,
    Write,
    call,
    classic,
    constants,
    ends_of,
    eye,
    last_is_output,
    parent_of,
    plus_mean,
    scaling,
    sigmas_of,
    times,
    truncated_at_two,
)
from service.advice.equivalents.notation import PYTHON
from service.advice.equivalents.target import Target
from service.initializers.framework_fans import framework_fans

_JAX = "jax.nn.initializers."
_FLAX = "flax.linen.initializers."
_DRAWN = "(key, shape)"
"""What turns an initializer of JAX into its values. A layer of Flax does this itself."""


def _classic(prefix: str, drawn: str) -> Write:
    def write(target: Target) -> str | None:
        name = classic(target)
        if name is None or not target.cut_at_two:
            return None
        kind = "uniform" if target.kind == "uniform" else "normal"
        return f"{prefix}{name}_{kind}(){drawn}"

    return write


def _truncated(prefix: str, drawn: str, target: Target) -> str | None:
    """truncated_normal has mean 0, and is cut at two standard deviations by default."""
    sigmas = sigmas_of(target)
    if sigmas is None:
        return None
    low, high = (None, None) if truncated_at_two(target) else sigmas
    return call(f"{prefix}truncated_normal", parent_of(target), lower=low, upper=high) + drawn


def _scaled(prefix: str, drawn: str) -> dict[str, tuple[Line, ...]]:
    """The lines in which JAX or Flax counts the fans."""
    scaled = partial(scaling, f"{prefix}variance_scaling", "normal", drawn)
    named = _classic(prefix, drawn)
    return {
        "normal": (
            *(
                Line(
                    f"scaling_{name}",
                    scaled(named=name),
                    counted=True,
                    note=f"{name}_normal of JAX has this std too, but is truncated.",
                )
                for name in CLASSIC
            ),
            Line("scaling_normal", scaled(), counted=True),
        ),
        "uniform": (
            Line("classic_uniform", named, counted=True),
            Line("scaling_uniform", scaled(), counted=True),
        ),
        "truncated_normal": (
            Line("classic_truncated", named, counted=True),
            Line("scaling_truncated", scaled(), counted=True),
        ),
    }


_JAX_SCALED, _FLAX_SCALED = _scaled(_JAX, _DRAWN), _scaled(_FLAX, "")
_BEFORE = "The number is the std of the normal before it is cut."


def _jax_normal(target: Target) -> str:
    draw = times(target.std.text(PYTHON), "jax.random.normal(key, shape)")
    return plus_mean(target, draw)


def _jax_uniform(target: Target) -> str:
    low, high = ends_of(target)
    return call("jax.random.uniform", "key", "shape", minval=low, maxval=high)


def _jax_truncated(target: Target) -> str | None:
    draw = _truncated(_JAX, _DRAWN, target)
    return None if draw is None else plus_mean(target, draw)


JAX = Framework(
    {
        "constant": constants(
            "jax.numpy.zeros(shape)", "jax.numpy.ones(shape)", "jax.numpy.full(shape, number)"
        ),
        "normal": (*_JAX_SCALED["normal"], Line("normal", _jax_normal)),
        "uniform": (*_JAX_SCALED["uniform"], Line("uniform", _jax_uniform)),
        "truncated_normal": (
            *_JAX_SCALED["truncated_normal"],
            Line("truncated_normal", _jax_truncated, note=_BEFORE),
        ),
        "orthogonal": (
            Line("orthogonal", last_is_output("flax", f"{_JAX}orthogonal", "scale", _DRAWN)),
        ),
        "identity": (Line("eye", eye("jax.numpy.eye(*shape)")),),
    },
    missing="jax.nn.initializers has nothing for these values: fetch weights_url.",
    fans=partial(framework_fans, "flax"),
)


def _flax_normal(target: Target) -> str | None:
    return None if target.centre else f"{_FLAX}normal({target.std.text(PYTHON)})"


def _flax_uniform(target: Target) -> str:
    low, high = ends_of(target)
    draw = f"jax.random.uniform(key, shape, dtype, {low}, {high})"
    return f"lambda key, shape, dtype=jax.numpy.float32: {draw}"


def _flax_truncated(target: Target) -> str | None:
    return None if target.centre else _truncated(_FLAX, "", target)


FLAX = Framework(
    {
        "constant": constants(
            f"{_FLAX}zeros_init()", f"{_FLAX}ones_init()", f"{_FLAX}constant(number)"
        ),
        "normal": (*_FLAX_SCALED["normal"], Line("normal", _flax_normal)),
        "uniform": (
            *_FLAX_SCALED["uniform"],
            Line("uniform", _flax_uniform, note="uniform(scale) of Flax begins at 0."),
        ),
        "truncated_normal": (
            *_FLAX_SCALED["truncated_normal"],
            Line("truncated_normal", _flax_truncated, note=_BEFORE),
        ),
        "orthogonal": (Line("orthogonal", last_is_output("flax", f"{_FLAX}orthogonal", "scale")),),
    },
    missing="flax.linen.initializers has nothing for these values: fetch weights_url.",
    fans=partial(framework_fans, "flax"),
)
