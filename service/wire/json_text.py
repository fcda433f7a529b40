"""JSON as Fanin writes all of it: certificates, listings, advice."""

import json
from typing import Any


def json_bytes(value: Any) -> bytes:
    """A value as JSON that people can read too, in UTF-8; raises ValueError for NaN, infinity."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2).encode() + b"\n"
