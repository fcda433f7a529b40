"""A plan whose every byte is decided, the seed too: drawn here where one is needed and missing."""

import secrets
from dataclasses import dataclass

from service.fields import Spec, with_seed
from service.plan.planning import Plan, plan
from service.wire.json_text import json_bytes

DRAWN_BELOW = 2**53
"""Any reader of JSON keeps such a number as it is (RFC 8259, section 6)."""


@dataclass(frozen=True, slots=True)
class Issue:
    """A tensor to be issued: the same bytes are at `url`, whoever asks.

    `drawn` says that the seed was nobody's choice. `name` is the one asked for, which the plan
    has only where it makes a difference.
    """

    plan: Plan
    url: str
    drawn: bool
    name: str

    def certificate(self) -> bytes:
        """The plan's certificate as text, in UTF-8: what format json issues."""
        return json_bytes(self.plan.certificate())


def issue(spec: Spec, written: str, *, max_bytes: int) -> Issue:
    """The issue of a spec in a format; raises what `plan` raises."""
    planned = plan(spec, written, max_bytes=max_bytes)
    drawn = planned.needs_seed
    if drawn:
        seeded = with_seed(spec, secrets.randbelow(DRAWN_BELOW))
        planned = plan(seeded, written, max_bytes=max_bytes)
    assert planned.canonical is not None
    return Issue(planned, planned.canonical, drawn, spec.name)
