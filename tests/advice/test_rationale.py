"""What a person reads: the decision, its equation, and at most five sentences of reasons."""

import pytest

from tests.advice.asking import asked

DECISIONS = [
    (
        "shape=64,3,7,7&activation=relu",
        "Use he_normal: N(0, std^2) with std = gain / sqrt(fan_in) = 1.41421 / sqrt(147) = "
        "0.116642, with biases of 0.",
        "Var(y) = fan_in std^2 E[x^2] = 147 x 0.0136054 x 0.5 = 1",
    ),
    (
        "shape=100,300&activation=linear",
        "Use glorot_uniform: U(-limit, limit) with limit = gain sqrt(3 / fan_avg) = 1 sqrt(3 / "
        "200) = 0.122474, so the std is 0.0707107, with biases of 0.",
        "Var(y) = fan_in std^2 E[x^2] = 300 x 0.005 x 1 = 1.5",
    ),
    ("shape=64&layer=scale", "Use ones: every value is 1.", None),
    ("shape=1000,64&layer=embedding", "Use normal: N(0, std^2) with std 1.", None),
    (
        "shape=64,64&activation=tanh&depth=50",
        "Use orthogonal: orthogonal rows or columns times gain 1.46741, so the std is 0.183427, "
        "with biases from N(0, 0.388542^2).",
        "Var(y) = fan_in std^2 E[x^2] + Var(b) = 64 x 0.0336454 x 0.394294 + 0.150965 = 1",
    ),
    (
        "shape=64,64&role=attention_output",
        "Use lecun_normal: N(0, std^2) with std = gain / sqrt(fan_in) = 1 / sqrt(64) = 0.125, "
        "with biases of 0.",
        "Var(y) = fan_in std^2 E[x^2] = 64 x 0.015625 x 1 = 1",
    ),
    ("shape=64,64&residual=norm_free&position=branch_last", "Use zeros: every value is 0", None),
]


@pytest.mark.parametrize(("query", "decision", "equation"), DECISIONS)
def test_the_decision_is_one_sentence_with_its_numbers(
    query: str, decision: str, equation: str | None
) -> None:
    """And the equation has the numbers of the same layer."""
    answer = asked(query)
    assert answer.decision.startswith(decision)
    assert answer.equation == equation


def test_the_rule_comes_first_and_the_branches_after_it() -> None:
    """A GPT's c_proj: the gain of gelu, then the share of 48 branches."""
    reasons = asked("shape=64,64&role=mlp_down&activation=gelu&depth=24").rationale
    assert reasons[0] == "Gain 1.53353 = E[gelu(z)^2]^-1/2 keeps a unit variance through gelu."
    assert "one of 48 branches, so its gain is divided by sqrt(48)" in reasons[1]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("activation=gelu", "from 1 by 1.144, so more than a few layers need a normalization"),
        (
            "activation=elu",
            "by 0.891, so the variance is stable, while that of gradients changes by 1.036",
        ),
        (
            "activation=tanh",
            "chi_1 = gain^2 E[f'^2] = 1.17781 a layer, to 115 from layer 30 back to layer 1.",
        ),
        ("activation=relu&normalization=batch", "and a std of 0.01 will do"),
        ("activation=relu&depth=30", "95 of 100 networks of 30 layers"),
        ("activation=relu&normalization=layer", "taken for the output of layer normalization"),
        ("activation=softmax&position=output", "add input_activation=relu"),
        ("activation=softmax&position=output&input_activation=relu", "ln p for a class"),
        ("activation=sigmoid&position=output&input_activation=relu", "ln(p / (1 - p)) for an"),
        ("activation=selu&depth=200", "while that of gradients changes by 1.072 a layer"),
        ("activation=relu", "fan_out std^2 E[f'^2] = 256 x 0.0078125 x 0.5 = 1"),
    ],
)
def test_a_reason_is_given_where_it_applies(query: str, told: str) -> None:
    """The stability of the fixed point, gradients, the norm, finite width, what was assumed."""
    assert any(told in reason for reason in asked(f"shape=256,256&{query}").rationale)


