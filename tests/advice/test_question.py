"""Questions: the spec's fields and a few more, read by the spec's own parser."""

import pytest

from service.advice import (
    Question,
    parse_question_json,
    parse_question_query,
    parse_question_words,
    recommend,
)
from service.errors import UnreadableError
from service.fields import FIELDS

OWN = ("input_activation", "normalization", "residual", "position", "role")


def test_a_question_is_a_spec_with_a_few_more_fields() -> None:
    """Every field of the spec in its order, then the question's own."""
    assert tuple(Question.model_fields) == (*FIELDS, *OWN)


def test_what_is_not_said_is_the_simplest_network() -> None:
    """A hidden layer without norms and residuals, of unknown depth."""
    question = parse_question_query(b"shape=8,4")
    assert [getattr(question, name) for name in OWN] == [None] * 5
    answer = recommend(question, max_bytes=2**44).understood
    assert (answer.position, answer.residual, answer.normalization) == ("hidden", "none", "none")


def test_query_json_and_shell_say_the_same() -> None:
    """One question in three spellings."""
    question = parse_question_query(
        b"shape=8,4&input_activation=swish&normalization=rms&depth=12&residual=pre_norm"
    )
    assert (question.input_activation, question.depth) == ("silu", 12)
    words = {"shape": "8,4", "input_activation": "silu", "normalization": "rms"}
    assert parse_question_words({**words, "depth": "12", "residual": "pre_norm"}) == question
    body = b"""{"shape": [8, 4], "input_activation": "swish", "normalization": "rms",
                "depth": 12, "residual": "pre_norm"}"""
    assert parse_question_json(body) == question


@pytest.mark.parametrize(
    ("query", "reason", "hint"),
    [
        ("normalization=BatchNorm", "unknown_word", "write batch"),
        ("normalization=weight", "unknown_word", "the nearest are "),
        ("input_activation=ReLU", "unknown_word", "write relu"),
        ("input_activation=none", "unknown_word", "write linear"),
        ("residual=pre-norm", "unknown_word", "write pre_norm"),
        ("residual=postln", "unknown_word", "write post_norm"),
        ("position=head", "unknown_word", "write output"),
        ("position=BranchLast", "unknown_word", "write branch_last"),
        ("residual=norm-free", "unknown_word", "write norm_free"),
        ("role=c_fc", "unknown_word", "write mlp_up"),
        ("role=c_proj", "unknown_word", "write attention_output or mlp_down"),
        ("role=q_proj", "unknown_word", "write attention_query"),
        ("role=lm_head", "unknown_word", "write head"),
        ("role=barber", "unknown_word", "the nearest are "),
        ("depth=0", "out_of_range", ""),
        ("depth=10001", "out_of_range", ""),
        ("depth=1e2", "malformed_number", "write 100"),
        ("depth=", "empty_field", ""),
        ("depth=3&depth=3", "duplicate_field", ""),
        ("Position=first", "unknown_field", "write position"),
        ("positions=first", "unknown_field", "the nearest are position, "),
        ("format=npy", "unknown_field", ""),
    ],
)
def test_a_question_is_read_as_strictly_as_a_spec(query: str, reason: str, hint: str) -> None:
    """The same refusals with the same hints."""
    with pytest.raises(UnreadableError) as refused:
        parse_question_query(f"shape=8,4&{query}".encode())
    assert refused.value.reason == reason
    assert refused.value.problems[0].hint.startswith(hint)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "malformed_json"),
        (b'{"shape": [8, 4], "depth": "12.0"}', "malformed_number"),
        (b'{"shape": [8, 4], "depth": true}', "malformed_number"),
        (b'{"shape": [8, 4], "position": 1}', "malformed_text"),
        (b'{"shape": [8, 4], "format": "npy"}', "unknown_field"),
        (b'{"depth": 12}', "missing_field"),
    ],
)
def test_a_json_question_is_read_as_strictly(body: bytes, reason: str) -> None:
    """No format, and no other types in place of numbers and words."""
    with pytest.raises(UnreadableError) as refused:
        parse_question_json(body)
    assert refused.value.reason == reason
