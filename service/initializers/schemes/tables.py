"""Tables: tensors of one or two axes whose elements follow from their row and column."""

from service.errors import ImpossibleError, Problem
from service.initializers.layouts import canonical_axes
from service.initializers.schemes.record import Request
from service.spelling import shortest


def rows_and_columns(request: Request, hint: str = "") -> tuple[int, int]:
    """The extents of the two axes in counting order. `hint` is that for another number of axes.

    Raises ImpossibleError (`scheme_axes`) unless there are two axes.
    """
    if len(request.shape) != 2:
        message = f"{request.scheme} fills two axes, and the shape has {len(request.shape)}"
        raise wrong_shape(message, hint or _of_last_axes(request))
    rows, columns = (request.shape[axis] for axis in canonical_axes(request.weight.letters))
    return rows, columns


def length_of(request: Request) -> int:
    """The extent of the only axis.

    Raises ImpossibleError (`scheme_axes`) unless there is one axis.
    """
    if len(request.shape) != 1:
        message = f"{request.scheme} fills one axis, and the shape has {len(request.shape)}"
        length = max(request.shape, default=16)
        raise wrong_shape(message, f"write shape={length} and leave layer and layout out")
    return request.shape[0]


def _of_last_axes(request: Request) -> str:
    """The hint to write a shape of two axes: the last two of the request if it has more."""
    if len(request.shape) < 2:
        return "write two extents, such as shape=16,16"
    rows, columns = request.shape[-2:]
    return f"write shape={rows},{columns} and leave layer and layout out"


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
