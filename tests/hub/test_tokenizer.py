"""The tokenizers of text models: 256 bytes and the special tokens, at the ids of the config."""

import json
import time
from typing import Any

import pytest

from service.hub.tokenizer import LEAST_VOCABULARY, tokenizer_files
from service.models.recipe import recipes
from tests.hub.tokenizing import SPELLING, TEXTS, WITHOUT_TEXT, text_configs

CONFIGS = dict(text_configs())

PLACES = {f"{role}_token": f"{role}_token_id" for role in ("bos", "eos", "pad", "cls", "sep")}
"""The roles of tokenizer_config.json, and the keys of config.json for their ids."""

GPT2 = CONFIGS["gpt2/tiny"]


def made(config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """tokenizer.json and tokenizer_config.json."""
    files = tokenizer_files(config)
    assert list(files) == ["tokenizer.json", "tokenizer_config.json"]
    tokenizer, settings = (json.loads(text) for text in files.values())
    return tokenizer, settings


def byte_ids(tokenizer: dict[str, Any]) -> list[int]:
    """The ids of the tokens that are not special."""
    special = {each["id"] for each in tokenizer["added_tokens"]}
    return sorted(set(tokenizer["model"]["vocab"].values()) - special)


def test_every_text_family_has_a_tokenizer() -> None:
    kinds = {
        each.model_type for recipe in recipes().values() for each in recipe.architectures.values()
    }
    assert {name.partition("/")[0] for name in CONFIGS} == kinds - set(WITHOUT_TEXT)
    assert len(kinds - set(WITHOUT_TEXT)) == 11


@pytest.mark.parametrize("kind", WITHOUT_TEXT)
def test_a_model_of_images_has_none(kind: str) -> None:
    (config,) = (
        next(iter(recipe.sizes.values())) for recipe in recipes().values() if recipe.family == kind
    )
    assert tokenizer_files(config) == {}
    assert tokenizer_files(config | {"vocab_size": 320}) == {}


@pytest.mark.parametrize("vocabulary", [None, LEAST_VOCABULARY])
@pytest.mark.parametrize("name", CONFIGS)
def test_every_token_has_its_place(name: str, vocabulary: int | None) -> None:
    """Special tokens are where the config has them, and the 256 bytes follow each other."""
    config = CONFIGS[name] | ({} if vocabulary is None else {"vocab_size": vocabulary})
    tokenizer, settings = made(config)
    vocabulary_of = tokenizer["model"]["vocab"]
    numbers = byte_ids(tokenizer)
    assert numbers == list(range(numbers[0], numbers[0] + 256))
    assert max(vocabulary_of.values()) < config["vocab_size"]
    for role, key in PLACES.items():
        if config.get(key, config["vocab_size"]) < config["vocab_size"]:
            assert vocabulary_of[settings[role]] == config[key]
    assert all(vocabulary_of[each["content"]] == each["id"] for each in tokenizer["added_tokens"])
    assert "pad_token" in settings


@pytest.mark.parametrize("name", CONFIGS)
def test_a_smaller_vocabulary_has_no_tokenizer(name: str) -> None:
    assert tokenizer_files(CONFIGS[name] | {"vocab_size": LEAST_VOCABULARY - 1}) == {}


def test_bytes_have_the_characters_of_gpt2s_vocabulary() -> None:
    """Known pairs; the fixed points and the moved ones."""
    vocabulary = made(GPT2)[0]["model"]["vocab"]
    known = {"a": 0x61, "~": 0x7E, "ÿ": 0xFF, "®": 0xAE, "Ġ": 0x20, "Ċ": 0x0A, "Ā": 0, "Ń": 0xAD}
    assert {text: vocabulary[text] for text in known} == known


def test_the_texts_have_every_byte_of_utf8() -> None:
    """So that the tests with real tokenizers try each. C0, C1 and F5 to FF are in no text."""
    never = {0xC0, 0xC1, *range(0xF5, 0x100)}
    assert set("".join(TEXTS).encode()) == set(range(256)) - never


def test_ids_beyond_the_vocabulary_are_moved_together() -> None:
    """bos and eos of GPT-2 are one token. They still are if the vocabulary is cut."""
    config = CONFIGS["gpt2/small"] | {"vocab_size": 512}
    tokenizer, settings = made(config)
    assert settings["bos_token"] == settings["eos_token"] == "<|endoftext|>"
    assert tokenizer["model"]["vocab"]["<|endoftext|>"] == 256


def test_bytes_stay_clear_of_every_id_of_the_config() -> None:
    """All ids of a list are kept free, and so are roles that no tokenizer has."""
    ids = {
        "eos_token_id": [300, 40],
        "bos_token_id": 300,
        "decoder_start_token_id": 5,
        "forced_bos_token_id": 299,
    }
    tokenizer, settings = made(GPT2 | {"vocab_size": 1000} | ids)
    assert tokenizer["model"]["vocab"][settings["eos_token"]] == 300
    assert byte_ids(tokenizer) == list(range(41, 297))


def test_bytes_go_around_an_id_where_no_row_is_long_enough() -> None:
    config = GPT2 | {"vocab_size": 260, "eos_token_id": 128, "bos_token_id": 128}
    tokenizer, _ = made(config)
    assert byte_ids(tokenizer) == [each for each in range(257) if each != 128]


def test_a_config_that_reserves_too_much_has_no_tokenizer() -> None:
    """Of 260 ids GPT-2 needs 256 for bytes, one for bos, and one for padding."""
    assert made(GPT2 | {"vocab_size": 260, "eos_token_id": [0, 1]})
    assert tokenizer_files(GPT2 | {"vocab_size": 260, "eos_token_id": [0, 1, 2]}) == {}


@pytest.mark.parametrize("strange", [None, "256", True, 1.5, -1, [], [None, "x"], {"a": 1}])
def test_strange_ids_are_ignored(strange: object) -> None:
    tokenizer, settings = made(GPT2 | {"eos_token_id": strange, "bos_token_id": strange})
    assert tokenizer["model"]["vocab"][settings["eos_token"]] == 256


@pytest.mark.parametrize("vocabulary", [None, "320", True, 320.0, [320]])
def test_a_strange_vocabulary_has_no_tokenizer(vocabulary: object) -> None:
    assert tokenizer_files(GPT2 | {"vocab_size": vocabulary}) == {}
    assert tokenizer_files(GPT2 | {"model_type": "unknown"}) == {}
    assert tokenizer_files({}) == {}


def test_many_reserved_ids_cost_little() -> None:
    """Every other id of a large vocabulary, which leaves no row for the bytes."""
    config = GPT2 | {"vocab_size": 300_000, "eos_token_id": list(range(0, 300_000, 2))}
    start = time.monotonic()
    tokenizer, _ = made(config)
    assert time.monotonic() - start < 2
    assert byte_ids(tokenizer) == list(range(1, 513, 2))


def test_each_family_says_which_inputs_its_model_takes() -> None:
    """GPT-2 would add an embedding for token_type_ids, and Llama refuses them."""
    typed = {
        name
        for name, config in CONFIGS.items()
        if "token_type_ids" in made(config)[1]["model_input_names"]
    }
    assert typed == {name for name in CONFIGS if name.startswith("bert/")}


def test_the_text_that_spells_special_tokens_does() -> None:
    """Each family has one of them, or the tests with it show nothing."""
    for config in CONFIGS.values():
        spelled = [each["content"] for each in made(config)[0]["added_tokens"]]
        assert any(each in SPELLING for each in spelled)
