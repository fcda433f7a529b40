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
    ("activation=softmax&position=output", "variance_scaling", "fan_in", 0.5, "head"),
    ("activation=sigmoid&position=output", "variance_scaling", "fan_in", 0.5, "head"),
    (
        "input_activation=tanh&activation=softmax&position=output",
        "variance_scaling",
        "fan_in",
        1.592537 / 2,
        "head",
    ),
    ("activation=linear&position=output", "lecun_normal", "fan_in", 1.0, "exact"),
    ("activation=tanh&position=output", "variance_scaling", "fan_in", 1.592537, "exact"),
    (
        "residual=pre_norm&position=branch_first&activation=gelu",
        "lecun_normal",
        "fan_in",
        1.0,
        "exact",
    ),
    (
        "residual=norm_free&position=branch_first&activation=gelu",
        "variance_scaling",
        "fan_in",
        1.533530,
        "exact",
    ),
    ("layer=recurrent&activation=tanh", "lecun_normal", "fan_in", 1.0, "one"),
    ("normalization=layer&activation=relu", "lecun_normal", "fan_in", 1.0, "exact"),
    ("normalization=batch&activation=relu", "he_normal", "fan_in", ROOT_2, "exact"),
    ("role=mlp_down&activation=swiglu", "variance_scaling", "fan_in", 1.676532, "exact"),
    ("role=mlp_gate&activation=swiglu", "lecun_normal", "fan_in", 1.0, "exact"),
    ("role=mlp_up&activation=gelu", "lecun_normal", "fan_in", 1.0, "exact"),
    ("role=head", "variance_scaling", "fan_in", 0.5, "head"),
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
    assert asked("shape=1000,64&role=embedding").weights_url == answer.weights_url
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


PRE_NORM = "shape=64,256&input_activation=relu&residual=pre_norm&depth=12"


def test_only_the_last_weight_of_a_pre_norm_branch_is_scaled() -> None:
    """12 blocks have 24 branches: He's gain / sqrt(24), and no other weight of a block has it."""
    answer = asked(f"{PRE_NORM}&position=branch_last")
    assert (answer.gain, answer.gain_rule) == (ROOT_2 * math.sqrt(1 / 24), "residual")
    for position in ("branch_first", "hidden", "output", "first"):
        assert asked(f"{PRE_NORM}&position={position}").gain == ROOT_2
    assert asked(PRE_NORM).gain == ROOT_2


@pytest.mark.parametrize(("more", "branches"), [("", 2), ("&branches=1", 1), ("&branches=3", 3)])
def test_a_block_has_as_many_branches_as_the_question_says(more: str, branches: int) -> None:
    """Two in a Transformer's block, one in Mamba's."""
    gain = asked(f"{PRE_NORM}&position=branch_last{more}").gain
    assert gain == ROOT_2 * math.sqrt(1 / (12 * branches))


def test_a_block_of_convolutions_has_one_branch() -> None:
    """16 residual blocks of a ResNet add 16 branches."""
    query = "shape=64,64,3,3&activation=relu&residual=pre_norm&position=branch_last&depth=16"
    assert asked(query).gain == ROOT_2 / 4


def test_without_a_depth_a_branch_is_not_scaled_and_warned_of() -> None:
    """The gain depends on the depth."""
    without = asked("shape=64,256&input_activation=relu&residual=pre_norm&position=branch_last")
    assert (without.gain, codes(without)) == (ROOT_2, ["depth_missing"])


def test_post_norm_is_deep_norm() -> None:
    """Glorot with gain (8 N)^-1/4. The reason has the factor (2 N)^1/4 of the skip."""
    query = "shape=64,256&activation=relu&residual=post_norm&depth=18"
    answer = asked(f"{query}&position=branch_last")
    assert (answer.scheme, answer.gain_rule) == ("glorot_normal", "deep_norm")
    assert answer.gain == pytest.approx(144**-0.25)
    assert "2.44949 x + f(x)" in answer.rationale[0]
    assert answer.multipliers == {"skip": pytest.approx(36**0.25)}


