"""The numbers of Hanin and Nica 2019 and what the recursion must give in simple cases."""

import math
from math import exp, log

import pytest

from service.initializers.activations import ACTIVATIONS
from service.mean_field import chi, moments, next_variance
from tests.mean_field.finite_width import Step, bands, step


def test_he_relu_of_64_units_and_32_layers() -> None:
    """ln(norm^2 ratio) is about N(-1.25, 2.50), b = 5 * 32 / 64, forward and for the gradient."""
    one = step("relu", 1.0, 64, 2.0)
    found = bands([one] * 32)
    assert (found[-1].forward.mean, found[-1].forward.variance) == pytest.approx((-1.25, 2.5))
    assert (found[0].gradient.mean, found[0].gradient.variance) == pytest.approx((-1.25, 2.5))
    assert (found[0].forward.variance, found[-1].gradient.variance) == (0.0, 0.0)
    assert len(found) == 33


@pytest.mark.parametrize(
    ("name", "spread"),
    [("relu", 5.0), ("tanh", 0.63), ("selu", 1.50), ("gelu", 6.2), ("silu", 6.3)],
)
def test_one_layer_adds_its_spread(name: str, spread: float) -> None:
    """E f^4 / (E f^2)^2 - 1 over the width, as an independent quadrature has it."""
    one = step(name, 1.0, 100, ACTIVATIONS[name].gain ** 2)
    assert one.noise * 100 == pytest.approx(spread, abs=0.05)
    assert one.carry == pytest.approx(ACTIVATIONS[name].variance_slope, abs=1e-6)


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu", "abs"])
def test_orthogonal_weights_of_a_linear_network_add_nothing(name: str) -> None:
    """A rotation keeps every norm. ReLU loses half of it at random: 3 / n instead of 5 / n."""
    one = step(name, 1.0, 64, ACTIVATIONS[name].gain ** 2, orthogonal=True)
    expected = {
        "linear": 0.0,
        "abs": 0.0,
        "relu": 3.0,
        "leaky_relu": 6 * (1 + 1e-8) / 1.0001**2 - 3,
    }[name]
    assert (one.noise * 64, one.gradient_noise * 64) == pytest.approx((expected,) * 2, abs=1e-9)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_no_activation_has_a_negative_noise(name: str) -> None:
    """Both noises and their covariance are those of two random variables, orthogonal or not."""
    for orthogonal in (False, True):
        one = step(name, 0.8, 50, 1.3, 0.1, orthogonal=orthogonal)
        assert one.noise >= -1e-12
        assert one.gradient_noise >= -1e-12
        assert one.covariance**2 <= one.noise * one.gradient_noise * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("name", ["tanh", "gelu", "sigmoid", "swiglu"])
def test_carry_and_curvature_are_derivatives_of_the_map(name: str) -> None:
    """Central differences of ln V and of ln E f'^2 over ln q, with biases."""
    q, h = 0.9, 1e-3
    one = step(name, q, 10, 1.5, 0.2)
    low, at, high = (log(next_variance(name, q * exp(k * h), 1.5, 0.2)) for k in (-1, 0, 1))
    assert one.carry == pytest.approx((high - low) / (2 * h), rel=1e-5)
    assert one.curvature == pytest.approx((high - 2 * at + low) / h**2, abs=1e-4)
    low, at, high = (log(chi(name, q * exp(k * h), 1.5)) for k in (-1, 0, 1))
    assert one.gradient_slope == pytest.approx((high - low) / (2 * h), rel=1e-5)
    assert one.gradient_curvature == pytest.approx((high - 2 * at + low) / h**2, abs=1e-4)


def test_a_stable_slope_forgets_and_an_unstable_one_amplifies() -> None:
    """tanh's band stops at noise / (1 - a^2); GELU's grows by a factor of 1.144^2 a layer."""
    tanh = step("tanh", 1.0, 256, ACTIVATIONS["tanh"].gain ** 2)
    gelu = step("gelu", 1.0, 256, ACTIVATIONS["gelu"].gain ** 2)
    limit = tanh.noise / (1 - tanh.carry**2)
    assert bands([tanh] * 60)[-1].forward.variance == pytest.approx(limit)
    last, before = (bands([gelu] * layers)[-1].forward.variance for layers in (60, 59))
    assert last / before == pytest.approx(1.144063**2, rel=1e-5)


def test_a_normalization_forgets_the_error() -> None:
    """A step that carries nothing on ends what came before it."""
    relu = step("relu", 1.0, 64, 2.0)
    norm = Step(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    found = bands([relu, norm, relu])
    assert [each.forward.variance for each in found] == pytest.approx([0, 5 / 64, 0, 5 / 64])


def test_the_band_holds_95_percent() -> None:
    """exp(mean -+ 1.96 std), 0 and inf where float64 cannot hold that."""
    band = bands([step("relu", 1.0, 64, 2.0)] * 32)[-1].forward
    assert band.low == pytest.approx(2.718281828 ** (-1.25 - 1.959964 * 2.5**0.5))
    assert band.high == pytest.approx(2.718281828 ** (-1.25 + 1.959964 * 2.5**0.5))
    wide = bands([step("bilinear", 1.0, 2, 1.0)] * 300)[-1].forward
    assert (wide.low, wide.high) == (0.0, float("inf"))


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_no_depth_breaks_a_band(name: str) -> None:
    """After 1,000 layers no mean is NaN, and a band that is too wide is from 0 to inf."""
    found = bands([step(name, 1.0, 64, ACTIVATIONS[name].gain ** 2)] * 1000)
    for band in (found[-1].forward, found[0].gradient):
        assert math.isfinite(band.mean)
        assert math.isfinite(band.variance)
        assert 0 <= band.low <= band.high


def test_the_sampling_errors_are_those_of_one_layer() -> None:
    """Noise, gradient noise and covariance of tanh from its moments, by hand."""
    at = moments("tanh", 1.0)
    one = step("tanh", 1.0, 200, 1.0)
    assert one.noise == pytest.approx((at.spread - 1) / 200)
    assert one.gradient_noise == pytest.approx((3 * at.derivative_spread - 1) / 200)
    assert one.covariance == pytest.approx((at.shared - 1) / 200)
