"""Slopes and spreads, derived again by the quadrature that judges the gains."""

import pytest

from service.advice.responses import RESPONSES, compounded, edge_of_chaos, spread_of
from service.initializers.activations import ACTIVATIONS
from tests.initializers.test_activations import FUNCTIONS, GATES, expectation

EDGES = {
    "tanh": (2.153303, 0.150965),
    "erf": (1.756204, 0.184140),
    "elu": (1.496777, 0.034660),
    "selu": (0.933206, 0.066794),
    "gelu": (2.193700, 0.067192),
    "silu": (2.635169, 0.062472),
    "mish": (2.087318, 0.055818),
    "softsign": (4.392296, 0.196148),
}
"""Weight and bias variance of the edge of chaos at variance 1, from an independent quadrature."""


def test_every_activation_has_a_response() -> None:
    """In the table's order."""
    assert list(RESPONSES) == list(ACTIVATIONS)


@pytest.mark.parametrize("name", list(RESPONSES))
def test_slopes_and_spreads_are_the_integrals(name: str) -> None:
    """E[f f' z] / E[f^2] and E[f^4] / E[f^2]^2 to the table's six digits, ReLU6 being ReLU."""
    function = {"softmax": "linear", "relu6": "relu"}.get(name, GATES.get(name, name))
    f, derivative = FUNCTIONS[function]
    second = expectation(lambda z: f(z) ** 2)
    slope = expectation(lambda z: f(z) * derivative(z) * z) / second
    spread = expectation(lambda z: f(z) ** 4) / second**2
    if name in GATES:
        # out = f(g) v: v adds 1 to the slope, and its own E[v^4] = 3.
        slope, spread = 1 + slope, 3 * spread
    assert RESPONSES[name].slope == pytest.approx(float(slope), abs=6e-7)
    assert RESPONSES[name].spread == pytest.approx(float(spread), abs=6e-7)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_edge_of_chaos_is_where_theory_has_it(name: str) -> None:
    """Both variances within the six digits given; none where the bias would be imaginary."""
    pair = edge_of_chaos(name)
    if name in EDGES:
        assert pair is not None
        assert [side**2 for side in pair] == pytest.approx(EDGES[name], abs=1e-6)
    elif name not in ("sin", "hardtanh", "gelu_tanh", "hardswish", "relu_squared"):
        assert pair is None


@pytest.mark.parametrize(("slope", "spread"), [(0.01, 5.9988), (0.25, 5.335640), (1.0, 3.0)])
def test_the_spread_of_leaky_relu_follows_its_slope(slope: float, spread: float) -> None:
    """6 (1 + a^4) / (1 + a^2)^2, which is the normal's 3 for a = 1."""
    assert spread_of("leaky_relu", slope) == pytest.approx(spread, abs=1e-6)
    assert spread_of("relu", slope) == 6.0


def test_no_slope_overflows_the_spread() -> None:
    """For a slope of 1e200 the negative half is the only one: ReLU's spread again."""
    assert spread_of("leaky_relu", 1e200) == 6.0


def test_growth_beyond_float64_is_no_number() -> None:
    """2^-30 is told, 2^10000 is not."""
    assert compounded(0.5, 30) == 9.313225746154785e-10
    assert compounded(2.0, 10_000) is None
