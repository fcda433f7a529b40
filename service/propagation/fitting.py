"""Whether each layer can read what the one before it puts out.

Units are counted on the path. A gated unit halves them, and a layer of several parts may be read as
a whole or part by part. Attention may have fewer key and value heads than query heads. What a list
does not say is not refused: concatenations and flattened images between convolutions, projections
beside a residual branch, and what a recurrent layer does with its gates.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from service.errors import ImpossibleError, Problem
from service.propagation.network import Network, Node, Weights

_FUSED = "attention_qkv"


@dataclass(frozen=True, slots=True)
class Misfit:
    """A layer that reads `read` values, and the one before it, which gives `given`."""

    node: Node
    before: Node
    read: int
    given: int

    @property
    def certain(self) -> bool:
        """Whether nothing that a list leaves out can stand between the two."""
        return self.node.weights.dense and self.before.weights.dense

    @property
    def text(self) -> str:
        """The misfit in words."""
        what = "channels" if self.node.weights.convolves else "values"
        reader = self.node.name
        if reader == self.before.name:
            return f"{reader} reads {self.read} {what} and gives {self.given}"
        return f"{reader} reads {self.read} {what}, and {self.before.name} gives {self.given}"


def misfits(network: Network) -> Iterator[Misfit]:
    """The layers of the path that do not fit to the layer before them."""
    before: Node | None = None
    for node in network.nodes:
        if node.beside or node.added:
            continue
        if before is not None and not _fits(before, node):
            yield Misfit(node, before, _read(node), before.weights.outputs)
        before = node


def refuse_misfits(network: Network) -> None:
    """Raises ImpossibleError for a layer that surely cannot read what the one before it gives."""
    found = next((each for each in misfits(network) if each.certain), None)
    if found is None:
        return
    if network.inquiry.plain:
        hint = "write a square shape, such as width=512, or a list of layers in the body of a POST"
        raise ImpossibleError("conflicting_fields", Problem("shape", found.text, hint))
    field = f"layers[{found.node.entry}].shape"
    inputs = found.given // (2 if found.node.gated else 1)
    ways = (f"{found.node.name} {inputs} inputs", f"{found.before.name} {found.read} outputs")
    hint = f"give {' or '.join(ways)}"
    raise ImpossibleError("conflicting_fields", Problem(field, found.text, hint))


def _fits(before: Node, node: Node) -> bool:
    first, second = before.weights, node.weights
    if before.source or node.source or first.recurrent or second.recurrent:
        return True
    read, given = _read(node), first.outputs
    if node.mixes:
        fused = first.understood.role == _FUSED
        return fused or read % given == 0 or given % read == 0
    if first.convolves and not second.convolves:
        return read % given == 0
    return bool({read, second.inputs} & _gives(first)) if node.gated else read in _gives(first)


def _read(node: Node) -> int:
    """What the layer reads of the one before it. Without a gate of its own a unit has halves."""
    groups = node.weights.spec.groups or 1
    return node.weights.inputs * groups * (2 if node.gated else 1)


def _gives(weights: Weights) -> set[int]:
    """The units of the whole output, and of one part."""
    parts = weights.spec.parts
    return {weights.outputs, weights.outputs // parts if isinstance(parts, int) else 0}
