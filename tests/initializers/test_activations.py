"""Every number of the activations' table, derived again from the activation itself.

E g(z) is integrated with mpmath at 32 digits by Gauss-Legendre quadrature, 48 nodes on each unit
interval of [-16, 16]; the tails beyond are below 1e-50. Kinks are at integers, so every piece is
analytic. Rounding to float64 is then unambiguous unless a number were within 1e-28 of a midpoint.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from mpmath import MPContext
from mpmath.calculus.quadrature import GaussLegendre

from service.errors import UnreadableError
from service.initializers.activations import ACTIVATIONS, find_activation

Function = Callable[[Any], Any]

mp = MPContext()
mp.dps = 32
ONE = mp.mpf(1)
C = mp.sqrt(2 / mp.pi)
CUBIC = mp.mpf("0.044715")
SELU_SCALE = mp.mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mp.mpf("1.6732632423543772848170429916717")
GATES = {"glu": "sigmoid", "reglu": "relu", "geglu": "gelu", "swiglu": "silu", "bilinear": "linear"}


def sigmoid(z: Any) -> Any:
    """1 / (1 + e^-z)."""
    return 1 / (1 + mp.exp(-z))


def inner(z: Any) -> Any:
    """The hyperbolic tangent inside GELU's approximation."""
    return mp.tanh(C * (z + CUBIC * z**3))


def mish_tanh(z: Any) -> Any:
    """tanh(softplus(z))."""
    return mp.tanh(mp.log1p(mp.exp(z)))


def leaky(slope: float) -> tuple[Function, Function]:
    """Leaky ReLU and its derivative."""
    return (lambda z: z if z > 0 else slope * z), (lambda z: ONE if z > 0 else mp.mpf(slope))


def clipped(low: int, high: int) -> Function:
    """min(max(z, low), high)."""
    return lambda z: min(max(z, mp.mpf(low)), mp.mpf(high))


def inside(low: int, high: int) -> Function:
    """1 between low and high, else 0: the derivative of `clipped`."""
    return lambda z: mp.mpf(low < z < high)


FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "linear": (lambda z: z, lambda z: ONE),
    "relu": (lambda z: max(z, 0), lambda z: mp.mpf(z > 0)),
    "relu6": (clipped(0, 6), inside(0, 6)),
    "leaky_relu": leaky(0.01),
    "prelu": leaky(0.25),
    "elu": (lambda z: z if z > 0 else mp.expm1(z), lambda z: ONE if z > 0 else mp.exp(z)),
    "selu": (
        lambda z: SELU_SCALE * (z if z > 0 else SELU_ALPHA * mp.expm1(z)),
        lambda z: SELU_SCALE * (ONE if z > 0 else SELU_ALPHA * mp.exp(z)),
    ),
    "gelu": (lambda z: z * mp.ncdf(z), lambda z: mp.ncdf(z) + z * mp.npdf(z)),
    "gelu_tanh": (
        lambda z: z * (1 + inner(z)) / 2,
        lambda z: (1 + inner(z) + z * (1 - inner(z) ** 2) * C * (1 + 3 * CUBIC * z * z)) / 2,
    ),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * sigmoid(-z))),
    "mish": (
        lambda z: z * mish_tanh(z),
        lambda z: mish_tanh(z) + z * (1 - mish_tanh(z) ** 2) * sigmoid(z),
    ),
    "tanh": (mp.tanh, lambda z: 1 - mp.tanh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "softplus": (lambda z: mp.log1p(mp.exp(z)), sigmoid),
    "softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "hardswish": (
        lambda z: z * clipped(0, 6)(z + 3) / 6,
        lambda z: (2 * z + 3) / 6 if abs(z) < 3 else mp.mpf(z > 0),
    ),
    "hardsigmoid": (lambda z: clipped(0, 6)(z + 3) / 6, lambda z: inside(-3, 3)(z) / 6),
    "sin": (mp.sin, mp.cos),
    "relu_squared": (lambda z: max(z, 0) ** 2, lambda z: 2 * max(z, 0)),
    "hardtanh": (clipped(-1, 1), inside(-1, 1)),
    "erf": (mp.erf, lambda z: 2 / mp.sqrt(mp.pi) * mp.exp(-z * z)),
}


@cache
def nodes() -> list[tuple[Any, Any]]:
    """Points z and weights w with E g(z) = sum w g(z), the normal density included in w."""
    rule = GaussLegendre(mp).calc_nodes(5, mp.prec)
    points = [((2 * left + 1 + x) / 2, w / 2) for left in range(-16, 16) for x, w in rule]
    return [(z, w * mp.npdf(z)) for z, w in points]


def expectation(function: Function) -> Any:
    """E function(z), z ~ N(0, 1)."""
    return mp.fsum(w * function(z) for z, w in nodes())


