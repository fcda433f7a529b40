"""The folders that pytest gives to tests, which belong to their owner alone."""

from pathlib import Path
from tempfile import gettempdir


def let_others_reach(folder: Path) -> None:
    """Let every user pass through all folders between the system's temporary one and `folder`.

    Their number differs: a process of pytest-xdist has a folder of its own.
    """
    top = Path(gettempdir()).resolve()
    for above in folder.resolve().parents:
        if above.is_relative_to(top) and above != top:
            above.chmod(above.stat().st_mode | 0o711)
