"""What a word that is in no table is answered."""

import pytest

from service.errors import UnreadableError
from service.initializers.words import squash, unknown_word

KNOWN = ("float16", "float32", "float64", "bfloat16")


def hint_for(word: str) -> str:
    """The hint that `word` gets among four dtypes."""
    error = unknown_word("dtype", word, KNOWN, {"half": "float16"}, "/dtypes")
    return error.problems[0].hint


@pytest.mark.parametrize("spelling", ["KaimingNormal", "kaiming_normal_", "kaiming-normal"])
def test_case_and_punctuation_do_not_tell_spellings_apart(spelling: str) -> None:
    """Class names, in-place functions and dashes all squash to the same word."""
    assert squash(spelling) == "kaimingnormal"


def test_a_foreign_spelling_gets_its_exact_replacement() -> None:
    """Another case, or a word of the replacements, leads to one accepted word."""
    assert hint_for("Float32") == "write float32; /dtypes lists all"
    assert hint_for("Half") == "write float16; /dtypes lists all"


@pytest.mark.parametrize("word", ["np.float16", "torch.float16", "jax.numpy.float16", "np.half"])
def test_the_modules_before_a_name_make_no_difference(word: str) -> None:
    """What is imported from where, people copy along with the name."""
    assert hint_for(word) == "write float16; /dtypes lists all"


def test_a_word_that_has_points_itself_comes_first() -> None:
    """A known `a.b` is meant by `A.B`, not a known `b`."""
    error = unknown_word("scheme", "Torch.Linear", ("linear", "torch.linear"), {}, "/schemes")
    assert error.problems[0].hint == "write torch.linear; /schemes lists all"


def test_any_other_word_gets_the_three_nearest_and_the_list() -> None:
    """A typing error is answered with three accepted words, the likeliest first."""
    assert hint_for("flaot32") == "the nearest are float32, float64, float16; /dtypes lists all"


@pytest.mark.parametrize("word", ["", "\ud800", "ſ", "x" * 100_000, "日本語", '"\n'])
def test_no_word_breaks_the_answer(word: str) -> None:
    """Even text that UTF-8 cannot carry is refused in printable, short words."""
    error = unknown_word("dtype", word, KNOWN, {}, "/dtypes")
    assert isinstance(error, UnreadableError)
    assert error.reason == "unknown_word"
    problem = error.problems[0]
    assert problem.field == "dtype"
    assert len(problem.message) < 300
    problem.message.encode()
    assert "/dtypes" in problem.hint
