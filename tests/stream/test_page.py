"""docs/stream-v1.md and the code state the same constants."""

import re
from pathlib import Path

from service.stream import literals

PAGE = (Path(__file__).parent.parent.parent / "docs" / "stream-v1.md").read_text(encoding="utf-8")
STRUCTURAL = {"PURPOSE_VALUES", "PURPOSE_LOW_WORDS", "PURPOSE_SHIFT", "PHILOX_ROUNDS", "NARROW"}
"""Small integers that the page says in words, and rounding, which it defines by its result."""


def floats_of_the_page() -> set[float]:
    found = re.findall(r"-?0x1(?:\.[0-9a-f]+)?p[+-]\d+", PAGE)
    return {float.fromhex(text) for text in found} | {42.0}


def test_every_constant_stands_on_the_page() -> None:
    """Floats by value, words by their digits."""
    floats = floats_of_the_page()
    for name, value in vars(literals).items():
        if not name.isupper() or name in STRUCTURAL:
            continue
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float):
                assert floats & {number, -number}, name
            else:
                assert f"{number:X}" in PAGE, name


def test_the_page_has_no_constant_of_its_own() -> None:
    """Negative control, and the other way round: what is on the page is in the code."""
    known = {1.5 / 2, float.fromhex("0x1.c25e4b6dba981p-1"), float.fromhex("0x1.fep+127")}
    for value in vars(literals).values():
        numbers = value if isinstance(value, tuple) else (value,)
        known |= {sign * n for n in numbers if isinstance(n, float) for sign in (1, -1)}
    assert floats_of_the_page() <= known
    assert float.fromhex("0x1.000001p+0") not in known
