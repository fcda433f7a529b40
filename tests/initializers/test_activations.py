"""Every number of the activations' table, computed again from the activation itself."""

import json
from dataclasses import replace
from math import inf, nextafter
from pathlib import Path
from typing import Any

import pytest

from checks import moments
from checks.moments import FUNCTIONS, Function, differences, main, moments_of, mp, nodes, row_of
from service.errors import UnreadableError
from service.initializers import activations
from service.initializers.activations import ACTIVATIONS, find_activation

FROZEN = Path(__file__).parents[1] / "golden" / "frozen-v1.json"


@pytest.mark.parametrize(("power", "moment"), [(0, 1), (1, 0), (2, 1), (4, 3), (6, 15)])
@pytest.mark.parametrize("degree", [5, 6])
def test_the_quadrature_knows_the_normal_moments(power: int, moment: int, degree: int) -> None:
    """E z^k is 1, 0, 1, 3, 15 within 1e-28."""
    assert abs(mp.fsum(w * z**power for z, w in nodes(degree)) - moment) < 1e-28


DERIVATIVES: dict[str, Function] = {
    "tanh": lambda z: 1 - mp.tanh(z) ** 2,
    "gelu": lambda z: mp.ncdf(z) + z * mp.npdf(z),
    "erf": lambda z: 2 / mp.sqrt(mp.pi) * mp.exp(-z * z),
    "softsign": lambda z: 1 / (1 + abs(z)) ** 2,
    "relu_squared": lambda z: 2 * max(z, 0),
    "hardtanh": lambda z: mp.mpf(abs(z) < 1),
}


@pytest.mark.parametrize("name", list(DERIVATIVES))
@pytest.mark.parametrize("z", [-3.5, -1.7, -0.3, 0.4, 1.6, 6.5])
def test_the_derivatives_are_derivatives(name: str, z: float) -> None:
    """mpmath's derivative of some functions is the one in closed form, to 28 digits."""
    function, at = FUNCTIONS[name], mp.mpf(z)
    assert not isinstance(function, moments.Gated)
    assert abs(mp.diff(function, at) - DERIVATIVES[name](at)) < 1e-28


def test_both_tables_have_the_same_activations() -> None:
    """In the same order, so that neither can be forgotten."""
    assert list(FUNCTIONS) == list(ACTIVATIONS)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_number_is_the_float64_nearest_the_exact_one(name: str) -> None:
    """Moments and gains equal the rounded quadrature to the last bit, V'(1) and spread to six
    decimals."""
    assert list(differences(ACTIVATIONS[name])) == []


@pytest.mark.parametrize("member", ["mean", "gain", "backward_gain", "spread"])
def test_a_wrong_number_would_be_noticed(member: str) -> None:
    """Negative control: the next float64 is a difference, and is named."""
    right = ACTIVATIONS["elu"]
    changed: dict[str, Any] = {member: nextafter(getattr(right, member), inf)}
    (line,) = differences(replace(right, **changed))
    assert line.startswith(f"elu: {member} is ")
    assert line.endswith(f" and should be {getattr(right, member)!r}")


def test_a_kink_between_integers_is_refused() -> None:
    """The quadrature would be wrong there, so it gives no number."""
    with pytest.raises(ArithmeticError, match="kink at an integer"):
        moments_of(lambda z: max(z - mp.mpf("0.3"), 0))


def test_a_number_in_the_middle_of_two_floats_is_refused() -> None:
    """1 + 2^-53 is as near 1 as the next float64."""
    with pytest.raises(ArithmeticError, match="too near the middle"):
        moments.nearest(1 + mp.mpf(2) ** -53)
    assert moments.nearest(1 + mp.mpf(2) ** -52) == 1 + 2**-52


