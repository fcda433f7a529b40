"""A run of consecutive elements to bytes, a strip at a time."""

import numpy as np

from service.stream.kernels.compiled import compiled
from service.stream.kernels.evaluate import evaluate
from service.stream.kernels.memory import STRIP, borrowed
from service.stream.kernels.rounding import FLOAT32, FLOAT64, store


@compiled
def run(parameters, first, scratch, out):
    """Write elements first, first + 1, ... of the stream, as many as `out` has room for.

    parameters KernelParameters; first int64, an element number (docs/stream-v1.md, section 2);
    scratch Scratch; out uint8, a whole number of elements.
    """
    fill_run(borrowed(parameters), first, borrowed(scratch), borrowed(out))


@compiled
def run_each(parameters, streams, scratch, out):
    """Write the first elements of several streams, one stream after another, equally many of each.

    parameters KernelParameters, whose address is overwritten; streams uint64, at least one stream
    number; scratch Scratch; out uint8, a whole number of elements for each stream.
    """
    parameters, scratch, out = borrowed(parameters), borrowed(scratch), borrowed(out)
    size = out.size // streams.size
    for j in range(streams.size):
        parameters.address[2] = np.uint32(streams[j] & np.uint64(0xFFFFFFFF))
        parameters.address[3] = np.uint32(streams[j] >> np.uint64(32))
        fill_run(parameters, 0, scratch, out[j * size : (j + 1) * size])


@compiled
def fill_run(parameters, first, scratch, out):
    """`run` for a caller that has borrowed the arrays."""
    for j in range(STRIP):
        scratch.blocks[j] = j
    itemsize = parameters.itemsize
    # The run may begin inside a block: `skip` elements of the first strip are left out.
    block = np.uint64(first) >> np.uint64(2)
    skip = np.int64(np.uint64(first) & np.uint64(3))
    total = out.size // itemsize
    done = 0
    while done < total:
        count = min(STRIP, (skip + total - done + 3) >> 2)
        size = min(4 * count - skip, total - done)
        target = out[done * itemsize : (done + size) * itemsize]
        fill_strip(parameters, block, count, skip, scratch, target)
        block += np.uint64(count)
        done += size
        skip = 0


@compiled
def fill_strip(parameters, block, count, skip, scratch, out):
    """Evaluate `count` blocks and write their elements from number `skip` on, as `out` has room.

    block uint64, added to scratch.blocks[:count]; out uint8, a whole number of elements.
    """
    values32, values64 = scratch.values32, scratch.values64
    whole = out.size == 4 * count * parameters.itemsize
    # Values that need no rounding are computed in place, which saves copying them.
    if whole and parameters.encoding == FLOAT32:
        values32 = out.view(np.float32)
    elif whole and parameters.encoding == FLOAT64:
        values64 = out.view(np.float64)
    evaluate(parameters, block, count, 0, 0, 4 * count, scratch, values32, values64)
    if not whole or parameters.itemsize < 4:
        store(parameters.encoding, parameters.narrowing, values32[skip:], values64[skip:], out)
