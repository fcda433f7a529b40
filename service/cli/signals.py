"""Turns the signals that end a process into exceptions, so that `finally` clauses run."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_exceptions() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP raise SystemExit with status 128 + signal number.

    An ignored signal (SIGHUP under nohup) stays ignored.
    """
    taken = [each for each in _ENDING if signal.getsignal(each) is signal.SIG_DFL]
    for each in taken:
        signal.signal(each, _leave)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
