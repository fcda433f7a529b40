"""Any element numbers of any draw to bytes: the reference of all sources."""

from dataclasses import replace

import numpy as np

from service.stream.address import Address
from service.stream.bounds import outermost
from service.stream.draws import (
    Draw,
    Elements,
    IndexFunction,
    Mapped,
    Normal,
    Orthogonal,
    Repeated,
    Sparse,
)
from service.stream.reference.arrays import Float32, Float64
from service.stream.reference.orthogonal import orthogonal
from service.stream.reference.philox import wide_words, words
from service.stream.reference.repeated import copied_elements
from service.stream.reference.rounding import clamped32, clamped64, encoded
from service.stream.reference.sparse import mask
from service.stream.reference.values import element_bytes, values32, values64


def bytes_of(draw: Draw, dtype: str, address: Address, elements: Elements) -> bytes:
    """The bytes of these element numbers, shape (n,), in the dtype."""
    values = values_of(draw, dtype, address, elements)
    return encoded(values if dtype == "float64" else values.astype(np.float32), dtype)


def values_of(draw: Draw, dtype: str, address: Address, elements: Elements) -> Float32 | Float64:
    """Their values, not yet rounded to a dtype narrower than float32."""
    if isinstance(draw, IndexFunction):
        return draw.function(elements, *draw.numbers)
    if isinstance(draw, Orthogonal):
        return _orthogonal(draw, address, elements)
    if isinstance(draw, Mapped):
        inner = values_of(draw.draw, "float64", address, elements + draw.shift)
        return draw.function(inner, *draw.numbers)
    if isinstance(draw, Repeated):
        return values_of(draw.draw, dtype, address, copied_elements(draw, elements))
    if isinstance(draw, Sparse):
        values = values_of(draw.draw, dtype, address, elements)
        values[mask(draw, address, elements)] = 0.0
        return values
    blocks, which = np.unique(elements >> 2, return_inverse=True)
    low, high = outermost(draw, dtype)
    chosen = which.reshape(-1), elements & 3
    if dtype == "float64":
        wide = values64(draw, wide_words(address, blocks.astype(np.uint64)))[chosen]
        return clamped64(wide, low, high)
    return clamped32(values32(draw, words(address, blocks.astype(np.uint64)))[chosen], low, high)


def _orthogonal(draw: Orthogonal, address: Address, elements: Elements) -> Float64:
    if draw.kernel > 1:
        entries = elements // draw.kernel
        matrix = replace(draw, kernel=1, centre=0)
        central = elements % draw.kernel == draw.centre
        return np.where(central, _orthogonal(matrix, address, entries), 0.0)
    copies = (elements - draw.first) // draw.distance
    places = (elements - draw.first) % draw.distance
    values = np.empty(elements.shape, np.float64)
    for copy in np.unique(copies).tolist():
        first, count = draw.first + copy * draw.distance, draw.rows * draw.columns
        normals = element_bytes(Normal(0.0, 1.0), "float64", address, first, count)
        z = np.frombuffer(normals, np.float64).reshape(draw.rows, draw.columns)
        chosen = copies == copy
        values[chosen] = orthogonal(z).reshape(-1)[places[chosen]]
    return np.clip(values, -1.0, 1.0) * np.float64(draw.gain)
