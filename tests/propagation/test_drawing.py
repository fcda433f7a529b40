"""The picture: well-formed, escaped, without script, and it shows what the answer has."""

from xml.etree import ElementTree

import pytest

from service.propagation import parse_stack_query, title_of
from service.propagation.drawing import svg
from tests.propagation.asking import network, stack

NAMESPACE = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "desc", "style", "text", "g", "path", "circle"}

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
    assert len(classes(root, "dot")) == 24
    texts = [element.text or "" for element in root.iter(f"{NAMESPACE}text")]
    assert texts[0] == "tanh"
    assert "Variance of each layer's output" in texts
    assert "Variance of the gradient, relative to the last layer" in texts
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


def test_a_residual_network_shows_its_stream() -> None:
    """One point for each block."""
    root = drawn(
        svg(stack("width=64&depth=9&activation=relu&residual=pre_norm&normalization=layer"), "x")
    )
    upper = classes(root, "theory")[0].get("d", "")
    assert upper.count("L") == 9 - 1


def test_both_colour_schemes_are_styled() -> None:
    """Dark and light, by a media query of the style."""
    style = drawn(svg(network(layers=[{"width": 8}]), "x")).findtext(f"{NAMESPACE}style") or ""
    assert "prefers-color-scheme: dark" in style
    assert style.count("background") == 2
