"""Drafts: what came after release 0.1.0 and is not frozen yet.

An answer is a draft if a value in its canonical URL is one. It may be kept for minutes, not for
ever, and its tag changes when its bytes do, because every change of them raises the number.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import eq
from typing import Any

from service.dtypes import DTYPES
from service.fields import Spec
from service.initializers.activations import ACTIVATIONS
from service.initializers.schemes import SCHEMES


@dataclass(frozen=True, slots=True)
class Draft:
    """The values of `field` that `covers` are a draft; `name` is what listings call them.

    `number` counts the editions of their bytes, from 1.
    """

    field: str
    name: str
    number: int
    covers: Callable[[Any], bool]

    def __str__(self) -> str:
        return f"{self.field} {self.name} {self.number}"


def _named(field: str, table: Mapping[str, Any]) -> Iterator[Draft]:
    """The drafts of a table: each record says itself whether it is one."""
    for name, record in table.items():
        if record.draft is not None:
            # Not name.__eq__: of None, where the field is not in the URL, that is NotImplemented.
            yield Draft(field, name, record.draft, partial(eq, name))


DRAFTS: tuple[Draft, ...] = (
    *_named("scheme", SCHEMES),
    *_named("activation", ACTIVATIONS),
    *_named("dtype", DTYPES),
    Draft("parts", "list", 1, lambda parts: isinstance(parts, tuple)),
)
"""Every draft there is: a name, a field, or a form of value."""


def drafts_of(spec: Spec) -> tuple[Draft, ...]:
    """The drafts that a canonical spec uses."""
    return tuple(draft for draft in DRAFTS if draft.covers(getattr(spec, draft.field)))


def is_draft(field: str, name: str) -> bool:
    """Whether `name` of a table, the one behind `field`, is a draft."""
    return any((draft.field, draft.name) == (field, name) for draft in DRAFTS)


def status_of(field: str, name: str) -> str:
    """What a listing calls it: `frozen` or `draft`."""
    return "draft" if is_draft(field, name) else "frozen"
