"""Directories with a config and its tokenizer, and texts that are hard to keep as they are."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.hub.tokenizer import LEAST_VOCABULARY, tokenizer_files
from service.models.recipe import recipes

WITHOUT_TEXT = ("convnext", "dit", "mobilenet_v1", "mobilenet_v2", "resnet", "vit")

TEXTS = (
    "plain words",
    "",
    " two  blanks , a . stop 's up n't ! ",
    "a\nb\r\n\tc\x00d\x7f",
    "the numbers <300> and<258>, <31999>",
    "日本語 🤗👩\u200d👩\u200d👧 \u202e\u200b\ufeff",
    "".join(map(chr, range(0x180))),
    "\ud7ff\uffff\U0010ffff\ue000\x85\u2028",
    "".join(
        map(
            chr,
            (
                *range(0x180, 0x800, 64),
                *range(0x800, 0xD800, 4096),
                *range(0x10000, 0x110000, 2**16),
            ),
        )
    ),
)
"""Every byte that UTF-8 has is in one of them."""

SPELLING = "[CLS] <s> a</s> <|endoftext|>[MASK] <pad> <|pad|>"
"""A text that spells special tokens of every family."""

COMPOSED = "e\u0301"
"""Two code points that Unicode's NFC makes one."""


def text_configs() -> Iterator[tuple[str, dict[str, Any]]]:
    """The whole config of each size of each text family, by MODEL_TYPE/SIZE."""
    for recipe in recipes().values():
        for size, config in recipe.sizes.items():
            if config["model_type"] not in WITHOUT_TEXT:
                yield f"{config['model_type']}/{size}", config


def write_directories(folder: Path) -> dict[Path, dict[str, Any]]:
    """Write each size, and each with the least vocabulary. The config of each directory."""
    written: dict[Path, dict[str, Any]] = {}
    for name, config in text_configs():
        for vocabulary in (config["vocab_size"], LEAST_VOCABULARY):
            directory = folder / name / str(vocabulary)
            directory.mkdir(parents=True)
            changed = config | {"vocab_size": vocabulary}
            (directory / "config.json").write_text(json.dumps(changed))
            for file, text in tokenizer_files(changed).items():
                (directory / file).write_bytes(text)
            written[directory] = changed
    return written
