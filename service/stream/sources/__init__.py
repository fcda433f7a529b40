"""Sources compute the bytes of a draw: elementwise, by an index function, or materialised."""

from service.stream.address import Address
from service.stream.draws import Draw, IndexFunction, Mapped, Orthogonal, Repeated, Sparse
from service.stream.lattice import Lattice
from service.stream.sources.blocks import BlockSource
from service.stream.sources.elementwise import ElementwiseSource
from service.stream.sources.index import IndexSource
from service.stream.sources.mapped import MappedSource
from service.stream.sources.materialised import MaterialisedSource
from service.stream.sources.protocol import Source
from service.stream.sources.repeated import RepeatedSource
from service.stream.sources.sparse import SparseSource

__all__ = ["Source", "begun", "source"]


def begun(made: Source, box: Lattice) -> bool:
    """Whether others have begun all matrices that a materialised source needs for a box."""
    match made:
        case MaterialisedSource():
            return made.begun(box)
        case RepeatedSource():
            # Only the first copy along E is looked for, because the smaller draw has other element
            # numbers than the box.
            return begun(made.values, Lattice(0, (), ()))
        case BlockSource():
            return all(begun(each, box) for each in made.sources if each.materialised)
        case _:
            return False


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
