"""Orthogonal matrices: the reference's bits, orthonormal, Haar distributed, computed once."""

import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from service.errors import ImpossibleError
from service.fields import parse_query
from service.plan import Plan, plan
from service.stream.address import Address
from service.stream.draws import Float64, Normal, Orthogonal
from service.stream.fill import filler
from service.stream.lattice import Lattice
from service.stream.reference import orthogonal as reference
from service.stream.reference.elements import bytes_of
from service.stream.sources import materialised
from service.stream.sources.materialised import (
    ENTRY_BYTES,
    MOST_ELEMENTS,
    MOST_MATRICES,
    Matrices,
    normals,
    orthogonal,
)

ADDRESS = Address(7, 11)
SHAPES = [
    *((1, 1), (1, 2), (2, 1), (2, 2), (3, 7), (7, 3), (15, 15), (16, 16), (17, 17), (16, 17)),
    *((33, 5), (5, 33), (1, 40), (40, 1), (63, 63), (64, 64), (65, 65), (64, 90), (90, 64)),
    *((66, 131), (129, 80)),
]
MATRICES_COUNTED = 4000
KS = 1.95 / math.sqrt(MATRICES_COUNTED)
"""Kolmogorov and Smirnov: a right distribution passes this with a probability of 0.999."""

SIGMAS = 4.0
"""A mean of the right distribution is farther off with a probability of 6e-5."""


@pytest.fixture
def matrices(monkeypatch: pytest.MonkeyPatch) -> Matrices:
    """An empty cache in place of the process's own."""
    fresh = Matrices(2**24)
    monkeypatch.setattr(materialised, "MATRICES", fresh)
    return fresh


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch, matrices: Matrices) -> list[tuple[int, ...]]:
    """The shapes of the matrices that are computed, in order."""
    shapes: list[tuple[int, ...]] = []

    def counted(z: Float64) -> Float64:
        shapes.append(z.shape)
        time.sleep(0.02)  # Another thread that does not wait has the time to compute it, too.
        return orthogonal(z)

    monkeypatch.setattr(materialised, "orthogonal", counted)
    return shapes


def gaussian(rows: int, columns: int) -> Float64:
    """Independent standard normals."""
    return normals(Orthogonal(1.0, rows, columns, 0, rows * columns), ADDRESS, 0)


def values(draw: Orthogonal, box: Lattice, dtype: str = "float64") -> bytes:
    """The bytes of a box."""
    made = filler(draw, dtype, ADDRESS, box)
    out = np.empty(box.size * made.itemsize, np.uint8)
    made.fill(0, box.size, out)
    return out.tobytes()


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_the_kernel_has_the_bits_of_the_reference(rows: int, columns: int) -> None:
    """In float64, where a fused or reordered operation shows."""
    z = gaussian(rows, columns)
    assert orthogonal(z.copy()).tobytes() == reference.orthogonal(z.copy()).tobytes()


def test_another_order_of_the_sums_has_other_bits() -> None:
    """Negative control: NumPy's pairwise sums differ from the reference in the last places."""
    z = gaussian(90, 64)
    q = np.eye(90)
    for k in range(64):
        v = z[k:, k].copy()
        v[0] += math.copysign(float(np.linalg.norm(v)), v[0])
        q[:, k:] -= np.outer(q[:, k:] @ v, 2 / (v @ v) * v)
    q = q[:, :64] * np.where(np.diagonal(z) >= 0, -1.0, 1.0)
    assert np.allclose(q, orthogonal(z.copy()), rtol=0, atol=1e-13)
    assert q.tobytes() != orthogonal(z.copy()).tobytes()


@pytest.mark.parametrize(("rows", "columns"), [*SHAPES, (300, 200), (200, 300), (512, 512)])
def test_its_shorter_sides_are_orthonormal(rows: int, columns: int) -> None:
    """|Q^T Q - I| stays below 4e-15; 2.3e-15 was measured at 512 x 512."""
    q = orthogonal(gaussian(rows, columns))
    gram = q.T @ q if rows > columns else q @ q.T
    assert np.abs(gram - np.eye(min(rows, columns))).max() < 4e-15


def haar_faults(many: Float64) -> list[str]:
    """What of matrices, shape (MATRICES_COUNTED, n, n), does not fit the Haar measure of O(n).

    E q = 0, E q^2 = 1/n, E q^4 = 3/(n(n + 2)) and E q_00^2 q_11^2 = (n + 1)/(n(n - 1)(n + 2)) for
    every entry, each within SIGMAS standard errors; the determinant is 1 as often as -1.
    """
    n = many.shape[1]
    faults = []

    def expect(what: str, samples: Float64, mean: float) -> None:
        error = float(samples.std()) / math.sqrt(MATRICES_COUNTED)
        if not abs(float(samples.mean()) - mean) < SIGMAS * error:
            faults.append(what)

    for i in range(n):
        for j in range(n):
            entry = many[:, i, j]
            expect(f"mean {i}{j}", entry, 0.0)
            expect(f"square {i}{j}", entry**2, 1 / n)
            expect(f"fourth power {i}{j}", entry**4, 3 / (n * (n + 2)))
    squares = many[:, 0, 0] ** 2 * many[:, 1, 1] ** 2
    expect("two squares", squares, (n + 1) / (n * (n - 1) * (n + 2)))
    expect("rows", many[:, 0, 0] * many[:, 1, 0], 0.0)
    expect("determinant", np.linalg.det(many), 0.0)
    return faults


