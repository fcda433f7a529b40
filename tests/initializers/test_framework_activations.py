"""Every activation of PyTorch, JAX and Keras has a row or a reason, and computes what theirs does.

framework_activations.json has the names, values and derivatives that the frameworks themselves
gave, with their versions. checks/write_framework_activations.py writes it.
"""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from checks.moments import FUNCTIONS, Function, Gated, Halved, mp
from service.errors import ImpossibleError, UnreadableError
from service.initializers.activations import ACTIVATIONS, find_activation
from service.initializers.gains import gain_of

FILE = Path(__file__).parent / "framework_activations.json"
DOCUMENT = json.loads(FILE.read_text(encoding="utf-8"))
POINTS: list[float] = DOCUMENT["points"]
FRAMEWORKS: dict[str, Any] = DOCUMENT["frameworks"]
TORCH = FRAMEWORKS["torch"]

NOT_ISSUED = {
    "torch": {
        *("LogSoftmax", "MultiheadAttention", "Softmax2d", "Softmin", "Threshold"),
        *("gumbel_softmax", "log_softmax", "softmin", "threshold"),
    },
    "jax": {"log_softmax"},
    "keras": {"log_softmax", "sparsemax", "threshold"},
}
"""The names that Fanin refuses with a reason: not elementwise, or without a default parameter."""

OTHER_DEFAULTS: dict[str, Function] = {
    "keras.activations.leaky_relu": lambda z: z if z > 0 else mp.mpf("0.2") * z,
}
"""Functions whose default parameter is not the one of Fanin's row; docs/activations.md says so."""

FORMULAS: dict[str, Callable[[float], float]] = {
    "quick_gelu": lambda z: z / (1 + math.exp(-1.702 * z)),
    "hard_mish": lambda z: z * min(max(z + 2, 0), 2) / 2,
    "relu_squared": lambda z: max(z, 0) ** 2,
    "snake": lambda z: z + (1 - math.cos(2 * z)) / 2,
    "lisht": lambda z: z * math.tanh(z),
    "logcosh": lambda z: math.log(math.cosh(z)),
    "lecun_tanh": lambda z: 1.7159 * math.tanh(2 * z / 3),
    "gaussian": lambda z: math.exp(-(z**2)),
    "softmax": lambda z: z,
}
"""Rows that none of the three frameworks ships, in the float64 functions of Python.

softmax is here because its row has the numbers of the linear activation.
"""

_TOLERANCE = 1e-13
"""Relative, and absolute below 1: some hundred units in the last place of float64."""

SINGLE = {"torch.nn.functional.hardsigmoid", "keras.activations.tanh"}
"""Functions that are partly computed in float32, although their input is float64.

PyTorch's derivative of hardsigmoid is the float32 1/6. Keras on JAX computes tanh in float32.
"""

COMPARED = [(each["call"], each) for name in FRAMEWORKS for each in FRAMEWORKS[name]["functions"]]


def plain(name: str) -> Function:
    """The function of an elementwise row."""
    function = FUNCTIONS[name]
    assert not isinstance(function, Gated)
    return function.function if isinstance(function, Halved) else function


def values_of(name: str) -> list[float]:
    """The row's function at the points; a gated one has its other half at them in reverse."""
    function = FUNCTIONS[name]
    if not isinstance(function, Gated):
        return [float(plain(name)(mp.mpf(z))) for z in POINTS]
    gate, value = plain(function.gate), plain(function.value)
    pairs = zip(POINTS, reversed(POINTS), strict=True)
    return [float(gate(mp.mpf(g)) * value(mp.mpf(v))) for g, v in pairs]


