"""Orthogonal matrices as a product of Householder reflectors, with equal bits on every machine.

Q = H_0 H_1 ... H_(n-1), where the vector of reflector k is a normal vector of length m - k
(Stewart 1980, The Efficient Generation of Random Orthogonal Matrices). The order of operations is
that of docs/stream-v1-drafts.md, "Orthogonal matrices": every sum has one accumulator, its index
rises, and each step is a rounded multiplication and then a rounded addition or subtraction.

All arrays are float64. Row k of `reflectors`, shape (n, m) with n <= m, is the vector of reflector
k from entry k on; what lies before it is not read.
"""

import numpy as np

from service.stream.kernels.compiled import compiled

BLOCK = 16
"""Reflectors applied together. The bits depend on it: it is part of the definition."""

PANEL = 64
"""Columns of Q computed together, so that they stay in a cache. The bits do not depend on it."""


@compiled
def prepare(reflectors, signs, scales, products):
    """Make the reflectors of normal vectors, in place.

    signs (n,) are -1 or 1, scales (n,) are 2 / |v|^2, and products (n, BLOCK) hold the inner
    product of reflector k with each later one of its block.
    """
    n, m = reflectors.shape
    for k in range(n):
        total = 0.0
        for i in range(k, m):
            total = total + reflectors[k, i] * reflectors[k, i]
        r, x = np.sqrt(total), reflectors[k, k]
        signs[k] = -1.0 if x >= 0.0 else 1.0
        reflectors[k, k] = x + r if x >= 0.0 else x - r
        scales[k] = 1.0 / (r * abs(reflectors[k, k]))
    for k in range(n):
        for other in range(k + 1, min(k - k % BLOCK + BLOCK, n)):
            total = 0.0
            for i in range(other, m):
                total = total + reflectors[k, i] * reflectors[other, i]
            products[k, other % BLOCK] = total


@compiled
def fill_panel(reflectors, signs, scales, products, first, panel):
    """Write columns first, first + 1, ... of Q times their signs to `panel`, shape (m, w)."""
    n, m = reflectors.shape
    width = panel.shape[1]
    dots = np.empty((BLOCK, width), np.float64)
    for i in range(m):
        for j in range(width):
            panel[i, j] = 1.0 if i == first + j else 0.0
    last = min(n, first + width) - 1
    for begin in range(last - last % BLOCK, -1, -BLOCK):
        end = min(begin + BLOCK, n)
        # A block leaves the columns before it as they are.
        start = max(0, begin - first)
        project(reflectors, begin, end, panel[:, start:], dots[:, start:])
        solve(scales, products, begin, end, dots[:, start:])
        subtract(reflectors, begin, end, panel[:, start:], dots[:, start:])
    for j in range(width):
        for i in range(m):
            panel[i, j] = panel[i, j] * signs[first + j]


@compiled
def project(reflectors, begin, end, panel, dots):
    """dots[k - begin, j] = sum over i >= k of reflectors[k, i] panel[i, j], i rising."""
    dots[: end - begin] = 0.0
    for i in range(begin, panel.shape[0]):
        for k in range(begin, min(end, i + 1)):
            entry = reflectors[k, i]
            for j in range(panel.shape[1]):
                dots[k - begin, j] = dots[k - begin, j] + entry * panel[i, j]


@compiled
def solve(scales, products, begin, end, dots):
    """y[k] = scales[k] (dots[k] - sum over l > k of products[k, l] y[l]), from the last k up."""
    for k in range(end - 1, begin - 1, -1):
        for later in range(k + 1, end):
            product = products[k, later - begin]
            for j in range(dots.shape[1]):
                dots[k - begin, j] = dots[k - begin, j] - product * dots[later - begin, j]
        for j in range(dots.shape[1]):
            dots[k - begin, j] = dots[k - begin, j] * scales[k]


@compiled
def subtract(reflectors, begin, end, panel, y):
    """panel[i, j] = panel[i, j] - reflectors[k, i] y[k, j], k rising."""
    for i in range(begin, panel.shape[0]):
        for k in range(begin, min(end, i + 1)):
            entry = reflectors[k, i]
            for j in range(panel.shape[1]):
                panel[i, j] = panel[i, j] - entry * y[k - begin, j]
