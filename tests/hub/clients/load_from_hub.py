"""Load models from a Hub in transformers, as a program that knows nothing of the service.

    python -m tests.hub.clients.load_from_hub QUESTION.json ANSWER.json

It runs in an environment of tests/models/environment.py. QUESTION.json is a list of runs. A run has
`variables` for its environment, and `models`: for each model the name of an Auto class of
transformers, the repo id, and the revision or null for none. ANSWER.json has for each run a list
with what tests/models/load_in_transformers.py tells of each model, or its `error`, and:

- `config`: of the loaded model.
- `round_trips`: of a model with a vocabulary, what AutoTokenizer gives back for those of `TEXTS`
  that it changes (`differing`), and whether the model has all tokens (`largest_token_fits`).

Each run is a process of its own, as HF_ENDPOINT and HF_HUB_OFFLINE are read once by an import.
"""

import importlib
import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

SHARED = ("torch", "torch._dynamo", "torch.distributed.tensor", "torch.distributed.fsdp")
"""Imported once for all runs, because they take most of the time. None of them reads HF_*."""

TEXTS = (
    "Hello, world! It's a test . Isn't it ?",
    "  two  spaces,\ttab,\nline\r\nend ",
    "Grüße, こんにちは世界, Привет, 🙂👩‍🔬, e\u0301, \u202eabc",
    "".join(map(chr, range(1, 0x250))),
    "".join(map(chr, range(0x1F5FF, 0x1F680))),
    "0123456789 <pad </s [CLS [MASK <0x41> <|endoftext|",
)
"""UTF-8 of one to four bytes, white space, and what is nearly a special token."""

AT_A_TIME = 2
"""Runs at the same time."""


def main(question: Path, answer: Path) -> None:
    """Do the runs."""
    runs = json.loads(question.read_text())
    for name in SHARED:
        importlib.import_module(name)
    assert "huggingface_hub" not in sys.modules
    with multiprocessing.get_context("fork").Pool(AT_A_TIME, maxtasksperchild=1) as pool:
        answer.write_text(json.dumps(pool.map(_run, runs, chunksize=1)))


def _run(run: dict[str, Any]) -> list[dict[str, Any]]:
    """What is told of each model of a run."""
    os.environ.update(run["variables"])
    os.environ.setdefault("HF_HUB_OFFLINE", "0")
    loading: Any = importlib.import_module("tests.models.load_in_transformers")
    loading.torch.set_num_threads(1)
    fresh: dict[str, Any] = {}
    return [_loaded(loading, fresh, *model) for model in run["models"]]


def _loaded(
    loading: Any, fresh: dict[str, Any], auto: str, repo_id: str, revision: str | None
) -> dict[str, Any]:
    """What is told of one model. `fresh` keeps what is known of new models, by their class.

    All models of a class in one run have the same config.
    """
    chosen = {} if revision is None else {"revision": revision}
    try:
        model, info = getattr(loading.transformers, auto).from_pretrained(
            repo_id, **chosen, output_loading_info=True, ignore_mismatched_sizes=True, dtype="auto"
        )
    except loading.FAILURES as error:
        return {"error": f"{type(error).__name__}: {error}"}
    about = loading.described(model, info)
    about["config"] = json.loads(model.config.to_json_string(use_diff=False))
    about["round_trips"] = None
    if "vocab_size" in about["config"]:
        try:
            tokenizer = loading.transformers.AutoTokenizer.from_pretrained(repo_id, **chosen)
        except (*loading.FAILURES, ImportError) as error:
            return {"error": f"AutoTokenizer: {type(error).__name__}: {error}"}
        about["round_trips"] = _round_trips(tokenizer, about["config"]["vocab_size"])
    key = f"{type(model).__name__} {repo_id}"
    if key not in fresh:
        fresh[key] = loading.fresh_of(model)
    return {**about, **fresh[key]}


def _round_trips(tokenizer: Any, vocabulary: int) -> dict[str, Any]:
    """What becomes of TEXTS."""
    tokens = [tokenizer(text)["input_ids"] for text in TEXTS]
    returned = [tokenizer.decode(each, skip_special_tokens=True) for each in tokens]
    differing = [each for each, text in zip(returned, TEXTS, strict=True) if each != text]
    fits = 0 <= max(max(each) for each in tokens) < vocabulary
    return {"differing": differing, "largest_token_fits": fits}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
