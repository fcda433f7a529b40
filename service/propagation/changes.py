"""What to change in a network that is not stable. Each change is tried before it is told.

A change edits the question, as the client would. The edited question is asked again, and the change
is kept if the new verdict is stable.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from service.advice.context import OF_THE_LAYER
from service.errors import FaninError
from service.fields import NUMBER_FIELDS
from service.initializers.schemes import AUTO
from service.mean_field.maps import edge_of_chaos
from service.mean_field.moments import moments
from service.propagation.draws import draws_of
from service.propagation.network import Network, Node, network_of
from service.propagation.parsing import plain_inquiry
from service.propagation.question import Inquiry, NetworkLayer, Stack
from service.propagation.theory import backward, forward
from service.propagation.verdict import LIMIT, means_are_stable, verdict_of

MOST_CHANGES = 2

_LEFT_OUT = (
    "scheme",
    *(name for name in NUMBER_FIELDS if name not in (*OF_THE_LAYER, "omega")),
    "bias_std",
)
"""The fields that choose weights and biases. A change replaces all of them. omega belongs to the
layer, which multiplies by it whatever its weights are."""

Edit = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChangeStep:
    """An edit of one question: fields to leave out, then fields to set.

    `layer` is the place in the list of layers, from 0; None for a stack, whose question is the
    whole query or object, and for members beside the list. In a listed layer a field is set to None
    (in JSON null) instead of being left out, since a member beside the list may give it.
    """

    layer: int | None
    leave_out: tuple[str, ...]
    set: Edit


@dataclass(frozen=True, slots=True)
class Change:
    """A change after which the network is stable. `what` says it in words."""

    what: str
    steps: tuple[ChangeStep, ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to change the layers: `edit` gives the fields to set in a layer, None to leave it.

    `uniform`: the edit is the same for all layers, so that a stack of blocks can be changed by it.
    """

    what: Callable[[Network], str]
    edit: Callable[[Node, NetworkLayer], Edit | None]
    uniform: bool = False


def changes_of(network: Network, max_bytes: int) -> tuple[Change, ...]:
    """At most MOST_CHANGES changes, each of which makes the network stable; the simplest first."""
    ways = [(way, False) for way in _WAYS]
    if network.inquiry.stack.input_variance != 1.0:
        ways = [(_INPUTS, True), *ways, *((way, True) for way in _WAYS)]
    found: list[tuple[Change, Network]] = []
    for way, standardised in ways:
        tried = _tried(network, way, standardised, max_bytes)
        if tried is not None and not any(_same(tried[1], changed) for _, changed in found):
            found.append(tried)
        if len(found) == MOST_CHANGES:
            break
    return tuple(change for change, _ in found)


def _same(one: Network, other: Network) -> bool:
    """Whether two networks have the same layers, but for weights that differ by 1 % at most."""
    if len(one.nodes) != len(other.nodes):
        return False
    if one.inquiry.stack.input_variance != other.inquiry.stack.input_variance:
        return False
    return all(
        (first.norms, first.kind) == (second.norms, second.kind)
        and math.isclose(first.weights.variance, second.weights.variance, rel_tol=0.02)
        and math.isclose(first.weights.bias_std, second.weights.bias_std, rel_tol=0.01)
        for first, second in zip(one.nodes, other.nodes, strict=True)
    )


def _tried(
    network: Network, way: _Way, standardised: bool, max_bytes: int
) -> tuple[Change, Network] | None:
    """The change and the network after it; None if it is not stable."""
    steps = tuple(_steps(network, way))
    if not steps and way is not _INPUTS:
        return None
    if standardised:
        steps = (*steps, ChangeStep(None, (), {"input_variance": 1.0}))
    try:
        changed = network_of(_edited(network.inquiry, steps), max_bytes)
    except FaninError:
        return None
    if _frequencies(changed) != _frequencies(network) or not _stable(changed):
        return None
    what = way.what(network)
    if standardised and way is not _INPUTS:
        what = f"{what} Standardise the inputs as well: divide them by their root mean square."
    return Change(what, steps), changed


