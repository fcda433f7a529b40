"""Orthogonal matrices. Rows are outputs, and columns are inputs times kernel.

`delta_orthogonal` has such a matrix in the middle of a convolution's kernel: rows are outputs, and
columns are inputs.
"""

import math

from service.errors import ImpossibleError, Problem
from service.initializers.layouts import canonical_axes
from service.initializers.references import SAXE_2013, STEWART_1980, XIAO_2018
from service.initializers.schemes.record import Law, Numbers, Request, Scheme, require_positive
from service.stream.draws import Orthogonal
from service.stream.sources.materialised import MOST_ELEMENTS, MOST_MATRICES, MOST_SIDE


def _law(request: Request) -> Law:
    """w = gain Q. Each copy along E and each block has its own Q from the Haar measure.

    An embedding is one matrix: its E axes are the rows, and its O axes the columns. The rows or the
    columns of Q, the fewer ones, are orthonormal. So the mean of w^2 is
    gain^2 / max(rows, columns).

    Raises ImpossibleError: `scheme_axes` for a tensor without outputs, or without inputs and
    kernel, and for an embedding with parts; `too_large` for more elements or more matrices than are
    computed at once.
    """
    gain, weight, block = request.numbers.gain or 0.0, request.weight, request.block
    require_positive("gain", gain)
    if weight.layer == "embedding":
        _refuse_parts(request)
        rows, columns, first, distance = weight.count("E"), weight.count("O"), 0, weight.count("E")
        matrices = 1
    else:
        _refuse_axes(request)
        rows, columns = block.outputs, weight.count("IDHW")
        first, distance, matrices = block.first, block.distance, _matrices(request)
    _refuse_large(request, max(weight.count("O"), rows), columns, matrices)
    draw = Orthogonal(gain, rows, columns, first * columns, max(distance * columns, 1))
    return _law_of(draw, request, max(rows, columns))


def _delta_law(request: Request) -> Law:
    """w = gain Q in the middle of the kernel, and 0 elsewhere. Q has orthonormal columns.

    Each copy along E and each block has its own Q from the Haar measure. The mean of w^2 is
    gain^2 / (outputs kernel).

    Raises ImpossibleError: `scheme_axes` for a tensor without outputs, inputs and kernel, and for
    more inputs than outputs; `too_large` as `orthogonal`.
    """
    gain, weight, block = request.numbers.gain or 0.0, request.weight, request.block
    require_positive("gain", gain)
    _refuse_delta_axes(request)
    inputs, kernel = weight.count("I"), weight.count("DHW")
    _refuse_large(request, weight.count("O"), inputs, _matrices(request))
    distance = max(block.distance * inputs, 1)
    draw = Orthogonal(
        gain,
        block.outputs,
        inputs,
        block.first * inputs,
        distance,
        max(kernel, 1),
        _centre(request),
    )
    return _law_of(draw, request, block.outputs * kernel)


def _law_of(draw: Orthogonal, request: Request, elements: int) -> Law:
    """The law of a draw whose orthonormal vectors have so many elements."""
    std = None if math.prod(request.shape) == 0 else draw.gain * math.sqrt(1.0 / elements)
    return Law(draw, "orthogonal", 0.0, std, gain=draw.gain)


def _centre(request: Request) -> int:
    """The number of the kernel's middle: (k - 1) // 2 on each axis, in counting order.

    This is the middle of jax.nn.initializers.delta_orthogonal, jax/_src/nn/initializers.py in
    release 0.10.2.
    """
    weight, centre = request.weight, 0
    for axis in canonical_axes(weight.letters):
        if weight.letters[axis] in "DHW":
            centre = centre * weight.shape[axis] + (weight.shape[axis] - 1) // 2
    return max(centre, 0)


def _matrices(request: Request) -> int:
    """The matrices of a tensor: one for each copy and part."""
    weight = request.weight
    return weight.count("E") * (
        weight.parts if isinstance(weight.parts, int) else len(weight.parts)
    )


