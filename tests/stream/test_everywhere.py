"""The same bits on every processor, with every number of threads and every size of chunks."""

import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from checks import stream_digests
from service.stream import selfcheck
from service.stream.address import Address
from service.stream.draws import Normal
from service.stream.fill import filler
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS
from service.stream.reference.values import element_bytes

ROOT = Path(__file__).parent.parent.parent
COMBINATIONS = len(stream_digests.DRAWS) * len(PRECISIONS) * len(stream_digests.LATTICES)


def digests(*arguments: str, **environment: str) -> list[str]:
    command = [sys.executable, "-m", "checks.stream_digests", *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@cache
def native() -> list[str]:
    return digests()


def test_the_digests_tell_everything_apart() -> None:
    """Negative control: only constants repeat, in lattices of one size; no two draws agree."""
    lines = native()
    assert len(lines) == COMBINATIONS
    random = [line.split()[0] for line in lines if " constant " not in line]
    assert len(set(random)) == len(random)


def way_of_writing(lattice: Lattice) -> str:
    """Which of the kernels' ways writes it: see `service.stream.kernels.boxes`."""
    merged = lattice.merged()
    if merged.strides == (1,):
        return "run"
    if 1 not in merged.strides:
        return "rows of one element"
    return "rows" if merged.row()[1] == 1 else "columns"


def test_the_digests_hold_every_way_of_writing() -> None:
    """A run, rows as they are, rows that are neighbours, and no rows at all."""
    ways = {way_of_writing(lattice) for lattice in stream_digests.LATTICES.values()}
    assert ways == {"run", "rows", "columns", "rows of one element"}


@pytest.mark.parametrize(
    "arguments", [("--threads", "2", "--chunk", "4097"), ("--threads", "2", "--chunk", "1021")]
)
def test_threads_and_chunks_do_not_matter(arguments: tuple[str, ...]) -> None:
    """Two threads, chunks that cut blocks, rows and strips."""
    assert digests(*arguments) == native()


@pytest.mark.slow
@pytest.mark.ci
def test_a_processor_without_vector_extensions_gives_the_same_bits() -> None:
    """Compiled for the generic CPU of this architecture."""
    assert digests(NUMBA_CPU_NAME="generic") == native()


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.skipif(
    "avx2" not in Path("/proc/cpuinfo").read_text(encoding="ascii").split(),
    reason="needs a processor that runs code for Haswell",
)
def test_a_processor_without_avx_512_gives_the_same_bits() -> None:
    """Compiled for Haswell, for which the tiles of a matrix have another shape."""
    assert digests(NUMBA_CPU_NAME="haswell") == native()


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.needs("qemu-aarch64-static", "apt-get")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="emulates Arm on x86-64")
def test_an_arm_processor_gives_the_same_bits() -> None:
    """A 64-bit Arm CPython with its own NumPy and Numba, emulated."""
    command = ["checks/aarch64.sh", "checks/stream_digests.py"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines() == native()


@pytest.mark.parametrize("lattice", [Lattice(3, (97,), (1,)), Lattice(0, (5, 19), (1, 5))])
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_one_element_at_a_time_is_the_whole(dtype: str, lattice: Lattice) -> None:
    """Chunks of 1, 2, 3 and 5 elements join to what one call fills."""
    prepared = filler(Normal(0.0, 1.0), dtype, Address(1, 2), lattice)
    size, itemsize = lattice.size, prepared.itemsize
    whole = np.empty(size * itemsize, np.uint8)
    prepared.fill(0, size, whole)
    for chunk in (1, 2, 3, 5):
        parts = np.zeros_like(whole)
        for start in range(0, size, chunk):
            stop = min(size, start + chunk)
            prepared.fill(start, stop, parts[start * itemsize : stop * itemsize])
        assert np.array_equal(parts, whole)


@pytest.mark.parametrize("chunk", [2**18, 2**20])
def test_long_chunks_join_to_what_the_reference_draws(chunk: int) -> None:
    """Chunks as the service makes them and longer, over a tensor of more than one of them."""
    size, first = 2**20 + 70_001, 2**34 - 2
    prepared = filler(Normal(0.0, 1.0), "float32", Address(1, 2), Lattice(first, (size,), (1,)))
    parts = np.empty(size * 4, np.uint8)
    for start in range(0, size, chunk):
        stop = min(size, start + chunk)
        prepared.fill(start, stop, parts[start * 4 : stop * 4])
    drawn = element_bytes(Normal(0.0, 1.0), "float32", Address(1, 2), first, size)
    assert parts.tobytes() == drawn


def test_a_process_checks_its_bits_before_it_is_ready() -> None:
    """The known digest comes out here."""
    selfcheck.warm_up()


FLUSHING = """
import ctypes
from checks import stream_digests
from service.stream import selfcheck
selfcheck.warm_up()
libm = ctypes.CDLL("libm.so.6")
environment = (ctypes.c_uint32 * 8)()
libm.fegetenv(environment)
environment[7] |= 0x8040
libm.fesetenv(environment)
try:
    selfcheck.warm_up()
except selfcheck.WrongBitsError as error:
    print(error)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="sets a register of x86-64")
def test_flushed_subnormals_are_noticed() -> None:
    """Negative control: with FTZ and DAZ set in this thread the check fails."""
    done = subprocess.run(
        [sys.executable, "-c", FLUSHING], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "the kernels compute other bits than the stream on this machine\n", (
        done.stderr
    )


@pytest.mark.slow
@pytest.mark.ci
def test_without_a_cache_folder_the_kernels_still_run() -> None:
    """Nothing can be written anywhere, as in a read-only container: compiled in memory."""
    source = "from service.stream import selfcheck; selfcheck.warm_up(); print('ready')"
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": "/proc/nowhere", "HOME": "/proc/nowhere"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "ready\n", done.stderr
