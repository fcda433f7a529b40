"""Identity, orthogonal matrices and presets over real sockets, beside NumPy and the frameworks."""

import io
import json
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load

from service.api.headers import DRAFT
from service.dtypes import DTYPES
from tests.application import Answer, ask, post, problem, ready
from tests.server import Address
from tests.stream.casting import TYPES

Array = npt.NDArray[Any]

TORCH_LIMIT = 0.176776695297
"""Of nn.Linear(32, 64) in torch: 1/sqrt(32). torch 2.13 drew 0.17677216 at most of 4 x 2,048."""


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def fetch(address: Address, query: str, dtype: str = "float32", order: str = "C") -> Array:
    """The values of a raw body, in the shape that the certificate tells, in NumPy's C order."""
    answer = ask(address, f"/v1/weights.raw?{query}&dtype={dtype}&order={order}")
    assert answer.status == 200, answer.body
    shape = told(address, query)["shape"]
    flat = np.frombuffer(answer.body, TYPES[dtype])
    return np.ascontiguousarray(flat.reshape(shape, order="F" if order == "F" else "C"))


def told(address: Address, query: str) -> Any:
    """The certificate."""
    answer = ask(address, f"/v1/weights.json?{query}")
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def sliced(whole: Array, text: str | None) -> Array:
    """NumPy's own reading of a slice."""
    if text is None:
        return whole
    items = (item.split(":") for item in text.split(","))
    return whole[tuple(slice(*(int(end) if end else None for end in item)) for item in items)]


def narrowed(whole: Array, dtype: str) -> bytes:
    """float64 values in the dtype; a narrow one is rounded from float32."""
    if dtype == "float64":
        return np.ascontiguousarray(whole).tobytes()
    return np.ascontiguousarray(whole).astype(np.float32).astype(TYPES[dtype]).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("layout", ["OI", "IO", "EI", "HW", "OO", "WI"])
@pytest.mark.parametrize("part", [None, "2:5,1:", ":-3,4:5", "3:3,:"])
def test_identity_is_numpy_s_eye(
    address: Address, dtype: str, order: str, layout: str, part: str | None
) -> None:
    """Whatever the letters of two axes are; wide and high, with a gain."""
    for shape in ((9, 6), (6, 9)):
        query = f"shape={shape[0]},{shape[1]}&layout={layout}&scheme=identity&gain=0.3"
        query += f"&slice={part}" if part else ""
        expected = sliced(np.eye(*shape) * 0.3, part)
        assert fetch(address, query, dtype, order).tobytes() == narrowed(expected, dtype)


@pytest.mark.parametrize(
    ("query", "blocks"),
    [
        ("shape=9,4&parts=3", [(0, 3), (3, 6), (6, 9)]),
        ("shape=9,4&parts=2,6,1", [(0, 2), (2, 8), (8, 9)]),
        ("shape=4,9&parts=2,6,1&layout=IO", [(0, 2), (2, 8), (8, 9)]),
        ("shape=3,9&parts=3&layout=EO", [(0, 3), (3, 6), (6, 9)]),
    ],
)
def test_each_block_of_an_identity_begins_anew(
    address: Address, query: str, blocks: list[tuple[int, int]]
) -> None:
    """A block of outputs a ... b - 1 is the eye of its size."""
    inputs = 3 if "EO" in query else 4
    expected = np.concatenate([np.eye(b - a, inputs) for a, b in blocks])
    if "layout" in query:
        expected = expected.T
    for order in "CF":
        got = fetch(address, f"{query}&scheme=identity", "float32", order)
        assert got.tobytes() == narrowed(expected, "float32")
    facts = told(address, f"{query}&scheme=identity")
    assert facts["mean"] == pytest.approx(expected.mean(), rel=1e-15)
    assert facts["std"] == pytest.approx(expected.std(), rel=1e-14)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 5), (300, 200), (12, 5)])
