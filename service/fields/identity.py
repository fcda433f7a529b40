"""Split a query into seed and name on one side, and all other fields on the other.

Requests for the tensors of a model often differ only in seed and name. The service plans the other
fields once for all of them.
"""

from typing import NamedTuple

from service.fields.errors import FieldError
from service.fields.numbers import read_seed
from service.fields.syntax import MOST_ITEMS, decode
from service.fields.text import read_name


class SplitQuery(NamedTuple):
    """A query in two parts. `others` are its items except seed and name, in their order."""

    others: bytes
    seed: int | None
    name: str


def split_identity(query: bytes) -> SplitQuery | None:
    """The query's seed and name, and its other items as they are.

    `parse_query(query)` and `parse_query(others)` then differ only in seed and name, and either
    both succeed or both report the same problems. The result is None if that is not certain: if
    seed or name is malformed or given twice, if there are too many items, if an item is malformed,
    or if a field has an escape. Such a query has to be read by `parse_query` as a whole.
    """
    items = query.split(b"&")
    if len(items) > MOST_ITEMS:
        return None
    others: list[bytes] = []
    seed = name = None
    try:
        for item in items:
            field, equals, text = item.partition(b"=")
            if not equals or not field or b"%" in field:
                return None
            if field == b"seed" and seed is None:
                seed = read_seed(decode(text))
            elif field == b"name" and name is None:
                name = read_name(decode(text))
            elif field in (b"seed", b"name"):
                return None
            else:
                others.append(item)
    except FieldError:
        return None
    return SplitQuery(b"&".join(others), seed, name or "")
