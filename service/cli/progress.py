"""A progress bar of bytes on standard error, if that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(length: int, already: int = 0) -> Iterator[Callable[[int], object]]:
    """A function that advances a bar of `length` bytes by a number of bytes.

    `already` bytes are there from the start. Without a terminal the function does nothing.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(total=length, initial=already, unit="B", unit_scale=True, unit_divisor=1024) as bar:
        yield bar.update
