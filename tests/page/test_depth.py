"""The section about depth says what its stacks are, and what they are not."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.application import ask, ready
from tests.page.browser import Browser, Tab, browser

pytestmark = [pytest.mark.slow, pytest.mark.ci, pytest.mark.needs("chromium")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with ready() as address, browser(address) as started:
        yield started


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Tab]:
    with chromium.tab() as tab:
        yield tab


def rows(tab: Tab) -> dict[str, list[str]]:
    """The cells of each row of the table, by its scheme."""
    found: list[list[str]] = tab.data(
        "[...document.querySelectorAll('#depth-table tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return {name: cells for name, *cells in found}


def layers(chromium: Browser, query: str) -> Any:
    """The layers of the service's own answer."""
    return json.loads(ask(chromium.address, f"/propagate?{query}").body)["layers"]


def test_why_and_the_stack_count_the_same_factors(tab: Tab) -> None:
    """From the last of n layers to the first a gradient passes n - 1 layers."""
    for depth, grown in ((10, "4.36"), (30, "115")):
        tab.open(f"/?shape=512,512&layer=dense&activation=tanh&depth={depth}&name=w")
        assert f"to {grown} from layer {depth} back to layer 1" in tab.text("#why")
        assert f"between 1 and {grown}." in tab.text("#depth-about")
    tab.open("/?shape=512,512&layer=dense&activation=tanh&depth=1&name=w")
    assert "a layer." in tab.text("#why")
    assert "back to layer" not in tab.text("#why")


@pytest.mark.parametrize(
    "query",
    [
        "shape=1024,256&layer=recurrent",
        "shape=64,64&layer=dense&activation=tanh",
        "shape=64,64&layer=dense&activation=tanh&depth=100",
        "shape=64,64&layer=dense&activation=tanh&input_activation=relu",
        "shape=128,512&layer=dense&activation=gelu&depth=5",
        "shape=64,64&layer=dense&activation=relu&distribution=truncated_normal",
    ],
)
def test_recommended_is_what_the_headline_recommends(
    chromium: Browser, tab: Tab, query: str
) -> None:
    """The scheme, gain and biases of /recommend, in the legend and in the numbers."""
    tab.open(f"/?{query}&name=w")
    advice = json.loads(ask(chromium.address, f"/recommend?{query}&name=w").body)
    first, *others = rows(tab)
    assert first == f"{advice['scheme']} (recommended)"
    assert not any("recommended" in other for other in others)
    assert tab.text("#decision").startswith(f"Use {advice['scheme']}")
    assert f"With {first} the stack is " in tab.text("#depth-about")
    sent = [
        url
        for url in tab.seen.requests
        if "/propagate?" in url and f"width={advice['fan_in']}" in url
    ]
    own = [url for url in sent if f"scheme={advice['scheme']}" in url]
    stack = layers(chromium, own[-1].split("?")[1])[0]
    assert stack["gain"] == pytest.approx(advice["gain"], rel=1e-5)
    assert stack["bias_std"] == pytest.approx(advice["bias"]["std"], rel=1e-5)


@pytest.mark.parametrize(
    ("query", "label", "note"),
    [
        (
            "shape=10,64&layer=dense&activation=softmax&role=head",
            "glorot_uniform for hidden layers",
            "The output layer stands once",
        ),
        (
            "shape=64,32&layer=dense&activation=relu&position=first",
            "he_normal for hidden layers",
            "The first layer stands once",
        ),
        (
            "shape=128,512&role=mlp_down&depth=12&activation=gelu",
            "lecun_normal and variance_scaling in blocks",
            "blocks of two layers",
        ),
    ],
)
def test_a_layer_that_makes_no_stack_alone_says_so(
    tab: Tab, query: str, label: str, note: str
) -> None:
    """Nothing is called recommended that the headline does not recommend."""
    tab.open(f"/?{query}&name=w")
    assert next(iter(rows(tab))) == label
    assert note in tab.text("#depth-about")
    assert "(recommended)" not in tab.text("#depth-block")


