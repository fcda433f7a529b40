"""A large download does not grow nginx. `make front-large` downloads 64 GiB over loopback."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.front.nginx import Edit, Front, all_slices, nginx, replaced
from tests.process import resident_bytes, server
from tests.server import Address
from tests.server import ask as ask_only

pytestmark = [pytest.mark.slow, pytest.mark.ci, pytest.mark.needs("nginx")]

MIB, GIB = 2**20, 2**30

SIZE = int(os.environ.get("FRONT_GIB", "2")) * GIB
"""How much is downloaded."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory and open files of all processes of nginx."""

    memory: int
    files: int

    @classmethod
    def of(cls, front: Front) -> "Footprint":
        """As they are now."""
        ids = front.processes()
        files = sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in ids)
        return cls(sum(map(resident_bytes, ids)), files)


@pytest.fixture(scope="module")
def replica() -> Iterator[Address]:
    """A replica that is ready."""
    with server() as running:
        running.wait_until_all_ready()
        yield running.address


def growth(replica: Address, folder: Path, size: int, edit: Edit = str) -> Footprint:
    """What nginx has more, at most, while it passes a tensor of this size on."""
    target = f"/v1/weights.raw?shape={size // 4}&scheme=normal&seed=1&name=w"
    buffer = bytearray(MIB)
    memory, files = 0, 0
    with nginx([replica], folder, edit) as front:
        before = Footprint.of(front)
        with ask_only(front.address, target) as client:
            received = client.recv_into(buffer)
            length = -buffer[:received].index(b"\r\n\r\n") - 4 + received
            checked = 0
            while length < size:
                count = client.recv_into(buffer)
                assert count, f"cut after {length} bytes"
                length += count
                if length - checked >= size // 64:
                    checked, now = length, Footprint.of(front)
                    memory = max(memory, now.memory - before.memory)
                    files = max(files, now.files - before.files)
    assert length == size
    return Footprint(memory, files)


def test_a_whole_download_does_not_grow_nginx(replica: Address, tmp_path: Path) -> None:
    """A connection to the client, one to the replica, and their buffers."""
    grown = growth(replica, tmp_path, SIZE)
    print(f"{SIZE // GIB} GiB: {grown.memory // 1024} KiB and {grown.files} files more")
    assert grown.memory < 4 * MIB
    assert grown.files <= 4


def test_through_slices_it_grows(replica: Address, tmp_path: Path) -> None:
    """Negative control: memory and a file for each slice, until the answer ends."""

    def sliced(text: str) -> str:
        return replaced(all_slices(text), "if ($is_sliced) {", 'if ($request_method = "GET") {')

    grown = growth(replica, tmp_path, 256 * MIB, sliced)
    print(f"256 MiB in slices: {grown.memory // 1024} KiB and {grown.files} files more")
    assert grown.memory > 8 * MIB
    assert grown.files > 128
