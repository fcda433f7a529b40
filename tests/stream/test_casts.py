"""A tensor in a narrow dtype is the float32 tensor rounded: ml_dtypes casts to the same bytes."""

from dataclasses import dataclass
from hashlib import sha256
from math import sqrt

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from checks import write_vectors
from service.fields import parse_query
from service.plan import plan
from service.stream.address import Address, stream_of
from service.stream.bounds import outermost
from service.stream.cells import spacing
from service.stream.draws import (
    Constant,
    Elementwise,
    Normal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS, at_least, at_most, nearest
from service.stream.reference.arrays import Float32
from service.stream.reference.values import element_bytes
from tests.stream.casting import NARROW, cast
from tests.stream.drawing import draws, elementwise, kernel_bytes
from tests.stream.vectors import cases, draw_of

ADDRESS = Address(3, stream_of("q"))
COUNT = 2**17 + 5
RUN = Lattice(2**34 - 3, (COUNT,), (1,))
BOX = Lattice(1, (3, 700), (1, 3))

# (Phi(c) - 1/2, 1 - Phi(c)) at 2 and at 5 sigma; Phi(-1), Phi(3) - Phi(-1), 1 - Phi(3).
TO_2, TO_5 = (0.4772498680518208, 0.0227501319481792), (0.4999997133484281, 2.866515718791933e-07)
FROM_1_TO_3 = (0.15865525393145707, 0.8399948480369128, 0.0013498980316300933)

REACHING: list[Elementwise] = [
    SymmetricUniform(sqrt(6 / 1024)),
    SymmetricUniform(0.1),
    SymmetricUniform(0.11),
    SymmetricUniform(0.0015),
    UniformBetween(0.1, 0.7),
    UniformBetween(-0.7, -0.1),
    UniformBetween(0.0005, 0.3),
    SymmetricTruncatedNormal(0.0, 0.6, *TO_2, -1.2, 1.2),
    SymmetricTruncatedNormal(0.0, 0.45, *TO_2, -0.9, 0.9),
    TruncatedNormalBetween(0.0, 0.3, *FROM_1_TO_3, -0.3, 0.9),
    TruncatedNormalBetween(0.0, 0.4, *FROM_1_TO_3, -0.4, 1.2),
]
"""Draws of which many elements lie next to a bound."""

DRAWS: list[Elementwise] = [
    *REACHING,
    Constant(0.1),
    Constant(-0.3),
    SymmetricUniform(460.0),
    UniformBetween(0.51, 0.56),
    Normal(0.0, 1.0),
    Normal(1.0, 0.02),
    Normal(0.0, 1e-3),
    SymmetricTruncatedNormal(0.5, 0.02, *TO_5, 0.4, 0.6),
]


def singles(draw: Elementwise, address: Address, first: int, count: int) -> Float32:
    return np.frombuffer(element_bytes(draw, "float32", address, first, count), np.float32)


def clamped_in_dtype(values: Float32, draw: Elementwise, dtype: str) -> npt.NDArray[np.generic]:
    """The rule before release 0.1.0: clamp to the outermost numbers of the dtype in the bounds.

    `values` are within the bounds already, which does not change what comes out.
    """
    lowest, highest = outermost(draw, "float64")
    precision = PRECISIONS[dtype]
    low, high = at_least(lowest, precision), at_most(highest, precision)
    return cast(np.clip(values, np.float32(low), np.float32(high)), dtype)


def rounds_outwards(draw: Elementwise, dtype: str) -> bool:
    """Whether a bound of the draw has its nearest number of the dtype outside the bounds."""
    lowest, highest = outermost(draw, "float32")
    precision = PRECISIONS[dtype]
    return nearest(lowest, precision) < lowest or nearest(highest, precision) > highest


MOST = {
    name: PRECISIONS[name].largest + spacing(PRECISIONS[name].largest, PRECISIONS[name]) / 2
    for name in NARROW
}
"""From here on a value rounds beyond the dtype's largest number."""


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("draw", DRAWS, ids=str)
def test_every_narrow_tensor_is_the_cast_of_the_float32_tensor(
    draw: Elementwise, dtype: str
) -> None:
    """By the reference and by the kernels, these in a run and in a box."""
    values = singles(draw, ADDRESS, RUN.offset, COUNT)
    if np.abs(values).max() >= MOST[dtype]:
        pytest.skip("the dtype cannot hold these values, and they are refused")
    expected = cast(values, dtype).tobytes()
    assert element_bytes(draw, dtype, ADDRESS, RUN.offset, COUNT) == expected
    assert kernel_bytes(draw, dtype, ADDRESS, RUN) == expected
    whole = np.frombuffer(kernel_bytes(draw, "float32", ADDRESS, BOX), np.float32)
    assert kernel_bytes(draw, dtype, ADDRESS, BOX) == cast(whole, dtype).tobytes()


OUTWARDS = [(draw, dtype) for draw in REACHING for dtype in NARROW if rounds_outwards(draw, dtype)]


@pytest.mark.parametrize(("draw", "dtype"), OUTWARDS, ids=str)
def test_bounds_inside_the_dtype_would_be_noticed(draw: Elementwise, dtype: str) -> None:
    """Negative control: the earlier rule gives other bytes for each of these draws."""
    values = singles(draw, ADDRESS, RUN.offset, COUNT)
    narrow = element_bytes(draw, dtype, ADDRESS, RUN.offset, COUNT)
    assert clamped_in_dtype(values, draw, dtype).tobytes() != narrow


@pytest.mark.parametrize("dtype", [name for name in NARROW if name in write_vectors.dtypes()])
def test_the_golden_vectors_tell_the_rules_apart(dtype: str) -> None:
    """The earlier rule fails a vector of every kind of bounded draw."""
    failed = set()
    for case in cases():
        draw = elementwise(draw_of(case))
        if case["dtype"] == dtype and not isinstance(draw, Constant | Normal):
            address = Address(int(case["seed"]), stream_of(case["name"]))
            values = singles(draw, address, int(case["start"]), case["count"])
            found = sha256(clamped_in_dtype(values, draw, dtype).tobytes()).hexdigest()
            failed |= {type(draw)} if found != case["sha256"] else set()
    assert failed == {type(draw) for draw in REACHING}


@pytest.mark.parametrize("dtype", NARROW)
def test_the_draws_have_bounds_of_either_kind(dtype: str) -> None:
    """Bounds that round outwards for every kind of bounded draw, and limits that round inwards."""
    outwards = {type(draw) for draw, other in OUTWARDS if other == dtype}
    assert outwards == {type(draw) for draw in REACHING}
    limits = [draw.limit for draw in REACHING if isinstance(draw, SymmetricUniform)]
    assert any(nearest(limit, PRECISIONS[dtype]) < limit for limit in limits)


@settings(max_examples=400)
@given(
    draw=draws(),
    dtype=st.sampled_from(sorted(NARROW)),
    seed=st.integers(0, 2**64 - 1),
    first=st.one_of(st.integers(0, 9), st.integers(0, 2**58 - 10_000)),
    count=st.integers(1, 3000),
)
@example(SymmetricUniform(sqrt(6 / 1024)), "float8_e5m2", 3, 0, 3000)
@example(UniformBetween(-1e-45, 1e-43), "bfloat16", 3, 0, 3000)
@example(Constant(464.0), "float8_e4m3fn", 0, 0, 5)
def test_draws_of_random_constants_are_cast(
    draw: Elementwise, dtype: str, seed: int, first: int, count: int
) -> None:
    """Whatever the dtype can hold, by both implementations."""
    address = Address(seed, stream_of("q"))
    expected = cast(singles(draw, address, first, count), dtype)
    assume(np.isfinite(expected).all())
    assert element_bytes(draw, dtype, address, first, count) == expected.tobytes()
    lattice = Lattice(first, (count,), (1,))
    assert kernel_bytes(draw, dtype, address, lattice) == expected.tobytes()


@dataclass(frozen=True, slots=True)
class Change:
    """What the earlier rule did to a tensor, and what the present rule does.

    `share` are the elements that were not the cast, in per cent; `std_before` and `std_now` are
    the standard deviations as parts of that of the float32 tensor.
    """

    share: float
    std_before: float
    std_now: float


HE = "scheme=he_uniform"
UNIFORM = "scheme=uniform&low=-0.3&high=0.9"
TRUNCATED = "scheme=truncated_normal&std=0.6&low=-1.2&high=1.2"
CHANGES = {
    (HE, "float8_e5m2"): Change(8.15, 0.9558, 1.0026),
    (HE, "float8_e4m3fn"): Change(3.05, 0.9911, 1.0002),
    (HE, "bfloat16"): Change(0.17, 1.0000, 1.0000),
    (UNIFORM, "float8_e5m2"): Change(1.57, 0.9979, 1.0027),
    (UNIFORM, "float8_e4m3fn"): Change(0.26, 0.9990, 0.9994),
    (UNIFORM, "bfloat16"): Change(0.02, 1.0000, 1.0000),
    (TRUNCATED, "float8_e5m2"): Change(1.61, 0.9826, 0.9990),
    (TRUNCATED, "float8_e4m3fn"): Change(0.23, 0.9977, 0.9990),
    (TRUNCATED, "bfloat16"): Change(0.01, 1.0000, 1.0000),
}


def measured(query: str, dtype: str) -> Change:
    """Of the tensor 1024,1024 with seed 3 and name q, by the kernels."""
    planned = plan(
        parse_query(f"shape=1024,1024&{query}&seed=3&name=q&dtype={dtype}".encode()),
        "raw",
        max_bytes=2**30,
    )
    single = np.frombuffer(
        kernel_bytes(planned.tensor.law.draw, "float32", ADDRESS, planned.tensor.placement.lattice),
        np.float32,
    )
    found = kernel_bytes(planned.tensor.law.draw, dtype, ADDRESS, planned.tensor.placement.lattice)
    now, before = (
        cast(single, dtype),
        clamped_in_dtype(single, elementwise(planned.tensor.law.draw), dtype),
    )
    assert found == now.tobytes()
    std = single.astype(np.float64).std()
    return Change(
        100 * float(np.mean(before != now)),
        float(before.astype(np.float64).std() / std),
        float(now.astype(np.float64).std() / std),
    )


@pytest.mark.parametrize(("query", "dtype"), CHANGES)
def test_a_tensor_keeps_the_std_that_rounding_leaves_it(query: str, dtype: str) -> None:
    """Every element is the cast. The tolerance is half of the last digit of each figure."""
    change, expected = measured(query, dtype), CHANGES[query, dtype]
    assert change.share == pytest.approx(expected.share, abs=0.005)
    assert change.std_before == pytest.approx(expected.std_before, abs=5e-5)
    assert change.std_now == pytest.approx(expected.std_now, abs=5e-5)
