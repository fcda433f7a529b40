"""Every number of the activations' table, computed again from the activation itself."""

import json
import math
from dataclasses import replace
from math import inf, nextafter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from checks import moments
from checks.moments import FUNCTIONS, Function, differences, main, moments_of, mp, nodes, row_of
from service.errors import UnreadableError
from service.initializers.activations import ACTIVATIONS, find_activation, gated, unbounded

FROZEN = Path(__file__).parents[1] / "golden" / "frozen-v1.json"


@pytest.mark.parametrize(("power", "moment"), [(0, 1), (1, 0), (2, 1), (4, 3), (6, 15)])
@pytest.mark.parametrize("degree", [5, 6])
def test_the_quadrature_knows_the_normal_moments(power: int, moment: int, degree: int) -> None:
    """E z^k is 1, 0, 1, 3, 15 within 1e-28."""
    assert abs(mp.fsum(w * z**power for z, w in nodes(degree)) - moment) < 1e-28


def is_gated(function: Function | moments.Gated | moments.Halved) -> bool:
    """Whether the activation is a product of two functions."""
    return isinstance(function, moments.Gated)


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
    assert not isinstance(function, moments.Gated | moments.Halved)
    assert abs(mp.diff(function, at) - DERIVATIVES[name](at)) < 1e-28


def test_both_tables_have_the_same_activations() -> None:
    """Neither the row nor the function can be forgotten."""
    assert set(FUNCTIONS) == set(ACTIVATIONS)


def test_exact_numbers_are_exact() -> None:
    """Closed forms of a few new rows: 1/sqrt 5, e, 1 - 2/pi, P(|z| > 1/2) and e^-2."""
    known = {
        ("gaussian", "second_moment"): 5**-0.5,
        ("exp", "second_moment"): math.e**2,
        ("exp", "variance_gain"): (math.e**2 - math.e) ** -0.5,
        ("abs", "variance_gain"): (1 - 2 / math.pi) ** -0.5,
        ("hardshrink", "derivative_moment"): math.erfc(0.5 / 2**0.5),
        ("cos", "second_moment"): (1 + math.exp(-2)) / 2,
        ("square", "variance_gain"): 2**-0.5,
        ("snake", "mean"): (1 - math.exp(-2)) / 2,
    }
    for (name, member), number in known.items():
        assert getattr(ACTIVATIONS[name], member) == pytest.approx(number, rel=1e-15), name


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_a_familys_rule_fits_its_members(name: str) -> None:
    """What the text of a rule says of a family holds for each of its activations."""
    a = ACTIVATIONS[name]
    ratio = a.derivative_moment / a.second_moment
    if a.family == "odd":
        assert (a.mean, ratio > 1, 0 < a.variance_slope < 1) == (0.0, True, True)
    if a.family == "even":
        assert -1 < a.variance_slope < 0
    if a.family in ("even", "sigmoid", "softplus"):
        assert ratio < 1
    if a.family == "rectifier":
        assert ratio == pytest.approx(1, abs=1e-6)
        assert a.variance_slope == 1
    if a.family == "gated":
        assert a.mean == 0
    assert (a.auto == "glorot_uniform") == (a.family in ("linear", "odd", "even", "sigmoid"))


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_number_is_the_float64_nearest_the_exact_one(name: str) -> None:
    """Moments and gains equal the rounded quadrature to the last bit, V'(1) and spread to six
    decimals."""
    assert list(differences(ACTIVATIONS[name])) == []


@pytest.mark.parametrize("member", ["mean", "gain", "backward_gain", "variance_gain", "spread"])
def test_a_wrong_number_would_be_noticed(member: str) -> None:
    """Negative control: the next float64 is a difference, and is named."""
    right = ACTIVATIONS["elu"]
    changed: dict[str, Any] = {member: nextafter(getattr(right, member), inf)}
    (line,) = differences(replace(right, **changed))
    assert line.startswith(f"elu: {member} is ")
    assert line.endswith(f" and should be {getattr(right, member)!r}")


def shifted(z: Any) -> Any:
    """A function with a kink at 1/2."""
    return max(z - mp.mpf("0.5"), 0)


def test_a_kink_between_integers_is_refused() -> None:
    """The quadrature would be wrong there, so it gives no number, unless the function says that
    its kink is at a half."""
    with pytest.raises(ArithmeticError, match="kink at an integer"):
        moments_of(shifted)
    mean = moments_of(moments.Halved(shifted)).mean
    assert abs(mean - (mp.npdf(0.5) - 0.5 * mp.ncdf(-0.5))) < 1e-28


JUMPS = {"hardshrink": 0.5, "thresholded_relu": 1.0}


@pytest.mark.parametrize("name", list(JUMPS))
def test_the_variance_slope_counts_a_jump(name: str) -> None:
    """V'(1) from the closed form V(q) = q E[z^2; |z| > a / sqrt(q)], by a difference of V.

    E f f' z / E f^2, which leaves the jump out, is 1 for both.
    """

    def truncated(q: Any) -> Any:
        """V(q) E f^2 up to a factor: the tail of z^2 beyond a / sqrt(q), times q."""
        cut = JUMPS[name] / mp.sqrt(q)
        return q * (cut * mp.npdf(cut) + mp.ncdf(-cut))

    slope = mp.diff(truncated, 1) / truncated(1)
    assert round(float(slope), 6) == ACTIVATIONS[name].variance_slope > 1.01


def test_a_number_in_the_middle_of_two_floats_is_refused() -> None:
    """1 + 2^-53 is as near 1 as the next float64."""
    with pytest.raises(ArithmeticError, match="too near the middle"):
        moments.nearest(1 + mp.mpf(2) ** -53)
    assert moments.nearest(1 + mp.mpf(2) ** -52) == 1 + 2**-52


