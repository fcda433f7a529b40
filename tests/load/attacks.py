"""Attacks beside a healthy client: what they do, what is measured, and what counts as wrong."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread

from service.api.streaming import INLINE_BYTES, PIECE_BYTES
from service.server.connection import (
    BODY_SECONDS,
    HEAD_SECONDS,
    KEEP_ALIVE_SECONDS,
    LINGER_BYTES,
    LINGER_SECONDS,
    READ_BYTES,
    SEND_SECONDS,
)
from service.server.heads import MOST_HEAD_BYTES
from service.settings import Settings
from tests.load.serving import CALM, FANIN, Client, Server, serving, socket_bytes

KIB, MIB = 1024, 1024 * 1024

FACTOR, LEAST_MS = 3.0, 25.0
"""The limit on a healthy client's p99: so many times that without an attack, or 25 ms."""

MOST_LOG_LINES = 99

MOST_TRIALS = 3

BEFORE_SECONDS = 4.0
"""How long the healthy client is measured without an attack."""

UNTIMED_SECONDS = 4.0
"""How long an attack without a deadline goes on."""

OBJECT_BYTES = 24 * KIB
"""A connection's objects: protocol, parser, transport, socket, exchange, task, scope."""

PLACE = 3 * PIECE_BYTES
"""A large answer: a chunk that is sent, one that is ready, and one that is computed."""

SOCKET_BYTES = 256 * KIB
"""The system's buffers of a connection with small answers: more than twice what they hold."""

MOST_SOCKET_BYTES = 2 * 4 * MIB
"""The same for large answers: Linux lets a send buffer grow to 4 MiB (`tcp_wmem`)."""

SLACK_BYTES = 48 * MIB
"""Memory that is not a connection's: caches of plans, the allocator's spare memory."""

SLACK_SECONDS = 5.0
"""Deadlines are looked at once a second, and an attacker needs time for its connections."""


@dataclass(frozen=True)
class Attack:
    """Connections of some kinds beside a healthy client.

    `held` is the most memory that one connection can make the server hold. `seconds` is the
    deadline: all connections are closed after it. Without a deadline the attack goes on until it
    has been measured. `most_files` is the server's limit on open files, and `places` are the places
    for large answers that the attack takes.
    """

    name: str
    kinds: Mapping[str, int]
    held: int
    seconds: float | None = None
    most_files: int | None = None
    places: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def connections(self) -> int:
        """All connections."""
        return sum(self.kinds.values())

    @property
    def most_growth(self) -> int:
        """How much the server's memory may grow, in bytes."""
        return self.connections * (OBJECT_BYTES + self.held) + self.places * PLACE + SLACK_BYTES

    @property
    def most_kernel_growth(self) -> int:
        """How much the system's buffers of sockets may grow, in bytes."""
        return self.connections * SOCKET_BYTES + self.places * MOST_SOCKET_BYTES + SLACK_BYTES


UNREAD = READ_BYTES + INLINE_BYTES
"""An answer that waits for its reader, and what the client has sent ahead of it."""

ANSWER_SECONDS = 5.0
"""How long a server may answer to what was sent ahead, before it waits for its readers."""

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
    Attack(
        "file limit 1,024",
        {"silent": 550, "half-head": 550},
        2 * MOST_HEAD_BYTES,
        HEAD_SECONDS + LINGER_SECONDS,
        most_files=1024,
    ),
    Attack("pipelining", {"pipelining": 1000}, UNREAD, ANSWER_SECONDS + SEND_SECONDS),
    Attack("pipelining tiny", {"pipelining-tiny": 1000}, UNREAD, ANSWER_SECONDS + SEND_SECONDS),
    Attack("costly", {"costly": 50}, UNREAD),
    Attack("ranges", {"ranges": 100}, UNREAD, places=Settings().max_streams),
    Attack("digests", {"digests": 100}, UNREAD, places=Settings().max_streams),
    Attack(
        "not reading 1 GiB",
        {"not-reading-large": 200},
        READ_BYTES,
        # A refused request leaves an idle connection.
        KEEP_ALIVE_SECONDS,
        places=Settings().max_streams,
    ),
    Attack("endless body", {"endless-body": 50}, LINGER_BYTES),
    Attack("endless extensions", {"endless-extensions": 50}, LINGER_BYTES),
    Attack(
        "greedy kinds", {"pipelining": 300, "costly": 20, "endless-body": 20}, UNREAD + LINGER_BYTES
    ),
)


@dataclass(frozen=True)
class Latency:
    """A healthy client's requests: what became of them, and how long they took, in milliseconds.

    `tests.load.healthy.Healthy` says what the counts are.
    """

    requests: int
    failed: int
    retried: int
    refused: int
    p50: float
    p99: float
    worst: float

    @property
    def lost(self) -> int:
        """Requests that were not answered with 200 the first time."""
        return self.failed + self.retried + self.refused


