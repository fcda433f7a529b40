"""Ranges of orthogonal tensors: their bytes, and that all of them compute each matrix once."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import numpy as np
import pytest

from service.chunks import BodyPart, TensorBody
from service.errors import StoppedError
from service.fields import parse_query
from service.plan import plan
from service.stream.address import Address
from service.stream.kernels import orthogonal as kernels
from service.stream.kernels.orthogonal import BLOCK, packed_size
from service.stream.sources import materialised, matrices
from service.stream.sources.matrices import KEPT_BYTES, PANEL, Matrices, Matrix, Reader

TALL, WIDE, SQUARE = "shape=400,200", "shape=200,400", "shape=240,240"
PIECE = 10_001
"""The bytes of a range, such that ranges begin within elements."""


@dataclass
class Computed:
    """A cache, and what its matrices compute: the first column of each panel, and each block."""

    cache: Matrices = field(default_factory=lambda: Matrices(KEPT_BYTES))
    panels: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Computed:
    """Counts what is computed, from an empty cache and as if these matrices were large."""
    counts = Computed()

    def fill_panel(*given: Any) -> None:
        counts.panels.append(given[5])
        kernels.fill_panel(*given)

    def prepare(*given: Any) -> None:
        counts.blocks.append(given[3])
        kernels.prepare(*given)

    monkeypatch.setattr(materialised, "MATRICES", counts.cache)
    monkeypatch.setattr(matrices, "SMALL_ELEMENTS", 0)
    monkeypatch.setattr(matrices, "fill_panel", fill_panel)
    monkeypatch.setattr(matrices, "prepare", prepare)
    return counts


def body_of(query: str) -> TensorBody:
    """The body of an orthogonal tensor."""
    fields = query if "scheme=" in query else f"{query}&scheme=orthogonal"
    if "seed=" not in fields:
        fields += "&seed=1"
    # npy has a head, and no bfloat16 and float8.
    form = "raw" if "float8" in query or "bfloat16" in query else "npy"
    return TensorBody(plan(parse_query(fields.encode()), form, max_bytes=2**40))


def whole_of(query: str) -> bytes:
    """All bytes of a tensor, computed with an empty cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(materialised, "MATRICES", Matrices(KEPT_BYTES))
        return b"".join(bytes(each) for each in body_of(query).chunks())


def parts_of(body: TensorBody, piece: int = PIECE) -> list[BodyPart]:
    """The ranges that make the body, in order, each with its own source as a request has it."""
    starts = range(0, body.length, piece)
    return [
        body.part(start, min(start + piece, body.length)).in_larger_chunks() for start in starts
    ]


def read(part: BodyPart) -> bytes:
    """The bytes of a range, in memory of its own size."""
    memory = np.empty(part.chunk_bytes, np.uint8)
    return b"".join(bytes(part.chunk(index, memory)) for index in range(part.chunk_count))


def in_sequence(parts: list[BodyPart]) -> list[bytes]:
    return [read(part) for part in parts]


def backwards(parts: list[BodyPart]) -> list[bytes]:
    return [read(part) for part in reversed(parts)][::-1]


def at_random(parts: list[BodyPart]) -> list[bytes]:
    order = list(range(len(parts)))
    random.Random(1).shuffle(order)
    made = {index: read(parts[index]) for index in order}
    return [made[index] for index in range(len(parts))]


def in_parallel(parts: list[BodyPart]) -> list[bytes]:
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(read, parts))


ORDERS = [in_sequence, backwards, at_random, in_parallel]


def panels(n: int) -> list[int]:
    """The first column of each panel of a matrix of n columns."""
    return list(range(0, n, PANEL))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float8_e4m3fn"])
