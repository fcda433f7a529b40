"""A download that was killed is completed, and a cache is valid at any replica."""

import hashlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.clients.environment import run_client, variables
from tests.hub.clients.models import FAMILIES, snapshot
from tests.models.environment import TRIED, transformers_python
from tests.peers.environment import ROOT
from tests.server import Address

pytestmark = pytest.mark.slow

LARGE, FILE, REVISION = "fanin/gpt2.n_layer-4", "model.safetensors", "seed-5"
"""The repo id of a model of 270 MB, whose download takes long enough to be killed."""

TINY = FAMILIES["gpt2"].repo_id

SECONDS = 60
"""In which a download begins."""


@pytest.fixture(scope="module", params=TRIED)
def hf(request: pytest.FixtureRequest) -> str:
    """The command of a release of huggingface_hub."""
    return str(transformers_python(str(request.param)).parent / "hf")


def unfinished(home: Path) -> Iterator[Path]:
    """The files of a cache that are not complete."""
    return home.glob("hub/models--*/blobs/*.incomplete")


def kill_in_the_middle(command: list[str], environment: dict[str, str], home: Path) -> int:
    """Start a download and kill the process as soon as there are bytes; how many there are then."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + SECONDS
            while not any(path.stat().st_size for path in unfinished(home)):
                assert process.poll() is None, "it ended before it was killed"
                assert time.monotonic() < deadline
                time.sleep(0.002)
        finally:
            process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    (left,) = unfinished(home)
    return left.stat().st_size


@pytest.mark.needs("curl")
def test_a_killed_download_is_completed(hub: Address, hf: str, tmp_path: Path) -> None:
    """The file has the length and the SHA-256 of what the server sends to another client."""
    home, environment = tmp_path / "home", variables(tmp_path / "home", hub.url)
    command = [hf, "download", LARGE, FILE, "--revision", REVISION]
    begun = kill_in_the_middle(command, environment, home)
    assert not (snapshot(home, LARGE, REVISION) / FILE).exists()
    run_client(command, environment)
    complete = (snapshot(home, LARGE, REVISION) / FILE).read_bytes()
    assert 0 < begun < len(complete)
    url = f"{hub.url}/{LARGE}/resolve/{REVISION}/{FILE}"
    curl = ["curl", "-sS", "--fail-with-body", url]
    straight = subprocess.run(curl, capture_output=True, check=True, timeout=SECONDS).stdout
    assert hashlib.sha256(complete).digest() == hashlib.sha256(straight).digest()


def blobs(home: Path) -> dict[str, tuple[int, int]]:
    """The number of each file in a cache and its time of change, by its name."""
    found = {}
    for path in home.glob("hub/models--*/blobs/*"):
        status = path.stat()
        found[path.name] = (status.st_ino, status.st_mtime_ns)
    return found


@pytest.mark.parametrize("files", [(), (FILE, "config.json")])
def test_a_cache_is_valid_at_another_replica(
    hub: Address, replica: Address, hf: str, tmp_path: Path, files: tuple[str, ...]
) -> None:
    """Asked again at another server, the client downloads no file again, neither of a whole
    snapshot nor of files that are named. A new file would have another number."""
    command = [hf, "download", TINY, *files, "--revision", REVISION]
    run_client(command, variables(tmp_path, hub.url))
    filled, folder = blobs(tmp_path), snapshot(tmp_path, TINY, REVISION)
    assert len(filled) >= 2
    run_client(command, variables(tmp_path, replica.url))
    assert blobs(tmp_path) == filled
    assert snapshot(tmp_path, TINY, REVISION) == folder
