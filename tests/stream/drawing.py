"""Draws with random constants, and the bytes that the kernels fill for a draw."""

import numpy as np
from hypothesis import strategies as st

from service.stream.address import Address
from service.stream.draws import (
    Constant,
    Draw,
    Elementwise,
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


masses = st.sampled_from(list(MASSES.values()))


@st.composite
def symmetric(draw: st.DrawFn) -> SymmetricTruncatedNormal:
    """Its bounds are often reached."""
    mean, std = draw(means), draw(scales)
    mass, tail = draw(masses)
    return SymmetricTruncatedNormal(mean, std, mass, tail, mean - 3 * std, mean + 4 * std)


@st.composite
def between(draw: st.DrawFn) -> TruncatedNormalBetween:
    """Its bounds are often reached, too."""
    mean, std = draw(means), draw(scales)
    below, above = draw(st.floats(1e-300, 0.4)), draw(st.floats(1e-300, 0.4))
    mass = 1 - above - below
    return TruncatedNormalBetween(mean, std, below, mass, above, mean - 3 * std, mean + 4 * std)


@st.composite
def uniform_between(draw: st.DrawFn) -> UniformBetween:
    """About a mean, or from three scales below 0 to four above."""
    mean, std = draw(means), draw(scales)
    return UniformBetween(mean - 3 * std, mean + 4 * std)


STRATEGIES: dict[type, st.SearchStrategy[Elementwise]] = {
    Constant: st.builds(Constant, scales),
    SymmetricUniform: st.builds(SymmetricUniform, scales),
    UniformBetween: uniform_between(),
    Normal: st.builds(Normal, means, scales),
    SymmetricTruncatedNormal: symmetric(),
    TruncatedNormalBetween: between(),
}
"""Draws of each kind, with random constants."""


def draws() -> st.SearchStrategy[Elementwise]:
    """A draw of any kind."""
    return st.one_of(*STRATEGIES.values())


def elementwise(draw: Draw) -> Elementwise:
    """The draw, which the words of each element determine."""
    assert isinstance(draw, Elementwise)
    return draw


def kernel_bytes(draw: Draw, dtype: str, address: Address, lattice: Lattice) -> bytes:
    """The elements of the lattice in written order, by the kernels."""
    prepared = filler(draw, dtype, address, lattice)
    out = np.empty(lattice.size * prepared.itemsize, np.uint8)
    prepared.fill(0, lattice.size, out)
    return out.tobytes()
