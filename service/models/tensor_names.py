"""Names with ranges, such as `h.{0..11}.attn.weight`, and the names that they stand for."""

import re
from collections.abc import Iterator
from itertools import product, takewhile
from math import prod

from service.fields.errors import FieldError

_RANGE = re.compile(r"\{([^{}]*)\}")
_ENDS = re.compile(r"(0|[1-9][0-9]{0,8})\.\.(0|[1-9][0-9]{0,8})")

_HINT = "write h.{0..11}.weight for the numbers 0 to 11"


class NameRange:
    """A name whose braces were read. Its `count` names have `shortest` to `longest` characters."""

    def __init__(self, text: str) -> None:
        """Raises FieldError (`malformed_range`) for braces that are no range."""
        pieces = _RANGE.split(text)
        if any(brace in piece for piece in pieces[::2] for brace in "{}"):
            raise FieldError("malformed_range", "a brace has no partner", _HINT)
        self._literal = pieces[::2]
        self._ranges = [_range(piece) for piece in pieces[1::2]]
        self.count = prod(len(each) for each in self._ranges)
        self.shortest = sum(map(len, self._literal)) + len(self._ranges)
        self.longest = sum(map(len, self._literal)) + sum(
            len(str(each[-1])) for each in self._ranges
        )

    def names(self) -> Iterator[str]:
        """The names. The last range counts fastest."""
        if not self._ranges:
            yield self._literal[0]
            return
        template = "{}".join(self._literal)
        for numbers in product(*self._ranges):
            yield template.format(*numbers)


def _range(text: str) -> range:
    ends = _ENDS.fullmatch(text)
    if ends is None:
        raise FieldError("malformed_range", f"{{{text[:40]}}} is no range of numbers", _HINT)
    first, last = int(ends[1]), int(ends[2])
    if first > last:
        message = f"the range {{{text}}} ends before it begins"
        raise FieldError("malformed_range", message, f"write {{{last}..{first}}}")
    return range(first, last + 1)


def equal_start(name: str, other: str) -> int:
    """How many characters are equal at the beginning of two names."""
    return sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, other, strict=False))
    )
