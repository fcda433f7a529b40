"""Whether this process may issue bytes yet, and the two routes that tell an orchestrator."""

import logging
from collections.abc import Callable
from enum import Enum
from threading import Thread

from starlette.requests import Request
from starlette.responses import JSONResponse

from service.errors import Problem, UnavailableError

logger = logging.getLogger(__name__)

_NO_STORE = {"cache-control": "no-store"}


class State(Enum):
    """Where the warm-up stands; `STARTING` leads to one of the others, once."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


_MESSAGES = {
    State.STARTING: "the kernels are being compiled and checked",
    State.FAILED: "the kernels did not pass their check; this process will not issue a byte",
}
_HINTS = {
    State.STARTING: "try again after the seconds in Retry-After",
    State.FAILED: "ask another replica, and see this one's log",
}


class Readiness:
    """Starting until the warm-up has returned; failed, and for good, if it has raised."""

    def __init__(self) -> None:
        self.state = State.STARTING

    def start(self, warm_up: Callable[[], None]) -> None:
        """Run `warm_up` in a thread of its own, which does not keep the process alive."""
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
        """Pass if ready; raises UnavailableError (`not_ready`)."""
        if self.state is not State.READY:
            raise UnavailableError(
                "not_ready", Problem("", _MESSAGES[self.state], _HINTS[self.state])
            )


async def livez(request: Request) -> JSONResponse:
    """The process answers: that is all this says."""
    return JSONResponse({"status": "alive"}, headers=_NO_STORE)


async def readyz(request: Request) -> JSONResponse:
    """Whether `app.state.readiness` lets bytes be issued; raises UnavailableError if not."""
    request.app.state.readiness.require()
    return JSONResponse({"status": "ready"}, headers=_NO_STORE)
