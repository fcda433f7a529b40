"""Orthogonal matrices, as docs/stream-v1-drafts.md defines them, column by column.

Every sum has one accumulator, its index rises, and each step is a rounded multiplication and then
a rounded addition or subtraction.
"""

import math

import numpy as np

from service.stream.reference.arrays import Float64

BLOCK = 16


def orthogonal(z: Float64) -> Float64:
    """Q of a matrix of independent normals, float64, of the same shape.

    The product of Householder reflectors whose vectors are the normals (Stewart 1980). `z` is
    transposed unless it is taller than wide, and so is the result.
    """
    if z.shape[0] <= z.shape[1]:
        return product(z.T.copy()).T.copy()
    return product(z.copy())


def product(x: Float64) -> Float64:
    """The first n columns of H_0 H_1 ... H_(n-1) with their signs; x has shape (m, n), n <= m."""
    m, n = x.shape
    signs, scales = np.empty(n), np.empty(n)
    for k in range(n):
        r = np.float64(math.sqrt(inner(x[k:, k], x[k:, k])))
        signs[k] = -1.0 if x[k, k] >= 0 else 1.0
        x[k, k] = x[k, k] + r if x[k, k] >= 0 else x[k, k] - r
        scales[k] = 1.0 / (r * abs(x[k, k]))
    q = np.where(np.arange(m)[:, np.newaxis] == np.arange(n), 1.0, 0.0)
    for begin in reversed(range(0, n, BLOCK)):
        reflect(x, scales, begin, min(begin + BLOCK, n), q)
    return q * signs


def reflect(x: Float64, scales: Float64, begin: int, end: int, q: Float64) -> None:
    """Apply reflectors begin ... end - 1 to the columns of q from `begin` on, in place."""
    y: dict[int, Float64] = {}
    for k in reversed(range(begin, end)):
        t = np.zeros(q.shape[1] - begin)
        for i in range(k, len(q)):
            t = t + x[i, k] * q[i, begin:]
        for later in range(k + 1, end):
            t = t - inner(x[later:, k], x[later:, later]) * y[later]
        y[k] = t * scales[k]
    for i in range(begin, len(q)):
        for k in range(begin, min(end, i + 1)):
            q[i, begin:] = q[i, begin:] - x[i, k] * y[k]


def inner(a: Float64, b: Float64) -> float:
    """a . b, added up in the order of the entries."""
    total = 0.0
    for product_of_entries in (a * b).tolist():
        total += product_of_entries
    return total
