"""docs/warnings.md: every warning of /recommend has a line."""

import re
from pathlib import Path

from service.advice.warnings import WARNINGS

PAGE = (Path(__file__).parents[2] / "docs" / "warnings.md").read_text(encoding="utf-8")


def test_the_page_has_every_code_in_the_order_of_the_table() -> None:
    """The section of `/recommend` alone."""
    section = PAGE.partition("## Of `/recommend` alone")[2]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(WARNINGS)
