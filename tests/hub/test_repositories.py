"""Repo ids: what they name, their one spelling, and what is said about other ids."""

import json
import re
from itertools import permutations
from time import perf_counter
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from service.errors import UnreadableError
from service.hub.bases import ACTIVATIONS
from service.hub.errors import HubError
from service.hub.repositories import (
    MOST_FILE_BYTES,
    MOST_OTHER,
    Repository,
    families,
    repository_of,
)
from service.models.config import choice_of, config_values
from service.models.expansion import expanded
from service.models.manifest import MOST_TENSORS, Manifest, parse_manifest
from service.models.planning import outline
from service.models.recipe import Count, Expansion, recipe_of, recipes
from service.models.token import text_of
from tests.hub.asking import checked, refused, under_token

FAMILIES = families()
SIZES = [size["repo_id"] for family in FAMILIES for size in family["sizes"]]
IDS = [*(family["repo_id"] for family in FAMILIES), *SIZES]

MOST_SECONDS = 0.02
"""The most time of a hostile id, in the fastest of three tries. Measured: up to 0.4 ms."""


def config_of(repo_id: str) -> dict[str, Any]:
    config = repository_of(repo_id).manifest.config
    assert config is not None
    return config


def huggingface_hub_takes(repo_id: str) -> bool:
    """The rules of huggingface_hub 2.4.0, utils/_validators.py, validate_repo_id."""
    form = re.fullmatch(r"(\b[\w\-.]+\b/)?\b[\w\-.]{1,96}\b", repo_id, re.ASCII)
    return (
        bool(form) and not any(each in repo_id for each in ("--", "..")) and repo_id[-4:] != ".git"
    )


def llama_cpp_takes(repo_id: str) -> bool:
    """The rules of llama.cpp, common/hf-cache.cpp: one slash, single . and - between words."""
    word = "[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*"
    return len(repo_id) <= 256 and bool(re.fullmatch(f"{word}/{word}", repo_id))


# What ids name.


@pytest.mark.parametrize("repo_id", IDS)
def test_every_listed_id_is_a_size_of_its_recipe(repo_id: str) -> None:
    """Keys that follow others are as the size has them."""
    repository = repository_of(repo_id)
    manifest = repository.manifest
    recipe = recipe_of(manifest.architecture or "")
    assert recipe is not None
    assert manifest.config in recipe.sizes_of(manifest.architecture or "").values()
    assert repository.edition == recipe.edition == manifest.edition
    assert manifest.seed is None
    assert manifest.dtype == "float32"
    assert parse_manifest(repository.text) == manifest


@pytest.mark.parametrize("repo_id", IDS)
def test_clients_take_every_listed_id(repo_id: str) -> None:
    assert huggingface_hub_takes(repo_id)
    assert llama_cpp_takes(repo_id)


@pytest.mark.parametrize(
    "repo_id", ["fanin/a--b", "fanin/a.git", "fanin/-a", "fanin/" + "a" * 97, "fanin/a b", "a/b/c"]
)
def test_the_rules_of_clients_refuse_something(repo_id: str) -> None:
    assert not (huggingface_hub_takes(repo_id) and llama_cpp_takes(repo_id))


def test_the_families_are_those_of_the_recipes() -> None:
    every = [name for recipe in recipes().values() for name in recipe.architectures]
    assert [family["architecture"] for family in FAMILIES] == every
    sizes = [
        size
        for recipe in recipes().values()
        for name in recipe.architectures
        for size in recipe.sizes_of(name)
    ]
    assert set(sizes) == {size for recipe in recipes().values() for size in recipe.sizes}
    listed = [size["size"] for family in FAMILIES for size in family["sizes"]]
    assert sorted(listed) == sorted(sizes)
    assert len(set(IDS)) == len(IDS)


@pytest.mark.parametrize(
    ("repo_id", "size"),
    [
        ("fanin/gpt2", "small"),
        ("fanin/gpt2-tiny", "tiny"),
        ("fanin/mistral-7b", "mistral-7b"),
        ("fanin/qwen2-0-5b", "qwen2-0-5b"),
        ("fanin/t5-v1-1-small", "v1-1-small"),
        ("fanin/whisper", "openai-tiny"),
    ],
)
def test_a_size(repo_id: str, size: str) -> None:
    recipe = recipe_of(repository_of(repo_id).manifest.architecture or "")
    assert recipe is not None
    assert config_of(repo_id) == recipe.sizes[size]


