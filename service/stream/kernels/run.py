"""A run of consecutive elements to bytes."""

import numpy as np

from service.stream.kernels.borrowing import borrowed, borrowed_recipe, borrowed_scratch
from service.stream.kernels.compiled import compiled
from service.stream.kernels.evaluate import evaluate
from service.stream.kernels.rounding import FLOAT32, FLOAT64, store
from service.stream.kernels.scratch import STRIP


@compiled
def run(recipe, first, scratch, out):
    """Write elements first, first + 1, ... of the stream to `out`, as many as it has room for."""
    recipe, scratch, out = borrowed_recipe(recipe), borrowed_scratch(scratch), borrowed(out)
    for j in range(STRIP):
        scratch.blocks[j] = j
    itemsize = recipe.itemsize
    block = np.uint64(first) >> np.uint64(2)
    skip = np.int64(np.uint64(first) & np.uint64(3))
    total = out.size // itemsize
    done = 0
    while done < total:
        count = min(STRIP, (skip + total - done + 3) >> 2)
        size = min(4 * count - skip, total - done)
        target = out[done * itemsize : (done + size) * itemsize]
        fill_strip(recipe, block, count, skip, scratch, target)
        block += np.uint64(count)
        done += size
        skip = 0


@compiled
def fill_strip(recipe, block, count, skip, scratch, out):
    """Write what `out` has room for of a strip of `count` blocks, but for its first elements."""
    values32, values64 = scratch.values32, scratch.values64
    whole = out.size == 4 * count * recipe.itemsize
    if whole and recipe.code == FLOAT32:
        values32 = out.view(np.float32)
    elif whole and recipe.code == FLOAT64:
        values64 = out.view(np.float64)
    evaluate(recipe, block, count, 0, 0, 4 * count, scratch, values32, values64)
    if not whole or recipe.itemsize < 4:
        store(recipe.code, values32[skip:], values64[skip:], out)
