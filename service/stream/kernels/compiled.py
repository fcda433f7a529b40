"""How a kernel is compiled, and where the compiled code is kept.

Numba notices a change of a kernel's own file but not of a file it imports from, so the cache
folder is named by a digest of all the sources that end up in the machine code.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

Kernel = Callable[..., Any]


def _sources_digest() -> str:
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), here.parent / "literals.py"])
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _cache_folder() -> str:
    """NUMBA_CACHE_DIR is honoured as the parent folder; otherwise the user's cache folder is."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    parent = Path(os.environ.get("NUMBA_CACHE_DIR") or home / "fanin")
    return str(parent / f"kernels-{_sources_digest()}")


# Numba makes its settings at import, out of mypy's sight. Its other cache folders are ruled out,
# because there a kernel would not be told from one whose imported parts were other ones.
numba.config.CACHE_DIR = _cache_folder()  # type: ignore[attr-defined]
numba.config.CACHE_LOCATOR_CLASSES = "UserProvidedCacheLocator"  # type: ignore[attr-defined]


def compiled(kernel: Kernel) -> Kernel:
    """Compile at the first call, without the GIL; keep the machine code on disk if that works.

    Where no folder can be written, the kernel is compiled anew in every process.
    """
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(kernel)
    except RuntimeError:
        return numba.njit(nogil=True, error_model="numpy")(kernel)


def inlined(expression: Kernel) -> Kernel:
    """Compile as a part of the kernels that call it."""
    return numba.njit(inline="always", error_model="numpy")(expression)
