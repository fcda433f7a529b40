"""The pictures show the data: bars, curves and cells agree with the service's own answers."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.application import ask, ready
from tests.page.browser import PHONE, Browser, Tab, browser, share

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

BARS = """(() => {
  const svg = document.querySelector('#tensor-plot svg');
  const [x, y] = [svg.scale('x'), svg.scale('y')];
  const number = (rect, name) => Number(rect.getAttribute(name));
  return [...svg.querySelectorAll('.bars rect')].map((rect) => [
    x.invert(number(rect, 'x') - 0.5),
    x.invert(number(rect, 'x') + number(rect, 'width') + 0.5),
    y.invert(number(rect, 'y')) - y.invert(number(rect, 'y') + number(rect, 'height')),
  ]);
})()"""
"""Each bar's lower and upper end and height, read off the picture by its own scales."""

LINE = """((selector) => [...document.querySelectorAll(selector)].map((path) => {
  const svg = path.closest('svg');
  const [x, y] = [svg.scale('x'), svg.scale('y')];
  const points = path.getAttribute('d').match(/-?[0-9.]+(e-?[0-9]+)?/g).map(Number);
  const pairs = [];
  for (let at = 0; at < points.length; at += 2) {
    pairs.push([x.invert(points[at]), y.invert(points[at + 1])]);
  }
  return pairs;
}))"""

CELLS = """[...document.querySelectorAll('#tensor-plot .cells rect')].map((rect) => {
  const box = rect.getBoundingClientRect();
  return [Math.round(box.top), Math.round(box.left), rect.getAttribute('fill')];
})"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with ready() as address, browser(address) as started:
        yield started


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Tab]:
    with chromium.tab() as tab:
        yield tab


def fetched(chromium: Browser, query: str) -> "np.ndarray[Any, np.dtype[Any]]":
    """The tensor as float64, cast by the service's float32."""
    body = ask(chromium.address, f"/v1/weights.raw?{query}").body
    return np.frombuffer(body, "<f4").astype(np.float64)


@pytest.fixture(scope="module")
def phone(chromium: Browser) -> Iterator[Tab]:
    with chromium.tab(PHONE) as tab:
        yield tab


FLOAT8 = ("float8_e4m3fn", "float8_e5m2")

LAWS = {
    "normal": "shape=100,90&scheme=he_normal",
    "uniform": "shape=100,90&scheme=glorot_uniform",
    "truncated": "shape=100,90&scheme=truncated_normal&std=0.5",
    "cut at one sigma": "shape=100,90&scheme=truncated_normal&std=0.5&bounds=-1,1",
    "with a mean": "shape=100,90&scheme=normal&mean=3&std=0.1",
    "between two bounds": "shape=100,90&scheme=uniform&low=-1&high=3",
    "of a preset": "shape=100,90&scheme=torch.linear",
}


@pytest.mark.parametrize("law", share(LAWS, 3))
def test_the_bars_count_the_very_values(chromium: Browser, tab: Tab, law: str) -> None:
    """NumPy counts the fetched values between the same ends."""
    query = f"{LAWS[law]}&seed=5&name=w"
    tab.open(f"/?{query}")
    bars = np.array(tab.data(BARS))
    values = fetched(chromium, query)
    edges = np.append(bars[:, 0], bars[-1, 1])
    edges[0], edges[-1] = -np.inf, np.inf
    counts, _ = np.histogram(values, edges)
    assert bars[:, 2].sum() == pytest.approx(values.size, abs=0.5)
    # Ends read off the picture are rounded, so a value at one may be counted in the next bar.
    assert np.abs(bars[:, 2] - counts).max() < 2.5
    assert np.abs(bars[:, 2] - counts).sum() < 12


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", *FLOAT8])
@pytest.mark.parametrize("law", share(list(LAWS)[:3], 1))
def test_the_curve_is_what_the_law_expects(tab: Tab, law: str, dtype: str) -> None:
    """The counts differ from the curve as chance has it, also for values rounded to 8 bits.

    For n bins the sum of (count - expected)^2 / expected has mean n and variance 2 n. Bins in which
    fewer than 5 values are expected are left out, as usual.
    """
    tab.open(f"/?{LAWS[law]}&dtype={dtype}&seed=5&name=w")
    bars = tab.data("document.querySelector('#tensor-plot svg').bins")
    some = [(each["count"], each["expected"]) for each in bars if each["expected"] >= 5]
    distance = sum((count - expected) ** 2 / expected for count, expected in some)
    assert len(some) >= 8
    assert distance < len(some) + 5 * (2 * len(some)) ** 0.5
    drawn = tab.data(f"{LINE}('#tensor-plot .expected path, #tensor-plot path.expected')")
    heights = [height for _, height in drawn[0]]
    assert max(heights) == pytest.approx(max(each["expected"] for each in bars), rel=0.02)


