"""Standard output and standard error, which may be closed, full, or a pipe that nobody reads.

No other module of the commands writes to them.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TextIO

STANDARD_OUTPUT = "-"

FAILED = 1
"""The exit status of a valid request that failed, for example because the disk is full."""

REFUSED = 2
"""The exit status of a request that cannot be carried out as it is written."""

READER_LEFT = 128 + signal.SIGPIPE
"""The exit status that a shell gives a program that SIGPIPE ends."""


def complain(text: str) -> None:
    """Print lines to standard error, or nothing if it is closed, full or not read.

    The exit status then says all that can be said. With `sys.stderr` None, `print` would write to
    standard output, among the tensor's bytes.
    """
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def printed(content: bytes) -> int:
    """Write to standard output and return the exit status.

    A reader such as `head` may close the pipe early. That is no fault, so nothing is said.
    """
    try:
        with standard_output() as stream:
            stream.write(content)
    except BrokenPipeError:
        return READER_LEFT
    except OSError as error:
        complain(f"{STANDARD_OUTPUT}: {error.strerror or error}")
        return FAILED
    return 0


@contextmanager
def standard_output() -> Iterator[IO[bytes]]:
    """Standard output as a binary file; raises OSError."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    with open(sys.stdout.fileno(), "wb", closefd=False) as stream:
        yield stream


def reserve_standard_descriptors() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise the next file that is opened, such as a tensor's, would get the number of that stream,
    and a library that reports a fault to stream 2 would write into the file.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def _discard(stream: TextIO) -> None:
    """Let the stream lead to the null device.

    What it still holds goes there when Python ends. Otherwise Python would fail to write it again,
    and change the exit status to 120.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
