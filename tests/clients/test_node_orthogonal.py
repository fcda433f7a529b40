"""Orthogonal matrices in JavaScript, written from the page of drafts alone, beside the service."""

import subprocess
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from service.stream.address import Address, stream_of
from service.stream.draws import Orthogonal
from service.stream.fill import filler
from service.stream.lattice import Lattice

SCRIPT = Path(__file__).resolve().parent.parent.parent / "clients/node/check-orthogonal.mjs"

pytestmark = pytest.mark.needs("node")


def in_node(rows: int, columns: int, gain: float) -> str:
    """The digest of the second copy of a matrix, as Node computes it."""
    words = ["2026", "layer.weight", rows * columns, rows, columns, gain]
    done = subprocess.run(
        ["node", str(SCRIPT), *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def here(rows: int, columns: int, gain: float) -> str:
    """The same of the service's kernels."""
    size = rows * columns
    draw = Orthogonal(gain, rows, columns, 0, size)
    made = filler(draw, "float64", Address(2026, stream_of("layer.weight")), Lattice(0, (), ()))
    out = np.empty(8 * size, np.uint8)
    made.source.fill(Lattice(size, (rows, columns), (columns, 1)), out)
    return sha256(out.tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("rows", "columns", "gain"),
    [
        (1, 1, 1.0),
        (5, 3, 1.0),
        (3, 5, 0.1),
        (16, 16, 1.0),
        (40, 25, 2**0.5),
        (130, 200, 1.0),
        (200, 200, 1.0),
    ],
)
def test_the_matrix_has_the_same_bits_in_node(rows: int, columns: int, gain: float) -> None:
    """In float64, of matrices with one block and several, and of several panels.

    Negative control: with the neighbouring gain the digest is another one.
    """
    assert in_node(rows, columns, gain) == here(rows, columns, gain)
    assert here(rows, columns, float(np.nextafter(gain, 2))) != here(rows, columns, gain)
