"""Warnings: each is given where it applies, and only there."""

import pytest

from tests.advice.asking import asked, codes


def test_a_missing_name_is_the_plans_own_warning() -> None:
    """It comes last. A named tensor has none."""
    query = "shape=8,4&layer=dense"
    assert [each.code for each in asked(query).warnings] == ["name_missing"]
    assert asked(f"{query}&name=a").warnings == ()


@pytest.mark.parametrize(
    ("query", "warned"),
    [
        ("activation=gelu&depth=11", True),
        ("activation=silu&depth=9", True),
        ("activation=mish&depth=11", True),
        ("activation=relu_squared&depth=3", True),
        ("activation=swiglu&depth=2", True),
        ("activation=gelu&depth=4", False),
        ("activation=gelu", False),
        ("activation=gelu&depth=48&normalization=layer", False),
        ("activation=gelu&depth=48&residual=pre_norm&position=branch_first", False),
        ("activation=elu&depth=48", False),
        ("activation=relu&depth=48", False),
        ("activation=tanh&depth=48", False),
    ],
)
def test_deep_stacks_of_unstable_activations_are_warned_of(query: str, warned: bool) -> None:
    """In deep stacks without a normalization or residual branches."""
    assert codes(asked(f"shape=64,64&{query}")) == (["unstable_gain"] if warned else [])


@pytest.mark.parametrize(
    ("query", "warned"),
    [
        ("activation=sigmoid", True),
        ("activation=hardsigmoid", True),
        ("activation=softplus", True),
        ("activation=sigmoid&normalization=batch", False),
        ("activation=sigmoid&position=output", False),
        ("activation=tanh", False),
    ],
)
def test_activations_without_a_critical_point_are_warned_of(query: str, warned: bool) -> None:
    """In hidden layers without a normalization."""
    assert codes(asked(f"shape=64,64&{query}")) == (["no_critical_point"] if warned else [])


@pytest.mark.parametrize(
    ("query", "warned"),
    [
        ("shape=4096,8192&dtype=float8_e4m3fn", True),
        ("shape=64,64&dtype=float8_e4m3fn", False),
        ("shape=64,64&dtype=float16&fan_in=1000000000", True),
        ("shape=64,64&dtype=bfloat16&fan_in=1000000000", False),
        ("shape=64&dtype=float16", False),
    ],
)
def test_a_std_among_the_subnormals_is_warned_of(query: str, warned: bool) -> None:
    """Below 2^-14 = 6.1e-5 for float16, 2^-6 for float8_e4m3fn; std 0 gives no warning."""
    assert ("subnormal_std" in codes(asked(query))) == warned


OWN = [
    ("shape=64,64&dtype=float16&std=5e-5", True),
    ("shape=64,64&dtype=float16&std=1e-4", False),
    ("shape=64,64&dtype=float32&std=5e-5", False),
]


@pytest.mark.parametrize(("query", "warned"), OWN)
def test_a_subnormal_std_of_ones_own_is_warned_of(query: str, warned: bool) -> None:
    """As the recommended one is."""
    assert ("subnormal_std" in codes(asked(query))) == warned


GAINS = [
    ("activation=selu&scheme=he_normal", ["he_on_selu"]),
    ("activation=selu&scheme=he_uniform", ["he_on_selu"]),
    ("activation=selu&gain=1.4142", ["he_on_selu"]),
    ("activation=selu&std=0.1767767", ["he_on_selu"]),
    ("activation=selu&scheme=lecun_normal", []),
    ("activation=relu&scheme=he_normal", []),
    ("activation=tanh&gain=1.6667", ["pytorch_gain"]),
    ("activation=tanh&gain_rule=pytorch", ["pytorch_gain"]),
    ("activation=tanh&scheme=glorot_uniform&gain=1.6666666666666667", ["pytorch_gain"]),
    ("activation=tanh&gain=1.5925", []),
    ("activation=selu&gain=0.75", ["pytorch_gain"]),
    ("activation=relu&gain_rule=pytorch", []),
    ("activation=sigmoid&gain_rule=pytorch&normalization=batch", []),
]


@pytest.mark.parametrize(("query", "warned"), GAINS)
def test_a_gain_that_the_activation_contradicts_is_warned_of(query: str, warned: list[str]) -> None:
    """He on SELU and torch's empirical numbers, however they are written."""
    assert codes(asked(f"shape=64,64&{query}")) == warned


BOUNDS = [
    ("scheme=truncated_normal&std=0.02&low=-2&high=2", True),
    ("std=0.02&low=-2&high=2&distribution=truncated_normal", True),
    ("scheme=truncated_normal&std=0.02&low=-0.04&high=2", False),
    ("scheme=truncated_normal&std=0.02&low=-0.04&high=0.04", False),
    ("scheme=truncated_normal&std=0.02&bounds=2", False),
    ("scheme=truncated_normal&std=0.02&mean=2&low=-2&high=2.04", False),
    ("scheme=uniform&low=-2&high=2", False),
]


@pytest.mark.parametrize(("query", "warned"), BOUNDS)
def test_bounds_far_outside_the_std_are_warned_of(query: str, warned: bool) -> None:
    """torch's trunc_normal_ with its default bounds of -2 and 2 cuts nothing off."""
    assert ("bounds_outside_std" in codes(asked(f"shape=64,64&{query}"))) == warned


