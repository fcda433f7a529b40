"""How the values of a tensor are computed, and how much work that is."""

from dataclasses import dataclass
from math import prod

from service.plan.tensor import Tensor
from service.stream.address import Address, stream_of
from service.stream.chunking import Chunks, chunks_of, one_chunk
from service.stream.fill import Filler, filler
from service.stream.lattice import Lattice
from service.stream.sources import Source, source
from service.stream.sources.blocks import BlockSource

CHUNK_BYTES = 1 << 20
"""The usual chunk. It fits a second-level cache, and the cost of passing it on is small."""

LARGEST_CHUNK_BYTES = 16 * CHUNK_BYTES
"""The largest chunk, for layouts in which smaller chunks compute most random words repeatedly."""

COSTLY = 2.0
"""Advice is given if the work is more than this many times that of a plain tensor."""

CHEAPER = 0.6
"""Another order is advised if it takes at most this share of the work."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The work of computing all values of an answer. No value is computed to find it.

    `blocks` is the number of blocks of four random words that are drawn. Other work is counted in
    the time of a block of normal values in float32. `ratio` is `blocks` divided by the blocks of a
    plain tensor of as many elements. If it is above 2, `advice` says how to get the values for less
    work.
    """

    blocks: int
    ratio: float
    advice: str | None


def cost_of(tensor: Tensor) -> Cost:
    """The cost of a tensor in chunks of the usual size."""
    lattice = tensor.placement.lattice
    if lattice.size == 0:
        return Cost(0, 1.0, None)
    made = tensor_filler(tensor)
    blocks = blocks_of(made, body_chunks(made, CHUNK_BYTES))
    run = Filler(made.source, Lattice(lattice.offset, (lattice.size,), (1,)))
    ratio = blocks / blocks_of(run, body_chunks(run, CHUNK_BYTES))
    advice = _advice(tensor, made, blocks) if ratio > COSTLY else None
    return Cost(blocks, round(ratio, 2), advice)


def _advice(tensor: Tensor, made: Filler, blocks: int) -> str:
    """What to request instead: the other order if that draws much less, else another slice."""
    lattice = made.lattice
    reverse = Lattice(lattice.offset, lattice.extents[::-1], lattice.strides[::-1])
    turned = Filler(made.source, reverse)
    if blocks_of(turned, body_chunks(turned, CHUNK_BYTES)) <= CHEAPER * blocks:
        order = "C" if tensor.placement.fortran else "F"
        formats = "" if order == "C" else ", in npy and raw"
        return f"order={order} takes less work for the same values{formats}"
    return (
        "this slice has few elements of each block of four random words: a slice of whole rows "
        "takes less work for each element"
    )


def blocks_of(made: Filler, chunks: Chunks) -> int:
    """The work of all chunks, as `Cost.blocks` counts it."""
    return chunks.total(made.source.cost)


def body_chunks(made: Filler, largest_chunk: int) -> Chunks:
    """The chunks of a tensor. `largest_chunk` is in bytes, at least CHUNK_BYTES.

    A materialised tensor is one chunk: in permuted layouts each part needs all columns.
    """
    if made.source.materialised:
        return one_chunk(made.lattice)
    return chunks_of(made.lattice, CHUNK_BYTES // made.itemsize, largest_chunk // made.itemsize)


def address_of(tensor: Tensor) -> Address:
    """The address of the random words of a tensor."""
    return Address(tensor.spec.seed or 0, stream_of(tensor.spec.name))


def tensor_filler(tensor: Tensor) -> Filler:
    """The filler of a tensor of one or several blocks."""
    address, lattice = address_of(tensor), tensor.placement.lattice
    if len(tensor.blocks) == 1:
        return filler(tensor.law.draw, tensor.spec.dtype, address, lattice)
    return Filler(tensor_source(tensor, address), lattice)


def tensor_source(tensor: Tensor, address: Address) -> Source:
    """The source of the values that a tensor of one or several blocks has at an address."""
    dtype = tensor.spec.dtype
    if len(tensor.blocks) == 1:
        return source(tensor.law.draw, dtype, address)
    edges, sources = [0], list[Source]()
    for block in tensor.blocks:
        edges.append(edges[-1] + block.outputs)
        sources.append(source(block.law.draw, dtype, address))
    inner = elements_of_an_output(tensor.placement.letters or "", tensor.spec.shape)
    return BlockSource(tuple(sources), tuple(edges), inner)


def elements_of_an_output(letters: str, shape: tuple[int, ...]) -> int:
    """The number of consecutive elements of one output: inputs times kernel."""
    axes = zip(letters, shape, strict=True)
    return prod(extent for letter, extent in axes if letter in "IDHW")
