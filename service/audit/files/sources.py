"""Where the bytes of a file come from, and what is wrong with a file that cannot be audited."""

import os
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self


class AuditError(Exception):
    """A file cannot be audited. The text names the file and says why."""


class Source(Protocol):
    """The bytes of a file, on disk or on a server."""

    @property
    def name(self) -> str:
        """What the file is called in messages."""

    @property
    def length(self) -> int:
        """The length in bytes."""

    @property
    def is_local(self) -> bool:
        """Whether short reads at many places are quick."""

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from start to stop, which are within the length. Raises AuditError."""


class FileSource:
    """A regular file on disk. It is opened once, and reading moves no position."""

    is_local = True

    def __init__(self, path: Path) -> None:
        """Raises AuditError if there is no such file, or if it is not a regular file."""
        self.name = str(path)
        if not path.is_file():
            raise AuditError(f"{path} is {'not a regular file' if path.exists() else 'not there'}")
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise AuditError(f"{path}: {error.strerror}") from None
        self.length = os.fstat(self._descriptor).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from start to stop. Raises AuditError if the file has become shorter."""
        content = os.pread(self._descriptor, stop - start, start)
        while len(content) < stop - start:
            more = os.pread(self._descriptor, stop - start - len(content), start + len(content))
            if not more:
                raise AuditError(f"{self.name} ends at byte {start + len(content)}")
            content += more
        return content
