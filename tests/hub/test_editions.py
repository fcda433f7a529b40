"""Golden hashes of the tiny repositories: no byte changes without a new edition."""

import copy
import json
from typing import Any

import pytest

from checks.write_snapshots import PATH, document, same_editions


@pytest.fixture(scope="module")
def present() -> Any:
    """The hashes of the current code."""
    return document()


def test_the_bytes_are_the_recorded_ones(present: Any) -> None:
    """A change raises an edition first; `make vectors` then records the new hashes."""
    assert present == json.loads(PATH.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("files", "edition", "is_fault"),
    [
        ("tensors", None, True),
        ("tensors", "texts", True),
        ("tensors", "recipe", False),
        ("tensors", "models", False),
        ("texts", None, True),
        ("texts", "texts", False),
        ("texts", "recipe", False),
    ],
)
def test_a_change_of_bytes_needs_an_edition(
    present: Any, files: str, edition: str | None, is_fault: bool
) -> None:
    """Negative control: a moved byte is a fault unless the right edition has been raised."""
    new = copy.deepcopy(present["snapshots"])
    entry = new[0]
    name = next(iter(entry[files]))
    entry[files][name] = "0" * 64
    if edition is not None:
        entry["editions"][edition] += 1
    faults = same_editions(present["snapshots"], new)
    assert faults == ([f"{entry['repo_id']}@{entry['revision']}"] if is_fault else [])
