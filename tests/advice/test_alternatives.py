"""Alternatives: at most four, each fits the layer, is issued, and says when to take it."""

import pytest

from service.advice import Recommendation
from tests.advice.asking import asked, fetched

QUERIES = [
    "shape=64,32,3,3&activation=relu&normalization=batch&std=0.02",
    "shape=64,64&activation=tanh",
    "shape=64,64&activation=tanh&depth=100",
    "shape=64,64&activation=sin&position=first",
    "shape=64,64&activation=sigmoid&dtype=bfloat16",
    "shape=10,64&input_activation=relu&activation=sigmoid&position=output",
    "shape=64,64&input_activation=gelu&residual=pre_norm&depth=8&position=branch_last",
    "shape=64,64&activation=gelu&depth=50",
    "shape=64,64&activation=relu&residual=norm_free&depth=8&position=branch_first",
    "shape=64,64&activation=relu&residual=post_norm&depth=8&position=branch_first",
    "shape=100,64&layer=embedding",
    "shape=100,64&role=position_embedding",
    "shape=64&fan_in=9",
    "shape=64&layer=bias&position=output",
    "shape=64&layer=bias&parts=4",
    "shape=64&role=norm_scale",
    "shape=64,64&layer=recurrent&activation=relu",
    "shape=64,3,7,7&activation=relu&position=first",
]


def names(answer: Recommendation) -> list[str]:
    """The schemes of the alternatives."""
    return [each.scheme for each in answer.alternatives]


@pytest.mark.parametrize("query", QUERIES)
def test_an_alternative_is_what_it_says(query: str) -> None:
    """Scheme, gain, std and limit of every one, at most four, and no two alike."""
    answer = asked(f"{query}&seed=1&name=a")
    found = answer.alternatives
    assert 1 <= len(found) <= 4
    assert len({each.weights_url for each in found} | {answer.weights_url}) == len(found) + 1
    for each in found:
        facts = fetched(each.weights_url).facts
        assert (each.scheme, each.distribution) == (facts.scheme, facts.distribution)
        assert (each.gain, each.std, each.limit) == (facts.gain, facts.std, facts.limit)
        assert each.what
        assert each.when


def test_no_two_have_the_same_values() -> None:
    """With equal fans, 2 / fan_out is 2 / fan_in, which is He's again."""
    answer = asked("shape=64,64&activation=relu")
    drawn = [(each.distribution, each.std) for each in answer.alternatives]
    drawn.append((answer.distribution, answer.std))
    assert len(drawn) == len(set(drawn))


SAME = [
    "shape=64,64&role=head&position=output&scheme=keras.constant",
    "shape=64,64&role=head&scheme=flux.zeros32",
    "shape=2,2&layer=recurrent&activation=gelu_tanh&scheme=burn.orthogonal",
    "shape=64,64&activation=relu&scheme=keras.he_uniform",
]


@pytest.mark.parametrize("query", SAME)
def test_another_name_for_the_same_values_is_no_alternative(query: str) -> None:
    """Constants, orthogonal matrices and presets are compared by what they draw."""
    answer = asked(query)
    urls = [answer.weights_url, *(each.weights_url for each in answer.alternatives)]
    plans = [fetched(url) for url in urls]
    draws = [plan.tensor.law.draw for plan in plans]
    assert all(draw not in draws[:index] for index, draw in enumerate(draws))


FITTING = [
    ("dirac", "shape=64,64&activation=relu", False),
    ("dirac", "shape=64,64,3,3&activation=relu", True),
    ("dirac", "shape=64,32,3,3&activation=relu", False),
    ("gabor", "shape=64,3,7,7&position=first", True),
    ("gabor", "shape=64,64,3,3", False),
    ("identity", "shape=64,64&activation=relu", False),
    ("identity", "shape=64,64&activation=relu&layer=recurrent", True),
    ("identity", "shape=64,64&activation=tanh&layer=recurrent", False),
    ("delta_orthogonal", "shape=64,64,3,3&activation=relu", True),
    ("delta_orthogonal", "shape=64,32,3,3&activation=relu", False),
    ("delta_orthogonal", "shape=64,16,3,3&groups=4&activation=relu", False),
    ("delta_orthogonal", "shape=64,1,3,3&layer=depthwise_conv2d&activation=relu", False),
    ("orthogonal", "shape=64,32&activation=tanh", False),
    ("dirac", "shape=64,64,3,3&activation=tanh", False),
    ("zeros", "shape=10,64&position=output&activation=relu", False),
    ("zeros", "shape=10,64&position=output&activation=linear", True),
    ("orthogonal", "shape=64,64,3,3&activation=relu", False),
    ("orthogonal", "shape=64,64&activation=relu", True),
    ("siren", "shape=64,64&activation=sin", True),
    ("siren_first", "shape=64,2&activation=sin&position=first", True),
    ("siren", "shape=64,64&activation=tanh", False),
    ("zeros", "shape=64,64&activation=relu", False),
    ("zeros", "shape=64,64&role=mlp_down&depth=2", True),
    ("zeros", "shape=64,64&role=head", True),
    ("zeros", "shape=64,64&role=mlp_up", False),
    ("gpt2_residual", "shape=64,64&role=mlp_down&depth=2", True),
    ("gpt2_residual", "shape=64,64&role=mlp_up&depth=2", False),
    ("forget_gate_bias", "shape=64&layer=bias&parts=4", True),
    ("forget_gate_bias", "shape=64&layer=bias", False),
    ("prior_bias", "shape=64&layer=bias&position=output", True),
    ("prior_bias", "shape=64&layer=bias", False),
    ("prior_bias", "shape=64&layer=bias&position=output&activation=softmax", False),
    ("gabor", "shape=64,3,16,16&role=patch_embedding", False),
    ("normal", "shape=64,64&role=mlp_up&base_fan_in=32", False),
    ("gpt2_residual", "shape=64,64&role=mlp_down&depth=2&base_fan_in=32", False),
    ("glorot_uniform", "shape=256,64&layer=recurrent&activation=tanh", False),
    ("sinusoidal_positions", "shape=64,64&role=position_embedding", True),
    ("sinusoidal_positions", "shape=64,64&role=embedding", False),
]