@pytest.mark.parametrize("gain", ["1", "0.1", "1e-300", "1e300"])
def test_mean_and_std_of_an_identity_are_exact(
    address: Address, shape: tuple[int, int], gain: str
) -> None:
    """Over the whole tensor, also where a slice is asked; float64 of NumPy has 15 digits."""
    query = f"shape={shape[0]},{shape[1]}&scheme=identity&gain={gain}&dtype=float64"
    facts = told(address, query)
    whole = np.eye(*shape)
    assert facts["mean"] == pytest.approx(float(whole.mean()) * float(gain), rel=1e-15)
    assert facts["std"] == pytest.approx(float(whole.std()) * float(gain), rel=1e-14)
    part = told(address, f"{query}&slice=:1,:1")
    assert (part["mean"], part["std"]) == (facts["mean"], facts["std"])


@pytest.mark.parametrize("shape", ["0,5", "5,0", "0,0"])
@pytest.mark.parametrize("scheme", ["identity", "orthogonal"])
def test_an_empty_matrix_is_empty(address: Address, shape: str, scheme: str) -> None:
    """A file without values, and a certificate without a std."""
    query = f"shape={shape}&scheme={scheme}&seed=1"
    assert fetch(address, query).size == 0
    facts = told(address, query)
    assert (facts["mean"], facts["std"], facts["rounded"]) == (0, None, None)


def test_a_far_slice_of_a_huge_identity() -> None:
    """Of 2^57 elements; only the elements of the slice are computed."""
    with ready(max_bytes=2**58) as address:
        for start in (0, 2**28 - 5, 2**28, 2**29 - 3):
            query = f"shape={2**29},{2**28}&scheme=identity&gain=2&dtype=float8_e5m2"
            answer = ask(address, f"/v1/weights.raw?{query}&slice={start}:{start + 3},-6:")
            assert answer.status == 200, answer.body
            rows, columns = np.arange(start, start + 3), np.arange(2**28 - 6, 2**28)
            expected = np.where(rows[:, np.newaxis] == columns, 2.0, 0.0)
            assert answer.body == narrowed(expected, "float8_e5m2")


def product(z: Array) -> Array:
    """NumPy's product of Householder reflectors made of normals; rows of Q if z is not tall."""
    if z.shape[0] <= z.shape[1]:
        return _columns(z.T.copy()).T
    return _columns(z.copy())


def _columns(x: Array) -> Array:
    m, n = x.shape
    q, signs = np.eye(m), []
    for k in range(n):
        v = x[k:, k].copy()
        signs.append(-1.0 if v[0] >= 0 else 1.0)
        v[0] += math.copysign(float(np.linalg.norm(v)), v[0])
        q[:, k:] -= np.outer(q[:, k:] @ v, 2 / (v @ v) * v)
    return np.asarray(q[:, :n] * np.array(signs))


def expected_orthogonal(address: Address, query: str, counted: str) -> Array:
    """Q of each copy and block, shape (E, O, columns), of the normals that the service issues.

    `counted` is `E,O,columns` with the heights of the blocks as `a+b`.
    """
    copies, heights, columns = counted.split(",")
    blocks = [int(height) for height in heights.split("+")]
    shape = f"{copies},{sum(blocks)},{columns}"
    query = f"shape={shape}&layout=EOI&scheme=normal&std=1&{query}"
    z = fetch(address, query, "float64")
    edges = np.cumsum([0, *blocks])
    return np.array(
        [np.concatenate([product(each[a:b]) for a, b in pairwise(edges)]) for each in z]
    )


ORTHOGONAL = [
    ("shape=9,6", "1,9,6"),
    ("shape=6,9", "1,6,9"),
    ("shape=8,8", "1,8,8"),
    ("shape=6,9&layout=IO", "1,9,6"),
    ("shape=3,5,4&layout=EOI", "3,5,4"),
    ("shape=5,4,3&layout=OIE", "3,5,4"),
    ("shape=10,3&parts=2", "1,5+5,3"),
    ("shape=10,3&parts=2,7,1", "1,2+7+1,3"),
    ("shape=3,10&parts=2,7,1&layout=IO", "1,2+7+1,3"),
    ("shape=2,10,3&parts=4,6&layout=EOI", "2,4+6,3"),
]
"""A request, and its copies, the rows of its blocks, and its columns."""


