"""`make bench-front`: what a request costs directly, through nginx, and from its cache.

python -m bench.front prints a table. It is one client with one connection, so it shows what each
step adds to a request, and not how many clients a front can serve.
"""

import os
import shutil
import socket
import time
from collections.abc import Sequence
from getpass import getuser
from itertools import count
from pathlib import Path
from statistics import median

from bench.processes import ALL_CORES, ROOT, WORK, Server, end_with_sigterm
from bench.servers import fanin

ROUNDS = 9
MIB = 2**20
SMALL = 4096

FOLDER = WORK / "front"

_seeds = count(time.time_ns() // 1000)


def main() -> None:
    """Measure both sizes, and print a line for each way."""
    end_with_sigterm()
    with fanin(ALL_CORES) as replica, front(replica.port) as before:
        print("| request | way | median | times direct |")
        print("|---|---|---|---|")
        for name, size, requests in (("4 KiB", SMALL, 200), ("1 MiB", MIB, 20)):
            for line in table(name, size, requests, replica.port, before.port):
                print(line, flush=True)


def front(port: int) -> Server:
    """nginx on deploy/nginx.conf before this port of loopback, with an empty cache."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "cache").mkdir(parents=True)
    (FOLDER / "upstream.conf").write_text(
        f"upstream replicas {{ server 127.0.0.1:{port} max_fails=0; keepalive 64; }}\n"
    )
    return Server("nginx", _command, "/livez", ALL_CORES)


def _command(port: str) -> Sequence[str | Path]:
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for old, new in (
        (" /tmp/", f" {FOLDER}/"),
        (" /var/cache/nginx/", f" {FOLDER}/cache/"),
        (" /dev/stdout", f" {FOLDER}/access.log"),
        ("listen 8080;", f"listen 127.0.0.1:{port};"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (FOLDER / "nginx.conf").write_text(text)
    # A worker of root's nginx is otherwise somebody who may not read the work folder.
    user = f" user {getuser()};" if os.geteuid() == 0 else ""
    config = FOLDER / "nginx.conf"
    return ["nginx", "-p", FOLDER, "-c", config, "-g", f"daemon off;{user}"]


def table(name: str, size: int, requests: int, direct: int, through: int) -> list[str]:
    """The lines for a range of this size of a tensor of 1 GiB.

    Each round asks in all ways, one after the other, so that other programs disturb all of them.
    Ratios are made within a round.
    """
    readings: dict[str, list[float]] = {}
    for round_ in range(ROUNDS + 1):
        # Fanin keeps what it has found out about a target, so each way begins with new ones.
        first, second, third = ([fresh() for _ in range(requests)] for _ in range(3))
        ways = {
            "direct": (direct, past_the_cache, first),
            "nginx, unbuffered": (through, past_the_cache, second),
            "nginx, slice not stored": (through, into_the_cache, third),
            "nginx, slice stored": (through, into_the_cache, third),
        }
        # Every second round nginx goes before the replica itself.
        names = list(ways)
        if round_ % 2:
            names[:2] = names[1::-1]
        for way in names:
            port, request, asked = ways[way]
            seconds = timed(port, [request(target, size) for target in asked], size)
            # The first round warms up.
            if round_:
                readings.setdefault(way, []).append(seconds)
    return [
        f"| {name} | {way} | {1e3 * median(readings[way]):.2f} ms | "
        f"{median(a / b for a, b in zip(readings[way], readings['direct'], strict=True)):.2f} |"
        for way in ways
    ]


def fresh() -> str:
    """The canonical URL of a tensor that nobody has asked for."""
    return f"/v1/weights.raw?shape={2**28}&scheme=normal&seed={next(_seeds)}&name=w"


def past_the_cache(target: str, size: int) -> bytes:
    """The comma after the range keeps it out of the slice cache. It means the same to Fanin."""
    return _request(target, f"0-{size - 1},")


def into_the_cache(target: str, size: int) -> bytes:
    """A range with two ends."""
    return _request(target, f"0-{size - 1}")


def _request(target: str, text: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: bench\r\nRange: bytes={text}\r\n\r\n".encode()


def timed(port: int, requests: list[bytes], size: int) -> float:
    """Seconds for one of these requests, which are sent one after the other."""
    buffer = bytearray(MIB)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        began = time.perf_counter()
        for request in requests:
            client.sendall(request)
            received = client.recv_into(buffer)
            assert buffer.startswith(b"HTTP/1.1 206 "), bytes(buffer[:received])
            while (end := buffer.find(b"\r\n\r\n", 0, received)) < 0:
                received += client.recv_into(memoryview(buffer)[received:])
            received -= end + 4
            while received < size:
                part = client.recv_into(buffer)
                assert part, "cut"
                received += part
        return (time.perf_counter() - began) / len(requests)


if __name__ == "__main__":
    main()
