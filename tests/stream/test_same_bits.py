"""Reference and kernels give the same bytes for whatever is asked of them."""

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from service.stream.address import Address
from service.stream.draws import Constant, Elementwise, Normal, UniformBetween
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS
from service.stream.reference.values import element_bytes
from tests.stream.casting import NARROW, cast
from tests.stream.drawing import draws, kernel_bytes


@settings(max_examples=400)
@given(
    draw=draws(),
    dtype=st.sampled_from(sorted(PRECISIONS)),
    seed=st.integers(0, 2**64 - 1),
    stream=st.integers(0, 2**64 - 1),
    first=st.one_of(st.integers(0, 9), st.integers(0, 2**58 - 10_000)),
    count=st.one_of(st.integers(1, 9), st.integers(1, 9000)),
)
@example(Constant(65519.0), "float16", 0, 0, 0, 5)
@example(Normal(0.0, 60.0), "float8_e4m3fn", 0, 0, 0, 50)
@example(Normal(0.0, 1e-44), "float32", 0, 0, 0, 50)
@example(UniformBetween(-1e-45, 1e-43), "float32", 3, 0, 0, 3000)
def test_reference_and_kernels_agree(
    draw: Elementwise, dtype: str, seed: int, stream: int, first: int, count: int
) -> None:
    """Any draw that the dtype can hold, any seed, stream, first element and length.

    What underflows keeps its sign.
    """
    address = Address(seed, stream)
    assume(holds(dtype, element_bytes(draw, "float32", address, first, count)))
    expected = element_bytes(draw, dtype, address, first, count)
    assert kernel_bytes(draw, dtype, address, Lattice(first, (count,), (1,))) == expected


def holds(dtype: str, singles: bytes) -> bool:
    """Whether none of the float32 values overflows a narrow dtype."""
    if dtype not in NARROW:
        return True
    return bool(np.isfinite(cast(np.frombuffer(singles, np.float32), dtype)).all())
