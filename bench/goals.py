"""The table of measurements: each with its peer and its goal."""

from dataclasses import dataclass
from enum import Enum


class Sense(Enum):
    """How a pair of costs (ours, theirs) is compared. A lower cost is better."""

    FASTER = "at least"
    """theirs / ours."""
    COSTS = "at most"
    """ours / theirs."""
    ADDS = "adds at most"
    """ours - theirs."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the results.

    `goal` is None where nothing is promised, `hard` is what may not be missed in any case.
    `guarded`: `make bench-check` measures it again.
    """

    key: str
    what: str
    against: str
    goal: float | None
    sense: Sense = Sense.FASTER
    hard: float | None = None
    unit: str = "x"
    guarded: bool = False


_NORMAL = "normal float32, one core, in process"
_UNIFORM = "uniform float32, one core, in process"
_TRUNCATED = "truncated normal float32, one core, in process"
_STREAM = "1 GiB `he_normal` over loopback, one connection"
_UNIFORM_STREAM = "1 GiB `he_uniform` over loopback, one connection"
_NGINX = "nginx, tuned, sending the file from the page cache"
_HELLO = "FastAPI hello-world JSON on uvicorn with h11"

_KERNELS = (
    Goal("normal-torch", _NORMAL, "`torch.nn.init.kaiming_normal_`", 3.0),
    Goal("uniform-torch", _UNIFORM, "`torch.nn.init.kaiming_uniform_`", 5.0),
    Goal("truncated-torch", _TRUNCATED, "`torch.nn.init.trunc_normal_`", 4.0),
    Goal("normal-numpy", _NORMAL, "NumPy `standard_normal`, fastest generator", 5.0, guarded=True),
    Goal("uniform-numpy", _UNIFORM, "NumPy `random`, fastest generator", 3.0, guarded=True),
    Goal(
        "truncated-numpy",
        _TRUNCATED,
        "NumPy `standard_normal`, fastest generator",
        None,
        guarded=True,
    ),
    Goal("normal-jax", _NORMAL, "`jax.random.normal`", None),
    Goal("normal-cores", "normal float32, all cores", "one core", 1.8),
    Goal("uniform-cores", "uniform float32, all cores", "one core", 1.8),
    Goal("truncated-cores", "truncated normal float32, all cores", "one core", 1.8),
    Goal("bfloat16", "bfloat16 normal, elements a second", "float32 normal", 0.9, guarded=True),
    Goal("layout-dense", "`layout=IO` of a dense layer, normal", "canonical", 0.5, guarded=True),
    Goal(
        "layout-conv",
        "`layout=HWIO` of a convolution of 512 channels, normal",
        "canonical",
        0.5,
        guarded=True,
    ),
    Goal("layout-large-conv", "the same of 1,024 channels", "canonical", 0.5, guarded=True),
    Goal("order-normal", "`order=F` of a dense layer, normal", "canonical", 0.5, guarded=True),
    Goal("order-uniform", "`order=F` of a dense layer, uniform", "canonical", 0.5, guarded=True),
)

_ORTHOGONAL = (
    Goal(
        "orthogonal-512",
        "`orthogonal` 512x512, one core, in process",
        "`torch.nn.init.orthogonal_`",
        0.7,
        Sense.COSTS,
    ),
    Goal(
        "orthogonal-2048",
        "`orthogonal` 2048x2048, one core, in process",
        "`torch.nn.init.orthogonal_`",
        0.7,
        Sense.COSTS,
    ),
    Goal(
        "orthogonal-slice",
        "the first 128 rows of `orthogonal` 4096x4096",
        "all of it",
        0.15,
        Sense.COSTS,
    ),
)

_BULK = (
    Goal("stream-nginx", _STREAM, _NGINX, 1.0, hard=0.8),
    Goal("stream-nginx-one-core", f"{_STREAM}, server on one core", _NGINX, 1.0, hard=0.8),
    Goal("stream-torch", _STREAM, "`kaiming_normal_` filling it in process", 2.0),
    Goal("stream-uniform", _UNIFORM_STREAM, _NGINX, 1.0),
    Goal("stream-uniform-one-core", f"{_UNIFORM_STREAM}, server on one core", _NGINX, 1.0),
    Goal("connections", "8 connections, total", "one connection", 1.0),
    Goal("fairness", "fastest of 8 connections", "the slowest", 2.0, Sense.COSTS),
    Goal("ceiling", "the sink reading from a piece of memory", _NGINX, None),
    Goal("stream-ceiling", _STREAM, "the sink reading from a piece of memory", None, guarded=True),
)

_ONE_TENSOR = "one tensor of as many elements"

_MODELS = (
    Goal("model-gpt2", "`gpt2` (124 M) as a file of `/v1/models`", _ONE_TENSOR, 0.8, guarded=True),
    Goal(
        "model-small",
        "10,000 tensors of 64x64 as a file of `/v1/models`",
        _ONE_TENSOR,
        0.5,
        guarded=True,
    ),
    Goal(
        "model-post-first",
        "POST of `deepseek_v3` (671b, 1.34 TB in bfloat16) to a new process",
        "2 s",
        1.0,
        Sense.COSTS,
    ),
    Goal("model-post", "the same to a process that has answered one", "2 s", 1.0, Sense.COSTS),
    Goal("model-head", "the slowest of 20 HEAD of its file", "100 ms", 1.0, Sense.COSTS),
    Goal(
        "model-ranges",
        "the slowest of 200 random ranges of 1 MiB of its file",
        "100 ms",
        1.0,
        Sense.COSTS,
    ),
    Goal(
        "model-memory",
        "resident memory after these 200 ranges",
        "after the POST",
        16,
        Sense.ADDS,
        unit=" MiB",
    ),
)

_SMALL = (
    Goal("small-repeated", "GET 64x64, repeated URL (wrk, keep-alive)", _HELLO, 2.09, guarded=True),
    Goal("small-new", "GET 64x64, a new seed and name each time", _HELLO, 1.0, guarded=True),
    Goal("recommend", "GET `/recommend`", _HELLO, 0.5, guarded=True),
    Goal(
        "costliest-small",
        "the costliest answer of 64 KiB, elementwise and index schemes",
        "a plain one of 64 KiB",
        0.2,
        guarded=True,
    ),
)

_FOOTPRINT = (
    Goal(
        "slice",
        "`slice` of 1 MiB out of 1 TiB, service time",
        "a 1 MiB tensor",
        1.2,
        Sense.COSTS,
    ),
    Goal(
        "range",
        "a range of 1 MiB of a 1 TiB file, service time",
        "the same bytes by `slice`",
        1.2,
        Sense.COSTS,
    ),
    Goal(
        "memory",
        "resident memory, 64 GiB stream (4 GiB of it read)",
        "idle",
        64,
        Sense.ADDS,
        unit=" MiB",
    ),
    Goal(
        "start",
        "import to ready, warm cache",
        "bare FastAPI app",
        1.5,
        Sense.ADDS,
        unit=" s",
    ),
)

GOALS: dict[str, Goal] = {
    goal.key: goal for goal in (*_KERNELS, *_ORTHOGONAL, *_BULK, *_MODELS, *_SMALL, *_FOOTPRINT)
}
