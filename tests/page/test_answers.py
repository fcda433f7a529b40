"""Questions that people have, answered by clicking and typing in a real Chromium."""

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
def only(chromium: Browser) -> Iterator[Tab]:
    with chromium.tab() as tab:
        yield tab


@pytest.fixture
def tab(only: Tab) -> Tab:
    return only.open("/")


def certificate(chromium: Browser, query: str) -> Any:
    """What the service itself says of a tensor."""
    return json.loads(ask(chromium.address, f"/v1/weights.json?{query}").body)


def short(number: float) -> str:
    """Six significant digits, as the page writes them."""
    return f"{number:.6g}"


@pytest.mark.parametrize("layout", ["keras", "HWIO", "flax"])
def test_the_fans_of_a_kernel_in_kerass_order(tab: Tab, layout: str) -> None:
    """5,5,3,8 in HWIO: 75 inputs feed an output, and an input feeds 200."""
    tab.write("shape", "5,5,3,8").choose("layout", layout).choose("layer", "conv2d")
    facts = tab.facts()
    assert (facts["fan_in"], facts["fan_out"]) == ("75", "200")
    assert tab.text("#axes").split() == ["H", "5", "W", "5", "I", "3", "O", "8"]


@pytest.mark.parametrize(
    "written", ["(5, 5, 3, 8)", "[5,5,3,8]", " 5 5 3 8 ", "5x5x3x8", "5×5×3×8"]
)
def test_a_shape_may_be_pasted_as_programs_print_it(tab: Tab, written: str) -> None:
    """Brackets, spaces and crosses mean the same shape, and the address has commas."""
    tab.choose("layout", "keras").write("shape", written)
    assert tab.facts()["fan_in"] == "75"
    assert "shape=5,5,3,8" in tab.page.url


def test_the_wrong_order_of_axes_is_pointed_out(tab: Tab) -> None:
    """The same extents read as OIHW look strange, and the warning names HWIO."""
    tab.write("shape", "5,5,3,8").choose("layout", "torch")
    assert "suspicious_layout" in tab.text("#warnings")
    assert "layout=HWIO" in tab.text("#warnings")


@pytest.mark.parametrize(
    ("shape", "fitting", "hint"),
    [
        ("512,256", "dense", 'choose the layer "dense" or "by shape"'),
        ("64,32,5", "conv1d", 'choose the layer "by shape"'),
    ],
)
def test_a_shape_that_the_layer_does_not_fit(tab: Tab, shape: str, fitting: str, hint: str) -> None:
    """The problem stands beside the layer, in the words of its list. The old answer stays."""
    before = tab.text("#facts")
    tab.write("shape", shape)
    (problem,) = tab.problems("layer")
    assert "4 axes; the shape has" in problem
    assert hint in problem
    assert tab.problems("layout") == []
    described = "document.querySelector('#shape').getAttribute('aria-describedby')"
    assert tab.data(f"document.getElementById({described}).textContent").startswith("torch's")
    assert tab.text("#facts") == before
    assert tab.page.locator("#tensor-plot svg").is_visible()
    assert float(tab.data("getComputedStyle(document.querySelector('#results')).opacity")) < 1
    assert "the answer before" in tab.text("#decision")
    tab.choose("layer", fitting)
    assert tab.problems("layer") == []
    assert tab.facts()["fan_in"] != "147"
    assert tab.data("getComputedStyle(document.querySelector('#results')).opacity") == "1"


def test_a_link_that_is_refused_has_no_answer_before(tab: Tab) -> None:
    """Negative control: nothing is shown that nobody asked for."""
    tab.open("/?shape=512,256&layout=torch&layer=conv2d")
    assert not tab.page.is_visible("#results")
    assert "the answer before" not in tab.text("#decision")


@pytest.mark.parametrize(
    ("activation", "scheme", "gain"),
    [
        ("relu", "he_normal", 1.4142135623730951),
        ("tanh", "glorot_uniform", 1.5925374197228315),
        ("sigmoid", "glorot_uniform", 1.0),
    ],
)
def test_scheme_and_std_by_activation(tab: Tab, activation: str, scheme: str, gain: float) -> None:
    """In a layer of 512 to 512 both n are 512, so std = gain / sqrt(512)."""
    tab.choose("layer", "dense").write("shape", "512,512").choose("activation", activation)
    facts = tab.facts()
    assert (facts["scheme"], facts["gain"]) == (scheme, short(gain))
    assert facts["std"] == short(gain / 512**0.5)
    assert facts["std"] in tab.text("#decision")


