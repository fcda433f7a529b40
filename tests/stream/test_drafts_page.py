"""docs/stream-v1-drafts.md lists every draft, and the definitions suffice to make the bytes.

The definitions stand there and on the pages of docs/drafts, one for each family.

`identity`, `orthogonal` and `delta_orthogonal` are written here once more, in plain Python and from
the page alone.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

from checks.write_drafts import PATH as DRAFT_FILE
from checks.write_reference import DRAFTS_PATH, drafts_page, preset_facts
from service.chunks import TensorBody
from service.fields import parse_query
from service.initializers.schemes import SCHEMES
from service.plan import drafts, plan
from service.stream.address import Address, stream_of
from service.stream.draws import Normal
from service.stream.reference.elements import values_of

LIST = DRAFTS_PATH.read_text(encoding="utf-8")
PAGES = sorted((DRAFTS_PATH.parent / "drafts").glob("*.md"))
PAGE = "\n".join([LIST, *(page.read_text(encoding="utf-8") for page in PAGES)])

DIGESTS = {
    entry["target"].removeprefix("/v1/weights."): entry["sha256"]
    for entry in json.loads(Path(DRAFT_FILE).read_text(encoding="utf-8"))["requests"]
}

Matrix = list[list[float]]
Array = npt.NDArray[np.float64]


def test_the_list_is_the_table_of_drafts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal to the character. Negative control: a draft more or a new number makes another list."""
    assert drafts_page(LIST) == LIST
    assert all(
        f"| `{each.field}` | `{each.name}` | {each.number} |" in LIST for each in drafts.DRAFTS
    )
    more = (*drafts.DRAFTS, drafts.Draft("scheme", "laplace", 1, "laplace".__eq__))
    monkeypatch.setattr(drafts, "DRAFTS", more)
    assert drafts_page(LIST) != LIST


def defined(page: str) -> set[str]:
    """The words that a heading names, and the presets, which are rows of a table."""
    headings = " ".join(line for line in page.splitlines() if line.startswith("## "))
    _, _, presets = page.partition("## Presets")
    rows = re.findall(r"^\| `([\w.]+)` \|", presets, re.MULTILINE)
    return {*re.findall(r"`([\w.]+)`", headings), *rows}


def test_every_scheme_and_form_of_the_list_is_defined() -> None:
    """In a section of its own, or as a preset: a formula defines an activation and no scheme."""
    drafted = {
        each.name if each.field == "scheme" else each.field
        for each in drafts.DRAFTS
        if each.field not in ("activation", "dtype")
    }
    assert drafted <= defined(PAGE)
    assert "identity" not in defined(PAGE.replace("## `identity`", ""))


def examples(page: str) -> list[tuple[str, list[list[float]]]]:
    """Every example of the page: its query and the rows below it."""
    blocks = re.findall(r"^An example:\n\n    (\S+)\n((?:    .+\n)+)", page, re.MULTILINE)
    return [
        (query, [list(map(float, row.split())) for row in rows])
        for query, text in blocks
        for rows in [text.splitlines()]
    ]


def without_example(page: str) -> list[str]:
    """The draft index functions without an example, written by hand, on the page."""
    shown = {
        scheme for query, _ in examples(page) for scheme in re.findall(r"scheme=([\w.]+)", query)
    }
    drafted = [s for s in SCHEMES.values() if s.access == "index" and s.draft is not None]
    return [scheme.name for scheme in drafted if scheme.name not in shown]


def test_every_index_function_has_an_example() -> None:
    """It uses no words, so no vectors would show wrong values. Negative control: an empty page."""
    assert without_example(PAGE) == []
    assert "identity" in without_example("")


@pytest.mark.parametrize(("query", "rows"), examples(PAGE))
def test_an_example_is_what_is_issued(query: str, rows: list[list[float]]) -> None:
    """To the bit, in float64."""
    assert body(f"{query}&dtype=float64") == np.array(rows).tobytes()


def test_the_presets_are_the_records() -> None:
    """Framework, layer, letters, distribution, mode and gain of each row."""
    for name, scheme in SCHEMES.items():
        if scheme.preset is not None:
            row = f"| `{name}` | {' | '.join(preset_facts(scheme))} |"
            assert row in PAGE.splitlines()


def test_torch_linear_has_the_values_that_the_page_says() -> None:
    """Those of He's scheme with torch's slope, in another layout than its own, too."""
    for layout in ("", "&layout=IO"):
        asked = ("torch.linear", "kaiming_uniform&negative_slope=2.23606797749979")
        one, other = (body(f"shape=12,5&scheme={each}{layout}&seed=1&name=a") for each in asked)
        assert one == other
    assert one != body("shape=12,5&scheme=kaiming_uniform&layout=IO&seed=1&name=a")


