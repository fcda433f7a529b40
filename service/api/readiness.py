"""Whether bytes may be issued: the result of the warm-up, in this process and in the others."""

import logging
from collections.abc import Callable
from threading import Thread

from service.api.table import Cell, Ending, Row, State
from service.errors import Problem, UnavailableError

logger = logging.getLogger(__name__)

_STARTING = Problem(
    "",
    "the kernels are being compiled and checked",
    "try again after the seconds in Retry-After",
)
_FAILED = Problem(
    "",
    "the kernels failed their check; this process issues no bytes",
    "ask another replica, and read the log of this one",
)
_DRAINING = Problem(
    "",
    "the server ends; it accepts connections for a few more seconds",
    "ask another replica",
)


class Readiness:
    """The state of the warm-up: ready once it has returned, failed for ever if it has raised.

    `row` is this process's row of the table with the states of all processes.
    """

    def __init__(self, row: Row) -> None:
        self._row = row
        self._issues = False

    @property
    def state(self) -> State:
        """The state of this process."""
        return self._row.state

    def start(
        self, warm_up: Callable[[], None], announce: Callable[[], None] | None = None
    ) -> None:
        """Run `warm_up` in a daemon thread, which does not keep the process alive.

        `announce` is called there once the process is ready.
        """
        self._row.state = State.STARTING
        work = (warm_up, announce)
        Thread(target=self._run, args=work, name="warm-up", daemon=True).start()

    def _run(self, warm_up: Callable[[], None], announce: Callable[[], None] | None) -> None:
        try:
            warm_up()
        except Exception as error:
            self._row.state = State.FAILED
            reason = " ".join(str(error).split())
            logger.error("not ready: the warm-up failed: %s: %s", type(error).__name__, reason)
        else:
            self._issues = True
            self._row.state = State.READY
            if announce is not None:
                announce()

    def require(self) -> None:
        """Check that this process issues bytes; raises UnavailableError (`not_ready`) if not.

        A process that is ready stays so until it ends.
        """
        # Reading the table for every answer would take several times as long.
        if not self._issues:
            failed = self.state is State.FAILED
            raise UnavailableError("not_ready", _FAILED if failed else _STARTING)

    def require_any(self) -> None:
        """Check that a process is ready for new clients; raises UnavailableError if not.

        The reason is `shutting_down` if the server ends, else `not_ready`.
        """
        states = self._row.table.column(Cell.STATE)
        endings = self._row.table.column(Cell.ENDING)
        if (State.READY, Ending.NO) in zip(states, endings, strict=True):
            return
        if any(endings):
            raise UnavailableError("shutting_down", _DRAINING)
        starting = State.STARTING in states or State.LOADING in states
        raise UnavailableError("not_ready", _STARTING if starting else _FAILED)
