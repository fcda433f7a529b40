"""The quadrature against mpmath, against closed forms, and at extreme variances."""

import math
import time
from typing import Any

import numpy as np
import pytest

from checks.moments import FUNCTIONS, Function, Gated, Halved, moments_of, mp
from service.initializers.activations import ACTIVATIONS
from service.mean_field import Moments, backward, correlated, moments, value
from service.mean_field.elementary import Array
from service.mean_field.quadrature import gaussian


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_at_variance_1_they_are_the_tables(name: str) -> None:
    """All five numbers of mpmath's quadrature at 32 digits, within 1e-12."""
    ours, exact = moments(name, 1.0), moments_of(FUNCTIONS[name])
    assert ours.mean == pytest.approx(float(exact.mean), abs=1e-13)
    assert ours.second == pytest.approx(float(exact.second_moment), rel=1e-12)
    assert ours.derivative == pytest.approx(float(exact.derivative_moment), rel=1e-12)
    assert ours.spread == pytest.approx(float(exact.spread), rel=1e-12)
    assert ours.slope == pytest.approx(float(exact.variance_slope), rel=1e-12, abs=1e-12)


def scaled(name: str, scale: float) -> Function | Halved:
    """f(scale z), whose kinks are at integers or halves for the scales in use."""
    function = FUNCTIONS[name]
    assert not isinstance(function, Gated)
    plain = function.function if isinstance(function, Halved) else function
    return Halved(lambda z: plain(scale * z))


@pytest.mark.parametrize("scale", [0.5, 2.0])
@pytest.mark.parametrize("name", ["relu", "selu", "tanh", "hardtanh"])
def test_at_another_variance_they_are_mpmaths(name: str, scale: float) -> None:
    """At q = 1/4 and 4, where E f'^2 is that of f(scale z) divided by q."""
    ours, exact = moments(name, scale**2), moments_of(scaled(name, scale))
    assert ours.mean == pytest.approx(float(exact.mean), abs=1e-12)
    assert ours.second == pytest.approx(float(exact.second_moment), rel=1e-12)
    assert ours.derivative * scale**2 == pytest.approx(float(exact.derivative_moment), rel=1e-12)
    assert ours.spread == pytest.approx(float(exact.spread), rel=1e-12)
    assert ours.slope == pytest.approx(float(exact.variance_slope), rel=1e-11)


def expectation(integrand: Function, scale: Any) -> Any:
    """E g(scale z) by mpmath's adaptive quadrature, split where g bends."""
    bends = [side * step / scale for step in (0.5, 1, 2, 4, 8, 16, 64, 256) for side in (-1, 1)]
    ends = sorted(place for place in {*range(-14, 15), *bends} if abs(place) <= 14)
    return mp.quad(lambda z: integrand(scale * z) * mp.npdf(z), ends)


@pytest.mark.parametrize("variance", [1e-6, 30.0, 1e4])
@pytest.mark.parametrize("name", ["tanh", "gelu", "softsign", "tanhshrink"])
def test_far_from_1_they_are_mpmaths(name: str, variance: float) -> None:
    """Mean square and fourth power at small and at large variances, within 1e-10.

    f is divided by f(sqrt(q)), since mpmath's tolerance is an absolute one.
    """
    function, scale = FUNCTIONS[name], mp.sqrt(mp.mpf(variance))
    assert not isinstance(function, Gated | Halved)
    size = function(scale)
    second = expectation(lambda u: (function(u) / size) ** 2, scale)
    fourth = expectation(lambda u: (function(u) / size) ** 4, scale)
    ours = moments(name, variance)
    assert ours.second == pytest.approx(float(second * size**2), rel=1e-10)
    assert ours.spread == pytest.approx(float(fourth / second**2), rel=1e-10)


VARIANCES = [1e-12, 1e-4, 0.3, 1.0, 7.0, 1e3, 1e6]
CORRELATIONS = [-1.0, -0.4, 0.0, 0.6, 0.999, 1 - 1e-9, 1.0]


def arcsine(q: float, c: float) -> float:
    """E erf(u1) erf(u2) (Williams 1998)."""
    return 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q))


def arccosine(q: float, c: float) -> float:
    """E relu(u1) relu(u2) (Cho and Saul 2009)."""
    return q / (2 * math.pi) * (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c)))


def bells(q: float, c: float) -> float:
    """E e^(-u1^2 - u2^2) = det(1 + 2 Sigma)^-1/2."""
    return 1 / math.sqrt((1 + 2 * q * (1 - c)) * (1 + 2 * q * (1 + c)))


