"""Monte-Carlo beside the theory: networks of Fanin's own tensors, forward and backward, in NumPy.

The tensors are those of the layers' URLs under the names of the answer, in float32. Network number
k has the seed of the question plus k. Products of matrices are in float32, of inputs divided by
their root mean square; all else is in float64. The weights of a large network are drawn again for
the backward pass, so that they need no memory.

The cost is estimated before anything is drawn, from the sizes alone, so that a question is
simulated on every machine or on none.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.chunks import tensor_filler
from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.mean_field.functions import backward as activation_backward
from service.mean_field.functions import value
from service.plan import plan
from service.propagation.network import AFTER, Network, Node, Norm, Weights

MOST_WIDTH = 1024
MOST_DEPTH = 200
MOST_SECONDS = 2.0
MOST_NETWORKS = 4

INPUTS = 32
"""Inputs that go through a network at once. Batch normalization takes its statistics over them."""

_FAST_VALUES = 6e8
"""Values that a second of one core draws of normal and uniform tensors."""

_SLOW_VALUES = 8e6
"""The same for tensors whose elements take more work."""

_ORTHOGONAL_SECONDS = 7e-11
"""Seconds for each m n min(m, n) of an orthogonal matrix."""

MOST_KEPT = 2**24
"""The most elements of all weights of a network that are kept for the backward pass: 64 MiB."""

_PRODUCT_SECONDS = 1.3e-11
"""Seconds for each multiplication of a product of matrices."""

_UNIT_SECONDS = 7.5e-8
"""Seconds for each input of an activation, forward and backward."""

_TENSOR_SECONDS = 2.5e-4
"""Seconds to plan a tensor."""

_MOST_BYTES = 2**32
_EPSILON = 1e-300

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Simulated:
    """What one network gave at a layer. A number that float64 cannot hold is None."""

    variance: float | None
    stream: float | None
    gradient: float | None
    stream_gradient: float | None
    correlation: float | None


@dataclass(frozen=True, slots=True)
class Simulation:
    """For each network, the numbers of each layer. `note` says why there is none."""

    networks: tuple[tuple[Simulated, ...], ...]
    note: str | None = None


def simulate(network: Network) -> Simulation:
    """Compute up to MOST_NETWORKS networks, as many as fit into MOST_SECONDS of one core.

    Raises ImpossibleError for a network that is too wide, too deep or too slow to draw.
    """
    note = _uncovered(network)
    if note is not None:
        return Simulation((), note)
    count = networks_within_limits(network)
    seed = network.inquiry.stack.seed or 0
    runs = (_Run(network, (seed + number) % 2**64) for number in range(count))
    # In float64 a network that explodes gives infinity and NaN, which are told as None.
    with np.errstate(all="ignore"):
        return Simulation(tuple(run.through() for run in runs))


def networks_within_limits(network: Network) -> int:
    """How many networks are simulated. Raises ImpossibleError if not even one is."""
    nodes = network.nodes
    if len(nodes) > MOST_DEPTH:
        message = f"a simulation has at most {MOST_DEPTH} layers, and the network has {len(nodes)}"
        raise _too_large(message, "write simulate=false, or ask about fewer layers")
    widest = max(max(node.weights.inputs, _units(node.weights)) for node in nodes)
    if widest > MOST_WIDTH:
        message = f"a simulation has at most {MOST_WIDTH} units in a layer, and one has {widest}"
        raise _too_large(message, f"write simulate=false, or a width of at most {MOST_WIDTH}")
    draws = 1 if _keeps(network) else 2
    seconds = sum(_seconds(node.weights, draws) for node in nodes)
    if seconds > MOST_SECONDS:
        message = (
            f"a simulation would take about {seconds:.1f} seconds of a core, and the most is "
            f"{MOST_SECONDS:.0f}"
        )
        raise _too_large(message, "write simulate=false, or ask about a smaller network")
    return min(MOST_NETWORKS, int(MOST_SECONDS / seconds))


def _units(weights: Weights) -> int:
    parts = weights.spec.parts
    return weights.outputs // (parts if isinstance(parts, int) else 1)


def _keeps(network: Network) -> bool:
    """Whether the weights of the forward pass are kept."""
    every = (node.weights.inputs * node.weights.outputs for node in network.nodes)
    return sum(every) <= MOST_KEPT


def _seconds(weights: Weights, draws: int) -> float:
    """The estimated time of a layer in one network."""
    rows, columns = weights.outputs, weights.inputs
    elements = rows * columns
    drawn = elements / (_FAST_VALUES if weights.cheap else _SLOW_VALUES)
    if weights.orthogonal:
        drawn = elements * min(rows, columns) * _ORTHOGONAL_SECONDS
    products = 2 * INPUTS * elements * _PRODUCT_SECONDS
    return draws * (drawn + _TENSOR_SECONDS) + products + INPUTS * (rows + columns) * _UNIT_SECONDS


def _too_large(message: str, hint: str) -> ImpossibleError:
    return ImpossibleError("simulation_too_large", Problem("simulate", message, hint))


def _uncovered(network: Network) -> str | None:
    """Why the network is not simulated, None if it is."""
    units = stream = None
    for node in network.nodes:
        weights = node.weights
        if not weights.simulated or node.source or node.added:
            return f"Simulations cover dense layers alone, and {node.name} is none."
        if node.beside or node.mixes:
            return f"Simulations do not cover attention and gates of their own, as in {node.name}."
        read = weights.inputs * (2 if node.gated else 1)
        if units is not None and read != units:
            return f"{node.name} reads {read} values, and the layer before it gives {units}."
        stream = read if node.opens else stream
        units = weights.outputs
        if node.closes and units != stream:
            return f"{node.name} adds {units} values to a stream of {stream}."
    return None


class _Run:
    """One network. Rows of arrays are inputs, columns are units."""

    def __init__(self, network: Network, seed: int) -> None:
        self._network = network
        self._seed = seed
        self._keeps = _keeps(network)
        self._kept: dict[int, npt.NDArray[np.float32]] = {}

    def through(self) -> tuple[Simulated, ...]:
        """The numbers of each layer."""
        passes = list(self._forward())
        gradients = reversed(list(self._backward(passes)))
        return tuple(
            Simulated(each.variance, each.stream, gradient, norm, each.correlation)
            for each, (gradient, norm) in zip(passes, gradients, strict=True)
        )

    def _forward(self) -> Iterator["_Pass"]:
        signal = stream = self._inputs()
        for index, node in enumerate(self._network.nodes):
            if node.opens:
                stream = signal
            norms: dict[Norm, _Normed] = {}
            if "before" in node.norms:
                signal = _normalise("before", signal, node, norms)
            read = value(node.activation, signal, node.slope)
            if "between" in node.norms:
                read = _normalise("between", read, node, norms)
            output = _product(read, self._matrix(index).T)
            if node.weights.bias_std:
                bias = self._normal(f"{node.name}.bias", 1, output.shape[1])
                output = output + node.weights.bias_std * bias
            output = node.weights.frequency * output
            passed = output
            if "branch" in node.norms:
                passed = _normalise("branch", passed, node, norms)
            if node.closes:
                passed = node.weights.skip * stream + passed
            for place in AFTER:
                if place in node.norms:
                    passed = _normalise(place, passed, node, norms)
            yield _Pass(
                node=node,
                signal=signal,
                norms=norms,
                variance=_mean_square(output),
                stream=_mean_square(passed),
                correlation=_correlation(output),
                shape=output.shape,
            )
            signal = passed

    def _backward(self, passes: list["_Pass"]) -> Iterator[tuple[float | None, float | None]]:
        """`gradient` and `stream_gradient` of each layer, from the last to the first."""
        rows, units = passes[-1].shape
        gradient = self._normal("gradient", rows, units)
        gradient /= math.sqrt(np.mean(gradient * gradient))
        skipped, whole, within = gradient, None, False
        for index in range(len(passes) - 1, -1, -1):
            each = passes[index]
            node = each.node
            norm = _finite(float(np.sum(gradient * gradient)))
            whole = norm if whole is None and not node.head else whole
            told = None if within or node.head or not whole or norm is None else norm / whole
            within = (within or node.closes) and not node.opens
            for place in AFTER:
                gradient = each.back(place, gradient)
            if node.closes:
                skipped = node.weights.skip * gradient
            gradient = each.back("branch", gradient)
            yield _mean_square(gradient), told
            read = node.weights.frequency * _product(gradient, self._matrix(index))
            read = each.back("between", read)
            gradient = activation_backward(node.activation, each.signal, read, node.slope)
            gradient = each.back("before", gradient)
            if node.opens:
                gradient = gradient + skipped

    def _inputs(self) -> Array:
        """Inputs of the given mean square, each two of the given correlation."""
        stack, first = self._network.inquiry.stack, self._network.nodes[0]
        units = first.weights.inputs * (2 if first.gated else 1)
        drawn = self._normal("input", INPUTS + 1, units)
        c = stack.input_correlation
        inputs = math.sqrt(c) * drawn[-1] + math.sqrt(1.0 - c) * drawn[:-1]
        size = np.sqrt(np.mean(inputs * inputs, axis=1, keepdims=True))
        return np.asarray(math.sqrt(stack.input_variance) * inputs / size)

    def _normal(self, name: str, rows: int, columns: int) -> Array:
        spec = Spec(shape=(rows, columns), scheme="normal")
        return self._drawn(spec, name).astype(np.float64)

    def _matrix(self, index: int) -> npt.NDArray[np.float32]:
        """The weight of a layer: a row for each output."""
        if index in self._kept:
            return self._kept[index]
        node = self._network.nodes[index]
        matrix = self._drawn(node.weights.spec, node.name)
        matrix = matrix if node.weights.rows_are_outputs else matrix.T
        if self._keeps:
            self._kept[index] = matrix
        return matrix

    def _drawn(self, spec: Spec, name: str) -> npt.NDArray[np.float32]:
        fields = {"name": name, "seed": self._seed, "dtype": "float32", "order": "C", "slice": None}
        tensor = plan(spec.model_copy(update=fields), "raw", max_bytes=_MOST_BYTES).tensor
        filler = tensor_filler(tensor)
        memory = np.empty(filler.lattice.size * filler.itemsize, np.uint8)
        filler.fill(0, filler.lattice.size, memory)
        return memory.view(np.float32).reshape(spec.shape)


@dataclass(frozen=True, slots=True)
class _Pass:
    """A layer of the forward pass: what its activation got, and what the backward pass needs."""

    node: Node
    signal: Array
    norms: "dict[Norm, _Normed]"
    variance: float | None
    stream: float | None
    correlation: float | None
    shape: tuple[int, ...]

    def back(self, place: Norm, gradient: Array) -> Array:
        """The gradient with respect to what the norm at this place gets, if there is one."""
        return self.norms[place].backward(gradient) if place in self.norms else gradient


class _Normed:
    """A normalization without parameters. Group normalization counts as one group."""

    def __init__(self, signal: Array, kind: str) -> None:
        self._axis = 0 if kind == "batch" else 1
        self._centred = kind != "rms"
        if self._centred:
            signal = signal - signal.mean(axis=self._axis, keepdims=True)
        size = np.sqrt(np.mean(signal * signal, axis=self._axis, keepdims=True))
        self._size = np.maximum(size, _EPSILON)
        self.output: Array = signal / self._size

    def backward(self, gradient: Array) -> Array:
        """The gradient with respect to the input."""
        along = np.mean(gradient * self.output, axis=self._axis, keepdims=True)
        rest = gradient - self.output * along
        if self._centred:
            rest = rest - gradient.mean(axis=self._axis, keepdims=True)
        return np.asarray(rest / self._size)


def _normalise(place: Norm, signal: Array, node: Node, norms: dict[Norm, _Normed]) -> Array:
    """The normalised signal; the norm is kept under its place."""
    norms[place] = _Normed(signal, node.kind)
    return norms[place].output


def _product(rows: Array, matrix: npt.NDArray[np.float32]) -> Array:
    """rows @ matrix in float32. The rows are scaled, so that none of them overflows."""
    size = math.sqrt(np.mean(rows * rows))
    if not 0 < size < math.inf:
        return np.full((rows.shape[0], matrix.shape[1]), size * 0.0)
    product = (rows / size).astype(np.float32) @ matrix
    return np.asarray(product.astype(np.float64) * size)


def _mean_square(values: Array) -> float | None:
    return _finite(float(np.mean(values * values)))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _correlation(values: Array) -> float | None:
    """The mean correlation of two rows: of all pairs at once, by the sum of the rows."""
    count = len(values)
    squares = float(np.sum(values * values))
    total = values.sum(axis=0)
    between = (float(total @ total) - squares) / (count - 1)
    return between / squares if 0 < squares < math.inf and math.isfinite(between) else None
