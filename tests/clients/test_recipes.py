"""docs/recipes.md: what it says the tests run is run, and every address in it is right."""

import io
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.application import ask, ready
from tests.server import Address

ROOT = Path(__file__).resolve().parent.parent.parent
RECIPES = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
DOCUMENTED = "http://127.0.0.1:8000"
TARGETS = re.findall(rf"{DOCUMENTED}(/[^'\"]*)", RECIPES)


@pytest.fixture(scope="module")
def server() -> Iterator[Address]:
    with ready() as address:
        yield address


def block(language: str, server: Address) -> str:
    """The lines of a language, with this server's address."""
    (lines,) = re.findall(rf"^```{language}\n(.*?)^```", RECIPES, re.MULTILINE | re.DOTALL)
    return str(lines).replace(DOCUMENTED, server.url)


def by_numpy(server: Address) -> np.float32:
    """The element that each recipe prints."""
    target = TARGETS[0].replace(".raw", ".npy")
    values = np.load(io.BytesIO(ask(server, target).body))
    return np.float32(values[1, 2, 3, 4])


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.needs("curl", "g++")
def test_cpp_reads_what_curl_stored(server: Address, tmp_path: Path) -> None:
    """The curl and the C++ as they stand; the compiler has nothing to warn of."""
    run(tmp_path, "sh", "-c", block("sh", server))
    (tmp_path / "recipe.cpp").write_text(block("cpp", server))
    run(tmp_path, "g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "recipe.cpp", "-o", "recipe")
    assert np.float32(run(tmp_path, "./recipe")) == by_numpy(server)


@pytest.mark.needs("javac")
def test_java_reads_the_answer(server: Address, tmp_path: Path) -> None:
    """The Java as it stands, compiled and run by one command."""
    (tmp_path / "Recipe.java").write_text(block("java", server))
    assert np.float32(run(tmp_path, "java", "Recipe.java")) == by_numpy(server)


@pytest.mark.needs("rustc")
def test_the_rust_client_goes_from_a_question_to_weights(server: Address, tmp_path: Path) -> None:
    """The two lines as they stand, in a folder that holds the clients."""
    (tmp_path / "clients").symlink_to(ROOT / "clients")
    printed = run(tmp_path, "sh", "-c", block("bash", server))
    assert "he_normal [64, 3, 7, 7] float32" in printed


@pytest.mark.parametrize("target", TARGETS)
def test_every_address_gives_the_same_tensor(server: Address, target: str) -> None:
    """Of the languages that are not run here too: raw numbers, by columns where that is asked."""
    values = np.frombuffer(ask(server, target).body, "<f4")
    by_columns = target.endswith("&order=F")
    array = values.reshape(64, 3, 7, 7, order="F" if by_columns else "C")
    assert array[1, 2, 3, 4] == by_numpy(server)


def test_the_table_claims_no_more_than_is_run() -> None:
    """Three languages are run above, and each language of the table has its recipe."""
    rows = re.findall(r"^\| (\S+) \| (.*?) \|$", RECIPES, re.MULTILINE)
    assert [language for language, by in rows if by == "by the tests"] == [
        "C++",
        "Java",
        "Rust",
    ]
    *languages, last = re.findall(r"^## (.*)$", RECIPES, re.MULTILINE)
    assert languages == [row[0] for row in rows[1:]]
    assert last == "torch's own layers"
