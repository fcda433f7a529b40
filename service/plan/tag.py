"""Entity tags (RFC 9110, section 8.8.3), made from bytes or from a text that determines them."""

from hashlib import sha256

from service.plan.drafts import Draft

_DIGEST_CHARACTERS = 32


def entity_tag(content: bytes) -> str:
    """A strong entity tag: the quoted first half of the SHA-256 of these bytes.

    The bytes are the representation, or a text that determines it (RFC 9110, section 8.8.3).
    """
    return f'"{sha256(content).hexdigest()[:_DIGEST_CHARACTERS]}"'


def tensor_tag(url: str, drafts: tuple[Draft, ...]) -> str:
    """The entity tag of the bytes at a canonical URL, computed without them.

    The URL determines the bytes. The bytes of a draft also depend on the draft's number, so the
    tag includes the numbers of all drafts in the URL.
    """
    numbers = (f"\n{draft}" for draft in drafts)
    return entity_tag("".join((url, *numbers)).encode("ascii"))
