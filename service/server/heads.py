"""The checks of a request head that the parser does not make, and the answers to bad requests."""

import re
from typing import NamedTuple

MOST_HEAD_BYTES = 16 * 1024
"""The limit for request line and headers together.

A request line of 8,000 bytes has to fit (RFC 9112, section 3).
"""

MOST_TARGET_BYTES = 8 * 1024

TOO_LARGE = 431
"""The status of a head that is too large (RFC 6585, section 5)."""

Headers = list[tuple[bytes, bytes]]


class Fault(NamedTuple):
    """Why a request cannot be served: the status, a key of REASONS, what is wrong, what to do."""

    status: int
    reason: str
    message: str
    hint: str


_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/1\.[01]")
_METHOD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) [/*A-Za-z]")
_VERSION = re.compile(rb"\S+ \S+ HTTP/([0-9](?:\.[0-9]?)?)")
_URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")

# RFC 3986, section 3.2.2, a host without user information, and an optional port. An IPv6 address is
# checked for its characters only.
_AUTHORITY = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?"
)
_MOST_PORT = 65535

_METHODS = frozenset(
    (b"GET", b"HEAD", b"POST", b"OPTIONS", b"PUT", b"DELETE", b"TRACE", b"PATCH", b"QUERY")
)
"""The methods of RFC 9110 without CONNECT, and PATCH and QUERY. A path may not allow them (405)."""

_LIBRARY = "let curl or an HTTP library write the request"
_ESCAPES = (
    "percent-encode UTF-8, for example name=gr%C3%B6%C3%9Fe; curl -G --data-urlencode does it"
)
_SHORTER = "shorten the query, or send the fields as JSON in the body of a POST"

URI_TOO_LONG = Fault(
    414, "uri_too_long", f"the request target has more than {MOST_TARGET_BYTES} bytes", _SHORTER
)
HEAD_TOO_LARGE = Fault(
    TOO_LARGE,
    "header_too_large",
    f"the request line and the headers have more than {MOST_HEAD_BYTES} bytes",
    "send fewer headers; no path reads cookies",
)
NOT_ASCII = Fault(400, "bad_request", "the request line is not ASCII", _ESCAPES)
NOT_HTTP = Fault(
    400,
    "bad_request",
    "the request line, a header or the body's framing is not HTTP/1.1",
    _LIBRARY,
)
VERSION = Fault(
    505,
    "http_version_not_supported",
    "the request is not HTTP/1.1 or HTTP/1.0",
    "use HTTP/1.1; curl does with --http1.1",
)
UNKNOWN_METHOD = Fault(
    501,
    "not_implemented",
    "the method is not one of HTTP's, or is for proxies",
    "use GET, HEAD, POST or OPTIONS, in capitals",
)
UNKNOWN_CODING = Fault(
    501,
    "not_implemented",
    "the body has a Transfer-Encoding other than chunked",
    "send the body with a Content-Length",
)
BAD_HOST = Fault(
    400,
    "bad_host",
    "the request does not have exactly one Host header of the form host or host:port",
    "send one Host header, for example Host: localhost:8000",
)
BAD_TARGET = Fault(
    400,
    "bad_request",
    "the request target is neither a path nor a URL with a host",
    "request a path that begins with /",
)
BAD_FRAMING = Fault(
    400, "bad_request", "HTTP/1.0 has no Transfer-Encoding", "send the body with a Content-Length"
)


def head_fault(head: bytes, headers: Headers) -> Fault | None:
    """What is wrong with a complete head that the parser has accepted. None if nothing is.

    `head` begins with the request line; the names of `headers` are in lower case.
    """
    line = head[: head.index(b"\r\n")]
    request = _REQUEST_LINE.fullmatch(line)
    if request is None:
        return unparsed_fault(head)
    method, target = request.groups()
    if len(target) > MOST_TARGET_BYTES:
        return URI_TOO_LONG
    if method not in _METHODS:
        return UNKNOWN_METHOD
    if not _is_target(method, target):
        return BAD_TARGET
    return _host_fault(line, headers) or _framing_fault(line, headers)


def unparsed_fault(head: bytes) -> Fault:
    """What is wrong with a head, complete or not, that the parser has refused."""
    line, end, _ = head.partition(b"\n")
    words = line.rstrip(b"\r").split(b" ", 2)
    if len(words) > 1 and len(words[1]) > MOST_TARGET_BYTES:
        return URI_TOO_LONG
    if len(head) > MOST_HEAD_BYTES:
        return HEAD_TOO_LARGE
    if not line.isascii():
        return NOT_ASCII
    request = _REQUEST_LINE.fullmatch(line.rstrip(b"\r"))
    if request and request[1] in _METHODS and not _is_target(*request.groups()):
        return BAD_TARGET
    version = _VERSION.match(line)
    if version and not any(known.startswith(version[1]) for known in (b"1.0", b"1.1")):
        return VERSION
    method = _METHOD.match(line)
    if end and method and version and method[1] not in _METHODS:
        return UNKNOWN_METHOD
    return NOT_HTTP


def _is_target(method: bytes, target: bytes) -> bool:
    """Whether a target is in origin form, absolute form, or `*` for OPTIONS (RFC 9112, 3.2).

    The authority of a URL is not empty and has no user information (RFC 9110, section 4.2).
    """
    if target.startswith(b"/"):
        return True
    if target == b"*":
        return method == b"OPTIONS"
    url = _URL.match(target)
    return url is not None and _is_authority(url[1])


def _is_authority(text: bytes) -> bool:
    authority = _AUTHORITY.fullmatch(text)
    return authority is not None and int(authority[1] or 0) <= _MOST_PORT


def _host_fault(line: bytes, headers: Headers) -> Fault | None:
    """RFC 9112, section 3.2: HTTP/1.1 needs exactly one Host. It may be empty."""
    hosts = [value for name, value in headers if name == b"host"]
    if not hosts and line.endswith(b"1.0"):
        return None
    if len(hosts) != 1 or (hosts[0] and not _is_authority(hosts[0])):
        return BAD_HOST
    return None


def _framing_fault(line: bytes, headers: Headers) -> Fault | None:
    """RFC 9112, section 6.1: chunked is the only known coding, and HTTP/1.0 has none."""
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if codings and line.endswith(b"1.0"):
        return BAD_FRAMING
    if any(coding.lower() != b"chunked" for coding in codings):
        return UNKNOWN_CODING
    return None
