"""Tokens: a canonical manifest as a part of a path. A model is a URL, and nothing is stored.

    token = version letter, 12 characters of a digest, base64url of raw DEFLATE

The digest is the first 9 bytes of the SHA-256 of the manifest's canonical text, in base64url
(RFC 4648, section 5). The rest is the same text, compressed (RFC 1951), without padding. A token is
judged by its text alone: releases of zlib compress differently, so one manifest may have several
tokens.
"""

import binascii
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from service.errors import ImpossibleError, Problem, UnreadableError
from service.models.manifest import MOST_MANIFEST_BYTES

VERSION = "a"
"""It changes if tokens are written in another way."""

MOST_CHARACTERS = 6000
"""The longest token. A URL with it is short enough for the usual limit of 8 KiB."""

_DIGEST_BYTES = 9
_DIGEST_CHARACTERS = 12
_ALPHABET = re.compile("[A-Za-z0-9_-]*")

_HINT = "POST the manifest to /v1/models and take the token of the answer"


def token_of(text: bytes) -> str:
    """The token of a canonical text.

    Raises ImpossibleError (`manifest_too_long`) for more than MOST_CHARACTERS.
    """
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    compressed = compressor.compress(text) + compressor.flush()
    token = VERSION + _digest(text) + urlsafe_b64encode(compressed).rstrip(b"=").decode()
    if len(token) > MOST_CHARACTERS:
        message = f"the token has {len(token)} characters, more than {MOST_CHARACTERS}"
        hint = (
            "say it shorter: ranges in names (h.{0..11}.weight), rules for fields that many "
            "tensors share, or an architecture with its config"
        )
        raise ImpossibleError("manifest_too_long", Problem("", message, hint))
    return token


def text_of(token: str) -> bytes:
    """The text of a token.

    Raises UnreadableError (`malformed_token`) for a token of another version, with characters
    outside of base64url, that is longer than MOST_CHARACTERS, whose text is longer than
    MOST_MANIFEST_BYTES, or whose digest is that of another text.
    """
    if len(token) > MOST_CHARACTERS:
        raise _malformed(f"it has {len(token)} characters, more than {MOST_CHARACTERS}")
    if not token.startswith(VERSION):
        raise _malformed(f"it does not begin with {VERSION!r}")
    body = token[len(VERSION) + _DIGEST_CHARACTERS :]
    text = _inflated(_decoded(body))
    if _digest(text) != token[len(VERSION) : len(token) - len(body)]:
        raise _malformed("its digest is that of another manifest")
    return text


def _digest(text: bytes) -> str:
    return urlsafe_b64encode(sha256(text).digest()[:_DIGEST_BYTES]).decode()


def _decoded(body: str) -> bytes:
    """The bytes of unpadded base64url. The unused bits of the last character must be 0."""
    if not _ALPHABET.fullmatch(body):
        raise _malformed("it has characters outside of A-Z a-z 0-9 - _")
    try:
        decoded = urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except binascii.Error:
        raise _malformed("its length is not that of base64url") from None
    if urlsafe_b64encode(decoded).rstrip(b"=").decode() != body:
        raise _malformed("its last character has bits that are not used")
    return decoded


def _inflated(compressed: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        text = inflater.decompress(compressed, MOST_MANIFEST_BYTES + 1)
    except zlib.error:
        raise _malformed("it is damaged") from None
    if len(text) > MOST_MANIFEST_BYTES:
        raise _malformed(f"its manifest has more than {MOST_MANIFEST_BYTES} bytes")
    if not inflater.eof:
        raise _malformed("it is incomplete")
    if inflater.unused_data:
        raise _malformed("something follows its end")
    return text


def _malformed(message: str) -> UnreadableError:
    return UnreadableError("malformed_token", Problem("token", message, _HINT))
