"""The rule that golden files grow by, and that it can refuse."""

import json
from pathlib import Path

import pytest

from checks.append_only import Document, rewritten, write

OLD: Document = {"status": "frozen", "table": {"a": 1, "b": [2]}, "list": ["x", "y"]}


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        {"later": [1], **OLD},
        OLD | {"table": {"c": 3, "b": [2], "a": 1}},
        OLD | {"list": ["x", "y", "z"]},
    ],
)
def test_what_only_grows_is_no_fault(new: Document) -> None:
    """New sections, new members anywhere, new items at the end."""
    assert rewritten(OLD, new) == []


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"status": "open"}, ["status"]),
        ({"table": {"a": 1, "b": [2, 3]}}, ["table b"]),
        ({"table": {"b": [2]}}, ["table a"]),
        ({"list": ["x"]}, ["list 1"]),
        ({"list": ["z", "x", "y"]}, ["list 0", "list 1"]),
        ({"list": [], "table": {}}, ["table a", "table b", "list 0", "list 1"]),
    ],
)
def test_what_changes_is_named(change: Document, faults: list[str]) -> None:
    """Other values, members gone, items gone or moved, each by its section and its place."""
    assert rewritten(OLD, OLD | change) == faults


def test_a_section_gone_is_named() -> None:
    """Leaving out is a change of everything that stood there."""
    assert rewritten(OLD, {"status": "frozen", "list": ["x", "y"]}) == ["table a", "table b"]


def test_a_file_grows_and_is_never_rewritten(tmp_path: Path) -> None:
    """A refused document leaves the file as it was, and says what would have changed."""
    path = tmp_path / "golden.json"
    grown = OLD | {"list": ["x", "y", "z"]}
    write(path, OLD)
    write(path, grown)
    with pytest.raises(SystemExit, match="is frozen, and these would change: list 2"):
        write(path, OLD)
    assert json.loads(path.read_text()) == grown


def test_the_order_of_the_file_stays(tmp_path: Path) -> None:
    """Members stand where they stood, and new ones behind them, whatever order the code has."""
    path = tmp_path / "golden.json"
    write(path, OLD)
    write(path, OLD | {"table": {"c": 3, "b": [2], "a": 1}})
    assert list(json.loads(path.read_text())["table"]) == ["a", "b", "c"]
