"""The lines to paste are run as they are copied, and fetch the very tensor."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.application import ask, ready
from tests.page.browser import Browser, Tab, browser, share

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

NAME = 'it\'s "<b>" $(touch x) `y` \\n é'
QUERIES = {
    "float32": "shape=8,3,5,5&layout=torch&activation=relu",
    "float64": "shape=3,4&layer=dense&scheme=normal",
    "float16": "shape=7&scheme=normal",
    "float8_e5m2": "shape=4,4&layer=dense&activation=tanh",
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with ready() as address, browser(address) as started:
        yield started


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Tab]:
    with chromium.tab() as tab:
        tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield tab


def copied(tab: Tab, dtype: str, language: str) -> str:
    """What the button copies, with a name that a shell and three languages could misread."""
    tab.open(f"/?{QUERIES[dtype]}&dtype={dtype}&seed=9&name={quote(NAME)}")
    tab.page.check(f"input[value={language}]")
    tab.page.click("#copy")
    tab.page.wait_for_selector("#copy:has-text('Copied')")
    text = str(tab.data("navigator.clipboard.readText()"))
    assert text == tab.data("document.querySelector('#line').textContent")
    return text


def raw(chromium: Browser, dtype: str) -> bytes:
    """The values that the lines should fetch: those of the recommended or the named scheme."""
    with chromium.tab() as tab:
        tab.open(f"/?{QUERIES[dtype]}&dtype={dtype}&seed=9&name={quote(NAME)}#javascript")
        url = tab.text("#line").split('fetch("')[1].split('"')[0]
    return ask(chromium.address, url.removeprefix(chromium.address.url)).body


def run(command: list[str], folder: Path) -> str:
    """The output of a program that ends well."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.needs("curl", "sh")
@pytest.mark.parametrize("dtype", share(QUERIES, 1))
def test_curl(chromium: Browser, tab: Tab, tmp_path: Path, dtype: str) -> None:
    """A shell runs the line. The file ends with the values, and nothing else was made."""
    run(["sh", "-c", copied(tab, dtype, "curl")], tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.suffix == (".safetensors" if dtype.startswith("float8") else ".npy")
    assert file.read_bytes().endswith(raw(chromium, dtype))


@pytest.mark.parametrize("dtype", share(["float32", "float64", "float16"], 1))
def test_python(chromium: Browser, tab: Tab, tmp_path: Path, dtype: str) -> None:
    """NumPy reads the values. A further line prints their hash."""
    code = copied(tab, dtype, "python")
    code += "\nimport hashlib; print(hashlib.sha256(w.tobytes()).hexdigest())"
    out = run([sys.executable, "-c", code], tmp_path).split()
    assert out[-1] == hashlib.sha256(raw(chromium, dtype)).hexdigest()
    assert out[-2] == dtype


@pytest.mark.needs("node")
@pytest.mark.parametrize("dtype", share(QUERIES, 1))
def test_javascript(chromium: Browser, tab: Tab, tmp_path: Path, dtype: str) -> None:
    """Node runs the module. A further line prints the hash of the values."""
    code = copied(tab, dtype, "javascript")
    code += '\nimport { createHash } from "node:crypto";'
    code += '\nconsole.log(createHash("sha256").update(new Uint8Array(w.buffer)).digest("hex"));'
    (tmp_path / "line.mjs").write_text(code)
    out = run(["node", "line.mjs"], tmp_path).split()
    assert out[-1] == hashlib.sha256(raw(chromium, dtype)).hexdigest()


@pytest.mark.needs("rustc")
@pytest.mark.parametrize("dtype", share(["float32", "float8_e5m2"], 1))
def test_rust(chromium: Browser, tab: Tab, tmp_path: Path, dtype: str) -> None:
    """The standard library alone. The program prints all values in place of the first."""
    code = copied(tab, dtype, "rust")
    assert "extern crate" not in code
    (tmp_path / "line.rs").write_text(code.replace("w.first()", "w"))
    run(["rustc", "--edition=2021", "-D", "warnings", "-o", "line", "line.rs"], tmp_path)
    count, _, printed = run([str(tmp_path / "line")], tmp_path).partition(" ")
    content = raw(chromium, dtype)
    size = 4 if dtype == "float32" else 1
    assert int(count) == len(content) // size
    numbers = [float(each) for each in printed.strip("[]\n ").split(",")]
    if size == 1:
        assert numbers == list(content)
    else:
        import numpy as np

        assert np.array(numbers, "<f4").tobytes() == content


@pytest.mark.parametrize("dtype", share(QUERIES, 1))
def test_julia_is_shown_and_says_that_nothing_runs_it(tab: Tab, dtype: str) -> None:
    """The type of the values, and the axes turned round: Julia counts the first one fastest."""
    code = copied(tab, dtype, "julia")
    kind = {"float8_e5m2": "UInt8"}.get(dtype, dtype.capitalize())
    assert f"reinterpret({kind}, read(Downloads.download(" in code
    assert ("permutedims(" in code) == ("," in QUERIES[dtype].split("&")[0])
    assert "Not run here" in tab.text("#line-note")


def test_a_refused_line_fails(tab: Tab, tmp_path: Path) -> None:
    """Negative control: a line whose tensor the service refuses ends with an error."""
    code = copied(tab, "float32", "curl").replace("seed=9", "seed=x")
    done = subprocess.run(["sh", "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0