@pytest.mark.parametrize(
    ("role", "beta"),
    [
        ("attention_query", False),
        ("attention_key", False),
        ("attention_value", True),
        ("attention_output", True),
        ("mlp_up", True),
        ("mlp_down", True),
    ],
)
def test_deep_norm_leaves_query_and_key_alone(role: str, beta: bool) -> None:
    """Wang et al. 2022, figure 2."""
    answer = asked(f"shape=64,64&activation=gelu&role={role}&residual=post_norm&depth=18")
    assert answer.gain == pytest.approx(144**-0.25 if beta else 1.0)


def test_post_norm_of_batch_normalization_is_not_deep_norm() -> None:
    """DeepNorm is for layer normalization. A ResNet keeps He's gain."""
    query = "shape=64,64,3,3&activation=relu&residual=post_norm&normalization=batch&depth=18"
    assert asked(f"{query}&position=branch_last").gain == ROOT_2


def test_a_block_without_a_normalization_is_fixups() -> None:
    """depth^-1/2 for branches of two weights, depth^-1/4 for three; the last one is 0."""
    query = "shape=64,64,3,3&activation=relu&residual=norm_free&depth=16"
    for layers, factor in (("", 1 / 4), ("&branch_layers=3", 1 / 2), ("&branches=4", 1 / 8)):
        answer = asked(f"{query}{layers}&position=branch_first")
        assert answer.gain_rule == "fixup"
        assert answer.gain == pytest.approx(ROOT_2 * factor)
    assert asked(f"{query}&position=branch_last").scheme == "zeros"


@pytest.mark.parametrize(
    ("role", "activation", "power"),
    [
        ("mlp_up", "gelu", -1 / 2),
        ("attention_value", "gelu", -1 / 6),
        ("attention_query", "gelu", -1 / 6),
        ("mlp_up", "swiglu", -1 / 4),
        ("mlp_gate", "swiglu", -1 / 4),
    ],
)
def test_fixup_counts_branches_and_their_weights(role: str, activation: str, power: float) -> None:
    """As the authors' code of Transformers does: 24 branches, two weights or four.

    hongyi-zhang/Fixup, fairseq_fixup: transformer_zero.py and multihead_attention_zero.py.
    """
    query = f"shape=64,64&role={role}&activation={activation}&residual=norm_free&depth=12"
    assert asked(query).gain == pytest.approx(24**power)


def test_deep_norm_of_a_fused_weight_is_asked_for_in_blocks() -> None:
    """Its value block has another gain than query and key."""
    with pytest.raises(ImpossibleError) as refused:
        asked("shape=192,64&role=attention_qkv&residual=post_norm&depth=24")
    assert refused.value.reason == "conflicting_fields"
    assert asked("shape=64,64&role=attention_query&residual=post_norm&depth=24").gain == 1


def test_a_recurrent_matrix_is_orthogonal() -> None:
    """Each gate has a matrix of its own; a weight that is not square has gain 1 / sqrt(n)."""
    assert asked("shape=64,64&layer=recurrent").scheme == "orthogonal"
    gates = asked("shape=256,64&layer=recurrent&parts=4")
    assert (gates.scheme, gates.std) == ("orthogonal", 1 / 8)
    assert asked("shape=64,32&layer=recurrent").scheme == "lecun_normal"
    assert asked("shape=64,64&layer=recurrent&distribution=normal").scheme == "lecun_normal"


def test_a_deep_tanh_stack_goes_to_the_edge_of_chaos() -> None:
    """Beyond six depth scales: orthogonal weights with gain E[f'^2]^-1/2, and random biases."""
    shallow, deep = (asked(f"shape=64,64&activation=tanh&depth={depth}") for depth in (30, 50))
    assert (shallow.scheme, shallow.gain_rule, shallow.bias_url) == (
        "glorot_uniform",
        "exact",
        None,
    )
    assert (deep.scheme, deep.gain_rule) == ("orthogonal", "edge_of_chaos")
    assert deep.gain == pytest.approx(2.153303**0.5, abs=1e-6)
    assert deep.bias.std == pytest.approx(0.150965**0.5, abs=1e-6)
    assert fetched(deep.bias_url or "").facts.std == deep.bias.std
    wide = asked("shape=64,32&activation=tanh&depth=50")
    assert (wide.scheme, wide.gain) == ("variance_scaling", deep.gain)


