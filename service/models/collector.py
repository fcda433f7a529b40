"""Python's garbage collector while a large model is planned.

The collector looks at all objects of a process from time to time, and no thread runs meanwhile.
With the objects of 200,000 tensors that takes 0.3 s, several times for each plan. Measured: one
client that had such models planned raised the p99 of small requests from 3 to 295 ms, and to 33 ms
without these collections.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_SECONDS = 60.0
"""How often garbage is collected all the same. One pause in a minute concerns few requests."""


class Collector:
    """Pauses the collector. To be used by one thread at a time."""

    def __init__(self) -> None:
        self._collected = time.monotonic()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No collection happens within the block, and later ones skip the objects made in it.

        The objects of a plan have no cycles, so they are freed without the collector. Cycles that
        other threads have made meanwhile are freed by the next collection of all objects.
        """
        gc.disable()
        try:
            yield
        finally:
            if time.monotonic() - self._collected > EVERY_SECONDS:
                gc.unfreeze()
                gc.collect()
                self._collected = time.monotonic()
            gc.freeze()
            gc.enable()