def test_why_not_glorot_with_relu(tab: Tab) -> None:
    """The reasons say it, a scheme of one's own warns, and the curve falls by half a layer."""
    tab.click("Why not Glorot with ReLU?")
    assert "keeps 0.5 of the variance" in tab.text("#why")
    assert "gain_ignores_activation" in tab.text("#warnings")
    assert tab.facts(1)["scheme"] == "he_normal"
    assert tab.facts()["scheme"] == "glorot_uniform"
    rows = tab.data("[...document.querySelectorAll('#depth-table tbody tr')].map(r => r.innerText)")
    ends = {row.split("\t")[0].strip(): row.split("\t")[1:] for row in rows}
    assert ends["glorot_uniform"][0] == f"{0.5**10:.3e}".replace("e-04", "e-4")
    assert ends["glorot_uniform"][1] == "0.001953"
    assert ends["glorot_uniform"][2] == "vanishing"
    assert ends["he_normal (recommended)"][2] == "stable"


def test_sentences_say_nothing_twice(tab: Tab) -> None:
    """No range from 1 to 1, no ratio of 1, and no std that stands above already."""
    tab.open("/?shape=512,512&layer=dense&activation=relu&scheme=he_normal&name=w&depth=10")
    assert "stays at 1 and" in tab.text("#depth-about")
    assert "Your own std is the recommended one, 0.0625." in tab.text("#why")
    assert "0.0625" not in tab.text("#alternatives")
    tab.open("/?shape=512,512&layer=dense&activation=relu&scheme=glorot_uniform&name=w&depth=10")
    own = "Your own std of 0.0441942 multiplies the variance by 0.5 in each layer"
    assert own in tab.text("#why")
    links = tab.page.locator("#alternatives a").all_inner_texts()
    assert links == ["orthogonal", "he_uniform"]


def test_the_std_of_an_alternative_is_told_where_it_differs(tab: Tab) -> None:
    """That of fan_out is another one than that of fan_in."""
    assert "Its std is 0.0252538." in tab.text("#alternatives")


def test_three_axes_are_a_choice_of_layers(tab: Tab) -> None:
    """A short sentence stands beside the layer, and the list of letters says what each means."""
    tab.open("/?shape=64,3,7")
    (problem,) = tab.problems("layer")
    assert "three axes fit several layers" in problem
    assert len(problem) < 120
    tab.choose("layout", "IOO")
    assert tab.problems("layer") == []
    assert tab.facts()["fan_in"] == "64"
    told = tab.page.locator("#layout option:checked").inner_text()
    assert told == "IOO: attention heads, in first"


def test_a_fraction_is_no_extent(tab: Tab) -> None:
    """The hint has an example, and no number that nobody needs."""
    tab.write("shape", "3.5,2")
    (problem,) = tab.problems("shape")
    assert "'3.5' is not an integer" in problem
    assert "write integers from 0, such as 64,3,7,7" in problem
    assert "28823" not in problem


def test_sigmoid_is_advised_against(tab: Tab) -> None:
    """No weights keep both the signal and the gradient."""
    tab.click("And sigmoid?")
    assert "no_critical_point" in tab.text("#warnings")


