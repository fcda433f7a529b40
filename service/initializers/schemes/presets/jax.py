"""JAX: jax.nn.initializers, with in_axis -2 and out_axis -1 as by default.

JAX has no layers. The letters of a layer are Flax's, and the fans are the last axis but one and the
last axis, each times the product of the axes before them.
"""

import math
from dataclasses import replace

from service.initializers.schemes.plain import uniform_between
from service.initializers.schemes.presets.fan_initializers import fan_initializers, truncated_normal
from service.initializers.schemes.presets.following import Peer
from service.initializers.schemes.presets.positions import (
    delta_orthogonal_preset,
    orthogonal_preset,
)
from service.initializers.schemes.record import (
    EXAMPLE,
    Law,
    Numbers,
    Request,
    Scheme,
    require_positive,
)

_JAX = Peer("flax", "jax", "jax/_src/nn/initializers.py, release 0.10.2")


def _called(scheme: str, distribution: str) -> str:
    return f"jax.nn.initializers.{scheme}_{distribution}"


def _from_zero(request: Request) -> Law:
    """w ~ U(0, high)."""
    high = request.numbers.high or 0.0
    require_positive("high", high)
    return uniform_between(0.0, high, high * 0.5 / math.sqrt(3.0))


def _uniform() -> Scheme:
    made = _JAX.following(
        "uniform",
        "uniform",
        "jax.nn.initializers.uniform: from 0, not from -high, to scale = high.",
        fields=("high",),
        defaults=Numbers(high=0.01),
    )
    return replace(made, formula="w ~ U(0, high)", law=_from_zero)


SCHEMES = (
    _JAX.constant("zeros", "jax.nn.initializers.zeros: every element is 0.", 0.0),
    _JAX.constant("ones", "jax.nn.initializers.ones: every element is 1.", 1.0),
    _JAX.following(
        "constant",
        "constant",
        "jax.nn.initializers.constant: every element is value.",
        fields=("value",),
        example=f"{EXAMPLE}&value=0.5",
    ),
    _uniform(),
    _JAX.following(
        "normal",
        "normal",
        "jax.nn.initializers.normal: stddev is std, by default 0.01.",
        fields=("std",),
        defaults=Numbers(mean=0.0, std=0.01),
    ),
    replace(
        truncated_normal(
            _JAX,
            "truncated_normal",
            "jax.nn.initializers.truncated_normal: stddev is the parent's std, and bounds are "
            "lower and upper in units of it.",
            0.01,
        ),
        formula="w ~ N(0, std^2) given lower std < w < upper std",
        fields=("std", "std_kind", "bounds"),
    ),
    _JAX.scaled(
        "variance_scaling",
        "jax.nn.initializers.variance_scaling, here with mode fan_in and a corrected truncated "
        "normal by default; mode may be fan_geo_avg.",
        "std = gain sqrt(1/n), n = fan_in, gain = 1, scale = gain^2",
        gain="one",
        distributions=("truncated_normal", "normal", "uniform"),
    ),
    *fan_initializers(_JAX, _called),
    orthogonal_preset(
        _JAX,
        "orthogonal",
        "jax.nn.initializers.orthogonal: one matrix, with the last axis as its columns.",
    ),
    delta_orthogonal_preset(
        _JAX,
        "delta_orthogonal",
        "jax.nn.initializers.delta_orthogonal: an orthogonal matrix in the middle of a kernel.",
        "shape=3,3,128,256",
    ),
)
