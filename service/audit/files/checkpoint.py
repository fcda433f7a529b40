"""The tensors of a checkpoint: one file, a directory, or shards with an index."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from service.audit.files.npy import read_npy, read_npz
from service.audit.files.safetensors import parsed_object, read_safetensors
from service.audit.files.sources import AuditError, FileSource, Source
from service.audit.files.stored import Stored

INDEX_SUFFIX = ".index.json"

SUFFIXES = (".safetensors", ".npz", ".npy")
"""The files that a directory is searched for."""

_OF_TORCH = (
    'numpy.savez("model.npz", **{name: each.detach().numpy() '
    "for name, each in model.state_dict().items()})"
)
_OF_KERAS = 'numpy.savez("model.npz", **{each.path: each.numpy() for each in model.weights})'

_CONVERSIONS = {
    **dict.fromkeys((".pt", ".pth", ".bin"), ("PyTorch", _OF_TORCH)),
    **dict.fromkeys((".h5", ".keras"), ("Keras", _OF_KERAS)),
}
"""The files that only a framework reads, and the line that writes a file which can be audited."""

MOST_INDEX_BYTES = 2**26

MOST_NAMED = 3
"""The most indices that a message names."""


@contextmanager
def opened_checkpoint(path: Path) -> Iterator[list[Stored]]:
    """The tensors of a file, a directory or an index. Their values can be read until the end.

    Raises AuditError for a file that is not valid, for a name that occurs in two files, and if
    there is no tensor.
    """
    with ExitStack() as opened:
        tensors: dict[str, Stored] = {}
        for file in _files(path):
            for tensor in _tensors(file, opened):
                if tensor.name in tensors:
                    both = f"{tensors[tensor.name].file} and in {tensor.file}"
                    advice = "; give one of the files as FILE" if path.is_dir() else ""
                    raise AuditError(f"{tensor.name!r} is in {both}{advice}")
                tensors[tensor.name] = tensor
        index = _index_of(path)
        if index is not None:
            _check_index(index, tensors)
        if not tensors:
            raise AuditError(f"{path} has no tensor")
        yield list(tensors.values())


def left_out(path: Path) -> list[Path]:
    """The files of a directory that could be read, but are not those of its index."""
    index = _index_of(path) if path.is_dir() else None
    if index is None:
        return []
    read = set(_files(path))
    return [file for file in sorted(path.iterdir()) if file.suffix in SUFFIXES and file not in read]


def read_source(source: Source) -> list[Stored]:
    """The tensors of a .safetensors or .npy source. Raises AuditError."""
    is_npy = source.read(0, min(6, source.length)) == b"\x93NUMPY"
    return list(read_npy(source) if is_npy else read_safetensors(source))


def shards(content: bytes, where: str) -> dict[str, str]:
    """The file of each tensor in an index. Raises AuditError.

    A shard is a plain file name, so that an index leads to no other folder.
    """
    weight_map = parsed_object(content, where).get("weight_map")
    if not isinstance(weight_map, dict) or not all(
        isinstance(file, str) for file in weight_map.values()
    ):
        raise AuditError(f"{where} has no weight_map from names to files")
    for file in weight_map.values():
        if Path(file).name != file or file in ("", ".", "..") or "\\" in file or "\0" in file:
            raise AuditError(f"{where}: {file[:80]!r} is not the name of a file beside the index")
    return weight_map


def _index_of(path: Path) -> Path | None:
    """The index of shards that the path is or has, if there is one. Raises AuditError for two."""
    if not path.is_dir():
        return path if path.name.endswith(INDEX_SUFFIX) else None
    found = sorted(path.glob(f"*{INDEX_SUFFIX}"))
    if len(found) > 1:
        names = ", ".join(each.name for each in found[:MOST_NAMED])
        raise AuditError(f"{path} has {len(found)} indices, {names}; give one of them as FILE")
    return found[0] if found else None


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise AuditError(f"{path} is not there")
    index = _index_of(path)
    if index is not None:
        weight_map = shards(_content(index), str(index))
        return [index.parent / file for file in sorted(set(weight_map.values()))]
    if not path.is_dir():
        return [path]
    there = sorted(path.iterdir())
    files = [file for file in there if file.suffix in SUFFIXES]
    if not files:
        for file in there:
            _refuse_foreign(file)
        raise AuditError(f"{path} has no file that ends in {', '.join(SUFFIXES)}")
    return files


def _content(index: Path) -> bytes:
    with FileSource(index) as source:
        if source.length > MOST_INDEX_BYTES:
            raise AuditError(f"{index} has {source.length} bytes, too many for an index")
        return source.read(0, source.length)


def _check_index(index: Path, tensors: dict[str, Stored]) -> None:
    """Raise AuditError if a tensor is not in the file that the index says."""
    weight_map = shards(_content(index), str(index))
    for name, file in weight_map.items():
        if name not in tensors or Path(tensors[name].file).name != file:
            raise AuditError(f"{index}: {name!r} is not in {file}")
    for name, tensor in tensors.items():
        if name not in weight_map:
            raise AuditError(f"{tensor.file} has {name!r}, which {index.name} does not list")


def _tensors(file: Path, opened: ExitStack) -> Iterator[Stored]:
    if file.suffix == ".npz":
        if not file.is_file():
            raise AuditError(f"{file} is {'not a regular file' if file.exists() else 'not there'}")
        return read_npz(file, opened)
    if file.suffix in (".npy", ".safetensors"):
        source = opened.enter_context(FileSource(file))
        return read_npy(source) if file.suffix == ".npy" else read_safetensors(source)
    _refuse_foreign(file)
    raise AuditError(f"{file} does not end in {', '.join(SUFFIXES)} or {INDEX_SUFFIX}")


def _refuse_foreign(file: Path) -> None:
    """Raise AuditError with the line that converts it, if only a framework reads the file."""
    if file.suffix in _CONVERSIONS:
        framework, line = _CONVERSIONS[file.suffix]
        raise AuditError(f"{file} is not read; in {framework}, write {line}")
