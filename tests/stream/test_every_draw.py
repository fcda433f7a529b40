"""No draw is left unchecked: every list of draws has one of each kind there is."""

from collections.abc import Iterable
from typing import get_args

import pytest

from checks import stream_digests, write_vectors
from service.stream import selfcheck
from service.stream.draws import Draw

KINDS = set(get_args(Draw))

LISTS: dict[str, Iterable[Draw]] = {
    "selfcheck.DRAWS, before a worker is ready": selfcheck.DRAWS,
    "write_vectors.DRAWS, the golden vectors": write_vectors.DRAWS,
    "stream_digests.DRAWS, other processors": stream_digests.DRAWS.values(),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_kind_of_draw_is_in_the_list(name: str) -> None:
    """A kind that is missing has a kernel whose bits nobody compares."""
    assert KINDS - {type(draw) for draw in LISTS[name]} == set()


def test_a_missing_kind_would_be_named() -> None:
    """Negative control."""
    without = [draw for draw in selfcheck.DRAWS if type(draw).__name__ != "Normal"]
    assert {kind.__name__ for kind in KINDS - set(map(type, without))} == {"Normal"}
