"""Hostile connections, many in one process.

    python -m tests.load.attacker PORT KIND:COUNT ...

Prints a line when it is ready, and begins when it gets one. Then prints a line of JSON, what became
of the connections, when all have been opened, and again when all have ended or SIGINT arrives.
"""

import errno
import json
import select
import signal
import socket
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field

HOST = b"Host: localhost\r\n"
LARGE = b"GET /v1/weights.raw?shape=16384,16384&scheme=he_normal&seed=1&name=%b HTTP/1.1\r\n" + HOST
"""1 GiB."""

SMALL_RECEIVE_BUFFER = 4096
SMALL_SEND_BUFFER = 65536

OPENING_SECONDS = 1.0
"""The time over which the connections of an attack are opened."""


@dataclass(frozen=True)
class Kind:
    """What a connection of a kind does: `sends` once, then `drips` every second.

    `floods` is sent again and again, as fast as the server takes it. With `asks` the connection
    reads the answer of `sends` and sends it again. Others read nothing. `again`: a connection that
    has ended is replaced by another one.
    """

    sends: bytes
    drips: bytes = b""
    floods: bytes = b""
    asks: bool = False
    again: bool = False


def get(target: str, fields: bytes = b"", method: bytes = b"GET") -> bytes:
    """A request of a path and query. `fields` are more lines of the head."""
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, target.encode(), HOST, fields)


COSTLY = (
    "/v1/weights.raw?shape=2,2,2,2,4096,16,16,16&slice=:,:,:,:,:,0:1,0:1,0:1&order=F"
    "&scheme=normal&seed=1&dtype=float8_e5m2"
)
"""64 KiB for which every element needs another block."""

TERABYTE = "shape=1048576,262144&scheme=normal&seed=1&name=large"
"""The fields of a tensor of 1 TiB."""

KINDS = {
    "silent": Kind(b""),
    "half-head": Kind(b"GET / HTTP/1.1\r\n" + HOST + b"X-Long: " + b"x" * 12_000, drips=b"x"),
    "half-body": Kind(
        b"POST /v1/weights HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n"
        + HOST
        + b"\r\n"
        + b" " * 30_000,
        drips=b" ",
    ),
    "not-reading": Kind(get("/v1/weights.raw?shape=128,128&scheme=he_normal&seed=1&name=unread")),
    "not-reading-large": Kind(LARGE % b"unread" + b"\r\n"),
    "pipelining": Kind(800 * get("/v1/weights.raw?shape=64,64&scheme=he_normal&seed=1&name=ahead")),
    "pipelining-tiny": Kind(800 * get("/livez")),
    "costly": Kind(get(COSTLY), asks=True, again=True),
    "ranges": Kind(
        get(f"/v1/weights.raw?{TERABYTE}", b"Range: bytes=549755813888-549756862463\r\n"),
        asks=True,
        again=True,
    ),
    "digests": Kind(get(f"/v1/weights.digests?{TERABYTE}&blocks=7:8"), asks=True, again=True),
    "endless-body": Kind(
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n",
        floods=16 * (b"1000\r\n" + bytes(4096) + b"\r\n"),
        again=True,
    ),
    "endless-extensions": Kind(
        b"POST /v1/weights HTTP/1.1\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n" + HOST + b"\r\n",
        floods=16 * (b"1;" + b"x" * 4000 + b"\r\n \r\n"),
        again=True,
    ),
}


@dataclass
class Connection:
    """One connection: what it still has to send, and what it has got of the present answer."""

    kind: Kind
    socket: socket.socket
    since: float
    unsent: bytes
    received: bytearray = field(default_factory=bytearray)
    left: int | None = None


