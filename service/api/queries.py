"""Query strings of paths that take no field: what none reads, none may say."""

from starlette.requests import Request

from service.fields.faults import Fault, refusal
from service.fields.query import split_query


def refuse_fields(request: Request, hint: str) -> None:
    """Pass if the query is empty.

    Raises UnreadableError (`unknown_field`) that names each field there is, and what to do.
    """
    items, faults = split_query(request.scope["query_string"])
    unread = [(field, Fault("unknown_field", "no field is read here", hint)) for field, _ in items]
    if unread or faults:
        raise refusal([*unread, *faults])
