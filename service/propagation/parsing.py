"""Reading the question of /propagate from a query, a JSON body or the words of a shell."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from service.advice.roles import ROLES
from service.errors import ImpossibleError, Problem, UnreadableError
from service.fields.errors import FieldError, refusal
from service.fields.numbers import kind
from service.fields.parsing import Members, json_members, read_members
from service.fields.syntax import JsonObject, split_query
from service.initializers.activations import ACTIVATIONS
from service.propagation.network import SINE, SINE_SCHEMES
from service.propagation.question import MOST_LAYERS, Inquiry, NetworkLayer, Stack

LAYERS = "layers"
"""The member of a JSON body that lists the layers."""

Layer = TypeVar("Layer", bound=NetworkLayer)

_ENTRY_FIELDS = ("shape", "width", "repeat", "name")
"""Fields of one layer. At the top level they are no defaults of the layers in a list."""

_NO_HALVES = ("branch_last", "output")
"""Positions of layers whose output passes no activation of the block."""


def parse_stack_query(query_string: bytes) -> Inquiry:
    """The stack in a URL's query.

    Raises UnreadableError with a problem for each error, and ImpossibleError for too many layers.
    """
    members, errors = split_query(query_string)
    if LAYERS in dict(members):
        hint = "send a JSON object with the list in the body of a POST"
        error = FieldError("unknown_field", "a query has no list of layers", hint)
        raise refusal([(LAYERS, error)])
    return plain_inquiry(read_members(Stack, members, errors))


def parse_stack_words(words: Mapping[str, str]) -> Inquiry:
    """The stack in a shell's words; raises the same errors."""
    return plain_inquiry(read_members(Stack, words.items(), []))


def parse_network_json(body: bytes) -> Inquiry:
    """The network in a JSON object; raises the same errors.

    `layers` is a list of objects. Other members of the top level are defaults of each layer.
    Without `layers` the object is a stack, as in a query.
    """
    members = json_members(body, most_marks=len(body))
    lists = [value for name, value in members if name == LAYERS]
    others = [member for member in members if member[0] != LAYERS]
    if len(lists) > 1:
        raise refusal([(LAYERS, FieldError("duplicate_field", "given twice", "give it once"))])
    stack = read_members(Stack, others, [])
    if not lists or lists[0] is None:
        return plain_inquiry(stack)
    _refuse_extents(stack)
    entries = tuple(_read_entries(lists[0], others))
    return listed_inquiry(stack, entries)