def test_an_encoder_has_a_family_of_its_own_and_the_sizes_and_keys_of_bert() -> None:
    """Its config differs in the class alone. The model_type stays that of transformers."""
    bert, encoder = (
        next(each for each in FAMILIES if each["family"] == family)
        for family in ("bert", "bert_encoder")
    )
    assert encoder["architecture"] == "BertModel"
    assert encoder["keys"] == bert["keys"]
    for ours, theirs in zip(encoder["sizes"], bert["sizes"], strict=True):
        assert ours["repo_id"] == f"fanin/bert_encoder-{theirs['size']}"
        assert config_of(ours["repo_id"]) == config_of(theirs["repo_id"]) | {
            "architectures": ["BertModel"]
        }
        assert config_of(ours["repo_id"])["model_type"] == "bert"


def test_numbers_stand_over_those_of_the_base() -> None:
    config = config_of("fanin/gpt2.n_layer-2.n_embd-64.vocab_size-512")
    assert (config["n_layer"], config["n_embd"], config["vocab_size"]) == (2, 64, 512)
    assert config["n_positions"] == config_of("fanin/gpt2")["n_positions"]


@pytest.mark.parametrize(
    ("repo_id", "followed"),
    [
        ("fanin/gpt2.n_embd-64.vocab_size-512", {"n_head": 8, "eos_token_id": 511}),
        ("fanin/gpt2.n_embd-64.n_head-4", {"n_head": 4}),
        ("fanin/bert.hidden_size-35", {"num_attention_heads": 7}),
        (
            "fanin/bert_encoder.num_hidden_layers-2.hidden_size-35",
            {"architectures": ["BertModel"], "num_hidden_layers": 2, "num_attention_heads": 7},
        ),
        (
            "fanin/llama.hidden_size-64",
            {"num_attention_heads": 8, "num_key_value_heads": 8, "head_dim": 8},
        ),
        (
            "fanin/llama.hidden_size-64.num_attention_heads-4",
            {"num_key_value_heads": 4, "head_dim": 16},
        ),
        ("fanin/qwen2.hidden_size-100", {"num_attention_heads": 10, "num_key_value_heads": 2}),
        ("fanin/mixtral.num_local_experts-1", {"num_experts_per_tok": 1}),
        (
            "fanin/deepseek_v3.n_routed_experts-7",
            {"n_group": 1, "topk_group": 1, "num_experts_per_tok": 7},
        ),
        ("fanin/mamba.hidden_size-40.expand-3", {"intermediate_size": 120, "time_step_rank": 3}),
        ("fanin/t5.num_layers-2", {"num_decoder_layers": 2}),
        ("fanin/whisper.d_model-64", {"encoder_attention_heads": 4, "decoder_attention_heads": 4}),
        ("fanin/vit.hidden_size-64", {"num_attention_heads": 8}),
    ],
)
def test_keys_follow_those_that_are_given(repo_id: str, followed: dict[str, Any]) -> None:
    config = config_of(repo_id)
    assert {key: config[key] for key in followed} == followed


def test_a_repeated_value_of_the_base_is_accepted() -> None:
    same = config_of("fanin/gpt2-tiny.n_layer-2")
    assert same == config_of("fanin/gpt2-tiny")


def test_words_and_truth_values() -> None:
    assert config_of("fanin/resnet-18.layer_type-basic")["layer_type"] == "basic"
    assert config_of("fanin/gpt2-tiny.tie_word_embeddings-false")["tie_word_embeddings"] is False
    assert config_of("fanin/vit-tiny.hidden_act-relu")["hidden_act"] == "relu"


@pytest.mark.parametrize("repo_id", [family["repo_id"] for family in FAMILIES])
def test_every_word_of_a_key_can_be_written(repo_id: str) -> None:
    """Also words with hyphens. The key ends at the first hyphen."""
    family = next(each for each in FAMILIES if each["repo_id"] == repo_id)
    recipe = recipe_of(family["architecture"])
    assert recipe is not None
    for key in family["keys"]:
        words = recipe.config[key].only if key in recipe.config else None
        for word in words or (ACTIVATIONS if key in {"hidden_act", "activation_function"} else ()):
            written = f"{repo_id}.{key}-{word}"
            assert huggingface_hub_takes(written)
            assert config_of(written)[key] == word