@pytest.mark.parametrize("q", VARIANCES[::2])
@pytest.mark.parametrize("c", CORRELATIONS)
def test_correlated_inputs_have_the_closed_forms(q: float, c: float) -> None:
    """erf, relu, gaussian, square and abs, within 1e-10 of the mean square.

    The derivative of relu is a step, and E step step = 1/2 - acos(c) / (2 pi).
    """
    pairs = {
        "erf": (arcsine(q, c), arcsine(q, 1)),
        "relu": (arccosine(q, c), arccosine(q, 1)),
        "gaussian": (bells(q, c), bells(q, 1)),
        "square": (q * q * (1 + 2 * c * c), 3 * q * q),
        "abs": (2 * (arccosine(q, c) + arccosine(q, -c)), q),
    }
    for name, (product, most) in pairs.items():
        assert correlated(name, q, c)[0] == pytest.approx(product, abs=1e-10 * most), name
    steps = 0.5 - math.acos(c) / (2 * math.pi)
    assert correlated("relu", q, c)[1] == pytest.approx(steps, abs=1e-9)


@pytest.mark.parametrize("q", VARIANCES)
def test_waves_turn_as_often_as_they_should(q: float) -> None:
    """E sin^2 = (1 - e^(-2 q)) / 2, and E (1 + sin(2 u))^2 = 1 + (1 - e^(-8 q)) / 2."""
    half = -math.expm1(-2 * q) / 2
    assert moments("sin", q).second == pytest.approx(half, rel=1e-12)
    assert moments("cos", q).second == pytest.approx(1 - half, rel=1e-12)
    snake = moments("snake", q)
    assert snake.derivative == pytest.approx(1 - math.expm1(-8 * q) / 2, rel=1e-12)
    assert snake.second == pytest.approx(correlated("snake", q, 1 - 1e-15)[0], rel=1e-9)


