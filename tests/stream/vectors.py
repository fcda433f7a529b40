"""The golden vectors as the tests read them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from service.stream import draws
from service.stream.draws import Draw

PATH = Path(__file__).parent.parent / "golden" / "stream-v1.json"


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return loaded


def cases() -> list[dict[str, Any]]:
    """Runs of elements at an address."""
    found: list[dict[str, Any]] = document()["cases"]
    return found


def draw_of(case: dict[str, Any]) -> Draw:
    """The draw of a case, from its name and constants."""
    constants = {key: float.fromhex(text) for key, text in case["constants"].items()}
    draw: Draw = getattr(draws, case["draw"])(**constants)
    return draw
