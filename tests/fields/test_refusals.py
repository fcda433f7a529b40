"""What cannot be read: the reason, the field and the way out of every refusal."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import UnreadableError
from service.fields import FIELDS, parse_json, parse_query, parse_words

REFUSED = [
    ("shape", "64x3", "malformed_shape", "write 64,3"),
    ("shape", "(64, 3)", "malformed_shape", "write 64,3"),
    ("shape", "64, 3", "malformed_shape", "write 64,3"),
    ("shape", "064", "malformed_shape", "write 64"),
    ("shape", "64,", "malformed_shape", "write 64"),
    ("shape", "[64", "malformed_shape", "write 64"),
    ("shape", "64.0", "malformed_shape", "write 64"),
    ("shape", "0x10", "malformed_shape", "write 16"),
    ("shape", "0x10x3", "malformed_shape", "scalar"),
    ("shape", "1,000", "malformed_shape", "write 1000"),
    ("shape", "1e-400", "malformed_shape", "scalar"),
    ("shape", "big", "malformed_shape", "scalar"),
    ("shape", "٦٤", "malformed_shape", "write 64"),
    ("shape", "-1,3", "out_of_range", "from 0, such as 64,3,7,7"),
    ("shape", "288230376151711744", "out_of_range", "from 0, such as 64,3,7,7"),
    ("shape", "1,1,1,1,1,1,1,1,1", "out_of_range", "at most 8"),
    ("groups", "5.0", "malformed_number", "write 5"),
    ("groups", "+5", "malformed_number", "write 5"),
    ("groups", "1_000", "malformed_number", "write 1000"),
    ("groups", "007", "malformed_number", "write 7"),
    ("groups", "1e3", "malformed_number", "write 1000"),
    ("groups", " 5", "malformed_number", "write 5"),
    ("groups", "٥", "malformed_number", "write 5"),
    ("groups", "five", "malformed_number", "plain digits"),
    ("groups", "0", "out_of_range", "from 1"),
    ("groups", "9" * 5000, "out_of_range", "from 1"),
    ("fan_in", "-1", "out_of_range", "from 1"),
    ("stride", "2,", "malformed_number", "write 2"),
    ("stride", "1,000", "malformed_number", "write 1000"),
    ("stride", "1e-400", "malformed_number", "such as 2"),
    ("stride", "0x2,2", "malformed_number", "such as 2"),
    ("stride", "2,+2", "malformed_number", "write 2,2"),
    ("groups", "0x10", "malformed_number", "write 16"),
    ("groups", "-5.0", "malformed_number", "from 1"),
    ("stride", "1,1,1,1", "out_of_range", "at most 3"),
    ("std", ".5", "malformed_number", "write 0.5"),
    ("std", "5.", "malformed_number", "write 5"),
    ("std", "+0.5", "malformed_number", "write 0.5"),
    ("std", "1_0.5", "malformed_number", "write 10.5"),
    ("std", "01.5", "malformed_number", "write 1.5"),
    ("std", "1e 5", "malformed_number", "write 100000"),
    ("std", "0x1p-3", "malformed_number", "finite number"),
    ("std", "nan", "malformed_number", "finite number"),
    ("std", "-Infinity", "malformed_number", "finite number"),
    ("std", "1,5", "malformed_number", "finite number"),
    ("std", "0.5\n", "malformed_number", "write 0.5"),
    ("std", "1e999", "out_of_range", "1.7e308"),
    ("std", "1e-999", "out_of_range", "5e-324"),
    ("std", "0." + "1" * 39, "malformed_number", "write 0.1111111111111111"),
    ("std", "9" * 2000, "malformed_number", "finite number"),
    ("std", "+1e-400", "malformed_number", "finite number"),
    ("bounds", "0", "out_of_range", "write 2"),
    ("bounds", "41", "out_of_range", "write 40"),
    ("bounds", "-41,2", "out_of_range", "write -40,2"),
    ("bounds", "+1,2", "malformed_number", "write 1,2"),
    ("bounds", "-3", "out_of_range", "write 3"),
    ("bounds", "2,-2", "out_of_range", "write -2,2"),
    ("bounds", "1,1", "out_of_range", "write -2,2"),
    ("bounds", "1,2,3", "out_of_range", "at most 2"),
    ("seed", "-1", "out_of_range", "from 0 to 18446744073709551615"),
    ("seed", "18446744073709551616", "out_of_range", "from 0 to 18446744073709551615"),
    ("name", "a\x00", "malformed_text", "remove them"),
    ("name", "a\x7f", "malformed_text", "remove them"),
    ("name", "a\x85", "malformed_text", "remove them"),
    ("name", "é" * 257, "malformed_text", "shorten"),
    ("name", "\ud800", "malformed_text", "whole characters"),
    ("slice", "1", "malformed_slice", "1:2"),
    ("slice", "::2", "malformed_slice", "for each axis"),
    ("slice", "0:8:1", "malformed_slice", "write 0:8"),
    ("slice", "0:8, :", "malformed_slice", "write 0:8,:"),
    ("slice", "...", "malformed_slice", "for each axis"),
    ("slice", "+1:", "malformed_slice", "write 1:"),
    ("slice", ":,:,:,:,:,:,:,:,:", "malformed_slice", "for each axis"),
    ("dtype", "Float32", "unknown_word", "write float32"),
    ("dtype", "fp32", "unknown_word", "write float32"),
    ("dtype", "half", "unknown_word", "write float16"),
    ("dtype", "bf16", "unknown_word", "write bfloat16"),
    ("dtype", "double", "unknown_word", "write float64"),
    ("dtype", "F8_E4M3", "unknown_word", "write float8_e4m3fn"),
    ("dtype", "flaot32", "unknown_word", "float32, float16, float64"),
    ("scheme", "KaimingNormal", "unknown_word", "write he_normal"),
    ("scheme", "he_normal@2", "unknown_revision", "he_normal@1"),
    ("layer", "linear", "unknown_word", "write dense"),
    ("activation", "ReLU", "unknown_word", "write relu"),
    ("mode", "FanIn", "unknown_word", "write fan_in"),
    ("distribution", "untruncated_normal", "unknown_word", "write normal"),
    ("gain_rule", "torch", "unknown_word", "write pytorch"),
    ("std_kind", "Parent", "unknown_word", "write parent"),
    ("order", "c", "unknown_word", "write C"),
    ("order", "fortran", "unknown_word", "write F"),
    ("layout", "x" * 41, "malformed_text", "a letter for each axis"),
]


@pytest.mark.parametrize(("field", "text", "reason", "hint"), REFUSED)
def test_a_malformed_value_is_refused_with_the_way_out(
    field: str, text: str, reason: str, hint: str
) -> None:
    """One problem, at the field, with a stable reason and a hint that names the right spelling."""
    with pytest.raises(UnreadableError) as refused:
        parse_words({"shape": "1", field: text})
    (problem,) = refused.value.problems
    assert refused.value.reason == reason
    assert problem.field == field
    assert hint in problem.hint


LISTINGS = {
    "layer": "layers",
    "activation": "activations",
    "scheme": "schemes",
    "mode": "schemes",
    "distribution": "schemes",
    "gain_rule": "activations",
    "std_kind": "fields",
    "dtype": "dtypes",
    "order": "fields",
    "no_such_field": "fields",
}


@pytest.mark.parametrize(("field", "listing"), LISTINGS.items())
def test_an_unknown_word_names_the_table_of_its_field(field: str, listing: str) -> None:
    """The name of the table alone: HTTP and the shell say where it is."""
    with pytest.raises(UnreadableError) as refused:
        parse_words({"shape": "1", field: "unheard_of"})
    assert refused.value.problems[0].listing == listing


QUERIES = [
    (b"", "missing_field", "shape", "shape=64,3,7,7"),
    (b"seed=1", "missing_field", "shape", "shape=64,3,7,7"),
    (b"shape=1&sed=1", "unknown_field", "sed", "seed"),
    (b"shape=1&Seed=1", "unknown_field", "Seed", "write seed"),
    (b"shape=1&stddev=1", "unknown_field", "stddev", "write std"),
    (b"shape=1&format=npy", "unknown_field", "format", "the nearest are "),
    (b"shape=1&seed=1&seed=1", "duplicate_field", "seed", "once"),
    (b"shape=1&s%65ed=1&seed=2", "duplicate_field", "seed", "once"),
    (b"shape=1&seed=", "empty_field", "seed", "leave it out"),
    (b"shape=1&seed", "malformed_query", "seed", "field=value"),
    (b"shape=1&&seed=1", "malformed_query", "", "leave one & out"),
    (b"shape=1&", "malformed_query", "", "leave one & out"),
    (b"shape=1&=1", "malformed_query", "", "field=value"),
    (b"shape=1&name=%", "malformed_query", "name", "%25"),
    (b"shape=1&name=%4", "malformed_query", "name", "%25"),
    (b"shape=1&name=%zz", "malformed_query", "name", "%25"),
    (b"shape=1&name=%u00e9", "malformed_query", "name", "%25"),
    (b"shape=1&name=%ff", "malformed_text", "name", "UTF-8"),
    (b"shape=1&name=%ed%a0%80", "malformed_text", "name", "UTF-8"),
    (b"shape=1&name=%c0%af", "malformed_text", "name", "UTF-8"),
    (b"shape=1&name=\xff", "malformed_text", "name", "UTF-8"),
    (b"shape=1;seed=1", "malformed_shape", "shape", "64,3,7,7"),
    (b"&" * 128, "malformed_query", "", "each field once"),
]


@pytest.mark.parametrize(("query", "reason", "field", "hint"), QUERIES)
def test_a_malformed_query_is_refused_with_the_way_out(
    query: bytes, reason: str, field: str, hint: str
) -> None:
    """Nothing is skipped, repaired or taken twice."""
    with pytest.raises(UnreadableError) as refused:
        parse_query(query)
    problem = refused.value.problems[0]
    assert refused.value.reason == reason
    assert problem.field == field
    assert hint in problem.hint


def test_every_fault_is_named_at_once() -> None:
    """Three faults are three problems; the reason is the first one's."""
    with pytest.raises(UnreadableError) as refused:
        parse_query(b"shape=64x3&dtype=fp32&seed=1&seed=2")
    assert refused.value.reason == "duplicate_field"
    assert [problem.field for problem in refused.value.problems] == ["seed", "shape", "dtype"]