@pytest.mark.parametrize("name", ["sin", "cos", "snake"])
def test_the_closed_forms_of_waves_continue_the_quadrature(name: str) -> None:
    """All members just below and just above the variance where the one takes over."""
    below, above = moments(name, 25.0 - 1e-10), moments(name, 25.0)
    for member in Moments.__dataclass_fields__:
        assert getattr(below, member) == pytest.approx(getattr(above, member), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("q", [0.5, 3.0])
def test_slopes_are_slopes(name: str, q: float) -> None:
    """Both logarithmic slopes are those of a central difference, whose error is about 1e-9."""
    step = 1e-4
    above, below = moments(name, q * math.exp(step)), moments(name, q * math.exp(-step))
    at = moments(name, q)
    second = math.log(above.second / below.second) / (2 * step)
    derivative = math.log(above.derivative / below.derivative) / (2 * step)
    assert at.slope == pytest.approx(second, abs=2e-7)
    assert at.derivative_slope == pytest.approx(derivative, abs=2e-7)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_correlation_ends_in_the_moments(name: str) -> None:
    """At correlation 1 - 1e-12 the products are the squares; at 0 they are the squared mean.

    A jump, and the jump of a derivative, adds sqrt(1 - c).
    """
    at = moments(name, 0.7)
    product, derivative = correlated(name, 0.7, 1 - 1e-12)
    assert product == pytest.approx(at.second, rel=3e-6)
    assert derivative == pytest.approx(at.derivative, rel=3e-6)
    assert correlated(name, 0.7, 0.0)[0] == pytest.approx(at.mean**2, abs=1e-10)


@pytest.mark.parametrize("name", ["tanh", "silu", "softsign", "sigmoid", "gelu_tanh", "mish"])
@pytest.mark.parametrize("c", [0.0, 0.5, 0.95])
def test_the_derivative_of_a_correlation_is_the_correlation_of_derivatives(
    name: str, c: float
) -> None:
    """d/dc E f(u1) f(u2) = q E f'(u1) f'(u2) (Price 1958), for a function without jumps."""
    q, step = 1.3, 1e-4
    change = correlated(name, q, c + step)[0] - correlated(name, q, c - step)[0]
    assert change / (2 * step) == pytest.approx(q * correlated(name, q, c)[1], rel=1e-6)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("q", [0.0, 1e-300, 1e-12, 1e6, 1e300, math.inf])
def test_no_variance_breaks_a_moment(name: str, q: float) -> None:
    """Nothing raises or is NaN, and a mean square is positive or has vanished."""
    at = moments(name, q)
    assert not any(math.isnan(getattr(at, member)) for member in Moments.__dataclass_fields__)
    assert at.second >= 0
    assert at.spread >= 1 - 1e-12
    assert at.derivative_spread >= 1 - 1e-12


@pytest.mark.parametrize("q", [1e-300, 1e-12, 1e-3, 5.0, 1e6, 1e300])
def test_a_scale_free_activation_has_the_same_ratios_everywhere(q: float) -> None:
    """ReLU: E f^2 = q / 2, E f'^2 = 1/2, and spreads 6 and 2."""
    at = moments("relu", q)
    assert at.second == pytest.approx(q / 2, rel=1e-12)
    ratios = (at.derivative, at.spread, at.slope, at.derivative_spread, at.shared)
    assert ratios == pytest.approx((0.5, 6.0, 1.0, 2.0, 2.0), rel=1e-12)


def test_a_function_that_is_0_near_0_keeps_its_tail() -> None:
    """Hardshrink at q = 1/400: f is 0 up to 10 std, and E f^2 = 2 q (a phi(a) + Phi(-a))."""
    tail = 2 / 400 * (10 * mp.npdf(10) + mp.ncdf(-10))
    assert moments("hardshrink", 1 / 400).second == pytest.approx(float(tail), rel=1e-9)
    vanished = moments("hardshrink", 1e-9)
    assert (vanished.second, vanished.spread) == (0.0, math.inf)


GATED = [name for name, function in FUNCTIONS.items() if isinstance(function, Gated)]


@pytest.mark.parametrize("name", GATED)
@pytest.mark.parametrize("q", [0.3, 2.0])
def test_a_gated_unit_has_the_moments_of_a_sum_over_both_halves(name: str, q: float) -> None:
    """Every member from values and gradients on the square grid of two quadratures."""
    scale = math.sqrt(q)
    z, weights = gaussian(scale, (0.0,))
    u = scale * np.stack(np.meshgrid(z, z, indexing="ij"), axis=-1)
    both = np.outer(weights, weights)
    f2 = np.square(value(name, u)[..., 0])
    gradient = backward(name, u, np.ones((*u.shape[:-1], 1)))
    d2 = np.square(gradient).sum(axis=-1)
    along = (u * gradient).sum(axis=-1)
    lengths = np.square(u).sum(axis=-1) / q

    def mean(values: Array) -> float:
        return float((both * values).sum())

    at, second, derivative = moments(name, q), mean(f2), mean(d2)
    assert at.mean == pytest.approx(mean(value(name, u)[..., 0]), abs=1e-12)
    assert at.second == pytest.approx(second, rel=1e-9)
    assert at.derivative == pytest.approx(derivative, rel=1e-9)
    assert at.spread == pytest.approx(mean(f2 * f2) / second**2, rel=1e-9)
    assert at.derivative_spread == pytest.approx(mean(d2 * d2) / derivative**2, rel=1e-9)
    assert at.shared == pytest.approx(mean(f2 * d2) / (second * derivative), rel=1e-9)
    # The density of both halves has the logarithmic slope (|u|^2 / q - 2) / 2 over q.
    assert at.slope == pytest.approx((mean(f2 * lengths) / second - 2) / 2, rel=1e-9)
    slope = (mean(d2 * lengths) / derivative - 2) / 2
    assert at.derivative_slope == pytest.approx(slope, rel=1e-9, abs=1e-9)
    values = value(name, u)[..., 0]
    assert at.alignment == pytest.approx(mean(values * along) / second, rel=1e-9)
    assert at.radial == pytest.approx(mean(along * along) / (q * derivative), rel=1e-9)


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh", "softplus", "square"])
def test_without_jumps_the_alignment_is_the_slope(name: str) -> None:
    """E u f f' is q d E f^2 / d q by Price's theorem, and E (u f')^2 is the same for f'."""
    at = moments(name, 0.8)
    assert at.alignment == pytest.approx(at.slope, rel=1e-10)
    assert at.radial == pytest.approx(1 + 2 * at.derivative_slope, rel=1e-10)


def test_backpropagation_does_not_see_a_jump() -> None:
    """u f f' is f^2 for hardshrink, whose mean square grows faster than q by its jumps."""
    at = moments("hardshrink", 0.8)
    assert at.alignment == pytest.approx(1.0)
    assert at.slope > 1.05


@pytest.mark.parametrize("wrong", [-1e-9, math.nan])
def test_what_is_no_variance_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="not negative"):
        moments("tanh", wrong)


@pytest.mark.parametrize("wrong", [1.1, -1.0000001, math.nan])
def test_what_is_no_correlation_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="between -1 and 1"):
        correlated("tanh", 1.0, wrong)


def test_a_thousand_layers_are_cheap() -> None:
    """1,000 variances that no call has seen take below 2 s; alone on a machine they take 0.2 s."""
    start = time.process_time()
    for layer in range(1000):
        moments("tanh", 1.0 + layer / 7000)
    assert time.process_time() - start < 2.0
