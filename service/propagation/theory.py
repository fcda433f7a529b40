"""Mean-field theory of a network: variances, correlations and gradients, layer by layer.

Forward (Poole et al. 2016): q' = s_w^2 E[f(sqrt(q) z)^2] + s_b^2, and for two inputs of correlation
c the same with E[f(u1) f(u2)]. Backward (Schoenholz et al. 2017): the gradient's variance goes back
by fan_out std^2 E[f'(sqrt(q) z)^2]. The weights of the backward pass count as new draws.

A layer or RMS norm divides each signal by its root mean square, so q becomes 1 and the gradient's
variance is divided by q. A batch norm takes away the part that the inputs have in common, so q (1 -
c) becomes 1 and c becomes 0 (Yang et al. 2019).

Finite width (Hanin and Nica 2019): ln q of one draw of the network has mean -v/2 and variance v. A
layer that reads n values adds (E f^4 / E f^2 ^2 - 1) / n to v, and multiplies what came before by
(d ln q' / d ln q)^2. This is right while errors are small; `draws` says what is told where they
grow.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from service.mean_field.moments import moments
from service.mean_field.record import Moments
from service.propagation.correlation import product_ratio
from service.propagation.network import AFTER, Network, Node, Norm, Weights


@dataclass(frozen=True, slots=True)
class Signal:
    """What goes from layer to layer.

    `variance` is the mean square q. `correlation` is that of two inputs, `tokens` that of two
    tokens of one input. `spread` is the variance v of ln q over draws of the network.
    """

    variance: float
    correlation: float
    tokens: float
    spread: float


@dataclass(frozen=True, slots=True)
class Step:
    """A layer in the forward pass.

    `before` is the signal that its activation gets, after any norm. `read` is the mean square of
    what the weights multiply. `after` is the layer's own output, before a norm or a sum. `stream`
    is what the next layer gets. `within`: the layer is in a branch and does not end it. `divided`
    has the number by which each norm divides the variance. `found` are the moments of
    the activation, None for a table of rows. `slope` is d ln(after) / d ln(before), and `noise` is
    what the layer adds to the spread.
    """

    node: Node
    before: Signal
    read: float
    after: Signal
    stream: Signal
    within: bool
    divided: dict[Norm, float]
    found: Moments | None
    slope: float
    noise: float

    @property
    def chi(self) -> float:
        """s_w^2 E f'^2, divided by what a norm between them divides by.

        The layer multiplies the squared norm of a gradient by it.
        """
        if self.found is None:
            return 0.0
        chi = times(self.node.weights.variance, self.found.derivative)
        return quotient(chi, self.divided.get("between", 1.0))


@dataclass(frozen=True, slots=True)
class Return:
    """A layer in the backward pass.

    `gradient` is the variance of the gradient with respect to the layer's output, relative to that
    of the last layer; None beside the path. `norm` is the squared norm of the gradient with respect
    to what the next layer gets, relative to the last layer that is no output layer. It is None
    within a branch. `spread` is the variance of the logarithm of the gradient's variance.
    """

    gradient: float | None
    norm: float | None
    spread: float


def forward(network: Network, most: float = math.inf) -> tuple[Step, ...]:
    """The forward pass. A variance that float64 cannot hold is infinite.

    It ends early with a signal whose variance is not from 1 / most to most.
    """
    stack = network.inquiry.stack
    signal = Signal(stack.input_variance, stack.input_correlation, stack.token_correlation, 0.0)
    return tuple(_steps(network, signal, most))


def _steps(network: Network, signal: Signal, most: float) -> Iterator[Step]:
    stream, within = signal, False
    for node in network.nodes:
        if node.opens:
            stream, within = signal, True
        within = within and not node.closes
        step = _step(node, signal, stream, network.inquiry.stack.tokens)
        yield replace(step, within=within)
        judged = not (within or node.beside or node.head)
        if judged and most < math.inf and not 1.0 / most <= step.stream.variance <= most:
            return
        if not node.beside:
            signal = step.stream


def _step(node: Node, signal: Signal, stream: Signal, tokens: int) -> Step:
    weights = node.weights
    if node.source or node.added:
        row = Signal(weights.std * weights.std, signal.correlation, signal.tokens, 0.0)
        passed = _added(signal, row, 1.0) if node.added else row
        return Step(node, signal, 1.0, row, passed, False, {}, None, 1.0, 0.0)
    divided: dict[Norm, float] = {}
    if "before" in node.norms:
        divided["before"], signal = normed(signal, node.kind)
    found = moments(node.activation, signal.variance, node.slope)
    activated = _activated(node, signal, found)
    if "between" in node.norms:
        divided["between"], activated = _centred(activated, found, node.kind)
    read = activated.variance * (mixing(tokens, activated.tokens) if node.mixes else 1.0)
    after, share = _output(weights, activated, read)
    slope = 0.0 if "between" in node.norms else found.slope * share
    passed = replace(after, tokens=1.0) if node.mixes else after
    if "branch" in node.norms:
        divided["branch"], passed = normed(passed, node.kind)
    if node.closes:
        passed = _added(stream, passed, weights.skip)
    for place in AFTER:
        if place in node.norms:
            divided[place], passed = normed(passed, node.kind)
    noise = after.spread - slope * slope * signal.spread
    return Step(node, signal, read, after, passed, False, divided, found, slope, noise)


def _activated(node: Node, signal: Signal, found: Moments) -> Signal:
    """What the activation makes of a signal. Its spread is that of its mean square."""
    noise = found.spread - 1.0 - _kept(node.weights, found.slope * found.slope)
    return Signal(
        found.second,
        _mapped(node, signal, signal.correlation),
        _mapped(node, signal, signal.tokens),
        found.slope * found.slope * signal.spread + max(0.0, noise) / node.weights.reads,
    )


def _mapped(node: Node, signal: Signal, correlation: float) -> float:
    """E f(u1) f(u2) / E f^2. Equal inputs stay equal."""
    if correlation == 1.0 or not 0 < signal.variance < math.inf:
        return correlation
    return product_ratio(node.activation, signal.variance, correlation, node.slope)


def _centred(activated: Signal, found: Moments, kind: str) -> tuple[float, Signal]:
    """The norm of an activation's output: layer normalization takes its mean away first."""
    mean = found.mean * found.mean if kind != "rms" else 0.0
    left = activated.variance - mean
    if not 0 < left < math.inf:
        return left, replace(activated, variance=0.0)

    def of(correlation: float) -> float:
        return (activated.variance * correlation - mean) / left

    return left, Signal(1.0, of(activated.correlation), of(activated.tokens), 0.0)