def test_the_edge_of_chaos_has_its_biases(chromium: Browser, tab: Tab) -> None:
    """The link carries their std, the table shows it, and variance and gradient stay at 1."""
    tab.open("/?shape=512,512&layout=torch&layer=dense&activation=tanh&depth=10&seed=42&name=w")
    tab.page.locator("#alternatives a").first.click()
    tab.settle()
    assert "&bias_std=0.388542" in tab.page.url
    assert tab.facts()["biases"] == "std 0.388542"
    assert tab.facts(1)["biases"] == "0"
    found = rows(tab)["variance_scaling, biases of std 0.388542"]
    assert found == ["1", "1", "stable"]
    # Another alternative has biases of 0 again.
    tab.page.locator("#alternatives a").last.click()
    tab.settle()
    assert "bias_std" not in tab.page.url


def test_biases_of_ones_own_beside_the_recommended_weights(tab: Tab) -> None:
    """The recommended stack stays as it is, and a second one has the biases."""
    tab.open("/?shape=64,64&layer=dense&activation=tanh&depth=5&bias_std=0.5&name=w")
    assert tab.page.input_value("#more") == "bias_std=0.5"
    found = rows(tab)
    assert found["glorot_uniform (recommended)"][0] == "1"
    assert float(found["glorot_uniform, biases of std 0.5"][0]) > 1.2


def test_fixed_values_have_no_depth(tab: Tab) -> None:
    """A filter multiplies no variance by itself: the theory is of random weights."""
    tab.open("/?shape=1,1,3,3&layout=torch&layer=conv2d&scheme=sobel&name=w")
    assert "Your own std" not in tab.text("#why")
    assert rows(tab)["sobel"] == ["The theory is for random weights of mean 0."]
    tab.open("/?shape=1,1,3,3&layout=torch&layer=conv2d&std=0.5&name=w")
    assert "Your own std of 0.5 multiplies" in tab.text("#why")


def test_no_activation_is_linear_and_says_so(tab: Tab) -> None:
    """It does not say so where the activation is known."""
    said = "No activation is given, so the layers are linear."
    tab.open("/?shape=64,64&layer=dense&name=w")
    assert said in tab.text("#depth-about")
    for known in ("activation=relu", "activation=linear", "input_activation=relu"):
        tab.open(f"/?shape=64,64&layer=dense&{known}&name=w")
        assert said not in tab.text("#depth-about")


def test_batch_normalization_makes_gradients_grow(tab: Tab) -> None:
    """By pi / (pi - 1) a layer with ReLU: 31.46 over nine layers."""
    tab.open("/?shape=512,256&layer=dense&activation=relu&normalization=batch&depth=10&name=w")
    assert "grows backward by pi / (pi - 1) = 1.467 in each layer" in tab.text("#depth-about")
    assert rows(tab)["he_normal (recommended)"][1] == "31.46"


@pytest.mark.parametrize(
    "query",
    ["shape=32,1,3,3&layer=depthwise_conv2d", "shape=3,3,32,1&layout=keras&layer=depthwise_conv2d"],
)
def test_a_depthwise_kernel_says_why_it_has_no_stack(tab: Tab, query: str) -> None:
    """A signal passes it, but it sums over no channels."""
    tab.open(f"/?{query}&activation=relu&name=w")
    assert "filters each channel alone" in tab.text("#depth-about")
    assert rows(tab) == {}


def test_numbers_through_depth_have_one_notation(tab: Tab) -> None:
    """At most four digits, and a power of ten outside of 0.001 to 1000."""
    tab.open("/?shape=64,64&layer=dense&scheme=he_normal&name=w")
    cells = [cell for row in rows(tab).values() for cell in row[:2]]
    assert {"1.074e9", "5.369e8", "1"} <= set(cells)
    for cell in cells:
        digits, _, power = cell.partition("e")
        assert len(digits.replace(".", "").lstrip("0")) <= 4
        assert power != "" or float(cell) == 0 or 0.001 <= float(cell) <= 1000
