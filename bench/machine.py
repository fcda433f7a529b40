"""What the numbers were measured on, and with which versions."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from bench.processes import PEERS_PYTHON

_OURS = ("numpy", "numba", "fastapi", "uvicorn", "uvloop", "h11", "httptools")
_THEIRS = ("torch", "jax")
_PROGRAMS = {
    "nginx": (["nginx", "-v"], r"nginx/(\S+)"),
    "wrk": (["wrk", "-v"], r"wrk \S*?([0-9.]+)"),
    "C compiler": (["cc", "--version"], r"(.*)"),
}


def machine() -> dict[str, str]:
    """Name to value, for people."""
    facts = {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }
    facts |= {name: version for name in _OURS if (version := _installed(name))}
    facts |= {name: _peer(name) for name in _THEIRS}
    return facts | {name: _said(*asked) for name, asked in _PROGRAMS.items()}


def processor() -> str:
    """The model's name, as Linux tells it."""
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _peer(package: str) -> str:
    script = f"import importlib.metadata as m; print(m.version({package!r}))"
    return _said([str(PEERS_PYTHON), "-c", script], r"(.*)")


def _said(command: list[str], pattern: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return "missing"
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found and "Traceback" not in done.stderr else "missing"
