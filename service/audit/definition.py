"""The values of a tensor without random words, computed from their definition.

The functions here are those of `service.stream.reference`, not the compiled kernels that make the
bytes of an answer.
"""

from collections.abc import Iterator
from itertools import accumulate

import numpy as np

from service.plan.tensor import Tensor
from service.plan.work import elements_of_an_output
from service.stream.draws import Constant, Draw, Elements, Float64, IndexFunction, Repeated
from service.stream.reference.repeated import copied_elements
from service.stream.reference.rounding import encoded
from service.stream.sources.index import element_numbers

PIECE = 2**15
"""The elements that are computed at a time."""


def defined_bytes(tensor: Tensor, start: int, stop: int) -> Iterator[bytes]:
    """The bytes of positions start ... stop - 1 of a tensor without random words, in pieces."""
    for first in range(start, stop, PIECE):
        for box in tensor.placement.lattice.boxes(first, min(first + PIECE, stop)):
            values = _values(tensor, element_numbers(box))
            wide = tensor.spec.dtype == "float64"
            yield encoded(values if wide else values.astype(np.float32), tensor.spec.dtype)


def _values(tensor: Tensor, elements: Elements) -> Float64:
    if len(tensor.blocks) == 1:
        return _of_draw(tensor.law.draw, elements)
    inner = elements_of_an_output(tensor.placement.letters or "", tensor.spec.shape)
    edges = list(accumulate(block.outputs for block in tensor.blocks))
    block = np.searchsorted(np.array(edges), elements // inner % edges[-1], side="right")
    values = np.empty(elements.shape, np.float64)
    for number in np.unique(block).tolist():
        chosen = block == number
        values[chosen] = _of_draw(tensor.blocks[number].law.draw, elements[chosen])
    return values


def _of_draw(draw: Draw, elements: Elements) -> Float64:
    """The float64 values of these element numbers, same shape."""
    if isinstance(draw, Constant):
        return np.full(elements.shape, draw.value, np.float64)
    if isinstance(draw, Repeated):
        return _of_draw(draw.draw, copied_elements(draw, elements))
    assert isinstance(draw, IndexFunction), "all other draws use random words"
    return draw.function(elements, *draw.numbers)