def test_the_words_of_that_test_have_hyphens() -> None:
    repo_id = "fanin/t5-tiny.feed_forward_proj-gated-gelu"
    assert config_of(repo_id)["feed_forward_proj"] == "gated-gelu"


FOLLOWS = {
    "mamba": {"intermediate_size"},
    "deepseek_v3": {"num_key_value_heads"},
    "vit": {"head_dim"},
}
"""Keys that can have another value only if another key has another one, too."""


@pytest.mark.parametrize("family", FAMILIES, ids=[each["family"] for each in FAMILIES])
def test_every_listed_key_can_have_another_value(family: dict[str, Any]) -> None:
    """A key with one value only is not listed, since it says nothing."""
    base = f"{family['repo_id']}-tiny"
    for key in set(family["keys"]) - FOLLOWS.get(family["family"], set()):
        words = ["true", "false", "relu", "silu", "basic", "bottleneck", *map(str, range(1, 9))]
        ids = [f"{base}.{key}-{word}" for word in (*words, "16", "64", "256", "512")]
        values = {str(config_of(each)[key]) for each in ids if is_accepted(each)}
        assert len(values) > 1, (key, values)


@pytest.mark.parametrize("repo_id", [family["repo_id"] for family in FAMILIES])
def test_ids_of_special_tokens_follow_a_small_vocabulary(repo_id: str) -> None:
    """Also those that the class takes if the config has none: the config has all of them."""
    config = config_of(repo_id)
    if "vocab_size" not in config:
        return
    recipe = recipe_of(config["architectures"][0])
    assert recipe is not None
    assert recipe.architectures[config["architectures"][0]].token_ids.keys() <= config.keys()
    small = config_of(f"{repo_id}.vocab_size-7")
    ids = {key: each for key, each in small.items() if key.endswith("_token_id")}
    assert ids
    assert max(ids.values()) < 7


def test_texts_of_the_sizes_are_words() -> None:
    """A word with other characters could be in no repo id, even to repeat it."""
    for recipe in recipes().values():
        for config in recipe.sizes.values():
            for key in {"hidden_act", "activation_function"} & set(config):
                assert config[key] in ACTIVATIONS


# The one spelling.

KEYS = {
    family["repo_id"] + tiny: family["keys"]
    for family in FAMILIES
    for tiny in ("", "-tiny")
    if family["repo_id"] + tiny in IDS
}


