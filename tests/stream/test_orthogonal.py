"""Orthogonal matrices: the reference's bits, orthonormal, Haar distributed, as far as needed."""

import gc
import math
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Event
from typing import Any

import numpy as np
import pytest

from service.chunks import TensorBody
from service.errors import ImpossibleError, StoppedError
from service.fields import parse_query
from service.plan import Plan, plan
from service.stream.address import Address
from service.stream.draws import Float64, Normal, Orthogonal
from service.stream.fill import Filler, filler
from service.stream.kernels import orthogonal as kernels
from service.stream.kernels.orthogonal import BLOCK
from service.stream.lattice import Lattice
from service.stream.reference import orthogonal as reference
from service.stream.reference.elements import bytes_of, values_of
from service.stream.sources import materialised, matrices
from service.stream.sources.index import element_numbers
from service.stream.sources.materialised import MOST_ELEMENTS, MOST_MATRICES, MOST_SIDE
from service.stream.sources.matrices import ENTRY_BYTES, KEPT_BYTES, PANEL, Matrices, Matrix

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


@dataclass
class Computed:
    """How many blocks of reflectors and panels of columns were computed."""

    blocks: int = 0
    panels: list[int] = field(default_factory=list)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Matrices:
    """An empty cache in place of the process's own."""
    fresh = Matrices(2**24)
    monkeypatch.setattr(materialised, "MATRICES", fresh)
    return fresh


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch, cache: Matrices) -> Computed:
    """Counts what is computed from here on."""
    counts = Computed()
    prepare, fill_panel = kernels.prepare, kernels.fill_panel

    def counted_block(*arguments: Any) -> None:
        counts.blocks += 1
        prepare(*arguments)

    def counted_panel(*arguments: Any) -> None:
        counts.panels.append(arguments[5])
        fill_panel(*arguments)

    monkeypatch.setattr(matrices, "prepare", counted_block)
    monkeypatch.setattr(matrices, "fill_panel", counted_panel)
    return counts


def gaussian(rows: int, columns: int) -> Float64:
    """The independent standard normals that a matrix of this shape is made of."""
    numbers = np.arange(rows * columns)
    z = values_of(Normal(0.0, 1.0), "float64", ADDRESS, numbers).astype(np.float64)
    return z.reshape(rows, columns)


def orthogonal(rows: int, columns: int) -> Float64:
    """A matrix of this shape with gain 1, as the service computes it, in float64."""
    draw = Orthogonal(1.0, rows, columns, 0, rows * columns)
    box = Lattice(0, (rows, columns), (columns, 1))
    return np.frombuffer(values(draw, box), np.float64).reshape(rows, columns)


def values(draw: Orthogonal, box: Lattice, dtype: str = "float64") -> bytes:
    """The bytes of a box."""
    made = filler(draw, dtype, ADDRESS, box)
    out = np.empty(box.size * made.itemsize, np.uint8)
    made.fill(0, box.size, out)
    return out.tobytes()


def plain(z: Float64) -> Float64:
    """The product of the same reflectors with NumPy's own sums, for m x n normals, n <= m."""
    m, n = z.shape
    q = np.eye(m)
    for k in range(n):
        v = z[k:, k].copy()
        v[0] += math.copysign(float(np.linalg.norm(v)), v[0])
        q[:, k:] -= np.outer(q[:, k:] @ v, 2 / (v @ v) * v)
    return np.asarray(q[:, :n] * np.where(np.diagonal(z) >= 0, -1.0, 1.0))


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_the_kernel_has_the_bits_of_the_reference(rows: int, columns: int, cache: Matrices) -> None:
    """In float64, where a fused or reordered operation shows."""
    expected = np.clip(reference.orthogonal(gaussian(rows, columns)), -1.0, 1.0)
    assert orthogonal(rows, columns).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("rows", "columns"), [*SHAPES, (300, 200), (200, 300), (512, 512), (40, 1500), (1500, 40)]
)
def test_it_is_the_product_of_its_reflectors(rows: int, columns: int, cache: Matrices) -> None:
    """A plain NumPy product of the same reflectors agrees within 1e-13.

    Negative control: it has other bits, as its sums are in another order, unless Q is tiny.
    """
    z = gaussian(rows, columns)
    q = orthogonal(rows, columns)
    expected = plain(z) if rows > columns else plain(z.T.copy()).T
    assert np.abs(q - expected).max() < 1e-13
    assert min(rows, columns) < 16 or q.tobytes() != np.ascontiguousarray(expected).tobytes()


