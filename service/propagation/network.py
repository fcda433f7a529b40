"""The network of an inquiry: its layers in a row, with branches, norms and the laws of the weights.

`q` is the variance of what a layer puts out before the next activation, its pre-activation.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Literal

from service.advice import recommend
from service.advice.comparison import requested_plan
from service.advice.context import LayerContext, context_of
from service.advice.understanding import Understood
from service.errors import FaninError, ImpossibleError, Problem
from service.fields import Spec, parse_query
from service.initializers.activations import ACTIVATIONS
from service.initializers.schemes import AUTO, SCHEMES
from service.plan import Plan, plan
from service.propagation.question import Inquiry, NetworkLayer
from service.spelling import shortest
from service.stream.draws import (
    Constant,
    Normal,
    Orthogonal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    UniformBetween,
)

Norm = Literal["before", "between", "after", "branch", "sum"]
"""Where a normalization stands: before the layer's activation, between its activation and its
weights, after its weights, after a branch, or after a branch is added."""

AFTER: tuple[Norm, ...] = ("after", "sum")
"""Norms of what the next layer gets. A layer has at most one of the two."""

_DIRECT = ("layer", "rms")
"""Normalizations whose output a layer reads directly. `batch` and `group` stand between a layer and
its activation."""

_DIRECTLY: frozenset[Norm] = frozenset({"before", "between"})
"""The places of such norms."""

SINE = "sin"

SINE_SCHEMES = ("siren", "siren_first")
"""Schemes whose weights are for layers sin(omega (W x + b))."""

SIREN_FREQUENCY = 30.0
"""omega of these schemes, unless the question has another (Sitzmann et al. 2020)."""

MOST_FREQUENCY = 1e30

MOST_DIFFERENT = 100
"""The most different layers. Each of them costs a recommendation, which takes milliseconds."""

CHEAP = (Constant, SymmetricUniform, UniformBetween, Normal, SymmetricTruncatedNormal)
"""The draws whose kernels make hundreds of millions of values a second."""

_BESIDE = ("attention_query", "attention_key", "mlp_gate", "router")
"""Roles whose output is not what the next layer reads. The half of a gated unit that `mlp_gate`
makes has the variance of the half that `mlp_up` makes, and is counted with it."""

_MIXES = "attention_output"
"""The role of a layer that reads averages over tokens."""

_ADDS = "position_embedding"
"""The role of a table whose rows are added to the stream."""

_NO_LAYER = (
    *("norm_scale", "norm_bias", "shortcut", "branch_scale", "lora_a", "lora_b"),
    *("bias", "scale"),
)
"""Roles and layers that are no step of the path from the input to the output."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a layer, and what it reads.

    `spec` makes them, without seed and name. `inputs` and `outputs` are numbers of channels or
    units, and `channels` are the inputs of all groups. `activation` is what the layer reads.
    `understood` is how its question was understood. `skip` is the number by which DeepNorm
    multiplies the stream before it adds the branch, 1 without DeepNorm. `branches` is the number of
    residual branches of the whole network. `frequency` is omega of a sine layer, sin(omega (W x +
    b)), and 1 for any other: weights and biases count omega times. `looks_up`: it is a table whose
    rows are looked up. `convolves`: it has kernel axes. `recurrent`: it reads the state of a
    recurrent layer. `dense`: it has inputs and outputs alone. `simulated`: it is dense and not in
    parts, so that a simulation covers it. `rows_are_outputs`: the first axis of its matrix is O.
    `orthogonal` and `cheap` say what kind of draw makes them. `given`: the scheme or one of its
    numbers was in the question. `says_what_it_reads`: `input_activation` was in the question.
    """

    spec: Spec
    scheme: str
    std: float
    bias_std: float
    fan_in: float
    fan_out: float
    inputs: int
    channels: int
    outputs: int
    activation: str
    slope: float | None
    understood: Understood
    skip: float
    branches: int
    frequency: float
    looks_up: bool
    convolves: bool
    recurrent: bool
    dense: bool
    simulated: bool
    rows_are_outputs: bool
    orthogonal: bool
    cheap: bool
    given: bool
    says_what_it_reads: bool

    @property
    def variance(self) -> float:
        """s_w^2 = fan_in (omega std)^2: a layer makes it of a mean square of 1."""
        return self.fan_in * (self.frequency * self.std) ** 2

    @property
    def backward_variance(self) -> float:
        """fan_out (omega std)^2: what a layer makes of the variance of a gradient."""
        return self.fan_out * (self.frequency * self.std) ** 2

    @property
    def keeps_norm(self) -> bool:
        """Whether the output has the norm of what the weights read, times the gain."""
        return self.orthogonal and self.outputs >= self.inputs

    @property
    def reads(self) -> float:
        """The number of independent values whose mean square the layer passes on.

        The places of an image become alike with depth, so of a convolution only channels count.
        """
        return float(max(self.channels, 1)) if self.convolves else max(self.fan_in, 1.0)

    @property
    def bias_variance(self) -> float:
        """s_b^2, of omega b."""
        return (self.frequency * self.bias_std) ** 2

    @property
    def gain(self) -> float:
        """std sqrt(fan_in), without omega."""
        return self.std * math.sqrt(self.fan_in)


@dataclass(frozen=True, slots=True)
class Node:
    """A layer of the network.

    `entry` is the place of its question in the inquiry, from 0. `activation` is what it applies to
    the signal before it reads it. `norms` are the places of normalizations around it, of the kind
    `kind`. `opens`: it reads the stream at the beginning of a residual branch. `closes`: its output
    is added to the stream. `beside`: the next layer does not read it. `head`: it is the output
    layer. `source`: it looks rows up, and reads nothing. `added`: its rows are added to the stream.
    `mixes`: it reads averages over tokens.
    """

    entry: int
    name: str
    weights: Weights
    activation: str
    norms: frozenset[Norm]
    kind: str
    opens: bool
    closes: bool
    beside: bool
    head: bool
    source: bool
    added: bool
    mixes: bool

    @property
    def gated(self) -> bool:
        """Whether the activation is a gated unit, which reads two halves."""
        return ACTIVATIONS[self.activation].family == "gated"

    @property
    def slope(self) -> float | None:
        """The slope below 0 of the activation, if it was given."""
        return self.weights.slope if ACTIVATIONS[self.activation].takes_slope else None


@dataclass(frozen=True, slots=True)
class Network:
    """The layers from the input to the output. The signal of the inquiry enters the first."""

    inquiry: Inquiry
    nodes: tuple[Node, ...]

    @property
    def attends(self) -> bool:
        """Whether a layer averages over tokens."""
        return any(node.mixes for node in self.nodes)

    @property
    def residual(self) -> bool:
        """Whether there are residual branches."""
        return any(node.closes for node in self.nodes)


def network_of(inquiry: Inquiry, max_bytes: int) -> Network:
    """The network of an inquiry.

    Raises ImpossibleError for weights that cannot be issued, for tensors that are no layer, for
    weights that the theory does not cover, and for branches without beginning or end.
    """
    keys = [entry.model_copy(update={"name": "", "seed": None}) for entry in inquiry.entries]
    if len(set(keys)) > MOST_DIFFERENT:
        message = f"{len(set(keys))} different layers are more than {MOST_DIFFERENT}"
        hint = f"ask about a part of the network with at most {MOST_DIFFERENT}"
        raise ImpossibleError("too_many_layers", Problem("layers", message, hint))
    resolved = [_located(inquiry, index, key, max_bytes) for index, key in enumerate(keys)]
    return Network(inquiry, tuple(_linked(inquiry, _nodes(inquiry, resolved))))


def _located(inquiry: Inquiry, index: int, entry: NetworkLayer, max_bytes: int) -> Weights:
    """The weights of an entry. A problem of a listed layer says which one it is."""
    try:
        return _weights_of(entry, max_bytes)
    except FaninError as error:
        if inquiry.plain:
            raise
        where = f"layers[{index}]"
        inside = (replace(each, field=f"{where}.{each.field}") for each in error.problems)
        raise type(error)(error.reason, *inside) from None


@lru_cache(maxsize=1024)
def _weights_of(entry: NetworkLayer, max_bytes: int) -> Weights:
    context = context_of(_without_frequency(entry))
    _refuse_no_layer(context)
    requested = requested_plan(context, max_bytes)
    bias_std, multipliers = entry.bias_std or 0.0, dict[str, float]()
    if requested is None:
        advice = recommend(entry, max_bytes=max_bytes)
        query = advice.weights_url.partition("?")[2]
        planned = plan(parse_query(query.encode()), "raw", max_bytes=max_bytes)
        multipliers = advice.multipliers
        if entry.bias_std is None:
            bias_std = advice.bias.std
    else:
        planned = plan(requested.spec, "raw", max_bytes=max_bytes)
        if planned.facts.scheme == "deepnorm":
            multipliers = {"skip": (2.0 * (entry.depth or 1)) ** 0.25}
    _refuse_other_laws(planned)
    return replace(
        _weights(context, planned, multipliers),
        bias_std=bias_std,
        frequency=_frequency(entry, context.understood),
        given=requested is not None,
    )


def _without_frequency(entry: NetworkLayer) -> NetworkLayer:
    """The question about the weights: without omega if that only describes the sine behind them."""
    if entry.activation != SINE:
        return entry
    if entry.scheme == AUTO:
        other = entry.gain is not None or entry.std is not None
    else:
        other = "omega" not in SCHEMES[entry.scheme].fields
    return entry.model_copy(update={"omega": None}) if other else entry


def _frequency(entry: NetworkLayer, place: Understood) -> float:
    """Omega of a sine layer. The output layer of a SIREN is linear (Sitzmann et al. 2020)."""
    if place.activation != SINE or place.position == "output":
        return 1.0
    if entry.omega is not None:
        if not 0.0 < entry.omega <= MOST_FREQUENCY:
            message = f"{shortest(entry.omega)} is no frequency of a sine layer"
            hint = f"write a number above 0 and up to {shortest(MOST_FREQUENCY)}, such as omega=30"
            raise ImpossibleError("out_of_range", Problem("omega", message, hint))
        return entry.omega
    return SIREN_FREQUENCY if entry.scheme in SINE_SCHEMES else 1.0


def _weights(context: LayerContext, planned: Plan, multipliers: dict[str, float]) -> Weights:
    """The weights, as if they were not given and had no bias."""
    letters, question = context.letters or "", context.question
    activation, source = context.input_activation.name, context.layer == "embedding"
    dense = sorted(letters) == ["I", "O"]
    return Weights(
        spec=planned.spec,
        scheme=planned.facts.scheme,
        std=planned.facts.std or 0.0,
        bias_std=0.0,
        fan_in=1.0 if source else context.fan_in or 0.0,
        fan_out=context.fan_out or 0.0,
        inputs=_channels(letters, question.shape, "I"),
        channels=_channels(letters, question.shape, "I") * _groups(context),
        outputs=_channels(letters, question.shape, "O"),
        activation="linear" if source else activation,
        slope=question.negative_slope,
        understood=context.understood,
        skip=multipliers.get("skip", 1.0),
        branches=context.branches * (question.depth or 1),
        frequency=1.0,
        looks_up=source,
        convolves=context.convolves,
        recurrent=context.layer == "recurrent",
        dense=dense,
        simulated=dense and len(planned.tensor.blocks) == 1,
        rows_are_outputs=letters.startswith("O"),
        orthogonal=isinstance(planned.tensor.law.draw, Orthogonal),
        cheap=isinstance(planned.tensor.law.draw, CHEAP),
        given=False,
        says_what_it_reads=question.input_activation is not None,
    )


def _channels(letters: str, shape: tuple[int, ...], letter: str) -> int:
    """The number of inputs (I) or outputs (O). Independent copies are outputs."""
    counted = "EO" if letter == "O" else letter
    axes = zip(letters, shape, strict=True) if letters else ()
    return prod(extent for axis, extent in axes if axis in counted)


def _groups(context: LayerContext) -> int:
    """The groups whose inputs the letter I does not count."""
    weight = context.weight
    if weight.transposed:
        return 1
    return weight.groups or (weight.count("O") if weight.depthwise else 1)


def _refuse_no_layer(context: LayerContext) -> None:
    role = context.question.role or context.layer
    if role in _NO_LAYER or not (context.connects or context.layer == "embedding"):
        message = f"a {role} is no layer that reads another one"
        hint = "leave it out; bias_std sets the biases of a layer, and normalization its norm"
        raise ImpossibleError("not_a_layer", Problem("layer", message, hint))


def _refuse_other_laws(planned: Plan) -> None:
    """Refuse weights that are not independent draws of mean 0, and empty tensors."""
    facts, tensor = planned.facts, planned.tensor
    if tensor.empty:
        hint = "write extents above 0"
        raise ImpossibleError("zero_fan", Problem("shape", "the tensor is empty", hint))
    if facts.mean == 0 and facts.std is not None and (tensor.uses_words or facts.std == 0):
        return
    message = f"the theory is for random weights of mean 0, which {facts.scheme} does not give here"
    hint = "leave the scheme and its numbers out, or write scheme=he_normal"
    raise ImpossibleError("not_random", Problem("scheme", message, hint))


def _nodes(inquiry: Inquiry, resolved: list[Weights]) -> Iterator[Node]:
    """The nodes of all repetitions, without what depends on their neighbours."""
    counted = inquiry.repeat > 1 or any(entry.repeat > 1 for entry in inquiry.entries)
    number = 0
    for _ in range(inquiry.repeat):
        for index, entry in enumerate(inquiry.entries):
            for _ in range(entry.repeat):
                number += 1
                name = entry.name or f"{entry.role or 'layer'}.{number}"
                name = f"{name}.{number}" if counted and entry.name else name
                yield _node(index, name, resolved[index])


def _node(index: int, name: str, weights: Weights) -> Node:
    """The node, without a norm that depends on where its branch begins."""
    place = weights.understood
    beside, added = place.role in _BESIDE, place.role == _ADDS
    source = weights.looks_up and not added
    in_block = place.residual != "none" and not beside
    return Node(
        entry=index,
        name=name,
        weights=weights,
        activation=weights.activation,
        norms=frozenset() if source or added else _norms(place, weights.says_what_it_reads),
        kind=place.normalization,
        opens=in_block and place.position == "branch_first",
        closes=in_block and place.position == "branch_last",
        beside=beside,
        head=place.position == "output",
        source=source,
        added=added,
        mixes=place.role == _MIXES,
    )


def _norms(place: Understood, says_what_it_reads: bool) -> frozenset[Norm]:
    """Where the norms around a layer stand; `_linked` takes those away that a branch has not.

    In a residual block a norm stands at the beginning of the branch (pre_norm), at its end
    (branch_norm) or after the sum (post_norm). Apart from that, layer and rms stand directly before
    each layer but the first, and batch and group after each layer but the last of a branch and of
    the network.
    """
    kind, position = place.normalization, place.position
    if kind == "none" or place.residual == "norm_free":
        return frozenset()
    found: set[Norm] = set()
    in_block = place.residual != "none"
    first, last = in_block and position == "branch_first", in_block and position == "branch_last"
    if kind in _DIRECT and not (first or last or position == "first"):
        # A layer that says what it reads has the norm before that activation.
        direct = says_what_it_reads or place.input_activation != "linear"
        found.add("before" if direct else "between")
    if kind not in _DIRECT and not (last or position == "output"):
        found.add("after")
    if first and place.residual == "pre_norm":
        found.add("before")
    if last and place.residual == "branch_norm":
        found.add("branch")
    if last and place.residual == "post_norm":
        found.add("sum")
    return frozenset(found)


def _linked(inquiry: Inquiry, nodes: Iterator[Node]) -> Iterator[Node]:
    """The nodes, each branch checked to have a beginning and an end.

    A last layer of a branch that has no first one is a branch of its own, and begins with the norm
    of a pre-norm block. Within a branch no other layer or rms norm stands before a layer. A layer
    that does not say what it reads has the activation on the output of the layer before, if a norm
    stands between the two or would stand there outside of a branch; a stack begins with its own.
    """
    opened: Node | None = None
    before = inquiry.stack.activation if inquiry.plain else None
    for node in nodes:
        if node.opens and opened is not None:
            raise _bad_block(node, f"it begins a branch within that of {opened.name}", "hidden")
        if node.closes and opened is None:
            place, norms = node.weights.understood, node.norms
            if place.residual == "pre_norm" and place.normalization != "none":
                norms |= {"before"}
            node = replace(node, opens=True, norms=norms)
        if "between" in node.norms and not node.head:
            node = replace(node, activation=before or node.activation)
        if opened is not None and not (node.opens or node.beside):
            node = replace(node, norms=node.norms - _DIRECTLY)
        if node.opens or node.closes:
            opened = None if node.closes else node
        yield node
        if not node.beside:
            before = node.weights.understood.activation
    if opened is not None:
        raise _bad_block(opened, "its branch has no end", "branch_last, in the layer that ends it")


def _bad_block(node: Node, message: str, position: str) -> ImpossibleError:
    problem = Problem(f"layers[{node.entry}].position", message, f"write position={position}")
    return ImpossibleError("bad_block", problem)
