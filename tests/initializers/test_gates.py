"""Biases of gated layers: which block has which value, in every order of the gates."""

import math
from itertools import permutations

import numpy as np
import pytest

from service.dtypes import DTYPES
from service.errors import ImpossibleError
from tests.following import Request, followed
from tests.initializers.issuing import KS_LIMIT, Values, distance, issued, planned

UNITS = 16
FORGET = f"shape={4 * UNITS}&parts=4&scheme=forget_gate_bias"
CHRONO = f"shape={4 * UNITS}&parts=4&scheme=chrono_bias&period=784&seed=5&name=b"
ORDERS = ["".join(order) for order in permutations("ifgo")]


def by_gate(values: Values, gates: str) -> dict[str, Values]:
    """The blocks of a bias by their letters."""
    return dict(zip(gates, np.split(values, len(gates)), strict=True))


@pytest.mark.parametrize("gates", [*ORDERS, "ifco", "iofc"])
def test_the_forget_gate_alone_has_the_value(gates: str) -> None:
    """In every order of the gates: 1 in its block and 0 elsewhere, as MXNet's LSTMBias has it."""
    blocks = by_gate(issued(f"{FORGET}&gates={gates}"), gates)
    assert all((block == float(letter == "f")).all() for letter, block in blocks.items())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [1.0, 2.5, -1.0])
def test_the_value_is_the_one_asked_for(dtype: str, value: float) -> None:
    """Every dtype has these three exactly."""
    blocks = by_gate(issued(f"{FORGET}&value={value}", dtype), "ifgo")
    assert (blocks.pop("f") == value).all()
    assert all((block == 0).all() for block in blocks.values())


def test_a_forget_gate_bias_of_0_is_zeros() -> None:
    """It has one block, and no seed."""
    made = planned(f"{FORGET}&value=0&seed=4")
    assert len(made.tensor.blocks) == 1
    assert "seed" not in made.url
    assert (issued(f"{FORGET}&value=0") == 0).all()


def test_blocks_may_have_different_heights() -> None:
    """The forget gate is where the heights put it."""
    values = issued("shape=10&parts=2,5,3&gates=ofi&scheme=forget_gate_bias")
    assert values.tolist() == [0] * 2 + [1] * 5 + [0] * 3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gates", ["ifgo", "iofc", "foig", "ogif"])
def test_the_input_gate_is_the_negative_of_the_forget_gate(gates: str, dtype: str) -> None:
    """Element by element, in every dtype, whichever block comes first. The others are 0."""
    blocks = by_gate(issued(f"{CHRONO}&gates={gates}", dtype), gates)
    assert (blocks["i"] == -blocks["f"]).all()
    assert np.unique(blocks["f"]).size > 2
    assert all((blocks[other] == 0).all() for other in set(gates) - {"i", "f"})
    assert not np.signbit(blocks["f"]).any()


@pytest.mark.parametrize("gates", [gates for gates in ORDERS if gates[1] == "f"])
def test_another_order_moves_the_blocks(gates: str) -> None:
    """While f stays, the others move as they are. f has the words of its own place."""
    usual = by_gate(issued(CHRONO), "ifgo")
    moved = by_gate(issued(f"{CHRONO}&gates={gates}"), gates)
    assert all((moved[letter] == usual[letter]).all() for letter in gates)


@pytest.mark.parametrize("gates", ["ifgo", "foig", "gof"])
def test_the_forget_gate_is_the_logarithm_of_the_uniform_of_its_numbers(gates: str) -> None:
    """That of `uniform` with the same seed and name, to 1 ulp of libm's logarithm."""
    count = len(gates)
    asked = f"shape={count * UNITS}&seed=5&name=b"
    uniform = by_gate(issued(f"{asked}&scheme=uniform&low=1&high=783"), gates)["f"]
    chrono = f"{asked}&parts={count}&gates={gates}&scheme=chrono_bias&period=784"
    found = by_gate(issued(chrono), gates)["f"]
    exact = np.array([math.log(u) for u in uniform.tolist()])
    assert (np.abs(found - exact) <= np.spacing(exact)).all()


@pytest.mark.parametrize("gates", ["rzn", "zrh"])
def test_the_update_gate_keeps_the_state(gates: str) -> None:
    """With h' = (1 - z) n + z h, z = sigmoid(b), a unit forgets after 1 / (1 - z) = 1 + u steps.

    u is from 1 to T - 1. Negative control: the negative bias would forget within two steps.
    """
    period = 100
    blocks = by_gate(
        issued(f"shape=3000&parts=3&gates={gates}&scheme=chrono_bias&period={period}&seed=1"), gates
    )
    steps = 1.0 + np.exp(blocks["z"])
    assert (steps >= 2.0).all()
    assert (steps <= period).all()
    assert steps.max() > 0.99 * period
    assert (1.0 + np.exp(-blocks["z"]) <= 2.0).all()
    assert all((blocks[other] == 0).all() for other in set(gates) - {"z"})


def test_beside_a_forget_gate_z_is_the_block_input() -> None:
    """Greff's letters: z i f o."""
    blocks = by_gate(issued(f"{CHRONO}&gates=zifo"), "zifo")
    assert (blocks["z"] == 0).all()
    assert (blocks["i"] == -blocks["f"]).all()


