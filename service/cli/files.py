"""Output: standard output, or a file that is written completely or not at all."""

import errno
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from service.cli.parser import FAILED, complain

STANDARD_OUTPUT = "-"

READER_LEFT = 128 + signal.SIGPIPE
"""The exit status that a shell gives a program that SIGPIPE ends."""


@contextmanager
def opened(output: str) -> Iterator[IO[bytes]]:
    """A binary file to write to; raises OSError.

    The bytes go to a temporary file in the same folder, which is renamed when the block succeeds.
    If the block fails, the temporary file is removed and an existing file is unchanged. A device
    or a pipe cannot be replaced, so it is written to directly.
    """
    if output == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "standard output is closed")
        with open(sys.stdout.fileno(), "wb", closefd=False) as stream:
            yield stream
        return
    path = Path(output).resolve()
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            yield stream
        return
    part = path.with_name(f".fanin-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as stream:
            yield stream
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def printed(content: bytes) -> int:
    """Write to standard output and return the exit status.

    A reader such as `head` may close the pipe early. That is no fault, so nothing is said.
    """
    try:
        with opened(STANDARD_OUTPUT) as stream:
            stream.write(content)
    except BrokenPipeError:
        return READER_LEFT
    except OSError as error:
        complain(f"{STANDARD_OUTPUT}: {error.strerror or error}")
        return FAILED
    return 0
