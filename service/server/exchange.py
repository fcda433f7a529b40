"""One request and its answer: what an ASGI application receives and sends."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from service.api.problems import respond
from service.errors import Problem
from service.server.heads import Headers

JOINED_BYTES = 64 * 1024
"""Pieces up to this size are joined to the head: a copy takes less time than a second write."""

Write = Callable[[bytes | memoryview], None]


class Exchange(RequestResponseCycle):
    """One request and its answer, as ASGI's `receive` and `send`.

    The head of an answer is written together with the first piece of the body if that has at most
    JOINED_BYTES. If there is no piece yet, the head is written in the next turn of the event loop.
    `left` is the number of bytes of the body that the application has not sent.
    """

    def __init__(self, write: Write, loop: asyncio.AbstractEventLoop, **cycle: Any) -> None:
        """`write` writes to the client; `cycle` is what uvicorn's cycle takes."""
        super().__init__(**cycle)
        self._write = write
        self._loop = loop
        self._head: bytes | None = None
        self.left = 0

    async def receive(self) -> Any:
        """The next part of the request, or `http.disconnect` after it."""
        if self.waiting_for_100_continue and not self.disconnected:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            if self.more_body:
                self.flow.resume_reading()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        """Send the head of the answer, or a piece of its body.

        Waits until the earlier pieces are written out. Sends nothing if the client has
        disconnected.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            self._start(message)
        else:
            self._send_piece(message.get("body", b""), message.get("more_body", False))

    def _start(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"the first message is {message['type']}")
        self.waiting_for_100_continue = False
        headers: Headers = [*self.default_headers, *message["headers"]]
        fields = dict(headers)
        if self.more_body:
            # The rest of the request is not wanted (RFC 9112, section 9.6).
            self.keep_alive = False
        if b"close" in fields.get(b"connection", b"").lower():
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append((b"connection", b"close"))
        status: int = message["status"]
        length = fields.get(b"content-length")
        # HEAD may leave out a length that only computing the body tells (RFC 9110, section 8.6).
        head = self.scope["method"] == "HEAD"
        if length is None and status not in (204, 304) and not head:
            raise RuntimeError("every answer with a body has a Content-Length")
        self.left = 0 if head else int(length or 0)
        self._head = answer_head(status, headers)
        self.response_started = True
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._head is not None and not self.disconnected:
            head, self._head = self._head, None
            self._write(head)

    def _send_piece(self, piece: bytes | memoryview, more: bool) -> None:
        if self.response_complete:
            raise RuntimeError("the answer has ended")
        if self.scope["method"] == "HEAD":
            piece = b""
        self.left -= len(piece)
        if self.left < 0 or (self.left > 0 and not more):
            raise RuntimeError("the body does not have the length that its head says")
        if self._head is not None and len(piece) <= JOINED_BYTES:
            piece, self._head = self._head + piece, None
        self._flush()
        if piece:
            self._write(piece)
        if not more:
            self.response_complete = True
            self.message_event.set()
            self.on_response()

    async def send_500_response(self) -> None:
        """Answer a request on which the application has failed."""
        problem = Problem("", "the server made an error and logged it", "report the request")
        answer: Response = respond(500, "internal", problem)
        await answer(cast(Scope, self.scope), cast(Receive, self.receive), cast(Send, self.send))


def answer_head(status: int, headers: Headers) -> bytes:
    """The head of an answer. Raises RuntimeError if a header has a line break."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
        raise RuntimeError("a header has a line break")
    return b"%b%b\r\n" % (STATUS_LINE[status], lines)
