"""The rule of golden files: an entry never changes, and new entries are appended.

Entries are the items of a section that is a list, the members of one that is an object, or the
section itself if it is a text.
"""

import json
import sys
from pathlib import Path
from typing import Any

Document = dict[str, Any]


def rewritten(old: Document, new: Document) -> list[str]:
    """The names of the entries of `old` that are missing, moved or changed in `new`."""
    faults = []
    for section, content in old.items():
        now = _entries(new.get(section, []))
        for key, entry in _entries(content).items():
            if key not in now or now[key] != entry:
                faults.append(f"{section} {key}".strip())
    return faults


def _entries(content: Any) -> dict[str, Any]:
    if isinstance(content, list):
        return {str(place): entry for place, entry in enumerate(content)}
    return content if isinstance(content, dict) else {"": content}


def _in_order(old: Any, new: Any) -> Any:
    """`new`, with the members that `old` has first and in its order."""
    return old | new if isinstance(old, dict) and isinstance(new, dict) else new


def write(path: Path, new: Document) -> None:
    """Write `new` to `path`, or end the process if an entry there would change.

    The members of an object keep the order that they have in the file.
    """
    if path.exists():
        old = json.loads(path.read_text(encoding="utf-8"))
        if faults := rewritten(old, new):
            sys.exit(f"{path.name} is frozen, and these would change: {', '.join(faults)}")
        new = {section: _in_order(old.get(section), content) for section, content in new.items()}
    path.write_text(json.dumps(new, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
    lists = {name: found for name, found in new.items() if isinstance(found, list | dict)}
    print(f"{path.name}: {', '.join(f'{len(found)} {name}' for name, found in lists.items())}")
