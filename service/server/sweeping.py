"""Closing the connections of a process whose clients take too long."""

import asyncio
import heapq
from collections.abc import Collection
from operator import itemgetter
from typing import Any

SLICE_SECONDS = 0.002
"""How long `expire_all` holds the event loop at a time."""

ROOM = 32
"""At the limit on connections, one in ROOM of those that wait for their clients is closed."""


async def expire_all(connections: Collection[Any], pressed: bool = False) -> None:
    """Close the connections of which a deadline has passed.

    `pressed`: other requests wait for a place that a stream may have. A request that arrives
    meanwhile waits for SLICE_SECONDS at most.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + SLICE_SECONDS
    for connection in list(connections):
        now = loop.time()
        if now > until:
            await asyncio.sleep(0)
            until = loop.time() + SLICE_SECONDS
        connection.expire(now, pressed)


def make_room(connections: Collection[Any], now: float) -> bool:
    """Close the connections that have waited longest for their clients. False if none waits."""
    waiting = [(each.waits_since(now), each) for each in connections]
    found = [(since, each) for since, each in waiting if since is not None]
    longest = heapq.nsmallest(max(1, len(found) // ROOM), found, key=itemgetter(0))
    for _, connection in longest:
        connection.make_way()
    return bool(longest)