def _refuse_axes(request: Request) -> None:
    letters = request.weight.letters
    if "O" not in letters or not set(letters) & set("IDHW"):
        message = f"{request.scheme} needs outputs for its rows, and inputs or a kernel"
        hint = "write two extents, such as shape=64,64"
        if len(request.shape) > 1:
            hint = "write layout with an O and an I, or use scheme=normal"
        raise ImpossibleError("scheme_axes", Problem("layout", message, hint))


def _refuse_parts(request: Request) -> None:
    if request.weight.parts != 1:
        message = f"{request.scheme} makes one matrix of an embedding"
        raise ImpossibleError("scheme_axes", Problem("parts", message, "leave parts out"))


def _refuse_delta_axes(request: Request) -> None:
    weight = request.weight
    letters = set(weight.letters)
    if not {"O", "I"} <= letters or not letters & set("DHW"):
        message = f"{request.scheme} needs outputs, inputs and a kernel"
        hint = "write the shape of a convolution, such as shape=64,32,3,3"
        if len(request.shape) == 2:
            hint = "use scheme=orthogonal"
        elif len(request.shape) == 3 and not letters:
            hint = "write layer=conv1d"
        raise ImpossibleError("scheme_axes", Problem("layout", message, hint))
    inputs, outputs = weight.count("I"), request.block.outputs
    if inputs > outputs:
        message = f"{request.scheme} keeps the length of its input, and {inputs} inputs do not "
        message += f"fit into {outputs} outputs"
        hint = f"write at most {outputs} inputs, or use scheme=orthogonal"
        raise ImpossibleError("scheme_axes", Problem("shape", message, hint))


def _refuse_large(request: Request, outputs: int, columns: int, matrices: int) -> None:
    """Refuse more elements, longer sides and more matrices than are computed at once."""
    size = math.prod(request.shape)
    message = limit = ""
    if size > MOST_ELEMENTS:
        message = f"computes whole matrices, and {size} elements are too many"
        limit = f"{MOST_ELEMENTS} elements"
    elif size > 0 and max(outputs, columns) > MOST_SIDE:
        message = f"computes whole matrices, and a side of {max(outputs, columns)} is too long"
        limit = f"{MOST_SIDE} outputs, and as many inputs times kernel"
    elif size > 0 and matrices > MOST_MATRICES:
        message = f"computes a matrix for each copy, and {matrices} are too many"
        limit = f"{MOST_MATRICES} copies and parts"
    if message:
        hint = f"write at most {limit}, or use scheme=lecun_normal"
        raise ImpossibleError("too_large", Problem("shape", f"{request.scheme} {message}", hint))


SCHEMES = (
    Scheme(
        name="orthogonal",
        summary="A random orthogonal matrix times a gain: every singular value is the gain.",
        formula="w = gain Q, Q^T Q = I or Q Q^T = I; rows O, columns I x kernel",
        distribution="orthogonal",
        fields=("gain",),
        law=_law,
        defaults=Numbers(gain=1.0),
        gain=1.0,
        references=(SAXE_2013, STEWART_1980),
        access="materialised",
        draft=1,
    ),
    Scheme(
        name="delta_orthogonal",
        summary="An orthogonal matrix times a gain at one place of a convolution's kernel, and 0 "
        "elsewhere: with gain 1 the convolution keeps the length of its input. The place is "
        "(k - 1) // 2 on each axis of k elements, so index 1 of 4, where dirac and identity have "
        "k // 2.",
        formula=(
            "w = gain Q at (k - 1) // 2 of each kernel axis, else 0; Q^T Q = I; rows O, columns I"
        ),
        distribution="orthogonal",
        fields=("gain",),
        law=_delta_law,
        defaults=Numbers(gain=1.0),
        gain=1.0,
        references=(XIAO_2018, STEWART_1980),
        access="materialised",
        draft=1,
        example="shape=256,128,3,3",
    ),
)
