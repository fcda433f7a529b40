"""Programs that a test runs: missing ones skip it on a desk and fail it under CI.

Marked `@pytest.mark.needs("node")`; conftest.py calls in here before such a test.
"""

import os
import shutil

import pytest


def require(programs: tuple[str, ...]) -> None:
    """Go on if all `programs` are on the PATH; otherwise skip, or fail under CI=true."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