@dataclass(frozen=True)
class Outcome:
    """What was measured. `attackers` is what the attacker has printed.

    `growth` is the memory of the server's processes, in bytes, and `kernel_growth` that of the
    system's buffers of all sockets on this machine. `to_the_end`: the attack went on until each
    connection had to be closed.
    """

    attack: Attack
    before: Latency
    during: Latency
    growth: int
    kernel_growth: int
    log_lines: int
    files_left: int
    attackers: Mapping[str, float]
    to_the_end: bool

    @property
    def limit(self) -> float:
        """The limit on the healthy client's p99 in milliseconds."""
        return self._limit(LEAST_MS)

    def _limit(self, least_ms: float) -> float:
        return max(FACTOR * self.before.p99, least_ms)

    def faults(self, least_ms: float = LEAST_MS) -> dict[str, str]:
        """What is wrong, by the promise that is broken. A p99 of `least_ms` is never wrong."""
        attack, limit = self.attack, self._limit(least_ms)
        left, longest = self.attackers["left"], self.attackers["longest"]
        found = {}
        if self.during.p99 > limit:
            found["latency"] = f"p99 is {self.during.p99:.1f} ms, more than {limit:.1f}"
        if self.during.lost:
            found["answers"] = f"{self.during.lost} requests of the healthy client failed"
        if self.growth > attack.most_growth:
            found["memory"] = f"{self.growth // MIB} MiB more, above {attack.most_growth // MIB}"
        if self.kernel_growth > attack.most_kernel_growth:
            found["kernel"] = (
                f"{self.kernel_growth // MIB} MiB more in sockets, above "
                f"{attack.most_kernel_growth // MIB}"
            )
        if self.log_lines > MOST_LOG_LINES:
            found["log"] = f"{self.log_lines} lines"
        late = longest > (attack.seconds or 0.0) + SLACK_SECONDS
        if attack.seconds and self.to_the_end and (left or late):
            found["cut"] = f"{left:.0f} left, one open for {longest:.1f} s"
        if self.files_left > 0:
            found["files"] = f"{self.files_left} file descriptors left"
        return found


class Peak:
    """How much a number has grown at most, looked at ten times a second until `end`."""

    def __init__(self, number: Callable[[], int]) -> None:
        self._number = number
        self._first = self._most = number()
        self._ended = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self._most = max(self._most, self._number())

    def end(self) -> int:
        """Stop, and return by how much it has grown."""
        self._ended.set()
        self._thread.join()
        return self._most - self._first


def measured(
    attack: Attack, command: Sequence[str] = FANIN, watched: float | None = None
) -> Outcome:
    """Attack a server of its own, and measure a healthy client before and meanwhile.

    The client is watched until all connections have to be closed. With `watched` the attack ends
    after so many seconds. Deadlines have not passed then, so open connections are no fault and file
    descriptors are not counted.
    """
    deadline = (attack.seconds or UNTIMED_SECONDS) + SLACK_SECONDS
    with serving(command, attack.environment, attack.most_files) as server:
        before = _latency(server, min(watched or BEFORE_SECONDS, BEFORE_SECONDS))
        files, memory = server.files(), server.resident_bytes()
        server.forget_peak()
        kernel = Peak(socket_bytes)
        wanted = [f"{kind}:{count}" for kind, count in attack.kinds.items()]
        with (
            Client("attacker", server.address.port, *wanted, niceness=CALM) as attacker,
            Client(
                "healthy", server.address.port, watched or deadline - SLACK_SECONDS / 2
            ) as healthy,
        ):
            attacker.said()
            healthy.said()
            attacker.begin()
            attacker.said()
            end = time.monotonic() + (watched or deadline)
            during = Latency(**healthy.said())
            if attack.seconds:
                attacker.wait_until(end)
            attacker.stop()
            attackers = attacker.said()
            kernel_growth = kernel.end()
        left = 0 if watched else _files_left(server, files)
        growth = server.peak_bytes() - memory
        return Outcome(
            attack,
            before,
            during,
            growth,
            kernel_growth,
            log_lines=len(server.log_lines()),
            files_left=left,
            attackers=attackers,
            to_the_end=watched is None,
        )


def measured_again(attack: Attack, command: Sequence[str] = FANIN) -> Outcome:
    """The outcome of an attack; if its latency alone is at fault, the median one of three.

    A machine that others use delays a client as well, and does so less often than an attack.
    """
    outcomes = [measured(attack, command)]
    while list(outcomes[-1].faults()) == ["latency"] and len(outcomes) < MOST_TRIALS:
        outcomes.append(measured(attack, command))
    outcomes.sort(key=lambda outcome: outcome.during.p99)
    return outcomes[len(outcomes) // 2]


def _latency(server: Server, seconds: float) -> Latency:
    with Client("healthy", server.address.port, seconds) as healthy:
        healthy.said()
        return Latency(**healthy.said())


def _files_left(server: Server, files: int) -> int:
    """How many more files are open than before, as soon as there are none, or after a while."""
    deadline = time.monotonic() + SEND_SECONDS + SLACK_SECONDS
    while (left := server.files() - files) > 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    return left
