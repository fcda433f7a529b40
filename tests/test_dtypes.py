"""A dtype is one row: what is derived from it is right, and a further row needs no further code."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from checks import write_vectors
from service.dtypes import DTYPES, Dtype
from service.plan.drafts import is_draft
from service.stream.precision import NARROW, PRECISIONS

ROOT = Path(__file__).parent.parent
each_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=list(DTYPES))


def oracle(dtype: Dtype) -> "np.dtype[np.generic]":
    """The NumPy type of that name."""
    return np.dtype(getattr(ml_dtypes, dtype.name, dtype.name))


def test_the_six_dtypes_of_release_0_1_0_are_there() -> None:
    """Their names are frozen; further ones may follow."""
    frozen = ["float32", "float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2"]
    assert list(DTYPES)[: len(frozen)] == frozen


@each_dtype
def test_a_row_makes_whole_bytes(dtype: Dtype) -> None:
    """Sign, exponent and fraction fill as many bytes as the type of that name has."""
    bits = 1 + dtype.exponent_bits + dtype.fraction_bits
    assert bits == 8 * dtype.itemsize == 8 * oracle(dtype).itemsize
    assert PRECISIONS[dtype.name].itemsize == dtype.itemsize


@each_dtype
def test_npy_descr_is_the_word_numpy_would_write(dtype: Dtype) -> None:
    """.npy has a word for exactly the types that NumPy itself knows."""
    native = not hasattr(ml_dtypes, dtype.name)
    assert dtype.npy_descr == (oracle(dtype).newbyteorder("<").str if native else None)


@each_dtype
def test_a_draft_is_one_everywhere(dtype: Dtype) -> None:
    """The row says the same as the list of drafts."""
    assert (dtype.draft is not None) == is_draft("dtype", dtype.name)


def test_every_frozen_dtype_has_golden_vectors() -> None:
    """Drafts have none, because their bytes may change."""
    assert set(write_vectors.dtypes()) == {
        dtype.name for dtype in DTYPES.values() if dtype.draft is None
    }


def test_the_numbers_that_round_are_those_of_the_page() -> None:
    """Each pattern as it was written by hand before it was derived; frozen-v1.json has them too."""
    by_hand = {
        "float16": (13, 0x38000000, 0x38800000, 0x3F000000),
        "bfloat16": (16, 0, 0, 0),
        "float8_e4m3fn": (20, 0x3C000000, 0x3C800000, 0x46800000),
        "float8_e5m2": (21, 0x38000000, 0x38800000, 0x43000000),
    }
    assert {name: tuple(NARROW[name]) for name in by_hand} == by_hand


FURTHER_ROW = """
from service import dtypes
dtypes.DTYPES["{name}"] = dtypes.Dtype("{name}", {exponent}, {fraction}, None, "X", draft=1)

import math
import ml_dtypes, numpy as np
from service.stream.address import Address
from service.stream.draws import Normal, UniformBetween
from service.stream.fill import filler
from service.stream.kernels.boxes import scatter
from service.stream.kernels.gather import gather
from service.stream.kernels.run import run
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS, nearest
from service.stream.reference.values import element_bytes
from service.wire.formats import FORMATS

largest = PRECISIONS["{name}"].largest
oracle = getattr(ml_dtypes, "{name}", None)
if oracle is not None:
    assert largest == float(ml_dtypes.finfo(oracle).max)
assert "{name}" in FORMATS["safetensors"].dtypes and "{name}" not in FORMATS["npy"].dtypes
address, count = Address(5, 7), 20_011
lattices = (
    Lattice(3, (count,), (1,)),
    Lattice(3, (7, 2858), (1, 7)),
    Lattice(3, (7, 900), (900, 1)),
    Lattice(3, (9, 2000), (2200, 1)),
)
# All magnitudes; near the largest, where the last bits are; and mostly subnormal.
for draw in UniformBetween(-largest, largest), Normal(0.0, 1.0), Normal(0.0, 2.0 ** {least}):
    singles = np.frombuffer(element_bytes(draw, "float32", address, 3, count), np.float32)
    expected = element_bytes(draw, "{name}", address, 3, count)
    if oracle is not None:
        assert expected == singles.astype(oracle).tobytes()
    else:
        numbers = np.frombuffer(expected, np.{integer}).astype(np.int64)
        magnitudes = numbers & {magnitude}
        exponents, fractions = magnitudes >> {fraction}, magnitudes & ((1 << {fraction}) - 1)
        hidden = np.where(exponents > 0, 1 << {fraction}, 0)
        units = np.maximum(exponents, 1) - 1 + ({least} - {fraction})
        values = np.ldexp((hidden + fractions).astype(np.float64), units)
        values = np.where(numbers > {magnitude}, -values, values)
        precision = PRECISIONS["{name}"]
        assert values.tolist() == [nearest(x, precision) for x in singles.tolist()]
    itemsize = PRECISIONS["{name}"].itemsize
    for lattice in lattices:
        prepared = filler(draw, "{name}", address, lattice)
        out = np.empty(lattice.size * itemsize, np.uint8)
        prepared.fill(0, lattice.size, out)
        order = np.zeros((), np.int64)
        for extent, stride in zip(lattice.extents, lattice.strides):
            order = np.add.outer(order, np.arange(extent) * stride)
        picked = np.frombuffer(expected, np.uint8).reshape(-1, itemsize)[order.reshape(-1)]
        assert out.tobytes() == picked.tobytes(), (draw, lattice)
print("compiled", *(len(kernel.signatures) for kernel in (run, scatter, gather)))
"""
"""A process in which the table has one row more before anything is derived from it."""


@pytest.mark.parametrize(
    ("name", "exponent", "fraction"),
    [("float8_e3m4", 3, 4), ("float8_e4m3", 4, 3), ("float16_e6m9", 6, 9)],
)
def test_a_row_is_enough(name: str, exponent: int, fraction: int) -> None:
    """Reference and kernels round to a dtype of which they know the row alone.

    ml_dtypes has the first two, exact arithmetic judges the third. The kernels are the compiled
    ones: a dtype comes as numbers at run time.
    """
    itemsize = (1 + exponent + fraction) // 8
    values: dict[str, Any] = {
        "name": name,
        "exponent": exponent,
        "fraction": fraction,
        "least": 2 - 2 ** (exponent - 1),
        "integer": f"uint{8 * itemsize}",
        "magnitude": 2 ** (8 * itemsize - 1) - 1,
    }
    done = subprocess.run(
        [sys.executable, "-c", FURTHER_ROW.format(**values)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("compiled 1 1 1\n", "")