@pytest.mark.parametrize("name", ["selu", "swiglu"])
def test_the_printed_literals_are_those_of_the_table(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make moments NAME=...` prints the lines of the row as they stand in the file."""
    assert main([name]) == 0
    assert capsys.readouterr().out == f"{name}\n{row_of(name)}"
    source = Path(activations.__file__).read_text(encoding="utf-8")
    assert row_of(name) in source


def test_a_missing_function_and_a_missing_row_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make moments` fails and says what to add where."""
    linear = {"linear": ACTIVATIONS["linear"], "another": ACTIVATIONS["relu"]}
    monkeypatch.setattr(moments, "ACTIVATIONS", linear)
    monkeypatch.setattr(moments, "FUNCTIONS", {"linear": lambda z: z, "third": lambda z: z})
    assert main([]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "another: add its function to FUNCTIONS in checks/moments.py",
        "third: add its row to service/initializers/activations.py",
    ]
    assert main(["another"]) == 1
    assert "add its function" in capsys.readouterr().err


def test_a_row_is_a_draft_or_frozen() -> None:
    """What is no draft stands in the frozen file: `make vectors` adds it."""
    frozen = json.loads(FROZEN.read_text(encoding="utf-8"))["activations"]
    assert set(frozen) == {each.name for each in ACTIVATIONS.values() if each.draft is None}


def test_relu6_is_not_relu() -> None:
    """The two differ only in the eighth digit, so a mix-up would be hard to see."""
    relu, relu6 = ACTIVATIONS["relu"], ACTIVATIONS["relu6"]
    assert 0 < relu6.gain - relu.gain < 1e-8
    assert 0 < relu6.backward_gain - relu.backward_gain < 1e-8


@pytest.mark.parametrize(
    ("name", "mean", "second", "derivative", "gain", "backward"),
    [
        ("elu", 0.160521, 0.644945, 0.668102, 1.245198, 1.223429),
        ("selu", 0, 1, 1.071575, 1, 0.966026),
        ("gelu", 0.282095, 0.425221, 0.455851, 1.533530, 1.481114),
        ("silu", 0.206621, 0.355776, 0.379482, 1.676532, 1.623320),
        ("tanh", 0, 0.394294, 0.464403, 1.592537, 1.467414),
        ("hardswish", 0.166217, 0.331567, 0.358532, 1.736657, 1.670076),
    ],
)
def test_the_table_reads_as_people_know_it(
    name: str, mean: float, second: float, derivative: float, gain: float, backward: float
) -> None:
    """Six decimals of well-known activations, written out."""
    a = ACTIVATIONS[name]
    numbers = (a.mean, a.second_moment, a.derivative_moment, a.gain, a.backward_gain)
    assert tuple(round(number, 6) for number in numbers) == (
        mean, second, derivative, gain, backward,
    )  # fmt: skip


def test_aliases_lead_to_the_same_record() -> None:
    """Swish is SiLU and identity is linear."""
    assert find_activation("swish") is ACTIVATIONS["silu"]
    assert find_activation("identity") is ACTIVATIONS["linear"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("ReLU", "relu"),
        ("LeakyReLU", "leaky_relu"),
        ("Swish", "silu"),
        ("hard_swish", "hardswish"),
        ("gelu_new", "gelu_tanh"),
        ("squared_relu", "relu_squared"),
        ("LogSoftmax", "softmax"),
    ],
)
def test_spellings_of_other_frameworks_get_the_exact_word(word: str, meant: str) -> None:
    """The hint names the one word that was meant."""
    with pytest.raises(UnreadableError) as refusal:
        find_activation(word)
    assert refusal.value.problems[0].hint == f"write {meant}"
    assert refusal.value.problems[0].listing == "activations"


def test_leaky_activations_take_a_slope() -> None:
    """Leaky ReLU and PReLU have a default slope; ReLU takes none."""
    assert (ACTIVATIONS["leaky_relu"].slope, ACTIVATIONS["prelu"].slope) == (0.01, 0.25)
    assert ACTIVATIONS["leaky_relu"].takes_slope
    assert not ACTIVATIONS["relu"].takes_slope
