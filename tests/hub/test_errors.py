"""The messages of refusals fit into a header."""

from hypothesis import given
from hypothesis import strategies as st

from service.hub.errors import MOST_MESSAGE, HubError, hub_text


@given(st.text())
def test_a_text_is_printable_ascii_of_200_characters(text: str) -> None:
    shown = hub_text(text)
    assert len(shown) == min(len(text), MOST_MESSAGE)
    assert all(" " <= character <= "~" for character in shown)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=MOST_MESSAGE))
def test_printable_ascii_stays(text: str) -> None:
    assert hub_text(text) == text


def test_line_ends_of_a_request_are_replaced() -> None:
    assert hub_text("a\r\nSet-Cookie: b\x00\x7f\u2028é") == "a??Set-Cookie: b????"


def test_a_long_text_ends_in_points() -> None:
    assert hub_text("a" * 201) == "a" * 197 + "..."


def test_an_error_has_its_code_and_such_a_message() -> None:
    error = HubError("EntryNotFound", "no\nentry")
    assert (error.code, error.message, str(error)) == ("EntryNotFound", "no?entry", "no?entry")
