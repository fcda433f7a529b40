"""docs/advice.md: each line of its two blocks is what /recommend answers."""

import re
from pathlib import Path

import pytest

from service.advice.question import NORMALIZATIONS, POSITIONS, RESIDUALS
from service.advice.roles import ROLES
from tests.advice.asking import asked, codes

PAGE = (Path(__file__).parents[2] / "docs" / "advice.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| `(shape=\S+?)` \| `(\w+)` \| ([\d.]+) \|$", PAGE, re.MULTILINE)


def test_there_are_two_blocks() -> None:
    """A Transformer's and a ResNet's, of eight weights each."""
    assert len(ROWS) == 16


@pytest.mark.parametrize(("weight", "query", "scheme", "std"), ROWS)
def test_a_line_is_what_is_answered(weight: str, query: str, scheme: str, std: str) -> None:
    """The scheme, six digits of the std, and no warning but that the name is missing."""
    answer = asked(query)
    assert answer.scheme == scheme
    assert answer.std == pytest.approx(float(std), rel=5e-6, abs=1e-12)
    assert set(codes(answer)) <= {"saturating_head"}, weight


@pytest.mark.parametrize("word", [*NORMALIZATIONS[1:], *RESIDUALS[1:], *POSITIONS])
def test_every_word_of_the_fields_is_explained(word: str) -> None:
    """In the table of the fields."""
    fields = PAGE.partition("## Where the layer is")[2].partition("\n## ")[0]
    assert f"`{word}`" in fields


def test_every_role_is_listed_with_what_it_is() -> None:
    """In the order of the table of roles."""
    listed = re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.partition("## The roles")[2], re.MULTILINE)
    assert listed[: len(ROLES)] == [(role.name, role.what) for role in ROLES.values()]