def test_the_bias_is_a_tensor_beside_the_weight() -> None:
    """Its name is that of the weight with another end, and it has the same seed."""
    query = "shape=64,64&activation=tanh&depth=50&seed=7&name=h.3.weight"
    url = asked(query).bias_url or ""
    assert url.startswith("/v1/weights.npy?shape=64&")
    assert url.endswith("&seed=7&name=h.3.bias")


MUP = "base_fan_in=256&activation=gelu"


@pytest.mark.parametrize(
    ("query", "scheme", "std", "rate"),
    [
        ("shape=64,1024&role=mlp_up", "lecun_normal", 1 / 32, 1 / 4),
        ("shape=64,1024&role=mlp_up&std=0.02", "mup_hidden", 0.01, 1 / 4),
        ("shape=64,1024&role=head", "variance_scaling", 0.5 / 16 / 4, 1 / 4),
        ("shape=1000,64&role=embedding", "normal", 1.0, 1.0),
        ("shape=1000,64&role=embedding&std=0.02", "mup_input", 0.02, 1.0),
        ("shape=64,1024&position=first", "lecun_normal", 1 / 32, 1.0),
        ("shape=8,512&role=router&std=0.02", "mup_output", 0.01, 1 / 2),
        ("shape=64,1024&role=mlp_down&residual=norm_free&depth=4", "zeros", 0.0, 1 / 4),
    ],
)
def test_widths_ask_for_mup(query: str, scheme: str, std: float, rate: float) -> None:
    """Table 3 of Yang et al. 2022 for Adam; `std` is that of the base model."""
    answer = asked(f"{query}&{MUP}")
    assert answer.scheme == scheme
    assert answer.std == pytest.approx(std)
    assert answer.multipliers == {"learning_rate": rate}
    assert answer.compared is None


@pytest.mark.parametrize(
    "query",
    [
        "shape=512,2048&role=mlp_down&residual=post_norm&depth=24&activation=gelu",
        "shape=512,512&activation=tanh&depth=100",
        "shape=512,512&role=mlp_up&activation=gelu",
        "shape=512,784&position=first",
        "shape=512,512&activation=relu",
    ],
)
def test_mup_at_the_width_of_the_base_model_changes_nothing(query: str) -> None:
    """But that the factor of the learning rate is told, which is 1."""
    fan_in = query.partition("&")[0].rpartition(",")[2]
    plain, mup = asked(query), asked(f"{query}&base_fan_in={fan_in}")
    assert (mup.std, mup.bias, mup.scheme) == (plain.std, plain.bias, plain.scheme)
    assert mup.multipliers == {**plain.multipliers, "learning_rate": 1.0}


@pytest.mark.parametrize(
    "query",
    [
        "shape=8,768&role=router",
        "shape=10,768&role=head",
        "shape=10,768&role=head&distribution=uniform",
        "shape=10,768&position=output&activation=tanh",
        "shape=3,768&position=output&input_activation=sin&activation=linear&omega=30",
        "shape=10,768&position=output&activation=softmax&input_activation=relu",
    ],
)
def test_mup_of_an_output_layer_scales_the_choice(query: str) -> None:
    """Nothing moves at ratio 1; at ratio 1/4 the std is half of the usual 1 / sqrt(fan_in)."""
    plain, same = asked(query), asked(f"{query}&base_fan_in=768")
    assert (same.std, same.distribution, same.scheme) == (
        plain.std,
        plain.distribution,
        plain.scheme,
    )
    quarter = asked(f"{query}&base_fan_in=192")
    scales = plain.scheme != "siren"
    assert quarter.std == pytest.approx(plain.std * (0.5 if scales else 1.0))
    assert quarter.multipliers["learning_rate"] == 0.25