@pytest.mark.ci
def test_a_wrong_curve_would_be_noticed(tab: Tab) -> None:
    """Negative control: a normal law of a std 10 % too large is far off."""
    tab.open("/?shape=100,90&scheme=normal&std=0.5&seed=5&name=w")
    bars = tab.data("document.querySelector('#tensor-plot svg').bins")
    middle = [(each["x1"] + each["x2"]) / 2 for each in bars]
    width = bars[0]["x2"] - bars[0]["x1"]
    density = [np.exp(-((x / 0.55) ** 2) / 2) / (0.55 * (2 * np.pi) ** 0.5) for x in middle]
    pairs = [(bar["count"], 9000 * width * each) for bar, each in zip(bars, density, strict=True)]
    some = [(count, expected) for count, expected in pairs if expected >= 5]
    distance = sum((count - expected) ** 2 / expected for count, expected in some)
    assert distance > len(some) + 5 * (2 * len(some)) ** 0.5


@pytest.mark.ci
@pytest.mark.parametrize("value", [0.5, -3, 0])
def test_a_constant_is_one_bar_at_its_value(tab: Tab, value: float) -> None:
    """All values are in a narrow bar, and the axis goes on to both sides of it."""
    tab.open(f"/?shape=8,4&layer=dense&scheme=constant&value={value}&name=w")
    ((low, high, count),) = tab.data(BARS)
    left, right = tab.data("document.querySelector('#tensor-plot svg').scale('x').domain")
    assert left < low < value < high < right
    assert high - low < (right - left) / 40
    assert count == pytest.approx(32)


@pytest.mark.ci
def test_only_a_part_of_a_large_tensor_is_fetched(tab: Tab) -> None:
    """A tensor of 4 TB is shown by its first 65,536 values."""
    tab.open("/?shape=1000000,1000000&scheme=he_normal&seed=5&name=w&activation=relu")
    assert "65,536 of 1,000,000,000,000 values" in tab.text("#tensor-about")
    assert sum(bar[2] for bar in tab.data(BARS)) == pytest.approx(65536, abs=0.5)


@pytest.mark.parametrize("activation", share(["relu", "tanh"], 1))
def test_the_curves_are_those_of_propagate(chromium: Browser, tab: Tab, activation: str) -> None:
    """Each point of each curve is the variance that /propagate tells for the layer."""
    tab.open(f"/?shape=64,64&layer=dense&activation={activation}&depth=9&seed=1&name=w")
    schemes = tab.data(
        "[...document.querySelectorAll('#depth-table tbody th')].map(c => c.innerText.trim())"
    )
    drawn = tab.data(f"{LINE}('#depth-plot .curve path, #depth-plot path.curve')")
    lines = legend(tab)
    assert len(schemes) >= 4
    assert sorted(name for names in lines for name in names) == sorted(schemes)
    assert len(drawn) == 2 * len(lines)
    for index, names in enumerate(lines):
        for scheme in names:
            own = "" if "recommended" in scheme else f"&scheme={scheme}"
            path = f"/propagate?width=64&depth=9&activation={activation}{own}"
            layers = json.loads(ask(chromium.address, path).body)["layers"]
            forward, backward = drawn[index], drawn[len(lines) + index]
            told = [1, *(layer["stream"] for layer in layers)]
            assert [height for _, height in forward] == pytest.approx(told, rel=0.05)
            told = [layer["stream_gradient"] for layer in layers]
            assert [height for _, height in backward] == pytest.approx(told, rel=0.05)
            assert [round(layer) for layer, _ in backward] == list(range(1, 10))
            assert [round(layer) for layer, _ in forward] == list(range(10))


def legend(tab: Tab) -> list[list[str]]:
    """The names of each line. Schemes whose curves are equal have a line in common."""
    texts: list[str] = tab.page.locator("#depth-legend li:not(:has(.band))").all_inner_texts()
    return [text.strip().split(" = ") for text in texts]


STROKES = """((selector) => [...document.querySelectorAll(selector)].map((path) => {
  const { stroke, strokeWidth, strokeDasharray } = getComputedStyle(path);
  return [stroke, strokeWidth, strokeDasharray];
}))"""