def test_the_biases_have_the_law_of_the_paper() -> None:
    """P(b_f <= x) = (exp(x) - 1) / (T - 2). Negative control: the law of another period."""
    sample = by_gate(issued("shape=80000&parts=4&scheme=chrono_bias&period=50&seed=2"), "ifgo")["f"]
    assert distance(sample, lambda x: (math.exp(x) - 1.0) / 48.0) < KS_LIMIT
    assert distance(sample, lambda x: min((math.exp(x) - 1.0) / 46.0, 1.0)) > KS_LIMIT


@pytest.mark.parametrize("period", [2.5, 50.0, 784.0, 1e6, 1e12])
def test_mean_and_std_are_those_of_the_formula(period: float) -> None:
    """Of ln U(1, b): mean b ln b / (b - 1) - 1, variance 1 - b (ln b)^2 / (b - 1)^2.

    They are told with nine digits, so to half a unit of the ninth.
    """
    query = f"shape=8&parts=4&scheme=chrono_bias&period={period}&seed=1"
    laws = [block.law for block in planned(query).tensor.blocks]
    b = period - 1.0
    mean = b * math.log(b) / (b - 1.0) - 1.0
    std = math.sqrt(1.0 - b * math.log(b) ** 2 / (b - 1.0) ** 2)
    for law, sign in ((laws[0], -1.0), (laws[1], 1.0)):
        assert law.mean == pytest.approx(sign * mean, rel=5e-9)
        assert law.std == pytest.approx(std, rel=5e-9)
    assert (laws[2].mean, laws[2].std) == (0.0, 0.0)


def test_a_stack_of_layers_has_the_gates_of_each() -> None:
    """EO, in any layout: each copy has biases of its own, and i is the negative of f."""
    asked = "&parts=4&scheme=chrono_bias&period=30&seed=1"
    stack = issued(f"shape=3,32&layout=EO{asked}")
    assert (stack == issued(f"shape=32,3&layout=OE{asked}").T).all()
    for layer in stack:
        blocks = by_gate(layer, "ifgo")
        assert (blocks["i"] == -blocks["f"]).all()
    assert (stack[0, 8:16] != stack[1, 8:16]).all()


@pytest.mark.parametrize("scheme", ["forget_gate_bias", "chrono_bias&period=9"])
@pytest.mark.parametrize(("start", "stop"), [(0, 1), (7, 9), (5, 60), (16, 32), (31, 49), (63, 64)])
def test_a_slice_is_a_part_of_the_whole(scheme: str, start: int, stop: int) -> None:
    """Across the ends of blocks, too."""
    asked = f"shape=64&parts=4&scheme={scheme}&seed=3"
    part = issued(f"{asked}&slice={start}:{stop}", "float32")
    assert (part == issued(asked, "float32")[start:stop]).all()


REFUSED = [
    ("shape=64&scheme=forget_gate_bias", "impossible_parts"),
    ("shape=63&scheme=forget_gate_bias", "impossible_parts"),
    ("shape=64&parts=4&gates=rzn&scheme=forget_gate_bias", "impossible_parts"),
    ("shape=63&parts=3&gates=rzn&scheme=forget_gate_bias", "scheme_needs"),
    ("shape=64&parts=4&gates=IFGO&scheme=forget_gate_bias", "scheme_needs"),
    ("shape=scalar&scheme=forget_gate_bias", "scheme_axes"),
    ("shape=64,32&parts=4&scheme=forget_gate_bias", "scheme_axes"),
    ("shape=8,64,32&layout=EOI&parts=4&scheme=chrono_bias&period=9&seed=1", "scheme_axes"),
    ("shape=64&parts=2&gates=gc&period=9&scheme=chrono_bias&seed=1", "scheme_needs"),
    ("shape=64&parts=4&scheme=chrono_bias&period=2&seed=1", "out_of_range"),
    ("shape=64&parts=4&scheme=chrono_bias&period=-9&seed=1", "out_of_range"),
    ("shape=64&parts=10,22,16,16&scheme=chrono_bias&period=9&seed=1", "impossible_parts"),
    ("shape=63&parts=10,21,16,16&scheme=chrono_bias&period=9&seed=1", "impossible_parts"),
]


@pytest.mark.parametrize(("query", "reason"), REFUSED)
def test_a_refusal_says_what_to_write(query: str, reason: str) -> None:
    """Who follows the hints, one after the other, gets an answer."""
    with pytest.raises(ImpossibleError) as refused:
        planned(query)
    assert refused.value.reason == reason
    request = Request(dict(word.split("=", 1) for word in query.split("&")))
    assert_leads_on(request, {reason})


def assert_leads_on(request: Request, reasons: set[str]) -> None:
    """Every way of every hint is accepted, or refused for a reason that was not met before."""
    refused = request.refusal()
    assert refused is not None
    for problem in refused.problems:
        ways = list(followed(problem, request))
        assert ways, f"unread hint: {problem}"
        for way in ways:
            again = way.refusal()
            if again is not None:
                assert again.reason not in reasons, f"{problem} led to {again.problems}"
                assert_leads_on(way, {*reasons, again.reason})


def test_chrono_needs_a_period() -> None:
    """There is no period that fits every task."""
    with pytest.raises(ImpossibleError) as refused:
        planned("shape=64&parts=4&scheme=chrono_bias")
    assert (refused.value.reason, refused.value.problems[0].field) == ("scheme_needs", "period")
