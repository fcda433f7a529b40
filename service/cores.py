"""The processor cores that this process may use: those of its affinity and of its cgroup.

A container sees all cores of its machine. The quota of its cgroup says how much time it gets on
them. A process that has used up its quota, and so its event loop, stands still until the next
period begins. A period is 100 ms long by default.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows the files of cgroups (cgroups(7))."""

MEMBERSHIP = Path("/proc/self/cgroup")
"""The file with the cgroup of this process in each hierarchy."""

_ReadQuota = Callable[[Path], float]


def available_cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """The number of cores for this process, at least 1.

    A quota of 2.5 cores counts as 2, which leaves half a core for the event loop.
    """
    return max(1, int(min([_affinity(), *_quotas(cgroups, membership)])))


def _affinity() -> int:
    # macOS has no affinity.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(cgroups: Path, membership: Path) -> Iterator[float]:
    """The quotas, in cores, of the process's cgroups and of all cgroups that contain these.

    A line of `membership` is `number:controllers:path`. In version 2 `controllers` is empty.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _upwards(cgroups, path, _quota_of_version_2)
        elif "cpu" in controllers.split(","):
            yield from _upwards(cgroups / controllers, path, _quota_of_version_1)
            # Some systems have a folder for each single controller.
            yield from _upwards(cgroups / "cpu", path, _quota_of_version_1)


def _upwards(top: Path, path: str, read: _ReadQuota) -> Iterator[float]:
    """The quotas of the cgroup at `path` and of those above it. Those without a quota are left out.

    In a container `path` may be the path on the host, and `top` then has no such folder. The
    folders that exist, at least `top`, are those of the container.
    """
    inner = Path(path.lstrip("/"))
    for folder in (inner, *inner.parents):
        try:
            yield read(top / folder)
        except (OSError, ValueError):
            continue


def _quota_of_version_2(folder: Path) -> float:
    """The quota in cores. Raises ValueError if there is none: the first word is then `max`."""
    microseconds, period = (folder / "cpu.max").read_text().split()
    return int(microseconds) / int(period)


def _quota_of_version_1(folder: Path) -> float:
    """The quota in cores. Raises ValueError if there is none: the number is then -1."""
    microseconds = int((folder / "cpu.cfs_quota_us").read_text())
    if microseconds <= 0:
        raise ValueError(microseconds)
    return microseconds / int((folder / "cpu.cfs_period_us").read_text())