@st.composite
def overrides(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A base, and some keys with small values in any order."""
    base = draw(st.sampled_from(sorted(KEYS)))
    keys = draw(st.lists(st.sampled_from(KEYS[base]), min_size=1, max_size=3, unique=True))
    values = (st.integers(0, 300).map(str), st.sampled_from(["true", "false", *ACTIVATIONS]))
    return base, [f"{key}-{draw(st.one_of(values))}" for key in keys]


@settings(suppress_health_check=[HealthCheck.filter_too_much], max_examples=100)
@given(overrides())
def test_another_order_names_exactly_the_accepted_id(case: tuple[str, list[str]]) -> None:
    base, parts = case
    every = [".".join((base, *order)) for order in permutations(parts)]
    assume(all(len(each) <= 96 for each in every))
    accepted = [each for each in every if is_accepted(each)]
    assume(accepted)
    (right,) = accepted
    assert huggingface_hub_takes(right)
    assert llama_cpp_takes(right)
    for other in (*every, right.upper(), right.replace("-", "-0", 1)):
        if other != right and "-0" not in other:
            assert refused(other).endswith(f"write {right}")


def is_accepted(repo_id: str) -> bool:
    try:
        repository = repository_of(repo_id)
    except HubError as error:
        checked(error, "RepoNotFound")
        return False
    assert repository.id == repo_id
    return True


@settings(suppress_health_check=[HealthCheck.filter_too_much], max_examples=100)
@given(overrides())
def test_every_accepted_id_has_a_model(case: tuple[str, list[str]]) -> None:
    base, parts = case
    repo_id = ".".join((base, *parts))
    assume(is_accepted(repo_id))
    repository = repository_of(repo_id)
    assert parse_manifest(repository.text) == repository.manifest
    choice = choice_of(repository.manifest)
    assert choice is not None
    values, ignored = config_values(choice)
    assert not ignored
    assert choice.recipe.spent(values) <= MOST_TENSORS


MANY_TURNS = [
    *(
        "fanin/deepseek_v3-tiny.num_hidden_layers-99.first_k_dense_replace-7",
        "fanin/gpt2.n_layer-99",
    ),
    *("fanin/mixtral-tiny.num_hidden_layers-3.num_local_experts-99", "fanin/t5-tiny.num_layers-77"),
    "fanin/deepseek_v3-tiny.num_hidden_layers-70.first_k_dense_replace-65.n_routed_experts-66",
]
"""Models with loops of so many turns that only some are looked at."""


@pytest.mark.parametrize("repo_id", [*SIZES, *MANY_TURNS])
def test_the_count_of_tensors_is_that_of_the_plan(repo_id: str) -> None:
    """Turns of loops count, too. A few tensors stand for all."""
    manifest = repository_of(repo_id).manifest
    model = expanded(manifest)
    choice = choice_of(manifest)
    assert choice is not None
    values, _ = config_values(choice)
    count = Count(MOST_TENSORS, AssertionError)
    expansion = Expansion(choice.recipe, False, count)
    parts = [part for tensor in expansion.tensors(values) for part in tensor.parts]
    assert len(parts) == sum(len(tensor.parts) for tensor in model.tensors)
    assert choice.recipe.spent(values) == MOST_TENSORS - count.left
    samples = list(expansion.samples(values))
    assert sum(alike for _, alike in samples) == len(parts)
    assert {part.name for part, _ in samples} <= {part.name for part in parts}
    assert max(part.elements for part, _ in samples) == max(part.elements for part in parts)


@pytest.mark.parametrize(
    ("repo_id", "message"),
    [
        ("fanin/gpt2.n_embd-64.n_layer-2", "write fanin/gpt2.n_layer-2.n_embd-64"),
        ("fanin/gpt2.vocab_size-512.n_head-4.n_embd-64", "n_embd-64.n_head-4.vocab_size-512"),
        ("fanin/GPT2-tiny", "write fanin/gpt2-tiny"),
        ("Fanin/gpt2-tiny", "write fanin/gpt2-tiny"),
        ("fanin/gpt2.n_layer-02", "write fanin/gpt2.n_layer-2"),
        ("fanin/gpt2.n_layer-2.n_layer-3", "n_layer is given twice: write fanin/gpt2.n_layer-3"),
        ("fanin/gtp2-tiny", "write fanin/gpt2-tiny"),
        ("fanin/gpt2-tinny.n_layer-3", "write fanin/gpt2-tiny.n_layer-3"),
        ("fanin/gpt2.n_layers-2", "gpt2 has no key n_layers: write fanin/gpt2.n_layer-2"),
        ("fanin/bert-bas", "write fanin/bert-base"),
        ("fanin/GPT2LMHeadModel-tiny", "write fanin/gpt2-tiny"),
        ("fanin/bertmodel", "write fanin/bert_encoder"),
        ("fanin/bert-model-tiny", "write fanin/bert_encoder-tiny"),
        ("fanin/bert-encoder-large", "write fanin/bert_encoder-large"),
        ("fanin/gpt-2-xl", "write fanin/gpt2-xl"),
        ("fanin/wisper-base", "write fanin/whisper-base"),
        ("fanin/gpt2-tiny-n_layer-3", "write fanin/gpt2-tiny.n_layer-3"),
        ("fanin/gpt2-tiny-n_embd-64.n_layer-3", "write fanin/gpt2-tiny.n_layer-3.n_embd-64"),
        (
            "fanin/t5-tiny-feed_forward_proj-gated-gelu-num_layers-3",
            "write fanin/t5-tiny.num_layers-3.feed_forward_proj-gated-gelu",
        ),
        ("fanin/vit-tiny.depth-3", "write fanin/vit-tiny.num_hidden_layers-3"),
        ("fanin/bert.layers-3", "write fanin/bert.num_hidden_layers-3"),
        ("fanin/dit-tiny.num_layers-3", "write fanin/dit-tiny.depth-3"),
        ("fanin/gpt2.hidden_size-96", "write fanin/gpt2.n_embd-96"),
        ("fanin/bert-base-uncased", "write fanin/bert-base"),
        ("fanin/all-minilm", "write fanin/bert_encoder"),
        ("fanin/all-MiniLM-L6-v2", "write fanin/bert_encoder"),
        ("fanin/bge-small.num_hidden_layers-3", "write fanin/bert_encoder.num_hidden_layers-3"),
    ],
)
def test_the_nearest_right_id_is_named(repo_id: str, message: str) -> None:
    said = refused(repo_id)
    assert message in said
    assert is_accepted(said.rpartition("write ")[2])


SEE_HUB = "; /hub lists all; a name of your own is there only where HF_ENDPOINT ends in /v1/models/"


@pytest.mark.parametrize(
    ("repo_id", "message"),
    [
        (
            "fanin/t5-large",
            "t5 has no size large; its sizes are fanin/t5-tiny, fanin/t5-small, fan",
        ),
        (
            "fanin/llama-7b",
            "llama has no size 7b; its sizes are fanin/llama-tiny, fanin/llama-160m",
        ),
        ("fanin/llama-3.2-1b", "llama has no size 3-2-1b; its sizes are fanin/llama-tiny, fanin/"),
        ("fanin/llama-3.2-1b.num_hidden_layers-2", "llama has no size 3-2-1b; its sizes are fanin"),
        ("fanin/qwen2.5-0.5b", "qwen2 has no size 5-0-5b; its sizes are fanin/qwen2-tiny, fanin/"),
        ("fanin/foo", "there is no family or size foo" + SEE_HUB),
        ("fanin/my-model", "there is no family or size my-model" + SEE_HUB),
        ("fanin/bit", "there is no family or size bit" + SEE_HUB),
        ("fanin/bart-base", "there is no family or size bart-base" + SEE_HUB),
        ("fanin/vat", "there is no family or size vat" + SEE_HUB),
        ("fanin/roberta-base", "there is no roberta here; another architecture is fanin/bert"),
        ("fanin/beit-tiny", "there is no beit here; another architecture is fanin/vit"),
        ("fanin/mamba2", "there is no mamba2 here; another architecture is fanin/mamba"),
        ("fanin/gpt3", "there is no gpt3 here; another architecture is fanin/gpt2"),
        ("fanin/qwen-7b", "there is no qwen here; families are fanin/qwen2, fanin/qwen3"),
        ("fanin/whisper.layers-2", "whisper has no key layers; it has encoder_layers, decoder_la"),
        ("FacebookAI/roberta-base", "there is no roberta here; another architecture is fanin/bert"),
        ("google-t5/t5-large", "t5 has no size large; its sizes are fanin/t5-tiny, fanin/t5-small"),
        ("somebody/else", "only fanin/... is here, such as fanin/gpt2-tiny; fresh weights never"),
    ],
)
def test_another_architecture_is_never_named_as_if_it_were_right(
    repo_id: str, message: str
) -> None:
    said = refused(repo_id)
    assert message in said
    assert "write" not in said
    assert "try" not in said


WORDS = [
    "roberta",
    "tiny",
    "base",
    "large",
    "3",
    "2",
    "1b",
    "gpt",
    "x",
    "lm",
    "n_layer",
    "vit",
    "t5",
]
"""Words that misspelt ids are made of, beside those of right ones."""


@st.composite
def misspelt(draw: st.DrawFn) -> str:
    """An id with a letter less or more, with other words or keys, or in another namespace."""
    text: str = draw(st.sampled_from(IDS)).removeprefix("fanin/")
    place = draw(st.integers(0, len(text)))
    kind = draw(st.sampled_from(["less", "more", "swapped", "words", "keys"]))
    if kind == "less":
        text = text[:place] + text[place + 1 :]
    elif kind == "more":
        text = text[:place] + draw(st.sampled_from("abt-.29_")) + text[place:]
    elif kind == "swapped":
        text = text[:place] + text[place : place + 2][::-1] + text[place + 2 :]
    else:
        joint = st.sampled_from("-._")
        more = draw(st.lists(st.tuples(joint, st.sampled_from(WORDS)), min_size=1, max_size=3))
        start = text if kind == "keys" else draw(st.sampled_from(WORDS))
        text = start + "".join(mark + word for mark, word in more)
    namespace: str = draw(st.sampled_from(["fanin/", "google/"]))
    return namespace + text


@settings(max_examples=1500, deadline=None)
@given(misspelt())
def test_every_id_in_a_message_is_accepted(repo_id: str) -> None:
    message = ""
    try:
        repository_of(repo_id)
    except HubError as error:
        message = checked(error, "RepoNotFound")
    for each in re.findall(r"fanin/[A-Za-z0-9][\w.-]*[\w]", message):
        assert is_accepted(each), message


NEEDS_TOKEN = "needs a token: POST the manifest to /v1/models"
ONLY_OURS = "only fanin/... is here"
IS_NO_NAME = "a name is FAMILY-SIZE.KEY-VALUE"

HOSTILE = [
    ("", ONLY_OURS),
    ("/", ONLY_OURS),
    ("gpt2", "try fanin/gpt2; fresh weights never take a real model's name"),
    ("openai-community/gpt2", "try fanin/gpt2; fresh weights"),
    ("meta-llama/Llama-3-8B", "try fanin/llama-3-8b; fresh weights"),
    ("sentence-transformers/all-MiniLM-L6-v2", "try fanin/bert_encoder; fresh weights"),
    ("BAAI/bge-small-en-v1.5", "try fanin/bert_encoder; fresh weights"),
    ("google-bert/bert-base-uncased", "try fanin/bert-base; fresh weights"),
    ("somebody/else", "such as fanin/gpt2-tiny; fresh weights"),
    ("fanin/gpt2/tiny", ONLY_OURS),
    ("models/fanin/gpt2-tiny", ONLY_OURS),
    ("fanin", ONLY_OURS),
    ("\u017fanin/gpt2", ONLY_OURS),
    ("fan\u0131n/gpt2", ONLY_OURS),
    ("fanin\r\nSet-Cookie: a/gpt2", ONLY_OURS),
    ("fanin/", IS_NO_NAME),
    ("fanin/.", IS_NO_NAME),
    ("fanin/..", IS_NO_NAME),
    ("fanin/gpt2.git", IS_NO_NAME),
    ("fanin/gpt2-", IS_NO_NAME),
    ("fanin/-gpt2", IS_NO_NAME),
    ("fanin/gpt2.", IS_NO_NAME),
    ("fanin/gpt2..n_layer-2", IS_NO_NAME),
    ("fanin/gpt2.n_layer--2", NEEDS_TOKEN),
    ("fanin/gpt2.n_layer-", IS_NO_NAME),
    ("fanin/gpt2 ", IS_NO_NAME),
    ("fanin/gpt2\n", IS_NO_NAME),
    ("fanin/gpt2\r\nX: y", IS_NO_NAME),
    ("fanin/gpt2\x00", IS_NO_NAME),
    ("fanin/gpt2%2e", IS_NO_NAME),
    ("fanin/gpt\u00b2", IS_NO_NAME),
    ("fanin/gpt2.n_layer-\u0662", IS_NO_NAME),
    ("fanin/gpt2.n_layer-1e3", "n_layer takes an integer"),
    ("fanin/gpt2.n_layer-two", "n_layer takes an integer"),
    ("fanin/gpt2.n_layer-null", "n_layer takes an integer"),
    ("fanin/gpt2.n_layer-true", "n_layer takes an integer"),
    ("fanin/gpt2.n_layer", "n_layer is no KEY-VALUE"),
    ("fanin/gpt2.initializer_range-0.02", NEEDS_TOKEN),
    ("fanin/gpt2.initializer_range-1", NEEDS_TOKEN),
    ("fanin/gpt2.n_embd-64.02", NEEDS_TOKEN),
    ("fanin/resnet.depths-3", NEEDS_TOKEN),
    ("fanin/deepseek_v3.rope_scaling-1", NEEDS_TOKEN),
    ("fanin/whisper.begin_suppress_tokens-1", NEEDS_TOKEN),
    ("fanin/t5.feed_forward_proj-gated", "feed_forward_proj is not gated; it takes relu, gelu,"),
    ("fanin/t5.feed_forward_proj-gelu_fast", "feed_forward_proj is not gelu_fast; it takes relu,"),
    ("fanin/t5.feed_forward_proj-gated-gelu-x", "feed_forward_proj is not gated-gelu-x; it takes"),
    ("fanin/gpt2.activation_function-evil", "activation_function is not evil; it takes gelu,"),
    ("fanin/deepseek_v3.scoring_func-softmax", "scoring_func has one value only, which is sigmoid"),
    ("fanin/gpt2.tie_word_embeddings-1", "tie_word_embeddings takes true or false"),
    ("fanin/gpt2.add_cross_attention-true", "add_cross_attention has one value only, which is fal"),
    ("fanin/gpt2.add_cross_attention-false", "add_cross_attention has one value only, which is fa"),
    ("fanin/mamba.time_step_scale-1", "time_step_scale has one value only, which is 1.0"),
    ("fanin/gpt2.architectures-x", "gpt2 has no key architectures"),
    ("fanin/gpt2.model_type-bert", "gpt2 has no key model_type"),
    ("fanin/gpt2.n_embd-0", "n_embd: 0 is below 1"),
    ("fanin/gpt2.n_layer-10001", "n_layer: 10001 is too large; with these other keys n_layer may"),
    ("fanin/gpt2.n_layer-" + "9" * 80, "is too large"),
    ("fanin/bert.num_hidden_layers-100000", f"more than {MOST_TENSORS} tensors"),
    ("fanin/convnext-tiny.image_size-5", "image_size must be at least patch_size"),
    ("fanin/convnext.image_size-31", "image_size must be at least patch_size"),
    ("fanin/convnext-tiny.patch_size-257", "image_size must be at least patch_size"),
    ("fanin/mixtral.num_hidden_layers-100000.num_local_experts-100000", "tensors"),
    ("fanin/deepseek_v3.num_hidden_layers-9999.n_routed_experts-99999", "tensors"),
    ("fanin/convnext.num_stages-64", "num_stages has one value only, which is 4: leave it out"),
    (f"fanin/llama.max_position_embeddings-{MOST_OTHER + 1}", f"is not between 1 and {MOST_OTHER}"),
    ("fanin/llama.max_position_embeddings-0", "is not between 1 and"),
    (
        "fanin/gpt2-tiny.eos_token_id-320",
        "eos_token_id is 320, and must be below vocab_size, which is 320",
    ),
    ("fanin/t5.is_encoder_decoder-false", "t5 has no key is_encoder_decoder"),
    ("fanin/t5.num_layers-0", "must be at least 1"),
    ("fanin/t5.relative_attention_num_buckets-3", "must be at least 4"),
    ("fanin/t5.relative_attention_max_distance-16", "must be above half of"),
    ("fanin/mixtral.hidden_size-68", "must be multiples of 8"),
    ("fanin/deepseek_v3.moe_intermediate_size-4", "must be multiples of 8"),
    ("fanin/convnext-tiny.num_stages-2", "num_stages has one value only, which is 2: leave it out"),
    ("fanin/gpt2.n_head-7", "n_head must divide n_embd"),
    ("fanin/gpt2.n_embd-64.n_head-128", "n_head must divide n_embd"),
    ("fanin/bert.pad_token_id-30522", "pad_token_id must be below vocab_size"),
    ("fanin/llama.num_key_value_heads-5", "num_key_value_heads must divide"),
    ("fanin/llama.hidden_size-63", "the size of a head must be even"),
    ("fanin/mixtral.num_experts_per_tok-9", "num_experts_per_tok must be at most"),
    ("fanin/deepseek_v3.n_group-3", "n_group must divide n_routed_experts"),
    ("fanin/mamba.intermediate_size-5", "intermediate_size must be expand times hidden_size"),
    ("fanin/vit.head_dim-5", "num_attention_heads must divide hidden_size"),
    ("fanin/vit.image_size-15", "patch_size must be at most image_size"),
    ("fanin/whisper.d_model-65", "d_model must be even"),
    ("fanin/dit.num_heads-5", "num_heads must divide hidden_size"),
    ("fanin/dit.hidden_size-18", "hidden_size must be a multiple of 4"),
    ("fanin/dit.hidden_size-18.num_heads-9", "hidden_size must be a multiple of 4"),
    ("fanin/" + "a" * 97, "more than 96"),
    ("fanin/" + "a" * 100_000, "more than 96"),
    ("a" * 100_000 + "/gpt2", ONLY_OURS),
    ("/" * 100_000, ONLY_OURS),
    ("fanin/gpt2.foo-two", "gpt2 has no key foo; /hub lists"),
    ("fanin/gpt2" + ".n_laye-1" * 9, "write fanin/gpt2.n_layer-1"),
    ("fanin/" + ".".join(["a-1"] * 24), "there is no family or size a-1"),
]


@pytest.mark.parametrize(("repo_id", "message"), HOSTILE)
def test_hostile_ids_are_refused_at_once(repo_id: str, message: str) -> None:
    times = []
    for _ in range(3):
        began = perf_counter()
        said = refused(repo_id)
        times.append(perf_counter() - began)
    assert message in said
    assert min(times) < MOST_SECONDS


@given(st.text(max_size=120), st.sampled_from(["", "fanin/", "fanin/gpt2.", "fanin/gpt2.n_layer-"]))
def test_any_text_is_a_repo_id_or_refused(text: str, before: str) -> None:
    if is_accepted(before + text):
        assert huggingface_hub_takes(before + text)


# Any name, with a manifest of one's own.


def test_any_name_takes_the_manifest_of_a_token() -> None:
    manifest = Manifest(tensors=[{"name": "w", "shape": [2]}], seed=5)
    repository = under_token("fanin/My_Model-1.0", manifest)
    assert repository == Repository(
        "fanin/My_Model-1.0", manifest, 0, repository.text, repository.token
    )
    assert repository.token is not None
    assert text_of(repository.token) == repository.text
    assert json.loads(repository.text)["seed"] == 5


def test_it_has_the_edition_of_its_recipe() -> None:
    manifest = Manifest(architecture="GPT2LMHeadModel", size="tiny", seed=5)
    assert under_token("fanin/mine", manifest).edition == 1


@pytest.mark.parametrize(
    "repo_id", ["gpt2", "openai/gpt2", "Fanin/mine", "fanin/a--b", "fanin/a.git", "fanin/a\r\n"]
)
def test_the_names_are_those_of_the_namespace(repo_id: str) -> None:
    manifest = Manifest(tensors=[{"name": "w", "shape": [2]}], seed=5)
    with pytest.raises(HubError) as caught:
        under_token(repo_id, manifest)
    checked(caught.value, "RepoNotFound")


def test_the_manifest_is_one_that_has_a_recipe() -> None:
    with pytest.raises(UnreadableError):
        under_token("fanin/mine", Manifest(architecture="NoSuchModel", size="tiny"))


LARGE = [
    (base, key)
    for base in ("bert", "deepseek_v3-tiny", "gpt2", "llama", "mamba", "mixtral-tiny", "t5", "vit")
    for key in next(each["keys"] for each in FAMILIES if each["family"] == base.split("-")[0])
    if key in ("num_hidden_layers", "n_layer", "num_layers", "n_embd", "hidden_size", "vocab_size")
    or "expert" in key
]


@pytest.mark.parametrize(("base", "key"), LARGE)
def test_a_limit_in_a_hint_is_one_that_works(base: str, key: str) -> None:
    """For numbers above every limit, and for those whose models are too large with the others."""
    for number in (10**5, 10**6, 10**8, 10**12):
        repo_id = f"fanin/{base}.{key}-{number}"
        try:
            repository_of(repo_id)
            continue
        except HubError as error:
            found = re.search(f" {key} may be ([0-9]+)$", error.message)
        if found is None:
            continue
        manifest = repository_of(f"fanin/{base}.{key}-{found[1]}").manifest
        made = outline(manifest.model_copy(update={"seed": 1}), max_bytes=2**60)
        assert made.largest_bytes < MOST_FILE_BYTES
        assert int(found[1]) >= config_of(f"fanin/{base}")[key]


def test_large_depths_are_named() -> None:
    for base, key in (("bert", "num_hidden_layers"), ("t5", "num_layers"), ("gpt2", "n_layer")):
        found = re.search("may be ([0-9]+)$", refused(f"fanin/{base}.{key}-{10**6}"))
        assert found is not None
        assert int(found[1]) >= 5000
