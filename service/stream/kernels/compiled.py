"""How a kernel is compiled, and where the compiled code is kept.

Numba compiles anew if a kernel's own file has changed, but not if a file has that it imports from.
So the name of the cache folder has a digest of all sources that end up in the machine code.
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
    """A digest of the kernels and of the constants that are compiled into them."""
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), *here.parent.glob("*literals.py")])
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _cache_folder() -> str:
    """A folder below NUMBA_CACHE_DIR if that is set, else below the user's cache folder."""
    parent = os.environ.get("NUMBA_CACHE_DIR")
    if not parent:
        home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
        parent = str(Path(home) / "fanin")
    return str(Path(parent) / f"kernels-{_sources_digest()}")


class KernelFolder(UserProvidedCacheLocator):
    """The cache folder, which may be read-only: Numba's own locator refuses such a folder.

    The same sources in another place share it, because its name has their digest. Numba's own
    locator has a folder for each path.
    """

    def get_cache_path(self) -> str:
        # Numba sets its settings at import, where mypy does not see them.
        return str(numba.config.CACHE_DIR)  # type: ignore[attr-defined]

    def ensure_cache_path(self) -> None:
        with suppress(OSError):
            super().ensure_cache_path()


class KernelCache(FunctionCache):
    """The cache on disk. After any error of input or output the kernel is compiled instead."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with suppress(OSError):
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)


# Numba sets these attributes at import, where mypy does not see them. Its other cache folders are
# ruled out, because their names do not tell which sources a kernel was compiled with.
numba.config.CACHE_DIR = _cache_folder()  # type: ignore[attr-defined]
numba.config.CACHE_LOCATOR_CLASSES = (  # type: ignore[attr-defined]
    f"{__name__}.{KernelFolder.__name__}"
)


def compiled(kernel: Kernel) -> Kernel:
    """Compile at the first call, unless the machine code is on disk; run without the GIL.

    Where it cannot be written to disk, every process compiles the kernel anew.
    """
    # error_model: dividing by 0 gives infinity, as in the reference, and needs no branch.
    dispatcher = numba.njit(nogil=True, error_model="numpy")(kernel)
    # cache=True does the same with Numba's own class, and takes no other one.
    dispatcher._cache = KernelCache(kernel)  # type: ignore[attr-defined]
    return dispatcher


def inlined(expression: Kernel) -> Kernel:
    """Compile into each kernel that calls it, so that its loop can run in vectors."""
    return numba.njit(inline="always", error_model="numpy")(expression)
