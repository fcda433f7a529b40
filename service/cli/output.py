"""Standard output and standard error. Each may be closed, or full, or a pipe without a reader.

No other module of the commands writes to them.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from shutil import get_terminal_size
from typing import IO, TextIO

STANDARD_OUTPUT = "-"

FAILED = 1
"""The exit status of a valid request that failed, for example because the disk is full."""

REFUSED = 2
"""The exit status of a request that cannot be carried out as it is written."""

READER_LEFT = 128 + signal.SIGPIPE
"""The exit status that a shell reports for a program that SIGPIPE ended."""


def complain(text: str) -> None:
    """Print lines to standard error, or nothing if it is closed, full or not read.

    If `sys.stderr` is None, `print` would write to standard output, which may get the tensor's
    bytes.
    """
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def complain_within_signal(line: str) -> None:
    """As `complain`, within the handler of a signal.

    The handler may have interrupted a write to `sys.stderr`, whose buffer cannot be entered twice.
    On a terminal the line is not appended to a progress bar.
    """
    if sys.stderr is None:
        return
    before = "\n" if sys.stderr.isatty() else ""
    with suppress(OSError):
        os.write(sys.stderr.fileno(), f"{before}{line}\n".encode())


def printed(content: bytes) -> int:
    """Write to standard output and return the exit status.

    A reader such as `head` may close the pipe early. That is no error, so no message is printed.
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


def terminal_width() -> int | None:
    """The columns of the terminal that standard output is; None if it is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return get_terminal_size().columns


@contextmanager
def standard_output() -> Iterator[IO[bytes]]:
    """Standard output as a binary file; raises OSError."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    with open(sys.stdout.fileno(), "wb", closefd=False) as stream:
        yield stream


def reserve_standard_descriptors() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise the next file that is opened, such as a tensor's, would get the number of that stream.
    A library that writes an error message to stream 2 would then write into the file.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def _discard(stream: TextIO) -> None:
    """Connect the stream to the null device.

    Python writes what is still in the stream's buffer when it ends. If that failed, the exit status
    would be 120.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
