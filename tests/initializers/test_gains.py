"""Gains by rule, and where a scheme's gain comes from."""

import math
import re
from pathlib import Path

import pytest
from mpmath import mpf, pi, sqrt, workdps

from service.errors import ImpossibleError, UnreadableError
from service.fields import parse_query
from service.initializers import gains
from service.initializers.activations import ACTIVATIONS
from service.initializers.gains import GAIN_RULES, gain_of, rectifier_gain, rectifier_variance_gain
from service.plan import plan

PYTORCH = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    "selu": 3 / 4,
}
"""What torch.nn.init.calculate_gain returns for every activation it knows."""


@pytest.mark.parametrize(
    ("slope", "gain"),
    [
        (0.0, "0x1.6a09e667f3bcdp+0"),
        (0.01, "0x1.6a05442aad7e4p+0"),
        (0.2, "0x1.63021484ae2bbp+0"),
        (1.0, "0x1.0p+0"),
        (-1.0, "0x1.0p+0"),
    ],
)
def test_the_rectifiers_gain_is_golden(slope: float, gain: str) -> None:
    """sqrt(2 / (1 + a^2)) to the last bit, because it reaches the issued bytes."""
    assert rectifier_gain(slope) == float.fromhex(gain)


@pytest.mark.parametrize("name", ["leaky_relu", "prelu", "rrelu"])
@pytest.mark.parametrize("rule", ["exact", "backward"])
def test_only_leaky_activations_look_at_the_slope(name: str, rule: str) -> None:
    """Their gain is that of leaky ReLU with the request's slope. Others ignore the slope."""
    assert gain_of(ACTIVATIONS[name], rule, 0.5) == math.sqrt(1.6)
    assert gain_of(ACTIVATIONS["relu"], rule, 0.5) == math.sqrt(2)


@pytest.mark.parametrize("name", ["leaky_relu", "prelu", "rrelu"])
def test_the_listed_gain_of_a_leaky_activation_is_that_of_its_slope(name: str) -> None:
    """The listed gain is the gain that reaches the issued bytes."""
    activation = ACTIVATIONS[name]
    assert activation.slope is not None
    assert activation.gain == gain_of(activation, "exact", activation.slope)
    assert activation.backward_gain == gain_of(activation, "backward", activation.slope)


@pytest.mark.parametrize("name", ["leaky_relu", "prelu", "rrelu"])
def test_the_listed_variance_gain_is_that_of_the_slope(name: str) -> None:
    """The formula in float64 gives the last bit of the listed gain."""
    activation = ACTIVATIONS[name]
    assert activation.slope is not None
    assert activation.variance_gain == gain_of(activation, "variance", activation.slope)


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.2, 0.3, 1.0, -0.4, -1.0, 7.0, 1e150])
def test_the_variance_gain_follows_the_slope(slope: float) -> None:
    """sqrt(1 / Var f) in 40 digits: Var f = (1 + a^2) / 2 - (1 - a)^2 / (2 pi)."""
    with workdps(40):
        a = mpf(slope)
        exact = 1 / sqrt((1 + a * a) / 2 - (1 - a) ** 2 / (2 * pi))
        assert abs(rectifier_variance_gain(slope) / exact - 1) < 4e-16


def test_the_variance_gain_of_known_slopes() -> None:
    """ReLU's, that of the linear activation and that of the absolute value."""
    for name, slope in (("relu", 0.0), ("linear", 1.0), ("abs", -1.0)):
        assert rectifier_variance_gain(slope) == ACTIVATIONS[name].variance_gain


def test_the_page_of_drafts_has_the_constants() -> None:
    """A and B, with which another program gets the same bits."""
    page = (Path(__file__).parents[2] / "docs" / "stream-v1-drafts.md").read_text(encoding="utf-8")
    stated = re.findall(r"pi - 1\) =\s+(0x1\.[0-9a-f]+p[-+]\d+)", page)
    used = [gains._TWO_PI_OVER_PI_LESS_1, gains._TWO_OVER_PI_LESS_1]
    with workdps(40):
        assert used == [float(2 * pi / (pi - 1)), float(2 / (pi - 1))]
    assert [float.fromhex(number) for number in stated] == used


def test_a_slope_beyond_float64_has_gain_0() -> None:
    """As for the exact gain, a^2 overflows, and the plan refuses the gain."""
    assert rectifier_variance_gain(1e200) == rectifier_gain(1e200) == 0.0
    assert rectifier_variance_gain(-1e200) == 0.0


def test_each_rule_is_its_own_number() -> None:
    """Sigmoid has four gains: exact, backward, PyTorch's 1, and that of its variance."""
    gains = [round(gain_of(ACTIVATIONS["sigmoid"], rule, 0.0), 6) for rule in GAIN_RULES]
    assert gains == [1.846229, 4.722646, 1.0, 4.801313]


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_pytorchs_rule_is_pytorchs_table(name: str) -> None:
    """The gain is that of calculate_gain. Where that raises, Fanin refuses and gives a hint."""
    activation = ACTIVATIONS[name]
    assert activation.pytorch_gain == PYTORCH.get(name)
    if name in PYTORCH:
        assert gain_of(activation, "pytorch", 0.01) == PYTORCH[name]
    else:
        with pytest.raises(ImpossibleError, match=f"no gain for {name}") as refusal:
            gain_of(activation, "pytorch", 0.01)
        assert refusal.value.reason == "no_pytorch_gain"
        hint = f"leave gain_rule out for the exact gain, which is {activation.gain:.6g}"
        assert refusal.value.problems[0].hint == hint


def test_an_unknown_rule_is_refused() -> None:
    """The hint names the rule that was meant."""
    with pytest.raises(UnreadableError) as refusal:
        gain_of(ACTIVATIONS["relu"], "Torch", 0.0)
    assert refusal.value.problems[0].hint == "write pytorch"
    assert refusal.value.problems[0].listing == "activations"


@pytest.mark.parametrize(
    ("scheme", "activation", "gain"),
    [
        ("glorot_normal", "relu", 1.0),
        ("he_normal", "linear", math.sqrt(2)),
        ("he_normal", "gelu", math.sqrt(2)),
        ("he_normal", "leaky_relu&negative_slope=0.5", math.sqrt(1.6)),
        ("he_normal", "prelu&negative_slope=0.5", math.sqrt(1.6)),
        ("variance_scaling", "linear", 1.0),
        ("variance_scaling", "leaky_relu&negative_slope=0.5", math.sqrt(1.6)),
        ("variance_scaling", "silu", 1.676532470331091),
        ("variance_scaling", "relu&gain_rule=variance", (0.5 - 0.5 / math.pi) ** -0.5),
        ("variance_scaling", "prelu&gain_rule=variance&negative_slope=1", 1.0),
    ],
)
def test_each_family_has_its_own_gain(scheme: str, activation: str, gain: float) -> None:
    """Glorot has 1, He the gain of (leaky) ReLU, variance scaling the activation's exact gain."""
    spec = parse_query(f"shape=8,8&scheme={scheme}&activation={activation}".encode())
    assert plan(spec, "npy", max_bytes=256).facts.gain == gain