@pytest.mark.parametrize(("scheme", "query", "fits"), FITTING)
def test_an_alternative_fits_the_layer(scheme: str, query: str, fits: bool) -> None:
    """No Dirac kernel for a dense layer, no zeros where they keep units equal."""
    assert (scheme in names(asked(query))) == fits


@pytest.mark.parametrize(
    ("query", "offered"),
    [
        ("shape=64,64&role=mlp_up", True),
        ("shape=64,64&role=mlp_down&depth=2", True),
        ("shape=64,64&role=head", True),
        ("shape=64,64&role=head&activation=linear", False),
        ("shape=64,64&activation=relu", False),
        ("shape=64,64&activation=gelu&residual=norm_free&position=branch_first&depth=2", False),
    ],
)
def test_a_language_models_std_is_for_language_models(query: str, offered: bool) -> None:
    """0.02 for the weights of a block behind layer normalization, and a softmax head."""
    found = [each for each in asked(query).alternatives if "LLaMA" in each.what]
    assert (found != []) == offered


def test_an_alternative_keeps_the_factors_of_the_network() -> None:
    """DeepNorm's skip and muP's learning rate."""
    deep = asked("shape=64,64&role=mlp_down&activation=gelu&residual=post_norm&depth=8")
    assert all("skip" in each.multipliers for each in deep.alternatives)
    mup = asked("shape=64,64&activation=relu&base_fan_in=32")
    assert all(each.multipliers["learning_rate"] == 0.5 for each in mup.alternatives)


def test_torchvisions_resnet_is_offered() -> None:
    """He with fan_out, for a convolution behind which a batch normalization follows."""
    query = "shape=128,64,3,3&activation=relu&normalization=batch&residual=branch_norm"
    found = asked(f"{query}&position=branch_first").alternatives
    assert any("torchvision" in each.when for each in found)
    (each,) = (each for each in found if "torchvision" in each.when)
    assert each.std == pytest.approx((2 / (128 * 9)) ** 0.5)


def test_the_clients_own_choice_comes_first_and_once() -> None:
    """LeCun's normal on ReLU, say."""
    found = asked("shape=64,64&activation=relu&scheme=lecun_normal").alternatives
    assert (found[0].what, found[0].std) == ("your own choice", 0.125)
    assert [each.scheme for each in found].count("lecun_normal") == 1


def test_the_edge_of_chaos_tells_its_biases_as_a_number() -> None:
    """Its words, and a member for programs. The other alternatives have the recommended biases."""
    edge, *others = asked("shape=64,64&activation=tanh").alternatives
    assert edge.bias_std is not None
    assert f"biases of std {edge.bias_std:.6g}" in edge.what
    assert others
    assert all(each.bias_std is None for each in others)


def test_tanh_has_its_edge_of_chaos() -> None:
    """Gain 1.4674 with biases of std 0.3885 (sqrt(0.15097)); a deep stack has it recommended."""
    whats = [each.what for each in asked("shape=64,64&activation=tanh").alternatives]
    assert any("gain 1.46741 with biases of std 0.388542" in what for what in whats)
    deep = asked("shape=64,64&activation=tanh&depth=100").alternatives
    assert "gain 1.59254 without biases" in deep[0].what


@pytest.mark.parametrize("activation", ["gelu", "silu", "mish"])
def test_an_unstable_edge_is_not_offered(activation: str) -> None:
    """At the edge of chaos dV/dq is still 1.07, 1.10 and 1.02 (science of the fixed points)."""
    found = asked(f"shape=64,64&activation={activation}&depth=50").alternatives
    assert not any("edge of chaos" in each.what for each in found)
    assert any("POST /calibrate" in each.what for each in found)


def test_depth_transfer_is_advice_with_its_multipliers() -> None:
    """depth-muP and CompleteP scale the branch and the learning rate, not the weights."""
    answer = asked("shape=64,64&role=mlp_down&activation=gelu&depth=16")
    (found,) = (each for each in answer.alternatives if "depth-muP" in each.what)
    assert found.multipliers == {
        "depth_mup_branch": 0.25,
        "depth_mup_learning_rate": 0.25,
        "complete_p_branch": 0.0625,
        "complete_p_learning_rate": 1.0,
    }
    assert found.std == pytest.approx(answer.std * 32**0.5)


def test_implicit_networks_are_shown_siren() -> None:
    """1/n for the first layer, sqrt(6/n)/30 for the others."""
    for position, limit in (("first", 1 / 64), ("hidden", (6 / 64) ** 0.5 / 30)):
        answer = asked(f"shape=64,64&activation=sin&position={position}")
        siren = next(each for each in answer.alternatives if each.what.startswith("SIREN"))
        assert siren.limit == pytest.approx(limit)


def test_an_alternative_that_cannot_be_issued_is_left_out() -> None:
    """An orthogonal matrix has at most 2^26 elements."""
    assert "orthogonal" in names(asked("shape=8192,8192&activation=relu"))
    assert "orthogonal" not in names(asked("shape=8192,8193&activation=relu"))
