"""The README's commands work as they stand, and its tables are the program's."""

import json
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from service.api.app import create_app
from service.api.protocol import ProblemProtocol
from service.fields import FIELDS
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.schemes import SCHEMES
from service.settings import Settings, variable
from tests.server import running

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [words for words in map(shlex.split, lines) if words[0].endswith(program)]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(create_app(Settings())) as address:
        with httpx2.Client(base_url=address.url) as client:
            while client.get("/readyz").status_code != 200:
                pass
        yield address.url


FETCH = next(block for block in blocks("sh") if "-o conv1.npy" in block)
"""The first screen's shell lines, from a URL to a file."""

DOCUMENTED = "http://127.0.0.1:8000"


def fetch(lines: str, base: str, folder: Path) -> "subprocess.Popen[str]":
    """A shell that runs these lines."""
    command = ["sh", "-c", lines.replace(DOCUMENTED, base)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True)


def run(command: list[str], base: str, folder: Path) -> str:
    words = [word.replace(DOCUMENTED, base) for word in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.needs("curl")
def test_the_first_screen_puts_a_tensor_in_hand(base: str, tmp_path: Path) -> None:
    """The quoted curl as typed, then the Python lines; the shell gives the same file."""
    _, advice, second, wrong = commands("curl")
    assert run(["sh", "-c", FETCH.replace(DOCUMENTED, base)], base, tmp_path) == ""
    loaded = run([sys.executable, "-c", blocks("python")[0]], base, tmp_path)
    assert re.match(r"\(64, 3, 7, 7\) float32 0\.11[67]", loaded)
    fetched = (tmp_path / "conv1.npy").read_bytes()
    shell, report = (
        run(["env", f"PYTHONPATH={ROOT}", sys.executable, *words[1:]], base, tmp_path)
        for words in commands("python")
    )
    assert (tmp_path / "conv1.npy").read_bytes() == fetched
    assert (shell, "he_normal" in report) == ("", True)
    assert json.loads(run(advice, base, tmp_path))["scheme"] == "he_normal"
    certificate = json.loads(run(second, base, tmp_path))
    assert (certificate["fan_in"], certificate["fan_out"]) == (75, 200)
    assert "he_normal" in json.loads(run(wrong, base, tmp_path))["errors"][0]["hint"]


@pytest.mark.needs("rustc")
def test_from_a_question_to_weights_in_rust(base: str, tmp_path: Path) -> None:
    """The two lines as typed, from the project's folder."""
    (tmp_path / "clients").symlink_to(ROOT / "clients")
    build = " ".join(commands("mkdir")[0])
    run(["sh", "-c", build], base, tmp_path)
    (ask,) = commands("build/fanin")
    assert "he_normal [64, 3, 7, 7] float32" in run(ask, base, tmp_path)


@pytest.mark.needs("curl")
@pytest.mark.parametrize(
    ("right", "wrong", "hint"),
    [
        ("activation=relu", "scheme=he_norml", "the nearest are he_normal, "),
        ("shape=64", "shap=64", "the nearest are shape, "),
        ("activation=relu", "scheme=normal&std=1e39", "use dtype=float64"),
    ],
)
@pytest.mark.parametrize("before", [None, b"an older tensor"])
def test_the_quoted_curl_shows_a_refusal_at_once(
    base: str, tmp_path: Path, right: str, wrong: str, hint: str, before: bytes | None
) -> None:
    """The hint on standard output, curl's status 22, and under the tensor's name what was there."""
    file = tmp_path / "conv1.npy"
    if before is not None:
        file.write_bytes(before)
    assert right in FETCH
    start = time.monotonic()
    with fetch(FETCH.replace(right, wrong), base, tmp_path) as shell:
        said, _ = shell.communicate(timeout=30)
    assert time.monotonic() - start < 5
    assert shell.returncode == 22
    assert hint in json.loads(said)["errors"][0]["hint"]
    assert (file.read_bytes() if file.exists() else None) == before


@pytest.mark.needs("curl")
def test_the_quoted_curl_waits_for_the_first_start(tmp_path: Path) -> None:
    """Nothing listens at first, as while `make run` installs; then kernels are compiled for 3 s."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "conv1.npy"
    with fetch(FETCH, f"http://127.0.0.1:{port}", tmp_path) as shell:
        time.sleep(1.5)
        app = create_app(Settings(), warm_up=lambda: time.sleep(3))
        with running(app, port, http=ProblemProtocol):
            said, errors = shell.communicate(timeout=60)
    assert (shell.returncode, said) == (0, "")
    assert "Failed to connect" in errors
    assert "503" in errors
    assert file.read_bytes().startswith(b"\x93NUMPY")


def test_every_verb_is_the_makefiles_and_the_other_way_round() -> None:
    """The table of verbs lists exactly the phony targets."""
    (declared,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert set(re.findall(r"^\| `make ([\w-]+)`", README, flags=re.MULTILINE)) == set(
        declared.split()
    )
    assert {words[1] for words in commands("make")} <= set(declared.split())


def test_the_tables_are_the_programs() -> None:
    """Layouts, settings, fields and scheme names."""
    for name, layer in LAYERS.items():
        cells = " | ".join(layer.letters.get(framework, "-") for framework in FRAMEWORKS)
        assert f"| `{name}` | {cells} |" in README
    for name, setting in Settings.model_fields.items():
        assert f"| `{variable(name)}` | {setting.description} | `{setting.default}` |" in README
    named = set(re.findall(r"`([a-z_]+)`", README))
    assert set(FIELDS) <= named
    assert all(re.search(rf"\b{scheme}\b", README) for scheme in SCHEMES)
