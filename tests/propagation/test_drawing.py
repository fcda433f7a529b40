"""The picture: well-formed, escaped, without script, and it shows what the answer has."""

from xml.etree import ElementTree

import pytest

from service.propagation import parse_stack_query, title_of
from service.propagation.drawing import svg
from tests.propagation.asking import network, stack

NAMESPACE = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "desc", "style", "text", "tspan", "g", "path", "circle"}

HOSTILE = [
    "<script>alert(1)</script>",
    '"><image href="x" onerror="alert(1)"/>',
    "]]>&amp;&lt;&#x3c;script&#x3e;",
    "</text></svg><svg onload=alert(1)>",
    "\ud800 \ufffe\x00\x1b[31m \u202e",
    "x" * 10_000,
]


def drawn(content: bytes) -> ElementTree.Element:
    """The root element of a picture."""
    return ElementTree.fromstring(content)


def classes(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """The elements of a class."""
    return [element for element in root.iter() if element.get("class") == name]


@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_is_text_whatever_it_is(title: str) -> None:
    """No element and no attribute comes from it, and it is well-formed UTF-8."""
    content = svg(stack("width=64&depth=5&activation=relu"), title)
    root = drawn(content)
    names = {element.tag.removeprefix(NAMESPACE) for element in root.iter()}
    assert names <= ELEMENTS
    plain = drawn(svg(stack("width=64&depth=5&activation=relu"), "a title"))
    assert [(e.tag, sorted(e.attrib)) for e in root.iter()] == [
        (e.tag, sorted(e.attrib)) for e in plain.iter()
    ]
    assert b"<script" not in content
    assert len(content) < 20_000


def test_it_shows_what_the_answer_has() -> None:
    """Two panels with a line and a band each, and a dot for each layer and panel."""
    root = drawn(svg(stack("width=64&depth=12&activation=tanh&simulate=true"), "tanh"))
    assert len(classes(root, "theory")) == len(classes(root, "band")) == 2
    assert len(classes(root, "median")) == 2
    assert len(classes(root, "dot")) == 24
    texts = [element.text or "" for element in root.iter(f"{NAMESPACE}text")]
    assert texts[0] == "tanh"
    assert "Variance of the signal after each layer" in texts
    assert "Squared norm of the gradient, relative to the last layer" in texts
    assert any("4 simulated networks" in text for text in texts)
    assert "layer" in texts
    assert drawn(svg(stack("width=64&depth=12&activation=tanh"), "tanh")).get("role") == "img"


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("width=64&depth=5&activation=relu", "5 layers of 64x64, relu"),
        ("width=64&depth=5&name=my%20net", "my net: 5 layers of 64x64, linear"),
        (
            "width=64&depth=5&activation=relu&scheme=he_normal&normalization=rms",
            "5 layers of 64x64, relu, he_normal, rms normalization",
        ),
        ("width=512&depth=50&activation=tanh", "50 layers of 512x512, tanh"),
        (
            "width=64&depth=5&activation=relu&residual=none&normalization=none&position=hidden",
            "5 layers of 64x64, relu",
        ),
        (
            "width=64&depth=5&activation=gelu&residual=pre_norm&normalization=layer",
            "10 layers of 64x64, gelu, layer normalization, pre_norm",
        ),
    ],
)
def test_the_title_says_what_the_network_is(query: str, title: str) -> None:
    """The fields that are given, and no others."""
    assert title_of(parse_stack_query(query.encode())) == title


def test_without_a_simulation_there_are_no_dots() -> None:
    """And the legend says nothing of them."""
    content = svg(stack("width=64&depth=12&activation=tanh"), "tanh")
    assert classes(drawn(content), "dot") == []
    assert b"simulated" not in content


def test_everything_is_inside() -> None:
    """Also a curve over 300 decades, and one that overflows: no coordinate leaves the picture."""
    for query in ("gain=30", "gain=0.01", "gain=1e18", "scheme=zeros"):
        root = drawn(svg(stack(f"width=64&depth=100&activation=relu_squared&{query}"), query))
        width, height = float(root.get("width", 0)), float(root.get("height", 0))
        for text in root.iter(f"{NAMESPACE}text"):
            assert 0 <= float(text.get("x", -1)) <= width
            assert 0 <= float(text.get("y", -1)) <= height
        assert len(list(root.iter(f"{NAMESPACE}text"))) < 40


@pytest.mark.parametrize(
    "query",
    [
        "activation=gelu&simulate=true",
        "activation=tanh&gain=1.6666667&simulate=true",
        "activation=relu&gain=2",
        "activation=relu&gain=2&normalization=batch",
    ],
)
def test_no_line_of_text_is_too_long(query: str) -> None:
    """At 13 px, 95 characters of 7 px fit between the left edge of the panels and the right one.

    The whole summary is there, and no line ends in an ellipsis.
    """
    answer = stack(f"width=256&depth=50&{query}")
    texts = [each.text or "" for each in drawn(svg(answer, "x")).iter(f"{NAMESPACE}text")]
    assert max(map(len, texts)) <= 95
    assert answer.summary in " ".join(texts)
    assert not any("…" in text for text in texts)


def test_the_bounds_of_the_verdict_are_drawn_where_the_axis_has_them() -> None:
    """Dashed lines at 1,000 and 1/1,000, and a word in the legend, if they are in the picture."""
    for query, lines in (("gain=2", 2), ("gain=1", 2), ("scheme=he_normal", 0)):
        content = svg(stack(f"width=1024&depth=40&activation=relu&{query}"), "x")
        assert len(classes(drawn(content), "bound")) == lines, query
        assert (b"dashed: bound" in content) == (lines > 0)


def test_the_entries_of_the_legend_stand_apart() -> None:
    """Each is a piece of its own with a gap before it: spaces alone would be drawn as one."""
    root = drawn(svg(stack("width=1024&depth=40&activation=relu&gain=2"), "x"))
    entries = list(root.iter(f"{NAMESPACE}tspan"))
    assert [(each.text or "").split(":")[0] for each in entries] == [
        "line",
        "dotted",
        "band",
        "dashed",
    ]
    assert all(float(each.get("dx", 0)) >= 16 for each in entries[1:])


def test_a_band_that_stops_says_so() -> None:
    """The closed form tells no band of a logarithm of std above 5."""
    note = b"no band where a draw may have any size"
    assert note in svg(stack("width=4&depth=100&activation=relu"), "x")
    assert note not in svg(stack("width=512&depth=100&activation=relu"), "x")


def test_a_residual_network_shows_its_stream() -> None:
    """One point for each block, in both panels: the gradient within a branch is another one."""
    root = drawn(
        svg(stack("width=64&depth=9&activation=relu&residual=pre_norm&normalization=layer"), "x")
    )
    for curve in classes(root, "theory"):
        assert curve.get("d", "").count("L") == 9 - 1
    heights = [
        float(point.split()[1]) for point in classes(root, "theory")[1].get("d", "")[1:].split("L")
    ]
    assert heights == sorted(heights)


def test_both_colour_schemes_are_styled() -> None:
    """Dark and light, by a media query of the style."""
    style = drawn(svg(network(layers=[{"width": 8}]), "x")).findtext(f"{NAMESPACE}style") or ""
    assert "prefers-color-scheme: dark" in style
    assert style.count("background") == 2
