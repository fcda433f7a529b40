"""h11's reading of HTTP/1.1, but that a request's head is as bounded whole as it is in pieces."""

import h11

MOST_HEAD_BYTES = 16 * 1024
"""Request line and headers together; a request line of 8,000 bytes has to fit (RFC 9112, 3)."""

MOST_TARGET_BYTES = 8 * 1024

TOO_LARGE = 431


class BoundedConnection(h11.Connection):
    """The server's side of a connection.

    `request_line` is the line as it came, of the request that is read or was read last, whether
    or not it makes sense; `method` is empty until that request's head has been understood.
    """

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MOST_HEAD_BYTES)
        self.request_line = b""
        self.method = b""

    @property
    def target(self) -> bytes:
        """The second word of the request line."""
        return b"".join(self.request_line.split(b" ", 2)[1:2]).rstrip(b"\r")

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """What h11 makes of the bytes; raises RemoteProtocolError for what it cannot read.

        h11 bounds a head that is not complete. One that came in a single piece is measured here,
        so that how a network cuts a request makes no difference to its answer.
        """
        if self.their_state is not h11.IDLE:
            return super().next_event()
        received = self.trailing_data[0]
        self.request_line, self.method = received.partition(b"\n")[0], b""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.method = event.method
            head_bytes = len(received) - len(self.trailing_data[0])
            if head_bytes > MOST_HEAD_BYTES or len(event.target) > MOST_TARGET_BYTES:
                raise h11.RemoteProtocolError("the head is too large", TOO_LARGE)
        return event

    # h11 types this once for each kind of event; uvicorn asks for no more than the last of them.
    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]
        """What goes to the socket for an event; a piece of a body is not copied on its way."""
        pieces = self.send_with_data_passthrough(event)
        if pieces is None:
            return None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
