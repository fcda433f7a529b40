"""Before a process issues anything: every kernel compiled, and its bits compared with known ones.

A library that switches subnormals off (FTZ, DAZ), a compiler that fuses or reorders, a broken
cache: all of it changes this digest. Values and constants here include subnormal numbers.
"""

import hashlib

import numpy as np

from service.dtypes import DTYPES
from service.stream.address import Address
from service.stream.draws import (
    Constant,
    Draw,
    Normal,
    Orthogonal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.edition import DIGEST
from service.stream.fill import filler
from service.stream.lattice import Lattice

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
)
DTYPES_CHECKED = tuple(name for name, dtype in DTYPES.items() if dtype.draft is None)
"""The frozen ones. A draft needs no kernel of its own, and no other digest."""

LATTICES = (Lattice(2**34 - 7, (700,), (1,)), Lattice(0, (3, 170), (1, 3)))


class WrongBitsError(RuntimeError):
    """This process does not compute the stream: it must not issue anything."""


def warm_up() -> None:
    """Compile every kernel and compare the bits; raises WrongBitsError if they differ."""
    if digest() != DIGEST:
        raise WrongBitsError("the kernels give other bits here than the stream has")


def digest() -> str:
    """Return the SHA-256 of every kind of draw in every dtype, in a run and in a box."""
    found = hashlib.sha256()
    for draw in DRAWS:
        for dtype in DTYPES_CHECKED:
            for lattice in LATTICES:
                prepared = filler(draw, dtype, Address(2**40 + 1, 2**63), lattice)
                out = np.empty(lattice.size * prepared.itemsize, np.uint8)
                prepared.fill(0, lattice.size, out)
                found.update(out.tobytes())
    return found.hexdigest()