def plain_inquiry(stack: Stack) -> Inquiry:
    """The stack of `depth` equal layers; with residual branches, of `depth` blocks of two layers.

    A stack without residual branches begins with what the first activation reads: it has no first
    layer. Raises UnreadableError and ImpossibleError.
    """
    _refuse_missing(stack)
    stack = _sined(stack)
    blocks, residual = stack.depth or 1, stack.residual not in (None, "none")
    per_block = (2 if residual else 1) * stack.repeat
    _refuse_many(blocks * per_block, "depth", MOST_LAYERS // per_block)
    if not residual:
        layer = _shaped(stack).model_copy(update={"repeat": blocks * stack.repeat})
        return Inquiry(stack, (layer,), 1, plain=True)
    first, last = (_in_block(stack, position) for position in ("branch_first", "branch_last"))
    return Inquiry(stack, (first, last), blocks * stack.repeat, plain=True)


def _sined(layer: Layer) -> Layer:
    """The layer with the activation that a scheme for sine layers means."""
    if layer.activation is None and layer.scheme in SINE_SCHEMES:
        return layer.model_copy(update={"activation": SINE})
    return layer


def _refuse_missing(stack: Stack) -> None:
    """A stack needs a width, or a shape, and a depth."""
    examples = {
        "width": (bool(stack.shape) or stack.width is not None, "add width=512"),
        "depth": (stack.depth is not None, "add depth=50"),
    }
    missing = [
        (field, FieldError("missing_field", f"a stack has a {field}", hint))
        for field, (given, hint) in examples.items()
        if not given
    ]
    if missing:
        raise refusal(missing)


def _in_block(stack: Stack, position: str) -> NetworkLayer:
    """A layer of a block that has one branch of two layers."""
    given = stack.model_copy(update={"position": position, "repeat": 1})
    one = {"branches": stack.branches or 1, "branch_layers": stack.branch_layers or 2}
    return _shaped(given.model_copy(update=one))


def listed_inquiry(stack: Stack, entries: tuple[NetworkLayer, ...]) -> Inquiry:
    """The network of these layers. Raises ImpossibleError for too many."""
    shaped = tuple(_shaped(_sined(entry)) for entry in entries)
    inquiry = Inquiry(stack, shaped, stack.repeat, plain=False)
    once = sum(entry.repeat for entry in entries)
    _refuse_many(inquiry.layer_count, "repeat", MOST_LAYERS // once)
    branches = stack.repeat * sum(entry.repeat for entry in inquiry.entries if _ends_branch(entry))
    deep = (_deep(entry, inquiry.layer_count, branches) for entry in inquiry.entries)
    return replace(inquiry, entries=tuple(deep))


def _ends_branch(entry: NetworkLayer) -> bool:
    role = entry.role and ROLES[entry.role]
    return (entry.position or (role.position if role else "")) == "branch_last"


def _deep(entry: NetworkLayer, layers: int, branches: int) -> NetworkLayer:
    """The layer with the depth of its network, unless it has one.

    The depth of a residual network is its number of blocks. DeepNorm counts two branches to a
    block. All others count branches, so a block of one branch is said.
    """
    if entry.depth is not None:
        return entry
    if not branches:
        return entry.model_copy(update={"depth": layers})
    if entry.residual == "post_norm":
        return entry.model_copy(update={"depth": -(-branches // 2)})
    return entry.model_copy(update={"depth": branches, "branches": entry.branches or 1})


def _read_entries(value: object, others: Members) -> Iterator[NetworkLayer]:
    if not isinstance(value, list) or not value:
        found = "an empty list" if isinstance(value, list) else kind(value)
        hint = 'write a list of objects such as {"shape": [512, 512], "activation": "relu"}'
        raise refusal([(LAYERS, FieldError("malformed_json", f"{found} is no network", hint))])
    if len(value) > MOST_LAYERS:
        message = f"{len(value)} layers are more than {MOST_LAYERS}"
        hint = f"write at most {MOST_LAYERS}"
        raise refusal([(LAYERS, FieldError("out_of_range", message, hint))])
    defaults = [
        (name, default)
        for name, default in others
        if name in NetworkLayer.model_fields and name not in _ENTRY_FIELDS
    ]
    for index, entry in enumerate(value):
        yield _read_entry(f"{LAYERS}[{index}]", entry, defaults)


def _read_entry(where: str, entry: object, defaults: list[tuple[str, object]]) -> NetworkLayer:
    if not isinstance(entry, JsonObject):
        message, hint = f"{kind(entry)} is no layer", 'write an object such as {"width": 512}'
        raise refusal([(where, FieldError("malformed_json", message, hint))])
    own = {name for name, _ in entry.members}
    members = [*entry.members, *(each for each in defaults if each[0] not in own)]
    try:
        layer = read_members(NetworkLayer, members, [])
        if not layer.shape and layer.width is None:
            hint = "add shape, as in [512, 512], or width"
            raise refusal([("", FieldError("missing_field", "a layer has a shape", hint))])
    except UnreadableError as error:
        inside = (
            replace(each, field=f"{where}.{each.field}".rstrip(".")) for each in error.problems
        )
        raise UnreadableError(error.reason, *inside) from None
    return layer


def _shaped(layer: NetworkLayer) -> NetworkLayer:
    """The layer with its shape. Raises ImpossibleError if it has a shape and a width.

    A layer of a given width is square. Before a gated activation it has two halves.
    """
    if layer.width is None:
        return layer
    if layer.shape:
        problem = Problem("width", "the shape says it already", "leave width or shape out")
        raise ImpossibleError("conflicting_fields", problem)
    width, after = layer.width, layer.activation
    gated = after is not None and ACTIVATIONS[after].family == "gated"
    feeds = layer.role == "mlp_gate_up" if layer.role else layer.position not in _NO_HALVES
    halves = 2 if gated and feeds else 1
    shape = {"shape": (halves * width, width), "width": None}
    return layer.model_copy(update=shape | ({"parts": 2} if halves == 2 else {}))


def _refuse_extents(stack: Stack) -> None:
    """Refuse a shape or width beside a list of layers."""
    for field in ("shape", "width"):
        if getattr(stack, field):
            hint = f"leave {field} out, and give each layer its own"
            problem = Problem(field, "each layer in the list has its own shape", hint)
            raise ImpossibleError("conflicting_fields", problem)


def _refuse_many(count: int, field: str, most: int) -> None:
    if count <= MOST_LAYERS:
        return
    message = f"{count} layers are more than {MOST_LAYERS}"
    hint = f"write {field}={most}" if most else "write a smaller repeat, or leave it out"
    raise ImpossibleError("too_many_layers", Problem(field, message, hint))
