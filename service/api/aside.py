"""A thread for requests whose planning takes too long for the event loop.

Such a request may be valid and small: a recommendation, or a tensor of 64 unequal blocks. Planning
it takes from 2 ms to 0.3 s, before any value is computed. The event loop answers other requests
meanwhile.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.types import Receive

from service.api.admission import retry_seconds
from service.api.streaming import departed
from service.errors import Problem, UnavailableError

MOST_WAITING = 64
"""How many requests may wait for the thread, with the one that it works on."""

MOST_PATIENT = 1024
"""The same for requests that say until when they wait."""

LONG_SECONDS = 0.1
"""The time of a costly request, for Retry-After, before any has been measured."""

_SHARE = 0.125
"""The share of a quick request in the expected time of the next one. A longer request than expected
counts as a whole, because many requests find that another one has done their work."""

MOST_COMMAS = 12
"""The most commas of a request that is planned on the event loop.

A certificate takes up to 2 ms for each part of a list of blocks, in float16. A shape and a slice of
four axes and a list of six blocks have 11.
"""

Result = TypeVar("Result")


class Aside:
    """The thread and its queue. It belongs to one event loop.

    `seconds` is the time of a request before any has been measured.
    """

    def __init__(self, seconds: float = LONG_SECONDS) -> None:
        self._thread = ThreadPoolExecutor(1, "plans")
        self._waiting = 0
        self._seconds = seconds
        self._begun: float | None = None

    async def run(self, work: Callable[[], Result], until: float | None = None) -> Result:
        """Do the work in the thread.

        `until` is the moment (time.monotonic) from which nobody waits for the work any longer. It
        is not begun then. If it has been begun, it is finished, but its result is not given. Raises
        the errors of the work, and UnavailableError (`too_busy`) if too many wait or if the time is
        over.
        """
        if self._waiting >= (MOST_WAITING if until is None else MOST_PATIENT):
            raise self._too_busy()
        self._waiting += 1
        made = self._thread.submit(self._timed, work)
        done = asyncio.wrap_future(made)
        done.add_done_callback(self._leave)
        if until is not None:
            await asyncio.wait([done], timeout=max(0.0, until - time.monotonic()))
            if not done.done():
                refusal = self._too_busy()
                made.cancel()
                raise refusal
        return await done

    def _leave(self, done: "asyncio.Future[Any]") -> None:
        """Count a request that is done or cancelled."""
        self._waiting -= 1
        if not done.cancelled():
            # Nobody may be waiting for an error any longer, and asyncio would log that.
            done.exception()

    async def run_for(
        self, receive: Receive, work: Callable[[], Result], until: float | None = None
    ) -> Result:
        """As `run`, unless the client of this `receive` has left before its turn.

        Raises HTTPException for a client that has left.
        """
        async with departed(receive) as departure:
            return await self.run(partial(_unless_left, departure, work), until)

    def _too_busy(self) -> UnavailableError:
        message = f"{self._waiting} requests wait for the thread that plans costly ones"
        hint = "try again after the seconds in Retry-After, or ask another replica"
        seconds = retry_seconds(self._seconds_left())
        return UnavailableError("too_busy", Problem("", message, hint), retry_after=seconds)

    def _seconds_left(self) -> float:
        """About how long the requests take that wait now.

        One that takes longer than expected is expected to take as long again.
        """
        begun = self._begun
        spent = 0.0 if begun is None else time.monotonic() - begun
        longest = max(self._seconds, spent)
        return self._waiting * longest - (spent if spent < self._seconds else 0.0)

    def _timed(self, work: Callable[[], Result]) -> Result:
        """Do the work, and measure how long it takes."""
        begun = self._begun = time.monotonic()
        try:
            return work()
        finally:
            spent = time.monotonic() - begun
            self._seconds = max(spent, self._seconds + _SHARE * (spent - self._seconds))
            self._begun = None

    async def run_if_costly(self, raw: bytes, work: Callable[[], Result]) -> Result:
        """Do the work at once, or in the thread if the query or body `raw` has many commas."""
        return await self.run(work) if is_costly(raw) else work()

    def close(self) -> None:
        """End the thread after what it is doing."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _unless_left(departure: "asyncio.Task[None]", work: Callable[[], Result]) -> Result:
    if departure.done():
        raise HTTPException(400, "the client left before it was answered")
    return work()


def is_costly(raw: bytes) -> bool:
    """Whether the query or body has more than MOST_COMMAS commas, with or without escapes."""
    escaped = raw.count(b"%2C") + raw.count(b"%2c")
    return raw.count(b",") + escaped > MOST_COMMAS