@pytest.mark.ci
def test_lines_are_told_apart_without_colours(tab: Tab) -> None:
    """By dashes or width. The legend has them as they are drawn, and says what the band is."""
    tab.open("/?shape=64,64&layer=dense&activation=tanh&depth=9&scheme=orthogonal&seed=1&name=w")
    drawn = tab.data(f"{STROKES}('#depth-plot .curve path, #depth-plot path.curve')")
    assert len(drawn) == 2 * len(legend(tab))
    half = drawn[: len(drawn) // 2]
    assert half == drawn[len(half) :]
    assert len({(width, dashes) for _, width, dashes in half}) == len(half) >= 4
    assert tab.data(f"{STROKES}('#depth-legend .sample line')") == half
    assert "95 of 100 draws of glorot_uniform (recommended)" in tab.text("#depth-legend")
    assert tab.page.locator("#depth-plot .band").count() == 2


@pytest.mark.parametrize("activation", share(["relu", "sigmoid", "tanh"], 2))
@pytest.mark.parametrize("depth", share([10, 300], 1))
def test_the_logarithmic_axis_has_powers_of_ten(tab: Tab, activation: str, depth: int) -> None:
    """At most five, each with its number, and 1 among them."""
    tab.open(f"/?shape=64,64&layer=dense&activation={activation}&depth={depth}&seed=1&name=w")
    for index in range(2):
        axis = tab.page.locator("#depth-plot svg").nth(index).locator("g[text-anchor=end] text")
        ticks = [float(text) for text in axis.all_text_contents() if "layer" not in text]
        assert 2 <= len(ticks) <= 6
        assert 1 in ticks
        assert [f"{tick:.0e}"[0] for tick in ticks] == ["1"] * len(ticks)


@pytest.mark.ci
def test_equal_curves_are_one_line(tab: Tab) -> None:
    """In a stack of equal widths Glorot and LeCun have one std."""
    tab.open("/?shape=64,64&layer=dense&activation=relu&depth=9&seed=1&name=w")
    assert ["glorot_normal", "lecun_normal"] in legend(tab)
    assert ["he_normal (recommended)"] in legend(tab)


@pytest.mark.ci
def test_why_and_the_stack_have_the_same_depth(tab: Tab) -> None:
    """Without a depth in the question, and with one. Glorot's share is the end of its curve."""
    for depth, layers in (("", 30), ("&depth=7", 7)):
        tab.open(f"/?shape=64,64&layer=dense&activation=relu{depth}&name=w")
        assert f"after {layers} layers" in tab.text("#why")
        assert tab.text("#depth-about").startswith(f"{layers} equal layers")


@pytest.mark.ci
def test_why_the_gradient_is_flat_in_the_stack(tab: Tab) -> None:
    """The stack has equal widths, so the ratio of the layer's own fans is not in it."""
    tab.open("/?shape=128,512&layout=torch&layer=dense&activation=relu&name=w")
    caption = tab.page.locator("#depth-plot h3").last.inner_text()
    assert "equal width" in caption
    assert "fan_out / fan_in = 128 / 512 = 0.25" in caption
    tab.open("/?shape=512,512&layout=torch&layer=dense&activation=relu&name=w")
    assert "fan_out" not in tab.text("#depth-plot")


def grid(tab: Tab) -> list[list[str]]:
    """The colours of the cells in rows, from above and from the left."""
    rows: dict[int, list[tuple[int, str]]] = {}
    for top, left, fill in tab.data(CELLS):
        rows.setdefault(top, []).append((left, fill))
    return [[fill for _, fill in sorted(rows[top])] for top in sorted(rows)]


def order(values: "np.ndarray[Any, np.dtype[Any]]", cells: list[list[str]]) -> None:
    """Equal values have equal colours, and different ones different colours."""
    flat = [cell for row in cells for cell in row]
    by_value: dict[float, set[str]] = {}
    for value, cell in zip(values.ravel().tolist(), flat, strict=True):
        by_value.setdefault(value, set()).add(cell)
    assert all(len(colours) == 1 for colours in by_value.values())
    assert len(set.union(*by_value.values())) == len(by_value)


def blueness(colour: str) -> int:
    """How much more blue than red a colour has."""
    red, _, blue = re.findall(r"\d+", colour)
    return int(blue) - int(red)


@pytest.mark.parametrize("order_of", share(["C", "F"], 1))
@pytest.mark.parametrize("layout", ["torch", "keras"])
def test_an_identity_is_a_diagonal(tab: Tab, layout: str, order_of: str) -> None:
    """6 outputs of 9 inputs, in both layouts of the array and both orders in memory."""
    shape = "6,9" if layout == "torch" else "9,6"
    tab.open(f"/?shape={shape}&layout={layout}&layer=dense&scheme=identity&order={order_of}")
    order(np.eye(6, 9), grid(tab))
    assert "A full colour is 1 or -1." in tab.text("#tensor-about")


@pytest.mark.ci
@pytest.mark.parametrize(("layout", "shape"), [("torch", "3,2,3,3"), ("keras", "3,3,2,3")])
def test_dirac_shows_its_kernels(tab: Tab, layout: str, shape: str) -> None:
    """Output o has a 1 at the centre of its own input: the same picture in both layouts."""
    tab.open(f"/?shape={shape}&layout={layout}&layer=conv2d&scheme=dirac&name=w")
    picture = np.zeros((3, 3, 2, 3))
    for channel in range(2):
        picture[channel, 1, channel, 1] = 1
    order(picture, grid(tab))


@pytest.mark.ci
def test_an_orthogonal_matrix_is_shown_and_checked(chromium: Browser, tab: Tab) -> None:
    """32 x 48 cells, and the distance of W W^T from 4 times the identity is that of rounding."""
    query = "shape=32,48&layer=dense&scheme=orthogonal&gain=2&seed=3&name=w"
    tab.open(f"/?{query}")
    cells = grid(tab)
    assert (len(cells), len(cells[0])) == (32, 48)
    told = tab.text("#measured")
    assert told.startswith("W Wᵀ is 4 times the identity.")
    assert float(told.split(" by ")[1].split()[0]) < 8e-6
    matrix = fetched(chromium, query).reshape(32, 48)
    # Colours go from red for the smallest value to blue for the largest one.
    assert (
        np.corrcoef(matrix.ravel(), [blueness(cell) for row in cells for cell in row])[0, 1] > 0.97
    )


@pytest.mark.ci
def test_a_normal_matrix_would_not_pass_as_orthogonal(tab: Tab) -> None:
    """Negative control of the page's own arithmetic."""
    tab.open("/")
    script = urlsplit(tab.page.url).path.rstrip("/") + tab.data(
        "document.querySelector('link[href$=\"pictures.mjs\"]').getAttribute('href')"
    )
    most = tab.data(
        f"import('{script}').then(({{ departure }}) => departure([[1, 0.5], [0, 1]]).most)"
    )
    assert most > 0.3


@pytest.mark.ci
def test_filters_show_as_kernels(tab: Tab) -> None:
    """A bank of Gabor filters: six outputs and four inputs at most."""
    tab.open("/?shape=64,3,7,7&layer=conv2d&scheme=gabor&name=w")
    cells = grid(tab)
    assert (len(cells), len(cells[0])) == (6 * 7, 3 * 7)
    assert len({cell for row in cells for cell in row}) > 20


@pytest.mark.parametrize(
    "query",
    [
        "shape=12&scheme=alibi_slopes",
        "shape=scalar&scheme=normal",
        "shape=0,5&activation=relu",
        "shape=16,1,9&layout=WIO&scheme=stft",
        "shape=2,2,4,4&layer=conv_transpose2d&scheme=bilinear",
        "shape=16,8&scheme=sinusoidal_positions",
        "shape=64,16,3,3,3&layer=conv3d&scheme=dirac",
        "shape=64,64,3&layer=conv1d&scheme=delta_orthogonal&activation=relu",
        "shape=4096,4096&scheme=orthogonal&activation=relu",
        "shape=300,200,3,3&layer=conv2d&scheme=orthogonal&activation=relu",
        "shape=256,64&scheme=sparse&sparsity=0.9",
        "shape=256&scheme=chrono_bias&period=100&parts=4",
        "shape=1024,512&scheme=orthogonal&slice=0:3,0:7",
        "shape=64,64&order=F&activation=relu",
        "shape=1&scheme=normal",
        "shape=50257,768&role=tied_embedding",
        "shape=3000,3000&scheme=identity",
    ],
)
def test_every_kind_of_tensor_has_its_section(phone: Tab, query: str) -> None:
    """A picture, or a sentence why there is none. Nothing is wider than the window."""
    phone.open(f"/?{query}&seed=1&name=w")
    assert phone.page.is_visible("#results")
    svg = phone.page.locator("#tensor-plot svg").count()
    about = phone.text("#tensor-about")
    assert svg == 1 or "too many" in about or "no elements" in about
    assert phone.data("document.documentElement.scrollWidth") <= PHONE[0]