@pytest.mark.parametrize(
    ("name", "module"), [("selu", unbounded), ("swiglu", gated), ("hardshrink", unbounded)]
)
def test_the_printed_literals_are_those_of_the_table(
    name: str, module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make moments NAME=...` prints the lines of the row as they stand in the file."""
    assert main([name]) == 0
    assert capsys.readouterr().out == f"{name}\n{row_of(name)}"
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
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
        "third: add its row to a module of service/initializers/activations",
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


KNOWN = {
    "linear": (0, 1, 1, 1, 1, 1),
    "relu": (0.398942, 0.5, 0.5, 1.414214, 1.414214, 1.712859),
    "relu6": (0.398942, 0.5, 0.5, 1.414214, 1.414214, 1.712859),
    "leaky_relu": (0.394953, 0.500050, 0.500050, 1.414143, 1.414143, 1.704832),
    "elu": (0.160521, 0.644945, 0.668102, 1.245198, 1.223429, 1.270843),
    "selu": (0, 1, 1.071575, 1, 0.966026, 1),
    "gelu": (0.282095, 0.425221, 0.455851, 1.533530, 1.481114, 1.700926),
    "gelu_tanh": (0.282039, 0.425194, 0.455818, 1.533581, 1.481168, 1.700917),
    "silu": (0.206621, 0.355776, 0.379482, 1.676532, 1.623320, 1.787187),
    "mish": (0.240404, 0.452342, 0.479084, 1.486848, 1.444755, 1.592025),
    "tanh": (0, 0.394294, 0.464403, 1.592537, 1.467414, 1.592537),
    "sigmoid": (0.5, 0.293379, 0.044836, 1.846229, 4.722646, 4.801313),
    "softplus": (0.806059, 0.921246, 0.293379, 1.041867, 1.846229, 1.919126),
    "softsign": (0, 0.183014, 0.227671, 2.337533, 2.095781, 2.337533),
    "hardswish": (0.166217, 0.331567, 0.358532, 1.736657, 1.670076, 1.813871),
    "hardsigmoid": (0.5, 0.277639, 0.027703, 1.897840, 6.008116, 6.015034),
    "sin": (0, 0.432332, 0.567668, 1.520867, 1.327251, 1.520867),
    "relu_squared": (0.5, 1.5, 2, 0.816497, 0.707107, 0.894427),
    "hardtanh": (0, 0.516059, 0.682689, 1.392036, 1.210287, 1.392036),
    "erf": (0, 0.464559, 0.569410, 1.467167, 1.325218, 1.467167),
}
"""E f, E f^2, E f'^2 and the forward, backward and variance gain, from a quadrature by others."""


def numbers_of(name: str) -> tuple[float, ...]:
    """What a row says, in the order of KNOWN."""
    a = ACTIVATIONS[name]
    moments = (a.mean, a.second_moment, a.derivative_moment)
    return (*moments, a.gain, a.backward_gain, a.variance_gain)


@pytest.mark.parametrize("name", list(KNOWN))
def test_the_table_reads_as_people_know_it(name: str) -> None:
    """Six decimals of well-known activations, written out."""
    assert tuple(round(number, 6) for number in numbers_of(name)) == KNOWN[name]


@pytest.mark.parametrize("name", [name for name, f in FUNCTIONS.items() if not is_gated(f)])
def test_numpys_quadrature_agrees(name: str) -> None:
    """Gauss-Legendre nodes of NumPy in float64, on intervals of 1/2 between -12 and 12.

    f' is a central difference, whose error is about 1e-10. Both are below the tolerance, which is
    half a unit in the sixth decimal.
    """
    function = FUNCTIONS[name]
    assert not isinstance(function, moments.Gated)
    plain = function.function if isinstance(function, moments.Halved) else function
    x, w = np.polynomial.legendre.leggauss(12)
    z = np.concatenate([(x + 1) / 4 + left for left in np.arange(-12, 12, 0.5)])
    weights = np.tile(w / 4, 48) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    step = 1e-5
    f, above, below = (
        np.array([float(plain(mp.mpf(float(at)))) for at in z + shift])
        for shift in (0.0, step, -step)
    )
    mean, second = (weights * f).sum(), (weights * f * f).sum()
    derivative = (weights * ((above - below) / (2 * step)) ** 2).sum()
    gains = (second**-0.5, derivative**-0.5, (second - mean**2) ** -0.5)
    assert (mean, second, derivative, *gains) == pytest.approx(numbers_of(name), abs=5e-7)


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
        ("nn.LeakyReLU(0.1)", "leaky_relu"),
        ("HardSiLU", "hardswish"),
        ("Shrink", "hardshrink"),
        ("arctan", "atan"),
    ],
)
def test_spellings_of_other_frameworks_get_the_exact_word(word: str, meant: str) -> None:
    """The hint names the one word that was meant."""
    with pytest.raises(UnreadableError) as refusal:
        find_activation(word)
    assert refusal.value.problems[0].hint == f"write {meant}"
    assert refusal.value.problems[0].listing == "activations"


def test_leaky_activations_take_a_slope() -> None:
    """Leaky ReLU, PReLU and RReLU have a default slope; ReLU takes none."""
    slopes = {name: each.slope for name, each in ACTIVATIONS.items() if each.takes_slope}
    assert slopes == {"leaky_relu": 0.01, "prelu": 0.25, "rrelu": (1 / 8 + 1 / 3) / 2}
    assert ACTIVATIONS["leaky_relu"].takes_slope
    assert not ACTIVATIONS["relu"].takes_slope
