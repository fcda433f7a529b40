"""Which scheme, gain and mode each layer gets."""

import itertools
import json
import math

import pytest

from service.advice.question import NORMALIZATIONS, POSITIONS, RESIDUALS
from service.errors import ImpossibleError
from service.initializers.activations import ACTIVATIONS
from tests.advice.asking import asked, codes, fetched

ROOT_2 = math.sqrt(2)

CHOSEN = [
    ("activation=relu", "he_normal", "fan_in", ROOT_2, "exact"),
    ("activation=relu6", "he_normal", "fan_in", ROOT_2, "exact"),
    ("activation=leaky_relu&negative_slope=0.5", "he_normal", "fan_in", math.sqrt(1.6), "exact"),
    ("activation=prelu", "he_normal", "fan_in", math.sqrt(2 / 1.0625), "exact"),
    ("activation=selu", "lecun_normal", "fan_in", 1.0, "exact"),
    ("activation=elu", "variance_scaling", "fan_in", 1.245198, "exact"),
    ("activation=tanh", "glorot_uniform", "fan_avg", 1.592537, "exact"),
    ("activation=erf", "glorot_uniform", "fan_avg", 1.467167, "exact"),
    ("activation=softsign", "glorot_uniform", "fan_avg", 2.337533, "exact"),
    ("activation=sin", "glorot_uniform", "fan_avg", 1.520867, "exact"),
    ("activation=hardtanh", "glorot_uniform", "fan_avg", 1.392036, "exact"),
    ("activation=sigmoid", "glorot_uniform", "fan_avg", 1.0, "one"),
    ("activation=softplus", "variance_scaling", "fan_in", 1.041867, "exact"),
    ("activation=gelu", "variance_scaling", "fan_in", 1.533530, "exact"),
    ("activation=silu", "variance_scaling", "fan_in", 1.676532, "exact"),
    ("input_activation=swiglu", "variance_scaling", "fan_in", 1.676532, "exact"),
    ("input_activation=geglu", "variance_scaling", "fan_in", 1.533530, "exact"),
    ("activation=linear", "glorot_uniform", "fan_avg", 1.0, "exact"),
    ("activation=relu&position=first", "lecun_normal", "fan_in", 1.0, "exact"),
    ("activation=softmax&position=output", "glorot_uniform", "fan_avg", 1.0, "exact"),
    ("activation=sigmoid&position=output", "glorot_uniform", "fan_avg", 1.0, "exact"),
    ("layer=recurrent&activation=tanh", "lecun_normal", "fan_in", 1.0, "one"),
]


@pytest.mark.parametrize(("query", "scheme", "mode", "gain", "rule"), CHOSEN)
def test_the_activation_on_the_input_decides(
    query: str, scheme: str, mode: str, gain: float, rule: str
) -> None:
    """Scheme, fan and gain, and the std that follows from them for 256 inputs, 64 outputs."""
    answer = asked(f"shape=64,256&{query}")
    assert (answer.scheme, answer.mode, answer.gain_rule) == (scheme, mode, rule)
    assert answer.gain == pytest.approx(gain, abs=6e-7)
    number = {"fan_in": 256, "fan_avg": 160}[mode]
    assert answer.std == pytest.approx(gain / math.sqrt(number), rel=1e-6)


def test_what_the_layer_feeds_does_not_move_the_forward_gain() -> None:
    """He's argument: input_activation sets the forward gain, activation the backward gain."""
    answer = asked("shape=64,256&input_activation=relu&activation=tanh")
    assert (answer.scheme, answer.gain) == ("he_normal", ROOT_2)
    backward = next(each for each in answer.alternatives if "variance of gradients" in each.what)
    assert backward.gain == ACTIVATIONS["tanh"].backward_gain


@pytest.mark.parametrize(
    ("layer", "scheme", "value"), [("bias", "zeros", 0.0), ("scale", "ones", 1.0)]
)
def test_biases_and_scales_are_constants(layer: str, scheme: str, value: float) -> None:
    """They need no seed, so their URL has none."""
    answer = asked(f"shape=64&layer={layer}&activation=relu&seed=1&name=a")
    assert (answer.scheme, answer.mean, answer.std) == (scheme, value, 0.0)
    assert answer.weights_url.endswith(f"&scheme={scheme}")
    assert answer.fan_in is None


def test_an_embedding_has_unit_rows_of_features() -> None:
    """n = 1, so std 1. The alternatives have 0.02 and 1/sqrt(fan_out)."""
    answer = asked("shape=1000,64&layer=embedding")
    assert (answer.scheme, answer.std, answer.fan_in) == ("normal", 1.0, 1)
    assert [each.std for each in answer.alternatives] == [0.02, 0.125]


