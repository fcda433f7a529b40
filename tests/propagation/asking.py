"""Asking about networks, and following what an answer says to change."""

import json
from functools import cache
from typing import Any

from service.propagation import (
    Propagation,
    parse_network_json,
    parse_stack_query,
    propagate,
)
from service.propagation.changes import Change

MAX_BYTES = 2**40


@cache
def stack(query: str) -> Propagation:
    """The answer about a stack of equal layers."""
    return propagate(parse_stack_query(query.encode()), max_bytes=MAX_BYTES)


def network(**body: Any) -> Propagation:
    """The answer about a list of layers."""
    return propagate(parse_network_json(json.dumps(body).encode()), max_bytes=MAX_BYTES)


def followed(query: str, change: Change) -> str:
    """The query after the steps of a change, as its documentation says to follow them."""
    fields = dict(item.split("=") for item in query.split("&"))
    for step in change.steps:
        assert step.layer is None
        fields = {name: text for name, text in fields.items() if name not in step.leave_out}
        fields |= {name: str(value) for name, value in step.set.items()}
    return "&".join(f"{name}={text}" for name, text in fields.items())


def followed_body(body: dict[str, Any], change: Change) -> dict[str, Any]:
    """The body after the steps of a change."""
    layers = [dict(layer) for layer in body["layers"]]
    changed = dict(body)
    for step in change.steps:
        target = changed if step.layer is None else layers[step.layer]
        for name in step.leave_out:
            target.pop(name, None)
        target |= step.set
    return changed | {"layers": layers}
