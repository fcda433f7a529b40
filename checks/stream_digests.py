"""Print one line with a SHA-256 for each draw and dtype, in runs and in boxes.

Run it on another processor, with another thread count or another size of chunks, and compare.

    python checks/stream_digests.py [--threads N] [--chunk ELEMENTS]
"""

import argparse
import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from service.stream.address import Address, stream_of
from service.stream.draws import (
    Constant,
    Draw,
    Mapped,
    Normal,
    Orthogonal,
    Sparse,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.elementary import log
from service.stream.fill import Filler, filler
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS

DRAWS: dict[str, Draw] = {
    "constant": Constant(0.1),
    "uniform": SymmetricUniform(0.05),
    "uniform between": UniformBetween(-0.25, 1.0),
    "normal": Normal(0.0, 0.02),
    "normal about a mean": Normal(1.0, 0.5),
    # Phi(2) - 1/2 and Phi(-2); Phi(4) - 1/2 and Phi(-4); Phi(-1), Phi(3) - Phi(-1), Phi(-3).
    "truncated at 2": SymmetricTruncatedNormal(
        0.0, 1.0, 0.4772498680518208, 0.022750131948179195, -2.0, 2.0
    ),
    "truncated at 4": SymmetricTruncatedNormal(
        0.0, 1.0, 0.49996832875816693, 3.1671241833119924e-05, -4.0, 4.0
    ),
    "truncated between": TruncatedNormalBetween(
        0.0, 1.0, 0.15865525393145707, 0.8399948480369128, 0.0013498980316300933, -1.0, 3.0
    ),
    "orthogonal": Orthogonal(gain=1.0, rows=40, columns=30, first=0, distance=1200),
    "log of a uniform": Mapped(UniformBetween(1.0, 100.0), log, (), 0.0, 5.0),
    "sparse": Sparse(Normal(0.0, 1.0), zeros=7, length=10, step=3),
    # Two panels, and in the last one a strip that is not full.
    "orthogonal of two panels": Orthogonal(
        gain=1.0, rows=75, columns=90, first=0, distance=75 * 90
    ),
    "orthogonal in a kernel": Orthogonal(
        gain=1.0, rows=20, columns=17, first=0, distance=340, kernel=3, centre=1
    ),
}
LATTICES = {
    "run": Lattice(2**34 - 5, (20_001,), (1,)),
    "rows": Lattice(2, (60, 333), (1000, 1)),
    "transposed": Lattice(3, (130, 140), (1, 130)),
    "kernel": Lattice(0, (3, 3, 44, 44), (3, 1, 9, 396)),
    "slice": Lattice(2**40 + 1, (7, 11, 207), (100_003, 9001, 2)),
}


def digest(prepared: Filler, threads: int, chunk: int) -> str:
    size, itemsize = prepared.lattice.size, prepared.itemsize
    out = np.empty(size * itemsize, np.uint8)
    with ThreadPoolExecutor(threads) as executor:
        parts = [
            executor.submit(
                prepared.fill,
                start,
                stop := min(size, start + chunk),
                out[start * itemsize : stop * itemsize],
            )
            for start in range(0, size, chunk)
        ]
    for part in parts:
        part.result()
    return hashlib.sha256(out.tobytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--chunk", type=int, default=1 << 20)
    options = parser.parse_args()
    address = Address(2**63 + 11, stream_of("caf\u00e9.weight"))
    for draw_name, draw in DRAWS.items():
        for dtype in PRECISIONS:
            for lattice_name, lattice in LATTICES.items():
                prepared = filler(draw, dtype, address, lattice)
                line = digest(prepared, options.threads, options.chunk)
                print(line, dtype, draw_name, lattice_name)


if __name__ == "__main__":
    main()