def test_what_is_said_is_not_assumed() -> None:
    """A given activation on the input is no assumption."""
    query = "shape=64,64&normalization=layer&activation=relu&input_activation=linear"
    assert not any("is taken for" in reason for reason in asked(query).rationale)


NOT_SAID = [
    ("shape=10,64&position=output&activation=linear", "The bias is 0, or"),
    ("shape=64,64&position=output&normalization=batch", "batch normalization"),
    ("shape=64,64,3,3&residual=pre_norm&position=branch_last&depth=8", "batch normalization"),
    ("shape=64,64,3,3&residual=norm_free&position=branch_first&depth=8", "batch normalization"),
    ("shape=64,64,3,3&activation=relu&depth=50", "95 of 100 networks"),
    ("shape=64,64&role=mlp_gate&activation=swiglu", "Backward"),
    ("shape=64,64&activation=swiglu&input_activation=swiglu", "gate and up projections"),
    ("shape=64,64,1,1&residual=branch_norm&position=branch_last&activation=relu", "taken for"),
    ("shape=64,64&residual=norm_free&position=branch_last&activation=relu&depth=2", "taken for"),
    ("shape=64,64&residual=post_norm&position=branch_last&activation=relu&depth=2", "taken for"),
    ("shape=1024,256&layer=recurrent&parts=4&activation=tanh", "add parts"),
    ("shape=512,64&layer=recurrent&parts=4&activation=tanh", "add parts"),
    ("shape=10,512&position=output&activation=tanh", "Glorot"),
]


@pytest.mark.parametrize(("query", "text"), NOT_SAID)
def test_a_reason_is_left_out_where_it_is_not_true(query: str, text: str) -> None:
    """No norm behind the end of a pre-norm branch, no classes, no halves, no dense layers."""
    assert not any(text in reason for reason in asked(query).rationale)


def test_a_norm_behind_the_layer_is_told_of() -> None:
    """The same layers where one follows: within a branch, and at the end of branch_norm."""
    for more in (
        "residual=pre_norm&position=branch_first",
        "residual=branch_norm&position=branch_last",
    ):
        query = f"shape=64,64,3,3&activation=relu&normalization=batch&depth=8&{more}"
        assert any(
            "Behind the layer batch normalization" in reason for reason in asked(query).rationale
        )


def test_relu_has_no_slope_to_speak_of() -> None:
    """The formula with the slope is that of leaky ReLU."""
    assert "so gain^2 = 1 / 0.5 = 2." in asked("shape=64,64&activation=relu").rationale[0]
    assert "(1 + a^2)" in asked("shape=64,64&activation=leaky_relu").rationale[0]


def test_a_sine_layer_counts_its_frequency() -> None:
    """sin(30 (W x + b)): 900 x 64 x (6 / 64 / 900 / 3) x E[sin^2] = 2 x 0.432332."""
    answer = asked("shape=64,64&activation=sin&omega=30")
    assert (answer.scheme, answer.gain) == ("siren", None)
    assert (answer.equation or "").startswith("Var(y) = omega^2 fan_in std^2 E[x^2] = 900 x 64 x")
    assert (answer.equation or "").endswith(" = 0.864665")
    own = asked("shape=64,64&activation=sin&scheme=siren")
    assert own.weights_url == answer.weights_url
    assert own.compared is not None
    assert own.compared.per_layer_factor == pytest.approx(0.864665, rel=1e-6)
    assert asked("shape=64,2&activation=sin&omega=30&position=first").scheme == "siren_first"
    assert asked("shape=3,64&input_activation=sin&omega=30&position=output").scheme == "siren"


def test_a_start_for_calibration_is_called_one() -> None:
    """In the first sentence."""
    text = asked("shape=64,64&activation=gelu&depth=50").decision
    assert text.startswith("Use variance_scaling as a start for calibration: N(0, std^2)")
    assert "calibration" not in asked("shape=64,64&activation=gelu").decision
