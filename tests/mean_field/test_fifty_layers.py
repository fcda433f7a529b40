"""Stacks of fifty layers of issued weights hold, or do not, as the theory says.

The limits are those of test_simulation: the mean normal score of sixteen networks, at layers 10, 25
and 50, is within four of its standard deviations.
"""

import math
from functools import cache

import numpy as np
import pytest

from service.initializers.activations import ACTIVATIONS
from service.mean_field import edge_of_chaos, moments, scales
from service.mean_field.elementary import Array
from tests.mean_field.finite_width import bands, sampled_bands, step
from tests.mean_field.networks import NORMAL, ORTHOGONAL, Stack, scores

WIDTH, LAYERS, NETWORKS = 256, 50, 16
DEPTHS = (10, 25, 50)


@cache
def found_in(stack: Stack) -> tuple[Array, Array]:
    """The errors of variance and of gradient: a row for each network, a column for each place."""
    errors = [stack.measured(network) for network in range(NETWORKS)]
    return np.array([each for each, _ in errors]), np.array([each for _, each in errors])


def assert_as_told(stack: Stack, forward: Array, gradient: Array) -> None:
    """The networks' errors are the theory's."""
    theory = stack.theory()
    limit = 4.0 / math.sqrt(NETWORKS)
    for depth in DEPTHS:
        back = len(stack.gains) - depth
        assert abs(scores(forward[:, depth], theory.forward[depth]).mean()) < limit
        assert abs(scores(gradient[:, back], theory.gradient[back]).mean()) < limit


@pytest.mark.parametrize("scheme", ["he_normal", "he_uniform"])
def test_he_relu_holds(scheme: str) -> None:
    """The variance of all layers is the first one's, within a band of b = 5 * 50 / 256 = 0.98."""
    query = f"scheme={scheme}&activation=relu"
    stack = Stack("relu", WIDTH, (math.sqrt(2.0),) * LAYERS, scheme=query)
    forward, gradient = found_in(stack)
    assert_as_told(stack, forward, gradient)
    band = bands([step("relu", 1.0, WIDTH, 2.0)] * LAYERS)[-1].forward
    assert band.variance == pytest.approx(5 * 50 / 256)
    mean = float(forward[:, -1].mean())
    assert mean == pytest.approx(band.mean, abs=4 * band.std / math.sqrt(NETWORKS))


def test_lecun_selu_holds() -> None:
    """Every layer of every network has a variance near 1; a = 0.78 forgets the errors.

    The band's std is 0.12, and that of a measured mean square 0.15. Of 800 normal numbers the
    largest is below 4.5 of them.
    """
    stack = Stack("selu", WIDTH, (1.0,) * LAYERS, scheme="scheme=lecun_normal")
    forward, gradient = found_in(stack)
    assert_as_told(stack, forward, gradient)
    assert np.abs(forward).max() < 4.5 * 0.15
    assert stack.predicted()[1][0] == pytest.approx(50 * math.log(1.071575), abs=1e-4)


@pytest.mark.parametrize("scheme", [NORMAL, ORTHOGONAL])
def test_tanh_holds_at_the_edge_of_chaos(scheme: str) -> None:
    """Variance 1 and chi_1 = 1 by weights of variance 2.1533 and biases of 0.1510."""
    pair = edge_of_chaos("tanh")
    assert pair is not None
    gain, bias = (math.sqrt(side) for side in pair)
    stack = Stack("tanh", WIDTH, (gain,) * LAYERS, bias, scheme)
    forward, gradient = found_in(stack)
    assert_as_told(stack, forward, gradient)
    assert np.abs(forward).max() < math.log(2)
    assert np.abs(stack.predicted()[1]).max() < 1e-9


def test_rotations_have_the_narrower_band() -> None:
    """The gradient's error at the edge of chaos, by theory and in the networks."""
    pair = edge_of_chaos("tanh")
    assert pair is not None
    gain, bias = (math.sqrt(side) for side in pair)
    stds = {}
    for scheme in (NORMAL, ORTHOGONAL):
        stack = Stack("tanh", WIDTH, (gain,) * LAYERS, bias, scheme)
        told = sampled_bands(stack.each_layer())[0].gradient.std
        stds[scheme] = (told, float(found_in(stack)[1][:, 0].std()))
    for ours, drawn in zip(stds[ORTHOGONAL], stds[NORMAL], strict=True):
        assert ours < 0.9 * drawn


def test_tanh_with_the_gain_that_keeps_the_variance_loses_the_gradient() -> None:
    """The variance stays 1, and the gradient grows by 1.178 a layer, to 3,600 at the first."""
    stack = Stack("tanh", WIDTH, (ACTIVATIONS["tanh"].gain,) * LAYERS)
    forward, gradient = found_in(stack)
    assert_as_told(stack, forward, gradient)
    assert np.exp(stack.predicted()[1][0]) == pytest.approx(1.177807**50, rel=1e-3)


def assert_diverges(stack: Stack) -> None:
    """Told: variance 1 in the limit of wide layers, and a band that contains nearly nothing.

    Found: as told, so that in most networks the variance is off by more than a factor of ten.
    """
    forward, gradient = found_in(stack)
    assert_as_told(stack, forward, gradient)
    assert stack.predicted()[0][1:] == pytest.approx(0.0, abs=1e-6)
    told = sampled_bands(stack.each_layer(), stack.variance)[-1].forward
    assert told.low < 1e-3
    assert told.high > 100
    assert np.mean(np.abs(forward[:, -1]) > math.log(10)) > 0.5


def test_gelu_with_its_exact_gain_diverges() -> None:
    """q = 1 is a fixed point, but a = 1.144 amplifies the errors of every layer."""
    gain = ACTIVATIONS["gelu"].gain
    assert scales("gelu", gain**2).variance_slope == pytest.approx(1.144, abs=1e-3)
    assert_diverges(Stack("gelu", WIDTH, (gain,) * LAYERS))


def test_gelu_with_gains_solved_for_each_layer_diverges_too() -> None:
    """Gains from the theory alone, for inputs of variance 1/2.

    The first maps q = 1/2 to 1, and the others 1 to 1. No network is looked at, so that the errors
    of its weights are amplified all the same.
    """
    q, gains = 0.5, []
    for _ in range(LAYERS):
        gains.append(moments("gelu", q).second ** -0.5)
        q = gains[-1] ** 2 * moments("gelu", q).second
    assert gains[0] > 2.2
    assert gains[1] == pytest.approx(ACTIVATIONS["gelu"].gain)
    assert_diverges(Stack("gelu", WIDTH, tuple(gains), variance=0.5))


def test_hanin_and_nica_by_simulation() -> None:
    """64 units, 32 layers: N(-1.25, 2.50) is predicted.

    Of 200 networks the mean has a standard error of 0.11, and the variance one of 10 %.
    """
    stack = Stack("relu", 64, (math.sqrt(2.0),) * 32)
    ends = np.array([stack.measured(network)[0][-1] for network in range(200)])
    assert ends.mean() == pytest.approx(-1.25, abs=4 * 0.11)
    assert ends.var() == pytest.approx(2.50, rel=4 * 0.1)