@pytest.mark.parametrize("activation", ["relu", "gelu", "swiglu", "softplus", "elu"])
def test_a_head_of_unbounded_features_is_scaled_down(activation: str) -> None:
    """Half the gain that keeps the variance: logits of variance 1/4, for sigmoid and softmax."""
    for head in ("sigmoid", "softmax"):
        answer = asked(
            f"shape=10,512&input_activation={activation}&activation={head}&position=output"
        )
        assert answer.gain == ACTIVATIONS[activation].gain / 2
        moment = ACTIVATIONS[activation].second_moment
        assert 512 * answer.std**2 * moment == pytest.approx(0.25)
        assert codes(answer) == ["saturating_head"]


def test_pre_norm_shares_the_variance_among_the_writes() -> None:
    """12 blocks add 24 branches: He's gain / sqrt(24). Not in the head, nor without a depth."""
    query = "shape=64,256&input_activation=relu&residual=pre_norm"
    answer = asked(f"{query}&depth=12")
    assert (answer.gain, answer.gain_rule) == (ROOT_2 * math.sqrt(1 / 24), "residual")
    assert asked(f"{query}&depth=12&position=output").gain == ROOT_2
    without = asked(query)
    assert (without.gain, codes(without)) == (ROOT_2, ["depth_missing"])


def test_post_norm_is_deep_norm() -> None:
    """Glorot with gain (8 N)^-1/4. The reason has the factor (2 N)^1/4 of the skip."""
    answer = asked("shape=64,256&activation=relu&residual=post_norm&depth=18")
    assert (answer.scheme, answer.gain_rule) == ("glorot_normal", "deep_norm")
    assert answer.gain == pytest.approx(144**-0.25)
    assert "2.44949 x + f(x)" in answer.rationale[0]


def test_a_wished_distribution_is_followed() -> None:
    """The same std as normal, truncated normal and uniform; limit sqrt(3) std."""
    query = "shape=64,256&activation=relu&distribution="
    normal, cut, flat = (asked(query + kind) for kind in ("normal", "truncated_normal", "uniform"))
    assert normal.std == cut.std == flat.std
    assert (normal.scheme, cut.scheme, flat.scheme) == ("he_normal", "he_normal", "he_uniform")
    assert (normal.bounds, cut.bounds, flat.bounds) == (None, (-2.0, 2.0), None)
    assert flat.limit == pytest.approx(math.sqrt(6 / 256))


def test_glorot_counts_a_fan_that_is_a_fraction() -> None:
    """3 outputs of a 3 x 3 kernel under stride 2: 27 / 4 outputs are fed by an input."""
    answer = asked("shape=3,8,3,3&stride=2&activation=tanh")
    assert (answer.scheme, answer.fan_in, answer.fan_out) == ("glorot_uniform", 72, 6.75)
    assert answer.gain == ACTIVATIONS["tanh"].gain


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_description_has_an_answer(activation: str) -> None:
    """Each normalization, residual and position: reasons, bias, references, and JSON's numbers."""
    everything = itertools.product(NORMALIZATIONS, RESIDUALS, POSITIONS, ("", "&depth=40"))
    for normalization, residual, position, depth in everything:
        answer = asked(
            f"shape=64,64&activation={activation}&normalization={normalization}"
            f"&residual={residual}&position={position}{depth}"
        )
        assert answer.rationale[0]
        assert answer.references
        assert answer.bias.scheme == "zeros"
        assert "Var(y) = n Var(w) E[x^2] = 64 x " in answer.rationale[1]
        json.dumps(answer.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("shape=scalar", "no_fan"),
        ("shape=8,0", "zero_fan"),
        ("shape=8,4&layout=OIHW", "layout_mismatch"),
        ("shape=8,4,3,3&activation=relu&std=-1", "not_positive"),
        ("shape=8,3,5,5&groups=3", "impossible_groups"),
        ("shape=8,14336,4096&activation=relu", "ambiguous_axes"),
        ("shape=8,4&activation=relu&negative_slope=0.1", "slope_not_taken"),
        ("shape=8,4&scheme=zeros&std=1", "scheme_field"),
        ("shape=8,4&std=1&gain=1", "scheme_field"),
        ("shape=8,4&activation=leaky_relu&negative_slope=1e200", "out_of_range"),
        ("shape=16777216,16777216", "too_large"),
    ],
)
def test_what_cannot_be_issued_is_not_recommended(query: str, reason: str) -> None:
    """Refused as on the byte routes, the client's own choice included."""
    with pytest.raises(ImpossibleError) as refused:
        asked(query)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("query", "written"),
    [("dtype=bfloat16", "safetensors"), ("dtype=bfloat16&order=F", "raw"), ("order=F", "npy")],
)
def test_the_url_is_of_a_format_that_carries_the_tensor(query: str, written: str) -> None:
    """npy if it can carry the tensor, else safetensors, else raw."""
    answer = asked(f"shape=8,4&activation=relu&{query}")
    assert answer.weights_url.startswith(f"/v1/weights.{written}?")
    assert fetched(answer.weights_url).facts.std == answer.std
