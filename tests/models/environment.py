"""The environments in build/ with two releases of transformers, which share one PyTorch.

An environment is some 200 MB and takes a minute to install; PyTorch alone is 970 MB.
"""

from pathlib import Path

import pytest

from tests.peers.environment import ROOT, python_with, torch_python

RELEASES = ("5", "4")
"""Of transformers: the newest major release, and the last one before it."""

TRIED = (pytest.param("5", marks=pytest.mark.ci), "4")
"""The releases of slow tests. .ci/run tries the newest alone, and `make test-all` both."""


def pins_of(release: str) -> Path:
    """The file of pins of one of `RELEASES`."""
    return ROOT / "checks" / f"transformers-{release}.txt"


def transformers_python(release: str) -> Path:
    """The Python of build/transformers-RELEASE, which has transformers and build/peers-torch.

    If a package cannot be installed, the test is skipped on a desk and fails under CI=true.
    """
    return python_with(f"transformers-{release}", pins_of(release), shared=torch_python())
