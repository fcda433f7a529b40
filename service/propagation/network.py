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
from service.errors import FaninError, ImpossibleError, Problem
from service.fields import Spec, parse_query
from service.plan import Plan, plan
from service.propagation.question import Inquiry, NetworkLayer
from service.stream.draws import (
    Constant,
    Normal,
    Orthogonal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    UniformBetween,
)

Norm = Literal["none", "before", "after", "sum"]
"""Where a normalization stands: before the layer, after it, or after the branch is added."""

MOST_DIFFERENT = 200
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
    units. `multiplier` is the number by which DeepNorm multiplies the stream before it adds the
    branch; it is 1 without DeepNorm. `simulated`: the layer is dense, so that a simulation covers
    it. `rows_are_outputs`: the first axis of its matrix is O. `orthogonal` and `cheap` say what
    kind of draw makes them. `given`: the scheme or one of its numbers was in the question.
    """

    spec: Spec
    scheme: str
    std: float
    bias_std: float
    fan_in: float
    fan_out: float
    inputs: int
    outputs: int
    activation: str
    slope: float | None
    gated: bool
    multiplier: float
    simulated: bool
    rows_are_outputs: bool
    orthogonal: bool
    cheap: bool
    given: bool

    @property
    def variance(self) -> float:
        """s_w^2 = fan_in std^2: a layer makes it of a mean square of 1."""
        return self.fan_in * self.std * self.std

    @property
    def backward_variance(self) -> float:
        """fan_out std^2: what a layer makes of the variance of a gradient."""
        return self.fan_out * self.std * self.std

    @property
    def reads(self) -> float:
        """The number of values over which a unit of the layer sums."""
        return max(self.fan_in, 1.0)

    @property
    def bias_variance(self) -> float:
        """s_b^2."""
        return self.bias_std * self.bias_std

    @property
    def gain(self) -> float:
        """std sqrt(fan_in)."""
        return math.sqrt(self.variance)


@dataclass(frozen=True, slots=True)
class Node:
    """A layer of the network.

    `entry` is the place of its question in the inquiry, from 0. `opens`: it reads the stream at the
    beginning of a residual branch. `closes`: its output is added to the stream. `beside`: the next
    layer does not read it. `head`: it is the output layer. `source`: it looks rows up, and reads
    nothing. `added`: its rows are added to the stream. `mixes`: it reads averages over tokens.
    """

    entry: int
    name: str
    weights: Weights
    norm: Norm
    kind: str
    opens: bool
    closes: bool
    beside: bool
    head: bool
    source: bool
    added: bool
    mixes: bool


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
    context = context_of(entry)
    _refuse_no_layer(context)
    requested = requested_plan(entry, max_bytes)
    bias_std, multiplier = entry.bias_std or 0.0, 1.0
    if requested is None:
        advice = recommend(entry, max_bytes=max_bytes)
        query = advice.weights_url.partition("?")[2]
        planned = plan(parse_query(query.encode()), "raw", max_bytes=max_bytes)
        if entry.bias_std is None:
            bias_std = advice.bias.std
        deep_norm = advice.gain_rule == "deep_norm"
    else:
        planned = plan(requested.spec, "raw", max_bytes=max_bytes)
        deep_norm = planned.facts.scheme == "deepnorm"
    if deep_norm:
        multiplier = (2.0 * (entry.depth or 1)) ** 0.25
    _refuse_other_laws(planned)
    return _weights(context, planned, bias_std, multiplier, given=requested is not None)


def _weights(
    context: LayerContext, planned: Plan, bias_std: float, multiplier: float, *, given: bool
) -> Weights:
    letters, shape = context.letters or "", context.question.shape
    activation = context.input_activation
    slope = context.question.negative_slope if activation.takes_slope else None
    spec, source = planned.spec, context.layer == "embedding"
    fans = (context.fan_in, context.fan_out)
    return Weights(
        spec=spec,
        scheme=planned.facts.scheme,
        std=planned.facts.std or 0.0,
        bias_std=bias_std,
        fan_in=1.0 if source else fans[0] or 0.0,
        fan_out=fans[1] or 0.0,
        inputs=_channels(letters, shape, "I"),
        outputs=_channels(letters, shape, "O"),
        activation="linear" if source else activation.name,
        slope=slope,
        gated=activation.family == "gated" and not source,
        multiplier=multiplier,
        simulated=sorted(letters) == ["I", "O"] and len(planned.tensor.blocks) == 1,
        rows_are_outputs=letters.startswith("O"),
        orthogonal=isinstance(planned.tensor.law.draw, Orthogonal),
        cheap=isinstance(planned.tensor.law.draw, CHEAP),
        given=given,
    )


def _channels(letters: str, shape: tuple[int, ...], letter: str) -> int:
    """The number of inputs (I) or outputs (O). Independent copies are outputs."""
    counted = "EO" if letter == "O" else letter
    axes = zip(letters, shape, strict=True) if letters else ()
    return prod(extent for axis, extent in axes if axis in counted)


def _refuse_no_layer(context: LayerContext) -> None:
    role = getattr(context.question, "role", None) or context.layer
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
                name = entry.name or "layer"
                name = f"{name}.{number}" if counted or not entry.name else name
                yield _node(index, entry, name, resolved[index])


def _node(index: int, entry: NetworkLayer, name: str, weights: Weights) -> Node:
    role, position = getattr(entry, "role", None), entry.position
    residual, head = entry.residual, entry.position == "output"
    beside, added = role in _BESIDE, role == _ADDS
    in_block = residual != "none" and not beside
    norm: Norm = "none"
    if entry.normalization != "none" and not added:
        if residual == "none" and not head:
            norm = "after"
        elif residual == "pre_norm" and (position == "branch_first" or head):
            norm = "before"
        elif residual == "post_norm" and position == "branch_last":
            norm = "sum"
    return Node(
        entry=index,
        name=name,
        weights=weights,
        norm=norm,
        kind=entry.normalization,
        opens=in_block and position == "branch_first",
        closes=in_block and position == "branch_last",
        beside=beside,
        head=head,
        source=weights.spec.layer == "embedding" and not added,
        added=added,
        mixes=role == _MIXES,
    )


def _linked(inquiry: Inquiry, nodes: Iterator[Node]) -> Iterator[Node]:
    """The nodes, each branch checked to have a beginning and an end.

    A last layer of a branch that has no first one is a branch of its own, and begins with the norm
    of a pre-norm block.
    """
    opened: Node | None = None
    for node in nodes:
        if node.opens and opened is not None:
            raise _bad_block(node, f"it begins a branch within that of {opened.name}", "hidden")
        if node.closes and opened is None:
            entry, norm = inquiry.entries[node.entry], node.norm
            if entry.residual == "pre_norm" and entry.normalization != "none":
                norm = "before"
            node = replace(node, opens=True, norm=norm)
        if node.opens or node.closes:
            opened = None if node.closes else node
        yield node
    if opened is not None:
        raise _bad_block(opened, "its branch has no end", "branch_last, in the layer that ends it")


def _bad_block(node: Node, message: str, position: str) -> ImpossibleError:
    problem = Problem(f"layers[{node.entry}].position", message, f"write position={position}")
    return ImpossibleError("bad_block", problem)
