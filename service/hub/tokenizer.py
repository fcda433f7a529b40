"""The tokenizer of a text model: each byte of the UTF-8 text is a token, and there are no merges.

The files are those that transformers, the tokenizers library and candle read. A text of any
language becomes bytes and comes back as it was. The special tokens have the ids that the config
gives them. Every other id has its number as its text, so a tokenizer has as many entries as the
model's vocabulary, and every id that a model generates decodes to something visible.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from service.wire.json_text import json_bytes

TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"

LEAST_VOCABULARY = 260
"""The fewest entries of a vocabulary with a tokenizer: 256 bytes, and up to 4 special tokens."""

MOST_FILLED = 2**18
"""The largest vocabulary in which every id has a text. tokenizer.json then has 6.6 MB, which is
made in 0.3 to 0.7 s. The largest vocabulary of the sizes has 151,936 entries."""

_BYTES = 256

_ROLES = ("bos_token", "eos_token", "pad_token", "cls_token", "sep_token", "mask_token")
"""The roles that tokenizer_config.json names."""

_LENGTHS = ("max_position_embeddings", "n_positions", "max_target_positions")
"""Keys of configs for the most tokens of a text. A model without any takes texts of any length."""


@dataclass(frozen=True, slots=True)
class _Family:
    """The special tokens of a model_type.

    `spelling` has the text of each role. If several roles have one id, its text is that of the
    first. The tokens of the roles in `before` and `after` are put around each text.
    """

    spelling: Mapping[str, str]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")


_PLAIN = {"eos_token": "<|endoftext|>", "bos_token": "<|startoftext|>", "pad_token": "<|pad|>"}
_GPT2 = _Family(_PLAIN)
_LLAMA = _Family(
    {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}, before=("bos_token",)
)

_FAMILIES = {
    "bert": _Family(
        {
            "pad_token": "[PAD]",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "mask_token": "[MASK]",
        },
        before=("cls_token",),
        after=("sep_token",),
        inputs=("input_ids", "token_type_ids", "attention_mask"),
    ),
    "deepseek_v3": _LLAMA,
    "gpt2": _GPT2,
    "llama": _LLAMA,
    "mamba": _GPT2,
    "mistral": _LLAMA,
    "mixtral": _LLAMA,
    "qwen2": _GPT2,
    "qwen3": _GPT2,
    "t5": _Family(
        {"pad_token": "<pad>", "eos_token": "</s>", "decoder_start_token": "<s>"},
        after=("eos_token",),
    ),
    "whisper": _Family(
        {**_PLAIN, "decoder_start_token": "<|startoftranscript|>"}, after=("eos_token",)
    ),
}


def tokenizer_files(config: Mapping[str, Any]) -> dict[str, bytes]:
    """tokenizer.json and tokenizer_config.json for a whole config.json.

    Empty if the model_type takes no text, if the vocabulary has fewer than LEAST_VOCABULARY
    entries, or if the config reserves so many ids that the bytes do not fit.
    """
    kind = config.get("model_type")
    family = _FAMILIES.get(kind) if isinstance(kind, str) else None
    size = _integer(config.get("vocab_size"))
    if family is None or size is None or size < LEAST_VOCABULARY:
        return {}
    ids = _ids(family, config, size)
    if ids is None:
        return {}
    return {
        TOKENIZER: json_bytes(_tokenizer(family, ids, size)),
        TOKENIZER_CONFIG: json_bytes(_tokenizer_config(family, ids, config)),
    }


@dataclass(frozen=True, slots=True)
class _Ids:
    """The id of each byte, the id of each role, and the text of each special id."""

    of_bytes: tuple[int, ...]
    of_roles: Mapping[str, int]
    texts: Mapping[int, str]


def _ids(family: _Family, config: Mapping[str, Any], size: int) -> _Ids | None:
    """The ids below `size`; None if they are too few.

    The ids that the config gives come first, then the bytes, and then the roles that have no id
    in the config. Roles with one id in the config have one token, also where that id is not below
    `size`.
    """
    given = {name: _listed(value) for name, value in config.items() if name.endswith("_token_id")}
    reserved = {each for ids in given.values() for each in ids if 0 <= each < size}
    of_bytes = _places_of_bytes(reserved, size)
    taken = reserved.union(of_bytes)
    most = min(size, len(taken) + len(family.spelling))
    free = [each for each in range(most) if each not in taken]
    placed: dict[int | str, int] = {each: each for each in reserved}
    of_roles, texts = dict[str, int](), dict[int, str]()
    for role, text in family.spelling.items():
        wanted = next(iter(given.get(f"{role}_id", ())), role)
        if wanted not in placed:
            if not free:
                return None
            placed[wanted] = free.pop(0)
        of_roles[role] = placed[wanted]
        texts.setdefault(placed[wanted], text)
    return _Ids(of_bytes, of_roles, texts) if len(of_bytes) == _BYTES else None


def _listed(value: object) -> list[int]:
    """The ids of a member of the config, which has one, a list of them, or null."""
    numbers = map(_integer, value if isinstance(value, list) else [value])
    return [each for each in numbers if each is not None]


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _places_of_bytes(reserved: set[int], size: int) -> tuple[int, ...]:
    """The first 256 ids in a row that are free; without such a row, the first 256 free ones."""
    first = 0
    for each in (*sorted(reserved), size):
        if each - first >= _BYTES:
            return tuple(range(first, first + _BYTES))
        first = each + 1
    return tuple([each for each in range(size) if each not in reserved][:_BYTES])


def _characters() -> tuple[str, ...]:
    """The character that stands for each byte in the files, as in GPT-2's vocabulary.

    A printable byte is the character of the same number. The others are the characters from
    number 256 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(_BYTES) if byte not in printable]
    return tuple(
        chr(byte if byte in printable else _BYTES + others.index(byte)) for byte in range(_BYTES)
    )


