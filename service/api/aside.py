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
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.types import Receive

from service.api.admission import retry_seconds
from service.api.streaming import departed
from service.errors import Problem, UnavailableError

MOST_WAITING = 64
"""How many requests may wait for the thread, with the one that it works on."""

MOST_PATIENT = 1024
"""The same for requests that say how long they wait."""

LONG_SECONDS = 0.1
"""The time of a costly request, for Retry-After, before any has been measured."""

_SHARE = 0.125
"""The share of the latest request in the mean time of a request."""

MOST_COMMAS = 12
"""The most commas of a request that is planned on the event loop.

A certificate takes up to 2 ms for each part of a list of blocks, in float16. A shape and a slice of
four axes and a list of six blocks have 11.
"""

Result = TypeVar("Result")


class Aside:
    """The thread and its queue. It belongs to one event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "plans")
        self._waiting = 0
        self._seconds = LONG_SECONDS

    async def run(self, work: Callable[[], Result], wait: float | None = None) -> Result:
        """Do the work in the thread.

        With `wait`, the work is begun within so many seconds or not at all. Raises the errors of
        the work, and UnavailableError (`too_busy`) if too many wait or if the time is over.
        """
        if self._waiting >= (MOST_WAITING if wait is None else MOST_PATIENT):
            raise self._too_busy()
        self._waiting += 1
        try:
            made = self._thread.submit(self._timed, work)
            done = asyncio.wrap_future(made)
            if wait is not None:
                await asyncio.wait([done], timeout=wait)
                if not done.done() and made.cancel():
                    raise self._too_busy()
            return await done
        finally:
            self._waiting -= 1

    async def run_for(
        self, receive: Receive, work: Callable[[], Result], wait: float | None = None
    ) -> Result:
        """As `run`, unless the client of this `receive` has left before its turn.

        Raises HTTPException for a client that has left.
        """
        async with departed(receive) as departure:
            return await self.run(partial(_unless_left, departure, work), wait)

    def _too_busy(self) -> UnavailableError:
        message = f"{self._waiting} requests wait for the thread that plans costly ones"
        hint = "try again after the seconds in Retry-After, or ask another replica"
        seconds = retry_seconds(self._waiting * self._seconds)
        return UnavailableError("too_busy", Problem("", message, hint), retry_after=seconds)

    def _timed(self, work: Callable[[], Result]) -> Result:
        """Do the work, and measure how long it takes."""
        begun = time.perf_counter()
        try:
            return work()
        finally:
            self._seconds += _SHARE * (time.perf_counter() - begun - self._seconds)

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