def body(query: str) -> bytes:
    planned = plan(parse_query(query.encode()), "raw", max_bytes=2**20)
    return b"".join(map(bytes, TensorBody(planned).chunks()))


def blocks(outputs: int, parts: int | Sequence[int]) -> Iterator[tuple[int, int]]:
    """First output and height of each block, as the section "Blocks" has them."""
    heights = [outputs // parts] * parts if isinstance(parts, int) else parts
    first = 0
    for height in heights:
        yield first, height
        first += height


def identity(outputs: int, inputs: int, gain: float = 1.0, parts: int | Sequence[int] = 1) -> Array:
    """w[o, i] from the section "identity"; the tensor is O x I."""
    w: Matrix = []
    for first, height in blocks(outputs, parts):
        for output in range(first, first + height):
            w.append([gain if output - first == i else 0.0 for i in range(inputs)])
    return np.array(w)


def orthogonal(
    copies: int, outputs: int, columns: int, gain: float = 1.0, parts: int | Sequence[int] = 1
) -> Array:
    """w[copy, o, k] from the section "Orthogonal matrices", for seed 1 and name `a`."""
    w = np.empty((copies, outputs, columns))
    for copy in range(copies):
        for first, height in blocks(outputs, parts):
            z = standard_normals((copy * outputs + first) * columns, height, columns)
            w[copy, first : first + height] = np.array(matrix(z, gain))
    return w


def delta(shape: tuple[int, ...], matrices: Array, *centre: int) -> Array:
    """The section "delta_orthogonal": matrices at the centre of the kernel, whose axes are last."""
    w = np.zeros(shape)
    at_centre: tuple[Any, ...] = (..., *centre)
    w[at_centre] = matrices
    return w


def standard_normals(base: int, rows: int, columns: int) -> Matrix:
    """Step 1: section 5 of stream-v1.md, of which the vectors are the proof."""
    numbers = np.arange(base, base + rows * columns)
    values = values_of(Normal(0.0, 1.0), "float64", Address(1, stream_of("a")), numbers)
    rows_of_values: Matrix = values.reshape(rows, columns).tolist()
    return rows_of_values


def transposed(x: Matrix) -> Matrix:
    return [list(row) for row in zip(*x, strict=True)]


def matrix(z: Matrix, gain: float) -> Matrix:
    """Steps 2 to 5."""
    tall = len(z) > len(z[0])
    x = [list(row) for row in z] if tall else transposed(z)
    v = [[min(max(entry, -1.0), 1.0) * gain for entry in row] for row in product(x)]
    return v if tall else transposed(v)


def product(x: Matrix, block: int = 16) -> Matrix:
    """Steps 3 and 4, and the signs of step 5; x is changed."""
    m, n = len(x), len(x[0])
    sign, tau = [0.0] * n, [0.0] * n
    for k in range(n):
        r = math.sqrt(added(x[i][k] * x[i][k] for i in range(k, m)))
        pivot = x[k][k]
        sign[k] = -1.0 if pivot >= 0 else 1.0
        x[k][k] = pivot + r if pivot >= 0 else pivot - r
        tau[k] = 1.0 / (r * abs(x[k][k]))
    q = [[1.0 if i == j else 0.0 for j in range(n)] for i in range(m)]
    for k0 in reversed(range(0, n, block)):
        e = min(k0 + block, n)
        for j in range(k0, n):
            y: dict[int, float] = {}
            for k in range(e - 1, k0 - 1, -1):
                t = added(x[i][k] * q[i][j] for i in range(k, m))
                for other in range(k + 1, e):
                    u = added(x[i][k] * x[i][other] for i in range(other, m))
                    t = t - u * y[other]
                y[k] = t * tau[k]
            for i in range(k0, m):
                for k in range(k0, min(e - 1, i) + 1):
                    q[i][j] = q[i][j] - x[i][k] * y[k]
    return [[q[i][j] * sign[j] for j in range(n)] for i in range(m)]


def added(terms: Iterator[float]) -> float:
    """One accumulator; `sum` of Python 3.12 compensates, which gives other bits."""
    total = 0.0
    for term in terms:
        total = total + term
    return total


def single(w: Array) -> npt.NDArray[np.float32]:
    return w.astype(np.float32)


CASES: dict[str, Callable[[], npt.NDArray[np.generic]]] = {
    "raw?shape=6,4&scheme=identity&layout=IO&gain=0.1&dtype=float64": (
        lambda: identity(4, 6, 0.1).T
    ),
    "raw?shape=7,5&scheme=identity&slice=1:6,2:&dtype=bfloat16": (
        lambda: single(identity(7, 5))[1:6, 2:].astype(ml_dtypes.bfloat16)
    ),
    "raw?shape=8,3&scheme=identity&parts=2": lambda: single(identity(8, 3, parts=2)),
    "raw?shape=8,3&scheme=identity&parts=5,3": lambda: single(identity(8, 3, parts=(5, 3))),
    "raw?shape=3,8&scheme=identity&layer=embedding&parts=5,3": (
        # The axes are E and O, so the outputs are the columns.
        lambda: single(identity(8, 3, parts=(5, 3))).T
    ),
    "raw?shape=20,35&scheme=orthogonal&seed=1&name=a&dtype=float64": lambda: orthogonal(1, 20, 35),
    "raw?shape=35,20&scheme=orthogonal&seed=1&name=a&gain=1.4142135623730951&order=F": (
        lambda: single(orthogonal(1, 35, 20, 1.4142135623730951))[0].T
    ),
    "raw?shape=8,4,3,3&scheme=orthogonal&seed=1&name=a&dtype=float16": (
        lambda: single(orthogonal(1, 8, 36)).astype(np.float16)
    ),
    "raw?shape=3,3,4,8&scheme=orthogonal&layout=HWIO&seed=1&name=a": (
        lambda: single(orthogonal(1, 8, 36)).reshape(8, 4, 3, 3).transpose(2, 3, 1, 0)
    ),
    "raw?shape=2,6,5&scheme=orthogonal&layout=EOI&seed=1&name=a&slice=1:,2:5,:": (
        lambda: single(orthogonal(2, 6, 5))[1:, 2:5]
    ),
    "raw?shape=12,5&scheme=orthogonal&parts=3&seed=1&name=a": (
        lambda: single(orthogonal(1, 12, 5, parts=3))
    ),
    "raw?shape=12,5&scheme=orthogonal&parts=6,2,4&seed=1&name=a&dtype=float64": (
        lambda: orthogonal(1, 12, 5, parts=(6, 2, 4))
    ),
    "raw?shape=9,5&scheme=orthogonal&layer=embedding&layout=flux&seed=1&name=a": (
        # The axes are O and E, and the matrix has the rows E and the columns O.
        lambda: single(orthogonal(1, 5, 9))[0].T
    ),
    "raw?shape=5,3,4&scheme=delta_orthogonal&layer=conv1d&gain=1.5&seed=1&name=a&dtype=float64": (
        lambda: delta((5, 3, 4), orthogonal(1, 5, 3, 1.5)[0], 1)
    ),
    "raw?shape=3,2,4,8&scheme=delta_orthogonal&layout=HWIO&parts=2&seed=1&name=a": (
        lambda: single(delta((8, 4, 3, 2), orthogonal(1, 8, 4, parts=2)[0], 1, 0)).transpose(
            2, 3, 1, 0
        )
    ),
    "raw?shape=2,5,3,3&scheme=delta_orthogonal&layout=EOIW&seed=1&name=a&slice=:,1:4,:,1:": (
        lambda: single(delta((2, 5, 3, 3), orthogonal(2, 5, 3), 1))[:, 1:4, :, 1:]
    ),
    "raw?shape=9,2,3,2,3&scheme=delta_orthogonal&parts=4,5&order=F&seed=1&name=a&dtype=bfloat16": (
        lambda: (
            single(delta((9, 2, 3, 2, 3), orthogonal(1, 9, 2, parts=(4, 5))[0], 1, 0, 1))
            .astype(ml_dtypes.bfloat16)
            .transpose()
        )
    ),
}
"""Every request of the golden file in raw form whose scheme is one of the three."""


def test_every_raw_request_has_its_case() -> None:
    """A further request of the three schemes is a case here, too."""
    schemes = ("scheme=identity", "scheme=orthogonal", "scheme=delta_orthogonal")
    asked = {each for each in DIGESTS if each.startswith("raw") and any(s in each for s in schemes)}
    assert asked == set(CASES)


@pytest.mark.parametrize("request_", CASES)
def test_the_page_suffices_to_make_the_bytes(request_: str) -> None:
    """The digest of the golden file."""
    values = np.ascontiguousarray(CASES[request_]())
    assert sha256(values.tobytes()).hexdigest() == DIGESTS[request_]


def test_another_order_of_operations_would_be_noticed() -> None:
    """Negative control: blocks of 8 reflectors make another matrix in the last places alone."""
    z = standard_normals(0, 20, 35)
    right = np.array(product(transposed(z)))
    wrong = np.array(product(transposed(z), block=8))
    assert np.array_equal(right.T, orthogonal(1, 20, 35)[0])
    assert 0 < np.abs(wrong - right).max() < 1e-14
