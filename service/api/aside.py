"""A thread for requests whose planning takes too long for the event loop.

Such a request may be valid and small: a recommendation, or a tensor of 64 unequal blocks. Planning
it takes from 2 ms to 0.3 s, before any value is computed. The event loop answers other requests
meanwhile.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from service.api.admission import retry_seconds
from service.errors import Problem, UnavailableError

MOST_WAITING = 64
"""How many requests may wait for the thread, with the one that it works on."""

LONG_SECONDS = 0.1
"""The time of a costly request, for Retry-After. Most take less."""

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

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do the work in the thread. Raises its errors, and UnavailableError for a full queue."""
        if self._waiting >= MOST_WAITING:
            message = f"{self._waiting} requests wait for the thread that plans costly ones"
            hint = "try again after the seconds in Retry-After, or ask another replica"
            seconds = retry_seconds(self._waiting * LONG_SECONDS)
            raise UnavailableError("too_busy", Problem("", message, hint), retry_after=seconds)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1

    async def run_if_costly(self, raw: bytes, work: Callable[[], Result]) -> Result:
        """Do the work at once, or in the thread if the query or body `raw` has many commas."""
        return await self.run(work) if is_costly(raw) else work()

    def close(self) -> None:
        """End the thread after what it is doing."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def is_costly(raw: bytes) -> bool:
    """Whether the query or body has more than MOST_COMMAS commas, with or without escapes."""
    escaped = raw.count(b"%2C") + raw.count(b"%2c")
    return raw.count(b",") + escaped > MOST_COMMAS
