"""Machine code on disk is used, from read-only folders, too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.stream.kernels.run import run
from service.stream.selfcheck import warm_up

ROOT = Path(__file__).parent.parent.parent
COUNT = """
from service.stream.kernels.boxes import scatter
from service.stream.kernels.gather import gather
from service.stream.kernels.run import run
from service.stream.selfcheck import warm_up
warm_up()
print(*(sum(hits.values()) for k in (run, scatter, gather) for hits in (k.stats[1], k.stats[2])))
"""
"""Hits and misses of each kernel, once all of the stream is known to have the right bits."""


def read_only_copy(folder: Path) -> Path:
    """A read-only folder with compiled kernels, for NUMBA_CACHE_DIR."""
    warm_up()
    dispatcher: Any = run
    kernels = Path(dispatcher.stats.cache_path)
    shutil.copytree(kernels, folder / kernels.name)
    return read_only(folder)


def read_only(folder: Path) -> Path:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def counts(folder: Path, **environment: str) -> str:
    """What COUNT prints in a process to which permissions apply, even if it runs as root."""
    bound = ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*bound, sys.executable, "-c", COUNT],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout


@pytest.mark.needs("setpriv")
def test_a_folder_that_can_only_be_read_is_read(tmp_path: Path) -> None:
    """Filled elsewhere, as in an image: nothing is compiled."""
    assert counts(read_only_copy(tmp_path / "kernels")) == "1 0 1 0 1 0\n"


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.needs("setpriv")
def test_kernels_of_another_processor_are_left_alone(tmp_path: Path) -> None:
    """Negative control: another processor cannot use the folder. It compiles in memory, to the same
    bits, and prints no warning."""
    folder = tmp_path / "kernels"
    folder.mkdir()
    assert counts(folder) == "0 1 0 1 0 1\n"
    read_only(folder)
    before = sorted(folder.rglob("*"))
    assert counts(folder, NUMBA_CPU_NAME="generic") == "0 1 0 1 0 1\n"
    assert sorted(folder.rglob("*")) == before
