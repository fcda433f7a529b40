"""A progress bar of bytes on standard error, if that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.cli.output import complain


def on_terminal() -> bool:
    """Whether standard error is a terminal, so that a person may watch."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def progress_bar(length: int, already: int = 0) -> Iterator[Callable[[int], object]]:
    """A function that advances a bar of `length` bytes by a number of bytes.

    `already` bytes are there from the start. Without a terminal the function does nothing.
    """
    if not on_terminal():
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(total=length, initial=already, unit="B", unit_scale=True, unit_divisor=1024) as bar:
        yield bar.update


def complain_above_bar(line: str) -> None:
    """As `complain`. On a terminal the line is printed above a bar, which is drawn again."""
    if not on_terminal():
        complain(line)
        return
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)
