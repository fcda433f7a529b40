"""Fixed points, the edge of chaos and depth scales against published and independent numbers."""

import math

import pytest

from service.initializers.activations import ACTIVATIONS
from service.mean_field import (
    chi,
    edge_of_chaos,
    moments,
    next_correlation,
    next_variance,
    scales,
)

EDGES = {
    "tanh": "1.177569 0.000832 1.687975 0.038041 2.153303 0.150965 2.861162 0.512265",
    "erf": "0.929296 0.000936 1.360350 0.046550 1.756204 0.184140 2.356194 0.609057",
    "elu": "1.216702 0.000818 1.400969 0.012321 1.496777 0.034660 1.593123 0.088070",
    "gelu": "3.300200 0.003996 2.455506 0.034543 2.193700 0.067192 2.042851 0.116322",
    "silu": "3.666263 0.001991 2.987670 0.026226 2.635169 0.062472 2.342619 0.127889",
    "mish": "2.568134 0.002093 2.226603 0.024422 2.087318 0.055818 1.994289 0.112002",
    "softsign": "2.033131 0.004803 3.366558 0.067804 4.392296 0.196148 5.867612 0.540470",
    "selu": "0.646440 0.001343 0.824540 0.022413 0.933206 0.066794 1.056313 0.180492",
}
"""s_w^2 and s_b^2 at q* = 0.1, 0.5, 1 and 2, from a quadrature by others.

The row of selu is this package's: that of the others had constants of four digits.
"""

SLOPES = {
    "tanh": 0.392, "erf": 0.333, "elu": 0.860, "selu": 0.730, "gelu": 1.067, "silu": 1.099,
    "mish": 1.016, "softsign": 0.383,
}  # fmt: skip
"""a = dV/dq on the edge of chaos at q* = 1."""


@pytest.mark.parametrize("name", list(EDGES))
def test_the_edge_of_chaos_is_the_known_one(name: str) -> None:
    """Six decimals of both variances at four fixed points, and three of the slope at q* = 1."""
    known = [float(number) for number in EDGES[name].split()]
    pairs = [edge_of_chaos(name, variance) or () for variance in (0.1, 0.5, 1.0, 2.0)]
    assert [number for pair in pairs for number in pair] == pytest.approx(known, abs=1e-6)
    pair = edge_of_chaos(name)
    assert pair is not None
    found = scales(name, *pair)
    assert found.variance_slope == pytest.approx(SLOPES[name], abs=1e-3)
    assert found.variance == pytest.approx(1.0)
    assert found.chi_1 == pytest.approx(1.0)
    assert (found.correlation, found.xi_correlation, found.xi_gradient) == (1.0, None, None)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("variance", [0.2, 1.0, 3.0])
def test_the_edge_of_chaos_keeps_variance_and_gradient(name: str, variance: float) -> None:
    """V(q) = q and chi_1 = 1. None for gated units, the linear one, and a negative s_b^2."""
    pair = edge_of_chaos(name, variance)
    if pair is None:
        at = moments(name, variance)
        whole = ACTIVATIONS[name].family in ("gated", "linear")
        assert whole or at.second > variance * at.derivative
        return
    assert pair[1] >= 0
    assert next_variance(name, variance, *pair) == pytest.approx(variance)
    assert chi(name, variance, pair[0]) == pytest.approx(1.0)


def test_relu_is_critical_at_every_variance() -> None:
    """(2, 0), and 2 / (1 + a^2) with a slope a below 0."""
    for variance in (0.1, 1.0, 40.0):
        assert edge_of_chaos("relu", variance) == pytest.approx((2.0, 0.0), abs=1e-12)
        leaky = edge_of_chaos("leaky_relu", variance, 0.3)
        assert leaky == pytest.approx((2 / 1.09, 0.0), abs=1e-12)


def test_sigmoid_and_softplus_have_no_edge_of_chaos() -> None:
    for name in ("sigmoid", "softplus", "hardsigmoid"):
        assert [edge_of_chaos(name, variance) for variance in (0.01, 1.0, 30.0)] == [None] * 3


