"""What there is to measure, in the order of the table."""

from collections.abc import Callable, Iterator

from bench import footprint, kernels, models, small, streams
from bench.contest import Contest

Section = Callable[[], Iterator[Contest]]

SECTIONS: dict[str, Section] = {
    "frameworks": kernels.against_frameworks,
    "numpy": kernels.against_numpy,
    "threads": kernels.against_one_core,
    "canonical": kernels.against_canonical,
    "orthogonal": kernels.orthogonal_matrices,
    "nginx": streams.against_nginx,
    "ceiling": streams.against_ceiling,
    "torch": streams.against_torch,
    "connections": streams.side_by_side,
    "models": models.streamed,
    "terabyte": models.terabyte,
    "terabyte-memory": models.memory,
    "small": small.against_hello,
    "costliest": small.costliest,
    "slice": footprint.far_corner,
    "range": footprint.far_range,
    "memory": footprint.memory,
    "start": footprint.start,
}
