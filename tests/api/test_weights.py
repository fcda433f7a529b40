"""Tensors over a real socket: which bytes, under which URL, and for how long they may be kept."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.aside import Aside
from service.api.headers import IMMUTABLE
from service.api.readiness import Readiness
from service.api.routes import weights
from service.api.table import alone
from service.cli.weights import write_weights
from service.dtypes import DTYPES
from service.fields import parse_query
from service.plan import plan
from service.plan.canonical import MOST_BLOCKS_KEPT
from service.stream.address import Address as Words
from service.stream.address import stream_of
from service.stream.reference.values import element_bytes
from service.wire.formats import FORMATS
from tests.api.patterns import pool_of
from tests.application import ask, post, ready
from tests.server import Address
from tests.stream.drawing import elementwise

CANONICAL = "/v1/weights.npy?shape=4,3&scheme=he_normal&seed=7&name=w"
ALIASES = [
    "/v1/weights.npy?shape=4%2C3&scheme=he_normal&seed=7&name=w",
    "/v1/weights.npy?scheme=he_normal&shape=4,3&seed=7&name=w",
    "/v1/weights.npy?shape=4,3&scheme=kaiming_normal&seed=7&name=w",
    "/v1/weights.npy?shape=4,3&activation=relu&seed=7&name=w",
    "/v1/weights.npy?shape=[4,3]&scheme=he_normal&dtype=float32&order=C&seed=7&name=%77",
]
CARRIED = [
    (form, dtype, order, part)
    for form, dtype, order, part in product(
        ("npy", "safetensors", "raw"), DTYPES, ("C", "F"), (None, "1:3,:,0:2,-2:")
    )
    if dtype in FORMATS[form].dtypes and (order == "C" or FORMATS[form].carries_fortran)
]


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def reference_bytes(fields: dict[str, str], form: str) -> bytes:
    """The file that the reference implementation makes, element by element."""
    query = "&".join(f"{field}={text}" for field, text in fields.items())
    planned = plan(parse_query(query.encode()), form, max_bytes=2**44)
    lattice = planned.tensor.placement.lattice
    axes = [np.arange(n) * s for n, s in zip(lattice.extents, lattice.strides, strict=True)]
    numbers = lattice.offset + sum(np.ix_(*axes)).reshape(-1)  # type: ignore[union-attr]
    words = Words(int(fields["seed"]), stream_of(fields["name"]))
    values = [
        element_bytes(elementwise(planned.tensor.law.draw), planned.spec.dtype, words, int(n), 1)
        for n in numbers
    ]
    return planned.tensor.head + b"".join(values)


@pytest.mark.parametrize(("form", "dtype", "order", "part"), CARRIED)
def test_url_json_and_shell_give_the_reference_bytes(
    address: Address, tmp_path: Path, form: str, dtype: str, order: str, part: str | None
) -> None:
    """GET, POST and the command line give one file: the one the reference makes."""
    fields = {"shape": "5,3,2,4", "layout": "HWIO", "scheme": "he_normal", "seed": "9"}
    fields |= {"name": "a.b", "dtype": dtype, "order": order}
    fields |= {} if part is None else {"slice": part}
    query = "&".join(f"{field}={text}" for field, text in fields.items())
    got = ask(address, f"/v1/weights.{form}?{query}")
    posted = post(address, json.dumps(fields | {"format": form}).encode())
    output = tmp_path / "w"
    options = [f"--{field}={text}" for field, text in fields.items()]
    assert write_weights([*options, "--format", form, "-o", str(output)]) == 0
    assert got.status == posted.status == 200
    assert got.body == posted.body == output.read_bytes() == reference_bytes(fields, form)


@pytest.mark.parametrize(
    "draw",
    [
        "scheme=uniform&low=-1&high=2",
        "scheme=glorot_uniform",
        "scheme=normal&mean=1&std=0.5",
        "scheme=truncated_normal&std=0.02",
        "scheme=truncated_normal&low=-1&high=3",
        "scheme=constant&value=0.1",
    ],
)
def test_every_distribution_is_the_reference_s(address: Address, draw: str) -> None:
    """Each kind of draw comes over the wire as the reference computes it."""
    fields = {"shape": "6,5", "seed": "3", "name": "x"}
    fields |= dict(item.split("=") for item in draw.split("&"))
    query = "&".join(f"{field}={text}" for field, text in fields.items())
    assert ask(address, f"/v1/weights.npy?{query}").body == reference_bytes(fields, "npy")


def test_the_canonical_url_is_kept_for_ever_and_names_no_other(address: Address) -> None:
    """Only a target equal to the canonical URL, to the byte, may be kept without asking."""
    answer = ask(address, CANONICAL)
    assert answer.headers["cache-control"] == IMMUTABLE
    assert IMMUTABLE == "public, max-age=31536000, immutable, no-transform"
    assert "content-location" not in answer.headers
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("target", ALIASES)
def test_another_spelling_is_the_same_tensor(address: Address, target: str) -> None:
    """It has the canonical URL's bytes and tag, names that URL, and is never fresh."""
    canonical, alias = ask(address, CANONICAL), ask(address, target)
    assert (alias.status, alias.body) == (200, canonical.body)
    assert alias.headers["etag"] == canonical.headers["etag"]
    assert alias.headers["content-location"] == CANONICAL
    assert alias.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("change", ["seed=8", "name=v", "shape=3,4", "dtype=float16"])