def test_xiaos_point_of_tanh() -> None:
    """s_w^2 = 1.05 and s_b^2 = 2.01e-5 (Xiao et al. 2018, section 4), found by bisection in q*."""
    low, high = 1e-6, 1.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        pair = edge_of_chaos("tanh", middle)
        assert pair is not None
        low, high = (middle, high) if pair[0] < 1.05 else (low, middle)
    assert pair is not None
    assert pair[0] == pytest.approx(1.05)
    assert round(pair[1], 7) == 2.01e-5


@pytest.mark.parametrize(
    ("weight_variance", "variance", "correlation", "chi_1", "xi"),
    [
        (1.3, 0.31532, 1.0, 0.8802, 7.8),
        (1.7, 0.53308, 1.0, 0.9867, 74.9),
        (2.5, 1.06396, 0.44680, 1.13352, 11.8),
    ],
)
def test_tanh_with_biases_of_variance_one_twentieth(
    weight_variance: float, variance: float, correlation: float, chi_1: float, xi: float
) -> None:
    """The setting of Schoenholz et al. 2017, from order into chaos, from a quadrature by others."""
    found = scales("tanh", weight_variance, 0.05)
    assert found.variance == pytest.approx(variance, abs=5e-6)
    assert found.correlation == pytest.approx(correlation, abs=5e-6)
    assert found.chi_1 == pytest.approx(chi_1, abs=5e-5)
    assert found.xi_correlation == pytest.approx(xi, abs=0.05)
    assert found.xi_gradient == pytest.approx(1 / abs(math.log(chi_1)), rel=5e-3)


STABLE = {
    "elu": 0.891,
    "selu": 0.783,
    "tanh": 0.461,
    "hardtanh": 0.385,
    "sin": 0.313,
    "softsign": 0.477,
}
UNSTABLE = {"gelu": 1.144, "silu": 1.173, "hardswish": 1.224, "mish": 1.076}


@pytest.mark.parametrize(("name", "slope"), [*STABLE.items(), *UNSTABLE.items()])
def test_the_exact_gain_has_a_fixed_point_at_1(name: str, slope: float) -> None:
    """a is the known one, and only a stable point has a depth scale of the variance."""
    found = scales(name, ACTIVATIONS[name].gain ** 2)
    assert found.variance == 1.0
    assert found.variance_slope == pytest.approx(slope, abs=5e-4)
    expected = None if name in UNSTABLE else pytest.approx(-1 / math.log(slope), rel=5e-3)
    assert found.xi_variance == expected


def after(name: str, weight_variance: float, start: float, layers: int) -> float:
    """The variance after some layers without biases."""
    variance = start
    for _ in range(layers):
        variance = next_variance(name, variance, weight_variance)
    return variance


def test_known_stacks_of_fifty_layers() -> None:
    """Numbers of an independent quadrature, to the digits that it gave."""
    gelu = ACTIVATIONS["gelu"].gain ** 2
    assert after("gelu", gelu, 0.9, 50) == pytest.approx(2.9e-8, rel=0.02)
    assert after("gelu", gelu, 1.1, 50) == pytest.approx(268, rel=2e-3)
    assert after("gelu", 2.0, 1.0, 50) == pytest.approx(3e-14, rel=0.2)
    assert after("silu", 2.0, 1.0, 50) == pytest.approx(3e-15, rel=0.2)
    assert after("selu", 2.0, 1.0, 50) == pytest.approx(2.9e3, rel=0.02)
    assert after("selu", 0.75**2, 1.0, 50) == pytest.approx(0.023, abs=1e-3)
    assert after("tanh", (5 / 3) ** 2, 1.0, 50) == pytest.approx(1.178480, abs=1e-6)
    assert after("tanh", ACTIVATIONS["tanh"].gain ** 2, 1.0, 50) == pytest.approx(1.0, rel=1e-9)
    assert after("tanh", 1.0, 1.0, 50) == pytest.approx(0.010, abs=1e-3)
    assert chi("tanh", 1.178480, (5 / 3) ** 2) == pytest.approx(1.2098, abs=1e-4)