def sampled(n: int, make: Callable[[Float64], Float64]) -> Float64:
    """`make` of MATRICES_COUNTED matrices of normals, shape (MATRICES_COUNTED, n, n)."""
    z = gaussian(MATRICES_COUNTED * n, n).reshape(MATRICES_COUNTED, n, n)
    return np.array([make(each.copy()) for each in z])


def distance(samples: Float64, distribution: Callable[[Float64], Float64]) -> float:
    """Kolmogorov and Smirnov's distance of samples from a distribution function."""
    ends = distribution(np.sort(samples))
    n = len(samples)
    above, below = np.arange(1, n + 1) / n - ends, ends - np.arange(n) / n
    return float(max(above.max(), below.max()))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_moments_are_those_of_the_haar_measure(n: int) -> None:
    """Each entry, pairs of entries, and the determinant."""
    assert haar_faults(sampled(n, orthogonal)) == []


def test_a_qr_without_signs_is_not_haar() -> None:
    """Negative control: LAPACK's Q alone favours a sign."""
    assert haar_faults(sampled(3, lambda z: np.asarray(np.linalg.qr(z)[0])))


def test_the_angle_of_two_by_two_is_uniform() -> None:
    """The first column is a uniform point of the circle, and rotations have uniform angles."""
    many = sampled(2, orthogonal)
    angles = np.arctan2(many[:, 1, 0], many[:, 0, 0])
    assert distance(angles, lambda angle: (angle + np.pi) / (2 * np.pi)) < KS
    turning = np.linalg.det(many) > 0
    eigen = np.arccos(np.clip(np.trace(many[turning], axis1=1, axis2=2) / 2, -1, 1))
    assert distance(eigen, lambda angle: angle / np.pi) < KS * math.sqrt(2.2)


def test_the_angle_of_three_by_three_has_its_density() -> None:
    """A Haar rotation of space turns by theta with the density (1 - cos theta) / pi."""
    many = sampled(3, orthogonal)
    trace = np.trace(many, axis1=1, axis2=2) * np.linalg.det(many)
    angles = np.arccos(np.clip((trace - 1) / 2, -1, 1))
    assert distance(angles, lambda angle: (angle - np.sin(angle)) / np.pi) < KS
    assert distance(angles, lambda angle: angle / np.pi) > 2 * KS


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float8_e4m3fn"])
@pytest.mark.parametrize(
    ("copies", "rows", "columns"), [(1, 9, 6), (3, 6, 9), (4, 1, 1), (2, 17, 5)]
)
def test_any_box_has_the_bytes_of_the_reference(
    dtype: str, copies: int, rows: int, columns: int, matrices: Matrices
) -> None:
    """Copies side by side, and a part of each of them in columns first."""
    size = rows * columns
    draw = Orthogonal(0.7, rows, columns, 0, size)
    expected = bytes_of(draw, dtype, ADDRESS, np.arange(copies * size))
    assert values(draw, Lattice(0, (copies * size,), (1,)), dtype) == expected
    itemsize = len(expected) // (copies * size)
    part = Lattice(columns - 1, (rows, copies, 1), (columns, size, 1))
    numbers = np.frombuffer(expected, np.uint8).reshape(copies, rows, columns, itemsize)
    assert values(draw, part, dtype) == numbers[:, :, -1].transpose(1, 0, 2).tobytes()


def test_no_entry_passes_the_gain(matrices: Matrices) -> None:
    """Of 1 x 1 matrices rounding makes 1.0000000000000004 in places, which is clamped to 1."""
    draw = Orthogonal(sys.float_info.max, 1, 1, 0, 1)
    raw = np.array([orthogonal(np.array([[z]]))[0, 0] for z in gaussian(1, 300)[0]])
    assert np.abs(raw).max() > 1
    got = np.frombuffer(values(draw, Lattice(0, (300,), (1,))), np.float64)
    assert np.abs(got).max() == sys.float_info.max
    assert got.tobytes() == bytes_of(draw, "float64", ADDRESS, np.arange(300))