@pytest.mark.parametrize(("shape", "fans"), [("256,784", (784, 256)), ("100,300", (300, 100))])
def test_he_and_glorot_with_both_ns(
    chromium: Browser, tab: Tab, shape: str, fans: tuple[int, int]
) -> None:
    """std and limit in the table are those of the service's own schemes and modes."""
    tab.choose("layer", "dense").write("shape", shape)
    rows: list[list[str]] = tab.data(
        "[...document.querySelectorAll('#classic tbody tr')].map(r => [...r.cells].map(c => "
        "c.innerText))"
    )
    assert [row[-3] for row in rows] == 3 * ["He: 1.41421", "Glorot, LeCun: 1"]
    # Each n has a row for He, which begins with it, and one for Glorot and LeCun.
    he, one = rows[::2], rows[1::2]
    cells = [[n, *a[-2:], *b[-2:]] for (n, *a), b in zip(he, one, strict=True)]
    assert [row[0] for row in cells] == [
        f"fan_in = {fans[0]}",
        f"fan_avg = {sum(fans) // 2}",
        f"fan_out = {fans[1]}",
    ]
    for row, mode in zip(cells, ("fan_in", "fan_avg", "fan_out"), strict=True):
        for place, gain in ((1, 2**0.5), (3, 1.0)):
            query = f"shape={shape}&layer=dense&scheme=variance_scaling&mode={mode}&gain={gain!r}"
            normal = certificate(chromium, f"{query}&distribution=normal")
            uniform = certificate(chromium, f"{query}&distribution=uniform")
            assert row[place : place + 2] == [short(normal["std"]), short(uniform["limit"])]
    for scheme, at, place in (("he", 0, 1), ("lecun", 0, 3), ("glorot", 1, 3)):
        query = f"shape={shape}&layer=dense&scheme={scheme}"
        assert cells[at][place] == short(certificate(chromium, f"{query}_normal")["std"])
        assert cells[at][place + 1] == short(certificate(chromium, f"{query}_uniform")["limit"])


def test_what_batch_normalization_changes(tab: Tab) -> None:
    """It divides the scale away. Its own scale starts with ones."""
    tab.choose("normalization", "batch")
    assert "batch normalization divides by the std" in tab.text("#why")
    tab.click("And its own scale?")
    assert tab.facts()["scheme"] == "ones"
    assert "Every value is 1." in tab.text("#measured")
    assert "keeps the variance" in tab.text("#why")


def test_what_identity_dirac_and_constants_are(tab: Tab) -> None:
    """Each says what it does; a constant warns of the symmetry."""
    tab.click("Identity")
    assert "passes its input on" in tab.text("#scheme-about")
    tab.click("dirac")
    assert "1 at the kernel's centre" in tab.text("#scheme-about")
    tab.write("scheme", "constant").write("more", "value=0.5")
    assert "symmetry" in tab.text("#warnings")
    assert "Every value is 0.5." in tab.text("#measured")


@pytest.mark.parametrize(
    ("link", "use"),
    [
        ("Identity", "change nothing at first"),
        ("dirac", "change nothing at first"),
        ("Why not start with zeros?", "make all units of the layer equal"),
        ("Which kernel finds an X?", "its output is largest"),
        ("An edge?", "finds vertical edges"),
    ],
)
def test_the_scheme_asked_about_stands_first(tab: Tab, link: str, use: str) -> None:
    """What it does and when it is used stand above the recommendation."""
    assert tab.text("#scheme-about") == ""
    tab.click(link)
    answer = tab.text("#answer")
    assert 0 <= answer.index(use) < answer.index("Recommended for training: use ")


def numbers(tab: Tab) -> list[str]:
    """The numbers that a picture writes into its cells, row by row."""
    found: list[list[Any]] = tab.data(
        "[...document.querySelectorAll('#tensor-plot .numbers')].flatMap(mark => "
        "[...mark.querySelectorAll('text')].map(t => { const box = t.getBoundingClientRect(); "
        "return [Math.round(box.top + box.height / 2), box.left, t.textContent]; }))"
    )
    return [text for _, _, text in sorted(found)]


def test_a_kernel_that_finds_an_x(tab: Tab) -> None:
    """The link leads to a kernel of 4 on the diagonals and -5 beside them."""
    tab.click("Which kernel finds an X?")
    assert numbers(tab) == ["4", "-5", "4", "-5", "4", "-5", "4", "-5", "4"]
    about = tab.text("#scheme-about")
    assert "largest, 20, on the patch ■□■ / □■□ / ■□■ " in about
    assert "On a white patch it is 0." in about
    tab.click("And a plain cross?")
    assert "a white patch scores as high as an X" in tab.text("#scheme-about")


def test_a_kernel_that_finds_an_edge(tab: Tab) -> None:
    """Sobel's, by link and by typing its variant."""
    tab.click("An edge?")
    assert numbers(tab) == ["-1", "0", "1", "-2", "0", "2", "-1", "0", "1"]
    tab.write("more", "variant=y")
    assert numbers(tab) == ["-1", "-2", "-1", "0", "0", "0", "1", "2", "1"]


def test_why_zeros_are_no_start(tab: Tab) -> None:
    """All units stay equal, which the warning says."""
    tab.click("Why not start with zeros?")
    assert "all units of the layer compute the same output" in tab.text("#warnings")
    assert "Every value is 0." in tab.text("#measured")


