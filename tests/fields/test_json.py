"""JSON bodies: what they may say beyond a query, and what they may not."""

import gc
import json
import time

import pytest

from service.errors import UnreadableError
from service.fields import Spec, parse_json, parse_query
from service.fields.syntax import MOST_MARKS, read_object

READ = [
    (b'{"shape": [64, 3]}', b"shape=64,3"),
    (b'{"shape": "64,3"}', b"shape=64,3"),
    (b'{"shape": "[64, 3]"}', b"shape=64,3"),
    (b'{"shape": []}', b"shape=scalar"),
    (b'{"shape": [2], "seed": 9007199254740991}', b"shape=2&seed=9007199254740991"),
    (b'{"shape": [2], "seed": "18446744073709551615"}', b"shape=2&seed=18446744073709551615"),
    (b'{"shape": [2], "std": 1e-5, "groups": 2}', b"shape=2&std=1e-5&groups=2"),
    (b'{"shape": [2], "std": "0.5", "mean": 1}', b"shape=2&std=0.5&mean=1"),
    (b'{"shape": [2], "bounds": [-1, 2.5], "stride": [2, 1]}', b"shape=2&bounds=-1,2.5&stride=2,1"),
    (b'{"shape": [2], "bounds": 3, "stride": 2}', b"shape=2&bounds=3&stride=2"),
    (b'{"shape": [2], "name": "\\u00e9 \\ud83d\\ude00"}', b"shape=2&name=%C3%A9+%F0%9F%98%80"),
    (b'{"shape": [2], "name": "", "slice": "0:1"}', b"shape=2&slice=0:1"),
    (b'\xef\xbb\xbf{"shape": [2]}', b"shape=2"),
    (b'\xef\xbb\xbf {"shape": [2], "name": "\xef\xbb\xbf"}', b"shape=2&name=%EF%BB%BF"),
    (b'{"shape": [8, 8], "seed": 1, "groups": null}', b"shape=8,8&seed=1"),
    (b'{"shape": [2], "seed": null, "name": null, "dtype": null}', b"shape=2"),
    (b'{"format": null, "shape": [2], "layout": null, "slice": null}', b"shape=2"),
]


@pytest.mark.parametrize(("body", "query"), READ)
def test_a_body_says_what_a_query_says(body: bytes, query: bytes) -> None:
    """Numbers, lists and strings become the same spec as the query's text."""
    assert parse_json(body) == (parse_query(query), "npy")


def test_a_body_names_its_format() -> None:
    """The path of POST has no suffix, so the body has a field for it."""
    assert parse_json(b'{"shape": [2], "format": "raw"}') == (Spec(shape=(2,)), "raw")


