"""Attacks beside a healthy client: what is tried, what was measured, and what is wrong with it."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from service.api.streaming import INLINE_BYTES, PIECE_BYTES
from service.server.connection import (
    BODY_SECONDS,
    HEAD_SECONDS,
    KEEP_ALIVE_SECONDS,
    LINGER_BYTES,
    LINGER_SECONDS,
    MOST_HEAD_BYTES,
    READ_BYTES,
    SEND_SECONDS,
)
from service.settings import Settings
from tests.load.serving import CALM, FANIN, SERVER_CORES, Client, Server, serving

KIB, MIB = 1024, 1024 * 1024

FACTOR, LEAST_MS = 3.0, 25.0
"""The limit on a healthy client's p99: so many times that without an attack, or 25 ms."""

MOST_LOG_LINES = 99

ROUNDS = 3
"""The median of so many rounds counts, so that a pause of the machine in one of them does not."""

OBJECT_BYTES = 24 * KIB
"""A connection's objects: protocol, parser, transport, socket, exchange, task, scope."""

SLACK_BYTES = 48 * MIB
"""Memory that is not a connection's: caches of plans, the allocator's spare memory."""

SLACK_SECONDS = 5.0
"""Deadlines are looked at once a second, and an attacker needs time for its connections."""


@dataclass(frozen=True)
class Attack:
    """Connections of some kinds beside a healthy client.

    `held` is the most memory that one connection can make the server hold. `seconds` is the
    deadline: all connections are closed after it. Without a deadline the attack goes on until it
    has been measured. `most_files` is the server's limit on open files.
    """

    name: str
    kinds: Mapping[str, int]
    held: int
    seconds: float | None = None
    most_files: int | None = None
    fixed: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def connections(self) -> int:
        """All connections."""
        return sum(self.kinds.values())

    @property
    def most_growth(self) -> int:
        """How much the server's memory may grow, in bytes."""
        return self.connections * (OBJECT_BYTES + self.held) + self.fixed + SLACK_BYTES


UNREAD = READ_BYTES + INLINE_BYTES
"""An answer that waits for its reader, and what the client has sent ahead of it."""

HALF_BODY = 2 * 32 * KIB

ATTACKS = (
    Attack("silent", {"silent": 1000}, 0, HEAD_SECONDS),
    Attack("half a head", {"half-head": 1000}, 2 * MOST_HEAD_BYTES, HEAD_SECONDS + LINGER_SECONDS),
    Attack("half a body", {"half-body": 1000}, HALF_BODY, BODY_SECONDS + LINGER_SECONDS),
    Attack("not reading", {"not-reading": 1000}, UNREAD, SEND_SECONDS),
    Attack(
        "four kinds",
        dict.fromkeys(("silent", "half-head", "half-body", "not-reading"), 250),
        HALF_BODY + UNREAD,
        max(HEAD_SECONDS, BODY_SECONDS + LINGER_SECONDS, SEND_SECONDS),
    ),
    Attack("file limit 1,024", {"silent": 1100}, 0, HEAD_SECONDS, most_files=1024),
    Attack("pipelining", {"pipelining": 1000}, UNREAD, SEND_SECONDS),
    Attack("pipelining tiny", {"pipelining-tiny": 1000}, UNREAD, SEND_SECONDS),
    Attack("costly", {"costly": 50}, UNREAD),
    Attack(
        "not reading 1 GiB",
        {"not-reading-large": 200},
        READ_BYTES,
        # A refused request leaves an idle connection.
        KEEP_ALIVE_SECONDS,
        fixed=Settings().max_streams * 3 * PIECE_BYTES,
    ),
    Attack("endless body", {"endless-body": 50}, LINGER_BYTES),
    Attack("endless extensions", {"endless-extensions": 50}, LINGER_BYTES),
)


@dataclass(frozen=True)
class Latency:
    """A healthy client's times in milliseconds: medians of the rounds, and the worst of all."""

    requests: int
    failed: int
    p50: float
    p99: float
    worst: float

    @classmethod
    def of(cls, rounds: Sequence[Mapping[str, float]]) -> "Latency":
        """The summary of several rounds."""
        return cls(
            int(sum(each["requests"] for each in rounds)),
            int(sum(each["failed"] for each in rounds)),
            median(each["p50"] for each in rounds),
            median(each["p99"] for each in rounds),
            max(each["worst"] for each in rounds),
        )


@dataclass(frozen=True)
class Outcome:
    """What was measured."""

    attack: Attack
    before: Latency
    during: Latency
    growth: int
    log_lines: int
    files_left: int
    attackers: Mapping[str, Any]

    def faults(self, most_ms: float | None = None) -> dict[str, str]:
        """What is wrong, by the promise that is broken; `most_ms` replaces the limit on p99."""
        limit = most_ms or max(FACTOR * self.before.p99, LEAST_MS)
        attack, cut = self.attack, self.attackers
        found = {}
        if self.during.p99 > limit:
            found["latency"] = f"p99 is {self.during.p99:.1f} ms, more than {limit:.1f}"
        if self.during.failed:
            found["answers"] = f"{self.during.failed} requests of the healthy client failed"
        if self.growth > attack.most_growth:
            found["memory"] = f"{self.growth // MIB} MiB more, above {attack.most_growth // MIB}"
        if self.log_lines > MOST_LOG_LINES:
            found["log"] = f"{self.log_lines} lines"
        if attack.seconds is not None:
            if cut["left"] or cut["longest"] > attack.seconds + SLACK_SECONDS:
                found["cut"] = f"{cut['left']} left, one open for {cut['longest']:.1f} s"
        if self.files_left > 0:
            found["files"] = f"{self.files_left} file descriptors left"
        return found


def measured(
    attack: Attack,
    command: Sequence[str] = FANIN,
    round_seconds: float = 3.0,
    patience: float = SLACK_SECONDS,
) -> Outcome:
    """Attack a server of its own, and measure a healthy client before and meanwhile.

    `patience` is how long after its deadline an attack is waited for.
    """
    with serving(command, attack.environment, attack.most_files) as server:
        before = _latency(server, round_seconds)
        files, memory = server.files(), server.resident_bytes()
        wanted = [f"{kind}:{count}" for kind, count in attack.kinds.items()]
        with Client("attacker", server.address.port, *wanted, niceness=CALM) as attacker:
            attacker.said()
            with Client("healthy", server.address.port, round_seconds, ROUNDS) as healthy:
                healthy.said()
                begun = time.monotonic()
                attacker.begin()
                rounds, peak = [], memory
                for _ in range(ROUNDS):
                    rounds.append(healthy.said())
                    peak = max(peak, server.resident_bytes())
            attacker.said()
            if attack.seconds is None:
                attacker.stop()
            else:
                attacker.stop_at(begun + attack.seconds + patience)
            attackers = attacker.said()
            peak = max(peak, server.resident_bytes())
            left = _files_left(server, files)
        return Outcome(
            attack,
            before,
            Latency.of(rounds),
            peak - memory,
            server.log_lines(),
            left,
            attackers,
        )


def _latency(server: Server, round_seconds: float) -> Latency:
    with Client("healthy", server.address.port, round_seconds, ROUNDS) as healthy:
        healthy.said()
        return Latency.of([healthy.said() for _ in range(ROUNDS)])


def _files_left(server: Server, files: int) -> int:
    """How many more files are open than before, as soon as there are none, or after a while."""
    deadline = time.monotonic() + LINGER_SECONDS + SLACK_SECONDS
    while (left := server.files() - files) > 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    return left
