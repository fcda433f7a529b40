"""Schemes whose std depends on the width: formulas, statistics, refusals, and what they are for."""

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from service.errors import FaninError
from service.initializers.schemes import find_scheme
from tests.initializers.issued import Array, assert_std, law, refusal, values
from tests.initializers.test_depth_schemes import CLOSE, number
from tests.test_hints import check, of_query

Formula = Callable[[mpmath.mpf, mpmath.mpf], mpmath.mpf]

m, sqrt = mpmath.mpf, mpmath.sqrt

STDS = [
    ("small_init", lambda o, i: sqrt(2 / (5 * i))),
    ("small_init&fan_in=100", lambda o, i: sqrt(m(2) / 500)),
    ("small_init&layer=embedding", lambda o, i: sqrt(2 / (5 * i))),
    ("small_init&layer=embedding&layout=OE", lambda o, i: sqrt(2 / (5 * o))),
    ("small_init&layer=embedding&fan_in=100", lambda o, i: sqrt(m(2) / 500)),
    ("mup_input&std=0.3", lambda o, i: m("0.3")),
    ("mup_hidden&std=0.02&base_fan_in=64", lambda o, i: m("0.02") / 2),
    ("mup_hidden&std=0.02&base_fan_in=96", lambda o, i: m("0.02") * sqrt(96 / i)),
    ("mup_hidden&std=0.02&base_fan_in=64&fan_in=640", lambda o, i: m("0.02") / sqrt(10)),
    ("mup_output&std=0.02&base_fan_in=64", lambda o, i: m("0.02") / 4),
    ("mup_output&std=0.02&base_fan_in=96", lambda o, i: m("0.02") * 96 / i),
    ("spectral_mup", lambda o, i: 1 / sqrt(i)),
    ("spectral_mup&layout=IO", lambda o, i: sqrt(i / o) / sqrt(o)),
    ("spectral_mup&fan_in=100&fan_out=25", lambda o, i: m("0.05")),
    ("siren_first", lambda o, i: 1 / (i * sqrt(3))),
    ("siren", lambda o, i: sqrt(2 / i) / 30),
    ("siren&omega=1", lambda o, i: sqrt(2 / i)),
    ("siren&omega=60&fan_in=100", lambda o, i: sqrt(m(2) / 100) / 60),
    ("lora_a", lambda o, i: 1 / sqrt(3 * i)),
]
"""Requests of a weight of 512 outputs and 256 inputs, and the std of the papers for o and i."""


@pytest.mark.parametrize(("query", "formula"), STDS)
def test_std_is_that_of_the_formula_and_of_the_values(query: str, formula: Formula) -> None:
    """The law to two roundings, and 131,072 values to five standard errors."""
    std = number(formula)
    asked = f"shape=512,256&scheme={query}"
    assert law(asked).std == pytest.approx(std, rel=CLOSE, abs=0)
    assert_std(values(asked), std)


def test_a_std_that_is_three_percent_off_is_seen() -> None:
    """Negative control: five standard errors of 131,072 values are one percent."""
    drawn = values("shape=512,256&scheme=siren")
    for wrong in (0.97, 1.03):
        with pytest.raises(AssertionError):
            assert_std(drawn, wrong * math.sqrt(2 / 256) / 30)


@pytest.mark.parametrize("inputs", [2, 3, 100, 256, 300])
def test_siren_has_its_authors_limits_to_the_bit(inputs: int) -> None:
    """uniform_(-1/n, 1/n) and uniform_(-sqrt(6/n)/30, sqrt(6/n)/30), and no value beyond."""
    first = law(f"shape=64,{inputs}&scheme=siren_first")
    hidden = law(f"shape=64,{inputs}&scheme=siren")
    assert first.limit == 1 / inputs
    assert hidden.limit == math.sqrt(6 / inputs) / 30
    assert np.abs(values(f"shape=64,{inputs}&scheme=siren")).max() <= hidden.limit


