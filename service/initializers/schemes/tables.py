"""Tables: tensors of one or two axes whose elements follow from their row and column."""

from service.errors import ImpossibleError, Problem
from service.initializers.layouts import canonical_axes
from service.initializers.schemes.record import Request
from service.spelling import shortest


def rows_and_columns(request: Request) -> tuple[int, int]:
    """The extents of the two axes in counting order.

    Raises ImpossibleError (`scheme_axes`) unless there are two axes.
    """
    if len(request.shape) != 2:
        message = f"{request.scheme} fills two axes, and the shape has {len(request.shape)}"
        raise wrong_shape(message, "write two extents, such as shape=16,16")
    rows, columns = (request.shape[axis] for axis in canonical_axes(request.weight.letters))
    return rows, columns


def length_of(request: Request) -> int:
    """The extent of the only axis.

    Raises ImpossibleError (`scheme_axes`) unless there is one axis.
    """
    if len(request.shape) != 1:
        message = f"{request.scheme} fills one axis, and the shape has {len(request.shape)}"
        raise wrong_shape(message, "write one extent, such as shape=16")
    return request.shape[0]


def with_extents(request: Request, rows: int, columns: int) -> str:
    """The hint to write other extents of the two axes in counting order."""
    extents = dict(zip(canonical_axes(request.weight.letters), (rows, columns), strict=True))
    return f"write shape={extents[0]},{extents[1]}"


def wrong_shape(message: str, hint: str) -> ImpossibleError:
    """The error (`scheme_axes`) for a shape that the scheme cannot fill."""
    return ImpossibleError("scheme_axes", Problem("shape", message, hint))


def require_within(field: str, value: float, least: float, most: float) -> None:
    """Raise ImpossibleError (`out_of_range`) unless `value` lies from `least` to `most`."""
    if not least <= value <= most:
        side, end = ("below", least) if value < least else ("above", most)
        message = f"{shortest(value)} is {side} {shortest(end)}"
        problem = Problem(field, message, f"write {field}={shortest(end)}")
        raise ImpossibleError("out_of_range", problem)