@pytest.mark.parametrize(("rows", "columns"), [*SHAPES, (300, 200), (200, 300), (512, 512)])
def test_its_shorter_sides_are_orthonormal(rows: int, columns: int, cache: Matrices) -> None:
    """|Q^T Q - I| stays below 4e-15; 2.3e-15 was measured at 512 x 512."""
    q = orthogonal(rows, columns)
    gram = q.T @ q if rows > columns else q @ q.T
    assert np.abs(gram - np.eye(min(rows, columns))).max() < 4e-15


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize(("rows", "columns"), [(8192, 8192), (65536, 1024), (1024, 65536)])
def test_the_largest_are_orthonormal(rows: int, columns: int, cache: Matrices) -> None:
    """In float32, of the first and the last 64 columns of Q and 64 in the middle.

    The rounding of each entry changes a product of two columns by about 2^-24 sqrt(2/m), which is
    below 2e-9, so 1e-6 leaves room for any error of the product, and no room for a wrong one.
    """
    n, stride = min(rows, columns), (1 if rows > columns else columns)
    step = columns if rows > columns else 1
    draw = Orthogonal(1.0, rows, columns, 0, rows * columns)
    parts = []
    for first in (0, n // 2 + 5, n - 64):
        box = Lattice(first * stride, (64, max(rows, columns)), (stride, step))
        part = np.frombuffer(values(draw, box, "float32"), np.float32)
        parts.append(part.reshape(64, -1).astype(np.float64))
    q = np.concatenate(parts)
    assert np.abs(q @ q.T - np.eye(len(q))).max() < 1e-6


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


def sampled(n: int) -> Float64:
    """MATRICES_COUNTED matrices of Fanin, shape (MATRICES_COUNTED, n, n)."""
    draw = Orthogonal(1.0, n, n, 0, n * n)
    count = MATRICES_COUNTED * n * n
    made = np.frombuffer(values(draw, Lattice(0, (count,), (1,))), np.float64)
    return made.reshape(MATRICES_COUNTED, n, n)


def qr_without_signs(n: int) -> Float64:
    """LAPACK's Q of as many matrices of normals. Negative control: it favours a sign."""
    z = gaussian(MATRICES_COUNTED * n, n).reshape(MATRICES_COUNTED, n, n)
    return np.array([np.linalg.qr(each)[0] for each in z])


def distance(samples: Float64, distribution: Callable[[Float64], Float64]) -> float:
    """Kolmogorov and Smirnov's distance of samples from a distribution function."""
    ends = distribution(np.sort(samples))
    n = len(samples)
    above, below = np.arange(1, n + 1) / n - ends, ends - np.arange(n) / n
    return float(max(above.max(), below.max()))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_moments_are_those_of_the_haar_measure(n: int, cache: Matrices) -> None:
    """Each entry, pairs of entries, and the determinant."""
    assert haar_faults(sampled(n)) == []


def test_a_qr_without_signs_is_not_haar() -> None:
    """Negative control: LAPACK's Q alone favours a sign."""
    assert haar_faults(qr_without_signs(3))


def test_the_angle_of_two_by_two_is_uniform(cache: Matrices) -> None:
    """The first column is a uniform point of the circle, and rotations have uniform angles."""
    many = sampled(2)
    angles = np.arctan2(many[:, 1, 0], many[:, 0, 0])
    assert distance(angles, lambda angle: (angle + np.pi) / (2 * np.pi)) < KS
    turning = np.linalg.det(many) > 0
    eigen = np.arccos(np.clip(np.trace(many[turning], axis1=1, axis2=2) / 2, -1, 1))
    assert distance(eigen, lambda angle: angle / np.pi) < KS * math.sqrt(2.2)


def test_the_angle_of_three_by_three_has_its_density(cache: Matrices) -> None:
    """A Haar rotation of space turns by theta with the density (1 - cos theta) / pi."""
    many = sampled(3)
    trace = np.trace(many, axis1=1, axis2=2) * np.linalg.det(many)
    angles = np.arccos(np.clip((trace - 1) / 2, -1, 1))
    assert distance(angles, lambda angle: (angle - np.sin(angle)) / np.pi) < KS
    assert distance(angles, lambda angle: angle / np.pi) > 2 * KS


def eigenvalue_angles(many: Float64) -> Float64:
    """The angles of one eigenvalue of each conjugate pair, from 0 to pi, of all matrices."""
    angles = np.angle(np.linalg.eigvals(many).reshape(-1))
    return np.asarray(angles[(angles > 1e-6) & (angles < np.pi - 1e-6)])


def test_eigenvalue_angles_are_uniform(cache: Matrices) -> None:
    """Of 8 x 8 matrices, whose real eigenvalues aside the angles are uniform from 0 to pi.

    For SO(2m) their density is ((2m - 1) + s) / (2 pi m) with s = sin((2m - 1) t) / sin t, and for
    the other half of O(2m) it is ((2m - 1) - s) / (2 pi (m - 1)). Together they are uniform. The
    angles of one matrix repel each other, so they are nearer to uniform than independent ones, and
    the bound of MATRICES_COUNTED independent ones holds.
    Negative control: without the signs the QR of LAPACK fails.
    """
    angles = eigenvalue_angles(sampled(8))
    assert len(angles) > 3 * MATRICES_COUNTED
    assert distance(angles, lambda angle: angle / np.pi) < KS
    assert distance(eigenvalue_angles(qr_without_signs(8)), lambda angle: angle / np.pi) > KS


def test_entries_have_their_distribution(cache: Matrices) -> None:
    """An entry of 3 x 3 is uniform in (-1, 1), as a coordinate of a point of the sphere is."""
    many = sampled(3)
    for row in range(3):
        for column in range(3):
            assert distance(many[:, row, column], lambda entry: (entry + 1) / 2) < KS
    assert distance(qr_without_signs(3)[:, 0, 0], lambda entry: (entry + 1) / 2) > KS


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float8_e4m3fn"])
@pytest.mark.parametrize(
    ("copies", "rows", "columns"), [(1, 9, 6), (3, 6, 9), (4, 1, 1), (2, 17, 5)]
)
def test_any_box_has_the_bytes_of_the_reference(
    dtype: str, copies: int, rows: int, columns: int, cache: Matrices
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


def test_no_entry_passes_the_gain(cache: Matrices) -> None:
    """Of 1 x 1 matrices rounding makes 1.0000000000000004 in places, which is clamped to 1."""
    draw = Orthogonal(sys.float_info.max, 1, 1, 0, 1)
    raw = np.array([reference.orthogonal(np.array([[z]])) for z in gaussian(1, 300)[0]])
    assert np.abs(raw).max() > 1
    got = np.frombuffer(values(draw, Lattice(0, (300,), (1,))), np.float64)
    assert np.abs(got).max() == sys.float_info.max
    assert got.tobytes() == bytes_of(draw, "float64", ADDRESS, np.arange(300))


@pytest.mark.parametrize(("rows", "columns"), [(160, 96), (96, 160), (160, 160)])
def test_threads_and_slices_do_not_move_a_bit(rows: int, columns: int, computed: Computed) -> None:
    """Slices on two threads that begin together are the matrix; it is prepared once.

    A slice of rows needs all panels of a tall matrix, which are computed once, too.
    """
    draw = Orthogonal(1.0, rows, columns, 0, rows * columns)
    together = Barrier(2)

    def part(index: int) -> bytes:
        together.wait(10)
        return values(draw, Lattice(index * 16 * columns, (16, columns), (columns, 1)))

    with ThreadPoolExecutor(2) as threads:
        parts = b"".join(threads.map(part, range(rows // 16)))
    assert computed.blocks == -(-min(rows, columns) // BLOCK)
    if rows > columns:
        assert sorted(computed.panels) == list(range(0, columns, PANEL))
    assert parts == bytes_of(draw, "float64", ADDRESS, np.arange(rows * columns))


def test_a_slice_computes_the_columns_that_it_needs(computed: Computed) -> None:
    """Of the first rows of a square matrix only the first panel; of later rows a later one.

    The reflectors of the columns before are needed for that, and are prepared once.
    """
    draw = Orthogonal(1.0, 300, 300, 0, 90_000)
    values(draw, Lattice(0, (20, 300), (300, 1)))
    assert (computed.blocks, computed.panels) == (PANEL // BLOCK, [0])
    values(draw, Lattice(3 * PANEL * 300, (20, 300), (300, 1)))
    assert (computed.blocks, computed.panels) == (4 * PANEL // BLOCK, [0, 3 * PANEL])
    values(draw, Lattice(PANEL * 300, (20, 300), (300, 1)))
    assert (computed.blocks, computed.panels[2:]) == (4 * PANEL // BLOCK, [PANEL])


def test_panels_are_kept_for_parts_of_columns(computed: Computed) -> None:
    """Who asks for a part of each column is likely to ask for the others; small matrices only."""
    draw = Orthogonal(1.0, 100, 100, 0, 10_000)
    for column in range(3):
        values(draw, Lattice(column, (100, 1), (100, 1)))
    assert computed.panels == [0, PANEL]
    matrix = Matrix(1, matrices.KEPT_Q + 1, 0, ADDRESS)
    assert matrix.kept(0, Event()) is None


def test_what_a_matrix_is_not_computed_again_for(computed: Computed) -> None:
    """Another gain, dtype or slice is the same matrix; another copy, seed or shape is not."""
    draw = Orthogonal(1.0, 8, 8, 0, 64)
    for gain, dtype in ((1.0, "float64"), (2.0, "float64"), (1.0, "bfloat16")):
        values(Orthogonal(gain, 8, 8, 0, 64), Lattice(3, (9,), (1,)), dtype)
    assert computed.blocks == 1
    values(draw, Lattice(64, (1,), (1,)))
    values(Orthogonal(1.0, 4, 16, 0, 64), Lattice(0, (1,), (1,)))
    filler(draw, "float64", Address(8, 11), Lattice(0, (1,), (1,))).fill(0, 1, np.empty(8, "u1"))
    assert computed.blocks == 4


@pytest.mark.parametrize(("kernel", "blocks", "panels"), [("prepare", 2, 0), ("fill_panel", 4, 1)])
def test_a_stopped_fill_ends_before_the_next_block(
    kernel: str, blocks: int, panels: int, computed: Computed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped in the second block of reflectors, or in the first panel of columns.

    Whoever asks for the matrix later gets the right bytes of what there is of it.
    """
    draw, box = Orthogonal(1.0, 300, 300, 0, 90_000), Lattice(0, (300, 300), (300, 1))
    made = filler(draw, "float32", ADDRESS, box)
    counted = getattr(matrices, kernel)

    def stopping(*arguments: Any) -> None:
        counted(*arguments)
        if computed.blocks >= 2:
            made.source.stop()

    monkeypatch.setattr(matrices, kernel, stopping)
    with pytest.raises(StoppedError):
        made.fill(0, box.size, np.empty(4 * box.size, np.uint8))
    assert (computed.blocks, len(computed.panels)) == (blocks, panels)
    assert values(draw, box) == bytes_of(draw, "float64", ADDRESS, np.arange(90_000))


SAME = [
    (Orthogonal(1.0, 300, 200, 0, 60_000), "float32", Lattice(0, (60_000,), (1,))),
    (Orthogonal(1.0, 300, 200, 0, 60_000), "float32", Lattice(0, (60_000,), (1,))),
    (Orthogonal(2.0, 300, 200, 0, 60_000), "float64", Lattice(0, (60_000,), (1,))),
    (Orthogonal(1.0, 300, 200, 0, 60_000), "bfloat16", Lattice(0, (200, 300), (1, 200))),
]
"""One matrix, twice the same, in another dtype with another gain, and transposed."""


@pytest.mark.parametrize("kept_bytes", [matrices.KEPT_BYTES, 0])
def test_all_who_ask_at_once_compute_a_matrix_once(
    kept_bytes: int, computed: Computed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block of reflectors and each panel of columns, whether or not a cache keeps them.

    Negative control: with another seed it is another matrix.
    """
    monkeypatch.setattr(materialised, "MATRICES", Matrices(kept_bytes))
    made = [filler(draw, dtype, ADDRESS, box) for draw, dtype, box in SAME]
    together = Barrier(len(made))

    def fill(each: Filler) -> bytes:
        out = np.empty(60_000 * each.itemsize, np.uint8)
        each.source.fill(Lattice(0, (1,), (1,)), out[: each.itemsize])
        together.wait(20)
        each.fill(0, 60_000, out)
        return out.tobytes()

    with ThreadPoolExecutor(len(made)) as threads:
        answers = list(threads.map(fill, made))
    for (draw, dtype, box), answer in zip(SAME, answers, strict=True):
        assert answer == bytes_of(draw, dtype, ADDRESS, element_numbers(box))
    assert computed.blocks == -(-200 // BLOCK)
    assert sorted(computed.panels) == list(range(0, 200, PANEL))
    filler(SAME[0][0], "float32", Address(8, 11), SAME[0][2]).fill(
        0, 60_000, np.empty(240_000, "u1")
    )
    assert computed.blocks == 2 * -(-200 // BLOCK)


def kernels_in_use(name: str) -> Callable[..., None]:
    """A kernel as `matrices` calls it, which the fixture `computed` counts."""
    kernel: Callable[..., None] = getattr(matrices, name)
    return kernel


def test_the_work_goes_on_for_those_who_stay(
    computed: Computed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first reader leaves during the second block, and the work stops there.

    The second reader then gets its bytes, and no block is made twice.
    """
    draw, dtype, box = SAME[0]
    leaving, staying = (filler(draw, dtype, ADDRESS, box) for _ in range(2))
    counted = kernels_in_use("prepare")

    def prepare(*arguments: Any) -> None:
        counted(*arguments)
        if computed.blocks == 2:
            leaving.source.stop()

    monkeypatch.setattr(matrices, "prepare", prepare)
    out = np.empty(240_000, np.uint8)
    with pytest.raises(StoppedError):
        leaving.fill(0, 60_000, out)
    assert computed.blocks == 2
    staying.fill(0, 60_000, out)
    assert computed.blocks == -(-200 // BLOCK)
    assert out.tobytes() == bytes_of(draw, dtype, ADDRESS, element_numbers(box))


@pytest.mark.parametrize("kept_bytes", [0, matrices.KEPT_BYTES])
def test_a_matrix_is_freed_when_all_readers_have_left(
    kept_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays while one of two is left. Negative control: a cached one is not freed."""
    cache = Matrices(kept_bytes)
    monkeypatch.setattr(materialised, "MATRICES", cache)
    draw, dtype, box = SAME[0]
    readers = [filler(draw, dtype, ADDRESS, box) for _ in range(2)]
    for each in readers:
        each.fill(0, 60_000, np.empty(240_000, np.uint8))
    alive = [weakref.ref(matrix) for matrix in cache._used.values()]
    assert len(alive) == 1
    readers.pop()
    gc.collect()
    assert alive[0]() is not None
    readers.clear()
    del each
    gc.collect()
    assert (alive[0]() is None) == (kept_bytes == 0)


@pytest.mark.parametrize(
    "query",
    [
        "shape=200,300&scheme=orthogonal",
        "shape=2,200,300&layout=EOI&scheme=orthogonal",
        "shape=200,300&parts=50,150&scheme=orthogonal",
        "shape=800,30,3,3&scheme=icnr&inner=orthogonal",
    ],
)
def test_the_cost_of_a_matrix_is_counted_once(query: str, cache: Matrices) -> None:
    """Afterwards every reader's body costs its elements alone, also one whose cost was read before.

    Negative control: another seed.
    """

    def body(seed: int) -> TensorBody:
        asked = parse_query(f"{query}&seed={seed}&name=a".encode())
        return TensorBody(plan(asked, "raw", max_bytes=2**30)).in_larger_chunks()

    first, second, other = body(1), body(1), body(2)
    cost = first.cost
    assert cost > 1.5 * first.length // 4
    for _ in first.chunks():
        pass
    assert first.cost == second.cost == second.length // 4
    assert other.cost == cost


def small(size: int) -> Matrix:
    """A matrix, not computed yet, that counts with at least `size` float64."""
    return Matrix(1, size, 0, ADDRESS)


def test_the_least_recently_used_matrix_leaves() -> None:
    """A cache of two: what was asked for again stays."""
    kept, made = Matrices(2 * (small(100).nbytes + ENTRY_BYTES)), []
    for key in (1, 2, 1, 3, 1, 2):

        def make(key: int = key) -> Matrix:
            made.append(key)
            return small(100)

        kept.get((key,), make)
    assert made == [1, 2, 3, 2]
    assert list(kept._kept) == [(1,), (2,)]


def test_the_memory_of_many_matrices_is_bounded() -> None:
    """What the entries themselves take counts; a matrix larger than the bound is not kept."""
    kept = Matrices(100 * ENTRY_BYTES)
    for key in range(1000):
        kept.get((key,), lambda: small(1))
    assert 10 < len(kept._kept) < 100
    assert kept._bytes <= 100 * ENTRY_BYTES
    before = list(kept._kept)
    assert kept.get((-1,), lambda: small(10**5)).m == 10**5
    assert list(kept._kept) == before


@pytest.mark.parametrize(("rows", "columns"), [(8192, 8192), (2**20, 64), (64, 2**20)])
def test_the_memory_of_the_largest_is_what_the_page_says(rows: int, columns: int) -> None:
    """8 (m n - n^2 / 2) bytes of reflectors, of which nothing is used yet, and a bounded panel.

    The largest square matrix can be kept.
    """
    matrix, n = Matrix(rows, columns, 0, ADDRESS), min(rows, columns)
    reflectors = 8 * (rows * columns - n * n / 2)
    assert matrix._packed.nbytes == pytest.approx(reflectors, rel=1e-2)
    assert matrix._packed.nbytes <= 2**29
    assert 8 * matrix.width * matrix.m <= 2**27
    assert rows != columns or matrix.nbytes + ENTRY_BYTES <= KEPT_BYTES


def planned(query: str, scheme: str = "orthogonal") -> Plan:
    """The plan of an orthogonal tensor."""
    return plan(parse_query(f"{query}&scheme={scheme}&seed=1".encode()), "raw", max_bytes=2**44)


@pytest.mark.parametrize(
    ("fits", "large"),
    [
        ("shape=8192,8192", "shape=8192,8193"),
        ("shape=64,1024,1024&layout=EOI", "shape=65,1024,1024&layout=EOI"),
        ("shape=1048576,8", "shape=1048577,8"),
        ("shape=8,1048576", "shape=8,1048577"),
        ("shape=1048576,8&layer=embedding", "shape=1048577,8&layer=embedding"),
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
    limits = (MOST_ELEMENTS, MOST_MATRICES, MOST_SIDE)
    assert any(str(limit) in problem.hint for limit in limits)
    spec = parse_query(f"{large}&scheme=lecun_normal&seed=1".encode())
    assert plan(spec, "raw", max_bytes=2**44).tensor.length


@pytest.mark.parametrize("box", [Lattice(0, (0,), (1,)), Lattice(0, (3, 0), (0, 1))])
def test_nothing_is_computed_for_no_element(box: Lattice, computed: Computed) -> None:
    """An empty part needs no matrix."""
    assert values(Orthogonal(1.0, 8, 8, 0, 64), box) == b""
    assert computed == Computed()


def fetched(query: str, scheme: str = "orthogonal") -> bytes:
    """The bytes of a tensor."""
    return b"".join(bytes(each) for each in TensorBody(planned(query, scheme)).chunks())


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_embedding_is_one_matrix(order: str, cache: Matrices) -> None:
    """Rows are the vocabulary, in the numbers of a dense weight of this shape."""
    asked = f"dtype=float64&order={order}"
    assert fetched(f"shape=9,5&layer=embedding&{asked}") == fetched(f"shape=9,5&{asked}")
    across = "shape=5,9&layout={}&dtype=float64"
    assert fetched(across.format("OE")) == fetched(across.format("IO"))
    w = np.frombuffer(fetched("shape=9,5&layer=embedding&dtype=float64"), np.float64).reshape(9, 5)
    assert np.abs(w.T @ w - np.eye(5)).max() < 1e-15 * 5
    with pytest.raises(ImpossibleError) as refused:
        planned("shape=8,4&layer=embedding&parts=2")
    assert refused.value.reason == "scheme_axes"


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("layout", ["IO", "OI"])
@pytest.mark.parametrize("parts", ["4", "10,6,24"])
def test_fused_gates_are_matrices_of_their_own(
    dtype: str, layout: str, parts: str, cache: Matrices
) -> None:
    """In any layout, as they are alone in the same place of the stream."""
    shape = {"OI": "40,12", "IO": "12,40"}[layout]
    asked = f"&parts={parts}&dtype={dtype}"
    whole = fetched(f"shape={shape}&layout={layout}{asked}")
    plain_order = fetched(f"shape=40,12{asked}")
    itemsize = len(whole) // 480
    rows = np.frombuffer(plain_order, np.uint8).reshape(40, 12, itemsize)
    expected = rows if layout == "OI" else rows.transpose(1, 0, 2)
    assert whole == expected.tobytes()
    heights = [10] * 4 if parts == "4" else [10, 6, 24]
    if dtype == "float64":
        w = np.frombuffer(plain_order, np.float64).reshape(40, 12)
        for block in np.split(w, np.cumsum(heights)[:-1]):
            gram = block @ block.T if len(block) <= 12 else block.T @ block
            assert np.abs(gram - np.eye(len(gram))).max() < 1e-14


DELTA = [
    ("shape=6,4,3,3", "OIHW"),
    ("shape=3,2,4,6&layout=HWIO", "HWIO"),
    ("shape=6,4,5&layer=conv1d", "OIW"),
    ("shape=2,3,4,4,6&layout=keras", "DHWIO"),
    ("shape=2,6,4,3&layout=EOIW", "EOIW"),
    ("shape=6,3,4,2&layout=OWIE", "OWIE"),
    ("shape=6,1,1,1", "OIHW"),
    ("shape=12,4,3,3&parts=2", "OIHW"),
    ("shape=12,4,2,3&parts=5,7", "OIHW"),
]
"""A request of delta_orthogonal, and its letters."""


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize(("query", "letters"), DELTA)
def test_delta_orthogonal_is_orthogonal_in_the_middle(
    query: str, letters: str, dtype: str, cache: Matrices
) -> None:
    """At (k - 1) // 2 of each kernel axis stands the tensor without a kernel, and 0 elsewhere.

    Seed and name are the same, so the normals have the element numbers of that tensor.
    """
    shape = [int(extent) for extent in query.partition("&")[0].removeprefix("shape=").split(",")]
    fields = f"gain=1.5&dtype={dtype}"
    if "parts" in query:
        fields += f"&parts={query.partition('parts=')[2]}"
    kept = [axis for axis, letter in enumerate(letters) if letter in "EOI"]
    inner = ",".join(str(shape[axis]) for axis in kept)
    layout = "".join(letters[axis] for axis in kept)
    kind = {"float64": np.uint64, "bfloat16": np.uint16}[dtype]
    matrix = np.frombuffer(fetched(f"shape={inner}&layout={layout}&{fields}"), kind)
    whole = np.zeros(shape, kind)
    middle = tuple(
        (extent - 1) // 2 if letter in "DHW" else slice(None)
        for letter, extent in zip(letters, shape, strict=True)
    )
    whole[middle] = matrix.reshape([shape[axis] for axis in kept])
    delta = f"{query}&gain=1.5&dtype={dtype}"
    assert fetched(delta, "delta_orthogonal") == whole.tobytes()
    assert fetched(f"{delta}&order=F", "delta_orthogonal") == whole.tobytes("F")
    cut = tuple(slice(extent // 3, extent) for extent in shape)
    sliced = ",".join(f"{part.start}:" for part in cut)
    part = fetched(f"{delta}&slice={sliced}", "delta_orthogonal")
    assert part == np.ascontiguousarray(whole[cut]).tobytes()


@pytest.mark.parametrize("shape", [(6, 4, 3, 3), (5, 5, 2, 4)])
def test_a_delta_orthogonal_convolution_keeps_the_length(
    shape: tuple[int, ...], cache: Matrices
) -> None:
    """A periodic convolution in Fourier space: at each frequency the matrix is orthonormal.

    The std of the certificate is that of all elements.
    """
    query = f"shape={','.join(map(str, shape))}&dtype=float64"
    w = np.frombuffer(fetched(query, "delta_orthogonal"), np.float64).reshape(shape)
    transfer = np.fft.fftn(w, (8, 8), axes=(2, 3)).transpose(2, 3, 0, 1)
    gram = transfer.conj().transpose(0, 1, 3, 2) @ transfer
    assert np.abs(gram - np.eye(shape[1])).max() < 1e-14
    law = planned(query, "delta_orthogonal").tensor.law
    assert law.std == pytest.approx(math.sqrt(float((w**2).mean())), rel=1e-12)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("shape=4,6,3,3", "shape"),
        ("shape=12,4,3,3&parts=3,9", "shape"),
        ("shape=6,4", "layout"),
        ("shape=6,4,3", "layout"),
        ("shape=3,3,4,2&layer=depthwise_conv2d&layout=keras", "layout"),
        ("shape=6", "layout"),
    ],
)
def test_what_delta_orthogonal_refuses(query: str, field: str) -> None:
    """More inputs than outputs of a block, and tensors without outputs, inputs and a kernel."""
    with pytest.raises(ImpossibleError) as refused:
        planned(query, "delta_orthogonal")
    assert refused.value.reason == "scheme_axes"
    assert [problem.field for problem in refused.value.problems] == [field]


def test_an_even_kernel_has_its_centre_where_jax_has_it(cache: Matrices) -> None:
    """(k - 1) // 2: of two positions the first, of four the second."""
    w = np.frombuffer(fetched("shape=3,3,2,4", "delta_orthogonal"), np.float32).reshape(3, 3, 2, 4)
    assert set(zip(*np.nonzero(w)[2:], strict=True)) == {(0, 1)}
