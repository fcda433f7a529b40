"""Reference and kernels give the same bytes for whatever is asked of them."""

import numpy as np
from hypothesis import example, given, settings
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
from service.stream.precision import PRECISIONS
from service.stream.reference.values import element_bytes

MASSES = {1.0: (0.3413447460685429, 0.15865525393145707), 6.5: (0.49999999995983, 4.016e-11)}
"""Roughly Phi(c) - 1/2 and 1 - Phi(c): both implementations have to agree on any numbers."""

scales = st.one_of(st.floats(1e-4, 1.0), st.floats(-320.0, 30.0).map(lambda power: 10.0**power))
means = st.one_of(st.just(0.0), st.floats(-1.0, 1.0))


@st.composite
def draws(draw: st.DrawFn) -> Draw:
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


@settings(max_examples=400)
@given(
    draw=draws(),
    dtype=st.sampled_from(sorted(PRECISIONS)),
    seed=st.integers(0, 2**64 - 1),
    stream=st.integers(0, 2**64 - 1),
    first=st.one_of(st.integers(0, 9), st.integers(0, 2**58 - 10_000)),
    count=st.one_of(st.integers(1, 9), st.integers(1, 9000)),
)
@example(Constant(1e5), "float16", 0, 0, 0, 5)
@example(Normal(0.0, 1e30), "float8_e4m3fn", 0, 0, 0, 5)
@example(Normal(0.0, 1e-44), "float32", 0, 0, 0, 50)
def test_reference_and_kernels_agree(
    draw: Draw, dtype: str, seed: int, stream: int, first: int, count: int
) -> None:
    """Any draw, dtype, seed, stream, first element and length; what underflows keeps its sign."""
    address = Address(seed, stream)
    prepared = filler(draw, dtype, address, Lattice(first, (count,), (1,)))
    out = np.empty(count * prepared.itemsize, np.uint8)
    prepared.fill(0, count, out)
    assert out.tobytes() == element_bytes(draw, dtype, address, first, count)
