"""The parts of a tensor's slice: elements with one distribution, and how they depend on each other.

Elements of a normal, uniform or truncated draw are independent. The others are not:

- *orthogonal*: entries are uncorrelated, and their squares have the covariances of the Haar measure
  (`service.audit.spec.haar`). The squares of whole rows add up to a constant.
- *sparse*: the number of zeros in a whole unit is fixed. A part of a unit has a hypergeometric one.
- *repeated*: a value that stands m times counts m times, so its variance counts m^2 times.
- *functions of a draw with a shift*: another block has the same random words.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from service.audit.spec import haar
from service.audit.spec.marginals import Marginal, constant, marginal_of
from service.audit.spec.selection import Selection
from service.initializers.schemes import Law
from service.plan.tensor import Tensor
from service.plan.work import elements_of_an_output
from service.stream.draws import IndexFunction, Mapped, Orthogonal, Repeated, Sparse


@dataclass(frozen=True, slots=True)
class Copies:
    """Elements of a draw that are counted several times.

    `total` is the sum of their counts, `squares` the sum of the squares of these, `most` the
    largest.
    """

    total: int
    squares: int
    most: int

    @classmethod
    def single(cls, number: int) -> "Copies":
        """So many elements that are counted once."""
        return cls(number, number, 1)

    def times(self, number: int) -> "Copies":
        """So many independent elements for each of these."""
        return Copies(self.total * number, self.squares * number, self.most)


@dataclass(frozen=True, slots=True)
class Part:
    """`copies.total` elements of a distribution.

    A share `kept` of them has it, and the others are 0. `spread` is the variance of the number of
    kept ones, divided by that of independent choices: 0 if the number is fixed. `squares` is the
    variance of the sum of squares before rounding, for the entries of orthogonal matrices.
    `shared`: another part may have the same random words.
    """

    copies: Copies
    marginal: Marginal
    kept: float = 1.0
    spread: float = 0.0
    squares: float | None = None
    shared: bool = False

    @property
    def lowest(self) -> float:
        """The lowest possible value."""
        return min(self.marginal.lowest, 0.0) if self.kept < 1 else self.marginal.lowest

    @property
    def highest(self) -> float:
        """The highest possible value."""
        return max(self.marginal.highest, 0.0) if self.kept < 1 else self.marginal.highest


def parts_of(tensor: Tensor) -> tuple[Part, ...]:
    """The parts of a tensor that uses random words. Their elements add up to those of the slice."""
    selection, dtype = Selection.of(tensor), tensor.spec.dtype
    parts: list[Part] = []
    for elements, law in _blocks(tensor, selection):
        if elements:
            parts += _parts_of_law(law, dtype, selection, elements)
    return tuple(part for part in parts if part.copies.total)


def _blocks(tensor: Tensor, selection: Selection) -> Iterator[tuple[int, Law]]:
    """The number of elements that each block has in the slice, with its law."""
    if len(tensor.blocks) == 1:
        yield selection.size, tensor.law
        return
    inner = elements_of_an_output(tensor.placement.letters or "", tensor.spec.shape)
    whole = sum(block.outputs for block in tensor.blocks) * inner
    copies, of_copy, first = selection.between(whole).size, selection.between(0, whole), 0
    for block in tensor.blocks:
        stop = first + block.outputs * inner
        yield copies * of_copy.count(first, stop), block.law
        first = stop


def _parts_of_law(law: Law, dtype: str, selection: Selection, elements: int) -> Iterator[Part]:
    draw = law.draw
    copies = Copies.single(elements)
    outputs = None
    if isinstance(draw, Repeated):
        outputs = _repeated_outputs(draw, selection)
        beyond = draw.inner * draw.outputs * draw.times
        others = selection.between(beyond).size * selection.between(0, draw.inner).size
        copies = outputs.times(others)
        law = replace(law, draw=draw.draw)
        draw = draw.draw
    if isinstance(draw, IndexFunction):
        raise TypeError("no scheme has blocks with random words beside an index function")
    if isinstance(draw, Sparse):
        yield _sparse(draw, law, dtype, selection, copies)
    elif isinstance(draw, Orthogonal):
        yield from _orthogonal(draw, law, dtype, selection, elements, outputs)
    else:
        shared = isinstance(draw, Mapped) and draw.shift != 0
        yield Part(copies, marginal_of(law, dtype), shared=shared)


def _repeated_outputs(draw: Repeated, selection: Selection) -> Copies:
    """How often the outputs of the smaller draw stand among the selected ones."""
    beyond = draw.inner * draw.outputs * draw.times
    axes = [axis for axis in selection.between(draw.inner, beyond).axes if axis.size != 1]
    if not axes:
        return Copies.single(1)
    (axis,) = axes
    if draw.consecutive:
        first, last = axis.start // draw.times, (axis.stop - 1) // draw.times
        head = min(axis.stop, (first + 1) * draw.times) - axis.start
        tail = axis.stop - last * draw.times if last > first else 0
        whole = max(last - first - 1, 0)
        counts = [(head, 1), (tail, 1), (draw.times, whole)]
    else:
        each, more = divmod(axis.size, draw.outputs)
        counts = [(each + 1, more), (each, draw.outputs - more)]
    return Copies(
        sum(count * number for count, number in counts),
        sum(count * count * number for count, number in counts),
        max(count for count, number in counts if number),
    )


def _sparse(draw: Sparse, law: Law, dtype: str, selection: Selection, copies: Copies) -> Part:
    """The values of a sparse draw. Its zeros are spread evenly over the places of a unit."""
    inner = draw.draw
    mean, std = getattr(inner, "mean", law.mean), getattr(inner, "std", law.std)
    marginal = marginal_of(replace(law, draw=inner, mean=mean, std=std), dtype)
    taken = selection.between(draw.step, draw.step * draw.length).size
    spread = 0.0
    if taken < draw.length:
        spread = (draw.length - taken) / (draw.length - 1.0)
    return Part(copies, marginal, (draw.length - draw.zeros) / draw.length, spread)


def _orthogonal(
    draw: Orthogonal,
    law: Law,
    dtype: str,
    selection: Selection,
    elements: int,
    outputs: Copies | None,
) -> Iterator[Part]:
    """The entries of orthogonal matrices, and the zeros around them in a kernel."""
    line = draw.columns * draw.kernel
    columns = selection.between(draw.kernel, line).size
    taps = selection.between(0, draw.kernel)
    central = taps.count(draw.centre, draw.centre + 1) if draw.kernel > 1 else 1
    entries = Copies(0, 0, 1)
    variance = 0.0
    for rows in _rows(draw, selection.between(line), outputs):
        total, squares = entries.total + rows.total, entries.squares + rows.squares
        entries = Copies(total, squares, max(entries.most, rows.most))
        variance += haar.variance_of_sum(
            rows.total, rows.squares, columns, max(draw.rows, draw.columns)
        )
    copies = entries.times(columns * central)
    yield Part(copies, marginal_of(law, dtype), squares=variance * central)
    yield Part(Copies.single(elements - copies.total), constant(0.0, dtype))


def _rows(draw: Orthogonal, slow: Selection, outputs: Copies | None) -> Iterator[Copies]:
    """The rows of each matrix. With `outputs` each copy along E has these rows of its matrix."""
    if outputs is not None:
        # The outputs are the rows, and each copy along E has a matrix of its own.
        copies = slow.size // outputs.total
        yield from (outputs for _ in range(copies))
        return
    line, kernel = draw.columns * draw.kernel, draw.kernel
    last = sum((axis.stop - 1) * axis.stride for axis in slow.axes)
    first = draw.first * kernel
    while first <= last:
        rows = slow.count(first, first + draw.rows * line)
        if rows:
            yield Copies.single(rows)
        first += draw.distance * kernel
