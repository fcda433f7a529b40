"""Whether this process may issue bytes yet: the result of the warm-up."""

import logging
from collections.abc import Callable
from enum import Enum
from threading import Thread

from service.errors import Problem, UnavailableError

logger = logging.getLogger(__name__)


class State(Enum):
    """The state of the warm-up. `STARTING` changes once, to `READY` or to `FAILED`."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


_MESSAGES = {
    State.STARTING: "the kernels are being compiled and checked",
    State.FAILED: "the kernels failed their check; this process issues no bytes",
}
_HINTS = {
    State.STARTING: "try again after the seconds in Retry-After",
    State.FAILED: "ask another replica, and read the log of this one",
}


class Readiness:
    """The state of the warm-up: ready once it has returned, failed for ever if it has raised."""

    def __init__(self) -> None:
        self.state = State.STARTING

    def start(self, warm_up: Callable[[], None]) -> None:
        """Run `warm_up` in a daemon thread, which does not keep the process alive."""
        Thread(target=self._run, args=(warm_up,), name="warm-up", daemon=True).start()

    def _run(self, warm_up: Callable[[], None]) -> None:
        try:
            warm_up()
        except Exception as error:
            self.state = State.FAILED
            reason = " ".join(str(error).split())
            logger.error("not ready: the warm-up failed: %s: %s", type(error).__name__, reason)
        else:
            self.state = State.READY

    def require(self) -> None:
        """Check that the process is ready; raises UnavailableError (`not_ready`) if not."""
        if self.state is not State.READY:
            raise UnavailableError(
                "not_ready", Problem("", _MESSAGES[self.state], _HINTS[self.state])
            )
