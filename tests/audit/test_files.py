"""The readers: every format and dtype gives the values, and hostile files are refused."""

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from service.audit.files import npy
from service.audit.files.checkpoint import opened_checkpoint
from service.audit.files.sources import AuditError
from service.audit.files.stored import PIECE_BYTES, Stored
from tests.audit.drawing import Array, cast
from tests.process import ROOT

DTYPES = ("float32", "float16", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2")


def drawn(shape: tuple[int, ...], dtype: str = "float32") -> Array:
    return cast(np.random.default_rng(3).normal(size=shape), dtype)


def values_of(tensor: Stored) -> Array:
    """All values in C order."""
    pieces = [tensor.values(piece) for piece in tensor.raw()]
    return np.concatenate(pieces).reshape(tensor.shape)


def read(path: Path) -> dict[str, Array]:
    """The values of all tensors."""
    with opened_checkpoint(path) as tensors:
        return {each.name: values_of(each) for each in tensors}


@pytest.mark.parametrize("dtype", [*DTYPES, "int64", "uint8", "bool"])
def test_safetensors_of_the_official_writer(tmp_path: Path, dtype: str) -> None:
    """Every dtype, a scalar and an empty tensor among them."""
    shapes = {"a.weight": (33, 7), "scalar": (), "empty": (0, 3)}
    tensors = {
        name: drawn(shape, "float32").astype(dtype)
        if dtype in ("int64", "uint8", "bool")
        else np.asarray(drawn(shape, dtype))
        for name, shape in shapes.items()
    }
    path = tmp_path / "model.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    with opened_checkpoint(path) as stored:
        found = {each.name: each for each in stored}
        assert set(found) == set(tensors)
        for name, values in tensors.items():
            assert found[name].dtype == dtype
            if values.size:
                expected = values.astype(np.float32) if dtype in DTYPES[3:] else values
                np.testing.assert_array_equal(values_of(found[name]), expected)
            else:
                assert list(found[name].raw()) == []


@pytest.mark.parametrize("descr", ["<f4", ">f4", "<f2", "<f8", ">f8", "|i1", ">i8", "|b1"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(5, 3, 4), (7,), (1, 9), ()])
def test_npy(tmp_path: Path, descr: str, order: str, shape: tuple[int, ...]) -> None:
    """Both orders of bytes and of axes."""
    # NumPy's types want a literal order.
    values = np.asarray(np.asarray(drawn(shape)).astype(descr), order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "w.npy", values)
    np.testing.assert_array_equal(read(tmp_path / "w.npy")["w"], values)


def test_npy_of_ml_dtypes(tmp_path: Path) -> None:
    """NumPy writes bfloat16 as two bytes without a meaning."""
    values = drawn((6, 5), "bfloat16")
    np.save(tmp_path / "w.npy", values)
    np.testing.assert_array_equal(read(tmp_path / "w.npy")["w"], values.astype(np.float32))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, save: Callable[..., None]) -> None:
    """Stored and compressed members, in both orders, and names with slashes."""
    tensors = {"a/kernel": drawn((40, 30)), "b": np.asfortranarray(drawn((8, 9))), "c": drawn((3,))}
    save(tmp_path / "model.npz", **tensors)
    found = read(tmp_path / "model.npz")
    assert set(found) == set(tensors)
    for name, values in tensors.items():
        np.testing.assert_array_equal(found[name], values)


