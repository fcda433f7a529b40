"""/v1/audit and /v1/audit.svg over a real socket."""

import hashlib
import json
import math
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from openapi_schema_validator import OAS31Validator

from service.api import admission
from service.api.pages import POLICY
from service.api.routes.audit import MOST_AUDITS
from service.audit.spec.expectation import RARELY
from service.audit.spec.of_spec import MOST_ELEMENTS, SpecAudit
from service.audit.spec.verdict import RESOLUTION, Bin, Comparison, Extreme, Statistics
from service.chunks import TensorBody
from tests.api.patterns import settled
from tests.application import Answer, ask, problem, ready
from tests.server import Address, until
from tests.server import ask as connected

PATH, PICTURE = "/v1/audit", "/v1/audit.svg"
QUERY = "shape=1001,1003&scheme=he_normal&seed=7&name=w"
LARGE = f"shape={MOST_ELEMENTS}&scheme=normal&dtype=float8_e5m2&seed="
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@dataclass
class Drawn:
    """Counts the chunks that were computed."""

    chunks: int = 0
    seconds: float = 0.0
    """A pause before each chunk."""


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    counted, filled = Drawn(), TensorBody._filled

    def counting(*args: Any, **options: Any) -> memoryview:
        counted.chunks += 1
        time.sleep(counted.seconds)
        return filled(*args, **options)

    monkeypatch.setattr(TensorBody, "_filled", counting)
    return counted


