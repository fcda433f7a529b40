"""The number of cores: affinity and quotas, in trees of files as Linux shows them."""

import os
from pathlib import Path

import pytest

from service import cores
from service.cores import available_cores


@pytest.fixture(autouse=True)
def _many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_affinity", lambda: 64)


def of(folder: Path, membership: str, files: dict[str, str]) -> int:
    """The cores in a system with these lines in /proc/self/cgroup and files in /sys/fs/cgroup."""
    for name, content in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (folder / "self").write_text(membership)
    return available_cores(folder / "cgroup", folder / "self")


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 64),
        ("200000 100000", 2),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("1000 100000", 1),
        ("9900000 100000", 64),
        ("100000 25000", 4),
    ],
)
def test_a_quota_of_version_2(tmp_path: Path, quota: str, expected: int) -> None:
    """Whole cores, at least one, and no more than the affinity has."""
    assert of(tmp_path, "0::/\n", {"cpu.max": f"{quota}\n"}) == expected


@pytest.mark.parametrize(
    ("quotas", "expected"),
    [
        ({"a/b/cpu.max": "300000 100000", "a/cpu.max": "max 100000"}, 3),
        ({"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ({"a/b/cpu.max": "300000 100000", "a/cpu.max": "200000 100000"}, 2),
        ({"a/b/other": "", "cpu.max": "500000 100000"}, 5),
        ({"a/c/cpu.max": "100000 100000", "a/b/cpu.max": "max 100000"}, 64),
    ],
)
def test_the_smallest_quota_above_counts(
    tmp_path: Path, quotas: dict[str, str], expected: int
) -> None:
    """A slice of systemd or a pod may have the quota; the neighbour's does not matter."""
    assert of(tmp_path, "0::/a/b\n", quotas) == expected


@pytest.mark.parametrize(
    ("folder", "line"), [("cpu,cpuacct", "cpu,cpuacct"), ("cpu", "cpu"), ("cpu", "cpu,cpuacct")]
)
@pytest.mark.parametrize(("quota", "expected"), [("-1", 64), ("150000", 1), ("400000", 4)])
def test_a_quota_of_version_1(
    tmp_path: Path, folder: str, line: str, quota: str, expected: int
) -> None:
    """The folder has the name of the controllers, or of the one."""
    files = {
        f"{folder}/docker/1/cpu.cfs_quota_us": quota,
        f"{folder}/docker/1/cpu.cfs_period_us": "100000",
        f"{folder}/cpu.cfs_quota_us": "-1",
        f"{folder}/cpu.cfs_period_us": "100000",
    }
    membership = f"9:cpuset:/\n4:{line}:/docker/1\n0::/\n"
    assert of(tmp_path, membership, files) == expected


def test_a_path_of_the_host_leads_to_the_own_folder(tmp_path: Path) -> None:
    """A container without a namespace of cgroups reads a path that only the host has."""
    quota = {"cpu.max": "200000 100000"}
    assert of(tmp_path, "0::/kubepods.slice/pod7/container9\n", quota) == 2


def test_without_cgroups_the_affinity_counts(tmp_path: Path) -> None:
    """Another system, or files that nobody may read."""
    assert available_cores(tmp_path / "none", tmp_path / "neither") == 64
    assert of(tmp_path, "0::/\n", {"cpu.max": "odd\n"}) == 64


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_the_affinity_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One core of the machine, as `taskset -c 0` gives."""
    monkeypatch.undo()
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cores(tmp_path, tmp_path / "none") == 1
    finally:
        os.sched_setaffinity(0, before)
