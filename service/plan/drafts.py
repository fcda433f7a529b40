"""Drafts: features after release 0.1.0 whose bytes are not frozen yet.

A response is a draft if a value in its canonical URL is one. Caches keep it for minutes only. A
change of its bytes raises the draft's number, and so changes the ETag.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import eq
from typing import Any

from service.dtypes import DTYPES
from service.fields import Spec
from service.initializers.activations import ACTIVATIONS
from service.initializers.schemes import NUMBER_FIELDS, SCHEMES


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft: the values of `field` for which `covers` is true. `name` is its name in listings.

    `number` is the edition of the bytes, from 1.
    """

    field: str
    name: str
    number: int
    covers: Callable[[Any], bool]

    def __str__(self) -> str:
        return f"{self.field} {self.name} {self.number}"


def _named(field: str, table: Mapping[str, Any]) -> Iterator[Draft]:
    """The drafts of a table: the records whose `draft` is a number."""
    for name, record in table.items():
        if record.draft is not None:
            # Not name.__eq__: of None, where the field is not in the URL, that is NotImplemented.
            yield Draft(field, name, record.draft, partial(eq, name))


DRAFTS: tuple[Draft, ...] = (
    *_named("scheme", SCHEMES),
    *_named("activation", ACTIVATIONS),
    *_named("dtype", DTYPES),
    Draft("parts", "list", 1, lambda parts: isinstance(parts, tuple)),
    Draft("gain_rule", "variance", 1, partial(eq, "variance")),
)
"""All drafts: names of tables, and forms of a field's value."""


FIELDS: tuple[str, ...] = tuple(
    field
    for field in NUMBER_FIELDS
    if not any(field in scheme.fields for scheme in SCHEMES.values() if scheme.draft is None)
)
"""The fields that only drafts take."""


def drafts_of(spec: Spec) -> tuple[Draft, ...]:
    """The drafts that a canonical spec uses. The scheme in the field `inner` is one of them."""
    return tuple(
        draft
        for draft in DRAFTS
        if draft.covers(getattr(spec, draft.field))
        or (draft.field == "scheme" and draft.covers(spec.inner))
    )


def is_draft(field: str, name: str) -> bool:
    """Whether `name`, a value of `field`, is a draft."""
    return any((draft.field, draft.name) == (field, name) for draft in DRAFTS)


def status_of(field: str, name: str) -> str:
    """The status in listings: `frozen` or `draft`."""
    return "draft" if is_draft(field, name) else "frozen"
