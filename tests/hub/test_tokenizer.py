"""The tokenizers of text models: 256 bytes, the special tokens of the config, and numbers."""

import json
import time
from typing import Any

import pytest

from service.hub.tokenizer import LEAST_VOCABULARY, MOST_FILLED, tokenizer_files
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
    """The ids of the bytes. Each has a text of one character, and no other token has."""
    return sorted(number for text, number in tokenizer["model"]["vocab"].items() if len(text) == 1)


def numbered_ids(tokenizer: dict[str, Any]) -> list[int]:
    """The ids that are neither bytes nor special tokens. Their texts are right."""
    vocabulary = tokenizer["model"]["vocab"]
    special = {each["id"] for each in tokenizer["added_tokens"]}
    others = set(vocabulary.values()) - special - set(byte_ids(tokenizer))
    assert all(vocabulary[f"<{number}>"] == number for number in others)
    return sorted(others)


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
    assert list(vocabulary_of.values()) == list(range(config["vocab_size"]))
    special = {each["id"] for each in tokenizer["added_tokens"]}
    assert len(numbered_ids(tokenizer)) == config["vocab_size"] - len({*special, *numbers})
    for role, key in PLACES.items():
        if config.get(key, config["vocab_size"]) < config["vocab_size"]:
            assert vocabulary_of[settings[role]] == config[key]
    assert all(vocabulary_of[each["content"]] == each["id"] for each in tokenizer["added_tokens"])
    assert "pad_token" in settings


def test_the_bytes_can_spell_the_text_of_every_id() -> None:
    """So a decoder that makes bytes of the characters gives the text unchanged."""
    vocabulary = made(GPT2)[0]["model"]["vocab"]
    assert {each: vocabulary[each] for each in "<0123456789>"} == {
        each: ord(each) for each in "<0123456789>"
    }


@pytest.mark.parametrize("more", [0, 1])
def test_a_vocabulary_beyond_all_released_ones_is_not_filled(more: int) -> None:
    """Its file would have hundreds of MB. The special tokens are where the config has them."""
    last = MOST_FILLED + more - 1
    config = GPT2 | {"vocab_size": last + 1, "bos_token_id": last, "eos_token_id": last}
    tokenizer, _ = made(config)
    assert len(byte_ids(tokenizer)) == 256
    assert tokenizer["model"]["vocab"]["<|endoftext|>"] == last
    assert len(numbered_ids(tokenizer)) == (0 if more else MOST_FILLED - 256 - 2)


def test_every_size_is_filled() -> None:
    assert max(config["vocab_size"] for config in CONFIGS.values()) <= MOST_FILLED


def test_the_largest_vocabulary_makes_a_file_of_less_than_7_mb() -> None:
    """As the module says. A snapshot counts it as memory."""
    assert 6e6 < len(tokenizer_files(GPT2 | {"vocab_size": MOST_FILLED})["tokenizer.json"]) < 7e6


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
