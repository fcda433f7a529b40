"""Networks of issued weights: the variance of each layer's outputs, and that of the gradient."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from service.initializers.activations import ACTIVATIONS
from service.mean_field import Layer, Sample, backward, chi, next_variance, sampled_errors, value
from service.mean_field.elementary import Array
from tests.training.drawing import weights

NORMAL = "scheme=variance_scaling&mode=fan_in&distribution=normal&gain={gain!r}"
ORTHOGONAL = "scheme=orthogonal&gain={gain!r}"

LARGEST = 600.0
"""Logarithms are bounded by it: a variance of 0, and one that float64 cannot hold, have one too."""

QUANTILES = 4000
"""Draws of the theory, so that a rank among them has an error of 0.8 % at most."""


@dataclass(frozen=True)
class Stack:
    """Square layers without normalization.

    Inputs are independent normal numbers. Before orthogonal weights they are scaled to a mean
    square of 1, as if they came from such weights too.
    """

    activation: str
    width: int
    gains: tuple[float, ...]
    """sqrt(fan_in) std of the weights of each layer."""
    bias: float = 0.0
    """The std of the biases."""
    scheme: str = NORMAL
    """The query of the weights, with a place for the gain unless the scheme has it."""
    variance: float = 1.0
    misfit: float = 1.0
    """The weights are this multiple of what the theory is told: 1 but for negative controls."""

    @property
    def outputs(self) -> int:
        """Twice the width for a gated unit, which has two halves."""
        return self.width * (2 if ACTIVATIONS[self.activation].family == "gated" else 1)

    @property
    def orthogonal(self) -> bool:
        return "orthogonal" in self.scheme

    def predicted(self) -> tuple[Array, Array]:
        """ln q at each place, and ln of the gradient's squared norm relative to the last."""
        q, variances, chis = self.variance, [self.variance], []
        for gain in self.gains:
            chis.append(chi(self.activation, q, gain**2))
            q = next_variance(self.activation, q, gain**2, self.bias**2)
            variances.append(q)
        factors = np.log(np.array([1.0, *chis[::-1]]))
        return np.log(np.array(variances)), np.cumsum(factors)[::-1]

    def each_layer(self) -> list[Layer]:
        """The layers as the theory describes them."""
        return [
            Layer(self.activation, self.width, gain**2, self.bias**2, orthogonal=self.orthogonal)
            for gain in self.gains
        ]

    def theory(self) -> Sample:
        """What `measured` finds, by theory, in as many draws as QUANTILES.

        The mean square of so many outputs has a further sampling error, of variance 2 / outputs.
        Orthogonal weights leave of it what the biases add: a share 1 - p^2 / q^2, p being the
        weights' part of q.
        """
        sample = sampled_errors(self.each_layer(), self.variance, QUANTILES)
        further = np.random.default_rng(1).standard_normal(sample.forward.shape)
        further[0] = 0.0
        kept = np.square(1.0 - self.bias**2 * np.exp(-self.predicted()[0])) * self.orthogonal
        variance = (2.0 / self.outputs * (1.0 - kept))[:, np.newaxis]
        return Sample(
            sample.forward + np.sqrt(variance) * further - variance / 2.0, sample.gradient
        )

    def measured(self, network: int) -> tuple[Array, Array]:
        """ln(actual / predicted) of variance and gradient at each place of one network."""
        variances, gradients = self.predicted()
        forward, back = self._passed(network)
        return bounded(forward) - variances, bounded(back) - gradients

    def correlations(self, network: int, start: float) -> Array:
        """The correlation of the outputs for two inputs of this correlation, place by place."""
        first, other = (
            vector("inputs", self.outputs, network),
            vector("more", self.outputs, network),
        )
        first = first / math.sqrt(float(np.mean(first * first)))
        other = other - first * float(np.mean(first * other))
        other = other / math.sqrt(float(np.mean(other * other)))
        pair = np.stack([first, start * first + math.sqrt(1.0 - start**2) * other])
        pair = pair * math.sqrt(self.variance)
        found = [start]
        for matrix, bias in self._weights(network):
            pair = value(self.activation, pair) @ matrix.T + bias
            sizes = np.sqrt(np.sum(pair * pair, axis=1))
            found.append(float(np.dot(pair[0] / sizes[0], pair[1] / sizes[1])))
        return np.array(found)

    def _passed(self, network: int) -> tuple[Array, Array]:
        """Mean squares of the outputs, and squared norms of the gradients."""
        inputs = vector("inputs", self.outputs, network)
        if self.orthogonal:
            inputs /= math.sqrt(float(np.mean(inputs * inputs)))
        outputs = [inputs * math.sqrt(self.variance)]
        matrices = []
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for matrix, bias in self._weights(network):
                outputs.append(matrix @ value(self.activation, outputs[-1]) + bias)
                matrices.append(matrix)
            last = vector("gradient", self.outputs, network)
            gradients = [last / math.sqrt(float(np.sum(last * last)))]
            for matrix, before in zip(reversed(matrices), outputs[-2::-1], strict=True):
                gradients.append(backward(self.activation, before, gradients[-1] @ matrix))
            squares = np.array([np.mean(each * each) for each in outputs])
            norms = np.array([np.sum(each * each) for each in reversed(gradients)])
        return squares, norms

    def _weights(self, network: int) -> Iterator[tuple[Array, Array | float]]:
        shape = f"shape={self.outputs},{self.width}"
        for place, gain in enumerate(self.gains):
            query = f"{shape}&{self.scheme.format(gain=gain)}"
            matrix = weights(f"layers.{place}.weight", query, network) * self.misfit
            if self.bias == 0:
                yield matrix, 0.0
            else:
                query = f"shape={self.outputs}&scheme=normal&std={self.bias!r}"
                yield matrix, weights(f"layers.{place}.bias", query, network)


def vector(name: str, length: int, network: int) -> Array:
    """Issued independent normal numbers of variance 1."""
    return weights(name, f"shape={length}&scheme=normal&std=1", network)


def bounded(numbers: Array) -> Array:
    """Logarithms between -LARGEST and LARGEST; overflow, and what follows it, is the latter."""
    whole = np.where(np.isfinite(numbers), numbers, math.inf)
    with np.errstate(divide="ignore"):
        return np.clip(np.log(whole), -LARGEST, LARGEST)


def scores(measured: Array, sample: Array) -> Array:
    """Normal scores of measured numbers: their quantiles in the sample, as those of N(0, 1).

    Equal numbers share their ranks. If measured numbers and sample have one distribution, the
    scores are standard normal.
    """
    ordered = np.sort(np.clip(sample, -LARGEST, LARGEST))
    bounded = np.clip(measured, -LARGEST, LARGEST)
    ranks = np.searchsorted(ordered, bounded, "left") + np.searchsorted(ordered, bounded, "right")
    quantiles = (ranks / 2.0 + 0.5) / (ordered.size + 1.0)
    return np.array([NormalDist().inv_cdf(each) for each in quantiles.tolist()])