class Attacker:
    """Opens connections and does with each what its kind says, until all have ended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._drips = deque[tuple[float, Connection]]()
        """When each of the connections that drip is due again, the next one first."""
        self._told = Counter[str]()
        self._longest = 0.0
        self._bytes = 0
        self.stopped = False

    def open(self, kind: Kind) -> None:
        """Open a connection without waiting for it."""
        client = socket.socket()
        client.setblocking(False)
        if not kind.asks:
            # The client's buffers count in the measured memory of sockets, so they are small.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_RECEIVE_BUFFER)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_SEND_BUFFER)
        error = client.connect_ex(("127.0.0.1", self._port))
        if error not in (0, errno.EINPROGRESS):
            client.close()
            self._told["refused"] += 1
            return
        connection = Connection(kind, client, time.monotonic(), kind.sends)
        self._connections[client.fileno()] = connection
        self._poll.register(client, self._events(connection))
        if kind.drips:
            self._drips.append((connection.since + 1.0, connection))
        self._told["opened"] += 1

    def run(self) -> None:
        """Serve all connections until each has ended, or `stopped` is set."""
        while self._connections and not self.stopped:
            self.turn(0.1)

    def turn(self, seconds: float) -> None:
        """Serve the connections for so many seconds."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            for number, events in self._poll.poll(until - now):
                self._serve(self._connections[number], events)
            self._drip(now)

    def outcome(self) -> dict[str, float]:
        """What has happened so far; `longest` is the life of the oldest connection in seconds."""
        now = time.monotonic()
        ages = [now - each.since for each in self._connections.values()]
        return {
            **self._told,
            "left": len(self._connections),
            "longest": max([self._longest, *ages]),
            "sent": self._bytes,
        }

    def _events(self, connection: Connection) -> int:
        wanted = 0 if connection.kind.floods else select.EPOLLRDHUP
        if connection.unsent or connection.kind.floods:
            wanted |= select.EPOLLOUT
        if connection.kind.asks:
            wanted |= select.EPOLLIN
        return wanted

    def _serve(self, connection: Connection, events: int) -> None:
        ended = events & (select.EPOLLHUP | select.EPOLLERR)
        if not connection.kind.asks and not connection.kind.floods:
            # The server has said that it is done. The others go on until it has closed.
            ended |= events & select.EPOLLRDHUP
        try:
            if not ended and events & select.EPOLLOUT:
                self._send(connection)
            if not ended and events & select.EPOLLIN:
                ended = not self._read(connection)
        except OSError:
            ended = True
        if ended:
            self._end(connection)

    def _send(self, connection: Connection) -> None:
        if not connection.unsent:
            connection.unsent = connection.kind.floods
        sent = connection.socket.send(connection.unsent)
        self._bytes += sent
        connection.unsent = connection.unsent[sent:]
        self._poll.modify(connection.socket, self._events(connection))

    def _read(self, connection: Connection) -> bool:
        """Read a part of an answer and ask again after its end; False if there is no more."""
        received = connection.socket.recv(1 << 18)
        if not received:
            return False
        if connection.left is None:
            connection.received += received
            head, end, rest = bytes(connection.received).partition(b"\r\n\r\n")
            if not end:
                return True
            self._told[f"status {head[9:12].decode()}"] += 1
            connection.received.clear()
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            connection.left = 0 if connection.kind.sends.startswith(b"HEAD ") else length
            received = rest
        connection.left -= len(received)
        if connection.left <= 0:
            connection.left = None
            connection.unsent = connection.kind.sends
            self._poll.modify(connection.socket, self._events(connection))
        return True

    def _drip(self, now: float) -> None:
        while self._drips and self._drips[0][0] <= now:
            _, connection = self._drips.popleft()
            if connection.socket.fileno() < 0:
                continue
            self._drips.append((now + 1.0, connection))
            try:
                if not connection.unsent:
                    connection.socket.send(connection.kind.drips)
            except BlockingIOError:
                continue
            except OSError:
                self._end(connection)

    def _end(self, connection: Connection) -> None:
        self._longest = max(self._longest, time.monotonic() - connection.since)
        self._told["ended"] += 1
        del self._connections[connection.socket.fileno()]
        self._poll.unregister(connection.socket)
        connection.socket.close()
        if connection.kind.again:
            self.open(connection.kind)


def main(port: int, wanted: list[str]) -> None:
    """Open the connections, the kinds in turn, and attack."""
    attacker = Attacker(port)

    def stop(*_: object) -> None:
        attacker.stopped = True

    signal.signal(signal.SIGINT, stop)
    print(json.dumps("ready"), flush=True)
    sys.stdin.readline()
    counts = {name: int(count) for name, _, count in (each.partition(":") for each in wanted)}
    for number in range(max(counts.values())):
        for name, count in counts.items():
            if number < count:
                attacker.open(KINDS[name])
                attacker.turn(OPENING_SECONDS / sum(counts.values()))
    print(json.dumps(attacker.outcome()), flush=True)
    attacker.run()
    print(json.dumps(attacker.outcome()), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