@pytest.mark.parametrize("shape", [TALL, WIDE, SQUARE])
def test_ranges_compute_a_matrix_once(
    shape: str, dtype: str, order: Callable[[list[BodyPart]], list[bytes]], computed: Computed
) -> None:
    """Each panel and each reflector is computed once, and the ranges together are the whole.

    Each is counted a second time for the whole, which has a cache of its own.
    """
    query = f"{shape}&dtype={dtype}&gain=1.7"
    assert b"".join(order(parts_of(body_of(query)))) == whole_of(query)
    n = int(shape.partition("=")[2].split(",")[0 if shape != TALL else 1])
    assert sorted(computed.panels) == sorted(2 * panels(n))
    assert sorted(computed.blocks) == sorted(2 * list(range(-(-n // BLOCK))))


QUERIES = [
    "shape=200,400&layout=IO",
    "shape=400,200&order=F",
    "shape=300,20,3,3",
    "shape=3,40,160&layout=EOI&parts=2",
    "shape=160,40,3,3&scheme=delta_orthogonal",
    "shape=800,30,2,2&scheme=icnr&inner=orthogonal",
    "shape=400,200&slice=7:390,3:190",
]


@pytest.mark.parametrize("order", [at_random, in_parallel])
@pytest.mark.parametrize("query", QUERIES)
def test_any_layout_is_computed_once(
    query: str, order: Callable[[list[BodyPart]], list[bytes]], computed: Computed
) -> None:
    """As many panels as the whole, in permuted layouts, with copies, kernels and slices."""
    expected = whole_of(query)
    once = len(computed.panels), len(computed.blocks)
    assert b"".join(order(parts_of(body_of(query)))) == expected
    assert (len(computed.panels), len(computed.blocks)) == (2 * once[0], 2 * once[1])


def test_dtypes_with_one_gain_share_their_panels(computed: Computed) -> None:
    """Lower precisions are rounded from float32, so its panels serve them all."""
    for dtype in ("float16", "float32", "bfloat16", "float8_e5m2"):
        query = f"{TALL}&dtype={dtype}&gain=1.7"
        assert b"".join(in_sequence(parts_of(body_of(query)))) == whole_of(query)
    assert computed.panels.count(0) == 1 + 4


def test_any_gains_and_dtypes_compute_a_panel_twice_at_most(computed: Computed) -> None:
    """The second kind of reader makes panels in float64, which serve everybody after it."""
    asked = [f"{TALL}&gain={gain}&dtype={dtype}" for gain in (1, 1.7) for dtype in DTYPES]
    expected = [whole_of(query) for query in asked]
    computed.panels.clear()
    bodies = [parts_of(body_of(query)) for query in asked]
    alternating = [[b""] * len(parts) for parts in bodies]
    for index in range(max(map(len, bodies))):
        for body, parts in enumerate(bodies):
            if index < len(parts):
                alternating[body][index] = read(parts[index])
    assert [b"".join(parts) for parts in alternating] == expected
    assert sorted(computed.panels) == sorted(2 * panels(200))


DTYPES = ["float32", "float64", "float16"]


def test_two_tensors_alternate_in_one_cache(computed: Computed) -> None:
    """A range of one, then a range of the other. Negative control: a cache for one of them."""
    room = 2 * (Matrix(200, 400, 0, Address(1, 1)).expect(reader()) + matrices.ENTRY_BYTES)
    for limit, most in ((room, 2), (room // 2, 20)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(materialised, "MATRICES", Matrices(limit))
            computed.panels.clear()
            tall, wide = parts_of(body_of(TALL)), parts_of(body_of(f"{WIDE}&seed=2"))
            pairs = [(read(first), read(second)) for first, second in zip(tall, wide, strict=True)]
        assert b"".join(first for first, _ in pairs) == whole_of(TALL)
        assert b"".join(second for _, second in pairs) == whole_of(f"{WIDE}&seed=2")
        assert (computed.panels.count(0) - 2 > most) == (limit < room)
        assert (computed.panels.count(0) - 2 == 2) == (limit == room)


def reader(gain: float | None = None) -> Reader:
    """One who reads parts of a matrix."""
    return Reader(gain, True, Event())


def test_a_whole_body_keeps_no_panels_of_a_large_matrix(computed: Computed) -> None:
    """They would take memory for nobody. A whole body after ranges uses theirs."""
    body = body_of(TALL)
    for _ in range(2):
        assert b"".join(bytes(each) for each in body.chunks())
    assert computed.panels == 2 * panels(200)
    in_sequence(parts_of(body))
    assert b"".join(bytes(each) for each in body.chunks()) == whole_of(TALL)
    assert computed.panels == 4 * panels(200)


def test_a_client_who_leaves_stops_nobody_else(
    computed: Computed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves after the second panel. The next range computes the other two only."""
    leaving, staying = parts_of(body_of(TALL))[:2]
    counted = matrices.__dict__["fill_panel"]

    def fill_panel(*given: Any) -> None:
        counted(*given)
        if len(computed.panels) == 2:
            leaving.stop()

    monkeypatch.setattr(matrices, "fill_panel", fill_panel)
    with pytest.raises(StoppedError):
        read(leaving)
    assert computed.panels == panels(200)[:2]
    assert read(staying) == whole_of(TALL)[PIECE : 2 * PIECE]
    assert computed.panels[:4] == panels(200)
    with pytest.raises(StoppedError):
        read(leaving)


def test_a_later_range_costs_its_size(computed: Computed) -> None:
    """The first one costs no more than the whole, though its bytes are of several boxes."""
    whole, parts = body_of(TALL), parts_of(body_of(TALL))
    last = parts_of(body_of(TALL))[-1]
    assert parts[1].cost <= whole.cost
    assert parts[1].cost > 400 * 200
    read(parts[0])
    assert last.cost == -(-last.length // 4)


@pytest.mark.parametrize("shape", [TALL, WIDE, SQUARE])
@pytest.mark.parametrize("order", ORDERS)
def test_reflectors_are_freed_when_all_panels_are_kept(
    shape: str, order: Callable[[list[BodyPart]], list[bytes]], computed: Computed
) -> None:
    """The cache then counts the panels alone, with 4 bytes an entry and up to a strip more."""
    parts = parts_of(body_of(shape))
    order(parts[:1])
    kept = computed.cache
    before = kept._bytes
    order(parts)
    (matrix,) = kept._kept.values()
    assert matrix._packed.size == 0
    n, m = sorted(map(int, shape.partition("=")[2].split(",")))
    assert 4 * m * n <= matrix.nbytes <= 4 * m * (n + BLOCK) + 8 * n * (BLOCK + 2)
    assert kept._bytes == matrix.nbytes + matrices.ENTRY_BYTES
    if shape == WIDE:
        assert before > kept._bytes + 8 * packed_size(m, n) - 1


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [TALL, WIDE])
def test_a_matrix_without_room_for_both_frees_its_reflectors(
    shape: str,
    dtype: str,
    order: Callable[[list[BodyPart]], list[bytes]],
    computed: Computed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of the panels fit beside all reflectors, and one that is computed.

    Each panel and each reflector is computed once. The arrays in use are added up for each panel.
    All reflectors with all panels but one would take more: 1,106,944 bytes in float64 against
    1,011,200, and 799,744 against 678,144 in float32.
    """
    n, m = sorted(map(int, shape.partition("=")[2].split(",")))
    itemsize = {"float64": 8, "float32": 4}[dtype]
    width, matrix_bytes = BLOCK, itemsize * m * n
    most = max(8 * packed_size(m, n), matrix_bytes) + matrix_bytes // 2
    monkeypatch.setattr(matrices, "PANEL", width)
    monkeypatch.setattr(matrices, "MATRIX_BYTES", 8 * packed_size(m, n))
    taken = []
    counted = matrices.__dict__["fill_panel"]

    def fill_panel(packed: Any, *given: Any) -> None:
        counted(packed, *given)
        (matrix,) = computed.cache._kept.values()
        assert matrix._kept is not None
        taken.append(packed.nbytes + len(matrix._kept.done) * width * m * itemsize)

    monkeypatch.setattr(matrices, "fill_panel", fill_panel)
    query = f"{shape}&dtype={dtype}"
    made = b"".join(order(parts_of(body_of(query))))
    assert sorted(computed.panels) == list(range(0, n, width))
    assert sorted(computed.blocks) == list(range(-(-n // BLOCK)))
    assert max(taken) <= most + itemsize * m * width
    monkeypatch.setattr(matrices, "fill_panel", counted)
    assert made == whole_of(query)
