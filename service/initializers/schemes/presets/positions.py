"""Weights that a framework fills by the positions of the axes alone, whatever letters they have.

A framework makes one orthogonal matrix of a tensor. In Keras, JAX, Flax, TensorFlow, TensorFlow.js
and Flux its columns are the last axis, and its rows all other axes. In torch, Burn and Paddle its
rows are the first axis, and its columns all other axes. None of them sees parts.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from service.errors import ImpossibleError, Problem
from service.initializers.fans import Weight
from service.initializers.layers import preset_letters
from service.initializers.layouts import canonical_axes
from service.initializers.schemes import identity, orthogonal, sparse, structured
from service.initializers.schemes.presets.following import Peer
from service.initializers.schemes.record import EXAMPLE, Block, Law, Numbers, Request, Scheme

_FOLLOWED: dict[str, Scheme] = {
    scheme.name: scheme
    for family in (identity, orthogonal, sparse, structured)
    for scheme in family.SCHEMES
}

End = Literal["first", "last"]

_KERNELS = {3: "OIW", 4: "OIHW", 5: "OIDHW"}
"""The letters that torch and Paddle read into a kernel whose axes have none."""


def orthogonal_preset(
    peer: Peer,
    name: str,
    summary: str,
    layer: str | None = None,
    example: str = EXAMPLE,
    *,
    outputs: End = "last",
) -> Scheme:
    """The framework's orthogonal initializer, or a default of a layer that is one.

    The first axis are the rows, or the last one the columns. These are the outputs of most layers.
    """
    followed = _FOLLOWED["orthogonal"]
    sides = {
        "last": "columns: the last axis, rows: the others",
        "first": "rows: the first axis, columns: the others",
    }
    scheme = replace(
        peer.named(followed, name, summary, layer),
        formula=f"w = gain Q, Q^T Q = I or Q Q^T = I; {sides[outputs]}",
        law=_by_positions(peer.framework, followed.law, outputs),
        example=example,
    )
    return scheme if layer is None else replace(scheme, fields=(), gain=None)


def delta_orthogonal_preset(peer: Peer, name: str, summary: str, example: str) -> Scheme:
    """The framework's initializer of one orthogonal matrix in the middle of a kernel."""
    followed = _FOLLOWED["delta_orthogonal"]
    return replace(
        peer.named(followed, name, summary),
        law=lambda request: followed.law(one_block(request)),
        example=example,
    )


def identity_preset(peer: Peer, name: str, summary: str, example: str = EXAMPLE) -> Scheme:
    """The framework's identity matrix, which has two axes."""
    followed = _FOLLOWED["identity"]
    scheme = replace(
        peer.named(followed, name, summary),
        law=lambda request: followed.law(as_matrix(request)),
        example=example,
    )
    return two_axes_only(scheme)


def dirac_preset(peer: Peer, name: str, summary: str) -> Scheme:
    """The framework's kernels of three to five axes that pass the input of each group on.

    Axes without letters are outputs, inputs and kernel.
    """
    followed = _FOLLOWED["dirac"]

    def law(request: Request) -> Law:
        weight, rank = request.weight, len(request.shape)
        if not weight.letters and rank in _KERNELS:
            weight = replace(weight, letters=_KERNELS[rank], shape=request.shape)
        return followed.law(replace(request, weight=replace(weight, parts=1)))

    return replace(
        peer.named(followed, name, summary),
        formula="w[o, i, k // 2] = 1 if o = i, both counted in their group, else 0",
        fields=(),
        gain=None,
        law=law,
        example="shape=64,16,3,3&groups=4",
    )


