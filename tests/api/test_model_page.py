"""/models/{token}: the page has the facts of the listing, is safe, and is bounded."""

import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import product
from typing import Any

import pytest

from service.models.depth_curves import MOST_CURVES
from service.models.depth_plot import COLOURS
from service.models.page import MOST_FILES, MOST_ROW_BYTES, MOST_ROWS
from tests.application import Answer, ask, problem, ready
from tests.server import Address

JSON = {"Content-Type": "application/json"}
LISTED: dict[str, Any] = {
    "seed": 7,
    "tensors": [
        {"name": "wte", "shape": [50, 40], "scheme": "normal", "std": 0.02},
        {"name": "h.{0..5}.fc.weight", "shape": [30, 40], "scheme": "he_normal", "layer": "dense"},
        {"name": "h.{0..5}.fc.bias", "shape": [30], "scheme": "zeros", "layer": "bias"},
        {"name": "h.{6..7}.fc.weight", "shape": [30, 80], "scheme": "he_normal", "layer": "dense"},
        {"name": "count", "shape": [], "scheme": "zeros", "dtype": "int64"},
    ],
}
GPT2 = {"architecture": "GPT2LMHeadModel", "size": "tiny", "seed": 42}
RESNET = {"architecture": "ResNetForImageClassification", "size": "tiny", "seed": 1}
MODULES = {
    "architecture": "ViTForImageClassification",
    "size": "tiny",
    "seed": 1,
    "names": "module",
}
DEEPSEEK = {"architecture": "DeepseekV3ForCausalLM", "size": "tiny", "seed": 1}
MODELS = {
    "listed": LISTED,
    "gpt2": GPT2,
    "resnet": RESNET,
    "modules": MODULES,
    "deepseek": DEEPSEEK,
}
HOSTILE = (
    "<script>alert(1)</script>",
    "</code></th></table><img src=x onerror=alert(1)>",
    '"><b>&amp;&lt;',
    "right\u202eto\u200fleft\u2066",
    "]]><!-- -->",
    "\u05d0\u05d1.weight",
    "x" * 512,
    "\ufffe\ue000",
)
VOID = frozenset(("meta",))
FACTS = ("fan_in", "fan_out", "gain", "mean", "std")


@dataclass
class Node:
    """An element of a page."""

    tag: str
    attributes: dict[str, str]
    children: "list[Node | str]" = field(default_factory=list)

    def text(self) -> str:
        return "".join(each if isinstance(each, str) else each.text() for each in self.children)

    def all(self, tag: str, **attributes: str) -> "Iterator[Node]":
        """The elements within with this tag and these attributes."""
        for each in self.children:
            if isinstance(each, Node):
                wanted = {name.rstrip("_"): value for name, value in attributes.items()}
                if each.tag == tag and wanted.items() <= each.attributes.items():
                    yield each
                yield from each.all(tag, **attributes)

    def one(self, tag: str, **attributes: str) -> "Node":
        [found] = self.all(tag, **attributes)
        return found


