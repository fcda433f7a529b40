"""Matrices that a framework fills by the positions of the axes alone, whatever letters they have.

Keras, JAX, Flax, TensorFlow, TensorFlow.js and Flux make one orthogonal matrix of a tensor: its
columns are the last axis, and its rows all other axes. They do not see parts.
"""

from collections.abc import Callable
from dataclasses import replace

from service.errors import ImpossibleError, Problem
from service.initializers.layers import preset_letters
from service.initializers.layouts import canonical_axes
from service.initializers.schemes import identity, orthogonal
from service.initializers.schemes.presets.following import Peer
from service.initializers.schemes.record import EXAMPLE, Block, Law, Request, Scheme

_FOLLOWED = {s.name: s for family in (identity, orthogonal) for s in family.SCHEMES}


def orthogonal_preset(
    peer: Peer, name: str, summary: str, layer: str | None = None, example: str = EXAMPLE
) -> Scheme:
    """The framework's orthogonal initializer, or a default of a layer that is one."""
    followed = _FOLLOWED["orthogonal"]
    scheme = replace(
        peer.named(followed, name, summary, layer),
        formula="w = gain Q, Q^T Q = I or Q Q^T = I; columns: the last axis, rows: the others",
        law=_by_positions(peer.framework, followed.law),
        example=example,
    )
    return scheme if layer is None else replace(scheme, fields=(), gain=None)


def identity_preset(peer: Peer, name: str, summary: str) -> Scheme:
    """The framework's identity matrix, which has two axes."""
    followed = _FOLLOWED["identity"]
    return replace(
        peer.named(followed, name, summary),
        law=lambda request: followed.law(as_matrix(request)),
    )


def as_matrix(request: Request) -> Request:
    """The request with its two axes read as outputs and inputs of one block.

    The outputs are the axis that is counted first. Other numbers of axes stay as they are.
    """
    weight = request.weight
    if len(weight.letters) != 2:
        return replace(request, weight=replace(weight, parts=1))
    first, _ = canonical_axes(weight.letters)
    letters, outputs = ("OI", "IO")[first], weight.shape[first]
    matrix = replace(weight, letters=letters, layer="dense", groups=None, parts=1)
    return replace(request, weight=matrix, block=Block(0, outputs, outputs))


def _by_positions(framework: str, law: Callable[[Request], Law]) -> Callable[[Request], Law]:
    """`law` of one matrix whose columns are the last axis in the framework's letters.

    With more than two axes these have to be the outputs. Then the matrix is that of `orthogonal`,
    transposed. The refusal is an ImpossibleError (`scheme_axes`).
    """

    def by_positions(request: Request) -> Law:
        weight = request.weight
        if len(request.shape) <= 2:
            return law(as_matrix(request))
        own = preset_letters(framework, weight.layer) if weight.layer else None
        if own is None or own[-1] != "O" or "E" in own or sorted(own) != sorted(weight.letters):
            message = f"{request.scheme} needs a layer whose last axis in {framework} is the output"
            hint = "write two extents, such as shape=64,64"
            raise ImpossibleError("scheme_axes", Problem("shape", message, hint))
        outputs = weight.count("O")
        whole = replace(weight, parts=1)
        return law(replace(request, weight=whole, block=Block(0, outputs, outputs)))

    return by_positions
