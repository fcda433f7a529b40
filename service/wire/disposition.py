"""The file name a browser saves a tensor under (the `filename` of RFC 6266, section 4.3)."""

import re

_MAX_LENGTH = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def attachment_name(name: str, suffix: str) -> str:
    """At most 100 ASCII characters, letters, digits and `. _ -`, that end in `suffix`.

    Never a hidden file, and never something a shell takes for an option.
    """
    stem = _UNSAFE.sub("_", name).lstrip(".-")[: _MAX_LENGTH - len(suffix)]
    return (stem if stem.strip("._-") else "weight") + suffix