def test_another_tensor_has_another_tag(address: Address, change: str) -> None:
    """The tag follows whatever moves a byte."""
    field = change.partition("=")[0]
    items = [item for item in CANONICAL.partition("?")[2].split("&") if not item.startswith(field)]
    other = ask(address, "/v1/weights.npy?" + "&".join([*items, change]))
    assert other.status == 200
    assert other.headers["etag"] != ask(address, CANONICAL).headers["etag"]


@pytest.mark.parametrize("held", ["{}", "W/{}", '"a", {}', 'W/"a,b" ,{}', "*"])
@pytest.mark.parametrize("target", [CANONICAL, ALIASES[0]])
def test_who_has_the_tensor_gets_304(address: Address, held: str, target: str) -> None:
    """If-None-Match compares weakly; a 304 repeats the caching headers and has no body."""
    first = ask(address, target)
    again = ask(address, target, headers={"If-None-Match": held.format(first.headers["etag"])})
    assert (again.status, again.body) == (304, b"")
    for name in ("etag", "cache-control", "content-location"):
        assert again.headers.get(name) == first.headers.get(name)
    assert "content-type" not in again.headers


@pytest.mark.parametrize("held", ['"other"', "{}x", "", "nonsense", "'*'"])
def test_who_has_something_else_gets_the_tensor(address: Address, held: str) -> None:
    """A tag that is not this one, or is none, changes nothing."""
    unquoted = ask(address, CANONICAL).headers["etag"].strip('"')
    answer = ask(address, CANONICAL, headers={"If-None-Match": held.format(unquoted)})
    assert answer.status == 200


@pytest.mark.parametrize(
    ("wanted", "status"), [("{}", 200), ('"a", {}', 200), ("*", 200), ("W/{}", 412), ('"a"', 412)]
)
def test_if_match_compares_strongly(address: Address, wanted: str, status: int) -> None:
    """A tag that is weak or another's refuses the answer with a problem."""
    tag = ask(address, CANONICAL).headers["etag"]
    answer = ask(address, CANONICAL, headers={"If-Match": wanted.format(tag)})
    assert answer.status == status
    if status == 412:
        assert json.loads(answer.body)["reason"] == "precondition_failed"
        assert answer.headers["cache-control"] == "no-store"


def test_if_match_comes_before_if_none_match(address: Address) -> None:
    """RFC 9110, section 13.2.2: where both fail it is 412."""
    tag = ask(address, CANONICAL).headers["etag"]
    headers = {"If-Match": '"a"', "If-None-Match": tag}
    assert ask(address, CANONICAL, headers=headers).status == 412