def placed(q: Array, query: str) -> Array:
    """(E, O, columns) in the axes of the request."""
    layout = query.partition("layout=")[2].partition("&")[0] or "OI"
    axes = tuple("EOI".index(letter) for letter in layout)
    whole = q.transpose(axes + tuple(axis for axis in range(3) if axis not in axes))
    return whole.reshape([n for n, _ in zip(whole.shape, layout, strict=False)])


@pytest.mark.parametrize(("query", "counted"), ORTHOGONAL)
def test_orthogonal_is_the_product_of_its_reflectors(
    address: Address, query: str, counted: str
) -> None:
    """In every dtype, both orders and slices, within 1e-14 and half a step of the dtype."""
    seed = "seed=5&name=q.w"
    whole = placed(expected_orthogonal(address, seed, counted), query) * 1.5
    asked = f"{query}&scheme=orthogonal&gain=1.5&{seed}"
    cut = ",".join([":"] * (whole.ndim - 2) + ["1:-1", "1:"])
    for dtype in DTYPES:
        got = fetch(address, asked, dtype)
        exact = fetch(address, asked, "float64")
        assert np.abs(exact - whole).max() < 1e-14
        assert got.tobytes() == narrowed(exact, dtype)
        for order in "CF":
            part = fetch(address, f"{asked}&slice={cut}", dtype, order)
            assert part.tobytes() == np.ascontiguousarray(sliced(got, cut)).tobytes()
            assert fetch(address, asked, dtype, order).tobytes() == got.tobytes()


