"""Sources compute the bytes of a draw: elementwise, by an index function, or materialised."""

from service.stream.address import Address
from service.stream.draws import Draw, IndexFunction, Mapped, Orthogonal, Repeated, Sparse
from service.stream.sources.elementwise import ElementwiseSource
from service.stream.sources.index import IndexSource
from service.stream.sources.mapped import MappedSource
from service.stream.sources.materialised import MaterialisedSource
from service.stream.sources.protocol import Source
from service.stream.sources.repeated import RepeatedSource
from service.stream.sources.sparse import SparseSource

__all__ = ["Source", "source"]


def source(draw: Draw, dtype: str, address: Address) -> Source:
    """The source of a draw's values."""
    match draw:
        case IndexFunction():
            return IndexSource(draw, dtype)
        case Mapped():
            return MappedSource.of(draw, dtype, address)
        case Sparse():
            return SparseSource.of(draw, dtype, address)
        case Orthogonal():
            return MaterialisedSource(draw, dtype, address)
        case Repeated():
            return RepeatedSource(draw, source(draw.draw, dtype, address))
        case _:
            return ElementwiseSource.of(draw, dtype, address)
