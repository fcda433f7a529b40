"""Write tests/golden/draft.json, the responses to requests of drafts: `make vectors`.

This file may change, unlike frozen-v1.json. A draft whose bytes change needs a new number, so that
the ETag changes too. Otherwise the script does not write the file.
"""

import json
import sys
from pathlib import Path
from typing import Any

from checks.draft_requests import REQUESTS
from checks.write_frozen import MAX_BYTES, answered
from service.fields import parse_query
from service.plan import seeded_plan

PATH = Path(__file__).parent.parent / "tests" / "golden" / "draft.json"

Entry = dict[str, Any]


def document(requests: tuple[str, ...] = REQUESTS) -> dict[str, Any]:
    """The responses of the current code."""
    return {
        "about": "Drafts, which may change; docs/stream-v1-drafts.md",
        "requests": [_entry(request) for request in requests],
    }


def _entry(request: str) -> Entry:
    form, _, query = request.partition("?")
    plan = seeded_plan(parse_query(query.encode()), form, max_bytes=MAX_BYTES)
    return answered(request) | {"drafts": [str(draft) for draft in plan.drafts]}


def unnumbered(old: list[Entry], new: list[Entry]) -> list[str]:
    """The targets whose bytes changed although the numbers of their drafts are the same."""
    before = {entry["target"]: entry for entry in old}
    return [
        entry["target"]
        for entry in new
        if (known := before.get(entry["target"])) is not None
        and known["sha256"] != entry["sha256"]
        and known["drafts"] == entry["drafts"]
    ]


if __name__ == "__main__":
    now = document()
    if PATH.exists():
        old = json.loads(PATH.read_text(encoding="utf-8"))
        if changed := unnumbered(old["requests"], now["requests"]):
            sys.exit(f"raise the numbers of the drafts whose bytes change: {', '.join(changed)}")
    PATH.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    print(f"{PATH.name}: {len(now['requests'])} requests")