REFUSED = [
    (b"", "malformed_json", "", '{"shape"'),
    (b"shape=2", "malformed_json", "", '{"shape"'),
    (b"[64, 3]", "malformed_json", "", '{"shape"'),
    (b"5", "malformed_json", "", '{"shape"'),
    (b'{"shape": [2]} x', "malformed_json", "", '{"shape"'),
    (b"{'shape': [2]}", "malformed_json", "", '{"shape"'),
    (b'{"shape": [2],}', "malformed_json", "", '{"shape"'),
    (b'\xef\xbb\xbf\xef\xbb\xbf{"shape": [2]}', "malformed_json", "", "send one"),
    ('\ufeff{"shape": [2]}'.encode("utf-16-le"), "malformed_json", "", "UTF-8"),
    ('\ufeff{"shape": [2]}'.encode("utf-16-be"), "malformed_json", "", "UTF-8"),
    ('\ufeff{"shape": [2]}'.encode("utf-32-be"), "malformed_json", "", "UTF-8"),
    ('{"shape": [2]}'.encode("utf-16-le"), "malformed_json", "", "UTF-8"),
    ('{"shape": [2]}'.encode("utf-16-be"), "malformed_json", "", "UTF-8"),
    (b'{"shape": [2], "name": "\xff"}', "malformed_json", "", "UTF-8"),
    (b'{"shape": [2], "std": NaN}', "malformed_json", "", "finite"),
    (b'{"shape": [2], "std": -Infinity}', "malformed_json", "", "finite"),
    (b'{"shape": [[[[2]]]]}', "malformed_json", "", "flat"),
    (b'{"shape": [2], "name": "\\ud800"}', "malformed_text", "name", "whole characters"),
    (b'{"shape": [2], "seed": 1, "seed": 1}', "duplicate_field", "seed", "once"),
    (b'{"shape": [2], "format": "raw", "format": "npy"}', "duplicate_field", "format", "once"),
    (b'{"shape": [2], "format": "npz"}', "unknown_word", "format", "npy"),
    (b'{"shape": [2], "format": 5}', "malformed_text", "format", "string"),
    (b'{"shape": [2], "format": ""}', "unknown_word", "format", "npy"),
    (b'{"shape": [2], "sed": 1}', "unknown_field", "sed", "seed"),
    (b'{"shape": ""}', "empty_field", "shape", "64,3,7,7"),
    (b'{"shape": 64}', "malformed_shape", "shape", "[64]"),
    (b'{"shape": true}', "malformed_shape", "shape", "64,3,7,7"),
    (b'{"shape": null}', "missing_field", "shape", "64,3,7,7"),
    (b'{"shape": [64, null]}', "malformed_shape", "shape", "64,3,7,7"),
    (b'{"shape": [64], "stride": [null]}', "malformed_number", "stride", "such as 2"),
    (b'{"shape": [64], "bounds": [null, 2]}', "malformed_number", "bounds", "such as 2 or -2,2"),
    (b'{"shape": [2], "sed": null}', "unknown_field", "sed", "seed"),
    (b'{"shape": [2], "seed": null, "seed": 1}', "duplicate_field", "seed", "once"),
    (b'{"shape": [2], "format": null, "format": null}', "duplicate_field", "format", "once"),
    (b'{"shape": {}}', "malformed_shape", "shape", "64,3,7,7"),
    (b'{"shape": [64, true]}', "malformed_shape", "shape", "64,3,7,7"),
    (b'{"shape": [64, "3"]}', "malformed_shape", "shape", "a list of numbers"),
    (b'{"shape": [64, 3.0]}', "malformed_shape", "shape", "write 64,3"),
    (b'{"shape": [64, [3]]}', "malformed_shape", "shape", "64,3,7,7"),
    (b'{"shape": [2], "groups": 2.0}', "malformed_number", "groups", "write 2"),
    (b'{"shape": [2], "groups": true}', "malformed_number", "groups", "number"),
    (b'{"shape": [2], "std": {"a": 1}}', "malformed_number", "std", "number"),
    (b'{"shape": [2], "std": 1e999}', "out_of_range", "std", "1.7e308"),
    (b'{"shape": [2], "stride": []}', "malformed_number", "stride", "at least one"),
    (b'{"shape": [2], "bounds": []}', "malformed_number", "bounds", "at least one"),
    (b'{"shape": [2], "dtype": 32}', "malformed_text", "dtype", "string"),
    (b'{"shape": [2], "name": 5}', "malformed_text", "name", "string"),
    (b'{"shape": [2], "slice": [0, 1]}', "malformed_slice", "slice", "0:8"),
    (b'{"shape": [2], "seed": 9007199254740992}', "out_of_range", "seed", '"9007199254740992"'),
    (b'{"shape": [2], "seed": 18446744073709551616}', "out_of_range", "seed", "9007199254740991"),
    (b'{"shape": [2], "seed": 1.0}', "malformed_number", "seed", "write 1"),
    (b'{"shape": [2], "seed": ' + b"9" * 5000 + b"}", "out_of_range", "seed", "0 to"),
]