def audit(address: Address, query: str) -> dict[str, Any]:
    """The answer to a request that is served."""
    answer = ask(address, f"{PATH}?{query}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = json.loads(answer.body)
    return found


AUDITED = [
    QUERY,
    f"{QUERY}&order=F&slice=3:900,7:",
    "shape=3,3,64,50&layout=HWIO&scheme=glorot_uniform&seed=7&name=w",
    "shape=900,700&scheme=orthogonal&seed=7&name=w",
    "shape=300,200&scheme=sparse&std=1&sparsity=0.5&seed=7&layout=IO",
    "shape=256,256&scheme=dct",
    "shape=50&scheme=constant&value=-0.3",
    "shape=scalar&scheme=normal&seed=3",
]


@pytest.mark.parametrize("query", AUDITED)
def test_it_tells_what_the_bytes_are(address: Address, query: str) -> None:
    """Statistics, counts and digest are those of the file that `url` names."""
    found = audit(address, query)
    file = ask(address, found["url"])
    assert file.headers["etag"] == found["etag"]
    values = np.frombuffer(file.body, "<f4").astype(np.float64)
    assert found["verdict"] == "consistent"
    assert found["inconsistencies"] == []
    assert found["elements"] == values.size
    assert found["sha256"] == hashlib.sha256(file.body).hexdigest()
    realised = {name: each["realised"] for name, each in found["statistics"].items()}
    # NumPy rounds each of its sums, so these two are equal to a few units of the last place.
    assert realised["mean"] == pytest.approx(values.mean(), rel=1e-9, abs=1e-12)
    assert realised["std"] == pytest.approx(values.std(), rel=1e-9)
    assert realised["zeros"] == np.count_nonzero(values == 0) / values.size
    assert (realised["min"], realised["max"]) == (values.min(), values.max())
    below, *bins, above = found["histogram"]
    edges = [*(each["low"] for each in bins), bins[-1]["high"]]
    counts = [each["count"] for each in bins]
    assert counts == np.histogram(values, edges)[0].tolist()
    assert (below["low"], above["high"]) == (None, None)
    assert below["count"] == (values < edges[0]).sum()
    assert above["count"] == (values > edges[-1]).sum()


def test_the_digest_is_that_of_the_digests(address: Address) -> None:
    """A file of one block has the same digest there."""
    query = "shape=100,80&scheme=he_normal&seed=7"
    listed = json.loads(ask(address, f"/v1/weights.digests?{query}&format=raw").body)
    found = audit(address, query)
    assert listed["digests"] == [found["sha256"]]
    assert (listed["url"], listed["etag"]) == (found["url"], found["etag"])


def test_a_tensor_without_words_has_the_digest_of_its_definition(address: Address) -> None:
    """Both digests are in the answer. A random tensor has none to be equal to."""
    found = audit(address, "shape=64,64&scheme=identity&dtype=float8_e4m3fn")
    assert found["deterministic"]
    assert found["expected_sha256"] == found["sha256"]
    assert audit(address, QUERY)["expected_sha256"] is None


def test_an_empty_tensor(address: Address) -> None:
    """It has no statistics, and nothing about it is inconsistent."""
    found = audit(address, "shape=0,3&scheme=he_normal&seed=7")
    assert (found["elements"], found["verdict"], found["histogram"]) == (0, "consistent", [])
    assert found["sha256"] == hashlib.sha256().hexdigest()
    assert found["statistics"]["mean"]["realised"] is None


def headers_of(answer: Answer) -> dict[str, str]:
    """All but the date and the length, which HEAD does not know."""
    return {
        name: value
        for name, value in answer.headers.items()
        if name not in ("date", "content-length", "transfer-encoding")
    }


@pytest.mark.parametrize("path", [PATH, PICTURE])
@pytest.mark.parametrize("query", [QUERY, "shape=900,700&scheme=orthogonal&seed=8"])
def test_head_has_the_headers_of_get_and_computes_nothing(
    address: Address, drawn: Drawn, path: str, query: str
) -> None:
    """No value, for any size."""
    head = ask(address, f"{path}?{query}", "HEAD")
    assert (head.status, head.body, drawn.chunks) == (200, b"", 0)
    assert "content-length" not in head.headers
    get = ask(address, f"{path}?{query}")
    assert headers_of(head) == headers_of(get)
    assert head.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", [PATH, PICTURE])
def test_conditions_compute_nothing(address: Address, drawn: Drawn, path: str) -> None:
    """304 repeats the tag; 412 is a refusal."""
    target = f"{path}?shape=500,500&scheme=he_normal&seed=70{len(path)}"
    tag = ask(address, target, "HEAD").headers["etag"]
    for method in ("GET", "HEAD"):
        answer = ask(address, target, method, {"If-None-Match": tag})
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
        assert ask(address, target, method, {"If-Match": '"other"'}).status == 412
    assert drawn.chunks == 0
    assert ask(address, target, headers={"If-None-Match": '"other"'}).status == 200
    assert drawn.chunks > 0


def test_each_answer_has_a_tag_of_its_own(address: Address) -> None:
    """The picture, another seed and the values themselves have others; a spelling has not."""
    query = "shape=10,12&scheme=he_normal&seed=7"
    targets = [f"{PATH}?{query}", f"{PICTURE}?{query}", f"{PATH}?{query}0"]
    targets += [f"/v1/weights.raw?{query}", f"/v1/weights.json?{query}"]
    tags = [ask(address, target, "HEAD").headers["etag"] for target in targets]
    assert len(set(tags)) == len(tags)
    other = ask(address, f"{PATH}?seed=7&shape=10%2C12&scheme=he_normal", "HEAD")
    assert other.headers["etag"] == tags[0]


@pytest.mark.parametrize("path", [PATH, PICTURE])
def test_a_drawn_seed(address: Address, path: str) -> None:
    """Each answer has a seed of its own, which `url` names. Nobody may store it."""
    query = QUERY.replace("&seed=7", "")
    answers = [ask(address, f"{path}?{query}", headers={"If-None-Match": "*"}) for _ in range(2)]
    assert {each.status for each in answers} == {200}
    assert {each.headers["cache-control"] for each in answers} == {"no-store"}
    assert all("etag" not in each.headers for each in answers)
    assert answers[0].body != answers[1].body
    if path == PATH:
        first = json.loads(answers[0].body)
        assert first["sha256"] == hashlib.sha256(ask(address, first["url"]).body).hexdigest()


def test_the_json_and_the_picture_compute_the_values_once(address: Address, drawn: Drawn) -> None:
    """A page that shows both asks for both."""
    query = "shape=500,500&scheme=he_normal&seed=71"
    audit(address, query)
    chunks = drawn.chunks
    assert chunks > 0
    assert ask(address, f"{PICTURE}?{query}").status == 200
    assert drawn.chunks == chunks


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("", 400, "missing_field"),
        ("shape=8,4&scheme=he_norml", 400, "unknown_word"),
        ("shape=8&scheme=zeros&format=raw", 400, "unknown_field"),
        ("shape=8&scheme=zeros&slice=0:9", 422, "impossible_slice"),
        (f"shape={MOST_ELEMENTS + 1}&scheme=zeros", 422, "too_large"),
    ],
)
def test_refusals(address: Address, query: str, status: int, reason: str) -> None:
    """As of /v1/weights.raw, and its own for many elements. HEAD is refused as well."""
    for path in (PATH, PICTURE):
        refused = ask(address, f"{path}?{query}")
        assert (refused.status, problem(refused)["reason"]) == (status, reason)
        assert ask(address, f"{path}?{query}", "HEAD").status == status


