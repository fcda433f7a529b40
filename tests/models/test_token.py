"""Tokens: the text of a manifest as a part of a path."""

import zlib
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ImpossibleError, UnreadableError
from service.models.manifest import MOST_MANIFEST_BYTES
from service.models.token import MOST_CHARACTERS, text_of, token_of

TEXT = b'{"tensors":[{"name":"w","shape":[2,3],"scheme":"he_normal"}],"seed":1}'


def written(text: bytes, *, level: int = 9, after: bytes = b"") -> str:
    """A token that is written by other means than those of the service."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = compressor.compress(text) + compressor.flush() + after
    digest = urlsafe_b64encode(sha256(text).digest()[:9]).decode()
    return "a" + digest + urlsafe_b64encode(body).rstrip(b"=").decode()


@given(st.binary(max_size=2000))
def test_a_token_gives_its_text(text: bytes) -> None:
    assert text_of(token_of(text)) == text


def test_the_format_is_that_of_the_page() -> None:
    assert token_of(TEXT) == written(TEXT)


@pytest.mark.parametrize("level", range(10))
def test_any_compression_is_read(level: int) -> None:
    """Releases of zlib compress differently."""
    assert text_of(written(TEXT, level=level)) == TEXT


@given(st.data())
def test_a_changed_character_is_noticed(data: st.DataObject) -> None:
    token = token_of(TEXT)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCabcxyz019-_.@~%=+/ \n\u00e9"))
    changed = token[:place] + other + token[place + 1 :]
    if changed != token:
        with pytest.raises(UnreadableError):
            text_of(changed)


@given(st.text(max_size=60) | st.text("abcABC019-_", max_size=60))
def test_other_texts_are_no_tokens(token: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        text_of(token)
    assert refused.value.reason == "malformed_token"


def bits_added(token: str) -> str:
    """The token with a bit set that its last character does not use."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) | 1]


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("b" + written(TEXT)[1:], "it does not begin with 'a'"),
        (written(TEXT) + "=", "it has characters outside of A-Z a-z 0-9 - _"),
        (written(TEXT)[:-3], "it is incomplete"),
        (written(TEXT, after=b"x" * 3), "something follows its end"),
        (written(TEXT)[:13] + written(TEXT + b" ")[13:], "its digest is that of another manifest"),
        (written(b" " * (MOST_MANIFEST_BYTES + 1)), "its manifest has more than 1048576 bytes"),
        ("a" * (MOST_CHARACTERS + 1), "it has 6001 characters, more than 6000"),
    ],
)
def test_damage_is_named(token: str, message: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        text_of(token)
    assert refused.value.problems[0].message == message


def test_unused_bits_are_zero() -> None:
    """Otherwise one token would have several spellings."""
    token = next(token for n in range(9) if len(token := token_of(TEXT + b" " * n)) % 4 != 1 and (
        len(token) - 13) % 4)  # fmt: skip
    with pytest.raises(UnreadableError):
        text_of(bits_added(token))


def test_a_bomb_costs_the_limit_only() -> None:
    """6,000 characters could inflate to 4.6 MB."""
    bomb = written(b"0" * 4_000_000)
    assert len(bomb) <= MOST_CHARACTERS
    with pytest.raises(UnreadableError):
        text_of(bomb)


def test_a_long_manifest_is_refused_with_a_way_out() -> None:
    names = ",".join(
        f'{{"name":"{sha256(bytes([n % 256, n // 256])).hexdigest()}"}}' for n in range(300)
    )
    with pytest.raises(ImpossibleError) as refused:
        token_of(",".join(names).encode())
    assert refused.value.reason == "manifest_too_long"
    assert "ranges in names" in refused.value.problems[0].hint