def _output(weights: Weights, activated: Signal, read: float) -> tuple[Signal, float]:
    """The output of a layer that reads a signal, and the share of its weights in the variance."""
    by_weights = times(weights.variance, read)
    variance = by_weights + weights.bias_variance
    if not 0 < variance < math.inf:
        return replace(activated, variance=variance), 1.0
    share = by_weights / variance
    after = Signal(
        variance,
        share * activated.correlation + (1.0 - share),
        share * activated.tokens + (1.0 - share),
        share * share * activated.spread,
    )
    return after, share


def times(first: float, second: float) -> float:
    """The product; 0 if either is 0, since weights of 0 stop any signal."""
    return first * second if first and second else 0.0


def mixing(tokens: int, correlation: float) -> float:
    """What the average over tokens leaves of a variance."""
    return correlation + (1.0 - correlation) / tokens


def _kept(weights: Weights, squared: float) -> float:
    """What orthogonal weights take away from a noise, by keeping the norm of what they read."""
    return 2.0 * squared if weights.keeps_norm else 0.0


def normed(signal: Signal, kind: str) -> tuple[float, Signal]:
    """The number by which a norm divides the variance, and the signal after it."""
    if kind != "batch":
        return signal.variance, replace(signal, variance=1.0, spread=0.0)
    own = signal.variance * (1.0 - signal.correlation)
    if own <= 0:
        return own, Signal(0.0, 0.0, 0.0, 0.0)
    return own, Signal(1.0, 0.0, signal.tokens, 0.0)


def _added(stream: Signal, branch: Signal, multiplier: float) -> Signal:
    """multiplier x stream + branch, two independent signals."""
    first, second = multiplier * multiplier * stream.variance, branch.variance
    total = first + second
    if not 0 < total < math.inf:
        return replace(stream, variance=total)
    share = first / total
    return Signal(
        total,
        share * stream.correlation + (1.0 - share) * branch.correlation,
        share * stream.tokens + (1.0 - share) * branch.tokens,
        share * share * stream.spread + (1.0 - share) * (1.0 - share) * branch.spread,
    )


def backward(network: Network, steps: tuple[Step, ...]) -> tuple[Return, ...]:
    """The backward pass, in the order of the layers."""
    passing = _Passing(network.inquiry.stack.tokens)
    returns = []
    for index in range(len(steps) - 1, -1, -1):
        reader = _reader(steps, index)
        returns.append(passing.through(steps[index], reader))
    return tuple(reversed(returns))


