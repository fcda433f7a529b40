"""Every activation with every gain rule, and every recommendation for one, over real sockets."""

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest

from service.initializers.activations import ACTIVATIONS
from service.initializers.gains import GAIN_RULES, gain_of
from tests.application import ask, problem, ready
from tests.server import Address


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.mark.parametrize("rule", GAIN_RULES)
def test_every_activation_has_a_gain_or_a_hint(address: Address, rule: str) -> None:
    """The std is that of the gain. PyTorch's rule is refused where PyTorch has no gain."""
    for name, activation in ACTIVATIONS.items():
        query = (
            f"shape=4,9&scheme=variance_scaling&activation={name}&gain_rule={rule}&seed=1&name=a"
        )
        answer = ask(address, f"/v1/weights.json?{query}")
        if rule == "pytorch" and activation.pytorch_gain is None:
            refused = problem(answer)
            assert (answer.status, refused["reason"]) == (422, "no_pytorch_gain"), name
            assert refused["errors"][0]["hint"].startswith("leave gain_rule out"), name
            continue
        assert answer.status == 200, (name, answer.body)
        gain = gain_of(activation, rule, activation.slope or 0.0)
        assert json.loads(answer.body)["std"] == gain * math.sqrt(1 / 9), name


def test_the_variance_rule_scales_the_same_draw(address: Address) -> None:
    """The values with gain_rule=variance are those with the gain given as a number."""
    one, other = (
        ask(address, f"/v1/weights.raw?shape=4,9&scheme={scheme}&seed=1&name=a").body
        for scheme in (
            "variance_scaling&activation=prelu&gain_rule=variance&negative_slope=0.2",
            f"lecun_normal&gain={gain_of(ACTIVATIONS['prelu'], 'variance', 0.2)!r}",
        )
    )
    assert one == other
    assert np.frombuffer(one, np.float32).std() > 0


@pytest.mark.parametrize(
    ("query", "is_draft"),
    [
        ("activation=relu&gain_rule=variance", True),
        ("activation=squareplus", True),
        ("activation=squareplus&gain_rule=backward", True),
        ("activation=relu&gain_rule=backward", False),
        ("activation=relu&gain_rule=exact", False),
    ],
)
def test_new_words_are_drafts(address: Address, query: str, is_draft: bool) -> None:
    """The rule and the rows; what was there before stays frozen."""
    answer = ask(
        address, f"/v1/weights.raw?shape=4,9&scheme=variance_scaling&{query}&seed=1&name=a"
    )
    assert answer.status == 200
    assert (answer.headers.get("weights-status") == "draft") == is_draft


@pytest.mark.parametrize("slope", ["1e200", "-1e200"])
@pytest.mark.parametrize("rule", ["exact", "variance"])
def test_a_slope_without_a_gain_is_refused(address: Address, rule: str, slope: str) -> None:
    """a^2 overflows, so the gain would be 0."""
    query = f"shape=4,9&scheme=variance_scaling&negative_slope={slope}&gain_rule={rule}"
    answer = ask(address, f"/v1/weights.json?{query}&seed=1&name=a")
    assert (answer.status, problem(answer)["reason"]) == (422, "out_of_range")


@pytest.mark.parametrize("scheme", ["auto", "he_normal", "glorot_uniform", "orthogonal"])
def test_every_activation_goes_with_a_scheme(address: Address, scheme: str) -> None:
    """`auto` is defined for each, and the others take each as a description of the layer."""
    for name in ACTIVATIONS:
        target = f"/v1/weights.raw?shape=6,4&layer=dense&scheme={scheme}&activation={name}"
        answer = ask(address, f"{target}&seed=1&name=a")
        assert (answer.status, len(answer.body)) == (200, 96), (name, answer.body)


POSITIONS = ("first", "hidden", "output")
NETWORKS = (
    "",
    "&normalization=batch",
    "&depth=40",
    "&residual=pre_norm&depth=12",
    "&layer=recurrent",
)


@pytest.mark.parametrize("position", POSITIONS)
def test_every_activation_has_a_recommendation(address: Address, position: str) -> None:
    """Before and after the layer, in each position, and its URL can be asked for."""
    for name in ACTIVATIONS:
        for network in NETWORKS:
            for role in ("activation", "input_activation"):
                target = f"/recommend?shape=64,64&position={position}&{role}={name}{network}"
                answer = ask(address, target)
                assert answer.status == 200, (target, answer.body)
        told = json.loads(ask(address, f"/recommend?shape=8,8&activation={name}").body)
        issued = ask(address, f"{told['weights_url']}&seed=1")
        assert issued.status == 200, (name, told["weights_url"])


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_a_hidden_layer_gets_a_gain_that_keeps_the_variance(address: Address, name: str) -> None:
    """n Var(w) E f^2 = 1 in a square hidden layer; sigmoids get Glorot's gain 1 and a warning."""
    told = json.loads(ask(address, f"/recommend?shape=64,64&activation={name}").body)
    activation = ACTIVATIONS[name]
    factor = 64 * told["std"] ** 2 * activation.second_moment
    if activation.family == "sigmoid":
        assert told["gain"] == 1
    else:
        assert factor == pytest.approx(1, rel=1e-6)
    codes = [warning["code"] for warning in told["warnings"]]
    ratio = activation.derivative_moment / activation.second_moment
    assert ("no_critical_point" in codes) == (ratio < 1 - 1e-6)
