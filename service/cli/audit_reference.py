"""What `audit --like` compares with: a tensor or a model of a running server, or a file."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin

from service.audit.files.checkpoint import INDEX_SUFFIX, opened_checkpoint, read_source, shards
from service.audit.files.sources import AuditError
from service.audit.files.stored import Stored
from service.cli.progress import complain_above_bar
from service.cli.remote import RefusedError, Remote, http_url, plain
from service.models.planning import INDEX, SINGLE

_RETRIES = 3
_MOST_INDEX_BYTES = 2**26


class RemoteSource:
    """A file on a server, of which ranges are fetched."""

    is_local = False

    def __init__(self, remote: Remote) -> None:
        """Raises RemoteError if there is no such file with ranges."""
        self._remote = remote
        self._description = remote.describe()
        self.name = plain(remote.url)
        self.length = self._description.length

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from start to stop. Raises RemoteError."""
        return self._remote.part(start, stop, self._description) if start < stop else b""


@contextmanager
def opened_reference(where: str) -> Iterator[list[Stored]]:
    """The tensors at a URL or of a file. Raises RemoteError and AuditError.

    A URL is that of a .npy or .safetensors file, of an index of shards, or of a model, whose index
    or file is below it.
    """
    with ExitStack() as stack:
        if "://" in where:
            tensors = _of_url(where, stack)
            if not tensors:
                raise AuditError(f"{plain(where)} has no tensor")
            yield tensors
        else:
            yield stack.enter_context(opened_checkpoint(Path(where)))


def _of_url(url: str, stack: ExitStack) -> list[Stored]:
    parts = http_url(url)
    path = parts.path or ""
    if path.endswith(INDEX_SUFFIX):
        return _of_index(url, stack)
    if path.endswith((".npy", ".safetensors")):
        return read_source(RemoteSource(_remote(url, stack)))
    if path.endswith(".raw"):
        message = "a .raw file tells no shape and dtype; write .npy or .safetensors for .raw"
        raise RefusedError(f"{plain(url)}: {message}")
    if path in ("", "/") or PurePosixPath(path).suffix or parts.query is not None:
        raise RefusedError(f"{plain(url)}: {_TAKEN}")
    return _of_model(url.rstrip("/") + "/", stack)


_TAKEN = (
    "--like takes a URL that ends in .npy, .safetensors or .index.json before its fields, or that "
    "of a model, which ends in its token"
)


def _of_model(folder: str, stack: ExitStack) -> list[Stored]:
    try:
        return _of_index(folder + INDEX, stack)
    except RefusedError:
        remote = _remote(folder + SINGLE, stack)
    try:
        source = RemoteSource(remote)
    except RefusedError as error:
        raise RefusedError(f"{plain(folder)} has no {SINGLE}: {error}\n{_TAKEN}") from None
    return read_source(source)


def _of_index(url: str, stack: ExitStack) -> list[Stored]:
    weight_map = shards(_remote(url, stack).document(_MOST_INDEX_BYTES), plain(url))
    found: dict[str, Stored] = {}
    for file in sorted(set(weight_map.values())):
        for tensor in read_source(RemoteSource(_remote(urljoin(url, file), stack))):
            if tensor.name in found:
                raise AuditError(f"{tensor.name!r} is in two files of {plain(url)}")
            found[tensor.name] = tensor
    return list(found.values())


def _remote(url: str, stack: ExitStack) -> Remote:
    remote = Remote(url, retries=_RETRIES, connections=1, notify=complain_above_bar, attended=True)
    return stack.enter_context(remote)