def test_the_hint_for_a_large_tensor_works(address: Address) -> None:
    """A tensor of 4 TiB: the slice of the hint is audited."""
    query = "shape=1048576,1048576&scheme=he_normal&seed=7&name=w"
    (entry,) = problem(ask(address, f"{PATH}?{query}"))["errors"]
    assert entry["field"] == "slice"
    assert (
        ask(address, f"{PATH}?{query}&{entry['hint'].removeprefix('write ')}", "HEAD").status == 200
    )
    small = audit(address, f"{query}&slice=1048000:1048010,1048000:")
    assert (small["elements"], small["verdict"]) == (5760, "consistent")


def test_every_answer_of_the_picture_has_the_policy(address: Address) -> None:
    """Also 304, HEAD and each refusal, of whatever part of the server."""
    target = f"{PICTURE}?shape=12,12&scheme=he_normal"
    tag = ask(address, f"{target}&seed=7", "HEAD").headers["etag"]
    answers = [
        (200, ask(address, f"{target}&seed=7")),
        (200, ask(address, f"{target}&seed=7", "HEAD")),
        (200, ask(address, target)),
        (200, ask(address, target, "HEAD")),
        (304, ask(address, f"{target}&seed=7", headers={"If-None-Match": tag})),
        (304, ask(address, f"{target}&seed=7", "HEAD", {"If-None-Match": tag})),
        (400, ask(address, f"{target}&sede=7")),
        (400, ask(address, f"{target}&sede=7", "HEAD")),
        (405, ask(address, target, "POST")),
        (412, ask(address, f"{target}&seed=7", headers={"If-Match": '"other"'})),
        (414, ask(address, f"{target}&name={'n' * 70_000}")),
        (422, ask(address, f"{PICTURE}?shape={MOST_ELEMENTS + 1}&scheme=zeros")),
        (404, ask(address, f"{PICTURE}.gz")),
        (431, ask(address, target, headers={"X-Long": "x" * 70_000})),
    ]
    for status, answer in answers:
        assert (answer.status, answer.headers["content-security-policy"]) == (status, POLICY)


def test_the_picture(address: Address) -> None:
    """A bar for each bin with its count, one line for what is expected, and what they mean."""
    answer = ask(address, f"{PICTURE}?{QUERY}")
    headers = ("content-type", "content-security-policy", "x-content-type-options")
    assert [answer.headers[name] for name in headers] == [
        "image/svg+xml",
        "default-src 'none'; style-src 'unsafe-inline'",
        "nosniff",
    ]
    root = ElementTree.fromstring(answer.body)
    found = audit(address, QUERY)
    bins = found["histogram"][1:-1]
    titles = [bar.findtext(f"{SVG}title") or "" for bar in root.iter(f"{SVG}rect")]
    assert [int(text.split(": ")[1].split(",")[0]) for text in titles] == [
        each["count"] for each in bins
    ]
    assert len(root.findall(f"{SVG}polyline")) == 1
    assert root.findtext(f"{SVG}title") == "w: consistent"
    assert found["url"] in (root.findtext(f"{SVG}desc") or "")
    assert "prefers-color-scheme: dark" in (root.findtext(f"{SVG}style") or "")
    texts = [each.text or "" for each in root.iter(f"{SVG}text")]
    assert {"w", "Verdict: consistent", "values in a bin", "expected"} <= set(texts)
    assert "number of values" in texts
    width = bins[0]["high"] - bins[0]["low"]
    assert {"value", f"bins of width {width:.4g}"} <= set(texts)
    mean = found["statistics"]["mean"]
    assert f"mean {mean['realised']:.6g}, expected 0 ± {mean['standard_error']:.2g}" in texts


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        f"{QUERY}&dtype=float8_e4m3fn",
        f"shape=9,9&scheme=he_normal&seed=7&name={'W' * 400}",
        f"shape=9,9&scheme=he_normal&seed=7&name={'%E9%87%8D' * 150}",
        "shape=64,64&scheme=sparse&sparsity=0.9&seed=1",
        "shape=64,64&scheme=identity",
        "shape=64,64&scheme=zeros",
        "shape=64,64&scheme=normal&mean=1e308&std=1e305&dtype=float64&seed=1",
        "shape=64,64&scheme=normal&mean=1&std=1e-12&dtype=float64&seed=1",
        "shape=8192,8192&scheme=normal&std=1e-300&dtype=float64&seed=1&slice=0:3,0:9",
        "shape=4096,4096&scheme=constant&value=3",
        "shape=50&scheme=constant&value=-0.3",
        "shape=4,4&scheme=constant&value=-1.7e308&dtype=float64",
        "shape=4,4&scheme=uniform&low=1.6e308&high=1.7e308&dtype=float64&seed=1",
        "shape=scalar&scheme=normal&seed=3",
        "shape=0,3&scheme=he_normal&seed=7",
    ],
)
def test_the_picture_scales_and_keeps_its_text_inside(address: Address, query: str) -> None:
    """It has no fixed size. No text leaves it, and no two lines or labels share a place.

    A letter is at most 0.7 em wide here, a W 1.1 em, and one of another script as wide as the
    picture says (`textLength`).
    """
    root = ElementTree.fromstring(ask(address, f"{PICTURE}?{query}").body)
    assert (root.get("width"), root.get("height")) == ("100%", None)
    _, _, right, bottom = map(float, (root.get("viewBox") or "").split())
    boxes = [box_of(each) for each in root.iter(f"{SVG}text")]
    for x, y, width, height in boxes:
        assert x >= 0
        assert y >= 0
        assert x + width <= right
        assert y + height <= bottom
    for place, (x, y, width, height) in enumerate(boxes):
        for x2, y2, width2, height2 in boxes[:place]:
            apart = x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y
            assert apart, (query, boxes)


