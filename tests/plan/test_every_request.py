"""Every scheme in every dtype and order, sliced, in a permuted layout: served or refused.

A refusal says which field is wrong and what to write. Anything else would be an answer 500.
"""

from collections.abc import Iterator
from math import prod

import pytest

from service.api.problems import STATUSES
from service.api.reasons import REASONS
from service.chunks import TensorBody
from service.dtypes import DTYPES
from service.errors import FaninError
from service.fields import parse_query
from service.initializers.schemes import SCHEMES
from service.plan import plan
from service.plan.placement import place
from tests.application import ask, problem, ready
from tests.filling import smallest

MOST_WHOLE = 2**12
"""The most elements of an example that is also asked for without a slice."""


def requests(name: str) -> Iterator[str]:
    """The example of a scheme as it is and with its axes reversed, each whole and sliced."""
    fields = dict(item.split("=") for item in smallest(name).split("&"))
    spec = parse_query(smallest(name).encode())
    letters, shape = place(spec).letters, spec.shape
    for permuted in (False, True):
        if permuted and letters is not None:
            fields["layout"] = letters[::-1]
            fields["shape"] = ",".join(map(str, shape[::-1]))
        extents = [int(extent) for extent in fields["shape"].split(",")]
        first = [f":{min(3, extent)}" for extent in extents]
        last = [f"{extent // 2}:" for extent in extents]
        for part in (first, last):
            yield query(fields | {"slice": ",".join(part)})
        if prod(extents) <= MOST_WHOLE:
            yield query(fields)


def query(fields: dict[str, str]) -> str:
    """The fields as a query."""
    return "&".join(f"{field}={value}" for field, value in fields.items())


def refusal(text: str) -> FaninError | None:
    """Why a request is refused; None for a tensor of the promised size. Other errors pass."""
    try:
        made = plan(parse_query(text.encode()), "raw", max_bytes=2**30)
    except FaninError as refused:
        return refused
    body = TensorBody(made)
    assert sum(len(chunk) for chunk in body.chunks()) == body.length == made.tensor.length
    return None


def has_reason(refused: FaninError) -> bool:
    """Whether a refusal has a status, a reason that is explained, and a hint for each problem."""
    told = all(each.field and each.message and each.hint for each in refused.problems)
    known = type(refused) in STATUSES and refused.reason in REASONS
    return known and told and len(refused.problems) > 0


@pytest.mark.parametrize("name", SCHEMES)
def test_a_request_is_served_or_refused_with_a_reason(name: str) -> None:
    """In all dtypes and both orders."""
    for text in requests(name):
        for dtype in DTYPES:
            for order in "CF":
                refused = refusal(f"{text}&dtype={dtype}&order={order}")
                assert refused is None or has_reason(refused), (text, dtype, order)


def test_examples_are_served_and_most_permuted_ones_are() -> None:
    """So the test above is not one of refusals; a layout that a scheme cannot fill is refused."""
    asked = [list(requests(name)) for name in SCHEMES]
    assert [texts[0] for texts in asked if refusal(texts[0]) is not None] == []
    assert [refusal(texts[-1]) for texts in asked].count(None) > 0.8 * len(asked)
    assert refusal("shape=8,8&scheme=normal&slice=:9,:") is not None


def test_the_same_over_a_socket() -> None:
    """A sample: the last request of each scheme in another dtype and order each."""
    with ready() as address:
        for number, name in enumerate(SCHEMES):
            dtype = list(DTYPES)[number % len(DTYPES)]
            text = f"{list(requests(name))[-1]}&dtype={dtype}&order={'CF'[number % 2]}"
            answer = ask(address, f"/v1/weights.raw?{text}")
            if answer.status != 200:
                assert answer.status in (400, 422), text
                problem(answer)
