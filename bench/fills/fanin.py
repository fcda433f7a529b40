"""Fanin's side of the kernel lines: whole arrays, chunks as the service makes them, threads."""

from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from bench.worker import Fill, Prepare
from service.chunks import CHUNK_BYTES, TensorBody, tensor_filler
from service.fields import parse_query
from service.plan import Plan, plan
from service.stream.fill import Filler


def array(query: str) -> Fill:
    """Fill a whole array that was there before."""
    planned, prepared = _prepared(query)
    out = np.empty(planned.tensor.length, np.uint8)
    return partial(prepared.fill, 0, prepared.lattice.size, out)


def chunks(query: str) -> Fill:
    """Make the tensor as it is streamed: in chunks, in memory used again and again."""
    planned, _ = _prepared(query)
    return lambda: deque(TensorBody(planned).in_larger_chunks().chunks(), maxlen=0)


def threads(count: str, query: str) -> Fill:
    """Make the tensor in chunks on so many threads, each with one chunk of memory."""
    _, prepared = _prepared(query)
    size, each = prepared.lattice.size, CHUNK_BYTES // prepared.itemsize
    workers = int(count)
    pool = ThreadPoolExecutor(workers)

    def share(worker: int) -> None:
        buffer = np.empty(CHUNK_BYTES, np.uint8)
        for start in range(worker * each, size, workers * each):
            stop = min(size, start + each)
            prepared.fill(start, stop, buffer[: (stop - start) * prepared.itemsize])

    return lambda: list(pool.map(share, range(workers)))


def _prepared(query: str) -> tuple[Plan, Filler]:
    planned = plan(parse_query(query.encode()), "raw", max_bytes=2**44)
    return planned, tensor_filler(planned.tensor)


CASES: Mapping[str, Prepare] = {"array": array, "chunks": chunks, "threads": threads}
