"""A tensor at a URL, behind any front: its length, its tag and any range of its bytes.

Each answer is checked: it must be the range that was asked for, of the tensor with the expected
tag. Answers that may be better the next time are asked for again.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import responses
from threading import Event, Lock, Timer
from typing import Self, TypeVar
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse, Retry, Timeout
from urllib3.connection import port_by_scheme
from urllib3.exceptions import (
    HTTPError,
    InvalidHeader,
    LocationParseError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
    TimeoutError,
)
from urllib3.util import Url, parse_url

from service.cli.connections import SECONDS, Connections
from service.wire.formats import FORMATS

_TIMEOUT = Timeout(connect=10, read=SECONDS)
"""Seconds until a server is given up that sends nothing. A large orthogonal tensor takes 20."""

_MOST_WAIT = 30
"""The longest wait between two attempts in seconds, also if Retry-After asks for more."""

_TOLD_AFTER = 5
"""Seconds of an answer after which a person who waits for it is told so."""

_BUSY = (429, 502, 503, 504)
"""The statuses of answers that may be better the next time."""

_TRANSIENT = (NewConnectionError, ProtocolError, TimeoutError)
"""Errors of connections that may not occur the next time."""

_NO_TLS = ("wrong version number", "record layer failure")
"""What OpenSSL says of an answer that is no TLS; the second text since release 3.2."""

_WITH_RANGES = tuple(f".{each.name}" for each in FORMATS.values() if each.head is not None)
"""How the path of a tensor ends that has ranges."""

_MOST_PROBLEM_BYTES = 65536
_MOST_PROBLEMS = 5
_MOST_CHARACTERS = 300

_STRONG_TAG = re.compile(r'"[!#-~]*"')
_SHA_256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):")

Result = TypeVar("Result")


class RemoteError(Exception):
    """The bytes cannot be had. The text is for the user and has a line for each problem."""


class RefusedError(RemoteError):
    """The URL cannot be fetched as it is written."""


class WrongAnswerError(RemoteError):
    """An answer is not the range that was asked for, or of another tensor."""


class _TryAgainError(Exception):
    """An answer that may be better the next time, in `seconds` at the earliest."""

    def __init__(self, text: str, seconds: float = 0.0) -> None:
        super().__init__(text)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Description:
    """The headers of a tensor: its bytes, its entity tag, and the codes of its warnings.

    The texts are as the server sent them: print them with `plain`.
    """

    length: int
    tag: str
    warnings: str


class Remote:
    """Requests for one URL. Several threads may use one at once.

    `retries` limits how often one request is repeated. `connections` is the number of threads.
    `notify` gets one line when a thread waits before a retry for the first time. Leaving the
    context closes the connections.

    `attended` says that a person waits for each answer. `notify` then gets a line for each wait,
    also for one that is no retry, and a server that answers too slowly is not asked again.
    """

    def __init__(
        self,
        url: str,
        *,
        retries: int,
        connections: int,
        notify: Callable[[str], None],
        attended: bool = False,
    ) -> None:
        """Raises RefusedError if `url` is no HTTP or HTTPS URL."""
        parts = http_url(url)
        self.url = url
        self._path = parts.path or ""
        self._server = f"{parts.host}:{parts.port or port_by_scheme[parts.scheme or 'http']}"
        self._notify = notify
        self._attended = attended
        self._notified, self._notifying = False, Lock()
        self._pool = Connections(num_pools=1, maxsize=connections, timeout=_TIMEOUT)
        self._retries = Retry(
            retries, backoff_factor=0.5, backoff_max=_MOST_WAIT, retry_after_max=_MOST_WAIT
        )
        self._stopped = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """Close the connections that no thread uses."""
        self._pool.clear()

    def stop(self) -> None:
        """End the waits of all threads: their requests raise RemoteError."""
        self._stopped.set()

    def describe(self) -> Description:
        """What HEAD says of the tensor.

        Raises RefusedError if no ranges of it can be asked for, and RemoteError.
        """
        answer = self._repeated(lambda: self._answer("HEAD", {}))
        # The connection is not used again: some servers send a body in answer to HEAD.
        answer.close()
        headers = answer.headers
        if answer.status != 200:
            raise self._refusal(answer.status, headers.get("Location"))
        self._refuse_without_ranges(headers.get("Accept-Ranges", ""))
        tag, location = headers.get("ETag", ""), headers.get("Content-Location")
        if not tag and location is not None:
            one = plain(urljoin(self.url, location), most=8192)
            raise RefusedError(f"each request for a URL without a seed gets other bytes; try {one}")
        if not _STRONG_TAG.fullmatch(tag):
            raise RefusedError(f"the answer has no strong ETag but {plain(tag)!r}")
        if headers.get("Accept-Ranges", "bytes") != "bytes":
            raise RefusedError("the server offers no ranges of it; use curl")
        length = headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,19}", length):
            raise RefusedError("the answer has no Content-Length")
        return Description(int(length), tag, headers.get("Weights-Warnings", ""))

    def _refuse_without_ranges(self, offered: str) -> None:
        """Raises RefusedError for a URL that is not of a tensor's bytes, such as `/schemes`.

        The service sends Accept-Ranges with each tensor. A front may drop the header, so the
        absence counts only if the path does not end in a format that has ranges.
        """
        if offered != "bytes" and not self._path.endswith(_WITH_RANGES):
            *others, last = _WITH_RANGES
            formats = f"{', '.join(others)} and {last}"
            raise RefusedError(f"this URL has no ranges; fetch takes {formats}")

    def document(self, most: int) -> bytes:
        """The whole of a short answer without ranges, such as an index of shards.

        Raises RefusedError if there is none or if it has more than `most` bytes, and RemoteError.
        """
        answer = self._repeated(lambda: self._answer("GET", {}))
        try:
            if answer.status != 200:
                raise RefusedError(f"{plain(self.url)}: {_status(answer.status)}")
            with self._told_of_wait():
                content = answer.read(most + 1, decode_content=False)
        except HTTPError as error:
            raise RemoteError(self._failure(error)) from None
        finally:
            answer.close()
        if len(content) > most:
            raise RefusedError(f"{plain(self.url)} has more than {most} bytes")
        return content

    def part(self, start: int, stop: int, of: Description) -> bytes:
        """The bytes start ... stop - 1, at least one, of the tensor that `of` describes.

        Raises WrongAnswerError for another answer, and RemoteError.
        """
        return self._repeated(lambda: self._part(start, stop, of))

    def _part(self, start: int, stop: int, of: Description) -> bytes:
        # There is no condition: our front answers conditional requests from a replica and never
        # from its cache. The tag of the answer tells whether the tensor is still the same one.
        asked = {"Range": f"bytes={start}-{stop - 1}", "Want-Content-Digest": "sha-256=10"}
        answer = self._answer("GET", asked)
        try:
            if answer.status == 200:
                raise WrongAnswerError("a range was answered with the whole tensor (status 200)")
            if answer.status != 206:
                raise WrongAnswerError(f"a range was answered with {_status(answer.status)}")
            expected = {
                "ETag": of.tag,
                "Content-Range": f"bytes {start}-{stop - 1}/{of.length}",
                "Content-Length": str(stop - start),
                "Content-Encoding": None,
            }
            for name, value in expected.items():
                found = answer.headers.get(name)
                if found != value:
                    said = f"{name} is {plain(str(found))}, not {plain(str(value))}"
                    raise WrongAnswerError(f"a wrong answer to a range: {said}")
            content = answer.read(decode_content=False)
        except BaseException:
            # What else arrives on this connection is not read.
            answer.close()
            raise
        answer.release_conn()
        _check_digest(content, answer.headers.get("Content-Digest", ""))
        return content

    def _answer(self, method: str, headers: dict[str, str]) -> BaseHTTPResponse:
        """The answer to one request, its body not read. Raises _TryAgainError if it is busy."""
        answer = self._pool.request(
            method,
            self.url,
            headers={"Accept-Encoding": "identity", "User-Agent": "fanin"} | headers,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        if answer.status not in _BUSY:
            return answer
        answer.close()
        try:
            seconds = self._retries.get_retry_after(answer)
        except InvalidHeader:
            seconds = None
        raise _TryAgainError(_status(answer.status), seconds or 0.0)

    def _repeated(self, attempt: Callable[[], Result]) -> Result:
        """The result of an attempt that succeeds; raises RemoteError.

        The second attempt follows at once, because a front may know another replica. The waits
        before the others double.
        """
        retries = self._retries
        while True:
            try:
                with self._told_of_wait():
                    return attempt()
            except NameResolutionError as error:
                raise RemoteError(_line(error)) from None
            except (*_TRANSIENT, _TryAgainError) as error:
                refused = isinstance(error, NewConnectionError)
                if self._attended and isinstance(error, TimeoutError) and not refused:
                    raise RemoteError(f"given up: {self._failure(error)}") from None
                try:
                    retries = retries.increment("GET", self.url, error=error)
                except MaxRetryError:
                    count = self._retries.total
                    times = "1 retry" if count == 1 else f"{count} retries"
                    raise RemoteError(f"given up after {times}: {self._failure(error)}") from None
                asked = error.seconds if isinstance(error, _TryAgainError) else 0.0
                seconds = max(retries.get_backoff_time(), asked)
                if seconds and self._attended:
                    self._notify(f"{self._failure(error)}; trying again in {seconds:g} s")
                elif seconds:
                    self._notify_once(f"{self._failure(error)}; trying again")
                if self._stopped.wait(seconds):
                    raise RemoteError("stopped") from None
            except SSLError as error:
                if any(each in str(error).lower() for each in _NO_TLS):
                    raise RefusedError("the server speaks http, not https") from None
                raise RemoteError(_line(error)) from None
            except HTTPError as error:
                raise RemoteError(_line(error)) from None

    @contextmanager
    def _told_of_wait(self) -> Iterator[None]:
        """Tell a person who waits for an answer, if it takes long."""
        if not self._attended:
            yield
            return
        most = f"it is given up after {SECONDS} s without progress"
        timer = Timer(_TOLD_AFTER, self._notify, [f"waiting for {self._server}; {most}"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _failure(self, error: Exception) -> str:
        """The server, and why it has not answered as it should."""
        if isinstance(error.__cause__, ConnectionRefusedError):
            return f"{self._server} refuses connections"
        if isinstance(error, ReadTimeoutError):
            return f"{self._server} answers too slowly"
        return f"{self._server}: {_line(error)}"

    def _notify_once(self, line: str) -> None:
        with self._notifying:
            if not self._notified:
                self._notified = True
                self._notify(line)

    def _refusal(self, status: int, location: str | None) -> RemoteError:
        """The error for a HEAD that was not answered with 200; a GET says why."""
        if 300 <= status < 400:
            place = "" if location is None else f"; the tensor is at {plain(location)}"
            return RefusedError(f"{_status(status)}{place}")
        kind = RefusedError if 400 <= status < 500 else RemoteError
        answer = self._repeated(lambda: self._answer("GET", {"Range": "bytes=0-0"}))
        try:
            content = answer.read(_MOST_PROBLEM_BYTES, decode_content=False)
        except HTTPError:
            content = b""
        finally:
            answer.close()
        return kind("\n".join(_problems(content)) or _status(status))


def http_url(url: str) -> Url:
    """The parts of an HTTP or HTTPS URL; raises RefusedError for another one."""
    try:
        parsed = parse_url(url)
    except LocationParseError:
        raise RefusedError(f"{plain(url)} is not a URL") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise RefusedError(f"{plain(url)} is not a URL of scheme http or https")
    return parsed


def _problems(content: bytes) -> list[str]:
    """A line for each problem of a problem document, none if it is not one."""
    try:
        errors = json.loads(content)["errors"][:_MOST_PROBLEMS]
        return [
            plain(f"{each['field']}: {each['message']} ({each['hint']})".removeprefix(": "))
            for each in errors
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []


def _check_digest(content: bytes, header: str) -> None:
    """Raises _TryAgainError if Content-Digest (RFC 9530) has another SHA-256 than these bytes."""
    found = _SHA_256.search(header)
    if found is None:
        return
    if found[1] != base64.b64encode(hashlib.sha256(content).digest()).decode():
        raise _TryAgainError("the bytes of a range do not have the SHA-256 of its Content-Digest")


def _status(status: int) -> str:
    return f"status {status} {responses.get(status, '')}".rstrip()


def _line(error: Exception) -> str:
    """The cause of an error of urllib3 in one line, without the objects that it names."""
    cause = error.args[-1] if error.args else error
    if "WRONG_VERSION_NUMBER" in str(cause):
        return "the server does not speak TLS: write http instead of https"
    if isinstance(cause, OSError) and cause.strerror:
        return plain(cause.strerror)
    text = str(cause if isinstance(cause, Exception) else error)
    return plain(text.rpartition("): ")[2] or text)


def plain(text: str, most: int = _MOST_CHARACTERS) -> str:
    """The beginning of a text that a server sent, without characters that move the cursor."""
    return "".join(each if each.isprintable() else "?" for each in text[:most])
