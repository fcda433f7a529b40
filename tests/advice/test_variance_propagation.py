"""The edge of chaos, spreads, and factors through many layers."""

import pytest

from service.advice.variance_propagation import compounded, edge_of_chaos, spread_of
from service.initializers.activations import ACTIVATIONS

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


@pytest.mark.parametrize("name", list(EDGES))
def test_the_edge_of_chaos_is_where_theory_has_it(name: str) -> None:
    """Both variances within the six digits given."""
    pair = edge_of_chaos(ACTIVATIONS[name])
    assert pair is not None
    assert [side**2 for side in pair] == pytest.approx(EDGES[name], abs=1e-6)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_edge_of_chaos_keeps_both_variances(name: str) -> None:
    """gain^2 E[f^2] + bias variance = 1 and gain^2 E[f'^2] = 1; none if no bias variance does."""
    activation = ACTIVATIONS[name]
    pair = edge_of_chaos(activation)
    if pair is None:
        elementwise = activation.family not in ("linear", "gated")
        assert not elementwise or activation.derivative_moment <= activation.second_moment + 1e-6
        return
    gain, bias = (side**2 for side in pair)
    assert gain * activation.second_moment + bias == pytest.approx(1.0)
    assert gain * activation.derivative_moment == pytest.approx(1.0)
    assert bias > 0


@pytest.mark.parametrize(("slope", "spread"), [(0.01, 5.9988), (0.25, 5.335640), (1.0, 3.0)])
def test_the_spread_of_leaky_relu_follows_its_slope(slope: float, spread: float) -> None:
    """6 (1 + a^4) / (1 + a^2)^2, which is the normal's 3 for a = 1."""
    assert spread_of(ACTIVATIONS["leaky_relu"], slope) == pytest.approx(spread, abs=1e-6)
    assert spread_of(ACTIVATIONS["relu"], slope) == 6.0


def test_no_slope_overflows_the_spread() -> None:
    """With slope 1e200 only the negative half counts, and the spread is that of ReLU."""
    assert spread_of(ACTIVATIONS["leaky_relu"], 1e200) == 6.0


def test_growth_beyond_float64_is_no_number() -> None:
    """2^-30 is a float64, 2^10000 is None."""
    assert compounded(0.5, 30) == 9.313225746154785e-10
    assert compounded(2.0, 10_000) is None