def shown(address: Address, query: str) -> tuple[ElementTree.Element, list[str]]:
    """The picture, and its texts without the URL."""
    root = ElementTree.fromstring(ask(address, f"{PICTURE}?{query}").body)
    texts = (each for each in root.iter(f"{SVG}text") if each.get("class") != "url")
    return root, [each.text or "" for each in texts]


def test_the_text_can_be_read_on_a_phone(address: Address) -> None:
    """Of 375 px in width: at least 9 px."""
    root, _ = shown(address, QUERY)
    width = float((root.get("viewBox") or "").split()[2])
    sizes = re.findall(r"font(?:-size)?: ([0-9]+)px", root.findtext(f"{SVG}style") or "")
    assert len(sizes) == 4
    assert min(map(int, sizes)) * 375 / width > 9


@pytest.mark.parametrize(
    ("query", "value", "place"),
    [
        ("scheme=zeros", "0", 0.5),
        ("scheme=ones", "1", 1.0),
        ("scheme=constant&value=-0.5", "-0.5", 0.0),
    ],
)
def test_one_value_is_a_narrow_bar(address: Address, query: str, value: str, place: float) -> None:
    """At the value, on an axis that has 0. A bin would look like a uniform distribution."""
    root, texts = shown(address, f"shape=64,64&{query}")
    assert f"all values are {value}" in texts
    (bar,) = root.iter(f"{SVG}rect")
    assert bar.findtext(f"{SVG}title") == f"{float(value)}: 4096, expected 4096"
    ends = next(
        each.get("d") or "" for each in root.iter(f"{SVG}path") if each.get("class") == "axis"
    )
    left, right = (float(text) for text in re.findall(r"[MH]([0-9.]+)", ends))
    x, width = (float(bar.get(name) or 0) for name in ("x", "width"))
    assert width < (right - left) / 20
    assert x + width / 2 == pytest.approx(left + place * (right - left), abs=0.1)
    assert value in texts


def test_one_drawn_value_has_its_expectation(address: Address) -> None:
    """All bins are shown, although all values are equal."""
    root, texts = shown(address, "shape=scalar&scheme=normal&seed=3")
    assert len(list(root.iter(f"{SVG}rect"))) > 1
    assert any(text.startswith("it is ") for text in texts)


@pytest.mark.parametrize(
    ("query", "share"), [("scheme=sparse&sparsity=0.9&seed=1", "90.6"), ("scheme=identity", "98.4")]
)
def test_a_bar_that_hides_all_others_is_cut(address: Address, query: str, share: str) -> None:
    """It has a mark, and words tell its number and the share of zeros. The next one is high."""
    root, texts = shown(address, f"shape=64,64&{query}")
    found = audit(address, f"shape=64,64&{query}")
    bins = found["histogram"][1:-1]
    *_, second, first = sorted(bins, key=lambda each: max(each["count"], each["expected"]))
    told = f"the bar at {first['low']:.4g} to {first['high']:.4g} is cut: {first['count']:,} values"
    assert told in texts
    assert f"{share} % of the values are 0, expected {share} %" in texts
    assert [each.get("class") for each in root.iter(f"{SVG}path")].count("gap") == 1
    heights = [float(bar.get("height") or 0) for bar in root.iter(f"{SVG}rect")]
    *_, next_one, highest = sorted(heights)
    assert highest / 2 < next_one < highest
    assert next_one == heights[bins.index(second)]


