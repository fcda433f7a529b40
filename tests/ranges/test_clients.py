"""Programs that people download with: they resume with ranges, and the file is the tensor."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

from tests.application import ready
from tests.ranges.tensors import remembered
from tests.server import Address

TARGET = "/v1/weights.npy?shape=2048,1536&scheme=he_normal&seed=7&name=w"
LENGTH = 128 + 2048 * 1536 * 4
"""12 MiB, so that aria2 and fsspec ask for several ranges."""

CUTS = (1, 127, 2**20 + 3, LENGTH - 1)
"""The bytes that a cut download has left: within the head, within an element, all but one."""

CURL = ("curl", "--silent", "--show-error", "-C", "-", "-o")
WGET = ("wget", "--quiet", "-c", "-O")
ARIA2 = ("aria2c", "--quiet", "--no-conf", "-c", "-x4", "-s4", "-k1M", "--allow-overwrite=false")


clients = pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=pytest.mark.needs(command[0]), id=command[0])
        for command in (CURL, WGET, ARIA2)
    ],
)


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def download(command: tuple[str, ...], address: Address, file: Path) -> None:
    """Run a client until it has the tensor in this file."""
    if command[0] == "aria2c":
        place = [f"--dir={file.parent}", f"--out={file.name}"]
    else:
        place = [str(file)]
    words = [*command, *place, address.url + TARGET]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("cut", CUTS)
@clients
def test_a_cut_download_is_resumed(
    address: Address, tmp_path: Path, command: tuple[str, ...], cut: int
) -> None:
    """The first byte of the file is wrong and stays wrong, so the client asked for the rest alone.

    aria2 keeps whole pieces of 1 MiB only. It asks for a shorter beginning again, if it has no
    control file, so the byte is then right.
    """
    whole = remembered(TARGET)
    assert len(whole) == LENGTH
    wrong = bytes([whole[0] ^ 0xFF])
    file = tmp_path / "w.npy"
    file.write_bytes(wrong + whole[1:cut])
    download(command, address, file)
    kept = command is not ARIA2 or cut >= 2**20
    assert file.read_bytes() == (wrong + whole[1:] if kept else whole)


@clients
def test_a_download_from_the_beginning(
    address: Address, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Once, and again when the file is complete: 416 tells a client that nothing is missing."""
    file = tmp_path / "w.npy"
    for _ in range(2):
        download(command, address, file)
        assert file.read_bytes() == remembered(TARGET)


def test_numpy_reads_a_remote_file(address: Address) -> None:
    """fsspec asks for ranges of 1 MiB as np.load reads on."""
    with fsspec.open(address.url + TARGET, block_size=2**20) as file:
        loaded = np.load(file)
    expected = np.frombuffer(remembered(TARGET), "<f4", offset=128).reshape(2048, 1536)
    assert loaded.dtype == expected.dtype
    assert np.array_equal(loaded, expected)


def test_a_remote_file_is_read_anywhere(address: Address) -> None:
    """Seeking forth and back, past the end, and several places at once."""
    whole = remembered(TARGET)
    with fsspec.open(address.url + TARGET, block_size=2**16) as file:
        assert file.size == LENGTH
        for start, size in ((LENGTH - 5, 100), (2**20 - 1, 3), (0, 8), (5_000_001, 2**17)):
            file.seek(start)
            assert file.read(size) == whole[start : start + size]
    files = fsspec.filesystem("http")
    starts, ends = [0, LENGTH - 9, 4_000_003], [1, LENGTH, 4_000_010]
    url = address.url + TARGET
    pieces = files.cat_ranges([url] * 3, starts, ends)
    assert pieces == [whole[start:end] for start, end in zip(starts, ends, strict=True)]
