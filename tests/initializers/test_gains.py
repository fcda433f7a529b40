"""Gains by rule, and where a scheme's gain comes from."""

import math

import pytest

from service.errors import ImpossibleError, UnreadableError
from service.fields import parse_query
from service.initializers.activations import ACTIVATIONS
from service.initializers.gains import GAIN_RULES, gain_of, rectifier_gain
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


@pytest.mark.parametrize("name", ["leaky_relu", "prelu"])
@pytest.mark.parametrize("rule", ["exact", "backward"])
def test_only_leaky_activations_look_at_the_slope(name: str, rule: str) -> None:
    """Their gain is that of leaky ReLU with the request's slope. Others ignore the slope."""
    assert gain_of(ACTIVATIONS[name], rule, 0.5) == math.sqrt(1.6)
    assert gain_of(ACTIVATIONS["relu"], rule, 0.5) == math.sqrt(2)


@pytest.mark.parametrize("name", ["leaky_relu", "prelu"])
def test_the_listed_gain_of_a_leaky_activation_is_that_of_its_slope(name: str) -> None:
    """The listed gain is the gain that reaches the issued bytes."""
    activation = ACTIVATIONS[name]
    assert activation.slope is not None
    assert activation.gain == gain_of(activation, "exact", activation.slope)
    assert activation.backward_gain == gain_of(activation, "backward", activation.slope)


def test_each_rule_is_its_own_number() -> None:
    """Tanh has three gains: exact, backward, and PyTorch's 5/3."""
    gains = [gain_of(ACTIVATIONS["tanh"], rule, 0.0) for rule in GAIN_RULES]
    assert gains == [1.5925374197228315, 1.467413591630795, 5 / 3]


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
    ],
)
def test_each_family_has_its_own_gain(scheme: str, activation: str, gain: float) -> None:
    """Glorot has 1, He the gain of (leaky) ReLU, variance scaling the activation's exact gain."""
    spec = parse_query(f"shape=8,8&scheme={scheme}&activation={activation}".encode())
    assert plan(spec, "npy", max_bytes=256).facts.gain == gain
