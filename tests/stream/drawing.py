"""Draws with random constants, and the bytes that the kernels fill for a draw."""

import numpy as np
from hypothesis import strategies as st

from service.stream.address import Address
from service.stream.draws import (
    Constant,
    Draw,
    Normal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.fill import filler
from service.stream.lattice import Lattice

MASSES = {1.0: (0.3413447460685429, 0.15865525393145707), 6.5: (0.49999999995983, 4.016e-11)}
"""Roughly Phi(c) - 1/2 and 1 - Phi(c): both implementations have to agree on any numbers."""

scales = st.one_of(st.floats(1e-4, 1.0), st.floats(-320.0, 30.0).map(lambda power: 10.0**power))
means = st.one_of(st.just(0.0), st.floats(-1.0, 1.0))


@st.composite
def draws(draw: st.DrawFn) -> Draw:
    """A draw of any kind; the bounds of the truncated ones are often reached."""
    mean, std = draw(means), draw(scales)
    mass, tail = MASSES[draw(st.sampled_from(list(MASSES)))]
    low, high = mean - 3 * std, mean + 4 * std
    symmetric = SymmetricTruncatedNormal(mean, std, mass, tail, low, high)
    below, above = draw(st.floats(1e-300, 0.4)), draw(st.floats(1e-300, 0.4))
    between = TruncatedNormalBetween(mean, std, below, 1 - above - below, above, low, high)
    plain: list[Draw] = [
        Constant(std),
        SymmetricUniform(std),
        UniformBetween(low, high),
        Normal(mean, std),
    ]
    return draw(st.sampled_from([*plain, symmetric, between]))


def kernel_bytes(draw: Draw, dtype: str, address: Address, lattice: Lattice) -> bytes:
    """The elements of the lattice in written order, by the kernels."""
    prepared = filler(draw, dtype, address, lattice)
    out = np.empty(lattice.size * prepared.itemsize, np.uint8)
    prepared.fill(0, lattice.size, out)
    return out.tobytes()
