"""Time per element by the size of the tensor, on one core: from 2^10 elements to 2^32."""

from collections.abc import Callable
from functools import partial
from statistics import median

from bench.contest import MissingError
from bench.kernels import query
from bench.processes import PEERS_PYTHON, PYTHON, SERVER_CORE
from bench.worker import Worker

Curve = list[tuple[int, float]]
"""Elements, and nanoseconds an element."""

_STREAMED = tuple(2**power for power in range(10, 33))
_STORED = tuple(size for size in _STREAMED if size <= 2**28)
"""Peers fill arrays of at most 1 GiB. A stream needs no memory for larger sizes."""

_ELEMENTS_EACH = 2**25
"""The number of elements to compute for each size, in at least one repetition."""
_MOST_TURNS = 101


def curves() -> dict[str, Curve]:
    """Fanin's chunk loop with a ready plan, and peers filling an existing array."""
    with (
        Worker(PYTHON, "fanin", SERVER_CORE) as fanin,
        Worker(PYTHON, "numpy_generators", SERVER_CORE) as numpy,
        Worker(PEERS_PYTHON, "torch_init", SERVER_CORE) as torch,
    ):
        found = {f"Fanin {draw}": _streamed(fanin, draw) for draw in ("uniform", "normal")}
        found["Fanin truncated normal"] = _streamed(fanin, "truncated")
        peers: dict[str, Callable[[int], float]] = {
            "NumPy standard_normal": partial(numpy.time, "standard_normal"),
            "torch kaiming_normal_": partial(torch.time, "kaiming_normal_", 1),
        }
        for label, fill in peers.items():
            try:
                found[label] = _curve(fill, _STORED)
            except MissingError as error:
                found[f"{label}: missing: {error}"] = []
        return found


def _streamed(fanin: Worker, draw: str) -> Curve:
    return _curve(lambda size: fanin.time("chunks", query(draw, f"shape=1,{size}")), _STREAMED)


def _curve(fill: Callable[[int], float], sizes: tuple[int, ...]) -> Curve:
    fill(sizes[0])  # The first call of all loads code.
    return [(size, _per_element(fill, size)) for size in sizes]


def _per_element(fill: Callable[[int], float], size: int) -> float:
    turns = min(_MOST_TURNS, max(1, _ELEMENTS_EACH // size))
    return median(fill(size) for _ in range(turns)) / size
