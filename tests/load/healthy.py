"""A client that asks for a small tensor a hundred times a second and measures how long it takes.

    python -m tests.load.healthy PORT SECONDS

Half of the requests use one connection, half a new one each. A request is due every 10 ms, and its
time is counted from the moment at which it was due: a server that stands still for a second delays
a hundred requests, not one. Prints a line of JSON when it is ready, and one with what it measured.
"""

import json
import socket
import sys
import time
from collections import Counter
from contextlib import closing

EACH = 0.01
"""Seconds between two requests."""

WARM_UP_SECONDS = 0.3

PATIENCE = 5.0
"""After so many seconds without an answer a request has failed."""

TARGET = "/v1/weights.npy?shape=32,32&scheme=he_normal&seed=42&name=healthy"
REQUEST = f"GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def connect(port: int) -> socket.socket:
    """A connection that gives up after PATIENCE."""
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def get(client: socket.socket) -> tuple[int, bool]:
    """Ask for the tensor and read the answer: its status, and whether the server will close."""
    client.sendall(REQUEST)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(client)
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    (length,) = (int(line[15:]) for line in lines if line.startswith(b"content-length:"))
    left = length - len(body)
    while left > 0:
        left -= len(_some(client))
    return int(lines[0].split()[1]), b"connection: close" in lines


def _some(client: socket.socket) -> bytes:
    received = client.recv(65536)
    if not received:
        raise ConnectionResetError("the server has closed the connection")
    return received


class Healthy:
    """The client, with its kept connection, and what became of its requests.

    `refused`: nobody listened. `retried`: the connection was reset, and the second trial succeeded.
    `failed`: another status than 200, or the second trial was reset as well.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: socket.socket | None = None
        self._told = Counter[str]()

    def measure(self, seconds: float) -> dict[str, float]:
        """Ask for so many seconds: what became of the requests, and their times in ms."""
        taken: list[float] = []
        self._told = Counter(failed=0, retried=0, refused=0)
        start = time.monotonic()
        for number in range(int(seconds / EACH)):
            due = start + number * EACH
            now = time.monotonic()
            if now < due:
                time.sleep(due - now)
            elif now > start + seconds + PATIENCE:
                break
            self._request(new=number % 2 == 0)
            taken.append(1000 * (time.monotonic() - due))
        taken.sort()
        return {
            **self._told,
            "requests": len(taken),
            "p50": taken[len(taken) // 2],
            "p99": taken[int(0.99 * len(taken))],
            "worst": taken[-1],
        }

    def _request(self, new: bool) -> None:
        try:
            self._ask(new)
        except ConnectionRefusedError:
            self._told["refused"] += 1
        except ConnectionError:
            try:
                self._ask(new)
                self._told["retried"] += 1
            except ConnectionRefusedError:
                self._told["refused"] += 1
            except OSError:
                self._told["failed"] += 1
        except OSError:
            self._told["failed"] += 1

    def _ask(self, new: bool) -> None:
        if new:
            with closing(connect(self._port)) as client:
                status, _ = get(client)
        else:
            client, self._kept = self._kept or connect(self._port), None
            status, closes = get(client)
            if closes:
                client.close()
            else:
                self._kept = client
        self._told["failed"] += status != 200


def main(port: int, seconds: float) -> None:
    """Measure for a moment and then for `seconds`; print a line after each."""
    client = Healthy(port)
    print(json.dumps(client.measure(WARM_UP_SECONDS)), flush=True)
    print(json.dumps(client.measure(seconds)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