def test_values_come_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No piece is larger than PIECE_BYTES, also not of an array in Fortran order."""
    values = drawn((1500, 1000))
    np.save(tmp_path / "c.npy", values)
    np.save(tmp_path / "f.npy", np.asfortranarray(values))
    np.savez_compressed(tmp_path / "z.npz", w=values)
    monkeypatch.setattr(npy, "STRIP_BYTES", 2**20)
    for name in ("c.npy", "f.npy", "z.npz"):
        with opened_checkpoint(tmp_path / name) as (tensor,):
            pieces = list(tensor.raw())
            assert len(pieces) > 1
            assert max(map(len, pieces)) <= PIECE_BYTES
            assert b"".join(pieces) == values.tobytes()
            assert b"".join(tensor.raw()) == values.tobytes()  # They can be read again.


@pytest.mark.parametrize("shape", [(1500, 1000), (3, 70_000), (5, 2, 3, 4000), (40, 30, 1, 50)])
@pytest.mark.parametrize(("strip", "piece"), [(2**16, 2**12), (2**10, 2**9), (16, 8)])
def test_a_file_in_fortran_order_is_read_in_strips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], strip: int, piece: int
) -> None:
    """The values are those in C order, however few fit into a strip and into a piece."""
    monkeypatch.setattr(npy, "STRIP_BYTES", strip)
    monkeypatch.setattr(npy, "PIECE_BYTES", piece)
    if prod(shape) > 10**5 and strip < 2**16:
        shape = tuple(min(extent, 20) for extent in shape)
    values = np.random.default_rng(4).integers(-100, 100, shape, np.int16)
    np.save(tmp_path / "f.npy", np.asfortranarray(values))
    with opened_checkpoint(tmp_path / "f.npy") as (tensor,):
        pieces = list(tensor.raw())
        assert max(map(len, pieces)) <= piece
        assert b"".join(pieces) == values.tobytes()


def test_an_archive_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its directory lists all members, so opening it for each would take the square of them."""
    opened: list[Path] = []

    class Counted(zipfile.ZipFile):
        def __init__(self, path: Path) -> None:
            opened.append(path)
            super().__init__(path)

    path = tmp_path / "model.npz"
    np.savez(path, **{f"w{number}": drawn((3, 4)) for number in range(20)})  # type: ignore[arg-type]
    monkeypatch.setattr(zipfile, "ZipFile", Counted)
    assert len(read(path)) == 20
    assert opened == [path]


