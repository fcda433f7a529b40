"""The questions that this project began with, asked over HTTP and answered with numbers."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.application import ask, serving
from tests.server import Address


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving(warm_up=lambda: None) as address:
        yield address


def asked(address: Address, query: str) -> Any:
    """The recommendation for a query."""
    answer = ask(address, f"/recommend?{query}")
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def alternatives(answer: Any) -> dict[str, Any]:
    """The alternatives by their names, the first of each."""
    return {each["scheme"]: each for each in reversed(answer["alternatives"])}


def codes(answer: Any) -> set[str]:
    return {each["code"] for each in answer["warnings"]}


def test_one_the_fans_of_a_kernel_are_not_its_channels(address: Address) -> None:
    """A 5,5,3,8 kernel has fans 75 and 200, not 3, and Glorot's std is sqrt(2/275)."""
    answer = asked(address, "shape=5,5,3,8&layout=HWIO&activation=linear&name=w")
    assert (answer["fan_in"], answer["fan_out"]) == (75, 200)
    assert answer["scheme"] == "glorot_uniform"
    assert answer["std"] == pytest.approx(math.sqrt(2 / 275))
    assert answer["limit"] == pytest.approx(math.sqrt(6 / 275))
    assert answer["warnings"] == []


def test_one_a_sigmoid_head_on_relu_features_is_scaled_down(address: Address) -> None:
    """Half of He's gain makes logits of variance 1/4. The warning covers larger features."""
    query = (
        "input_activation=relu&activation=sigmoid&position=output&shape=1,512&layer=dense&name=w"
    )
    answer = asked(address, query)
    assert answer["std"] == pytest.approx(0.5 * math.sqrt(2 / 512))
    assert codes(answer) == {"saturating_head"}
    (warning,) = answer["warnings"]
    assert "the recommended std of 0.03125" in warning["message"]
    assert "0.5 / sqrt(512 E[x^2])" in warning["message"]
    assert answer["equation"] == ("Var(y) = fan_in std^2 E[x^2] = 512 x 0.000976563 x 0.5 = 0.25")
    assert "zeros" in alternatives(answer)
    assert any("scheme prior_bias" in reason for reason in answer["rationale"])


def test_two_each_activation_has_its_scheme(address: Address) -> None:
    """Glorot for tanh, with the gain that keeps its variance, and sigmoid; He for ReLU."""
    chosen = {}
    for activation in ("tanh", "sigmoid", "relu"):
        answer = asked(address, f"shape=256,256&activation={activation}")
        chosen[activation] = (answer["scheme"], round(answer["gain"], 4))
        number = "sqrt(3 / fan_avg)" if answer["distribution"] == "uniform" else "/ sqrt(fan_in)"
        assert f"= gain {number} = " in answer["decision"]
        assert answer["std"] == pytest.approx(answer["gain"] / 16)
    assert chosen == {
        "tanh": ("glorot_uniform", 1.5925),
        "sigmoid": ("glorot_uniform", 1.0),
        "relu": ("he_normal", 1.4142),
    }


VARIANCES = [
    ("activation=selu", "lecun_normal", 1 / 300),
    ("activation=linear", "glorot_uniform", 2 / (300 + 100)),
    ("activation=relu", "he_normal", 2 / 300),
]


@pytest.mark.parametrize(("query", "scheme", "variance"), VARIANCES)
def test_three_the_three_variances_and_their_limits(
    address: Address, query: str, scheme: str, variance: float
) -> None:
    """1/n_in, 2/(n_in + n_out) and 2/n_in, each with sqrt(3) std as the uniform's limit."""
    answer = asked(address, f"shape=100,300&{query}&distribution=uniform")
    assert answer["std"] == pytest.approx(math.sqrt(variance))
    assert answer["limit"] == pytest.approx(math.sqrt(3 * variance))
    assert "limit = gain sqrt(3 / fan_" in answer["decision"]
    assert scheme.partition("_")[0] in answer["scheme"]


