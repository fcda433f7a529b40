"""Recommended weights keep the variance through 30 layers, simulated with the issued tensors.

In layers of width n, the logarithm of the mean square of the activations, in units of its
fixed point, is about normal with variance b = sum over layers of (spread - 1) / n times slope^2
for each layer after it, and mean -b/2 (Hanin and Nica 2019; spread = E f^4 / E[f^2]^2). Bounds
are 5 standard deviations of the mean of 16 networks, so one good build in 10^6 would fail.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest

from service.initializers.activations import ACTIVATIONS
from tests.advice.asking import Array, asked, weights

WIDTH, LAYERS, NETWORKS = 256, 30, 16
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772

FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "selu": lambda z: SCALE * np.where(z > 0, z, ALPHA * np.expm1(np.minimum(z, 0.0))),
    "tanh": np.tanh,
}


def log_variance(activation: str, seed: int, scheme: str = "") -> float:
    """ln of the mean square of the activations after the layers, relative to E f^2.

    The weights are the recommended ones, or those of this scheme.
    """
    moment = ACTIVATIONS[activation].second_moment
    own = f"&scheme={scheme}" if scheme else ""
    x = np.full(WIDTH, math.sqrt(moment))
    for layer in range(LAYERS):
        query = f"activation={activation}&seed={seed}&name=layers.{layer}.weight{own}"
        answer = asked(f"shape={WIDTH},{WIDTH}&{query}")
        url = answer.weights_url if answer.compared is None else answer.compared.weights_url
        x = FUNCTIONS[activation](weights(url) @ x)
    return math.log(np.mean(x**2) / moment)


def band(activation: str) -> tuple[float, float]:
    """The expected mean of the networks' logarithms, and 5 standard deviations of it."""
    record = ACTIVATIONS[activation]
    carried = sum(record.variance_slope ** (2 * layer) for layer in range(LAYERS))
    variance = (record.spread - 1.0) / WIDTH * carried
    return -variance / 2, 5.0 * math.sqrt(variance / NETWORKS)


@pytest.mark.parametrize("activation", list(FUNCTIONS))
def test_the_recommended_weights_carry_thirty_layers(activation: str) -> None:
    """ReLU, leaky ReLU, SELU and tanh keep the variance within the band of their width."""
    mean, deviation = band(activation)
    logarithms = [log_variance(activation, seed) for seed in range(NETWORKS)]
    assert abs(np.mean(logarithms) - mean) < deviation


def test_glorot_on_relu_dies() -> None:
    """Half the variance is lost in each of 30 layers: 2^-30 remains, far outside the band above."""
    mean, deviation = band("relu")
    logarithms = [log_variance("relu", seed, "glorot_uniform") for seed in range(NETWORKS)]
    assert abs(np.mean(logarithms) - (mean - LAYERS * math.log(2))) < deviation
    assert np.exp(np.max(logarithms)) < 1e-7
