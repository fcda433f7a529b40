"""Output: standard output, or a file that is written completely or not at all."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from service.cli.output import STANDARD_OUTPUT, standard_output
from service.cli.signals import ended_by_signals

_PERMISSIONS = 0o777
"""The mode bits that a new file takes over. Setuid, setgid and sticky bits are left out."""


@contextmanager
def opened(output: str) -> Iterator[IO[bytes]]:
    """A binary file to write to; raises OSError.

    The bytes go to a temporary file in the same folder, which replaces the file when the block
    succeeds. If the block fails or a signal ends the process, the temporary file is removed and an
    existing file is unchanged. A symbolic link stays, and the file that it names is replaced. Other
    hard links of the file keep the old bytes.

    The new file has the permissions of the old one, and its owner and group as far as the system
    allows. The old file must be writable. A device or a pipe cannot be replaced, so it is written
    to directly.
    """
    if output == STANDARD_OUTPUT:
        with standard_output() as stream:
            yield stream
        return
    old = status_of(output)
    if old is not None and not stat.S_ISREG(old.st_mode):
        with open(output, "wb") as stream:
            yield stream
        return
    path = Path(os.path.realpath(output))
    if old is not None:
        os.close(os.open(path, os.O_WRONLY))
    part = path.with_name(f".fanin-{secrets.token_hex(8)}.part")
    with ended_by_signals(unfinished=part):
        try:
            with _created(part, private=old is not None) as stream:
                if old is not None:
                    take_over(stream.fileno(), old)
                yield stream
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def status_of(output: str | Path) -> os.stat_result | None:
    """The status of the file that the name leads to, or None if there is none."""
    try:
        return os.stat(output)
    except FileNotFoundError:
        return None


def _created(part: Path, *, private: bool) -> IO[bytes]:
    """A new file. If `private`, only its owner may use it. Else the umask decides."""
    mode = 0o600 if private else 0o666
    try:
        return open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode))
    except PermissionError as error:
        raise PermissionError(error.errno, f"cannot write in the folder {part.parent}") from None


def take_over(descriptor: int, old: os.stat_result) -> None:
    """Give an open file the owner, group and permissions of the file that it replaces.

    Only root can change the owner. Other users can choose only among their own groups. If the group
    cannot be kept, the new group gets the permissions of others.
    """
    mode = old.st_mode & _PERMISSIONS
    with suppress(OSError):
        os.fchown(descriptor, old.st_uid, -1)
    try:
        os.fchown(descriptor, -1, old.st_gid)
    except OSError:
        mode = mode & ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3
    os.fchmod(descriptor, mode)
