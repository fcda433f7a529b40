"""Load directories with a tokenizer in transformers, and tell what it makes of texts.

    python -m tests.hub.tokenize_in_transformers TEXTS.json ANSWER.json DIRECTORY...

It runs in an environment of tests/models/environment.py. A directory has config.json,
tokenizer.json and tokenizer_config.json. TEXTS.json is a list. ANSWER.json has for each directory:

- `class`, `length`, `model_max_length`: of what AutoTokenizer loads.
- `entries`: the length of what the tokenizers library loads.
- `texts_of_ids`: the text of each of the first 600 ids, and of the last 10.
- `special`: the id of each special token, by its role.
- `texts`: for each text the ids with and without special tokens, `whole` and `plain`, and the text
  of each; `split`: the text of the ids in which no special token is recognized.
- `library`: `plain` and `plain_text` by the tokenizers library, which reads tokenizer.json alone.
- `batch`: two texts with padding. `pair`: a text and a second one.
- `saved`: the ids of the first text after save_pretrained and loading again.
"""

import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

transformers: Any = importlib.import_module("transformers")
tokenizers: Any = importlib.import_module("tokenizers")

ROLES = ("bos", "eos", "pad", "cls", "sep", "mask", "unk")


def main(texts: list[str], answer: Path, directories: list[Path]) -> None:
    """Write what each directory makes of the texts to `answer`."""
    transformers.logging.set_verbosity_error()
    found = {str(directory): _tried(directory, texts) for directory in directories}
    answer.write_text(json.dumps(found))


def _tried(directory: Path, texts: list[str]) -> dict[str, Any]:
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    library = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    length = len(tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        saved = transformers.AutoTokenizer.from_pretrained(folder)
    return {
        "class": type(tokenizer).__name__,
        "length": length,
        "entries": library.get_vocab_size(),
        "texts_of_ids": {
            number: tokenizer.decode([number])
            for number in {*range(min(600, length)), *range(length - 10, length)}
        },
        "model_max_length": tokenizer.model_max_length,
        "special": {role: getattr(tokenizer, f"{role}_token_id") for role in ROLES},
        "texts": [_of_text(tokenizer, text) for text in texts],
        "library": [_in_library(library, text) for text in texts],
        "batch": dict(tokenizer(["a", "longer"], padding=True)),
        "pair": dict(tokenizer("a", "b")),
        "saved": saved(texts[0]).input_ids,
    }


def _of_text(tokenizer: Any, text: str) -> dict[str, Any]:
    plain = tokenizer(text, add_special_tokens=False).input_ids
    whole = tokenizer(text).input_ids
    split = tokenizer(text, split_special_tokens=True).input_ids
    return {
        "plain": plain,
        "plain_text": tokenizer.decode(plain),
        "whole": whole,
        "whole_text": tokenizer.decode(whole, skip_special_tokens=True),
        "split": tokenizer.decode(split, skip_special_tokens=True),
    }


def _in_library(library: Any, text: str) -> dict[str, Any]:
    plain = library.encode(text, add_special_tokens=False).ids
    return {"plain": plain, "plain_text": library.decode(plain, skip_special_tokens=False)}


if __name__ == "__main__":
    main(
        json.loads(Path(sys.argv[1]).read_text()),
        Path(sys.argv[2]),
        [Path(each) for each in sys.argv[3:]],
    )
