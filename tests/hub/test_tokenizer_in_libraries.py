"""transformers, the tokenizers library and transformers.js keep every text as it was.

Two releases of transformers run in environments of their own, as in tests/models/.
"""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from service.hub.tokenizer import LEAST_VOCABULARY
from tests.hub.tokenizing import COMPOSED, SPELLING, TEXTS, write_directories
from tests.models.environment import TRIED, transformers_python
from tests.peers.environment import draw, folder_with

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "tokenizers"

ALL_TEXTS = (*TEXTS, SPELLING, COMPOSED)

COMPOSING = ("5", "qwen2")
"""The release and the model_type whose class in transformers composes characters (NFC). It stands
in a list there, so tokenizer_config.json cannot ask for another class."""

Found = dict[Path, Any]


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, dict[str, Any]]:
    return write_directories(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture(scope="module", params=TRIED)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def tried(command: list[str], folder: Path, directories: list[Path]) -> Found:
    """What a program writes of all texts and directories."""
    texts, answer = folder / "texts.json", folder / "answer.json"
    texts.write_text(json.dumps(ALL_TEXTS))
    draw([*command, str(texts), str(answer), *map(str, directories)])
    return {Path(name): about for name, about in json.loads(answer.read_text()).items()}


@pytest.fixture(scope="module")
def found(
    release: str, configs: dict[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Found:
    python = str(transformers_python(release))
    script = [python, "-m", "tests.hub.tokenize_in_transformers"]
    return tried(script, tmp_path_factory.mktemp("answers"), list(configs))


def kept(release: str, config: dict[str, Any], text: str) -> str:
    """The text that a tokenizer gives back."""
    composing = (release, config["model_type"]) == COMPOSING
    return unicodedata.normalize("NFC", text) if composing else text


def test_every_text_comes_back(
    release: str, configs: dict[Path, dict[str, Any]], found: Found
) -> None:
    """Without special tokens, with those of the family, and with none recognized in the text."""
    for directory, config in configs.items():
        for text, about in zip(ALL_TEXTS, found[directory]["texts"], strict=True):
            expected = kept(release, config, text)
            assert about["plain_text"] == about["split"] == expected, directory
            assert text == SPELLING or about["whole_text"] == expected, directory


def test_the_library_alone_gives_the_same(
    release: str, configs: dict[Path, dict[str, Any]], found: Found
) -> None:
    """tokenizer.json is whole, as Rust programs read it without the other file."""
    for directory, config in configs.items():
        for text, about, alone in zip(
            ALL_TEXTS, found[directory]["texts"], found[directory]["library"], strict=True
        ):
            assert alone["plain_text"] == text, directory
            assert alone["plain"] == about["plain"] or kept(release, config, text) != text


def test_a_byte_is_a_token(configs: dict[Path, dict[str, Any]], found: Found) -> None:
    for directory, config in configs.items():
        for text, about in zip(TEXTS, found[directory]["texts"], strict=False):
            ids = about["plain"]
            assert len(ids) == len(text.encode()), directory
            assert max(about["whole"], default=0) < config["vocab_size"]
        first = found[directory]["texts"][0]["plain"]
        assert [each - first[0] for each in first] == [each - ord("p") for each in b"plain words"]


def test_a_spelled_special_token_is_one(configs: dict[Path, dict[str, Any]], found: Found) -> None:
    """As people write [MASK] for BERT. The text of all tokens is still the whole text."""
    place = ALL_TEXTS.index(SPELLING)
    for directory in configs:
        about = found[directory]["texts"][place]
        assert len(about["plain"]) < len(SPELLING), directory
        assert about["whole_text"] != SPELLING


def test_ids_are_those_of_the_config(configs: dict[Path, dict[str, Any]], found: Found) -> None:
    for directory, config in configs.items():
        about = found[directory]
        assert about["length"] == about["entries"] == config["vocab_size"]
        for role in ("bos", "eos", "pad"):
            given = config.get(f"{role}_token_id")
            if given is not None and given < config["vocab_size"]:
                assert about["special"][role] == given, directory


def named_numbers(directory: Path) -> list[int]:
    """The ids of a directory that are neither bytes nor special tokens: the first and the last."""
    tokenizer = json.loads((directory / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    found = [number for text, number in vocabulary.items() if text == f"<{number}>"]
    return [*found[:1], *found[-1:]]


def test_every_id_has_a_text(configs: dict[Path, dict[str, Any]], found: Found) -> None:
    """Bytes and special tokens too, so nothing that a model generates is invisible.

    No id of the texts is a number, also where a text spells one.
    """
    for directory in configs:
        about = found[directory]
        assert all(about["texts_of_ids"].values()), directory
        for number in named_numbers(directory):
            assert about["texts_of_ids"][str(number)] == f"<{number}>", directory
            assert all(number not in text["whole"] for text in about["texts"]), directory


def test_some_ids_are_numbers(configs: dict[Path, dict[str, Any]]) -> None:
    """In every size, so that the test above shows something."""
    for directory, config in configs.items():
        assert named_numbers(directory) or config["vocab_size"] == LEAST_VOCABULARY, directory


AROUND = {"bert": ("cls", "sep"), "t5": (None, "eos"), "whisper": (None, "eos")} | dict.fromkeys(
    ("llama", "mistral", "mixtral", "deepseek_v3"), ("bos", None)
)
"""The roles of the tokens before and after a text, by model_type; none for the others."""


def test_special_tokens_are_around_a_text(
    configs: dict[Path, dict[str, Any]], found: Found
) -> None:
    """As the tokenizers of the real models have them."""
    for directory, config in configs.items():
        about = found[directory]
        before, after = AROUND.get(config["model_type"], (None, None))
        special = about["special"] | {None: None}
        plain = about["texts"][0]["plain"]
        around = [[special[role]] if role else [] for role in (before, after)]
        assert about["texts"][0]["whole"] == [*around[0], *plain, *around[1]], directory
        assert about["saved"] == about["texts"][0]["whole"], directory


def test_two_texts_of_bert_are_told_apart(
    configs: dict[Path, dict[str, Any]], found: Found
) -> None:
    for directory, config in configs.items():
        pair, special = found[directory]["pair"], found[directory]["special"]
        assert ("token_type_ids" in pair) == (config["model_type"] == "bert")
        if config["model_type"] == "bert":
            a, b = pair["input_ids"][1], pair["input_ids"][3]
            cls, sep = special["cls"], special["sep"]
            assert pair["input_ids"] == [cls, a, sep, b, sep]
            assert pair["token_type_ids"] == [0, 0, 0, 1, 1]


def test_a_batch_is_padded(configs: dict[Path, dict[str, Any]], found: Found) -> None:
    """The shorter text ends in padding, which the mask hides."""
    for directory in configs:
        batch, pad = found[directory]["batch"], found[directory]["special"]["pad"]
        short, long = batch["input_ids"]
        assert len(short) == len(long), directory
        assert short[-5:] == [pad] * 5
        assert batch["attention_mask"][0][-6:] == [1, 0, 0, 0, 0, 0]
        assert 0 not in batch["attention_mask"][1]


def test_texts_have_the_length_of_the_model(
    configs: dict[Path, dict[str, Any]], found: Found
) -> None:
    for directory, config in configs.items():
        longest = [
            config[key]
            for key in ("max_position_embeddings", "n_positions", "max_target_positions")
            if key in config
        ]
        assert found[directory]["model_max_length"] == (longest[0] if longest else int(1e30))


@pytest.mark.ci
@pytest.mark.needs("node", "npm")
def test_transformers_js_gives_the_same(
    configs: dict[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Its tokenizers library, without its models, which are ONNX only."""
    modules = folder_with("hub-tokenizers", HERE / "package.json") / "node_modules"
    command = ["node", str(HERE / "round_trip.mjs"), str(modules)]
    found = tried(command, tmp_path, list(configs))
    for directory, config in configs.items():
        assert found[directory]["length"] == config["vocab_size"], directory
        numbers = found[directory]["texts_of_ids"]
        assert all(numbers.values()), directory
        for number in named_numbers(directory):
            assert numbers[str(number)] == f"<{number}>", directory
        for text, about in zip(ALL_TEXTS, found[directory]["texts"], strict=True):
            assert (about["plain_text"] or "") == text, directory
            assert text == SPELLING or (about["whole_text"] or "") == text, directory
