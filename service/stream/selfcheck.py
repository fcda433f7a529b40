"""The start-up check: compile every kernel and compare a digest of its output with the known one.

The digest changes if a library disables subnormal numbers (FTZ, DAZ), if the compiler fuses or
reorders operations, or if the kernel cache is damaged. Some values and constants are subnormal.
"""

import hashlib

import numpy as np

from service.dtypes import DTYPES
from service.stream import indexed
from service.stream.address import Address
from service.stream.draws import (
    Constant,
    Draw,
    Mapped,
    Normal,
    Orthogonal,
    Sparse,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.edition import DIGEST
from service.stream.elementary import log
from service.stream.fill import filler
from service.stream.lattice import Lattice
from service.stream.sources.elementwise import ElementwiseSource

DRAWS: tuple[Draw, ...] = (
    Constant(0.1),
    SymmetricUniform(0.1),
    SymmetricUniform(3e-5),
    UniformBetween(-0.25, 1.0),
    Normal(0.0, 1.0),
    Normal(0.0, 1e-5),
    Normal(0.0, 1e-39),
    SymmetricTruncatedNormal(0.0, 1.0, 0.4772498680518208, 0.022750131948179195, -2.0, 2.0),
    SymmetricTruncatedNormal(0.5, 0.1, 0.4999997133484281, 2.866515719235352e-07, 0.0, 1.0),
    TruncatedNormalBetween(0.0, 1.0, 0.15865525393145705, 0.8399948480369128, 0.00135, -1.0, 3.0),
    Orthogonal(gain=1.0, rows=20, columns=35, first=0, distance=700),
    Mapped(UniformBetween(1.0, 100.0), log, (), 0.0, 5.0),
    Sparse(Normal(0.0, 1.0), zeros=9, length=10, step=3),
)
_CONVOLUTION = (6, 4, 8, 2, 4, 1)
"""Taps, inputs, outputs, inputs and outputs of a group, and the first output."""

INDEX_FUNCTIONS: tuple[indexed.Prepared, ...] = (
    indexed.tiled(*_CONVOLUTION, True, 0.5, -0.25, 1.0, 3e-310, 2.0, -1.0),
    indexed.centred(*_CONVOLUTION, 3, 0.75),
    indexed.interpolating(9, 4, 8, 4, 4, 0, 3),
    indexed.gabor(*_CONVOLUTION, False, 3, 2.0, 3.0, 0.5, 0.25, 2, 1.5),
    indexed.fourier(33, 17, 32, True, 3.5, 32, False, 0.42, 0.5, 0.08),
    indexed.triangles(65, 8000.0, False, 1.5, 4.0, True),
    indexed.interleaved(16, 10000.0),
    indexed.in_parts(16, 10000.0, 4, 3, 12),
    indexed.hadamard(32, 8, 3, 1, 0, 32, 8, 0.125),
    indexed.cosine(12, 12, 2, False, 0.4, 0.3, 0.7),
)
"""Every kernel that `service.stream.indexed` uses, with numbers like those of a request."""

INDEX_ELEMENTS = np.arange(1500, dtype=np.int64)

DTYPES_CHECKED = tuple(name for name, dtype in DTYPES.items() if dtype.draft is None)
"""The frozen dtypes. A draft has no kernel of its own, so the digest does not include it."""

LATTICES = (
    Lattice(2**34 - 7, (700,), (1,)),
    Lattice(0, (3, 170), (1, 3)),
    Lattice(3, (16, 64), (1, 16)),
)
"""A box for each walk (`service.stream.sources.walks`): a run, a gathered box, and a sheet."""


class WrongBitsError(RuntimeError):
    """This process computes wrong bits and must not issue tensors."""


def warm_up() -> None:
    """Compile every kernel and compare the digest. Raises WrongBitsError if it differs."""
    if digest() != DIGEST or not _streams_agree():
        raise WrongBitsError("the kernels compute other bits than the stream on this machine")


def _streams_agree() -> bool:
    """Whether the kernel for several streams computes what that for one stream does."""
    streams, size = np.array([0, 2**63, 2**33 + 5], np.uint64), 700
    first = ElementwiseSource.of(Normal(0.0, 1.0), "float32", Address(2**40 + 1, 0))
    together = np.empty(streams.size * size * first.itemsize, np.uint8)
    first.fill_each(2**40 + 1, streams, together)
    apart = b""
    for stream in streams:
        out = np.empty(size * first.itemsize, np.uint8)
        one = ElementwiseSource.of(Normal(0.0, 1.0), "float32", Address(2**40 + 1, int(stream)))
        one.fill(Lattice(0, (size,), (1,)), out)
        apart += out.tobytes()
    return together.tobytes() == apart


def digest() -> str:
    """Return the SHA-256 of all draws in all frozen dtypes, by every walk, and of the functions."""
    found = hashlib.sha256()
    for draw in DRAWS:
        for dtype in DTYPES_CHECKED:
            for lattice in LATTICES:
                prepared = filler(draw, dtype, Address(2**40 + 1, 2**63), lattice)
                out = np.empty(lattice.size * prepared.itemsize, np.uint8)
                prepared.fill(0, lattice.size, out)
                found.update(out.tobytes())
    for values_of in INDEX_FUNCTIONS:
        found.update(values_of(INDEX_ELEMENTS).tobytes())
    return found.hexdigest()
