"""The bands of convolutions hold for networks of issued kernels on small images."""

import json
import math

import numpy as np
import pytest

from service.propagation import parse_network_json, propagate
from tests.advice.asking import Array, weights

CHANNELS, LAYERS, SIDE, NETWORKS = 16, 30, 8, 40


def variances(seed: int) -> list[float]:
    """The variance of the output of each 3 x 3 convolution, with ReLU between and a torus."""
    x = np.random.default_rng(seed).normal(size=(CHANNELS, SIDE, SIDE))
    x /= math.sqrt(np.mean(x**2))
    found = []
    for layer in range(LAYERS):
        scheme = "lecun_normal" if layer == 0 else "he_normal"
        query = f"shape={CHANNELS},{CHANNELS},3,3&scheme={scheme}&seed={seed}&name=conv.{layer}"
        kernel = weights(f"/v1/weights.npy?{query}")
        read = x if layer == 0 else np.maximum(x, 0.0)
        x = _convolved(kernel, read)
        found.append(float(np.mean(x**2)))
    return found


def _convolved(kernel: Array, image: Array) -> Array:
    """The cross-correlation, with the image continued periodically."""
    places = [
        np.einsum(
            "oi,ihw->ohw", kernel[:, :, down, right], np.roll(image, (1 - down, 1 - right), (1, 2))
        )
        for down in range(3)
        for right in range(3)
    ]
    summed: Array = np.sum(places, axis=0)
    return summed


@pytest.mark.long
def test_the_band_of_a_convolution_goes_by_its_channels() -> None:
    """40 networks: with 95 % inside, fewer than 33 are in 1 of 1,400 such tests of a layer.

    The places of an image become alike with depth. With n = channels x kernel, as for a dense
    layer, only half of the networks are inside after 20 layers.
    """
    layers = [
        {"shape": [CHANNELS, CHANNELS, 3, 3], "layer": "conv2d", "position": "first"},
        {"shape": [CHANNELS, CHANNELS, 3, 3], "layer": "conv2d", "repeat": LAYERS - 1},
    ]
    body = json.dumps({"layers": layers, "activation": "relu"}).encode()
    told = propagate(parse_network_json(body), max_bytes=2**40).layers
    found = [variances(seed) for seed in range(NETWORKS)]
    for layer in (4, 9, 19, 29):
        low, high = told[layer].variance_band
        assert low is not None
        assert high is not None
        assert sum(low <= each[layer] <= high for each in found) >= 33
    dense = math.exp(1.96 * math.sqrt(5 * 20 / (9 * CHANNELS)))
    assert sum(1 / dense <= each[19] <= dense for each in found) < 30