def test_a_flood_of_faults_is_cut_short() -> None:
    """Ten problems are told, however many there are."""
    with pytest.raises(UnreadableError) as refused:
        parse_words({f"x{i}": "1" for i in range(10_000)})
    assert len(refused.value.problems) == 10


@pytest.mark.parametrize("field", ["\ud800", "x" * 100_000, "日本語", "\x00"])
def test_a_strange_field_name_is_repeated_in_printable_words(field: str) -> None:
    """No name, however long or broken, makes an answer that JSON cannot carry."""
    with pytest.raises(UnreadableError) as refused:
        parse_words({"shape": "1", field: "1"})
    (problem,) = refused.value.problems
    assert len(problem.field) <= 400
    assert (problem.field + problem.message + problem.hint).encode()


WORDS = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=6), st.text(max_size=12))
ASSIGNED = st.sampled_from([b"", *(f"{field}=".encode() for field in FIELDS)])


@settings(max_examples=300)
@given(ASSIGNED, st.binary(max_size=30), WORDS)
def test_nothing_breaks_the_parsers(field: bytes, noise: bytes, words: dict[str, str]) -> None:
    """Whatever arrives is a spec or a refusal whose every word UTF-8 can carry."""
    attempts: list[Callable[[], object]] = [
        lambda: parse_query(b"shape=1&" + field + noise),
        lambda: parse_words(words),
        lambda: parse_json(noise),
        lambda: parse_json(json.dumps(words).encode()),
    ]
    for attempt in attempts:
        try:
            attempt()
        except UnreadableError as error:
            for problem in error.problems:
                (problem.field + problem.message + problem.hint).encode()
