"""The activations in NumPy against mpmath, and their gradients."""

import numpy as np
import pytest

from checks.moments import FUNCTIONS, Gated, Halved, mp
from service.initializers.activations import ACTIVATIONS
from service.mean_field import backward, derivative, value
from service.mean_field.elementary import erf, erfc

ELEMENTWISE = [name for name, function in FUNCTIONS.items() if not isinstance(function, Gated)]
GATED = [name for name, function in FUNCTIONS.items() if isinstance(function, Gated)]

PLACES = np.array([-9.9, -4.2, -3.1, -1.3, -0.7, -0.3, -0.01, 1e-6, 0.2, 0.6, 1.4, 2.9, 5.2, 8.1])
"""None is a kink. At -9.9 and 1e-6 a formula that cancels would have lost digits."""


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_values_and_derivatives_are_mpmaths(name: str) -> None:
    """Relative errors are below 1e-13, or absolute ones below 1e-30 where f or f' is 0."""
    function = FUNCTIONS[name]
    assert not isinstance(function, Gated)
    plain = function.function if isinstance(function, Halved) else function
    with mp.workdps(60):
        values = [float(plain(mp.mpf(z))) for z in PLACES.tolist()]
        slopes = [float(mp.diff(plain, mp.mpf(z))) for z in PLACES.tolist()]
    assert value(name, PLACES) == pytest.approx(values, rel=1e-13, abs=1e-30)
    assert derivative(name, PLACES) == pytest.approx(slopes, rel=1e-13, abs=1e-30)


def test_no_activation_is_forgotten() -> None:
    """Every row of the table has a value."""
    assert len(ACTIVATIONS) >= 52
    for name in ACTIVATIONS:
        assert value(name, np.ones((2, 6))).shape == ((2, 3) if name in GATED else (2, 6))


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_nothing_far_out_is_not_a_number(name: str) -> None:
    """At +-1e200 values and gradients are finite or inf, and nothing warns."""
    z = np.array([-1e200, -1e3, 0.0, 1e3, 1e200, -1e200])
    out = value(name, z)
    assert not np.isnan(out).any()
    assert not np.isnan(backward(name, z, np.ones_like(out))).any()


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_gradient_is_that_of_the_value(name: str) -> None:
    """A central difference of sum(w f(z)). Its error of about 1e-10 is below the tolerance."""
    z, step = np.array([[-1.7, 0.31, 2.2, 0.8], [0.15, -0.62, -2.6, 1.23]]), 1e-5
    weights = np.cos(np.arange(value(name, z).size)).reshape(value(name, z).shape)
    expected = np.empty_like(z)
    for place in np.ndindex(z.shape):
        moved = np.zeros_like(z)
        moved[place] = step
        change = value(name, z + moved) - value(name, z - moved)
        expected[place] = (weights * change).sum() / (2 * step)
    assert backward(name, z, weights) == pytest.approx(expected, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize(
    ("name", "gate", "linear"), [("swiglu", "silu", "linear"), ("gtu", "sigmoid", "tanh")]
)
def test_the_first_half_of_a_gated_unit_is_its_gate(name: str, gate: str, linear: str) -> None:
    """swiglu is silu(g) v, and gtu is sigmoid(g) tanh(v)."""
    g, v = np.array([0.3, -1.2]), np.array([2.0, 0.7])
    assert value(name, np.concatenate([g, v])) == pytest.approx(value(gate, g) * value(linear, v))


def test_a_gated_unit_has_no_elementwise_derivative() -> None:
    with pytest.raises(ValueError, match="use backward"):
        derivative("swiglu", np.ones(4))


def test_a_slope_is_used_where_it_exists() -> None:
    """The slope given, the table's if none is given, and none for ReLU."""
    z = np.array([-2.0, 3.0])
    assert value("leaky_relu", z, 0.2).tolist() == [-0.4, 3.0]
    assert value("prelu", z).tolist() == [-0.5, 3.0]
    assert value("relu", z, 0.2).tolist() == [0.0, 3.0]
    assert derivative("leaky_relu", z, 0.2).tolist() == [0.2, 1.0]


def test_a_name_that_the_table_does_not_have() -> None:
    with pytest.raises(KeyError):
        value("maxout", np.ones(2))


def test_the_error_function_holds_its_relative_error() -> None:
    """erf and erfc against mpmath, in each of Cody's three ranges, far into both tails."""
    x = np.concatenate([np.linspace(-6.0, 26.0, 161), [1e-300, 1e-8, 0.46875, 4.0]])
    for ours, exact in ((erf, mp.erf), (erfc, mp.erfc)):
        expected = [float(exact(mp.mpf(at))) for at in x.tolist()]
        assert ours(x) == pytest.approx(expected, rel=2e-15, abs=0)