def close(numbers: list[float], tolerance: float = _TOLERANCE) -> Any:
    return pytest.approx(numbers, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize(("call", "entry"), COMPARED, ids=[call for call, _ in COMPARED])
def test_a_row_computes_what_the_framework_does(call: str, entry: dict[str, Any]) -> None:
    """Values and derivatives at 28 points, in float64, with the framework's default parameters."""
    if call in OTHER_DEFAULTS:
        function = OTHER_DEFAULTS[call]
        assert entry["values"] == close([float(function(mp.mpf(z))) for z in POINTS])
        assert entry["values"] != close(values_of(entry["row"]))
        return
    tolerance = 1e-6 if call in SINGLE else _TOLERANCE
    assert entry["values"] == close(values_of(entry["row"]), tolerance)
    if "derivatives" in entry:
        function = plain(entry["row"])
        derivatives = [float(mp.diff(function, mp.mpf(z))) for z in POINTS]
        assert entry["derivatives"] == close(derivatives, tolerance)


@pytest.mark.parametrize("name", list(FORMULAS))
def test_the_other_rows_compute_their_formula(name: str) -> None:
    """At the same points."""
    assert values_of(name) == close([FORMULAS[name](z) for z in POINTS])


def test_every_elementwise_row_is_compared() -> None:
    """With a framework or with a formula; a gated row is a product of two such functions."""
    compared = {entry["row"] for _, entry in COMPARED} | set(FORMULAS)
    elementwise = {name for name, each in FUNCTIONS.items() if not isinstance(each, Gated)}
    assert elementwise - compared == set()
    assert set(FORMULAS) & {entry["row"] for _, entry in COMPARED} == set()


GATED = {
    "glu": "sigmoid linear",
    "reglu": "relu linear",
    "geglu": "gelu linear",
    "geglu_tanh": "gelu_tanh linear",
    "swiglu": "silu linear",
    "seglu": "selu linear",
    "bilinear": "linear linear",
    "gtu": "sigmoid tanh",
}
"""Shazeer 2020, GLU Variants; Dauphin et al. 2017, which calls tanh(v) sigmoid(g) a GTU."""


def test_gated_rows_are_the_papers_products() -> None:
    """The function of each half."""
    gated = {name: each for name, each in FUNCTIONS.items() if isinstance(each, Gated)}
    assert {name: f"{each.gate} {each.value}" for name, each in gated.items()} == GATED


def test_a_near_miss_would_be_noticed() -> None:
    """Negative control: the two forms of GELU differ by less than 1e-3, and are told apart."""
    (exact,) = (entry for call, entry in COMPARED if call == "torch.nn.functional.gelu")
    other = values_of("gelu_tanh")
    assert exact["values"] == pytest.approx(other, abs=1e-3)
    assert exact["values"] != close(other)


def shipped() -> Iterator[tuple[str, str]]:
    for framework, described in FRAMEWORKS.items():
        for name in described["ships"]:
            yield framework, name


def meaning(name: str) -> str | None:
    """The row that a name means, as it stands or by the hint of its refusal; None for no row.

    Fails if the name is unknown: its hint then has the three nearest words instead.
    """
    try:
        return find_activation(name).name
    except UnreadableError as error:
        if error.reason == "not_issued":
            return None
        hint = error.problems[0].hint
        assert hint.startswith("write "), f"{name} has neither a row nor a reason"
        return find_activation(hint.removeprefix("write ")).name


@pytest.mark.parametrize(("framework", "name"), list(shipped()))
def test_everything_that_a_framework_ships_has_a_row_or_a_reason(framework: str, name: str) -> None:
    """Each name, as users of the framework write it."""
    assert (meaning(name) is None) == (name in NOT_ISSUED[framework])


def test_the_names_are_those_of_the_functions_compared() -> None:
    """A name means the row that its function was compared with; GELU of JAX is the tanh form."""
    for framework, described in FRAMEWORKS.items():
        for entry in described["functions"]:
            name = entry["call"].rpartition(".")[2]
            if name in described["ships"] and (framework, name) != ("jax", "gelu"):
                assert meaning(name) == entry["row"]


def test_an_unknown_name_would_be_noticed() -> None:
    """Negative control: a name that no framework has is neither a row nor explained."""
    with pytest.raises(AssertionError, match="neither a row nor a reason"):
        meaning("frobnicate")


def test_there_is_something_of_each_framework() -> None:
    """The counts of the versions that the file names."""
    counts = {name: len(each["ships"]) for name, each in FRAMEWORKS.items()}
    assert counts == {"torch": 57, "jax": 26, "keras": 32}


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_pytorchs_gain_is_what_calculate_gain_returns(name: str) -> None:
    """To the last bit, without a parameter; refused where calculate_gain raises."""
    activation = ACTIVATIONS[name]
    if name in TORCH["calculate_gain"]:
        assert (
            gain_of(activation, "pytorch", activation.slope or 0.0)
            == (TORCH["calculate_gain"][name])
        )
    else:
        with pytest.raises(ImpossibleError):
            gain_of(activation, "pytorch", activation.slope or 0.0)