def test_the_first_layer_of_a_siren_is_another_scheme() -> None:
    """Negative control: for two coordinates the two limits differ by a factor of eight."""
    first, hidden = (law(f"shape=64,2&scheme={name}").limit for name in ("siren_first", "siren"))
    assert first is not None
    assert hidden is not None
    assert first / hidden > 8


def sine_network(hidden: str) -> list[float]:
    """The std of omega (W x) in four hidden layers of sines, omega being 30."""
    points = np.random.default_rng(3).uniform(-1.0, 1.0, (2000, 2))
    unit: Array = np.sin(30.0 * points @ values("shape=512,2&scheme=siren_first").T)
    stds = []
    for layer in range(4):
        before = 30.0 * unit @ values(f"shape=512,512&scheme={hidden}", name=f"{layer}").T
        stds.append(float(before.std()))
        unit = np.sin(before)
    return stds


def test_a_siren_keeps_its_arguments_near_std_1() -> None:
    """Var(omega W x) = omega^2 n (2 / (omega^2 n)) E[sin^2], and E[sin^2] is about 1/2.

    For a normal argument of std 1 it is 0.432, so the std tends to 0.93. The tolerance holds both.
    """
    assert sine_network("siren") == pytest.approx([1.0] * 4, abs=0.12)
    assert min(sine_network("lecun_uniform")) > 10


@pytest.mark.parametrize(("outputs", "inputs"), [(512, 512), (512, 32), (32, 512), (1000, 10)])
def test_the_spectral_norm_is_near_that_of_the_paper(outputs: int, inputs: int) -> None:
    """sqrt(m / n) up to a constant: a normal matrix has the norm std (sqrt(m) + sqrt(n))."""
    drawn = values(f"shape={outputs},{inputs}&scheme=spectral_mup")
    ratio = np.linalg.norm(drawn, 2) / math.sqrt(outputs / inputs)
    assert 0.95 <= ratio <= 2.05


def test_lecun_has_another_spectral_norm_for_a_head() -> None:
    """Negative control: for fewer outputs than inputs sqrt(m / n) does not follow."""
    drawn = values("shape=32,2048&scheme=lecun_normal")
    assert np.linalg.norm(drawn, 2) / math.sqrt(32 / 2048) > 5


def outputs_of(width: int, hidden: str, output: str) -> tuple[float, float]:
    """The root mean square of the hidden units and of the outputs of a linear network."""
    source = np.random.default_rng(5).standard_normal((50, width))
    units = source @ values(f"shape={width},{width}&scheme={hidden}", name="hidden").T
    answers = units @ values(f"shape=64,{width}&scheme={output}", name="output").T
    return float(np.sqrt(np.mean(units**2))), float(np.sqrt(np.mean(answers**2)))


def test_mup_transfers_from_narrow_to_wide() -> None:
    """Hidden units keep their size, outputs shrink as 1 / sqrt(width): eight times over 64 widths.

    Tolerance: 50 samples of 64 outputs have a relative standard error of 1.3 %, and the weights
    that they share add up to 5 %.
    """
    base = f"std={1 / math.sqrt(32)!r}&base_fan_in=32"
    narrow = outputs_of(32, f"mup_hidden&{base}", f"mup_output&{base}")
    wide = outputs_of(2048, f"mup_hidden&{base}", f"mup_output&{base}")
    assert wide[0] == pytest.approx(narrow[0], rel=0.15)
    assert wide[1] == pytest.approx(narrow[1] / 8, rel=0.15)
    plain = outputs_of(2048, f"mup_input&std={1 / math.sqrt(32)!r}", f"mup_output&{base}")
    assert plain[0] > 5 * narrow[0]


LAYOUTS = ["small_init", "siren", "siren_first", "spectral_mup", "lora_a", "switch_router"]


@pytest.mark.parametrize("query", [*LAYOUTS, "mup_hidden&std=0.1&base_fan_in=9"])
def test_a_layout_permutes_and_a_slice_cuts(query: str) -> None:
    """[64,48] as OI and [48,64] as IO hold the same weight, and a slice is a part of it."""
    whole = values(f"shape=64,48&scheme={query}")
    assert np.array_equal(whole.T, values(f"shape=48,64&layout=IO&scheme={query}"))
    for dtype in ("float32", "bfloat16"):
        asked = f"shape=64,48&scheme={query}&dtype={dtype}"
        assert np.array_equal(values(asked)[3:5, 9:], values(f"{asked}&slice=3:5,9:"))


