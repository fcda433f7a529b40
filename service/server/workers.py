"""`serve`: one process that answers requests, or a parent whose workers answer them.

The parent answers nothing. It forks the workers, which inherit the listeners, the settings and the
table of all workers, and it starts another worker when one has ended. It is a process without
threads, since a fork copies only the thread that calls it.
"""

import logging
import os
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from socket import socket
from threading import Thread
from typing import NoReturn

from service.api.table import Cell, Row, State, Table, alone
from service.server.ending import SIGNALS, FirstSignal
from service.server.logs import configure_logging
from service.settings import Settings

logger = logging.getLogger(__name__)

HANG_SECONDS = 30.0
"""A worker whose event loop has stood still for this time is killed."""

CHECK_SECONDS = 5.0
"""How often the parent looks at the event loops of the workers."""

QUICK_SECONDS = 10.0
"""If a worker ends sooner, the next one may end soon, too. It starts after a pause."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
"""The first pause, and the longest one. The pause doubles each time another worker ends soon."""

END_SECONDS = 23.0
"""How long workers may take to end after they have drained. Then the parent kills them."""

_BLOCKED = (*SIGNALS, signal.SIGCHLD)


def serve(settings: Settings, listeners: list[socket], greeting: str, began: float) -> NoReturn:
    """Answer HTTP on `listeners` until a signal ends the server, and end the process.

    Its exit status is 0 after SIGTERM, 130 after SIGINT, and 1 if no worker could start. The
    greeting is printed as soon as signals are handled, and a second line when the server is ready.
    `began` is the time on the monotonic clock at which the command was started.
    """
    configure_logging(settings)
    if settings.workers > 1:
        _exit(Parent(settings, listeners, greeting, began).run())
    row = alone()
    first_signal = FirstSignal(row)
    _say(greeting)
    from service.server.serving import answer_requests

    answer_requests(settings, listeners, row, partial(_announce, settings, began))
    _log_cut(row.get(Cell.CUT))
    _exit(first_signal.exit_status)


@dataclass(slots=True)
class Post:
    """What the parent knows of a row of the table. Times are on the monotonic clock.

    `pid` is None while no process has the row. The parent then starts a process at `due`.
    """

    pid: int | None = None
    started: float = 0.0
    due: float = 0.0
    quick_ends: int = 0


class Parent:
    """Keeps `settings.workers` workers running until the first signal, and then ends them."""

    def __init__(
        self, settings: Settings, listeners: list[socket], greeting: str, began: float
    ) -> None:
        self._settings = settings
        self._greeting = greeting
        self._listeners = listeners
        self._began = began
        self._table = Table(settings.workers)
        self._posts = [Post() for _ in range(settings.workers)]
        self._announced = self._failed = False
        self._cut = 0
        self._next_check = time.monotonic() + CHECK_SECONDS
        # A signal writes a byte, and so does a worker that has become ready. `_wait` reads it.
        self._wake_reader, self._wake_writer = os.pipe()
        # Only the parent keeps the writer open. When it ends, each worker reads the end of the
        # pipe.
        self._parent_reader, self._parent_writer = os.pipe()
        for end in (self._wake_reader, self._wake_writer):
            os.set_blocking(end, False)

    def run(self) -> int:
        """Returns the exit status of the server."""
        first_signal = FirstSignal()
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        _say(self._greeting)
        while first_signal.number is None and not self._failed:
            self._start_due()
            self._wait(self._next_event())
            self._reap()
            self._announce_once()
            self._kill_hung()
        self._end(first_signal.number or signal.SIGTERM)
        _log_cut(self._cut)
        return 1 if self._failed else first_signal.exit_status

    def _next_event(self) -> float:
        dues = [post.due for post in self._posts if post.pid is None]
        return min([self._next_check, *dues])

    def _wait(self, until: float) -> None:
        """Wait for a byte in the pipe, at most `until`."""
        with suppress(BlockingIOError):
            select.select([self._wake_reader], [], [], max(0.0, until - time.monotonic()))
            os.read(self._wake_reader, 4096)

    def _start_due(self) -> None:
        now = time.monotonic()
        for index, post in enumerate(self._posts):
            if post.pid is None and post.due <= now:
                post.started = now
                post.pid = self._fork(Row(self._table, index))

    def _fork(self, row: Row) -> int:
        """Start a worker; returns its process id."""
        row.state = State.LOADING
        # Signals wait until the worker has handlers of its own. The parent's would write into the
        # pipe of the parent.
        signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
        pid = os.fork()
        if pid == 0:
            self._be_worker(row)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _BLOCKED)
        return pid

    def _be_worker(self, row: Row) -> NoReturn:
        """Run as a worker in the forked process, and end it. This never returns."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            FirstSignal(row, is_worker=True)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _BLOCKED)
            os.close(self._parent_writer)
            Thread(target=_end_with_parent, args=(self._parent_reader,), daemon=True).start()
            from service.server.serving import answer_requests

            answer_requests(self._settings, self._listeners, row, self._tell_ready)
            status = 0
        except BaseException:
            logger.exception("a worker failed")
        finally:
            _exit(status)

    def _tell_ready(self) -> None:
        """Called in a worker: wake the parent, so that it looks at the table."""
        with suppress(BlockingIOError):
            os.write(self._wake_writer, b"r")

    def _reap(self) -> None:
        """Find the workers that have ended, and free their rows."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for index, post in enumerate(self._posts):
                if post.pid == pid:
                    self._free(index, os.waitstatus_to_exitcode(status))

    def _free(self, index: int, status: int) -> None:
        """Clear the row of a worker, and set when the next one starts.

        The worker ended with `status`, or by the signal `-status` if that is negative.
        """
        post, pid = self._posts[index], self._posts[index].pid
        self._cut += self._table.get(index, Cell.CUT)
        never_ran = self._table.get(index, Cell.STATE) == State.LOADING
        self._table.clear(index)
        post.pid = None
        now = time.monotonic()
        quick = now - post.started < QUICK_SECONDS
        post.quick_ends = post.quick_ends + 1 if quick else 0
        pause = 0.0
        if post.quick_ends:
            doubled = FIRST_PAUSE_SECONDS * 2.0 ** (post.quick_ends - 1)
            pause = min(LONGEST_PAUSE_SECONDS, doubled)
        post.due = now + pause
        if never_ran and status > 0 and not self._announced:
            self._failed = True
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        logger.log(logging.INFO if status == 0 else logging.WARNING, "worker %d ended %s", pid, how)

    def _announce_once(self) -> None:
        states = self._table.column(Cell.STATE)
        if not self._announced and all(state == State.READY for state in states):
            self._announced = True
            _announce(self._settings, self._began)

    def _kill_hung(self) -> None:
        now = time.monotonic()
        if now < self._next_check:
            return
        late = now - self._next_check
        self._next_check = now + CHECK_SECONDS
        if late > CHECK_SECONDS:
            # All processes stood still, for example because their container was frozen.
            return
        for index, post in enumerate(self._posts):
            beat = self._table.get(index, Cell.HEARTBEAT) / 1e9
            if post.pid is not None and beat and now - beat > HANG_SECONDS:
                logger.warning("worker %d has not moved for %d s: killed", post.pid, now - beat)
                os.kill(post.pid, signal.SIGKILL)

    def _end(self, number: int) -> None:
        """Pass the signal on, wait until all workers have ended, and kill those that do not."""
        for listener in self._listeners:
            listener.close()
        self._signal_all(number)
        drained = self._settings.drain_seconds if number == signal.SIGTERM else 0.0
        deadline = time.monotonic() + drained + END_SECONDS
        self._reap()
        while any(post.pid is not None for post in self._posts):
            self._wait(deadline)
            self._reap()
            if time.monotonic() >= deadline:
                logger.warning("workers that did not end were killed")
                self._signal_all(signal.SIGKILL)
                deadline = time.monotonic() + END_SECONDS

    def _signal_all(self, number: int) -> None:
        for post in self._posts:
            if post.pid is not None:
                os.kill(post.pid, number)


def _end_with_parent(reader: int) -> None:
    """End this worker at once when the parent has ended, even if it was killed."""
    os.read(reader, 1)
    os._exit(1)


def _announce(settings: Settings, began: float) -> None:
    processes = "1 process" if settings.workers == 1 else f"{settings.workers} processes"
    threads = "1 thread" if settings.stream_threads == 1 else f"{settings.stream_threads} threads"
    line = f"Fanin is ready after {time.monotonic() - began:.1f} s: {processes} with {threads}"
    _say(line + (" each" if settings.workers > 1 else ""))


def _say(line: str) -> None:
    """Print a line to standard output. If that fails, log it, print no further line, and go on."""
    try:
        print(line, flush=True)
    except OSError as error:
        sys.stdout = None  # Python has None, too, if it starts without a standard output.
        logger.warning("standard output cannot be written: %s", error.strerror)


def _log_cut(answers: int) -> None:
    if answers:
        logger.warning("%d answers that did not finish in time were cut", answers)


def _exit(status: int) -> NoReturn:
    """End without waiting for threads. They may still compute values that no client waits for."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)
