"""Directories with a model, read by a reader in Node and loaded in transformers."""

import hashlib
import json
import math
import statistics
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors import deserialize

from tests.models.environment import transformers_python
from tests.peers.environment import draw

read: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = deserialize
"""The official library's reader. It does not need to know the dtype."""

READER = Path(__file__).parent / "read_safetensors.mjs"


def read_in_node(directory: Path) -> list[dict[str, Any]]:
    """What the reader prints of each tensor, by name.

    Raises CalledProcessError with its message if it refuses the files.
    """
    command = ["node", str(READER), str(directory)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def load_in_transformers(release: str, directories: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """What tests/models/load_in_transformers.py tells of each directory, in one process.

    `release` is one of tests.models.environment.RELEASES. The first use of one installs it.
    """
    script = [str(transformers_python(release)), "-m", "tests.models.load_in_transformers"]
    with TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        draw([*script, str(answer), *map(str, directories)])
        found = json.loads(answer.read_text())
    return {directory: found[str(directory)] for directory in directories}


LOSS_TOLERANCE = 0.05
"""Of a loss, relative to the mean of new models, or to ln(vocabulary)."""

FRESH_LOSSES = 5
"""New models whose mean loss is compared with."""

DEVIATIONS = 4.0
"""The variance of an image classifier's logits, or of an encoder's pooled output, may be so many
standard deviations of 20 new models from their mean. If it is normal, 1 of 1,000 is farther away:
Student's t of 19 degrees of freedom beyond 4 / sqrt(1 + 1 / 20)."""

NEARLY_UNIFORM = ("BertForMaskedLM", "GPT2LMHeadModel", "LlamaForCausalLM")
"""Models whose first guess is nearly the same for every token, so the loss is ln(vocabulary)."""


def complaints(about: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """What is wrong with a loaded model: keys, names, shapes, the loss, or the variance of outputs.

    `about` is what `load_in_transformers` tells of it, and `config` its config.
    """
    if "error" in about:
        return [about["error"]]
    found = [
        f"{key}: {name}" for key in ("missing", "unexpected", "mismatched") for name in about[key]
    ]
    written = {name: each["shape"] for name, each in about["saved"].items()}
    if written != {name: each["shape"] for name, each in about["fresh_saved"].items()}:
        found.append("other names or shapes than those of a new model")
    expected = list[tuple[str, float]]()
    if about["loss"] is not None:
        expected.append(("new models", statistics.mean(about["fresh_losses"][:FRESH_LOSSES])))
    if about["class"] in NEARLY_UNIFORM:
        expected.append(("ln(vocabulary)", math.log(config["vocab_size"])))
    for name, loss in expected:
        if abs(about["loss"] / loss - 1) > LOSS_TOLERANCE:
            found.append(f"loss {about['loss']:.4f}, not {loss:.4f} of {name}")
    if about["loss"] is None or about["class"].endswith("ForImageClassification"):
        variance, fresh = about["logits_variance"], about["fresh_logits_variances"]
        if abs(variance - statistics.mean(fresh)) > DEVIATIONS * statistics.stdev(fresh):
            found.append(f"outputs' variance {variance:.4g}, not {statistics.mean(fresh):.4g}")
    return found


def digests(directory: Path) -> dict[str, str]:
    """The SHA-256 of the bytes of each tensor, as the official library reads the files."""
    return {
        name: hashlib.sha256(entry["data"]).hexdigest()
        for path in directory.glob("*.safetensors")
        for name, entry in read(path.read_bytes())
    }
