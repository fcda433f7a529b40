"""The refusal of unknown words, and the tables of words for things that Fanin does not issue."""

from collections.abc import Callable

import pytest

from service.dtypes import DTYPES
from service.errors import Problem, UnreadableError
from service.fields import parse_words, types
from service.initializers import layers
from service.initializers.activations import (
    ACTIVATIONS,
    NOT_ISSUED_ACTIVATIONS,
    find_activation,
)
from service.initializers.activations import table as activations
from service.initializers.layers import find_layer
from service.initializers.schemes import AUTO, SCHEMES, find_scheme, table
from service.initializers.unknown_words import (
    NOT_ISSUED_DTYPES,
    NOT_ISSUED_LAYERS,
    NOT_ISSUED_SCHEMES,
    NotIssued,
    squash,
    unknown_word,
)

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
    hint = "the nearest are float32, float16, float64"
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


ROWS = (NotIssued(("int8", "byte"), "an integer type", "float16 or float32, for now", yet=True),)


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
    rows = (NotIssued(("float16", "half"), "x", "float32"),)
    error = unknown_word("dtype", "Half", KNOWN, {"half": "float16"}, "dtypes", rows)
    assert error.problems[0].hint == "write float16"


TABLES: dict[str, tuple[tuple[NotIssued, ...], Callable[[str], object]]] = {
    "scheme": (NOT_ISSUED_SCHEMES, find_scheme),
    "activation": (NOT_ISSUED_ACTIVATIONS, find_activation),
    "layer": (NOT_ISSUED_LAYERS, find_layer),
    "dtype": (NOT_ISSUED_DTYPES, lambda word: parse_words({"shape": "1", "dtype": word})),
}

EXPLAINED = [(field, row) for field, (rows, _) in TABLES.items() for row in rows]


@pytest.mark.parametrize(("field", "row"), EXPLAINED, ids=lambda part: getattr(part, "words", part))
def test_each_word_is_explained(field: str, row: NotIssued) -> None:
    """Every spelling is squashed, reaches its row, and is told what to write instead."""
    for word in row.words:
        assert squash(word) == word
        with pytest.raises(UnreadableError) as refused:
            TABLES[field][1](word)
        assert refused.value.reason == "not_issued", word
        (problem,) = refused.value.problems
        assert problem.message.startswith(f"{word!r} is {row.what}; Fanin does not issue it")
        assert problem.hint == f"write {row.instead}"


@pytest.mark.parametrize("rows", [rows for rows, _ in TABLES.values()], ids=list(TABLES))
def test_no_word_has_two_rows(rows: tuple[NotIssued, ...]) -> None:
    """Which of two explanations is right would depend on their order."""
    words = [word for row in rows for word in row.words]
    assert len(words) == len(set(words))


SPELLINGS = [
    ("keras.initializers.OrthogonalRegularizer", None, ""),
    ("lsuv", "divided by the std", "variance_scaling"),
]


@pytest.mark.parametrize(("word", "what", "instead"), SPELLINGS)
def test_spellings_of_schemes_not_issued(word: str, what: str | None, instead: str) -> None:
    """As in frameworks; a word that only looks alike gets the nearest words, not an explanation."""
    with pytest.raises(UnreadableError) as refused:
        find_scheme(word)
    problem = refused.value.problems[0]
    assert (refused.value.reason == "not_issued") == (what is not None)
    assert (what or "is not known") in problem.message
    assert problem.hint.startswith(f"write {instead}" if what else "the nearest are ")


REPLACED = [
    ("activation", "relu2", "relu_squared"),
    ("activation", "hard_swish", "hardswish"),
    ("activation", "hard_tanh", "hardtanh"),
    ("activation", "HardSiLU", "hardswish"),
    ("activation", "nn.ReLU()", "relu"),
    ("layer", "nn.EmbeddingBag", "embedding"),
    ("layer", "deconv", "conv_transpose2d"),
    ("layer", "BatchNorm2d", "scale"),
    ("dtype", "fp8", "float8_e4m3fn or float8_e5m2"),
    ("dtype", "torch.HalfTensor", "float16"),
    ("dtype", "tf32", "float32"),
    ("mode", "FAN_AVERAGE", "fan_avg"),
    ("mode", "mean", "fan_avg"),
    ("mode", "fan_geo", "fan_geo_avg"),
    ("distribution", "truncnorm", "truncated_normal"),
    ("distribution", "randn", "normal"),
    ("distribution", "rand", "uniform"),
]


@pytest.mark.parametrize(("field", "word", "meant"), REPLACED)
def test_other_frameworks_words_get_the_exact_one(field: str, word: str, meant: str) -> None:
    """The hint is the word to write, not three that are spelled alike."""
    with pytest.raises(UnreadableError) as refused:
        parse_words({"shape": "8,4", field: word})
    assert refused.value.reason == "unknown_word"
    assert refused.value.problems[0].hint == f"write {meant}"


REPLACEMENTS = {
    "scheme": (table._REPLACEMENTS, {AUTO, *SCHEMES}),
    "activation": (activations._REPLACEMENTS, set(ACTIVATIONS)),
    "layer": (layers._LAYER_REPLACEMENTS, set(layers.LAYERS)),
    "dtype": (types.DTYPE_WORDS, set(DTYPES)),
    "distribution": (types._DISTRIBUTIONS, set(types.DISTRIBUTIONS)),
}


@pytest.mark.parametrize("field", list(REPLACEMENTS))
def test_every_replacement_is_squashed_and_accepted(field: str) -> None:
    """A row that no word can reach, or that leads to no accepted word, is a slip."""
    replacements, accepted = REPLACEMENTS[field]
    for word, meant in replacements.items():
        assert squash(word) == word
        assert set(meant.split(" or ")) <= accepted, meant