def test_threads_and_slices_do_not_move_a_bit(computed: list[tuple[int, ...]]) -> None:
    """Eight slices on two threads that begin together are the matrix, which is computed once."""
    draw = Orthogonal(1.0, 128, 96, 0, 128 * 96)
    alone = orthogonal(gaussian(128, 96)).tobytes()
    together = Barrier(2)

    def part(index: int) -> bytes:
        together.wait(10)
        return values(draw, Lattice(index * 16 * 96, (16, 96), (96, 1)))

    with ThreadPoolExecutor(2) as threads:
        assert b"".join(threads.map(part, range(8))) == alone
    assert computed == [(128, 96)]


def test_what_a_matrix_is_not_computed_again_for(computed: list[tuple[int, ...]]) -> None:
    """Another gain, dtype or slice is the same matrix; another copy, seed or shape is not."""
    draw = Orthogonal(1.0, 8, 8, 0, 64)
    for gain, dtype in ((1.0, "float64"), (2.0, "float64"), (1.0, "bfloat16")):
        values(Orthogonal(gain, 8, 8, 0, 64), Lattice(3, (9,), (1,)), dtype)
    assert len(computed) == 1
    values(draw, Lattice(64, (1,), (1,)))
    values(Orthogonal(1.0, 4, 16, 0, 64), Lattice(0, (1,), (1,)))
    filler(draw, "float64", Address(8, 11), Lattice(0, (1,), (1,))).fill(0, 1, np.empty(8, "u1"))
    assert len(computed) == 4


def made(size: int, log: list[int]) -> Callable[[], Float64]:
    """A computation of `size` float64 that notes that it was done."""

    def compute() -> Float64:
        log.append(size)
        return np.zeros(size)

    return compute


def test_the_least_recently_used_matrix_leaves() -> None:
    """A cache of two: what was asked for again stays."""
    log: list[int] = []
    kept = Matrices(2 * (8 * 100 + ENTRY_BYTES))
    for key in (1, 2, 1, 3, 1, 2):
        kept.get((key,), made(100, log))
    assert len(log) == 4
    assert list(kept._kept) == [(1,), (2,)]


def test_the_memory_of_many_small_matrices_is_bounded() -> None:
    """What the entries themselves take counts; a matrix larger than the bound is not kept."""
    kept = Matrices(100 * ENTRY_BYTES)
    for key in range(1000):
        kept.get((key,), made(1, []))
    assert len(kept._kept) == 99
    assert kept._bytes <= 100 * ENTRY_BYTES
    assert kept.get((-1,), made(10**5, [])).size == 10**5
    assert kept._bytes == 0


def planned(query: str) -> Plan:
    """The plan of an orthogonal tensor."""
    return plan(parse_query(f"{query}&scheme=orthogonal&seed=1".encode()), "raw", max_bytes=2**44)


@pytest.mark.parametrize(
    ("fits", "large"),
    [
        ("shape=2048,2048", "shape=2048,2049"),
        ("shape=4,1024,1024&layout=EOI", "shape=5,1024,1024&layout=EOI"),
        ("shape=4096,1,1&layout=EOI", "shape=4097,1,1&layout=EOI"),
        ("shape=4096,4&parts=4096", "shape=4097,4&parts=4097"),
        ("shape=2048,2,2&layout=EOI&parts=2", "shape=2049,2,2&layout=EOI&parts=2"),
        ("shape=16,256,1&layout=EOI&parts=256", "shape=32,256,1&layout=EOI&parts=256"),
    ],
)
def test_more_than_is_computed_at_once_is_refused(fits: str, large: str) -> None:
    """By elements and by matrices; a slice of a large tensor is refused as well."""
    assert planned(fits).tensor.length
    with pytest.raises(ImpossibleError) as refused:
        planned(f"{large}&slice={','.join(['0:1'] * (large.count(',') + 1))}")
    assert refused.value.reason == "too_large"
    (problem,) = refused.value.problems
    assert str(MOST_ELEMENTS) in problem.hint or str(MOST_MATRICES) in problem.hint
    spec = parse_query(f"{large}&scheme=lecun_normal&seed=1".encode())
    assert plan(spec, "raw", max_bytes=2**44).tensor.length


def test_standard_normals_are_the_stream_s() -> None:
    """The normals of a matrix are those that scheme=normal has there in float64."""
    expected = bytes_of(Normal(0.0, 1.0), "float64", ADDRESS, np.arange(12, 24))
    assert normals(Orthogonal(1.0, 3, 4, 0, 12), ADDRESS, 12).tobytes() == expected


@pytest.mark.parametrize("box", [Lattice(0, (0,), (1,)), Lattice(0, (3, 0), (0, 1))])
def test_nothing_is_computed_for_no_element(box: Lattice, computed: list[tuple[int, ...]]) -> None:
    """An empty part needs no matrix."""
    assert values(Orthogonal(1.0, 8, 8, 0, 64), box) == b""
    assert computed == []
