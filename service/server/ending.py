"""The signals that end a process: the first lets answers finish, the second does not."""

import os
import signal
from types import FrameType
from typing import NoReturn

from service.api.table import Ending, Row

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class FirstSignal:
    """Handles SIGTERM and SIGINT from now on. `number` is the first of them, or None.

    The first signal sets `row.ending`, if there is a row: after SIGTERM the process drains, and
    after SIGINT it accepts no more. The next signal ends the process at once. A worker
    (`is_worker`) ignores it, because it may be the same signal again: a terminal and a supervisor
    send a signal to the whole group of processes, and the parent passes its own on. A worker ends
    at once when its parent does.
    """

    def __init__(self, row: Row | None = None, *, is_worker: bool = False) -> None:
        self.number: int | None = None
        self._row = row
        self._next = signal.SIG_IGN if is_worker else _end_by
        for each in SIGNALS:
            signal.signal(each, self._handle)

    @property
    def exit_status(self) -> int:
        """0 after SIGTERM; 130 after SIGINT, so that a shell knows of its user's interruption."""
        return 128 + signal.SIGINT if self.number == signal.SIGINT else 0

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        for each in SIGNALS:
            signal.signal(each, self._next)
        if self._row is not None:
            at_once = number == signal.SIGINT
            self._row.ending = Ending.CLOSING if at_once else Ending.DRAINING


def _end_by(number: int, frame: FrameType | None) -> NoReturn:
    """End the process as the signal does by default, so that the parent sees which one it was.

    The kernel does not end the first process of a container by such a signal. That process exits
    with the status that a shell gives to a process that ended by the signal.
    """
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)
