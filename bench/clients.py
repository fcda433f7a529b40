"""The clients: the sink for long responses, wrk for many short requests, Python for the rest."""

import json
import re
import time
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from itertools import count
from typing import Any

from bench.contest import MissingError
from bench.processes import CLIENT_CORE, ROOT, WORK, Server, output_of

_EVERYTHING = 2**62
_WRK_SECONDS = 1
_WRK_CONNECTIONS = 16
_NEW_NAMES = ROOT / "bench" / "new_names.lua"
_FIRSTS = count(1, 10**7)
"""Where each run of wrk begins to number its tensors: more apart than a run asks for."""


def fetch(
    server: Server,
    target: str,
    *,
    connections: int = 1,
    requests: int = 1,
    most: int = _EVERYTHING,
    ranges: str | None = None,
) -> list[tuple[int, int]]:
    """Bytes and nanoseconds of each connection of bench/sink.c. `ranges` is a Range header."""
    words = [server.port, connections, requests, most, target, *filter(None, [ranges])]
    printed = output_of(CLIENT_CORE, [WORK / "sink", *map(str, words)])
    return [(int(size), int(taken)) for size, taken in map(str.split, printed.splitlines())]


def byte_cost(server: Server, target: str, connections: int = 1) -> float:
    """Nanoseconds a byte until the last connection is done, all of their bytes together."""
    done = fetch(server, target, connections=connections)
    return max(taken for _, taken in done) / sum(size for size, _ in done)


def unevenness(server: Server, target: str, connections: int) -> float:
    """The ratio of the fastest to the slowest of several equal downloads."""
    rates = [size / taken for size, taken in fetch(server, target, connections=connections)]
    return max(rates) / min(rates)


def request_cost(server: Server, target: str, *, new_names: bool = False) -> float:
    """Seconds for each request, measured by wrk on persistent connections."""
    command = ["wrk", "-t1", f"-c{_WRK_CONNECTIONS}", f"-d{_WRK_SECONDS}s"]
    more = ["-s", str(_NEW_NAMES)] if new_names else []
    first = ["--", str(next(_FIRSTS))] if new_names else []
    url = f"http://127.0.0.1:{server.port}{target}"
    return 1 / requests_per_second(output_of(CLIENT_CORE, [*command, *more, url, *first]))


def posted(server: Server, manifest: dict[str, Any]) -> dict[str, Any]:
    """The answer to a model's manifest. Raises MissingError if it is refused."""
    with closing(_connection(server)) as connection:
        body = json.dumps(manifest)
        connection.request("POST", "/v1/models", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
    if answer.status != 200:
        raise MissingError(f"/v1/models: {answer.status}")
    told: dict[str, Any] = json.loads(content)
    return told


def exchanged(
    server: Server, method: str, asked: Sequence[tuple[str, dict[str, str]]]
) -> list[float]:
    """Seconds for each of some requests (target, headers), one after another on one connection.

    The time ends with the last byte of the answer. Raises MissingError for a refusal.
    """
    seconds = []
    with closing(_connection(server)) as connection:
        for path, headers in asked:
            begun = time.monotonic()
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            seconds.append(time.monotonic() - begun)
            if answer.status != (206 if "Range" in headers else 200):
                raise MissingError(f"{method} {path[:40]}: {answer.status}")
    return seconds


def _connection(server: Server) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", server.port, timeout=60)


def requests_per_second(printed: str) -> float:
    """The output of wrk. Raises MissingError if a response was an error."""
    failed = re.search(r"Non-2xx or 3xx responses: [0-9]+|Socket errors: .+", printed)
    if failed:
        raise MissingError(f"wrk: {failed[0]}")
    found = re.search(r"Requests/sec:\s+([0-9.]+)", printed)
    if found is None or float(found[1]) == 0:
        raise MissingError("wrk: no answers")
    return float(found[1])
