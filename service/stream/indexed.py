"""Index functions as kernels: each takes the numbers of its NumPy form and prepares the kernel.

The NumPy forms are in `service.initializers.schemes`. They are the reference, and the kernels have
the same bits (tests/initializers/test_index_kernels.py).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from service.stream import index_literals
from service.stream.draws import Elements, Float64
from service.stream.kernels import index as kernels
from service.stream.logarithm import logarithm_pair

Prepared = Callable[[Elements], Float64]
"""Element numbers to values, shape (n,) both."""


def tiled(*numbers: float) -> Prepared:
    """taps, inputs, outputs, inputs and outputs of a group, first, each, and the tile."""
    which = kernels.OWN_INPUT if numbers[6] else kernels.ALL_INPUTS
    return _prepared(kernels.tiled, _counts(*numbers[:6]), which, _reals(*numbers[7:]))


def centred(*numbers: float) -> Prepared:
    """taps, inputs, outputs, inputs and outputs of a group, first, centre, gain."""
    return _prepared(kernels.centred, _counts(*numbers[:6]), int(numbers[6]), float(numbers[7]))


def interpolating(*numbers: float) -> Prepared:
    """taps, inputs, outputs, inputs and outputs of a group, first, extent."""
    return _prepared(kernels.interpolating, _counts(*numbers[:6]), int(numbers[6]))


def gabor(*numbers: float) -> Prepared:
    """taps, inputs, outputs, inputs and outputs of a group, first, each, width, sigma, wavelength,
    aspect, phase, inputs that share an output, and the norms."""
    which = kernels.OWN_INPUT if numbers[6] else kernels.ALL_INPUTS
    counts, width = _counts(*numbers[:6]), int(numbers[7])
    shape, norms = _reals(*numbers[8:13]), _reals(*numbers[13:])
    return _prepared(kernels.gabor, counts, which, width, shape, norms)


def fourier(
    samples: int,
    frequencies: int,
    parts: int,
    imaginary: bool,
    divisor: float,
    steps: int,
    triangular: bool,
    a: float,
    b: float,
    c: float,
) -> Prepared:
    """The kernel computes -sin as the sine times -1, and cos as the sine a quarter turn later."""
    counts = _counts(samples, frequencies, parts, 0 if imaginary else 1, steps)
    shape = _reals(-1.0 if imaginary else 1.0, divisor, a, b, c)
    return _prepared(kernels.fourier, counts, bool(triangular), shape)


def triangles(
    bins: int, nyquist: float, htk: bool, start: float, step: float, area: bool
) -> Prepared:
    """The logarithm of Slaney's ratio is computed here, once for all elements."""
    shape = _reals(nyquist, start, step, *logarithm_pair(index_literals.RATIO))
    return _prepared(kernels.triangles, int(bins), bool(htk), bool(area), shape)


def interleaved(width: int, base: float) -> Prepared:
    """The logarithm of the base is computed here, once for all elements."""
    return _prepared(kernels.interleaved, int(width), *logarithm_pair(base))


def in_parts(width: int, base: float, parts: int, steps: int, side: int) -> Prepared:
    """The logarithm of the base is computed here, once for all elements."""
    return _prepared(kernels.in_parts, _counts(width, parts, steps, side), *logarithm_pair(base))


def hadamard(*numbers: float) -> Prepared:
    """outputs, inputs, taps, centre, first output, height, width, scale."""
    return _prepared(kernels.hadamard, _counts(*numbers[:7]), True, float(numbers[7]))


def partial_identity(*numbers: int) -> Prepared:
    """outputs, inputs, taps, centre, first output, height, width."""
    return _prepared(kernels.hadamard, _counts(*numbers), False, 1.0)


def cosine(
    columns: int,
    length: int,
    kind: int,
    transposed: bool,
    scale: float,
    first: float,
    root: float,
) -> Prepared:
    """Kinds 1 to 4."""
    counts, shape = _counts(columns, length, kind), _reals(scale, first, root)
    return _prepared(kernels.cosine, counts, bool(transposed), shape)


def _prepared(kernel: Callable[..., None], *arguments: object) -> Prepared:
    """A kernel that takes element numbers, these arguments and an array to write to."""

    def values_of(elements: Elements) -> Float64:
        values = np.empty(elements.shape, np.float64)
        kernel(elements, *arguments, values)
        return values

    return values_of


def _counts(*numbers: float) -> npt.NDArray[np.int64]:
    return np.array([int(number) for number in numbers], np.int64)


def _reals(*numbers: float) -> Float64:
    return np.array(numbers, np.float64)
