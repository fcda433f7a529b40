"""Tensors larger than any memory: what a real process keeps of them, and when it stops."""

import time

import pytest

from tests.application import wait_until_ready
from tests.process import cpu_seconds, resident_bytes, served
from tests.server import ask, read

MIB = 2**20
GIB = 2**30
LARGE = "/v1/weights.npy?shape=131072,131072&scheme=normal&seed=1&name=large"
"""64 GiB."""

GROWTH = 64 * MIB
"""The allowance: a stream needs its three chunks and what the sockets hold, some 16 MiB."""


@pytest.mark.slow
@pytest.mark.ci
def test_memory_does_not_follow_the_size() -> None:
    """Of 64 GiB 2 GiB are read: resident memory grows by less than 64 MiB."""
    with served() as (pid, address):
        wait_until_ready(address)
        before = most = resident_bytes(pid)
        with ask(address, LARGE) as client:
            for _ in range(32):
                read(client, 64 * MIB)
                most = max(most, resident_bytes(pid))
    assert most - before < GROWTH


@pytest.mark.slow
@pytest.mark.ci
def test_work_stops_when_the_client_leaves() -> None:
    """One second after the client has gone, the process uses no processor any more."""
    with served() as (pid, address):
        wait_until_ready(address)
        with ask(address, LARGE) as client:
            start, busy = time.monotonic(), cpu_seconds(pid)
            while time.monotonic() < start + 1:
                read(client, 64 * MIB)
            busy = cpu_seconds(pid) - busy
        time.sleep(1)
        gone = cpu_seconds(pid)
        time.sleep(2)
        idle = cpu_seconds(pid) - gone
    assert busy > 0.3
    assert idle < 0.1
