"""Fanin's side of the kernel lines: whole arrays, chunks as the service makes them, threads."""

import itertools
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from bench.worker import Fill, Prepare
from service.chunks import CHUNK_BYTES, TensorBody, tensor_filler
from service.fields import parse_query
from service.plan import Plan, plan
from service.stream.address import Address
from service.stream.fill import Filler, filler


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


def matrix(query: str) -> Fill:
    """Fill an array that was there before, with another seed each time: matrices are kept."""
    planned, _ = _prepared(query)
    tensor, seeds = planned.tensor, itertools.count(1)
    out = np.empty(tensor.length, np.uint8)

    def fill() -> None:
        address = Address(next(seeds), 0)
        lattice = tensor.placement.lattice
        made = filler(tensor.law.draw, tensor.spec.dtype, address, lattice)
        made.fill(0, lattice.size, out)

    return fill


def _prepared(query: str) -> tuple[Plan, Filler]:
    planned = plan(parse_query(query.encode()), "raw", max_bytes=2**44)
    return planned, tensor_filler(planned.tensor)


CASES: Mapping[str, Prepare] = {
    "array": array,
    "chunks": chunks,
    "matrix": matrix,
    "threads": threads,
}