@cache
def moments(name: str) -> tuple[Any, Any, Any]:
    """E f, E f^2 and E f'^2; of a gated unit with independent halves, of its output."""
    if name in GATES:
        _, second, derivative = moments(GATES[name])
        return mp.mpf(0), second, second + derivative
    f, slope = FUNCTIONS["linear" if name == "softmax" else name]
    values = [(w, f(z)) for z, w in nodes()]
    mean = mp.fsum(w * value for w, value in values)
    return mean, mp.fsum(w * value**2 for w, value in values), expectation(lambda z: slope(z) ** 2)


def nearest(number: Any) -> float:
    """The float64 nearest a number, quadrature's noise around 0 being 0."""
    if abs(number) < 1e-25:
        return 0.0
    with mp.workprec(53):
        return float(+number)


@pytest.mark.parametrize(("power", "moment"), [(0, 1), (1, 0), (2, 1), (4, 3), (6, 15)])
def test_the_quadrature_knows_the_normal_moments(power: int, moment: int) -> None:
    """E z^k is 1, 0, 1, 3, 15 within 1e-28: the ruler is straight before it measures."""
    assert abs(expectation(lambda z: z**power) - moment) < 1e-28


@pytest.mark.parametrize("name", list(FUNCTIONS))
@pytest.mark.parametrize("z", [-3.5, -1.7, -0.3, 0.4, 1.6, 6.5])
def test_the_derivatives_are_derivatives(name: str, z: float) -> None:
    """Each derivative agrees with a central difference of step 1e-10, whose error is O(1e-20)."""
    f, slope = FUNCTIONS[name]
    step, at = mp.mpf("1e-10"), mp.mpf(z)
    difference = (f(at + step) - f(at - step)) / (2 * step)
    assert abs(difference - slope(at)) < 1e-17


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_number_is_the_float64_nearest_the_exact_one(name: str) -> None:
    """Moments and gains equal the rounded quadrature to the last bit."""
    activation = ACTIVATIONS[name]
    mean, second, derivative = moments(name)
    assert activation.mean == nearest(mean)
    assert activation.second_moment == nearest(second)
    assert activation.derivative_moment == nearest(derivative)
    assert activation.gain == nearest(1 / mp.sqrt(second))
    assert activation.backward_gain == nearest(1 / mp.sqrt(derivative))


def test_relu6_is_not_relu() -> None:
    """A table that had taken one for the other would differ in the eighth digit only."""
    relu, relu6 = ACTIVATIONS["relu"], ACTIVATIONS["relu6"]
    assert 0 < relu6.gain - relu.gain < 1e-8
    assert 0 < relu6.backward_gain - relu.backward_gain < 1e-8


@pytest.mark.parametrize(
    ("name", "mean", "second", "derivative", "gain", "backward"),
    [
        ("elu", 0.160521, 0.644945, 0.668102, 1.245198, 1.223429),
        ("selu", 0, 1, 1.071575, 1, 0.966026),
        ("gelu", 0.282095, 0.425221, 0.455851, 1.533530, 1.481114),
        ("silu", 0.206621, 0.355776, 0.379482, 1.676532, 1.623320),
        ("tanh", 0, 0.394294, 0.464403, 1.592537, 1.467414),
        ("hardswish", 0.166217, 0.331567, 0.358532, 1.736657, 1.670076),
    ],
)
def test_the_table_reads_as_people_know_it(
    name: str, mean: float, second: float, derivative: float, gain: float, backward: float
) -> None:
    """Six decimals of well-known activations, written out."""
    a = ACTIVATIONS[name]
    numbers = (a.mean, a.second_moment, a.derivative_moment, a.gain, a.backward_gain)
    assert tuple(round(number, 6) for number in numbers) == (
        mean, second, derivative, gain, backward,
    )  # fmt: skip


def test_aliases_lead_to_the_same_record() -> None:
    """Swish is SiLU and identity is linear."""
    assert find_activation("swish") is ACTIVATIONS["silu"]
    assert find_activation("identity") is ACTIVATIONS["linear"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("ReLU", "relu"),
        ("LeakyReLU", "leaky_relu"),
        ("Swish", "silu"),
        ("hard_swish", "hardswish"),
        ("gelu_new", "gelu_tanh"),
        ("squared_relu", "relu_squared"),
        ("LogSoftmax", "softmax"),
    ],
)
def test_spellings_of_other_frameworks_get_the_exact_word(word: str, meant: str) -> None:
    """The hint names the one word that was meant."""
    with pytest.raises(UnreadableError) as refusal:
        find_activation(word)
    assert refusal.value.problems[0].hint == f"write {meant}"
    assert refusal.value.problems[0].listing == "activations"


def test_leaky_activations_take_a_slope() -> None:
    """No other activation does."""
    slopes = {a.name: a.slope for a in ACTIVATIONS.values() if a.takes_slope}
    assert slopes == {"leaky_relu": 0.01, "prelu": 0.25}