def test_no_bar_of_a_normal_is_cut(address: Address) -> None:
    """Nor does the text tell of one, and no text is stretched."""
    root, texts = shown(address, QUERY)
    assert not any(each.get("textLength") for each in root.iter(f"{SVG}text"))
    assert not any("is cut" in text for text in texts)
    assert [each.get("class") for each in root.iter(f"{SVG}path")].count("gap") == 0


def box_of(text: ElementTree.Element) -> tuple[float, float, float, float]:
    """About the most room that a text takes: x, y, width and height."""
    class_ = (text.get("class") or "").partition(" ")[0]
    size = {"title": 18, "verdict": 15, "url": 12}.get(class_, 14)
    each = 0.62 if class_ == "url" else 0.7
    shown = text.text or ""
    width = size * sum(1.1 if letter == "W" and each == 0.7 else each for letter in shown)
    width = float(text.get("textLength") or width)
    x, y = float(text.get("x") or 0), float(text.get("y") or 0)
    if text.get("transform"):
        return x - 0.8 * size, y - width / 2, size, width
    x -= {"middle": width / 2, "end": width}.get(text.get("text-anchor") or "", 0.0)
    return x, y - 0.8 * size, width, size


@pytest.mark.parametrize(
    "name", ["%3Cscript%3Ealert(1)%3C/script%3E", "%22%3E%3Csvg/onload=x%3E", "%26amp;%00%01"]
)
def test_names_are_text_in_the_picture(address: Address, name: str) -> None:
    """No element and no attribute comes from a name."""
    answer = ask(address, f"{PICTURE}?shape=9,9&scheme=he_normal&seed=7&name={name}")
    if answer.status != 200:
        # A name with control characters may be refused, but only for that.
        assert (answer.status, "%00" in name) == (400, True)
        return
    root = ElementTree.fromstring(answer.body)
    known = {"svg", "title", "desc", "style", "text", "rect", "polyline", "path"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= known
    assert not any("on" in attribute[:2] for each in root.iter() for attribute in each.attrib)
    assert b"<script" not in answer.body


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("%E2%80%AEtensor", "[U+202E]tensor"),
        ("%EF%BF%BE", "[U+FFFE]"),
        ("%EF%BF%BF", "[U+FFFF]"),
        ("a%20b", "a b"),
    ],
)
def test_characters_that_cannot_be_seen_are_shown(address: Address, name: str, shown: str) -> None:
    """An override of the direction would exchange the letters of the heading."""
    body = ask(address, f"{PICTURE}?shape=9,9&scheme=he_normal&seed=7&name={name}").body
    root = ElementTree.fromstring(body)
    assert root.findtext(f"{SVG}title") == f"{shown}: consistent"
    assert shown in [each.text for each in root.iter(f"{SVG}text")]
    assert "\u202e" not in body.decode()


def test_the_document_describes_both(address: Address) -> None:
    """Fields, statuses and the schema of the answer, whose members are all there and no others."""
    document = json.loads(ask(address, "/openapi.json").body)
    for path in (PATH, PICTURE):
        get, head = (document["paths"][path][method] for method in ("get", "head"))
        assert {"304", "400", "412", "422", "503"} <= get["responses"].keys()
        for name in ("shape", "scheme", "seed", "slice", "If-None-Match"):
            assert {"$ref": f"#/components/parameters/{name}"} in get["parameters"]
        assert get["parameters"] == head["parameters"]
    schema = document["paths"][PATH]["get"]["responses"]["200"]["content"]["application/json"]
    checked = OAS31Validator({**schema["schema"], "components": document["components"]})
    for query in (QUERY, "shape=8,8&scheme=identity", "shape=0,3&scheme=he_normal&seed=7"):
        found = audit(address, query)
        checked.validate(found)
        assert not checked.is_valid(found | {"verdict": "fine"})
        properties = document["components"]["schemas"]["SpecAudit"]["properties"]
        assert set(found) == set(properties)


# Places, and threads.


