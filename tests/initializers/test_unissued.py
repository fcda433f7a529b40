"""Words for what Fanin does not issue: each is explained, and none of them is in fact issued."""

from collections.abc import Callable

import pytest

from service.advice.alternatives import NAMED
from service.dtypes import DTYPES
from service.errors import UnreadableError
from service.fields import parse_words, types
from service.initializers import activations, layers
from service.initializers.activations import UNISSUED_ACTIVATIONS, find_activation
from service.initializers.layers import find_layer
from service.initializers.schemes import AUTO, SCHEMES, find_scheme, table
from service.initializers.unissued import (
    UNISSUED_DTYPES,
    UNISSUED_LAYERS,
    UNISSUED_SCHEMES,
)
from service.initializers.words import Unissued, squash

TABLES: dict[str, tuple[tuple[Unissued, ...], Callable[[str], object]]] = {
    "scheme": (UNISSUED_SCHEMES, find_scheme),
    "activation": (UNISSUED_ACTIVATIONS, find_activation),
    "layer": (UNISSUED_LAYERS, find_layer),
    "dtype": (UNISSUED_DTYPES, lambda word: parse_words({"shape": "1", "dtype": word})),
}

ROWS = [(field, row) for field, (rows, _) in TABLES.items() for row in rows]


@pytest.mark.parametrize(("field", "row"), ROWS, ids=lambda part: getattr(part, "words", part))
def test_each_word_is_explained(field: str, row: Unissued) -> None:
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
def test_no_word_has_two_rows(rows: tuple[Unissued, ...]) -> None:
    """Which of two explanations is right would depend on their order."""
    words = [word for row in rows for word in row.words]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("named", [row.scheme for row in NAMED])
def test_what_recommend_speaks_of_is_known_here(named: str) -> None:
    """An alternative that `/recommend` names is a scheme, or explained as one not issued."""
    if named in SCHEMES:
        return
    with pytest.raises(UnreadableError) as refused:
        find_scheme(named)
    assert refused.value.reason == "not_issued"


SPELLINGS = [
    ("keras.initializers.OrthogonalRegularizer", None, ""),
    ("lsuv", "divided by the std", "variance_scaling"),
    ("delta_orthogonal", "in the middle of a convolution's kernel", "lecun_normal"),
    ("known_filters", "edge detector", "he_normal"),
    ("mup", "widths", "lecun_normal or zeros"),
]


@pytest.mark.parametrize(("word", "what", "instead"), SPELLINGS)
def test_spellings_of_unissued_schemes(word: str, what: str | None, instead: str) -> None:
    """As in frameworks; a word that only looks alike gets the nearest words, not an explanation."""
    with pytest.raises(UnreadableError) as refused:
        find_scheme(word)
    problem = refused.value.problems[0]
    assert (refused.value.reason == "not_issued") == (what is not None)
    assert (what or "is not known") in problem.message
    assert problem.hint.startswith(f"write {instead}" if what else "the nearest are ")


REPLACED = [
    ("activation", "softmax2d", "softmax"),
    ("activation", "hard_swish", "hardswish"),
    ("activation", "hard_tanh", "hardtanh"),
    ("activation", "celu", "elu"),
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


KNOWN = {
    "scheme": (table._REPLACEMENTS, {AUTO, *SCHEMES}),
    "activation": (activations._REPLACEMENTS, set(activations.ACTIVATIONS)),
    "layer": (layers._LAYER_REPLACEMENTS, set(layers.LAYERS)),
    "dtype": (types._DTYPES, set(DTYPES)),
    "distribution": (types._DISTRIBUTIONS, set(types.DISTRIBUTIONS)),
}


@pytest.mark.parametrize("field", list(KNOWN))
def test_every_replacement_is_squashed_and_accepted(field: str) -> None:
    """A row that no word can reach, or that leads to no accepted word, is a slip."""
    replacements, accepted = KNOWN[field]
    for word, meant in replacements.items():
        assert squash(word) == word
        assert set(meant.split(" or ")) <= accepted, meant