def test_a_link_shows_the_same(chromium: Browser, tab: Tab) -> None:
    """The address after typing leads another browser to the same answer, choice of language too."""
    tab.choose("layout", "flax").choose("layer", "conv2d").write("shape", "3,3,16,32")
    tab.choose("activation", "gelu").write("depth", "7").choose("dtype", "float16")
    tab.write("seed", "7").write("name", 'a "b" & c=d+e %41 é').write("more", "gain=1.25 groups=2")
    tab.page.check("input[value=python]")
    with chromium.tab() as other:
        other.page.goto(tab.page.url)
        other.settle()
        assert other.text("#answer") == tab.text("#answer")
        assert other.page.input_value("#name") == 'a "b" & c=d+e %41 é'
        assert other.page.input_value("#more") == "gain=1.25 groups=2"
        assert "numpy" in other.text("#line")


def test_links_keep_the_language(tab: Tab) -> None:
    """Those to other questions, and those to alternatives."""
    tab.page.check("input[value=rust]")
    tab.click("Why not Glorot with ReLU?")
    assert "fn main()" in tab.text("#line")
    with tab.page.expect_navigation():
        tab.page.locator("#alternatives a").last.click()
    tab.settle()
    assert "fn main()" in tab.text("#line")
    tab.page.check("input[value=python]")
    tab.click("And sigmoid?")
    assert "import" in tab.text("#line")
    assert tab.page.is_checked("input[value=python]")


def test_an_alternative_is_a_link_to_itself(tab: Tab) -> None:
    """It leads to the page with that scheme as one's own."""
    link = tab.page.locator("#alternatives a").last
    scheme = link.inner_text()
    link.click()
    tab.settle()
    assert tab.facts()["scheme"] == scheme


def test_a_tensor_without_advice_is_shown_all_the_same(tab: Tab) -> None:
    """Blocks of different heights have no single advice, but there is such a tensor."""
    tab.choose("layer", "dense").write("shape", "48,64").write("scheme", "he_normal")
    tab.write("more", "parts=16,8,24")
    assert "he_normal gives this tensor" in tab.text("#decision")
    assert "blocks of different heights" in tab.problems("more")[0]
    assert tab.page.locator("#tensor-plot svg").count() == 1


@pytest.mark.parametrize("written", ["gain = 2", "gain =2", " gain=  2 ", "gain\t=\t2"])
def test_spaces_around_the_sign_do_no_harm(tab: Tab, written: str) -> None:
    """The address has the field without them."""
    tab.write("more", f"{written} groups = 1")
    assert tab.problems("more") == []
    assert tab.facts()["gain"] == "2"
    assert "gain=2&groups=1" in tab.page.url


def test_fields_that_need_a_change_are_counted(tab: Tab) -> None:
    """Also one that has a value and no name: there are as many messages."""
    tab.write("more", "foo=1 bar=2")
    assert "2 fields need a change" in tab.text("#decision")
    tab.open("/?shape=8,8&gain=&%3D=&2=")
    assert "3 fields need a change" in tab.text("#decision")
    assert len(tab.problems("more")) == 3


def test_a_field_without_a_control_says_where_it_goes(tab: Tab) -> None:
    """A constant needs a value, which is one of the further fields."""
    tab.write("scheme", "constant")
    (problem,) = tab.problems("more")
    assert "write value=0.5 here, under More fields" in problem
    tab.write("more", "value=0.5")
    assert tab.problems("more") == []


def test_the_path_of_a_list_is_a_link(tab: Tab) -> None:
    """The hint to a word that is not known."""
    tab.write("scheme", "foo")
    assert "lists all" in tab.problems("scheme")[0]
    link = tab.page.locator(".field:has(#scheme) .problem a")
    assert link.get_attribute("href") == "/schemes"


def test_what_the_values_are_is_a_sentence_of_its_own(tab: Tab) -> None:
    """And zeros say it once."""
    tab.open("/?shape=64,64&layer=dense&scheme=zeros&name=w")
    assert "w = 0" not in tab.text("#scheme-about")
    tab.open("/?shape=1,1,3,3&layer=conv2d&scheme=sobel&name=w")
    assert "The values: outer product of" in tab.text("#scheme-about")
    assert "Use it if gradients should keep their variance" in tab.text("#alternatives")