def _frequencies(network: Network) -> set[float]:
    """Those of sine layers, which belong to the network and not to its weights."""
    return {node.weights.frequency for node in network.nodes}


def _stable(network: Network) -> bool:
    steps = forward(network, LIMIT)
    if len(steps) < len(network.nodes):
        return False
    returns = backward(network, steps)
    # Sampling takes long, and most changes that fail do so by the theory.
    if not means_are_stable(steps, returns):
        return False
    return verdict_of(steps, returns, draws_of(network, steps, returns)).stable


def _steps(network: Network, way: _Way) -> Iterator[ChangeStep]:
    """The step for each entry that the way changes. A plain stack has one question."""
    inquiry = network.inquiry
    if inquiry.plain and len(inquiry.entries) > 1 and not way.uniform:
        return
    seen: set[int] = set()
    for node in network.nodes:
        if node.entry in seen:
            continue
        seen.add(node.entry)
        layer = inquiry.stack if inquiry.plain else inquiry.entries[node.entry]
        edit = way.edit(node, layer)
        if edit is None:
            continue
        left = tuple(name for name in _LEFT_OUT if _given(layer, name) and name not in edit)
        if inquiry.plain:
            if edit or left:
                yield ChangeStep(None, left, edit)
            return
        if edit or left:
            yield ChangeStep(node.entry, (), dict.fromkeys(left) | edit)


def _given(layer: NetworkLayer, name: str) -> bool:
    return bool(getattr(layer, name) != _default(name))


def _default(name: str) -> Any:
    return AUTO if name == "scheme" else NetworkLayer.model_fields[name].default


def _edited(inquiry: Inquiry, steps: tuple[ChangeStep, ...]) -> Inquiry:
    """The inquiry after the steps."""
    stack, entries = inquiry.stack, list(inquiry.entries)
    for step in steps:
        update = {name: _default(name) for name in step.leave_out}
        update |= {
            name: _default(name) if value is None else value for name, value in step.set.items()
        }
        if step.layer is None:
            stack = stack.model_copy(update=update)
        else:
            entries[step.layer] = entries[step.layer].model_copy(update=update)
    if inquiry.plain:
        return plain_inquiry(stack)
    return Inquiry(stack, tuple(entries), inquiry.repeat, plain=False)


def _scaled(node: Node, gain: float, bias_std: float = 0.0) -> Edit:
    """Weights of this gain. Those of a sine layer are so much smaller as its omega is large."""
    omega = node.weights.frequency
    edit: Edit = {"scheme": "variance_scaling", "mode": "fan_in", "gain": _short(gain / omega)}
    edit |= {"omega": _short(omega)} if omega != 1.0 else {}
    return edit | ({"bias_std": _short(bias_std / omega)} if bias_std else {})


def _short(number: float) -> float:
    """The number with six digits, which people write and which change no verdict."""
    return float(f"{number:.6g}")


def _recommended(node: Node, layer: NetworkLayer) -> Edit | None:
    return {} if node.weights.given or layer.bias_std is not None else None


def _kept(node: Node, layer: NetworkLayer) -> Edit | None:
    """The gain that keeps variance 1, with the branch's share of the stream."""
    weights = node.weights
    if node.source or node.added or node.head:
        return None
    gain = _exact(node)
    if node.closes and weights.understood.residual != "post_norm":
        gain *= weights.branches**-0.5
    return _scaled(node, gain)


def _exact(node: Node) -> float:
    """The gain that keeps variance 1 through what the layer reads."""
    if "between" in node.norms:
        return 1.0
    return float(moments(node.activation, 1.0, node.slope).second ** -0.5)


def _critical(node: Node, layer: NetworkLayer) -> Edit | None:
    if node.source or node.added or node.head or node.weights.understood.residual != "none":
        return None
    pair = edge_of_chaos(node.activation, 1.0, node.slope)
    bare: Edit = {"normalization": "none"} if node.norms else {}
    if pair is None:
        return _scaled(node, _exact(node)) | bare
    gain, bias_std = (number**0.5 for number in pair)
    return _scaled(node, gain, bias_std) | bare


def _normalised(node: Node, layer: NetworkLayer) -> Edit | None:
    if node.source or node.added or node.head or node.weights.understood.residual != "none":
        return None
    return {"normalization": "rms"}


