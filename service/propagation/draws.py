"""Where the numbers of single draws of a network's weights are, layer by layer.

The closed form of `theory` follows small errors. Where errors grow from layer to layer, as in plain
stacks of GELU, they do not stay small, and a plain network is drawn: not its weights, but the few
numbers of each layer that matter (`service.mean_field.sampled_width`). Errors grow where a layer
multiplies an error of ln q by more than 1, or the gradient along the signal by more than chi_1.
"""

import math
from dataclasses import dataclass

import numpy as np

from service.mean_field.elementary import Array
from service.mean_field.sampled_width import Layer, sampled_errors
from service.propagation.network import Network, Node
from service.propagation.theory import Return, Step

DEVIATIONS = 1.959963984540054
"""A normal variable is within so many standard deviations in 95 of 100 draws."""

MOST_SPREAD = 25.0
"""With a larger variance of the logarithm a draw may have any size, and no range is told."""

MOST_DRAWS, LEAST_DRAWS = 1000, 200
_DRAWN_LAYERS = 200_000
"""Layers of all draws together, which take a third of a second. Deep networks have fewer draws."""

MOST_KINDS = 8
"""The most different activations of a network that is sampled. Each costs a table of moments."""

_FARTHEST = 600.0
"""A logarithm beyond it is a number that a draw cannot be told to have."""

_ROUNDING = 1e-4

_MEASURED = 2.0
"""The mean square of m normal values has the relative variance (E z^4 - 1) / m = 2 / m."""


@dataclass(frozen=True, slots=True)
class Range:
    """95 of 100 draws are from `low` to `high`, and half of them are below `median`."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class LayerDraws:
    """The ranges at a layer; None where a draw may have any size, or where there is no number.

    `output` is of the variance of its output, `stream` of what the next layer gets. `gradient` is
    of the gradient with respect to the output, `norm` of the squared norm with respect to what the
    next layer gets.
    """

    output: Range | None
    stream: Range | None
    gradient: Range | None
    norm: Range | None


@dataclass(frozen=True, slots=True)
class Draws:
    """The ranges at each layer. `sampled`: they are quantiles of draws, and not the closed form.

    `rough`: errors grow, but the network cannot be sampled, so the ranges are estimates.
    """

    layers: tuple[LayerDraws, ...]
    sampled: bool
    rough: bool


def draws_of(network: Network, steps: tuple[Step, ...], returns: tuple[Return, ...]) -> Draws:
    """The ranges of a network. The same network has the same ranges."""
    closed = tuple(_closed(*pair) for pair in zip(steps, returns, strict=True))
    if not any(map(_grows, steps)):
        return Draws(closed, sampled=False, rough=False)
    kinds = {(node.activation, node.slope) for node in network.nodes}
    plain = all(map(_is_plain, network.nodes)) and len(kinds) <= MOST_KINDS
    if plain and all(map(_has_size, steps)):
        return Draws(tuple(_sampled(network, steps, returns)), sampled=True, rough=False)
    rough = any(_spreads(step) for step in steps)
    return Draws(closed, sampled=False, rough=rough)


def _grows(step: Step) -> bool:
    """Whether errors grow here, in the forward or in the backward pass."""
    before, after = step.before.variance, step.after.variance
    if step.found is None or not (0 < before < math.inf and 0 < after < math.inf):
        return False
    along = step.slope * step.slope * (after / before)
    return step.slope > 1.0 + _ROUNDING or along > step.chi * (1.0 + _ROUNDING)


def _is_plain(node: Node) -> bool:
    special = (node.opens, node.closes, node.beside, node.source, node.added, node.mixes)
    return not (any(special) or node.norms)


def _has_size(step: Step) -> bool:
    return 0 < step.after.variance < math.inf


def _spreads(step: Step) -> bool:
    """Whether the errors of the signal are too large for the closed form."""
    return step.stream.spread > 0.5


def _closed(step: Step, back: Return) -> LayerDraws:
    outputs = step.node.weights.outputs
    sure = back.spread == 0 and not step.node.norms
    spread = 0.0 if sure else measured(back.spread, outputs)
    return LayerDraws(
        output=lognormal(step.after.variance, measured(step.after.spread, outputs)),
        stream=lognormal(step.stream.variance, measured(step.stream.spread, outputs)),
        gradient=None if back.gradient is None else lognormal(back.gradient, spread),
        norm=None if back.norm is None else lognormal(back.norm, back.spread),
    )


def measured(spread: float, units: int) -> float:
    """The spread of the mean square of so many units, whose variance has this spread."""
    return spread + _MEASURED / max(units, 1)


def lognormal(mean: float, spread: float) -> Range | None:
    """The range of a number whose mean over draws is `mean`.

    Its logarithm has the variance `spread` and a mean that is `spread` / 2 below ln(mean).
    """
    if not math.isfinite(mean) or not spread <= MOST_SPREAD:
        return None
    half = DEVIATIONS * math.sqrt(spread)
    low, median, high = (math.exp(side * half - spread / 2.0) for side in (-1, 0, 1))
    return Range(mean * low, mean * median, mean * high)


def _sampled(
    network: Network, steps: tuple[Step, ...], returns: tuple[Return, ...]
) -> list[LayerDraws]:
    layers = [_layer(node) for node in network.nodes]
    count = max(LEAST_DRAWS, min(MOST_DRAWS, _DRAWN_LAYERS // len(layers)))
    sample = sampled_errors(layers, network.inquiry.stack.input_variance, count)
    generator = np.random.default_rng(1)
    last = max((index for index, node in enumerate(network.nodes) if not node.head), default=0)
    ranges = []
    for index, (step, back) in enumerate(zip(steps, returns, strict=True)):
        noise = _MEASURED / max(step.node.weights.outputs, 1)
        further = math.sqrt(noise) * generator.standard_normal(count) - noise / 2.0
        output = _quantiles(step.after.variance, sample.forward[index + 1] + further)
        errors = sample.gradient[index + 1]
        errors = errors - (0.0 if step.node.head else sample.gradient[last + 1])
        gradient = None if back.gradient is None else _quantiles(back.gradient, errors)
        norm = None if back.norm is None else _quantiles(back.norm, errors)
        ranges.append(LayerDraws(output, output, gradient, norm))
    return ranges


def _layer(node: Node) -> Layer:
    weights = node.weights
    return Layer(
        activation=node.activation,
        width=round(weights.reads),
        weight_variance=weights.variance,
        bias_variance=weights.bias_variance,
        slope=node.slope,
        orthogonal=weights.keeps_norm,
    )


def _quantiles(predicted: float, errors: Array) -> Range | None:
    """The range of predicted e^error; None if float64 cannot hold it."""
    if not 0 < predicted < math.inf:
        return None
    logs = (math.log(predicted) + np.quantile(errors, [0.025, 0.5, 0.975])).tolist()
    if max(map(abs, logs)) > _FARTHEST:
        return None
    return Range(*map(math.exp, logs))
