"""Names with ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fields.errors import FieldError
from service.models.tensor_names import NameRange


def test_the_last_range_counts_fastest() -> None:
    names = NameRange("h.{1..2}.w.{0..1}")
    assert list(names.names()) == ["h.1.w.0", "h.1.w.1", "h.2.w.0", "h.2.w.1"]


def test_a_name_without_braces_is_itself() -> None:
    assert list(NameRange("h.0.w").names()) == ["h.0.w"]


@given(st.integers(0, 10**6), st.integers(0, 30), st.integers(0, 30))
def test_counts_and_lengths_are_known_without_names(first: int, more: int, other: int) -> None:
    names = NameRange(f"a{{{first}..{first + more}}}b{{0..{other}}}")
    listed = list(names.names())
    assert names.count == len(listed) == (more + 1) * (other + 1)
    assert names.longest == max(map(len, listed))


def test_a_range_is_not_made_to_be_counted() -> None:
    assert NameRange("{0..999999999}.{0..999999999}").count == 10**18


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("h.{0..}.w", "{0..} is no range of numbers"),
        ("h.{a..b}.w", "{a..b} is no range of numbers"),
        ("h.{}.w", "{} is no range of numbers"),
        ("h.{00..11}.w", "{00..11} is no range of numbers"),
        ("h.{-1..1}.w", "{-1..1} is no range of numbers"),
        ("h.{0..9999999999}.w", "{0..9999999999} is no range of numbers"),
        ("h.{3..1}.w", "the range {3..1} ends before it begins"),
        ("h.{0..1.w", "a brace has no partner"),
        ("h.0}.w", "a brace has no partner"),
        ("h.{{0..1}}.w", "a brace has no partner"),
        ("{0.real}", "{0.real} is no range of numbers"),
    ],
)
def test_other_braces_are_refused(name: str, message: str) -> None:
    with pytest.raises(FieldError) as refused:
        NameRange(name)
    assert refused.value.message == message
