"""The nearest words: a slip finds the word that was meant, and a search is cheap."""

import time

import pytest

from service.advice import Question
from service.initializers.nearest import nearest_words
from service.initializers.schemes import SCHEMES

SLIPS = [
    ("he_norml", "he_normal"),
    ("otrhogonal", "orthogonal"),
    ("glorot_unifrom", "glorot_uniform"),
    ("LECUN_NORMAL", "lecun_normal"),
    ("truncatd_normall", "truncated_normal"),
    ("gausian", "gaussian_filter"),
    ("torch.lstmm", "torch.lstm"),
]


@pytest.mark.parametrize(("word", "meant"), SLIPS)
def test_a_slip_finds_the_scheme(word: str, meant: str) -> None:
    """Letters missing, doubled, swapped, or in another case."""
    assert nearest_words(word, SCHEMES)[0] == meant


def test_every_field_is_found_without_any_one_letter() -> None:
    """Among the first three. Words of less than five letters lose too much."""
    fields = tuple(Question.model_fields)
    for field in fields:
        for place in range(len(field) if len(field) > 4 else 0):
            slip = field[:place] + field[place + 1 :]
            assert field in nearest_words(slip, fields), slip


@pytest.mark.parametrize("word", ["", "\ud800", "日本語", "\0"])
def test_a_word_without_common_letters_gets_the_first_words(word: str) -> None:
    """Something is always shown."""
    assert nearest_words(word, ["alpha", "beta", "gamma", "delta"]) == ["alpha", "beta", "gamma"]


def test_a_search_takes_less_than_half_a_millisecond() -> None:
    """It took 50 to 90 us on two cores; difflib took 1 to 5 ms. The least of ten times counts."""
    words = tuple(SCHEMES)
    nearest_words("x", words)
    spent = []
    for _ in range(10):
        began = time.thread_time()
        nearest_words("etaoinshrdlu_cmfwypvbgkjqxz.0123456789", words)
        spent.append(time.thread_time() - began)
    assert min(spent) < 0.5e-3