class Page(HTMLParser):
    """Reads a page in which every element is closed in its turn; fails on any other."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Node("", {})
        self.open = [self.root]
        self.feed(text)
        self.close()
        assert self.open == [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        assert len(node.attributes) == len(attrs)
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def posted(address: Address, manifest: dict[str, Any]) -> dict[str, Any]:
    answer = ask(address, "/v1/models", "POST", JSON, json.dumps(manifest).encode())
    assert answer.status == 200, answer.body
    told: dict[str, Any] = json.loads(answer.body)
    return told


def fetched(address: Address, manifest: dict[str, Any]) -> Answer:
    answer = ask(address, posted(address, manifest)["page"])
    assert answer.status == 200, answer.body
    return answer


def page(address: Address, manifest: dict[str, Any]) -> Node:
    return Page(fetched(address, manifest).body.decode()).root


def listing(address: Address, manifest: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(ask(address, posted(address, manifest)["url"]).body)
    return told


def names_of(text: str) -> list[str]:
    """The names that a row stands for, from its ranges."""
    parts = re.split(r"\{([0-9.,]+)\}", text)
    places = [[number for run in part.split(",") for number in run_of(run)] for part in parts[1::2]]
    return [
        "".join(text + number for text, number in zip(parts[::2], (*numbers, ""), strict=True))
        for numbers in product(*places)
    ]


def run_of(text: str) -> list[str]:
    first, _, last = text.partition("..")
    return [str(number) for number in range(int(first), int(last or first) + 1)]


def cells(row: Node) -> dict[str, Any]:
    """The cells of a row by their headings. A number is that of <data>."""
    headings = ("tensors", "shape", "dtype", "scheme", "distribution", *FACTS, "bytes", "own")
    told: dict[str, Any] = {"name": row.one("th").text()}
    for heading, cell in zip(headings, row.all("td"), strict=True):
        values = [float(each.attributes["value"]) for each in cell.all("data")]
        told[heading] = values[0] if values else cell.text() or None
        if values:
            assert float(cell.text()) == pytest.approx(values[0], rel=5e-4)
        if heading == "own":
            told["url"] = next((each.attributes["href"] for each in cell.all("a")), None)
    return told


def rows(root: Node) -> list[dict[str, Any]]:
    return [cells(row) for row in root.one("table").one("tbody").all("tr")]


@pytest.mark.parametrize("model", MODELS)
def test_the_table_has_the_facts_of_the_listing(address: Address, model: str) -> None:
    """Each tensor is in one row, whose facts are its own."""
    told = {each["name"]: each for each in listing(address, MODELS[model])["tensors"]}
    seen = list[str]()
    for row in rows(page(address, MODELS[model])):
        names = names_of(row["name"])
        assert row["tensors"] == str(len(names))
        seen += names
        for name in names:
            tensor = told[name]
            shape = " × ".join(map(str, tensor["shape"])) or "scalar"
            assert (row["shape"], row["dtype"]) == (shape, tensor["dtype"])
            assert row["bytes"] == f"{tensor['to'] - tensor['from']:,}"
            for fact in ("scheme", "distribution", *FACTS):
                assert row[fact] == tensor[fact], (name, fact)
        first = told[names[0]]
        own = first["url"] or first.get("joined", [{"url": None}])[0]["url"]
        assert row["url"] == own
        assert ("parts" in row["own"]) == ("joined" in first)
    assert sorted(seen) == sorted(told)


def test_equal_facts_share_a_row(address: Address) -> None:
    names = [row["name"] for row in rows(page(address, LISTED))]
    expected = ["wte", "h.{0..5}.fc.weight", "h.{0..5}.fc.bias", "h.{6..7}.fc.weight", "count"]
    assert names == expected
    assert rows(page(address, LISTED))[-1]["own"] == "only in the file"


def curves(root: Node) -> list[tuple[set[str], list[tuple[int, float]]]]:
    """The patterns of each curve, from the legend, and its points."""
    figure = root.one("figure")
    picture = figure.one("svg", role="img")
    legend = figure.one("ul").all("li")
    groups = picture.all("g")
    found = []
    for entry, group in zip(legend, groups, strict=True):
        patterns = {each.text() for each in entry.all("code")}
        key = entry.one("svg").one("g").attributes["class"]
        assert group.attributes["class"] == key
        titles = [each.text().split(": ") for each in group.all("title")]
        found.append((patterns, [(int(depth), float(std)) for depth, std in titles]))
    return found


@pytest.mark.parametrize("model", ["listed", "gpt2", "deepseek"])
def test_the_points_of_the_plot_are_the_stds(address: Address, model: str) -> None:
    """Names without a number are one step before the first layer, or after the last."""
    expected: dict[str, set[tuple[int, float]]] = {}
    tensors = [each for each in listing(address, MODELS[model])["tensors"] if each["std"]]
    numbers = [number(each["name"]) for each in tensors]
    known = [each for each in numbers if each is not None]
    outside = min(known) - 1
    for each, depth in zip(tensors, numbers, strict=True):
        outside = outside if depth is None else max(known) + 1
        pattern = re.sub(r"(?<=\.)[0-9]+(?=\.)", "*", each["name"])
        place = outside if depth is None else depth
        expected.setdefault(pattern, set()).add((place, each["std"]))
    found = {
        name: set(points)
        for names, points in curves(page(address, MODELS[model]))
        for name in names
    }
    assert found == expected
    assert len(expected) > 1


def number(name: str) -> int | None:
    found = re.search(r"\.([0-9]+)\.", name)
    return None if found is None else int(found[1])


def test_the_places_of_the_points_are_linear_in_depth_and_in_the_logarithm_of_std(
    address: Address,
) -> None:
    """Within the rounding of places to 0.1."""
    picture = page(address, GPT2).one("svg", role="img")
    points = []
    for mark in picture.all("path", class_="point"):
        depth, std = mark.one("title").text().split(": ")
        x, y = map(float, re.findall(r"[0-9.]+", mark.attributes["transform"]))
        points.append((int(depth), math.log10(float(std)), x, y))
    for place, value in ((2, 0), (3, 1)):
        low = min(points, key=lambda point: point[value])
        high = max(points, key=lambda point: point[value])
        slope = (high[place] - low[place]) / (high[value] - low[value])
        assert (slope > 0) == (place == 2)
        for point in points:
            at = low[place] + slope * (point[value] - low[value])
            assert point[place] == pytest.approx(at, abs=0.11)


def test_a_model_without_numbers_is_drawn_in_its_order(address: Address) -> None:
    tensors = [
        {"name": name, "shape": [9, 9], "scheme": "normal", "std": std}
        for name, std in (("b", 0.5), ("a", 0.25), ("c", 2.0))
    ]
    [(_, points)] = curves(page(address, {"seed": 1, "tensors": tensors}))
    assert points == [(0, 0.5), (1, 0.25), (2, 2.0)]


def test_a_number_that_counts_nothing_is_no_depth(address: Address) -> None:
    """1 in classifier.1.weight of ResNet: it is drawn after the stages."""
    found = curves(page(address, RESNET))
    [classifier] = [points for names, points in found if "classifier.*.weight" in names]
    stages = [
        depth
        for names, points in found
        for depth, _ in points
        if "classifier.*.weight" not in names
    ]
    assert classifier[0][0] == max(stages) + 1


def test_a_model_of_constants_has_no_picture(address: Address) -> None:
    root = page(address, {"seed": 1, "tensors": [{"name": "a", "shape": [3], "scheme": "ones"}]})
    assert not list(root.all("figure"))
    assert "1 tensor is left out because the std is 0." in root.text()


def test_names_are_text_whatever_they_hold(address: Address) -> None:
    """Characters without a shape, and those that turn the text, are shown by their number."""
    tensors = [
        {"name": name, "shape": [4, 4], "scheme": "normal", "std": 1 + place}
        for place, name in enumerate(HOSTILE)
    ]
    manifest = {"seed": 1, "tensors": tensors, "rules": [{"match": "<i>no*", "scheme": "ones"}]}
    root = page(address, manifest)
    shown = [row["name"] for row in rows(root)]
    assert shown[:3] == list(HOSTILE[:3])
    assert shown[3] == "right[U+202E]to[U+200F]left[U+2066]"
    assert shown[4:7] == list(HOSTILE[4:7])
    assert shown[7] == "[U+FFFE][U+E000]"
    assert not [*root.all("script"), *root.all("img"), *root.all("b"), *root.all("i")]
    assert "no name matches <i>no*" in root.text()
    told = listing(address, manifest)["tensors"]
    assert [row["url"] for row in rows(root)] == [each["url"] for each in told]


def alternating(even: str) -> list[dict[str, Any]]:
    """Rules that give even numbers another std, so that no two neighbours share a row."""
    return [
        {"match": even, "scheme": "normal", "std": 2},
        {"match": "*", "scheme": "normal", "std": 1},
    ]


def test_200_000_tensors_are_bounded_in_time_and_size(address: Address) -> None:
    """Every other tensor has another std, so there would be 16,668 rows without a limit.

    The page takes about 3 s on a busy machine. The limits of time are for much slower ones.
    """
    manifest = {
        "seed": 1,
        "tensors": [{"name": "a.{0..199999}.w", "shape": [2, 2]}],
        "rules": alternating("*[02468].w"),
    }
    path = posted(address, manifest)["page"]
    began = time.monotonic()
    answer = ask(address, path)
    assert time.monotonic() - began < 20
    assert len(answer.body) < 4 << 20
    root = Page(answer.body.decode()).root
    shown = rows(root)
    assert len(shown) == MOST_ROWS
    left = 200_000 - sum(int(row["tensors"].replace(",", "")) for row in shown)
    assert f"It leaves out {left:,} tensors." in root.text()
    assert f"first {MOST_ROWS:,} rows" in root.text()
    assert sum(len(points) for _, points in curves(root)) <= 400
    began = time.monotonic()
    assert ask(address, path, "HEAD").headers["etag"] == answer.headers["etag"]
    assert time.monotonic() - began < 5


def test_long_names_are_bounded(address: Address) -> None:
    """30,000 names of 486 bytes. The table ends before it has as many rows as it may."""
    manifest = {
        "seed": 1,
        "tensors": [{"name": f"{'x' * 480}.{{0..29999}}", "shape": [2, 2]}],
        "rules": alternating("*[02468]"),
    }
    answer = fetched(address, manifest)
    shown = rows(Page(answer.body.decode()).root)
    assert 100 < len(shown) < MOST_ROWS
    assert len(answer.body) < 3 * MOST_ROW_BYTES


def test_curves_are_bounded(address: Address) -> None:
    tensors = [
        {"name": f"w{'x' * place}", "shape": [3, 3], "scheme": "normal", "std": 1 + place}
        for place in range(MOST_CURVES + 2)
    ]
    tensors.append({"name": "h.{0..1}.w", "shape": [3, 3], "scheme": "normal", "std": 1})
    root = page(address, {"seed": 1, "tensors": tensors})
    assert len(curves(root)) == MOST_CURVES
    assert "3 curves with fewer points are not drawn." in root.text()


def test_the_files_and_how_to_fetch_them(address: Address) -> None:
    told = posted(address, LISTED)
    root = page(address, LISTED)
    links = [each.attributes["href"] for each in root.all("a")]
    assert {each["url"] for each in told["files"]} <= set(links)
    assert told["url"] in links
    curl, shell = (each.text() for each in root.all("pre"))
    assert curl == f'curl --fail --remote-name "$FANIN{told["url"]}/model.safetensors"'
    assert shell == f"python -m service model {told['token']} -o model"
    assert {ask(address, link, "HEAD").status for link in links} == {200}


def test_of_many_files_the_first_are_listed(address: Address) -> None:
    """curl expands [00001-00018]."""
    manifest = LISTED | {"max_shard_size": 1}
    told = posted(address, manifest)
    root = page(address, manifest)
    count = len(told["files"])
    links = [each.attributes["href"] for each in root.all("a")]
    assert [each["url"] for each in told["files"] if each["url"] in links] == [
        each["url"] for each in told["files"][:MOST_FILES]
    ]
    assert f"{count - MOST_FILES} more are listed in model.safetensors.index.json" in root.text()
    assert f"/model-[00001-{count:05d}]-of-{count:05d}.safetensors" in next(root.all("pre")).text()


def test_what_the_page_says_about_the_model(address: Address) -> None:
    manifest = GPT2 | {"config": {"new_key": 0.2, "other_key": True}}
    told = posted(address, manifest)
    root = page(address, manifest)
    terms = [each.text() for each in root.all("dt")]
    facts = dict(zip(terms, (each.text() for each in root.all("dd")), strict=True))
    assert root.one("h1").text() == "GPT2LMHeadModel, seed 42"
    assert facts["dtype"] == "float32"
    assert facts["recipe"] == "GPT-2, edition 1"
    assert facts["parameters"] == f"{told['parameters']:,}"
    assert facts["bytes"].startswith(f"{told['bytes']:,} ")
    assert facts["tensors"] == str(told["tensor_count"])
    assert facts["status"].startswith("draft")
    assert "lm_head.weight is transformer.wte.weight" in root.text()
    assert told["ignored_config"] == ["new_key", "other_key"]
    codes = {each.text() for each in root.all("code")}
    assert set(told["ignored_config"]) <= codes


def test_warnings_are_there(address: Address) -> None:
    manifest = LISTED | {"rules": [{"match": "none*", "scheme": "ones"}]}
    told = posted(address, manifest)
    text = page(address, manifest).text()
    assert told["warnings"]
    for warning in told["warnings"]:
        assert f"{warning['code']}: {warning['message']}" in text


def test_the_page_is_for_screen_readers_and_keyboards(address: Address) -> None:
    root = page(address, GPT2)
    assert root.one("html").attributes["lang"] == "en"
    ids = [
        each.attributes["id"]
        for tag in ("h2", "title", "desc")
        for each in root.all(tag)
        if "id" in each.attributes
    ]
    assert len(ids) == len(set(ids))
    picture = root.one("svg", role="img")
    labels = picture.attributes["aria-labelledby"].split()
    assert labels == ["plot-title", "plot-desc"]
    assert set(labels) <= set(ids)
    region = root.one("div", role="region")
    assert region.attributes["tabindex"] == "0"
    assert region.attributes["aria-labelledby"] in ids
    table = root.one("table")
    assert {each.attributes["scope"] for each in table.one("thead").all("th")} == {"col"}
    assert {each.attributes["scope"] for each in table.one("tbody").all("th")} == {"row"}
    assert len(list(table.one("thead").all("th"))) == 13
    assert "width=device-width" in json.dumps([each.attributes for each in root.all("meta")])


def test_the_page_runs_nothing_and_fetches_nothing(address: Address) -> None:
    answer = fetched(address, GPT2)
    text = answer.body.decode()
    assert (
        answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    )
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script|<link|<img|src=|url\(|@import| on\w+=|javascript:|//", text)
    assert "overflow-wrap:anywhere" in text
    assert "prefers-color-scheme:dark" in text.replace(" ", "")


def test_head_and_tags(address: Address) -> None:
    path = posted(address, GPT2)["page"]
    get, head = ask(address, path), ask(address, path, "HEAD")
    assert head.body == b""
    assert get.headers["cache-control"] == "no-cache"
    told = [{k: v for k, v in each.headers.items() if k != "date"} for each in (get, head)]
    assert told[0] == told[1]
    tag = get.headers["etag"]
    assert ask(address, path, headers={"If-None-Match": tag}).status == 304
    assert ask(address, path, headers={"If-None-Match": '"other"'}).status == 200
    assert ask(address, path, headers={"If-Match": '"other"'}).status == 412
    other = fetched(address, GPT2 | {"seed": 43})
    assert other.headers["etag"] != tag
    assert ask(address, path + "?a=1").status == 400
    assert ask(address, path, "POST", JSON, b"{}").status == 405


def test_a_damaged_token_is_refused_as_elsewhere(address: Address) -> None:
    told = posted(address, GPT2)
    damaged = told["token"][:-3]
    for path in (f"/models/{damaged}", f"/v1/models/{damaged}"):
        assert problem(ask(address, path))["reason"] == "malformed_token"


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(("ground", "behind"), [("light", "#ffffff"), ("dark", "#14181d")])
def test_curves_stand_out_from_the_ground(ground: str, behind: str) -> None:
    """3 : 1, which WCAG 2.2 asks of graphics (1.4.11)."""
    for colour in COLOURS[ground]:
        light, dark = sorted((luminance(colour), luminance(behind)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3
