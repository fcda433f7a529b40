"""A JSON body to the object it holds, strictly (RFC 8259, and I-JSON's rules, RFC 7493).

Numbers stay as they are spelled: what they mean is for the reader of each field to say.
"""

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from service.spec.faults import Fault, shown
from service.spec.numbers import NumberToken, kind

DEEPEST = 4
"""A shape's list within the object is 2; Python's own parser gives up only near 1,000."""

_EXAMPLE = 'send an object such as {"shape": [64, 3]}'

# A string that never ends takes the rest, so that no quote is scanned from twice.
_BRACKET_OR_STRING = re.compile(rb'[\[{]|[\]}]|"(?:[^"\\]|\\.)*"?', re.DOTALL)


def read_object(body: bytes) -> list[tuple[str, object]]:
    """The members of the object in their order, duplicates among them.

    Raises Fault (`malformed_json`) for anything that is not one object nested less than 5 deep.
    """
    if _depth(body) > DEEPEST:
        raise Fault("malformed_json", f"nested deeper than {DEEPEST}", "send a flat object")
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_Object,
            parse_int=NumberToken,
            parse_float=NumberToken,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError:
        raise Fault("malformed_json", "the body is not UTF-8", "send JSON as UTF-8") from None
    except json.JSONDecodeError as error:
        message = f"no JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise Fault(
            "malformed_json", message, 'send an object such as {"shape": [64, 3]}'
        ) from None
    if not isinstance(value, _Object):
        message = f"the body is {kind(value)}"
        raise Fault("malformed_json", message, _EXAMPLE)
    return value.members


@dataclass(frozen=True, slots=True)
class _Object:
    """An object with its duplicate members, which a dict would lose."""

    members: list[tuple[str, object]]


def _refuse_constant(word: str) -> NoReturn:
    message = f"{shown(word)} is not JSON"
    raise Fault("malformed_json", message, "numbers are finite: write one such as 0.02")


def _depth(body: bytes) -> int:
    """The deepest nesting of brackets outside strings, counted without recursion."""
    depth = deepest = 0
    for token in _BRACKET_OR_STRING.findall(body):
        if token in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in b"]}":
            depth -= 1
    return deepest