TABLES = [
    ("layer=embedding&std=1", True),
    ("role=tied_embedding&scheme=normal", True),
    ("role=embedding&scheme=torch.embedding", True),
    ("layer=embedding&std=0.02", False),
    ("role=tied_embedding", False),
    ("layer=embedding", False),
]


@pytest.mark.parametrize(("query", "warned"), TABLES)
def test_a_wide_embedding_with_a_tied_head_is_warned_of(query: str, warned: bool) -> None:
    """Its logits have std sqrt(d) = 27.7. The advice for a tied table is 1 / sqrt(d)."""
    assert ("tied_head" in codes(asked(f"shape=1000,768&{query}"))) == warned


PLACES = [
    ("residual=pre_norm", ["position_missing"]),
    ("residual=pre_norm&position=hidden", []),
    ("residual=pre_norm&position=branch_first", []),
    ("residual=pre_norm&position=branch_last", ["depth_missing"]),
    ("residual=pre_norm&position=branch_last&depth=3", []),
    ("residual=branch_norm&position=branch_last", []),
    ("residual=norm_free&position=branch_first", ["depth_missing"]),
    ("residual=norm_free&position=branch_last", []),
    ("residual=post_norm&position=branch_first", ["depth_missing"]),
    ("residual=post_norm&position=branch_first&normalization=batch", []),
    ("position=branch_last", ["residual_missing"]),
    ("role=mlp_down", ["depth_missing"]),
    ("role=mlp_up", []),
    ("role=mlp_down&residual=none", []),
]


@pytest.mark.parametrize(("query", "warned"), PLACES)
def test_what_a_branch_needs_to_say_is_asked_for(query: str, warned: list[str]) -> None:
    """The position in the branch, how the block is built, and the number of blocks."""
    assert codes(asked(f"shape=64,64&activation=relu&{query}")) == warned


def test_the_start_for_calibration_is_said_to_be_one() -> None:
    """Gain 1 and then 1.53353, and that no gain computed without data holds."""
    (warning, *_) = asked("shape=64,64&activation=gelu&depth=50").warnings
    assert "each layer multiplies the deviation by 1.144" in warning.message
    assert "Gain 1 in the first layer and 1.53353 in the others is a start" in warning.message
    assert "POST /calibrate" in warning.message


def test_following_a_hint_ends_the_warning() -> None:
    """Each says what to write."""
    selu = "shape=64,64&activation=selu"
    assert "write scheme=lecun_normal" in asked(f"{selu}&scheme=he_normal").warnings[0].message
    assert codes(asked(f"{selu}&scheme=lecun_normal")) == []
    table = asked("shape=1000,64&layer=embedding&std=1").warnings[0].message
    assert "write std=0.125" in table
    assert codes(asked("shape=1000,64&layer=embedding&std=0.125")) == []
    cut = "shape=64,64&scheme=truncated_normal&std=0.02"
    assert "write bounds=2" in asked(f"{cut}&low=-2&high=2").warnings[0].message
    assert codes(asked(f"{cut}&bounds=2")) == []


TURNED = [
    ("shape=3072,768&role=mlp_down", True),
    ("shape=768,3072&role=mlp_down", False),
    ("shape=3072,768&role=mlp_down&layout=IO", False),
    ("shape=768,3072&role=mlp_up", True),
    ("shape=768,2304&role=attention_qkv", True),
    ("shape=2304,768&role=attention_qkv", False),
    ("shape=6144,4096&role=attention_qkv&parts=4096,1024,1024", False),
    ("shape=4096,8&role=lora_a", True),
    ("shape=8,4096&role=lora_b", True),
    ("shape=8,4096&role=lora_a", False),
]


@pytest.mark.parametrize(("query", "warned"), TURNED)
def test_a_weight_that_lies_the_other_way_is_warned_of(query: str, warned: bool) -> None:
    """GPT-2's checkpoint stores inputs x outputs. The layout in the message ends the warning."""
    answer = asked(f"{query}&activation=gelu")
    assert ("suspicious_layout" in codes(answer)) == warned
    if warned:
        (found,) = (each for each in answer.warnings if each.code == "suspicious_layout")
        layout = found.message.rpartition(" ")[2]
        assert "suspicious_layout" not in codes(asked(f"{query}&activation=gelu&{layout}"))


def test_a_bounded_activation_is_not_called_unbounded() -> None:
    """tanh before a softmax head."""
    query = "shape=10,64&role=head&input_activation=tanh&normalization=none"
    assert "saturating_head" not in codes(asked(query))


def test_fused_blocks_of_grouped_queries_are_to_be_listed() -> None:
    """6144 = 4096 + 1024 + 1024 divides by 3, and is no three blocks of 4096."""
    query = "shape=6144,4096&role=attention_qkv"
    (found,) = (each for each in asked(query).warnings if each.code == "suspicious_layout")
    assert "list the blocks, as in parts=4096,1024,1024" in found.message
    assert "suspicious_layout" not in codes(asked(f"{query}&parts=4096,1024,1024"))