def test_a_fixed_point_on_the_way() -> None:
    """Gain 5/3 on tanh ends at 1.17848 from below and from above."""
    gain = (5 / 3) ** 2
    for start in (0.01, 1.0, 50.0):
        assert scales("tanh", gain, start=start).variance == pytest.approx(1.178480, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "weight_variance"), [("relu", 1.9), ("relu", 2.1), ("tanh", 0.9), ("gelu", 2.0)]
)
def test_a_variance_that_vanishes_or_explodes_has_no_scales(
    name: str, weight_variance: float
) -> None:
    found = scales(name, weight_variance)
    assert (found.variance, found.chi_1, found.correlation, found.xi_gradient) == (None,) * 4


def test_relus_correlation_map_is_the_closed_form() -> None:
    """[sqrt(1 - c^2) + c (pi - acos c)] / pi, and 1 - c after l layers tends to 9 pi^2 / (2 l^2).

    The next term of that series is of relative size ln(l) / l, which is 0.007 at 1,000 layers; its
    factor is of order 1.
    """
    for c in (-0.9, 0.0, 0.3, 0.99, 1.0):
        exact = (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi
        assert next_correlation("relu", 1.7, c, 2.0) == pytest.approx(exact, abs=1e-11)
    c = 0.0
    for _ in range(1000):
        c = next_correlation("relu", 1.0, c, 2.0)
    assert (1 - c) * 1000**2 == pytest.approx(9 * math.pi**2 / 2, rel=0.04)


def test_jumps_make_chaos() -> None:
    """hardshrink has chi_1 < 1, but its jumps part any two inputs: c* is not 1."""
    found = scales("hardshrink", ACTIVATIONS["hardshrink"].gain ** 2)
    assert found.chi_1 is not None
    assert found.chi_1 < 1
    assert found.correlation == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_fixed_point_of_the_correlation_is_one_and_is_stable(name: str) -> None:
    """C(c*) = c*, and from both sides the map ends there, where the depth scale allows it."""
    gain = ACTIVATIONS[name].gain ** 2
    found = scales(name, gain)
    assert found.correlation is not None
    assert next_correlation(name, 1.0, found.correlation, gain) == pytest.approx(
        found.correlation, abs=1e-9
    )
    if found.xi_correlation is not None and found.xi_correlation < 4:
        c = 0.9
        for _ in range(80):
            c = next_correlation(name, 1.0, c, gain)
        assert c == pytest.approx(found.correlation, abs=1e-6)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("weight_variance", [1e-3, 1.0, 30.0])
@pytest.mark.parametrize("bias_variance", [0.0, 0.1])
def test_no_stack_breaks_the_scales(
    name: str, weight_variance: float, bias_variance: float
) -> None:
    """Whatever is found is a fixed point, and no member is inf or NaN."""
    found = scales(name, weight_variance, bias_variance)
    members = (getattr(found, member) for member in found.__dataclass_fields__)
    assert all(member is None or math.isfinite(member) for member in members)
    if found.variance is not None:
        again = next_variance(name, found.variance, weight_variance, bias_variance)
        assert again == pytest.approx(found.variance, rel=1e-8)


def test_overflow_is_infinite() -> None:
    """Maps never raise where float64 overflows: the variance is inf, the correlation 1."""
    assert next_variance("exp", 1e6, 1.0) == math.inf
    assert next_variance("square", 1e300, 1.0) == math.inf
    assert next_variance("relu", math.inf, 2.0) > 1e300
    assert next_correlation("exp", 1e6, 0.5, 1.0) == 1.0
    assert next_correlation("hardshrink", 1e-9, 0.5, 1.0) == 1.0
    assert chi("exp", 1e6, 1.0) == math.inf
