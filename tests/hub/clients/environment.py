"""The clients of the Hub that the tests run: their environments, and how a test starts one.

The environments of tests/models/environment.py have huggingface_hub 0.36 and 2.4, each with the
transformers and the PyTorch that belong to it. build/embed-anything has hf-hub, a client in Rust,
and build/hub-js has @huggingface/hub for Node.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.peers.environment import ROOT, folder_with, python_with

SECONDS = 300
"""In which a client ends."""

OWN = ("HF_", "HUGGING", "TRANSFORMERS_")
"""What the names of variables of Hub clients begin with. Those of a user must not reach a test."""


def embed_anything_python() -> Path:
    """The Python of build/embed-anything, whose package has hf-hub and candle."""
    return python_with("embed-anything", ROOT / "checks" / "embed-anything.txt")


def node_modules() -> Path:
    """The folder in which Node finds @huggingface/hub."""
    packages = Path(__file__).parent / "js" / "package.json"
    return folder_with("hub-js", packages) / "node_modules"


def variables(home: Path, endpoint: str, **more: str) -> dict[str, str]:
    """The environment of a client: this one, HF_ENDPOINT, and HF_HOME for a cache of its own."""
    kept = {name: each for name, each in os.environ.items() if not name.startswith(OWN)}
    # What a client imports is compiled once, also where Python is told to keep no compiled modules.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"HF_HOME": str(home), "HF_ENDPOINT": endpoint} | more


def run_client(command: list[str], environment: Mapping[str, str]) -> str:
    """What a client prints. The test fails with its words if it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, f"{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def run_script(python: Path, script: str, question: Any, environment: Mapping[str, str]) -> Any:
    """The answer of a script of this folder to a question, both JSON.

    The script is run as `python -m tests.hub.clients.SCRIPT QUESTION.json ANSWER.json`.
    """
    with TemporaryDirectory() as folder:
        asked, answer = Path(folder, "question.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps(question))
        command = [str(python), "-m", f"tests.hub.clients.{script}", str(asked), str(answer)]
        run_client(command, environment)
        return json.loads(answer.read_text())