def test_a_directory_and_an_index(tmp_path: Path) -> None:
    """A directory without an index has all its files, with one the files of the index."""
    save_file({"a": drawn((3, 4))}, tmp_path / "one.safetensors")
    np.save(tmp_path / "b.npy", drawn((2, 2)))
    (tmp_path / "notes.txt").write_text("no tensor")
    assert set(read(tmp_path)) == {"a", "b"}
    index = {"weight_map": {"a": "one.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert set(read(tmp_path)) == {"a"}
    assert set(read(tmp_path / "model.safetensors.index.json")) == {"a"}


def header(content: Any, size: int | None = None) -> bytes:
    """The beginning of a safetensors file."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text


def entry(shape: Any = (2,), dtype: Any = "F32", offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no header"),
        (b"1234567", "no header"),
        (header({}, 2**40), "more than there can be"),
        (header({}, 3), "more than there can be"),
        (header(b"{"), "not JSON"),
        (header(b"[1]"), "not a JSON object"),
        (header(b"[" * 100_000), "not JSON"),
        (header(b'{"a": {}, "a": {}}'), "'a' occurs twice"),
        (header({"a": 3}), "not described"),
        (header({"a": entry()}), "is truncated"),
        (header({"a": entry()}) + bytes(7), "is truncated"),
        (header({"a": entry()}) + bytes(9), "after the last tensor"),
        (header({"a": entry(dtype="F4")}) + bytes(8), "dtype 'F4'"),
        (header({"a": entry(dtype=None)}) + bytes(8), "dtype"),
        (header({"a": entry(shape=[-2])}) + bytes(8), "no valid shape"),
        (header({"a": entry(shape=[2.0])}) + bytes(8), "no valid shape"),
        (header({"a": entry(shape=[True, 2])}) + bytes(8), "no valid shape"),
        (header({"a": entry(shape="2")}) + bytes(8), "no valid shape"),
        (header({"a": entry(shape=[1] * 65)}) + bytes(8), "no valid shape"),
        (header({"a": entry(shape=[3])}) + bytes(8), "do not fit"),
        (header({"a": entry(shape=[2**61, 4])}) + bytes(8), "do not fit"),
        (header({"a": entry(offsets=[8, 0])}) + bytes(8), "do not fit"),
        (header({"a": entry(offsets=[0])}) + bytes(8), "no valid offsets"),
        (header({"a": entry(offsets=[-8, 0])}) + bytes(8), "no valid offsets"),
        (header({"a": entry(offsets=[4, 12])}) + bytes(12), "do not follow"),
        (header({"a": entry(), "b": entry()}) + bytes(8), "do not follow"),
        (header({"a": entry(), "b": entry(offsets=[4, 12])}) + bytes(12), "do not follow"),
    ],
)
def test_hostile_safetensors(tmp_path: Path, content: bytes, fault: str) -> None:
    """Each is refused with its fault, before a value is read."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(AuditError, match=fault), opened_checkpoint(path):
        pass


def npy_header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    """The beginning of a .npy file."""
    content = text.encode() + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(content))
    return b"\x93NUMPY" + bytes(version) + size + content


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"


class Bomb:
    """Unpickling it would create a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._path),)


def test_no_object_is_unpickled(tmp_path: Path) -> None:
    """An object array is refused, and what is in it is not executed."""
    values = np.array([Bomb(tmp_path / "executed")], object)
    np.save(tmp_path / "w.npy", values, allow_pickle=True)
    np.savez(tmp_path / "w.npz", a=values)
    for name in ("w.npy", "w.npz"):
        with pytest.raises(AuditError, match="Python objects"), opened_checkpoint(tmp_path / name):
            pass
    assert not (tmp_path / "executed").exists()
    pickle.loads((tmp_path / "w.npy").read_bytes().partition(b"\n")[2])  # Control.
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no valid .npy header"),
        (b"\x93NUMPY", "no valid .npy header"),
        (b"\x93NUMPY\x01\x00\xff\xff{", "no valid .npy header"),
        (npy_header(GOOD), "is truncated"),
        (npy_header(GOOD) + bytes(7), "is truncated"),
        (npy_header(GOOD) + bytes(9), "after the values"),
        (npy_header(GOOD, (3, 0)) + bytes(8), "version 3.0"),
        (npy_header("__import__('os').getpid()"), "no valid .npy header"),
        (npy_header("{'descr': '<f4'}"), "no valid .npy header"),
        (npy_header(GOOD.replace("(2,)", "(-2,)")) + bytes(8), "no valid shape"),
        (npy_header(GOOD.replace("(2,)", "(2**70,)")) + bytes(8), "no valid .npy header"),
        (npy_header(GOOD.replace("(2,)", f"({2**70},)")) + bytes(8), "no valid shape"),
        (npy_header(GOOD.replace("<f4", "<U2")) + bytes(16), "not a number"),
        (npy_header(GOOD.replace("<f4", "<c8")) + bytes(16), "not a number"),
        (npy_header(GOOD.replace("'<f4'", "[('a', '<f4')]")) + bytes(8), "not a number"),
        (npy_header("[" * 5000), "no valid .npy header"),
        (npy_header(GOOD + " " * 20_000) + bytes(8), "no valid .npy header"),
    ],
)
def test_hostile_npy(tmp_path: Path, content: bytes, fault: str) -> None:
    """The same in a file of its own, and where a .npz has it too."""
    path = tmp_path / "w.npy"
    path.write_bytes(content)
    with pytest.raises(AuditError, match=fault), opened_checkpoint(path):
        pass
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("w.npy", content)
    with pytest.raises(AuditError), opened_checkpoint(tmp_path / "w.npz"):
        pass


def zipped(path: Path, members: list[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)


def npy_bytes(values: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_npz(tmp_path: Path) -> None:
    """Duplicates, other members, no archive, a cut one and a damaged one."""
    path = tmp_path / "w.npz"
    member = npy_bytes(drawn((300, 200)))

    def refused(fault: str) -> None:
        with pytest.raises(AuditError, match=fault):
            read(path)

    zipped(path, [("a.npy", member), ("a.npy", member)])
    refused("'a.npy' occurs twice")
    zipped(path, [("a.npy", member), ("readme.txt", b"")])
    refused("is not a .npy file")
    path.write_bytes(b"PK")
    refused("not a zip file")
    zipped(path, [("a.npy", member)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("not a zip file")
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    path.write_bytes(damaged)
    refused("w.npz")


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("../secret.safetensors", "not the name of a file beside the index"),
        ("/etc/passwd", "not the name of a file beside the index"),
        ("sub/one.safetensors", "not the name of a file beside the index"),
        ("..\\one.safetensors", "not the name of a file beside the index"),
        ("..", "not the name of a file beside the index"),
        ("", "not the name of a file beside the index"),
        ("absent.safetensors", "is not there"),
        ("one.txt", "does not end in"),
        (3, "no weight_map"),
    ],
)
def test_an_index_leads_to_no_other_folder(tmp_path: Path, file: object, fault: str) -> None:
    """A shard is a file beside its index."""
    save_file({"a": drawn((3, 4))}, tmp_path / "secret.safetensors")
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    for name in ("one.safetensors", "sub/one.safetensors", "one.txt"):
        save_file({"a": drawn((3, 4))}, folder / name)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": file}}))
    with pytest.raises(AuditError, match=fault), opened_checkpoint(index):
        pass


def test_an_index_that_does_not_fit_its_files(tmp_path: Path) -> None:
    """A tensor in another file, an unlisted tensor, a name in two files, and two indices."""
    save_file({"a": drawn((3, 4))}, tmp_path / "one.safetensors")
    save_file({"b": drawn((3, 4))}, tmp_path / "two.safetensors")
    index = tmp_path / "model.safetensors.index.json"

    def refused(fault: str, **weight_map: str) -> None:
        index.write_text(json.dumps({"weight_map": weight_map}))
        with pytest.raises(AuditError, match=fault), opened_checkpoint(tmp_path):
            pass

    refused("'a' is not in two.safetensors", a="two.safetensors", b="one.safetensors")
    save_file({"b": drawn((3, 4)), "c": drawn((2,))}, tmp_path / "two.safetensors")
    refused("has 'c', which", a="one.safetensors", b="two.safetensors")
    save_file({"a": drawn((3, 4))}, tmp_path / "two.safetensors")
    refused("'a' is in .*; give one of the files", a="one.safetensors", b="two.safetensors")
    (tmp_path / "other.index.json").write_text("{}")
    refused(
        "2 indices, model.safetensors.index.json, other.index.json; give one of them as FILE",
        a="one.safetensors",
    )


def test_other_paths(tmp_path: Path) -> None:
    """No file or folder, another suffix, an empty folder or file, and a pipe."""
    (tmp_path / "w.txt").write_bytes(b"")
    np.savez(tmp_path / "none.npz")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.npy")
    for name, fault in (
        ("absent.npy", "is not there"),
        ("absent.npz", "is not there"),
        ("absent", "is not there"),
        ("absent.pt", "is not there"),
        ("absent.index.json", "is not there"),
        ("w.txt", "does not end in"),
        ("empty", "has no file"),
        ("none.npz", "has no tensor"),
        ("pipe.npy", "not a regular file"),
    ):
        with pytest.raises(AuditError, match=fault), opened_checkpoint(tmp_path / name):
            pass


@pytest.mark.parametrize(
    ("suffix", "framework"),
    [
        (".pt", "PyTorch"),
        (".pth", "PyTorch"),
        (".bin", "PyTorch"),
        (".h5", "Keras"),
        (".keras", "Keras"),
    ],
)
def test_a_file_of_a_framework_is_refused_with_its_conversion(
    tmp_path: Path, suffix: str, framework: str
) -> None:
    """The line is that of the documentation, for a file and for a folder with one."""
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"")
    documented = (ROOT / "docs" / "audit.md").read_text().splitlines()
    for where in (path, tmp_path):
        with pytest.raises(AuditError) as refused, opened_checkpoint(where):
            pass
        beginning, _, line = str(refused.value).partition(" write ")
        assert beginning == f"{path} is not read; in {framework},"
        assert f"    {line}" in documented


def test_a_file_that_becomes_shorter(tmp_path: Path) -> None:
    """It is told, and no value is made up."""
    path = tmp_path / "w.npy"
    np.save(path, drawn((100, 100)))
    with opened_checkpoint(path) as (tensor,):
        os.truncate(path, 5000)
        with pytest.raises(AuditError, match="ends at byte 5000"):
            list(tensor.raw())


def test_control_ml_dtypes_has_what_is_read() -> None:
    """The 8-bit dtypes of the tests are those of ml_dtypes."""
    assert all(hasattr(ml_dtypes, dtype) for dtype in DTYPES[3:])


def test_a_name_with_half_a_surrogate_pair_is_refused(tmp_path: Path) -> None:
    """It could not be printed."""
    path = tmp_path / "model.safetensors"
    text = b'{"\\ud800x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    with pytest.raises(AuditError, match="surrogate"), opened_checkpoint(path) as tensors:
        list(tensors)


def test_a_damaged_member_of_any_compression_is_refused(tmp_path: Path) -> None:
    """Deflate, bzip2 and LZMA raise errors of their own."""
    for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = tmp_path / f"{kind}.npz"
        with zipfile.ZipFile(path, "w", kind) as archive:
            archive.writestr("a.npy", npy_bytes(drawn((300, 300))))
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 4000] = bytes(4000)
        path.write_bytes(content)
        with pytest.raises(AuditError, match=str(path)):
            read(path)