@pytest.mark.parametrize(
    "target",
    [
        CANONICAL,
        ALIASES[0],
        CANONICAL.replace("npy", "json"),
        "/v1/weights.raw?shape=70000&scheme=normal&seed=1",
        "/v1/weights.safetensors?shape=1048576,1048576&scheme=normal&seed=1&name=large",
    ],
)
def test_head_has_the_headers_of_get(address: Address, target: str) -> None:
    """HEAD tells the exact length, of 4 TiB too, and sends nothing."""
    head = ask(address, target, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert "transfer-encoding" not in head.headers
    if int(head.headers["content-length"]) < 2**30:
        got = ask(address, target)
        assert int(head.headers["content-length"]) == len(got.body)
        assert head.headers | {"date": ""} == got.headers | {"date": ""}


@pytest.mark.parametrize("form", ["npy", "json"])
def test_a_missing_seed_is_drawn_and_nothing_is_kept(address: Address, form: str) -> None:
    """Two answers differ, have no tag, ignore conditions, and say where each stays."""
    target = f"/v1/weights.{form}?shape=4,3&scheme=he_normal&name=w"
    first, second = (ask(address, target, headers={"If-None-Match": "*"}) for _ in range(2))
    for answer in (first, second):
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers
        assert ask(address, answer.headers["content-location"]).body == answer.body
    assert first.body != second.body


def test_a_drawn_seed_is_one_every_json_reader_keeps(address: Address) -> None:
    """It lies below 2^53, and the headers tell it."""
    answer = ask(address, "/v1/weights.npy?shape=4,3&scheme=he_normal&name=w", "HEAD")
    seed = answer.headers["weights-seed"]
    assert int(seed) < 2**53
    assert f"&seed={seed}&" in answer.headers["content-location"]


@pytest.mark.parametrize("draw", ["scheme=zeros", "scheme=constant&value=2", "layer=bias"])
def test_where_no_seed_matters_none_is_drawn(address: Address, draw: str) -> None:
    """A constant is kept like any tensor, whatever the seed, and says no seed."""
    plain = ask(address, f"/v1/weights.npy?shape=3&{draw}")
    seeded = ask(address, f"/v1/weights.npy?shape=3&{draw}&seed=5")
    assert plain.status == seeded.status == 200
    assert plain.headers["etag"] == seeded.headers["etag"]
    assert "weights-seed" not in seeded.headers


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
def test_a_name_is_exact_for_any_text(address: Address, name: str) -> None:
    """The key in the file is the name asked for, not a normal form of it, by GET and by POST."""
    target = f"/v1/weights.safetensors?shape=2&scheme=normal&seed=1&name={quote(name)}"
    fields = {"shape": [2], "scheme": "normal", "seed": 1, "name": name, "format": "safetensors"}
    got, posted = ask(address, target), post(address, json.dumps(fields).encode())
    size = int.from_bytes(got.body[:8], "little")
    assert set(json.loads(got.body[8 : 8 + size])) == {"__metadata__", name}
    assert got.body == posted.body


def test_a_posted_spec_is_not_kept_but_linked(address: Address) -> None:
    """POST answers no-store, and Link leads to a URL with the same bytes."""
    answer = post(address, b'{"shape": [4, 3], "seed": "7", "name": "w", "activation": "relu"}')
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    url, _, relation = answer.headers["link"].partition("; ")
    assert (url.strip("<>"), relation) == (CANONICAL, 'rel="canonical"')
    assert ask(address, CANONICAL).body == answer.body


def test_a_posted_constant_has_its_name(address: Address) -> None:
    """The file is called what the body says, though no byte depends on it."""
    answer = post(address, b'{"shape": [3], "scheme": "zeros", "name": "fc.bias"}')
    assert answer.headers["content-disposition"] == 'attachment; filename="fc.bias.npy"'


def test_a_certificate_is_asked_for_anew(address: Address) -> None:
    """JSON has the tag of its own body and is never fresh, at its canonical URL either."""
    target = CANONICAL.replace("npy", "json")
    answer = ask(address, target)
    tag = answer.headers["etag"]
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["seed"] == "7"
    assert ask(address, target, headers={"If-None-Match": tag}).status == 304


def test_max_bytes_bounds_the_whole_and_not_the_slice() -> None:
    """One byte more than the setting is refused with what would fit, a slice of it as well."""
    with ready(max_bytes=4000) as address:
        fits = ask(address, "/v1/weights.raw?shape=1000&scheme=zeros")
        large = ask(address, "/v1/weights.raw?shape=1001&scheme=zeros")
        part = ask(address, "/v1/weights.raw?shape=1001&scheme=zeros&slice=0:1")
    assert (fits.status, large.status, part.status) == (200, 422, 422)
    assert json.loads(large.body)["reason"] == "too_large"
    assert "1000 elements" in json.loads(large.body)["errors"][0]["hint"]


def issuer() -> weights.Issuer:
    """The handlers without an application."""
    return weights.Issuer(2**20, pool_of(threads=1), Readiness(alone()), Aside())


def test_an_answer_with_a_drawn_seed_is_not_cached() -> None:
    """The next request gets another seed; with a seed it gets the same answer (control)."""
    handlers = issuer()
    drawn = [handlers._answer("npy", b"/v1/weights.npy?shape=4,4&name=a") for _ in "ab"]
    assert drawn[0].headers != drawn[1].headers
    assert len(handlers.answers) == 0
    seeded = [handlers._answer("npy", b"/v1/weights.npy?shape=4,4&seed=1") for _ in "ab"]
    assert seeded[0] is seeded[1]
    assert len(handlers.answers) == 1


def test_a_long_target_is_not_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit on a target's length also limits the cache's memory."""
    target = b"/v1/weights.npy?shape=4,4&scheme=zeros"
    monkeypatch.setattr(weights, "MOST_URL_BYTES", len(target))
    handlers = issuer()
    assert handlers._answer("npy", target + b"&seed=1").body.length == 128 + 64
    assert len(handlers.answers) == 0
    handlers._answer("npy", target)
    assert len(handlers.answers) == 1


@pytest.mark.parametrize(("blocks", "kept"), [(MOST_BLOCKS_KEPT, 1), (MOST_BLOCKS_KEPT + 1, 0)])
def test_an_answer_of_many_blocks_is_not_cached(blocks: int, kept: int) -> None:
    """Each block has kernel parameters of its own, which an answer holds."""
    handlers = issuer()
    parts = ",".join(map(str, range(1, blocks + 1)))
    shape = f"{sum(range(1, blocks + 1))},4"
    target = f"/v1/weights.npy?shape={shape}&scheme=glorot_uniform&parts={parts}&seed=1&name=a"
    handlers._answer("npy", target.encode())
    assert len(handlers.answers) == kept


def test_the_answer_asked_for_the_longest_ago_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of two: the third answer drops the second, as the first was asked for again."""
    monkeypatch.setattr(weights, "MOST_ANSWERS", 2)
    handlers = issuer()
    first, second, third = (b"/v1/weights.npy?shape=%d&scheme=zeros" % n for n in (1, 2, 3))
    for target in (first, second, first, third):
        handlers._answer("npy", target)
    assert len(handlers.answers) == 2
    assert handlers.answers.get(second) is None
    assert handlers.answers.get(first) is not None
    assert handlers.answers.get(third) is not None
