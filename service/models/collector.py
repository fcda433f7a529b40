"""Python's garbage collector while models are planned.

The collector looks at all objects of a process from time to time, and no thread runs meanwhile.
With the objects of 200,000 tensors that takes 0.3 s, several times for each plan, and 0.6 s with
those that a server has when it starts. `gc.freeze` puts objects aside, where no collection looks at
them. They are freed all the same when nothing refers to them, unless they are in a cycle.
"""

import gc
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

EVERY_SECONDS = 3600.0
"""How often all objects are looked at. That frees cycles of other threads that were put aside while
they were in use. An answer leaves none, and a connection leaves one of 1 KB."""


class Collector:
    """Puts the objects of plans aside. Several threads may plan at once."""

    def __init__(self) -> None:
        self._collected = time.monotonic()
        self._lock = Lock()
        self._planning = 0

    @contextmanager
    def passing_over(self) -> Iterator[None]:
        """Put the objects aside that are made within the block.

        Each collection of young objects is the last one that looks at them, so none takes long.
        """
        with self._lock:
            self._planning += 1
            if self._planning == 1:
                gc.callbacks.append(_freeze)
        try:
            yield
        finally:
            with self._lock:
                gc.collect(0)
                self._planning -= 1
                if self._planning == 0:
                    gc.callbacks.remove(_freeze)
                    self._collect_if_due()

    def _collect_if_due(self) -> None:
        if time.monotonic() - self._collected > EVERY_SECONDS:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            self._collected = time.monotonic()


def _freeze(phase: str, about: Mapping[str, Any]) -> None:
    if phase == "stop":
        gc.freeze()
