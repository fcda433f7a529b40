"""Roles: each fills what a question leaves out, and contradicts nothing."""

import pytest

from service.advice.roles import REPLACEMENTS, ROLES
from service.errors import ImpossibleError
from service.initializers.unknown_words import squash
from tests.advice.asking import asked, codes

# Role, position, what it reads and feeds in a block with GELU, normalization, residual.
UNDERSTOOD = [
    ("attention_query", "branch_first", "linear", "linear", "layer", "pre_norm"),
    ("attention_key", "branch_first", "linear", "linear", "layer", "pre_norm"),
    ("attention_value", "branch_first", "linear", "linear", "layer", "pre_norm"),
    ("attention_qkv", "branch_first", "linear", "linear", "layer", "pre_norm"),
    ("attention_output", "branch_last", "linear", "linear", "layer", "pre_norm"),
    ("mlp_up", "branch_first", "linear", "gelu", "layer", "pre_norm"),
    ("mlp_gate", "branch_first", "linear", "gelu", "layer", "pre_norm"),
    ("mlp_gate_up", "branch_first", "linear", "gelu", "layer", "pre_norm"),
    ("mlp_down", "branch_last", "gelu", "linear", "layer", "pre_norm"),
    ("router", "hidden", "linear", "softmax", "layer", "none"),
    ("embedding", "first", "linear", "linear", "none", "none"),
    ("tied_embedding", "first", "linear", "linear", "none", "none"),
    ("position_embedding", "first", "linear", "linear", "none", "none"),
    ("patch_embedding", "first", "linear", "linear", "none", "none"),
    ("head", "output", "linear", "softmax", "layer", "none"),
    ("norm_scale", "hidden", "linear", "linear", "none", "none"),
    ("norm_bias", "hidden", "linear", "linear", "none", "none"),
    ("branch_scale", "branch_last", "linear", "linear", "none", "none"),
    ("shortcut", "hidden", "gelu", "linear", "none", "none"),
    ("lora_a", "hidden", "linear", "linear", "none", "none"),
    ("lora_b", "hidden", "linear", "linear", "none", "none"),
]


@pytest.mark.parametrize(("role", "position", "reads", "feeds", "norm", "residual"), UNDERSTOOD)
def test_a_role_fills_what_the_question_leaves_out(
    role: str, position: str, reads: str, feeds: str, norm: str, residual: str
) -> None:
    """`understood` tells all of it."""
    axes = "96" if ROLES[role].layer in ("scale", "bias") else "96,64"
    told = asked(f"shape={axes}&activation=gelu&role={role}").understood
    assert (told.role, told.position) == (role, position)
    assert (told.input_activation, told.activation) == (reads, feeds)
    assert (told.normalization, told.residual) == (norm, residual)


@pytest.mark.parametrize(
    ("given", "fed"),
    [("sigmoid", "sigmoid"), ("linear", "linear"), ("gelu", "softmax"), ("", "softmax")],
)
def test_a_head_feeds_probabilities_unless_it_is_linear(given: str, fed: str) -> None:
    """A block's activation, given with every layer, is not the head's."""
    more = f"&activation={given}" if given else ""
    assert asked(f"shape=96,64&role=head{more}").understood.activation == fed


def test_every_role_is_tested() -> None:
    """The table above has each once."""
    assert [role for role, *_ in UNDERSTOOD] == list(ROLES)


def test_what_the_question_says_comes_first() -> None:
    """Another activation on the input, another normalization, another block."""
    query = "shape=64,64&role=mlp_up&activation=gelu"
    told = asked(f"{query}&input_activation=relu&normalization=rms&residual=post_norm").understood
    assert (told.input_activation, told.activation) == ("relu", "gelu")
    assert (told.normalization, told.residual) == ("rms", "post_norm")


@pytest.mark.parametrize(("role", "parts"), [("attention_qkv", 3), ("mlp_gate_up", 2)])
def test_fused_roles_have_parts(role: str, parts: int) -> None:
    """fan_out is that of one block, and the URL has the parts where they count."""
    answer = asked(f"shape=96,64&role={role}")
    assert answer.fan_out == 96 / parts
    assert f"&parts={parts}&" in answer.weights_url
    assert asked(f"shape=96,64&role={role}&parts={parts}").weights_url == answer.weights_url


def test_a_fused_weight_that_does_not_divide_is_asked_for_in_blocks() -> None:
    """The hint, when followed, is answered."""
    with pytest.raises(ImpossibleError) as refused:
        asked("shape=64,64&role=attention_qkv")
    (problem,) = refused.value.problems
    assert (refused.value.reason, problem.field) == ("conflicting_fields", "role")
    assert "role=attention_query" in problem.hint
    assert asked("shape=64,64&role=attention_query").scheme == "lecun_normal"


CONFLICTS = [
    ("role=mlp_down&position=first", "position"),
    ("role=embedding&layer=dense", "layer"),
    ("role=head&position=hidden", "position"),
    ("role=norm_scale&layer=bias", "layer"),
]