def test_lora_a_is_what_torch_makes_of_linear() -> None:
    """The same bytes as the preset, which is peft's rule; and B times A is 0."""
    a, b = values("shape=8,512&scheme=lora_a"), values("shape=512,8&scheme=lora_b")
    assert np.array_equal(a, values("shape=8,512&scheme=torch.linear"))
    assert not (b @ a).any()


def test_the_router_is_cut_at_two_std_of_the_parent() -> None:
    """As Mesh TensorFlow's truncated_normal_initializer(sqrt(0.1 / n)): nothing is corrected."""
    found, drawn = (
        law("shape=64,768&scheme=switch_router"),
        values("shape=64,768&scheme=switch_router"),
    )
    parent = math.sqrt(0.1 / 768)
    assert found.parent_std == pytest.approx(parent, rel=CLOSE)
    assert np.abs(drawn).max() <= 2 * parent
    assert_std(drawn, 0.8796256610342398 * parent)
    corrected = law("shape=64,768&scheme=switch_router&std_kind=corrected")
    assert corrected.std == pytest.approx(parent, rel=CLOSE)


REFUSED = [
    ("mup_input", "scheme_needs", "std"),
    ("mup_hidden&base_fan_in=9", "scheme_needs", "std"),
    ("mup_hidden&std=1", "scheme_needs", "base_fan_in"),
    ("mup_output&std=1", "scheme_needs", "base_fan_in"),
    ("mup_output&std=0&base_fan_in=9", "not_positive", "std"),
    ("mup_hidden&std=-1&base_fan_in=9", "not_positive", "std"),
    ("mup_input&std=1&base_fan_in=9", "scheme_field", "base_fan_in"),
    ("siren&omega=0", "not_positive", "omega"),
    ("siren&omega=-30", "not_positive", "omega"),
    ("siren_first&omega=30", "scheme_field", "omega"),
    ("siren&gain=2", "scheme_field", "gain"),
    ("spectral_mup&mode=fan_avg", "scheme_field", "mode"),
    ("switch_router&distribution=uniform", "scheme_field", "distribution"),
]


@pytest.mark.parametrize(("query", "reason", "field"), REFUSED)
def test_a_refusal_names_the_field_and_its_hint_works(query: str, reason: str, field: str) -> None:
    """Following the hint leads to an answer, or on to another refusal."""
    asked = f"shape=64,48&scheme={query}"
    found, problem = refusal(asked)
    assert found == reason
    assert problem.field == field
    assert check(of_query(f"{asked}&seed=1")) is not None


def test_a_fan_that_cannot_be_counted_is_asked_for() -> None:
    """A bias has none; with fan_in it is served, and spectral muP asks for fan_out too."""
    assert refusal("shape=64&scheme=siren")[0] == "no_fan"
    assert values("shape=64&scheme=siren&fan_in=9").size == 64
    assert refusal("shape=64&scheme=spectral_mup&fan_in=9")[0] == "scheme_needs"
    assert values("shape=64&scheme=spectral_mup&fan_in=9&fan_out=64").size == 64


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("SIREN", "siren"),
        ("sine_init", "siren"),
        ("first_layer_sine_init", "siren_first"),
        ("mup", "mup_hidden or mup_output or mup_input"),
        ("MuReadout", "mup_output"),
        ("small_init_init_method", "small_init"),
        ("SmallInit", "small_init"),
        ("LoRA", "lora_a or lora_b"),
        ("lora_A", "lora_a"),
        ("router", "switch_router"),
    ],
)
def test_spellings_of_authors_lead_here(word: str, meant: str) -> None:
    """Names of papers, functions and options."""
    with pytest.raises(FaninError) as refused:
        find_scheme(word)
    assert refused.value.problems[0].hint == f"write {meant}"