def test_mups_own_std_has_no_reasons_of_another_scheme() -> None:
    """Nor its biases."""
    answer = asked("shape=512,512&activation=tanh&depth=50&base_fan_in=128&std=0.1")
    assert (answer.scheme, answer.std, answer.bias.std) == ("mup_hidden", 0.05, 0.0)
    assert not any("edge of chaos" in reason for reason in answer.rationale)


def test_a_tied_table_keeps_its_std_at_any_width() -> None:
    """And its logits are multiplied by base / width."""
    query = "role=tied_embedding&base_fan_in=128"
    narrow, wide = asked(f"shape=1000,128&{query}"), asked(f"shape=1000,512&{query}")
    assert narrow.std == wide.std == pytest.approx(128**-0.5)
    assert (narrow.multipliers["logits"], wide.multipliers["logits"]) == (1.0, 0.25)


def test_a_router_starts_small() -> None:
    """Fedus et al. 2021 draw from a truncated normal of parent std sqrt(0.1 / n)."""
    answer = asked("shape=8,256&role=router")
    assert answer.scheme == "switch_router"
    assert answer.std < math.sqrt(0.1 / 256)


def test_an_adapter_starts_without_effect() -> None:
    """Hu et al. 2021: A is random, and B is 0."""
    assert asked("shape=8,256&role=lora_a").scheme == "lora_a"
    assert asked("shape=256,8&role=lora_b").scheme == "lora_b"


def test_the_factor_of_a_branch() -> None:
    """Touvron et al. 2021 by depth in a pre-norm block, otherwise 0."""
    assert asked("shape=384&role=branch_scale&residual=pre_norm&depth=24").mean == 1e-5
    assert asked("shape=384&role=branch_scale&depth=24").mean == 1e-5
    assert asked("shape=1&role=branch_scale").scheme == "zeros"


def test_a_branch_has_one_zero_and_not_two() -> None:
    """Fixup's last weight is 0, so the factor is 1; two zeros would never get a gradient."""
    weight = asked("shape=64,64&role=mlp_down&residual=norm_free&depth=12")
    factor = asked("shape=1&role=branch_scale&residual=norm_free&depth=12")
    assert (weight.scheme, factor.scheme) == ("zeros", "ones")
    normed = "shape=64,64,3,3&residual=branch_norm&position=branch_last&normalization=batch"
    answer = asked(f"{normed}&activation=relu")
    assert answer.scheme == "he_normal"
    assert "zeros" not in [each.scheme for each in answer.alternatives]
    assert "symmetry" in codes(asked(f"{normed}&activation=relu&scheme=zeros"))


def test_the_last_scale_of_a_branch_is_0() -> None:
    """Goyal et al. 2017. All other scales are 1."""
    assert asked("shape=64&role=norm_scale").scheme == "ones"
    last = "shape=64&role=norm_scale&position=branch_last"
    assert asked(last).scheme == "zeros"
    assert asked(f"{last}&residual=branch_norm").scheme == "zeros"
    for residual in ("pre_norm", "post_norm", "norm_free"):
        assert asked(f"{last}&residual={residual}").scheme == "ones"
    assert asked("shape=1&role=branch_scale&residual=branch_norm").scheme == "ones"


def test_a_sine_network_has_the_biases_of_its_authors() -> None:
    """U(-1/sqrt(n), 1/sqrt(n)), which is what PyTorch's linear layer has."""
    answer = asked("shape=256,64&activation=sin&omega=30&name=a.weight")
    assert answer.bias.scheme == "uniform"
    assert fetched(answer.bias_url or "").facts.limit == pytest.approx(1 / 8)
    assert "with biases from U(-0.125, 0.125)." in answer.decision


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
        assert 1 <= len(answer.rationale) <= 5
        assert answer.references
        assert (answer.bias_url is None) == (answer.bias.scheme == "zeros")
        assert answer.std == 0 or "Var(y) = fan_in std^2 E[x^2]" in (answer.equation or "")
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
