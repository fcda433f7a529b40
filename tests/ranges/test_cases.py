"""The cases of other projects' servers, sent to the bare service."""

from collections.abc import Iterator

import pytest

from tests.application import ready
from tests.ranges.cases import CASES, Case, Step, check, part, refused, told, whole
from tests.server import Address


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case(address: Address, case: Case) -> None:
    """Status, place, bytes and the headers for caches are right in every answer."""
    check(case, address)


def test_no_name_is_used_twice() -> None:
    """So that each case is run."""
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    "wrong",
    [
        part("bytes=0-8", (0, 10)),
        part("bytes=0-8", (1, 10)),
        part("bytes=0-0,2-2", (2, 3), (0, 1)),
        part("bytes=0-0,2-2", (0, 3)),
        whole(Range="bytes=0-8"),
        told(304, If_None_Match='"foo"'),
        refused("bytes=0-8"),
        told(400, Range="bytes=x"),
    ],
    ids=str,
)
def test_a_wrong_answer_is_noticed(address: Address, wrong: Step) -> None:
    """Negative control: a case that expects something else fails."""
    with pytest.raises(AssertionError):
        check(Case("control", "wrong", (wrong,)), address)
