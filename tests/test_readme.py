"""The README's commands work as they stand and print what it shows."""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.api.app import create_app
from service.settings import Settings
from tests.server import free_port, running

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MOST_LINES = 120


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.replace("\\\n", "").splitlines()]
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
    assert run(["sh", "-c", FETCH.replace(DOCUMENTED, base)], base, tmp_path) == ""
    loaded = run([sys.executable, "-c", blocks("python")[0]], base, tmp_path)
    assert re.match(r"\(64, 3, 7, 7\) float32 0\.11[67]", loaded)
    file = tmp_path / "conv1.npy"
    fetched = file.read_bytes()
    file.unlink()
    (words,) = commands("python")
    run(["env", f"PYTHONPATH={ROOT}", sys.executable, *words[1:]], base, tmp_path)
    assert file.read_bytes() == fetched


CONTINUING = re.findall(r'^  `([^`\n]*"\$url"[^`\n]*)`', README, flags=re.MULTILINE)
"""The commands in the text that can be repeated until a download is complete."""


@pytest.mark.needs("curl")
@pytest.mark.parametrize("command", CONTINUING)
def test_a_file_that_was_cut_becomes_whole(base: str, tmp_path: Path, command: str) -> None:
    """curl adds what is missing. `fetch` replaces a file that it has not begun.

    That `fetch` continues its own downloads is shown in tests/test_cli_fetch.py.
    """
    url = FETCH.splitlines()[0].replace(DOCUMENTED, base)
    file = tmp_path / "conv1.npy"
    run(["sh", "-c", f'{url}; curl -sS --fail -o conv1.npy "$url"'], base, tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    command = command.replace(".venv/bin/python", f"PYTHONPATH={ROOT} {sys.executable}")
    run(["sh", "-c", f"{url}; {command}"], base, tmp_path)
    assert file.read_bytes() == whole


def test_the_readme_has_both_commands() -> None:
    """So that the test above runs them."""
    assert ["curl" in CONTINUING[0], "service fetch" in CONTINUING[1]] == [True, True]
    assert len(CONTINUING) == 2


def holds(shown: Any, answer: Any) -> bool:
    """Whether every member that is shown is in the answer, which may have more."""
    if isinstance(shown, dict):
        return all(name in answer and holds(part, answer[name]) for name, part in shown.items())
    if isinstance(shown, list):
        return all(holds(*pair) for pair in zip(shown, answer, strict=True))
    return bool(shown == answer)


@pytest.mark.needs("curl")
def test_the_answers_are_those_shown(base: str, tmp_path: Path) -> None:
    """A recommendation, then a refusal."""
    *_, advice, refused = commands("curl")
    for command, shown in zip((advice, refused), blocks("json"), strict=True):
        answer = json.loads(run(command, base, tmp_path))
        assert holds(json.loads(shown), answer)
        assert not holds({"scheme": "another", "status": 200}, answer)


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
    """Nothing listens at first, as while `make run` installs; then kernels are compiled for 3 s.

    curl waits through both without a word.
    """
    port = free_port()
    file = tmp_path / "conv1.npy"
    with fetch(FETCH, f"http://127.0.0.1:{port}", tmp_path) as shell:
        time.sleep(1.5)
        app = create_app(Settings(), warm_up=lambda: time.sleep(3))
        with running(app, port):
            said, errors = shell.communicate(timeout=60)
    assert (shell.returncode, said, errors) == (0, "", "")
    assert file.read_bytes().startswith(b"\x93NUMPY")


def verbs(page: str) -> set[str]:
    """The verbs in a table of this page."""
    return set(re.findall(r"^\|.*`make ([\w-]+)`", page, flags=re.MULTILINE))


def test_every_verb_is_the_makefiles_and_the_other_way_round() -> None:
    """CONTRIBUTING.md lists exactly the phony targets, the README some of them."""
    (declared,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert verbs(CONTRIBUTING) == set(declared.split())
    assert verbs(README) < verbs(CONTRIBUTING)
    assert {words[1] for words in commands("make")} <= verbs(README)


def test_ci_runs_the_readmes_test_command() -> None:
    """CI types what a developer types."""
    assert "test" in verbs(README)
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_readme_stays_short() -> None:
    """What it is and for whom in three lines; the rest is in docs."""
    lines = README.splitlines()
    assert len(lines) <= MOST_LINES
    assert [bool(line) for line in lines[:6]] == [True, False, True, True, True, False]
