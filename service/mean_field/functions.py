"""The activations of the table as functions on arrays, with their derivatives.

checks/moments.py has the same functions in mpmath. A derivative at a kink is the one from below or
0, as frameworks have it; at a jump it leaves the jump out, as backpropagation does.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from service.initializers.activations import ACTIVATIONS
from service.mean_field.elementary import (
    Array,
    erf,
    log_cosh,
    normal_cdf,
    normal_density,
    sech_squared,
    sigmoid,
    softplus,
    tanh_shrink,
)

Function = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Elementwise:
    """f, its derivative, and the places where either has a kink or a jump."""

    value: Function
    derivative: Function
    kinks: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Gated:
    """f(g) h(v): g is the first half of the input, v the second."""

    gate: Elementwise
    value: Elementwise


def _between(z: Array, low: float, high: float) -> Array:
    """1 between the bounds and 0 outside."""
    return np.where((z > low) & (z < high), 1.0, 0.0)


def _step(z: Array) -> Array:
    return np.where(z > 0, 1.0, 0.0)


def _bell(z: Array) -> Array:
    """The derivative of sigmoid."""
    return sech_squared(z / 2.0) / 4.0


def _leaky(slope: float) -> Elementwise:
    """z if z > 0, else slope z."""
    return Elementwise(
        lambda z: np.where(z > 0, z, slope * z), lambda z: np.where(z > 0, 1.0, slope), (0.0,)
    )


def _exponential(scale: float, alpha: float) -> Elementwise:
    """scale z if z > 0, else scale alpha (e^z - 1)."""
    return Elementwise(
        lambda z: scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0))),
        lambda z: scale * np.where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0.0))),
        (0.0,),
    )


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _ramp(low: float, high: float, height: float) -> Elementwise:
    """0 below low, linear to `height` at high, and constant beyond."""
    slope = height / (high - low)
    return Elementwise(
        lambda z: slope * (np.clip(z, low, high) - low),
        lambda z: slope * _between(z, low, high),
        (low, high),
    )


def _times_ramp(low: float, high: float) -> Elementwise:
    """z times a ramp from 0 to 1."""
    ramp = _ramp(low, high, 1.0)
    return Elementwise(
        lambda z: z * ramp.value(z),
        lambda z: ramp.value(z) + z * ramp.derivative(z),
        (low, high),
    )


def _times_sigmoid(rate: float) -> Elementwise:
    """z sigmoid(rate z)."""
    return Elementwise(
        lambda z: z * sigmoid(rate * z),
        lambda z: sigmoid(rate * z) + rate * z * _bell(rate * z),
    )


_CUBE = 0.044715


def _inner(z: Array) -> Array:
    """Twice the argument of tanh in gelu_tanh. Beyond 40 the gate is 0 or 1 to the last bit."""
    bounded = np.clip(z, -40.0, 40.0)
    cubic: Array = math.sqrt(8.0 / math.pi) * (bounded + _CUBE * bounded**3)
    return cubic


def _gelu_tanh_derivative(z: Array) -> Array:
    rate = math.sqrt(8.0 / math.pi) * (1.0 + 3.0 * _CUBE * np.square(np.clip(z, -40.0, 40.0)))
    slope: Array = sigmoid(_inner(z)) + z * rate * _bell(_inner(z))
    return slope


def _mish_derivative(z: Array) -> Array:
    slope: Array = np.tanh(softplus(z)) + z * sech_squared(softplus(z)) * sigmoid(z)
    return slope


def _sparse_plus(z: Array) -> Array:
    return np.where(z > 1.0, z, np.square(np.clip(z + 1.0, 0.0, 2.0)) / 4.0)


def _softsign_derivative(z: Array) -> Array:
    inverse = 1.0 / (1.0 + np.abs(z))
    return inverse * inverse


def _atan_derivative(z: Array) -> Array:
    inverse = 1.0 / np.hypot(1.0, z)
    return inverse * inverse


def _squareplus_rest(z: Array) -> Array:
    """(sqrt(z^2 + 4) - |z|) / 2 without cancellation."""
    rest: Array = 2.0 / (np.hypot(z, 2.0) + np.abs(z))
    return rest


def _squareplus_derivative(z: Array) -> Array:
    small = _squareplus_rest(z) / np.hypot(z, 2.0)
    return np.where(z > 0, 1.0 - small, small)


_LINEAR = Elementwise(lambda z: z, np.ones_like)
_RELU = Elementwise(lambda z: np.maximum(z, 0.0), _step, (0.0,))
_ELU = _exponential(1.0, 1.0)
_SELU = _exponential(_SELU_SCALE, _SELU_ALPHA)
_GELU = Elementwise(lambda z: z * normal_cdf(z), lambda z: normal_cdf(z) + z * normal_density(z))
_GELU_TANH = Elementwise(lambda z: z * sigmoid(_inner(z)), _gelu_tanh_derivative)
_SILU = _times_sigmoid(1.0)
_TANH = Elementwise(np.tanh, sech_squared)
_SIGMOID = Elementwise(sigmoid, _bell)

FUNCTIONS: dict[str, Elementwise | Gated] = {
    "linear": _LINEAR,
    "softmax": _LINEAR,
    "relu": _RELU,
    "relu6": _ramp(0.0, 6.0, 6.0),
    "abs": Elementwise(np.abs, np.sign, (0.0,)),
    "elu": _ELU,
    "celu": _ELU,
    "selu": _SELU,
    "gelu": _GELU,
    "gelu_tanh": _GELU_TANH,
    "quick_gelu": _times_sigmoid(1.702),
    "silu": _SILU,
    "mish": Elementwise(lambda z: z * np.tanh(softplus(z)), _mish_derivative),
    "hardswish": _times_ramp(-3.0, 3.0),
    "hard_mish": _times_ramp(-2.0, 0.0),
    "softplus": Elementwise(softplus, sigmoid),
    "logsigmoid": Elementwise(lambda z: -softplus(-z), lambda z: sigmoid(-z)),
    "squareplus": Elementwise(
        lambda z: np.maximum(z, 0.0) + _squareplus_rest(z), _squareplus_derivative
    ),
    "sparse_plus": Elementwise(
        _sparse_plus, lambda z: np.clip(z + 1.0, 0.0, 2.0) / 2.0, (-1.0, 1.0)
    ),
    "relu_squared": Elementwise(
        lambda z: np.square(np.maximum(z, 0.0)), lambda z: 2.0 * np.maximum(z, 0.0), (0.0,)
    ),
    "thresholded_relu": Elementwise(
        lambda z: np.where(z > 1.0, z, 0.0), lambda z: np.where(z > 1.0, 1.0, 0.0), (1.0,)
    ),
    "tanhshrink": Elementwise(tanh_shrink, lambda z: np.square(np.tanh(z))),
    "softshrink": Elementwise(
        lambda z: z - np.clip(z, -0.5, 0.5), lambda z: 1.0 - _between(z, -0.5, 0.5), (-0.5, 0.5)
    ),
    "hardshrink": Elementwise(
        lambda z: np.where(np.abs(z) > 0.5, z, 0.0),
        lambda z: np.where(np.abs(z) > 0.5, 1.0, 0.0),
        (-0.5, 0.5),
    ),
    "exp": Elementwise(np.exp, np.exp),
    "square": Elementwise(np.square, lambda z: 2.0 * z),
    "snake": Elementwise(lambda z: z + np.square(np.sin(z)), lambda z: 1.0 + np.sin(2.0 * z)),
    "lisht": Elementwise(lambda z: z * np.tanh(z), lambda z: np.tanh(z) + z * sech_squared(z)),
    "logcosh": Elementwise(log_cosh, np.tanh),
    "tanh": _TANH,
    "lecun_tanh": Elementwise(
        lambda z: 1.7159 * np.tanh(z / 1.5), lambda z: 1.7159 / 1.5 * sech_squared(z / 1.5)
    ),
    "erf": Elementwise(erf, lambda z: 2.0 / math.sqrt(math.pi) * np.exp(-z * z)),
    "atan": Elementwise(np.arctan, _atan_derivative),
    "softsign": Elementwise(lambda z: z / (1.0 + np.abs(z)), _softsign_derivative, (0.0,)),
    "hardtanh": Elementwise(
        lambda z: np.clip(z, -1.0, 1.0), lambda z: _between(z, -1.0, 1.0), (-1.0, 1.0)
    ),
    "sin": Elementwise(np.sin, np.cos),
    "sigmoid": _SIGMOID,
    "hardsigmoid": _ramp(-3.0, 3.0, 1.0),
    "sparse_sigmoid": _ramp(-1.0, 1.0, 1.0),
    "cos": Elementwise(np.cos, lambda z: -np.sin(z)),
    "gaussian": Elementwise(lambda z: np.exp(-z * z), lambda z: -2.0 * z * np.exp(-z * z)),
    "glu": Gated(_SIGMOID, _LINEAR),
    "reglu": Gated(_RELU, _LINEAR),
    "geglu": Gated(_GELU, _LINEAR),
    "geglu_tanh": Gated(_GELU_TANH, _LINEAR),
    "swiglu": Gated(_SILU, _LINEAR),
    "seglu": Gated(_SELU, _LINEAR),
    "bilinear": Gated(_LINEAR, _LINEAR),
    "gtu": Gated(_SIGMOID, _TANH),
}
"""Every activation of the table but those with a slope, which `function_of` makes."""


def function_of(activation: str, slope: float | None = None) -> Elementwise | Gated:
    """The activation with this name of the table.

    `slope` is that below 0 of leaky_relu, prelu and rrelu; None means the default of the table.
    Other activations ignore it. Raises KeyError for a name that the table does not have.
    """
    usual = ACTIVATIONS[activation].slope
    if usual is None:
        return FUNCTIONS[activation]
    return _leaky(usual if slope is None else slope)


def value(activation: str, z: Array, slope: float | None = None) -> Array:
    """f(z), elementwise.

    The last axis of z holds both halves of a gated unit, the gate first, and the result is half as
    wide. Overflow gives inf. Raises KeyError as `function_of` does.
    """
    function = function_of(activation, slope)
    with np.errstate(over="ignore", under="ignore"):
        if isinstance(function, Elementwise):
            return function.value(z)
        gate, linear = np.split(z, 2, axis=-1)
        return function.gate.value(gate) * function.value.value(linear)


def derivative(activation: str, z: Array, slope: float | None = None) -> Array:
    """f'(z), elementwise.

    Raises ValueError for a gated unit, whose gradient `backward` has, and KeyError as
    `function_of` does.
    """
    function = function_of(activation, slope)
    if isinstance(function, Gated):
        raise ValueError(f"{activation} has two halves and no derivative; use backward")
    with np.errstate(over="ignore", under="ignore"):
        return function.derivative(z)


def backward(activation: str, z: Array, gradient: Array, slope: float | None = None) -> Array:
    """The gradient with respect to z, where `gradient` is that with respect to f(z).

    It has the shape of z, so for a gated unit it is twice as wide as `gradient`.
    """
    function = function_of(activation, slope)
    if isinstance(function, Elementwise):
        return gradient * derivative(activation, z, slope)
    gate, linear = np.split(z, 2, axis=-1)
    with np.errstate(over="ignore", under="ignore"):
        by_gate = function.gate.derivative(gate) * function.value.value(linear)
        by_value = function.gate.value(gate) * function.value.derivative(linear)
    return np.concatenate([gradient * by_gate, gradient * by_value], axis=-1)
