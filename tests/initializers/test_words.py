"""What a word that is in no table is answered."""

import pytest

from service.errors import Problem, UnreadableError
from service.initializers.words import Unissued, squash, unknown_word

KNOWN = ("float16", "float32", "float64", "bfloat16")


def hint_for(word: str) -> str:
    """The hint that `word` gets among four dtypes."""
    error = unknown_word("dtype", word, KNOWN, {"half": "float16"}, "dtypes")
    return error.problems[0].hint


@pytest.mark.parametrize("spelling", ["KaimingNormal", "kaiming_normal_", "kaiming-normal"])
def test_case_and_punctuation_do_not_tell_spellings_apart(spelling: str) -> None:
    """Class names, in-place functions and dashes all squash to the same word."""
    assert squash(spelling) == "kaimingnormal"


def test_a_foreign_spelling_gets_its_exact_replacement() -> None:
    """Another case, or a word of the replacements, leads to one accepted word."""
    assert hint_for("Float32") == "write float32"
    assert hint_for("Half") == "write float16"


@pytest.mark.parametrize(
    "word",
    ["np.float16", "jax.numpy.float16", "np.half", "c10::Half", "np.half()", "np.half(x.y, 1.5)"],
)
def test_the_modules_before_a_name_make_no_difference(word: str) -> None:
    """What is imported from where, people copy along with the name and its arguments."""
    assert hint_for(word) == "write float16"


def test_a_word_that_has_points_itself_comes_first() -> None:
    """A known `a.b` is meant by `A.B`, not a known `b`."""
    error = unknown_word("scheme", "Torch.Linear", ("linear", "torch.linear"), {}, "schemes")
    assert error.problems[0].hint == "write torch.linear"


def test_any_other_word_gets_the_three_nearest_and_the_list() -> None:
    """A typing error is answered with three accepted words, the likeliest first."""
    error = unknown_word("dtype", "flaot32", KNOWN, {}, "dtypes")
    hint = "the nearest are float32, float64, float16"
    problem = Problem("dtype", "'flaot32' is not known", hint, "dtypes")
    assert error.problems == (problem,)


@pytest.mark.parametrize("word", ["", "\ud800", "ſ", "x" * 100_000, "日本語", '"\n'])
def test_no_word_breaks_the_answer(word: str) -> None:
    """Even text that UTF-8 cannot carry is refused in printable, short words."""
    error = unknown_word("dtype", word, KNOWN, {}, "dtypes")
    assert isinstance(error, UnreadableError)
    assert error.reason == "unknown_word"
    problem = error.problems[0]
    assert problem.field == "dtype"
    assert len(problem.message) < 300
    problem.message.encode()
    assert problem.listing == "dtypes"


ROWS = (Unissued(("int8", "byte"), "an integer type", "float16 or float32, for now", yet=True),)


@pytest.mark.parametrize("word", ["int8", "torch.int8", "Byte", "np.int8(3)"])
def test_a_word_for_what_is_not_issued_is_explained(word: str) -> None:
    """It says what the word means, that Fanin has not got it yet, and what comes nearest."""
    error = unknown_word("dtype", word, KNOWN, {}, "dtypes", ROWS)
    assert error.reason == "not_issued"
    message = f"{word!r} is an integer type; Fanin does not issue it yet"
    hint = "write float16 or float32, for now"
    assert error.problems == (Problem("dtype", message, hint, "dtypes"),)


def test_an_accepted_word_comes_before_an_explained_one() -> None:
    """Control: no row takes a spelling away from a word that is served."""
    rows = (Unissued(("float16", "half"), "x", "float32"),)
    error = unknown_word("dtype", "Half", KNOWN, {"half": "float16"}, "dtypes", rows)
    assert error.problems[0].hint == "write float16"
