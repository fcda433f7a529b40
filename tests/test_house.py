"""Pins, versions and the changelog say the same thing, and nothing names a package index."""

import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from service import __version__
from tests.alone import ALONE
from tests.long import LONG
from tests.needs import require

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]
SERVICE: list[str] = PROJECT["dependencies"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
TESTS: list[str] = EXTRAS["test"]
FILES = {
    "requirements.txt": SERVICE,
    "requirements-dev.txt": TESTS,
    **{f"requirements-{name}.txt": EXTRAS[name] for name in EXTRAS if name != "test"},
}
"""Each file of requirements, and what pyproject.toml asks for in it."""

PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]
INDEX = re.compile("pypi" + r"\.org|python" + r"hosted\.|npm" + r"js\.|--(extra-)?index" + "-url")


def pins(file: str) -> list[str]:
    """The lines of a requirements file, without the one that includes another file."""
    return [row for row in (ROOT / file).read_text().splitlines() if not row.startswith("-r ")]


def closure(wanted: list[str]) -> Iterator[str]:
    """Names of the installed packages that `wanted` brings along, its own included."""
    waiting, seen = [Requirement(pin) for pin in wanted], set()
    while waiting:
        needed = waiting.pop()
        name = canonicalize_name(needed.name)
        if name in seen or not (needed.marker is None or needed.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        yield name
        waiting += [Requirement(line) for line in metadata.requires(name) or []]


@pytest.mark.needs("git")
def test_no_file_names_a_package_index() -> None:
    """Where packages come from is the machine's setting, so no file of the project says it."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True)
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    texts = {
        str(file.relative_to(ROOT)): file.read_bytes().decode(errors="replace") for file in files
    }
    assert "requirements.txt" in texts
    assert [name for name, text in texts.items() if INDEX.search(text)] == []


@pytest.mark.parametrize(
    "address", ["https://pypi" + ".org/simple", "files.python" + "hosted.org", "--index-" + "url x"]
)
def test_an_index_would_be_noticed(address: str) -> None:
    """The pattern of the test above is not one that matches nothing."""
    assert INDEX.search(f"before {address} after")


@pytest.mark.parametrize(
    "pin",
    [
        *(pin for asked in FILES.values() for pin in asked),
        *(pin for file in FILES for pin in pins(file)),
    ],
)
def test_every_pin_is_exact(pin: str) -> None:
    """One version each, and nothing but the registry says where it comes from."""
    requirement = Requirement(pin)
    (specifier,) = requirement.specifier
    assert (specifier.operator, requirement.url) == ("==", None)
    assert "*" not in specifier.version


def test_the_pins_hold_what_pyproject_asks_for() -> None:
    """pyproject.toml and the requirements files never disagree."""
    for file, asked in FILES.items():
        assert set(asked) <= set(pins(file)), file


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (["requirements.txt"], SERVICE),
        (["requirements.txt", "requirements-dev.txt"], SERVICE + TESTS),
    ],
    ids=["service", "tests"],
)
def test_the_pins_are_complete_and_in_force(files: list[str], wanted: list[str]) -> None:
    """Everything a dependency brings is pinned, nothing else is, and just that is installed."""
    listed = [Requirement(pin) for file in files for pin in pins(file)]
    here = {
        canonicalize_name(pin.name): pin
        for pin in listed
        if not pin.marker or pin.marker.evaluate()
    }
    assert set(closure(wanted)) == set(here)
    assert all(metadata.version(name) in pin.specifier for name, pin in here.items())


def test_the_search_for_a_python_knows_the_supported_ones() -> None:
    """checks/find_python.sh and requires-python mean the same versions."""
    script = (ROOT / "checks" / "find_python.sh").read_text()
    (listed,) = re.findall(r"^supported='(.*)'$", script, re.MULTILINE)
    supported = SpecifierSet(PROJECT["requires-python"])
    assert listed.split() == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in supported]


def test_the_changelog_begins_with_this_version() -> None:
    """The top entry of the changelog is the version in pyproject.toml, Unreleased aside."""
    entries = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    releases = entries[1:] if entries[0] == "Unreleased" else entries
    assert releases[0] == __version__


def test_every_page_is_in_the_index() -> None:
    """docs/README.md links each page of docs, and each link of a page leads to a file."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (page.parent / target).exists(), f"{page.name} links {target}"


def lost(text: str) -> list[str]:
    """The paths below service/ that the text names and that do not exist."""
    named = re.findall(r"\bservice/[\w./-]*", text)
    return [path for path in named if not (ROOT / path.rstrip(".")).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    """A module that moves takes its mention along."""
    assert lost(page.read_text(encoding="utf-8")) == []


def test_a_lost_module_would_be_noticed() -> None:
    """Negative control; a folder, a file, and a file at the end of a sentence are found."""
    text = "`service/stream/` `service/settings.py` service/chunks.py. `service/nowhere.py`"
    assert lost(text) == ["service/nowhere.py"]
    assert len(re.findall("service/", (ROOT / "docs" / "architecture.md").read_text())) > 30


def test_the_floors_drawn_are_those_enforced() -> None:
    """docs/architecture.md and pyproject.toml have the same floors, from the roof down."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = [
        re.findall(r"service/(\w+)", line)
        for line in page.split("```")[1].splitlines()
        if line.startswith("service/")
    ]
    floors = PYPROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    assert drawn == [floor.split(" | ") for floor in floors]


def unfounded(entries: Iterable[str]) -> list[str]:
    """The entries of a list of tests that name no test."""
    return [entry for entry in entries if not _is_a_test(*entry.partition("::")[::2])]


def _is_a_test(file: str, test: str) -> bool:
    path = ROOT / file
    return path.is_file() and f"def {test or 'test_'}" in path.read_text(encoding="utf-8")


def test_every_listed_test_exists() -> None:
    """A test that moves takes its entry in tests/long.py and tests/alone.py along."""
    assert unfounded(LONG) == []
    assert unfounded(ALONE) == []
    wrong = ["tests/test_nowhere.py", "tests/test_house.py::test_nothing", "tests/needs.py"]
    assert unfounded(wrong) == wrong


def test_every_package_has_quick_tests() -> None:
    """`make quick` looks at each package, in the folder or the files of tests named after it."""
    packages = [path.parent.name for path in (ROOT / "service").glob("*/__init__.py")]
    assert len(packages) >= 8
    for package in packages:
        files = [
            *(ROOT / "tests" / package).rglob("test_*.py"),
            *(ROOT / "tests").glob(f"test_{package}*.py"),
        ]
        assert {str(file.relative_to(ROOT)) for file in files} - set(LONG), package


def test_the_licence_is_what_the_package_says() -> None:
    """Apache-2.0, whole."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_a_missing_program_skips_a_test_on_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody without Node can still run the rest."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not installed: no-such-program"):
        require(("sh", "no-such-program"))


def test_a_missing_program_fails_a_test_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI cannot pass by lacking the tools."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="not installed: no-such-program"):
        require(("no-such-program",))
    require(("sh",))
