"""A client that asks for a small tensor a hundred times a second and measures how long it takes.

    python -m tests.load.healthy PORT SECONDS ROUNDS

Half of the requests use one connection, half a new one each. A request is due every 10 ms, and its
time is counted from the moment at which it was due: a server that stands still for a second delays
a hundred requests, not one. Prints a line of JSON when it is ready, and one for each round.
"""

import json
import socket
import sys
import time
from contextlib import closing

EACH = 0.01
"""Seconds between two requests."""

PATIENCE = 30.0
"""After so many seconds without an answer a request has failed."""

TARGET = "/v1/weights.npy?shape=32,32&scheme=he_normal&seed=42&name=healthy"
REQUEST = f"GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def connect(port: int) -> socket.socket:
    """A connection that gives up after PATIENCE."""
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def get(client: socket.socket) -> bool:
    """Ask for the tensor and read the answer; whether it was a 200."""
    client.sendall(REQUEST)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(client)
    head, _, body = received.partition(b"\r\n\r\n")
    (length,) = (
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    left = length - len(body)
    while left > 0:
        left -= len(_some(client))
    return head.startswith(b"HTTP/1.1 200 ")


def _some(client: socket.socket) -> bytes:
    received = client.recv(65536)
    if not received:
        raise ConnectionError("the server has closed the connection")
    return received


class Healthy:
    """The client, with its kept connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: socket.socket | None = None

    def request(self, new: bool) -> bool:
        """One request on a new connection or on the kept one; whether it was answered with 200."""
        try:
            if new:
                with closing(connect(self._port)) as client:
                    return get(client)
            self._kept = self._kept or connect(self._port)
            return get(self._kept)
        except OSError:
            if not new:
                self._kept = None
            return False

    def round(self, seconds: float) -> dict[str, float]:
        """Requests for so many seconds: how many there were, failed, and took (in ms)."""
        taken: list[float] = []
        failed = 0
        start = time.monotonic()
        for number in range(int(seconds / EACH)):
            due = start + number * EACH
            now = time.monotonic()
            if now < due:
                time.sleep(due - now)
            elif now > start + seconds + PATIENCE:
                break
            failed += not self.request(new=number % 2 == 0)
            taken.append(1000 * (time.monotonic() - due))
        taken.sort()
        return {
            "requests": len(taken),
            "failed": failed,
            "p50": taken[len(taken) // 2],
            "p99": taken[int(0.99 * len(taken))],
            "worst": taken[-1],
        }


def main(port: int, seconds: float, rounds: int) -> None:
    """Measure, and print a line for each round, and one before them when all is ready."""
    client = Healthy(port)
    print(json.dumps(client.round(0.2)), flush=True)
    for _ in range(rounds):
        print(json.dumps(client.round(seconds)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