def _vocabulary(ids: _Ids, size: int) -> dict[str, int]:
    """The id of each entry, in the order of the ids.

    An id that is neither a byte nor a special token has its number as its text, such as <300>. No
    text is encoded to it: the library splits a text into bytes, and there are no merges. Each of
    these characters stands for its own byte, so the decoder gives them unchanged.
    """
    characters = dict(zip(ids.of_bytes, _characters(), strict=True))
    known = {**characters, **ids.texts}
    filled = range(size) if size <= MOST_FILLED else sorted(known)
    return {known.get(number, f"<{number}>"): number for number in filled}


def _tokenizer(family: _Family, ids: _Ids, size: int) -> dict[str, Any]:
    """tokenizer.json, as the tokenizers library writes it."""
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": False,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(number, text) for number, text in sorted(ids.texts.items())],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": _template(family, ids),
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": _vocabulary(ids, size),
            "merges": [],
        },
    }


def _added(number: int, text: str) -> dict[str, Any]:
    """A special token. It takes no blank beside it."""
    return {
        "id": number,
        "content": text,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


def _template(family: _Family, ids: _Ids) -> dict[str, Any] | None:
    """What is put around a text, and around each of two texts; None for nothing.

    A model with [CLS] has it before the first text alone.
    """
    if not family.before + family.after:
        return None
    before, after = (_texts(roles, ids) for roles in (family.before, family.after))
    single = _pieces(before, "A", after, 0)
    second = _pieces([] if "cls_token" in family.before else before, "B", after, 1)
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, *second],
        "special_tokens": {
            text: {"id": text, "ids": [number], "tokens": [text]}
            for number, text in sorted(ids.texts.items())
            if text in before + after
        },
    }


def _texts(roles: Iterable[str], ids: _Ids) -> list[str]:
    return [ids.texts[ids.of_roles[role]] for role in roles]


def _pieces(before: list[str], text: str, after: list[str], kind: int) -> list[dict[str, Any]]:
    """A text of a template with its special tokens; `kind` is its token type."""
    return [
        *({"SpecialToken": {"id": each, "type_id": kind}} for each in before),
        {"Sequence": {"id": text, "type_id": kind}},
        *({"SpecialToken": {"id": each, "type_id": kind}} for each in after),
    ]


def _tokenizer_config(family: _Family, ids: _Ids, config: Mapping[str, Any]) -> dict[str, Any]:
    """tokenizer_config.json. Its class reads tokenizer.json and changes nothing in it."""
    roles = {role: ids.texts[ids.of_roles[role]] for role in _ROLES if role in family.spelling}
    lengths = (_integer(config.get(key)) for key in _LENGTHS)
    longest = next((each for each in lengths if each is not None), None)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **roles,
        **({} if longest is None else {"model_max_length": longest}),
        "model_input_names": list(family.inputs),
        "clean_up_tokenization_spaces": False,
    }