def test_three_why_not_glorot_with_relu(address: Address) -> None:
    """It halves the variance in each layer: 2^-30 after thirty."""
    answer = asked(address, "shape=256,256&activation=relu&depth=30")
    (reason,) = (line for line in answer["rationale"] if line.startswith("Glorot"))
    assert "keeps 0.5 of the variance, which leaves 9.31e-10 after 30 layers" in reason
    compared = asked(address, "shape=256,256&activation=relu&depth=30&scheme=glorot_uniform")
    assert compared["compared"]["after_depth"] == pytest.approx(2**-30)


@pytest.mark.parametrize(("mode", "number"), [("fan_in", 300), ("fan_out", 100), ("fan_avg", 200)])
def test_four_n_is_a_fan_or_their_average(address: Address, mode: str, number: int) -> None:
    """std sqrt(1/n) or sqrt(2/n), limit sqrt(3/n) or sqrt(6/n), for the mode that is asked for."""
    for gain, squared in (("1", 1), ("1.4142135623730951", 2)):
        query = f"shape=100,300&mode={mode}&gain={gain}&distribution=uniform"
        compared = asked(address, query)["compared"]
        assert compared["std"] == pytest.approx(math.sqrt(squared / number))
        certificate = ask(address, compared["weights_url"].replace(".npy", ".json"))
        limit = json.loads(certificate.body)["limit"]
        assert limit == pytest.approx(math.sqrt(3 * squared / number))


def test_four_batch_norm_lowers_the_stakes(address: Address) -> None:
    """std 0.01 will do, and is an alternative with a URL."""
    answer = asked(address, "shape=64,32,3,3&activation=relu&normalization=batch")
    reasons = " ".join(answer["rationale"])
    assert "batch normalization divides by the std of the output" in reasons
    assert "a std of 0.01 will do" in reasons
    small = alternatives(answer)["normal"]
    assert small["std"] == 0.01
    assert "0.01 will do" in small["when"]
    assert small["weights_url"] == "/v1/weights.npy?shape=64,32,3,3&scheme=normal&std=0.01"


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("dirac", "shape=64,64,3,3&activation=relu"),
        ("delta_orthogonal", "shape=64,64,3,3&activation=relu"),
        ("identity", "shape=64,64&layer=recurrent&activation=relu"),
        ("gabor", "shape=64,3,7,7&position=first&activation=relu"),
        ("zeros", "shape=10,64&position=output&input_activation=relu&activation=softmax"),
    ],
)
def test_four_other_starts_are_offered_where_they_fit(
    address: Address, name: str, query: str
) -> None:
    """Each says when to take it, and is served."""
    alternative = alternatives(asked(address, query))[name]
    assert alternative["when"]
    assert ask(address, alternative["weights_url"].replace(".npy", ".json")).status == 200


def test_five_zeros_are_for_biases(address: Address) -> None:
    """Zeros on a weight give a warning of symmetry. The recommended bias is zeros."""
    answer = asked(address, "shape=64,32,3,3&layout=torch&activation=relu&scheme=zeros&name=w")
    assert codes(answer) == {"symmetry"}
    assert answer["bias"] == {"scheme": "zeros", "value": 0.0, "std": 0.0}
    assert asked(address, "shape=64")["scheme"] == "zeros"


@pytest.mark.parametrize("std", [0.005, 0.01])
def test_five_a_std_picked_by_hand_is_served_and_compared(address: Address, std: float) -> None:
    """Beside the recommended one, with its own URL; a known filter is an alternative."""
    query = f"shape=64,32,3,3&activation=relu&std={std}&depth=20&name=w&seed=1"
    answer = asked(address, query)
    compared = answer["compared"]
    assert compared["std"] == std
    assert compared["recommended_std"] == answer["std"] == pytest.approx(math.sqrt(2 / 288))
    assert compared["per_layer_factor"] == pytest.approx(144 * std**2)
    assert compared["after_depth"] == pytest.approx((144 * std**2) ** 20)
    served = ask(address, compared["weights_url"].replace(".npy", ".json"))
    assert json.loads(served.body)["std"] == std
    assert answer["alternatives"][0]["weights_url"] == compared["weights_url"]
