"""docs/propagate.md: its examples are answered as it says, and its tables are those of the code."""

import json
import re
from pathlib import Path

from service.cli.propagating import text_of
from service.propagation import parse_network_json, propagate
from service.propagation.answer import LayerAnswer, Propagation
from service.propagation.network import MOST_DIFFERENT
from service.propagation.question import MOST_LAYERS
from service.propagation.simulation import (
    INPUTS,
    MOST_DEPTH,
    MOST_NETWORKS,
    MOST_SECONDS,
    MOST_WIDTH,
)
from service.propagation.verdict import LIMIT
from tests.propagation.asking import MAX_BYTES, stack

PAGE = (Path(__file__).parents[2] / "docs" / "propagate.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_shell_prints_what_the_page_shows() -> None:
    """The command and its output, to the character."""
    [block] = [text for _, text in BLOCKS if text.startswith("$ python -m service propagate")]
    command, _, output = block.partition("\n")
    words = command.removeprefix("$ python -m service propagate ").split()
    fields = zip(words[::2], words[1::2], strict=True)
    query = "&".join(f"{name.removeprefix('--')}={value}" for name, value in fields)
    assert output == text_of(stack(query))
    assert f"GET /propagate?{query}&simulate=true" in PAGE
    assert f"GET /propagate.svg?{query}&simulate=true" in PAGE


def test_the_list_is_answered_as_the_page_says() -> None:
    """The members that the page shows are those of the answer."""
    body, shown = (text for language, text in BLOCKS if language == "json")
    answer = propagate(parse_network_json(body.encode()), max_bytes=MAX_BYTES).as_dict()
    assert json.loads(shown).items() <= answer.items()


def test_every_member_is_on_the_page() -> None:
    """Of the answer and of a layer."""
    members = {*Propagation.__dataclass_fields__, *LayerAnswer.__dataclass_fields__}
    assert [name for name in members if f"`{name}`" not in PAGE] == []


def test_the_limits_are_those_of_the_code() -> None:
    """In the sentences that name them."""
    assert f"at most {MOST_LAYERS:,} layers, of which at most {MOST_DIFFERENT} differ" in PAGE
    seconds = f"{MOST_SECONDS:.0f} seconds of a core"
    assert f"at most {MOST_WIDTH:,} units, {MOST_DEPTH} layers and {seconds}" in PAGE
    assert MOST_NETWORKS == 4
    assert f"up to four networks, forward and backward, with {INPUTS} inputs each" in PAGE
    assert f"from 1/{LIMIT:,.0f} to {LIMIT:,.0f}" in PAGE