@pytest.mark.parametrize(("body", "reason", "field", "hint"), REFUSED)
def test_a_malformed_body_is_refused_with_the_way_out(
    body: bytes, reason: str, field: str, hint: str
) -> None:
    """One problem, with a stable reason; Python's own parser would have taken several of these."""
    with pytest.raises(UnreadableError) as refused:
        parse_json(body)
    (problem,) = refused.value.problems
    assert refused.value.reason == reason
    assert problem.field == field
    assert hint in problem.hint


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"' + b"\\" * 100_000,
        b'"' + b'\\"' * 50_000,
        b'"a' * 50_001,
        b"{" + b",".join(b'"x%d":1' % i for i in range(10_000)) + b"}",
        b'{"shape":"' + b"1," * 50_000 + b'1"}',
        b'{"shape":[' + b"1," * 50_000 + b"1]}",
    ],
    ids=["arrays", "objects", "backslashes", "escapes", "quotes", "fields", "text", "list"],
)
def test_a_hostile_body_is_refused_quickly(body: bytes) -> None:
    """100 kB of the worst shapes cost less than a second of this thread: no recursion, nothing
    quadratic. Neither what runs beside it nor the garbage of earlier tests counts: collecting
    what thousands of generated cases left takes seconds by itself."""
    gc.disable()
    try:
        start = time.thread_time()
        with pytest.raises(UnreadableError):
            parse_json(body)
        assert time.thread_time() - start < 1
    finally:
        gc.enable()


LONGEST = {
    **{name: field.examples[0] for name, field in Spec.model_fields.items() if field.examples},
    "shape": [1] * 8,
    "parts": [1] * 64,
    "stride": [1] * 3,
    "kernel": [-1.2345678901234567e-100] * 256,
    "name": '"' * 512,
    "slice": ",".join(["0:1"] * 8),
}
"""Every field, with the longest list that it takes and the name with the most marks."""


def test_the_longest_body_has_fewer_marks_than_allowed() -> None:
    """Also with the dozen fields that the other paths have beside these."""
    body = json.dumps(LONGEST, indent=4).encode()
    assert len(read_object(body)) == len(LONGEST)
    marks = sum(body.count(mark) for mark in b'",:[]{}')
    assert marks < MOST_MARKS - 100


@pytest.mark.parametrize(
    "body",
    [
        b'{"shape": [' + b"1," * 32_000 + b"1]}",
        b'{"shape": [3], "std": [' + b'{"a":1},' * 8000 + b"1]}",
        b"[" * 65_000,
        b'"' * 65_000,
        b'{"shape": [3]' + b',"std":1' * 8000 + b"}",
    ],
    ids=["list", "objects", "brackets", "quotes", "members"],
)
def test_a_body_of_many_marks_is_not_parsed(body: bytes) -> None:
    """One problem about the whole body says how many marks there are. No other is looked for."""
    with pytest.raises(UnreadableError) as refused:
        parse_json(body)
    (problem,) = refused.value.problems
    marks = sum(body.count(mark) for mark in b'",:[]{}')
    assert (refused.value.reason, problem.field) == ("malformed_json", "")
    assert problem.message.startswith(f"the body has {marks} quotes, colons, commas and brackets")
    assert "8 values for a shape" in problem.hint


def test_an_object_has_at_most_128_members() -> None:
    """As many as a query has items. One more is a single problem."""
    for count in (128, 129):
        body = "{" + ",".join(f'"a{number}":1' for number in range(count)) + "}"
        with pytest.raises(UnreadableError) as refused:
            parse_json(body.encode())
        expected = "unknown_field" if count == 128 else "malformed_json"
        assert refused.value.reason == expected


def test_numbers_are_exact() -> None:
    """Digits that float64 would lose are read from the text, not from a float."""
    body = json.dumps({"shape": [2**58 - 1], "groups": 2**57 + 1}).encode()
    spec, _ = parse_json(body)
    assert spec.shape == (288230376151711743,)
    assert spec.groups == 144115188075855873
