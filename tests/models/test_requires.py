"""What recipes require of a config, and which keys follow others in repo ids."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import FaninError, ImpossibleError, Problem
from service.models.config import choice_of, config_values, refuse_unmet
from service.models.expansion import expanded
from service.models.manifest import Manifest
from service.models.planning import plan_model
from service.models.recipe import Recipe, recipes
from tests.models.messages import INTERNAL

SIZES = [(recipe, size) for recipe in recipes().values() for size in recipe.sizes]


def manifest_of(recipe: Recipe, size: str, **changes: Any) -> Manifest:
    """A size with other values, as a manifest."""
    config = recipe.sizes[size]
    return Manifest(architecture=config["architectures"][0], config=config | changes, seed=1)


@pytest.mark.parametrize(("recipe", "size"), SIZES)
def test_every_size_meets_what_its_recipe_requires(recipe: Recipe, size: str) -> None:
    choice = choice_of(manifest_of(recipe, size))
    assert choice is not None
    refuse_unmet(recipe.requires, choice.config | config_values(choice)[0])


@pytest.mark.parametrize(
    ("family", "size", "changes", "message"),
    [
        ("gpt2", "tiny", {"n_head": 3}, "n_head must divide n_embd"),
        ("gpt2", "small", {"n_embd": 100}, "n_head must divide n_embd"),
        ("bert", "tiny", {"num_attention_heads": 3}, "num_attention_heads must divide hidden_size"),
        ("bert", "tiny", {"pad_token_id": 320}, "pad_token_id must be below vocab_size"),
        ("llama", "tiny", {"pad_token_id": 320}, "pad_token_id must be below vocab_size"),
        ("llama", "tiny", {"pad_token_id": -321}, "pad_token_id must be below vocab_size"),
        ("whisper", "tiny", {"vocab_size": 256}, "pad_token_id must be below vocab_size"),
        ("whisper", "tiny", {"d_model": 18, "encoder_attention_heads": 4}, "must divide d_model"),
        ("whisper", "tiny", {"d_model": 18, "decoder_attention_heads": 4}, "must divide d_model"),
        ("mamba", "tiny", {"intermediate_size": 65}, "must be expand times hidden_size"),
        ("dit", "tiny", {"num_heads": 5}, "num_heads must divide hidden_size"),
        ("dit", "tiny", {"hidden_size": 30}, "hidden_size must be a multiple of 4"),
        ("convnext", "tiny", {"num_stages": 1}, "num_stages is 1, and depths has 2 numbers"),
        ("convnext", "tiny", {"num_stages": 3}, "num_stages is 3, and depths has 2 numbers"),
        ("convnext", "tiny", {"depths": [1]}, "num_stages is 2, and depths has 1 numbers"),
        ("convnext", "tiny", {"hidden_sizes": [8, 9, 10]}, "and hidden_sizes has 3 numbers"),
        ("resnet", "tiny", {"hidden_sizes": []}, "a list has too few numbers"),
    ],
)
def test_a_manifest_that_transformers_cannot_make_is_refused(
    family: str, size: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ImpossibleError) as caught:
        expanded(manifest_of(recipes()[family], size, **changes))
    assert caught.value.reason == "bad_config"
    [problem] = caught.value.problems
    assert message in problem.message


@pytest.mark.parametrize(
    ("family", "size", "changes"),
    [
        ("llama", "tiny", {"pad_token_id": None}),
        ("llama", "tiny", {"pad_token_id": -1}),
        ("llama", "tiny", {"eos_token_id": [1, 2]}),
        ("llama", "mistral-tiny", {"hidden_size": 34}),
        ("llama", "tiny", {"num_key_value_heads": 3}),
        ("mixtral", "tiny", {"num_experts_per_tok": 5}),
        ("vit", "tiny", {"head_dim": 5}),
        ("deepseek_v3", "tiny", {"n_group": 3}),
    ],
)
def test_a_manifest_that_some_release_loads_is_accepted(
    family: str, size: str, changes: dict[str, Any]
) -> None:
    assert expanded(manifest_of(recipes()[family], size, **changes)).tensors


ANY = st.sampled_from(
    [True, False, None, 0, 1, 3, -1, 18, 10**9, 10**30, 1.5, "x", [], [1], [8, 9, 10], {}, {"a": 1}]
)


@st.composite
def configs(draw: st.DrawFn) -> Manifest:
    """A size with any values in some keys of its recipe."""
    recipe, size = draw(st.sampled_from(SIZES))
    keys = draw(st.lists(st.sampled_from(list(recipe.config)), min_size=1, max_size=3))
    return manifest_of(recipe, size, **{key: draw(ANY) for key in keys})


@settings(max_examples=300, deadline=None)
@given(configs())
def test_no_message_shows_an_expression_or_words_of_python(manifest: Manifest) -> None:
    said: tuple[Problem, ...] = ()
    try:
        plan_model(manifest, max_bytes=2**44)
    except FaninError as error:
        said = error.problems
    assert not [each for each in said if INTERNAL.search(f"{each.message} {each.hint}")]


def test_that_pattern_finds_them() -> None:
    for text in (
        "'hidden_sizes[stage]' is outside",
        "'True' is no integer",
        "'2 * n' is",
        "a // b",
    ):
        assert INTERNAL.search(text)


@pytest.mark.parametrize("recipe", recipes().values())
def test_a_message_says_which_key_to_change(recipe: Recipe) -> None:
    for each in recipe.requires:
        assert any(key in each.message for key in recipe.config)


@pytest.mark.parametrize("recipe", recipes().values())
def test_a_name_of_fitted_is_a_key_of_every_size(recipe: Recipe) -> None:
    for name, architecture in recipe.architectures.items():
        sizes = recipe.sizes_of(name).values()
        for key, formula in architecture.fitted.items():
            assert all({key, *formula.names} <= set(size) for size in sizes)


@pytest.mark.parametrize("recipe", recipes().values())
def test_the_base_size_is_one_of_its_architecture(recipe: Recipe) -> None:
    for name, architecture in recipe.architectures.items():
        assert architecture.base_size in recipe.sizes_of(name)
