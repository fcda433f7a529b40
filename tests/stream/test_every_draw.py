"""No draw is left unchecked: every list of draws has one of each kind that there is.

To add a kind of draw, run this file: it names each list that does not have it. A list to which a
kind does not apply says so in NOT_IN.
"""

import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import get_args

import pytest

from checks import golden_runs, stream_digests, write_vectors
from service.fields import parse_query
from service.initializers.schemes import SCHEMES
from service.plan import plan
from service.stream import draws, edition, selfcheck
from service.stream.address import Address
from service.stream.draws import (
    Constant,
    Draw,
    Elementwise,
    IndexFunction,
    Mapped,
    Orthogonal,
    Repeated,
    Sparse,
)
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS
from service.stream.reference.values import element_bytes
from tests.filling import smallest
from tests.stream import drawing, test_bounds, test_casts, test_statistics

KINDS: set[type] = set(get_args(Draw))


def kinds(listed: Iterable[Draw]) -> set[type]:
    return {type(draw) for draw in listed}


STATISTICS = "test_statistics.CASES, the law of a sample"
VECTORS = "write_vectors.FIRST_DRAWS and ADDED, the golden vectors"
RUNS = "golden_runs.SCHEMES, golden vectors over HTTP"

LISTS: dict[str, set[type]] = {
    "selfcheck.DRAWS, before a worker is ready": kinds(selfcheck.DRAWS),
    VECTORS: kinds(write_vectors.draws()),
    RUNS: {getattr(draws, name) for name in golden_runs.SCHEMES},
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
_COMPOSED = "made from another draw; tests/stream/test_composed.py compares it with the reference"
_NO_BOUNDS = "its values have ends of their own: tests/plan/test_extremes.py"

NOT_IN: dict[str, dict[type, str]] = {
    STATISTICS: {
        Constant: "all elements are one value, which has no law to be tested",
        IndexFunction: _NO_WORDS,
        Orthogonal: _WHOLE,
        **dict.fromkeys((Mapped, Sparse, Repeated), _COMPOSED),
    },
    "selfcheck.DRAWS, before a worker is ready": {
        IndexFunction: "its functions are NumPy's + - * /, which no kernel computes",
        Repeated: "it copies what another draw's kernel computes",
    },
    "stream_digests.DRAWS, other processors": {
        IndexFunction: _NO_WORDS,
        Repeated: "it copies what another draw's kernel computes",
    },
    "drawing.STRATEGIES, reference against kernels": {
        IndexFunction: _NO_WORDS,
        Orthogonal: _WHOLE,
        **dict.fromkeys((Mapped, Sparse, Repeated), _COMPOSED),
    },
    "test_casts.DRAWS, narrow dtypes against float32": {
        IndexFunction: _NO_WORDS,
        Orthogonal: _WHOLE,
        **dict.fromkeys((Mapped, Sparse, Repeated), _COMPOSED),
    },
    "test_bounds, the outermost values": dict.fromkeys(
        (IndexFunction, Orthogonal, Mapped, Sparse, Repeated), _NO_BOUNDS
    ),
}
"""The kinds that do not belong in a list, each with the reason."""


@cache
def draft_kinds() -> set[type]:
    """The kinds that only draft schemes draw. They have no golden vectors; draft.json pins them."""
    drawn: dict[bool, set[type]] = {True: set(), False: set()}
    for name, scheme in SCHEMES.items():
        asked = parse_query(smallest(name).encode())
        law = plan(asked, "raw", max_bytes=2**30).tensor.law
        drawn[scheme.draft is not None].add(type(law.draw))
    return drawn[True] - drawn[False]


def missing(name: str, listed: set[type]) -> set[str]:
    """The names of the kinds that should be in a list and are not."""
    exempt = draft_kinds() if name in (VECTORS, RUNS) else set(NOT_IN.get(name, {}))
    return {kind.__name__ for kind in KINDS - exempt - listed}


def test_the_digest_is_that_of_the_list() -> None:
    """After a change of `selfcheck.DRAWS` copy what `selfcheck.digest()` returns."""
    assert selfcheck.digest() == edition.DIGEST


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


def test_a_frozen_draw_needs_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: once its scheme is no draft, a kind without vectors is named."""
    assert {IndexFunction, Orthogonal} <= draft_kinds()
    frozen = replace(SCHEMES["orthogonal"], draft=None)
    monkeypatch.setitem(SCHEMES, "orthogonal", frozen)
    monkeypatch.setattr(sys.modules[__name__], "draft_kinds", draft_kinds.__wrapped__)
    assert "Orthogonal" in missing(VECTORS, LISTS[VECTORS])


ELEMENTWISE = {
    name: draw for name, draw in stream_digests.DRAWS.items() if isinstance(draw, Elementwise)
}


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_kernels_have_every_draw_in_every_dtype(name: str, dtype: str) -> None:
    """The bytes are the reference's. A transform without its branch would write no values."""
    draw, address = ELEMENTWISE[name], Address(5, 7)
    expected = element_bytes(draw, dtype, address, 3, 1001)
    assert drawing.kernel_bytes(draw, dtype, address, Lattice(3, (1001,), (1,))) == expected