def sparse_preset(
    peer: Peer,
    name: str,
    summary: str,
    unit: Literal["row", "column"],
    *,
    fields: tuple[str, ...] = ("std", "sparsity"),
    defaults: Numbers,
) -> Scheme:
    """The framework's sparse matrix, whose rows or columns have the same number of zeros each.

    Its law raises ImpossibleError: `scheme_axes` unless the tensor has two axes, and as
    `sparse_law`.
    """
    rest = "N(mean, std^2)" if "mean" in fields else "N(0, std^2)"

    def law(request: Request) -> Law:
        if len(request.shape) != 2:
            message = f"{request.scheme} fills a matrix, and the shape has {len(request.shape)}"
            hint = "write two extents, such as shape=64,64"
            raise ImpossibleError("scheme_axes", Problem("shape", f"{message} axes", hint))
        along = _position(peer.framework, request.weight, 0 if unit == "column" else 1)
        axes = canonical_axes(request.weight.letters)
        counted_first, other = (request.shape[axis] for axis in axes)
        if axes[0] == along:
            return sparse.sparse_law(request, counted_first, other)
        return sparse.sparse_law(request, other, 1)

    return replace(
        peer.named(_FOLLOWED["sparse"], name, summary),
        formula=f"ceil(sparsity n) of the n values of each {unit} are 0, the others ~ {rest}",
        fields=fields,
        defaults=defaults,
        draft=_FOLLOWED["sparse"].draft,
        law=law,
    )


def as_matrix(request: Request) -> Request:
    """The request with its two axes read as outputs and inputs of one block.

    The outputs are the axis that is counted first. Other numbers of axes stay as they are.
    """
    weight = request.weight
    if len(weight.letters) != 2:
        return replace(request, weight=replace(weight, parts=1))
    first, second = canonical_axes(weight.letters)
    matrix = _matrix(request, weight.shape[first], weight.shape[second])
    letters = ("OI", "IO")[first]
    return replace(matrix, weight=replace(matrix.weight, letters=letters, shape=weight.shape))


def one_block(request: Request) -> Request:
    """The request whose outputs are one block."""
    outputs = request.weight.count("O")
    whole = replace(request.weight, parts=1)
    return replace(request, weight=whole, block=Block(0, outputs, outputs))


def two_axes_only(scheme: Scheme) -> Scheme:
    """`scheme`, whose law raises ImpossibleError (`scheme_axes`) for more than two axes."""

    def law(request: Request) -> Law:
        if len(request.shape) > 2:
            message = f"{request.scheme} fills a matrix, and the shape has {len(request.shape)}"
            hint = "write two extents, such as shape=64,64"
            raise ImpossibleError("scheme_axes", Problem("shape", f"{message} axes", hint))
        return scheme.law(request)

    return replace(scheme, law=law)


def _matrix(request: Request, rows: int, columns: int) -> Request:
    """The request with the weight of a matrix, whose rows are counted first."""
    weight = replace(
        request.weight,
        letters="OI",
        shape=(rows, columns),
        layer="dense",
        groups=None,
        parts=1,
    )
    return replace(request, weight=weight, block=Block(0, rows, rows))


def _own_letters(framework: str, weight: Weight) -> str:
    """The framework's letters for the layer; the request's if those are not the same letters."""
    own = preset_letters(framework, weight.layer) if weight.layer else None
    same = own is not None and sorted(own) == sorted(weight.letters)
    return own if own is not None and same else weight.letters


def _position(framework: str, weight: Weight, position: int) -> int:
    """The axis of the request that has this position in the framework's own order."""
    own = _own_letters(framework, weight)
    return position if own == weight.letters else weight.letters.index(own[position])


def _by_positions(
    framework: str, law: Callable[[Request], Law], outputs: End
) -> Callable[[Request], Law]:
    """`law` of one matrix whose rows are the first axis, or whose columns are the last one.

    With more than two axes that axis has to be the outputs in the framework's letters. Then the
    matrix is that of `orthogonal`, or its transpose. Axes without letters are taken as they are.
    The refusal is an ImpossibleError (`scheme_axes`).
    """

    def by_positions(request: Request) -> Law:
        weight, shape = request.weight, request.shape
        if len(shape) <= 2:
            return law(as_matrix(request))
        if not weight.letters:
            split = 1 if outputs == "first" else len(shape) - 1
            return law(_matrix(request, math.prod(shape[:split]), math.prod(shape[split:])))
        own = _own_letters(framework, weight)
        if own[0 if outputs == "first" else -1] != "O" or own.count("O") > 1 or "E" in own:
            message = f"{request.scheme} needs a layer whose {outputs} axis in {framework} is the "
            hint = "write two extents, such as shape=64,64"
            raise ImpossibleError("scheme_axes", Problem("shape", f"{message}output", hint))
        return law(one_block(request))

    return by_positions
