"""The lines about filling tensors in process: nothing of HTTP in them."""

from collections.abc import Iterator
from functools import partial

from bench.contest import Contest
from bench.processes import ALL_CORES, PEERS_PYTHON, PYTHON, SERVER_CORE
from bench.worker import Worker

EXTENT = 4096
COUNT = EXTENT * EXTENT
_SHAPE = f"shape={EXTENT},{EXTENT}"
_LARGE_SHAPE = f"shape={4 * EXTENT},{2 * EXTENT}"
"""Long enough for the system to have put every thread on a core of its own."""

_DRAWS = {
    "normal": "scheme=he_normal",
    "uniform": "scheme=he_uniform",
    "truncated": "scheme=he_normal&distribution=truncated_normal",
}
_TORCH = {"normal": "kaiming_normal_", "uniform": "kaiming_uniform_", "truncated": "trunc_normal_"}
_NUMPY = {"normal": "standard_normal", "uniform": "random", "truncated": "standard_normal"}

_ALTERED = {
    "bfloat16": ("normal", f"{_SHAPE}&dtype=bfloat16", _SHAPE),
    "layout-dense": ("normal", f"{_SHAPE}&layout=IO", _SHAPE),
    "layout-conv": ("normal", "shape=3,3,512,512&layout=HWIO", "shape=512,512,3,3"),
    "layout-large-conv": ("normal", "shape=3,3,1024,1024&layout=HWIO", "shape=1024,1024,3,3"),
    "order-normal": ("normal", f"{_SHAPE}&order=F", _SHAPE),
    "order-uniform": ("uniform", f"{_SHAPE}&order=F", _SHAPE),
}


def query(draw: str, fields: str = _SHAPE) -> str:
    """The query of a tensor with this draw."""
    return f"{fields}&{_DRAWS[draw]}&seed=1&name=bench"


def against_numpy() -> Iterator[Contest]:
    """One core each; both sides fill an array that was there before."""
    with (
        Worker(PYTHON, "fanin", SERVER_CORE) as fanin,
        Worker(PYTHON, "numpy_generators", SERVER_CORE) as numpy,
    ):
        for draw, method in _NUMPY.items():
            ours = partial(fanin.time, "array", query(draw))
            yield Contest(f"{draw}-numpy", ours, partial(numpy.time, method, COUNT))


def against_frameworks() -> Iterator[Contest]:
    """The same against PyTorch, in place like ours, and JAX, which makes arrays."""
    with (
        Worker(PYTHON, "fanin", SERVER_CORE) as fanin,
        Worker(PEERS_PYTHON, "torch_init", SERVER_CORE) as torch,
        Worker(PEERS_PYTHON, "jax_random", SERVER_CORE) as jax,
    ):
        for draw, method in _TORCH.items():
            ours = partial(fanin.time, "array", query(draw))
            yield Contest(f"{draw}-torch", ours, partial(torch.time, method, EXTENT, EXTENT))
        ours = partial(fanin.time, "array", query("normal"))
        yield Contest("normal-jax", ours, partial(jax.time, "normal", COUNT))


def against_one_core() -> Iterator[Contest]:
    """A thread on each core against one thread, each tensor in chunks as the service makes them."""
    with Worker(PYTHON, "fanin", ALL_CORES) as fanin, Worker(PYTHON, "fanin", ALL_CORES) as alone:
        for draw in _DRAWS:
            words = query(draw, _LARGE_SHAPE)
            ours = partial(fanin.time, "threads", len(ALL_CORES), words)
            yield Contest(f"{draw}-cores", ours, partial(alone.time, "threads", 1, words))


def against_canonical() -> Iterator[Contest]:
    """Another dtype and other layouts against float32 as the stream has it, in chunks, one core."""
    with (
        Worker(PYTHON, "fanin", SERVER_CORE) as fanin,
        Worker(PYTHON, "fanin", SERVER_CORE) as canonical,
    ):
        for key, (draw, altered, plain) in _ALTERED.items():
            ours = partial(fanin.time, "chunks", query(draw, altered))
            yield Contest(key, ours, partial(canonical.time, "chunks", query(draw, plain)))


def orthogonal_matrices() -> Iterator[Contest]:
    """One core each, float32, normals included. No matrix is kept from one turn to the next."""
    with (
        Worker(PYTHON, "fanin", SERVER_CORE) as fanin,
        Worker(PEERS_PYTHON, "torch_init", SERVER_CORE) as torch,
    ):
        for extent in (512, 2048):
            ours = partial(fanin.time, "matrix", _orthogonal(extent))
            theirs = partial(torch.time, "orthogonal_", extent, extent)
            yield Contest(f"orthogonal-{extent}", ours, theirs)
    with (
        Worker(PYTHON, "fanin", SERVER_CORE) as part,
        Worker(PYTHON, "fanin", SERVER_CORE) as whole,
    ):
        ours = partial(part.time, "matrix", f"{_orthogonal(EXTENT)}&slice=:128,:")
        yield Contest("orthogonal-slice", ours, partial(whole.time, "matrix", _orthogonal(EXTENT)))


def _orthogonal(extent: int) -> str:
    return f"shape={extent},{extent}&scheme=orthogonal&seed=1&name=bench"
