"""How a kernel is compiled, and where the compiled code is kept.

Numba notices a change of a kernel's own file but not of a file it imports from, so the cache
folder is named by a digest of all the sources that end up in the machine code.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, UserProvidedCacheLocator

Kernel = Callable[..., Any]


def _sources_digest() -> str:
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), here.parent / "literals.py"])
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _cache_folder() -> str:
    """NUMBA_CACHE_DIR is honoured as the parent folder; otherwise the user's cache folder is."""
    parent = os.environ.get("NUMBA_CACHE_DIR")
    if not parent:
        home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
        parent = str(Path(home) / "fanin")
    return str(Path(parent) / f"kernels-{_sources_digest()}")


class KernelFolder(UserProvidedCacheLocator):
    """The folder above, be it writable or not: Numba's own refuses one that can only be read."""

    def ensure_cache_path(self) -> None:
        with suppress(OSError):
            super().ensure_cache_path()


class KernelCache(FunctionCache):
    """Machine code on disk, as far as the disk plays along: what it does not give is compiled."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with suppress(OSError):
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)


# Numba makes its settings at import, out of mypy's sight. Its other cache folders are ruled out,
# because there a kernel would not be told from one whose imported parts were other ones.
numba.config.CACHE_DIR = _cache_folder()  # type: ignore[attr-defined]
numba.config.CACHE_LOCATOR_CLASSES = (  # type: ignore[attr-defined]
    f"{__name__}.{KernelFolder.__name__}"
)


def compiled(kernel: Kernel) -> Kernel:
    """Compile at the first call, without the GIL, unless the machine code is on disk already.

    Where it cannot be kept on disk, the kernel is compiled anew in every process.
    """
    dispatcher = numba.njit(nogil=True, error_model="numpy")(kernel)
    # What cache=True does, which offers no choice of the class.
    dispatcher._cache = KernelCache(kernel)  # type: ignore[attr-defined]
    return dispatcher


def inlined(expression: Kernel) -> Kernel:
    """Compile as a part of the kernels that call it."""
    return numba.njit(inline="always", error_model="numpy")(expression)
