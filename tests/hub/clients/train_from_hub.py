"""Train a small GPT-2 from weights of a Hub, and from those that transformers initializes itself.

    python -m tests.hub.clients.train_from_hub QUESTION.json ANSWER.json

It runs in an environment of tests/models/environment.py. QUESTION.json has `repo_id`, the
`revisions` to start from, and `own`: for each model that transformers initializes itself, a `seed`
and what differs from the config of the repository. ANSWER.json has `hub` and `own`: for each start
the `losses` of all steps, and the SHA-256 of the weights before (`begins`) and after (`ends`).

Every run has the same recipe and the same batches, and draws the same dropout.
"""

import copy
import functools
import hashlib
import importlib
import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

torch: Any = importlib.import_module("torch")
transformers: Any = importlib.import_module("transformers")

AT_A_TIME = 2
"""Runs at the same time, each on one core."""

STEPS, ROWS, LENGTH = 200, 8, 64
"""Of a run, and of a batch."""

RATE, DECAY = 3e-3, 0.01
"""Of AdamW."""

SUCCESSORS = 4
"""Of each token in the language that is learned, all equally likely."""

BATCH_SEED, DROPOUT_SEED = 2, 3


def main(question: Path, answer: Path) -> None:
    """Do all runs."""
    asked = json.loads(question.read_text())
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    loaded = [
        transformers.AutoModelForCausalLM.from_pretrained(asked["repo_id"], revision=each)
        for each in asked["revisions"]
    ]
    config = loaded[0].config
    own = [_new(config, **each) for each in asked["own"]]
    trained = functools.partial(_trained, batches=_batches(config.vocab_size))
    with multiprocessing.get_context("fork").Pool(AT_A_TIME) as pool:
        runs = pool.map(trained, [*loaded, *own], chunksize=1)
    answer.write_text(json.dumps({"hub": runs[: len(loaded)], "own": runs[len(loaded) :]}))


def _new(config: Any, seed: int, **others: Any) -> Any:
    """A model that transformers initializes, with `others` in its config."""
    changed = copy.deepcopy(config)
    changed.update(others)
    torch.manual_seed(seed)
    return transformers.AutoModelForCausalLM.from_config(changed)


def _trained(model: Any, batches: Any) -> dict[str, Any]:
    """The losses of a run that starts with this model, and its weights before and after."""
    begins = _digest(model)
    torch.manual_seed(DROPOUT_SEED)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
    model.train()
    losses = []
    for tokens in batches:
        loss = model(input_ids=tokens, labels=tokens).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return {"losses": losses, "begins": begins, "ends": _digest(model)}


def _batches(vocabulary: int) -> Any:
    """STEPS x ROWS x LENGTH tokens, each of which is one of the successors of that before it."""
    random = torch.Generator().manual_seed(BATCH_SEED)
    successors = torch.randint(vocabulary, (vocabulary, SUCCESSORS), generator=random)
    tokens = torch.randint(vocabulary, (STEPS, ROWS, 1), generator=random)
    for _ in range(LENGTH - 1):
        choices = torch.randint(SUCCESSORS, (STEPS, ROWS, 1), generator=random)
        tokens = torch.cat([tokens, successors[tokens[..., -1:], choices]], 2)
    return tokens


def _digest(model: Any) -> str:
    """The SHA-256 of all tensors, one after another."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