def _reader(steps: tuple[Step, ...], index: int) -> Node | None:
    """The layer that reads the output of this one."""
    later = (step.node for step in steps[index + 1 :])
    return next((node for node in later if not node.beside), None)


class _Passing:
    """The gradient on its way back.

    `gradient`, `norm` and `spread` are those of `Return`, for the signal between two layers.
    `tokens` is the correlation of the gradients of two tokens. `kept` is the state of the stream
    while the gradient passes through a branch. `sensitivity` is the change of ln(norm) with ln q of
    the signal, which the forward pass makes, and `induced` is the variance that noise makes by it.
    """

    def __init__(self, tokens: int) -> None:
        self._count = tokens
        self._gradient = 1.0
        self._norm: float | None = None
        self._spread = self._tokens = 0.0
        self._sensitivity = self._induced = 0.0
        self._kept: tuple[float, float | None, float, float] | None = None

    def through(self, step: Step, reader: Node | None) -> Return:
        """Go back through a layer, and return what its output gets."""
        node = step.node
        if node.beside:
            return Return(None, None, 0.0)
        if self._norm is None and not node.head:
            self._norm, self._spread = 1.0, 0.0
        told = None if step.within else self._norm
        spread = (
            self._spread
            + self._induced
            + self._sensitivity * self._sensitivity * step.stream.spread
        )
        for place in AFTER:
            self._divide(step.divided.get(place, 1.0))
        if node.closes:
            skipped = node.weights.skip * node.weights.skip
            norm = None if self._norm is None else self._norm * skipped
            self._kept = (self._gradient * skipped, norm, self._spread, self._tokens)
            self._spread = 0.0
        self._divide(step.divided.get("branch", 1.0))
        # A covariance may be negative. Rounding must not make the whole so.
        found = Return(self._gradient, told, max(0.0, spread))
        if step.found is not None:
            self._layer(step, step.found, reader)
        if node.opens and self._kept is not None:
            self._join(self._kept)
        return found

    def _layer(self, step: Step, found: Moments, reader: Node | None) -> None:
        node, weights = step.node, step.node.weights
        mixed = 1.0
        if node.mixes:
            mixed = mixing(self._count, self._tokens)
            self._tokens = 1.0
        if node.norms or self._kept is not None:
            self._sensitivity = 0.0
        halves = _halves(weights, reader)
        into = 0.5 if node.gated else 1.0
        factor = times(weights.backward_variance, found.derivative)
        factor = quotient(factor, step.divided.get("between", 1.0))
        self._gradient = times(self._gradient, factor * halves * mixed * into)
        if self._norm is not None:
            self._norm = times(self._norm, step.chi * mixed)
            kept = _kept(weights, 1.0 + found.derivative_slope * found.derivative_slope)
            noise = 3.0 * found.derivative_spread - 1.0 - kept
            self._spread += max(0.0, noise) / weights.reads
            # The noise of this layer's output reaches chi of all layers after it, and the same
            # units make the noise of its own chi.
            shared = found.shared - 1.0 - _kept(weights, found.slope * found.derivative_slope)
            self._induced += self._sensitivity * self._sensitivity * step.noise
            self._induced += 2.0 * self._sensitivity * shared / weights.reads
            self._sensitivity = found.derivative_slope + step.slope * self._sensitivity
        self._divide(step.divided.get("before", 1.0))
        if node.norms:
            self._sensitivity = 0.0

    def _divide(self, divided: float) -> None:
        self._gradient = quotient(self._gradient, divided)
        self._norm = None if self._norm is None else quotient(self._norm, divided)

    def _join(self, kept: tuple[float, float | None, float, float]) -> None:
        """Add the gradient that the skip connection brings to that of the branch."""
        gradient, norm, spread, tokens = kept
        share = 0.0
        if norm is not None and self._norm is not None:
            total = norm + self._norm
            share = self._norm / total if 0 < total < math.inf else 0.0
            self._norm = total
        self._gradient += gradient
        self._tokens = share * self._tokens + (1.0 - share) * tokens
        self._spread = spread + share * share * self._spread
        self._kept = None


def _halves(weights: Weights, reader: Node | None) -> float:
    """2 if the layer makes both halves of a gated unit and its fan_out counts one of them."""
    if reader is None or not reader.gated:
        return 1.0
    counted = weights.spec.parts == 1 and weights.outputs == 2 * reader.weights.inputs
    return 1.0 if counted else 2.0


def quotient(above: float, below: float) -> float:
    if above == 0:
        return 0.0
    return above / below if below > 0 else math.inf
