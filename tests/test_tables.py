"""A row that is taken out of a table is missed by a test, whose name says what is missing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from checks import moments
from service.dtypes import DTYPES
from service.initializers.activations import ACTIVATIONS
from service.initializers.layers import LAYERS
from service.initializers.schemes import SCHEMES
from service.plan import drafts
from tests import test_dtypes
from tests.filling import distinct
from tests.initializers import test_activations, test_layers, test_schemes
from tests.stream import test_drafts_page, test_page


def letters_of_onnx() -> None:
    test_layers.test_a_frameworks_letters_never_change("onnx")


ROWS: tuple[tuple[Any, str, Callable[[], None]], ...] = (
    (SCHEMES, "keras.dense", test_schemes.test_every_module_of_schemes_is_in_the_table),
    (SCHEMES, "he_normal", test_page.test_the_schemes_are_the_records),
    (ACTIVATIONS, "mish", test_activations.test_both_tables_have_the_same_activations),
    (moments.FUNCTIONS, "mish", test_activations.test_both_tables_have_the_same_activations),
    (DTYPES, "float16", test_dtypes.test_every_frozen_dtype_has_golden_vectors),
    (LAYERS, "recurrent", test_page.test_the_letters_are_those_of_the_layers),
    (LAYERS["dense"].letters, "onnx", letters_of_onnx),
)
"""A table, a row of it, and the test that misses the row.

Lists of draws have the same in tests/stream/test_every_draw.py.
"""


@contextmanager
def without(table: dict[str, Any], row: str) -> Iterator[None]:
    """The table lacks the row for a while; its order is the same afterwards."""
    whole = dict(table)
    del table[row]
    try:
        yield
    finally:
        table.clear()
        table.update(whole)


@pytest.mark.parametrize(
    ("table", "row", "test"), ROWS, ids=[f"{row}-{test.__name__}" for _, row, test in ROWS]
)
def test_a_missing_row_is_noticed(
    table: dict[str, Any], row: str, test: Callable[[], None]
) -> None:
    """The test passes with the row and fails without it."""
    test()
    with without(table, row), pytest.raises(AssertionError):
        test()
    test()


DRAFTS = [each for each in drafts.DRAFTS if each.field != "scheme" or each.name in distinct()]


@pytest.mark.parametrize("draft", DRAFTS, ids=str)
def test_a_missing_draft_is_noticed(draft: drafts.Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the page, whose list is the table's."""
    kept = tuple(each for each in drafts.DRAFTS if each is not draft)
    monkeypatch.setattr(drafts, "DRAFTS", kept)
    with pytest.raises(AssertionError):
        test_drafts_page.test_the_list_is_the_table_of_drafts(monkeypatch)
