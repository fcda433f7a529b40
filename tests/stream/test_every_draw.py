"""No draw is left unchecked: every list of draws has one of each kind that there is.

To add a kind of draw, run this file: it names each list that does not have it. A list to which a
kind does not apply says so in NOT_IN.
"""

from collections.abc import Iterable
from typing import get_args

import pytest

from checks import golden_runs, stream_digests, write_vectors
from service.stream import draws, selfcheck
from service.stream.draws import Constant, Draw, IndexFunction, Orthogonal
from tests.stream import drawing, test_bounds, test_casts, test_statistics

KINDS: set[type] = set(get_args(Draw))


def kinds(listed: Iterable[Draw]) -> set[type]:
    return {type(draw) for draw in listed}


STATISTICS = "test_statistics.CASES, the law of a sample"

LISTS: dict[str, set[type]] = {
    "selfcheck.DRAWS, before a worker is ready": kinds(selfcheck.DRAWS),
    "write_vectors.FIRST_DRAWS and ADDED, the golden vectors": kinds(write_vectors.draws()),
    "golden_runs.SCHEMES, golden vectors over HTTP": {
        getattr(draws, name) for name in golden_runs.SCHEMES
    },
    "stream_digests.DRAWS, other processors": kinds(stream_digests.DRAWS.values()),
    "drawing.STRATEGIES, reference against kernels": set(drawing.STRATEGIES),
    "test_casts.DRAWS, narrow dtypes against float32": kinds(test_casts.DRAWS),
    "test_bounds, the outermost values": kinds(
        [*test_bounds.BOUNDED, test_bounds.LIMITED, *test_bounds.UNBOUNDED]
    ),
    STATISTICS: kinds(draw for draw, _ in test_statistics.CASES.values()),
}

_NO_WORDS = "it uses no words; tests/api/test_schemes_over_http.py compares it with NumPy"
_WHOLE = "no function of the words of its element; tests/stream/test_orthogonal.py has its laws"
_DRAFT = "a draft, which has no frozen vectors; tests/golden/draft.json pins it"
_NO_BOUNDS = "its values have ends of their own: tests/plan/test_extremes.py"

NOT_IN: dict[str, dict[type, str]] = {
    STATISTICS: {
        Constant: "all elements are one value, which has no law to be tested",
        IndexFunction: _NO_WORDS,
        Orthogonal: _WHOLE,
    },
    "selfcheck.DRAWS, before a worker is ready": {
        IndexFunction: "its functions are NumPy's + - * /, which no kernel computes",
    },
    "write_vectors.FIRST_DRAWS and ADDED, the golden vectors": {
        IndexFunction: _DRAFT,
        Orthogonal: _DRAFT,
    },
    "golden_runs.SCHEMES, golden vectors over HTTP": {IndexFunction: _DRAFT, Orthogonal: _DRAFT},
    "stream_digests.DRAWS, other processors": {IndexFunction: _NO_WORDS},
    "drawing.STRATEGIES, reference against kernels": {IndexFunction: _NO_WORDS, Orthogonal: _WHOLE},
    "test_casts.DRAWS, narrow dtypes against float32": {
        IndexFunction: _NO_WORDS,
        Orthogonal: _WHOLE,
    },
    "test_bounds, the outermost values": {IndexFunction: _NO_BOUNDS, Orthogonal: _NO_BOUNDS},
}
"""The kinds that do not belong in a list, each with the reason."""


def missing(name: str, listed: set[type]) -> set[str]:
    """The names of the kinds that should be in a list and are not."""
    return {kind.__name__ for kind in KINDS - set(NOT_IN.get(name, {})) - listed}


@pytest.mark.parametrize("name", LISTS)
def test_every_kind_of_draw_is_in_the_list(name: str) -> None:
    """A kind that is missing has numbers that nobody compares."""
    assert missing(name, LISTS[name]) == set()


@pytest.mark.parametrize("name", LISTS)
def test_a_missing_kind_would_be_named(name: str) -> None:
    """Negative control, for each kind in each list."""
    for kind in LISTS[name]:
        assert missing(name, LISTS[name] - {kind}) == {kind.__name__}


@pytest.mark.parametrize("name", NOT_IN)
def test_an_exception_is_one(name: str) -> None:
    """What is said not to belong in a list is a kind of draw, and is not in it."""
    assert set(NOT_IN[name]) <= KINDS - LISTS[name]