@pytest.mark.parametrize(("query", "field"), CONFLICTS)
def test_a_field_that_contradicts_the_role_is_refused(query: str, field: str) -> None:
    """Leaving it out, as the hint says, has an answer."""
    axes = "64" if "norm_scale" in query else "64,64"
    with pytest.raises(ImpossibleError) as refused:
        asked(f"shape={axes}&{query}")
    (problem,) = refused.value.problems
    assert (refused.value.reason, problem.field) == ("conflicting_fields", field)
    assert problem.hint.startswith(f"leave {field} out")
    assert asked(f"shape={axes}&{query.partition('&')[0]}").scheme


@pytest.mark.parametrize(("role", "position"), [("mlp_down", "branch_last"), ("head", "output")])
def test_saying_what_the_role_says_changes_nothing(role: str, position: str) -> None:
    """It is no contradiction."""
    plain = asked(f"shape=64,64&role={role}&depth=2")
    assert asked(f"shape=64,64&role={role}&depth=2&position={position}") == plain


def test_a_matrix_with_a_role_is_not_guessed() -> None:
    """The role says that it is dense, so there is no warning of a guessed layer."""
    warned = asked("shape=96,64&role=mlp_up&name=a").warnings
    assert [each.code for each in warned] == []


def test_names_of_models_lead_to_roles() -> None:
    """They are squashed, lead to roles, and are no roles themselves."""
    assert all(word == squash(word) for word in REPLACEMENTS)
    meant = {role for roles in REPLACEMENTS.values() for role in roles.split(" or ")}
    assert meant <= set(ROLES)
    assert not set(REPLACEMENTS) & set(ROLES)


def test_a_layer_of_a_block_reads_the_normalization() -> None:
    """h.0.mlp.c_fc of a GPT: gain 1 for what the norm makes, and no share of the branches."""
    query = "shape=512,512&activation=gelu&depth=24&residual=pre_norm&normalization=layer"
    answer = asked(f"{query}&name=h.0.mlp.c_fc.weight")
    assert answer.understood.input_activation == "linear"
    assert answer.std == pytest.approx(512**-0.5)
    first = asked(f"{query}&name=a&position=branch_first")
    assert (first.std, codes(first)) == (answer.std, [])


def test_blocks_of_different_heights_have_the_same_advice() -> None:
    """Grouped-query attention: the std goes by fan_in, which q, k and v have in common."""
    fused = asked("shape=6144,4096&parts=4096,1024,1024&role=attention_qkv")
    alone = asked("shape=1024,4096&role=attention_key")
    assert (fused.scheme, fused.std) == (alone.scheme, alone.std)
    with pytest.raises(ImpossibleError) as refused:
        asked("shape=6144,4096&parts=4096,1024,1024&role=attention_qkv&residual=post_norm&depth=2")
    assert refused.value.reason == "conflicting_fields"


def test_a_block_without_normalization_has_none() -> None:
    """Also if the role's block usually has one."""
    told = asked("shape=64,64&role=mlp_up&residual=norm_free&activation=gelu").understood
    assert (told.normalization, told.input_activation) == ("none", "linear")


@pytest.mark.parametrize(("shape", "normalization"), [("64,64", "layer"), ("64,64,3,3", "batch")])
def test_a_block_with_a_normalization_has_the_usual_one(shape: str, normalization: str) -> None:
    """pre_norm says that there is one: layer, or batch in a block of convolutions."""
    for residual in ("pre_norm", "post_norm", "branch_norm"):
        told = asked(f"shape={shape}&residual={residual}&position=branch_first").understood
        assert told.normalization == normalization


def test_experts_are_shown_their_own_std() -> None:
    """Of three axes, EOI is named, and with it the answer has the std that the refusal tells."""
    query = "shape=8,14336,4096&role=mlp_up&activation=swiglu"
    with pytest.raises(ImpossibleError) as refused:
        asked(query)
    (problem,) = refused.value.problems
    assert refused.value.reason == "ambiguous_axes"
    assert "weights of experts are EOI" in problem.message
    assert f"EOI, experts, each out x in: std {4096**-0.5:.6g}" in problem.message
    assert asked(f"{query}&layout=EOI").std == pytest.approx(4096**-0.5)


ENDLESS = [
    ("shape=63,64&role=mlp_gate_up", "role", "role=mlp_up"),
    ("shape=64&role=branch_scale&scheme=flax.conv2d", "scheme", "leave scheme out"),
    ("shape=scalar", "shape", "shape=512,256"),
    ("shape=scalar&scheme=normal", "shape", "shape=512,256"),
    ("shape=64,3,7,7&role=attention_qkv", "role", "role=attention_query"),
]
FOLLOWED = [
    "shape=63,64&role=mlp_up",
    "shape=64&role=branch_scale",
    "shape=512,256",
    "shape=512,256&scheme=normal",
    "shape=64,3,7,7&role=attention_query",
]


@pytest.mark.parametrize(
    ("query", "field", "hint", "followed"),
    [(*row, followed) for row, followed in zip(ENDLESS, FOLLOWED, strict=True)],
)
def test_a_hint_speaks_of_what_the_question_says(
    query: str, field: str, hint: str, followed: str
) -> None:
    """Not of parts or a layer that the role filled in; followed, it has an answer."""
    with pytest.raises(ImpossibleError) as refused:
        asked(query)
    (problem,) = refused.value.problems
    assert problem.field == field
    assert hint in problem.hint
    assert asked(followed).scheme