@pytest.mark.parametrize("path", [PATH, PICTURE])
def test_a_client_who_leaves_ends_the_computing(address: Address, drawn: Drawn, path: str) -> None:
    """After the chunk that was begun; of 64 few are computed."""
    drawn.seconds = 0.02
    with connected(address, f"{path}?{LARGE}1"):
        assert until(lambda: drawn.chunks > 0)
    time.sleep(0.5)
    assert settled(lambda: drawn.chunks) < 32


def test_so_many_audits_at_once(address: Address, drawn: Drawn) -> None:
    """One more is refused with Retry-After. HEAD is answered, and all others are served meanwhile.

    When the clients have left, an audit is served again.
    """
    drawn.seconds = 0.05
    clients = [connected(address, f"{PATH}?{LARGE}{seed}") for seed in range(2, 2 + MOST_AUDITS)]
    try:
        assert until(lambda: drawn.chunks >= MOST_AUDITS, seconds=10)
        time.sleep(0.3)
        for path in (PATH, PICTURE):
            refused = ask(address, f"{path}?{QUERY.replace('seed=7', 'seed=72')}")
            assert (refused.status, problem(refused)["reason"]) == (503, "too_busy")
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.headers["content-security-policy"] == POLICY
        assert ask(address, f"{PATH}?{QUERY}", "HEAD").status == 200
        begun = time.monotonic()
        assert ask(address, "/livez").status == 200
        assert ask(address, "/v1/weights.raw?shape=9&scheme=normal&seed=1").status == 200
        assert time.monotonic() - begun < 1.0
    finally:
        for client in clients:
            client.close()
    drawn.seconds = 0.0
    target = f"{PATH}?{QUERY.replace('seed=7', 'seed=73')}"
    assert until(lambda: ask(address, target).status == 200, seconds=10)


def test_several_audits_at_once_are_right(address: Address) -> None:
    """Each counts its own values."""
    queries = [QUERY.replace("seed=7", f"seed={seed}") for seed in range(80, 80 + MOST_AUDITS)]
    with ThreadPoolExecutor(MOST_AUDITS) as pool:
        found = list(pool.map(lambda query: audit(address, query), queries))
    for each in found:
        assert each["sha256"] == hashlib.sha256(ask(address, each["url"]).body).hexdigest()
        assert each["elements"] == 1001 * 1003


def test_matrices_in_audits_and_in_files_share_one_limit(
    address: Address, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory for a matrix of 240,000 bytes, and not for two. Other audits are answered."""
    monkeypatch.setattr(admission, "MATRIX_BYTES", 400_000)
    drawn.seconds = 3.0
    matrix = "shape=300,200&scheme=orthogonal&seed="
    with ThreadPoolExecutor(3) as pool:
        held = pool.submit(ask, address, f"{PATH}?{matrix}91")
        assert until(lambda: drawn.chunks > 0)
        drawn.seconds = 0.0
        targets = (f"{PATH}?{matrix}92", f"/v1/weights.raw?{matrix}92")
        for refused in pool.map(lambda target: ask(address, target), targets):
            assert (refused.status, problem(refused)["reason"]) == (503, "too_busy")
            assert "memory" in problem(refused)["detail"]
        assert ask(address, f"{PATH}?{QUERY.replace('seed=7', 'seed=93')}").status == 200
        assert held.result(20).status == 200
    assert ask(address, f"{PATH}?{matrix}92").status == 200


def test_it_takes_the_place_of_a_stream() -> None:
    """With all places taken, 503 tells when to come back."""
    with ready(max_streams=1) as address:
        with connected(address, "/v1/weights.raw?shape=999999999&scheme=zeros"):
            time.sleep(0.3)
            refused = ask(address, f"{PATH}?{QUERY}")
            assert (refused.status, problem(refused)["reason"]) == (503, "too_busy")
        assert until(lambda: ask(address, f"{PATH}?{QUERY}").status == 200, seconds=10)


def test_the_page_has_every_member_and_limit() -> None:
    """docs/audit.md, beside the code."""
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    members = [
        *SpecAudit.__dataclass_fields__,
        *Comparison.__dataclass_fields__,
        *Extreme.__dataclass_fields__,
        *Statistics.__dataclass_fields__,
        *Bin.__dataclass_fields__,
    ]
    assert [name for name in members if f"`{name}`" not in page] == []
    assert MOST_ELEMENTS == 2**26
    assert "at most 2^26 elements" in page
    assert MOST_AUDITS == 4
    assert "four audits at a time" in page
    assert RESOLUTION == 1e-6
    assert round(math.sqrt(2 * RARELY), 1) == 6.6