def _pre_norm(node: Node, layer: NetworkLayer) -> Edit | None:
    """Pre-norm blocks: of a stack, or where a list has blocks of another kind."""
    place = node.weights.understood
    if place.residual == "none" and not isinstance(layer, Stack):
        return None
    if (place.residual, place.normalization) == ("pre_norm", "layer"):
        return None
    return {"normalization": "layer", "residual": "pre_norm"}


def _gains(network: Network, edit: Callable[[Node, NetworkLayer], Edit | None]) -> str:
    """What the edit makes of the gains, biases and norms: at most three layers, then a count."""
    inquiry, told, seen = network.inquiry, list[str](), set[int]()
    for node in network.nodes:
        layer = inquiry.entries[node.entry]
        new = None if node.entry in seen else edit(node, layer)
        seen.add(node.entry)
        if new is None or "gain" not in new:
            continue
        who = "every layer" if inquiry.plain or len(inquiry.entries) == 1 else node.name
        old, bias = node.weights.gain, node.weights.bias_std
        same = math.isclose(new["gain"], old, rel_tol=1e-4) and bias == new.get("bias_std", 0.0)
        if not same:
            numbers = _numbers(new["gain"], new.get("bias_std", 0.0))
            told.append(f"{who} {numbers} instead of {_numbers(old, bias)}")
    more = _more(len(told) - 3)
    norms = any(node.norms for node in network.nodes) and edit is _critical
    given = f"Give {', '.join(told[:3])}.{more}" if told else ""
    return " ".join(filter(None, ("Leave the normalization out." if norms else "", given)))


def _more(count: int) -> str:
    if count <= 0:
        return ""
    return f" {count} more {'layer changes' if count == 1 else 'layers change'} too: see the steps."


def _numbers(gain: float, bias_std: float) -> str:
    biases = f" with biases of std {bias_std:.6g}" if bias_std else ""
    return f"gain {gain:.6g}{biases}"


def _say_recommended(network: Network) -> str:
    return (
        "Leave out the scheme with its numbers, so that each layer gets what is recommended for "
        f"it, instead of {_replaced(network)}."
    )


def _replaced(network: Network) -> str:
    """The weights that a recommendation replaces, as one number if they share one."""
    given = [node.weights for node in network.nodes if node.weights.given] or [
        node.weights for node in network.nodes
    ]
    where = "every layer" if len(given) == len(network.nodes) else "the layers that have one"
    stds, gains = {each.std for each in given}, sorted(each.gain for each in given)
    if math.isclose(gains[0], gains[-1], rel_tol=1e-6):
        return f"gain {gains[0]:.6g} in {where}"
    if len(stds) == 1:
        return f"std {stds.pop():.6g} in {where}"
    return f"gains from {gains[0]:.6g} to {gains[-1]:.6g}"


def _say_pre_norm(network: Network) -> str:
    scaled = "The last weights of a branch are then divided by sqrt(number of branches)."
    if network.residual:
        return f"Put a layer normalization before each branch, and no other (pre-norm). {scaled}"
    return (
        "Make blocks of two layers, with a residual connection around each and a layer "
        f"normalization before it (pre-norm). {scaled}"
    )


_INPUTS = _Way(
    what=lambda network: (
        "Standardise the inputs: divide them by their root mean square, which is "
        f"{network.inquiry.stack.input_variance**0.5:.6g}."
    ),
    edit=lambda node, layer: None,
)
_WAYS = (
    _Way(
        lambda network: f"{_gains(network, _kept)} It keeps a variance of 1.",
        _kept,
    ),
    _Way(
        lambda network: (
            f"{_gains(network, _critical)} This is the edge of chaos at variance 1, which keeps "
            "the gradient too."
        ),
        _critical,
    ),
    _Way(_say_recommended, _recommended, uniform=True),
    _Way(
        lambda network: (
            "Put an RMS normalization before each layer, and leave out the scheme with its numbers."
        ),
        _normalised,
    ),
    _Way(_say_pre_norm, _pre_norm, uniform=True),
)
"""In the order in which they are tried."""
