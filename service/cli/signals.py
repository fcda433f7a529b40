"""Signals that end a command: at once, whatever the command does, and without a traceback."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from service.cli.output import complain_within_signal

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_signals(
    unfinished: Path | None = None, last_line: str | None = None
) -> Iterator[None]:
    """While the block runs, a signal of ENDING ends the process with status 128 + its number.

    The file `unfinished` is removed first, if it exists, and `last_line` is printed to standard
    error. An ignored signal (SIGHUP under nohup)
    stays ignored. Only the main thread may call this.

    The handler ends the process itself. It raises no exception, because Python drops one that is
    raised within `__del__`. It sets no flag, because nothing reads a flag while a write waits for a
    slow reader: Python repeats a write that a signal interrupts (PEP 475).
    """

    def end(number: int, frame: FrameType | None) -> None:
        if unfinished is not None:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
        if last_line is not None:
            complain_within_signal(last_line)
        os._exit(128 + number)

    before = {each: signal.getsignal(each) for each in ENDING}
    taken = {each: handler for each, handler in before.items() if handler is not signal.SIG_IGN}
    for each in taken:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each, handler in taken.items():
            signal.signal(each, handler)
