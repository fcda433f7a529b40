"""The reader in Node understands what the official library writes, and refuses a broken file."""

import hashlib
import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save_file

from tests.models.reading import read_in_node

pytestmark = pytest.mark.needs("node")

Tensors = dict[str, npt.NDArray[Any]]


@pytest.fixture
def tensors() -> Tensors:
    """One of each dtype of a model file, with a subnormal and the largest number of float16."""
    random = np.random.default_rng(3)
    return {
        "double": random.standard_normal((3, 5)),
        "single": random.standard_normal((2, 3, 4)).astype(np.float32),
        "half": np.array([0.1, -65504, 6e-8, 2**-14], np.float16),
        "brain": random.standard_normal(9).astype(ml_dtypes.bfloat16),
        "num_batches_tracked": np.array(0, np.int64),
        "count": np.array([-1, 2**40]),
        "empty": np.zeros((0, 4), np.float32),
    }


NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64"}


def described(name: str, array: npt.NDArray[Any], file: str) -> dict[str, Any]:
    """What the reader should say."""
    values = array.ravel().astype(np.int64 if array.dtype == np.int64 else np.float64).tolist()
    return {
        "name": name,
        "dtype": NAMES[array.dtype.name],
        "shape": list(array.shape),
        "file": file,
        "first": values[:4],
        "last": values[-4:],
        "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
    }


def test_a_file_of_the_official_library(tensors: Tensors, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    assert read_in_node(tmp_path) == [
        described(name, tensors[name], "model.safetensors") for name in sorted(tensors)
    ]


def write_shards(tensors: Tensors, folder: Path) -> dict[str, str]:
    """Two files of the official library with their index; the file of each tensor."""
    names = list(tensors)
    weight_map: dict[str, str] = {}
    for number, part in enumerate((names[:4], names[4:]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    write_index(folder, weight_map, sum(each.nbytes for each in tensors.values()))
    return weight_map


def write_index(folder: Path, weight_map: dict[str, str], size: int) -> None:
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_shards_of_the_official_library(tensors: Tensors, tmp_path: Path) -> None:
    files = write_shards(tensors, tmp_path)
    assert read_in_node(tmp_path) == [
        described(name, tensors[name], files[name]) for name in sorted(tensors)
    ]


def complaint(folder: Path) -> str:
    """The message with which the reader fails."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        read_in_node(folder)
    return str(failed.value.stderr)


@pytest.mark.parametrize(
    ("offsets", "size", "message"),
    [
        ([[0, 8], [12, 20]], 20, "b begins at 12, and what is before it ends at 8"),
        ([[0, 8], [4, 12]], 12, "b begins at 4, and what is before it ends at 8"),
        ([[0, 8], [8, 20]], 20, "b has 12 bytes, and its shape 8"),
        ([[0, 8], [8, 16]], 18, "2 bytes after the last tensor"),
        ([[0, 8], [8, 16]], 15, "-1 bytes after the last tensor"),
    ],
    ids=["hole", "overlap", "shape", "long", "short"],
)
def test_a_broken_file_is_refused(
    offsets: list[list[int]], size: int, message: str, tmp_path: Path
) -> None:
    entries = {
        name: {"dtype": "F32", "shape": [2], "data_offsets": pair}
        for name, pair in zip("ab", offsets, strict=True)
    }
    header = json.dumps(entries).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(size)
    (tmp_path / "model.safetensors").write_bytes(content)
    assert message in complaint(tmp_path)


def test_a_wrong_index_is_refused(tensors: Tensors, tmp_path: Path) -> None:
    files = write_shards(tensors, tmp_path)
    size = sum(each.nbytes for each in tensors.values())
    write_index(tmp_path, files, size + 1)
    assert f"total_size is {size + 1}, not {size}" in complaint(tmp_path)
    write_index(tmp_path, files | {"half": files["count"]}, size)
    assert "the index does not say that half is in" in complaint(tmp_path)
    write_index(tmp_path, files | {"absent": files["count"]}, size)
    assert "the index lists other tensors" in complaint(tmp_path)
    save_file(tensors, tmp_path / "model.safetensors")
    assert "or there are both" in complaint(tmp_path)