@pytest.mark.parametrize(
    ("query", "letters"),
    [("shape=7,3,2,2", "OIHW"), ("shape=2,2,3,7", "HWIO"), ("shape=4,3,2,7&layer=conv2d", "HWIO")],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_orthogonal_convolutions_have_rows_o_and_columns_i_times_kernel(
    address: Address, query: str, letters: str, dtype: str
) -> None:
    """Q^T Q = I or Q Q^T = I within 1e-6 and the rounding of the dtype, gain aside."""
    got = fetch(address, f"{query}&layout={letters}&scheme=orthogonal&seed=3&gain=2", dtype)
    axes = [letters.index(letter) for letter in "OIHW"]
    w = got.astype(np.float64).transpose(axes)
    q = w.reshape(w.shape[0], -1) / 2
    gram = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    unit = 2.0 ** -DTYPES[dtype].fraction_bits
    assert np.abs(gram - np.eye(len(gram))).max() < 1e-6 + 2 * unit
    counted = f"1,{w.shape[0]},{math.prod(w.shape[1:])}"
    expected = expected_orthogonal(address, "seed=3", counted)[0].reshape(w.shape) * 2
    assert np.abs(w - expected).max() < 1e-14 + unit * 2


@pytest.mark.parametrize(
    ("query", "longest"),
    [("shape=9,6", [9]), ("shape=6,9", [9]), ("shape=10,3&parts=2,7,1", [3, 7, 3])],
)
def test_the_certificate_of_an_orthogonal_matrix(
    address: Address, query: str, longest: list[int]
) -> None:
    """The mean of w^2 is gain^2 / max(rows, columns) of every block, and exactly so."""
    asked = f"{query}&scheme=orthogonal&gain=1.5&seed=5&dtype=float64"
    facts = told(address, asked)
    w = fetch(address, asked.removesuffix("&dtype=float64"), "float64")
    assert facts["std"] == pytest.approx(math.sqrt(float((w**2).mean())), rel=1e-12)
    assert (facts["distribution"], facts["mean"], facts["gain"]) == ("orthogonal", 0, 1.5)
    stds = [1.5 / math.sqrt(n) for n in longest]
    blocks = [block["std"] for block in facts["blocks"]]
    assert blocks == pytest.approx(stds if len(stds) > 1 else [])


@pytest.mark.parametrize(
    ("query", "access", "distribution", "drafts"),
    [
        ("shape=6,5&scheme=identity", "index", "deterministic", 1),
        ("shape=6,5&scheme=orthogonal&seed=1", "materialised", "orthogonal", 1),
        ("shape=6,5&parts=1,5&scheme=orthogonal&seed=1", "materialised", "orthogonal", 2),
        ("shape=6,5&scheme=torch.linear&seed=1", "elementwise", "uniform", 1),
        ("shape=6,5&scheme=keras.dense&seed=1", "elementwise", "uniform", 1),
        ("shape=6,5&parts=1,5&scheme=glorot_normal&seed=1", "elementwise", "normal", 1),
    ],
)
def test_they_are_drafts_everywhere(
    address: Address, query: str, access: str, distribution: str, drafts: int
) -> None:
    """The certificate, Cache-Control of the canonical URL, a tag, and no seed without words."""
    facts = told(address, query)
    assert (facts["access"], facts["distribution"]) == (access, distribution)
    assert (facts["status"], len(facts["drafts"])) == ("draft", drafts)
    answer = ask(address, facts["formats"]["raw"]["url"])
    assert answer.headers["cache-control"] == DRAFT == "public, max-age=300, no-transform"
    assert "content-location" not in answer.headers
    again = ask(address, facts["formats"]["raw"]["url"], headers={"If-None-Match": "*"})
    assert (again.status, again.headers["etag"]) == (304, answer.headers["etag"])
    assert (facts["seed"] is None) == (access == "index")
    seeded = ask(address, f"/v1/weights.raw?{query.partition('&seed')[0]}&seed=2&name=b")
    assert (seeded.headers["etag"] == answer.headers["etag"]) == (access == "index")


@pytest.mark.parametrize(
    "query",
    [
        "shape=6,5&scheme=identity&gain=0.5",
        "shape=6,5&scheme=orthogonal&seed=1&name=w&parts=2,4",
        "shape=6,5&scheme=torch.linear&seed=1&name=w&layout=IO",
    ],
)
def test_every_format_has_the_same_values(address: Address, query: str) -> None:
    """npy and safetensors are read by other libraries; POST has the bytes of GET."""
    expected = fetch(address, query)
    assert np.array_equal(np.load(io.BytesIO(get(address, "npy", query).body)), expected)
    fortran = np.load(io.BytesIO(get(address, "npy", f"{query}&order=F").body))
    assert fortran.flags.f_contiguous
    assert np.array_equal(fortran, expected)
    (held,) = load(get(address, "safetensors", query).body).values()
    assert np.array_equal(held, expected)
    fields = dict(item.split("=") for item in query.split("&")) | {"format": "npy"}
    posted = post(address, json.dumps(fields).encode())
    assert posted.status == 200
    assert posted.body == get(address, "npy", query).body


def get(address: Address, form: str, query: str) -> Answer:
    """The file."""
    answer = ask(address, f"/v1/weights.{form}?{query}")
    assert answer.status == 200, answer.body
    return answer


def test_parts_of_a_posted_list(address: Address) -> None:
    """JSON has a list of numbers where a query has commas."""
    fields = {"shape": [10, 3], "parts": [2, 7, 1], "scheme": "orthogonal", "seed": 5}
    posted = post(address, json.dumps(fields | {"format": "raw"}).encode())
    query = "shape=10,3&parts=2,7,1&scheme=orthogonal&seed=5"
    assert posted.body == get(address, "raw", query).body


def test_torch_linear_has_torch_s_limit(address: Address) -> None:
    """1/sqrt(fan_in), the fan being I, in torch's letters and in Keras's."""
    for query in ("shape=64,32", "shape=32,64&layout=IO", "shape=32,64&layout=keras"):
        query += "&scheme=torch.linear&seed=1"
        answer = get(address, "raw", query)
        assert float(answer.headers["weights-limit"]) == pytest.approx(TORCH_LIMIT, rel=1e-11)
        assert answer.headers["weights-fan-in"] == "32"
        values = np.abs(fetch(address, query))
        assert TORCH_LIMIT * 0.995 < values.max() < TORCH_LIMIT
    assert np.array_equal(
        fetch(address, "shape=32,64&layout=IO&scheme=torch.linear&seed=1"),
        fetch(address, "shape=64,32&scheme=torch.linear&seed=1").T,
    )


def test_keras_dense_has_keras_s_limit(address: Address) -> None:
    """sqrt(6 / (fan_in + fan_out)), fans being the last two axes of Keras's letters."""
    expected = math.sqrt(6 / (64 + 32))
    for query in ("shape=64,32", "shape=32,64&layout=OI", "shape=32,64&layout=torch"):
        answer = get(address, "raw", f"{query}&scheme=keras.dense&seed=1")
        assert float(answer.headers["weights-limit"]) == pytest.approx(expected, rel=1e-15)
        assert (answer.headers["weights-fan-in"], answer.headers["weights-fan-out"]) == ("64", "32")


@pytest.mark.parametrize("scheme", ["torch.linear", "keras.dense"])
@pytest.mark.parametrize("beside", ["parts=2", "parts=4,8", "groups=2", "stride=1", "layer=dense"])
def test_what_a_framework_does_not_see_changes_no_preset(
    address: Address, scheme: str, beside: str
) -> None:
    """Fans are the framework's, which go by the shape alone; the name stays in the URL."""
    query = f"shape=12,12&scheme={scheme}&seed=1"
    plain, other = get(address, "raw", query), get(address, "raw", f"{query}&{beside}")
    assert plain.body == other.body
    assert f"&scheme={scheme}&" in other.headers["content-location"]
    assert other.headers["content-location"] == f"/v1/weights.raw?{query}"


@pytest.mark.parametrize("scheme", ["torch.linear", "keras.dense"])
@pytest.mark.parametrize(
    ("asked", "field", "instead"),
    [
        ("shape=8,4&layer=conv2d", "layer", "shape=8,4&layer=dense"),
        ("shape=8,4&layer=embedding", "layer", "shape=8,4"),
        ("shape=8,4&layout=EO", "layout", "shape=8,4"),
        ("shape=8,4&layout=OO", "layout", "shape=8,4&layout={own}"),
        ("shape=8,4&layout=HW", "layout", "shape=8,4"),
        ("shape=8,4,4&layout=EOI", "shape", "shape=8,4"),
        ("shape=8,4,4", "shape", "shape=8,4"),
        ("shape=8", "shape", "shape=8,4"),
        ("shape=8,4,3,3", "shape", "shape=8,4"),
        ("shape=scalar", "shape", "shape=8,4"),
    ],
)
def test_another_layer_is_refused_with_a_way_out(
    address: Address, scheme: str, asked: str, field: str, instead: str
) -> None:
    """Once followed, the hint leads to the preset."""
    answer = ask(address, f"/v1/weights.raw?{asked}&scheme={scheme}&seed=1")
    (entry,) = problem(answer)["errors"]
    assert (problem(answer)["reason"], entry["field"]) == ("preset_layer", field)
    own = {"torch.linear": "OI", "keras.dense": "IO"}[scheme]
    hints = {
        "layer": "leave layer out, or write layer=dense",
        "layout": f"leave layout out, or write layout={own}",
        "shape": "give 2 extents",
    }
    assert entry["hint"] == hints[field]
    get(address, "raw", f"{instead.format(own=own)}&scheme={scheme}&seed=1")
