"""Filters that are known beforehand, in the kernels of a convolution.

The values are laid for cross-correlation: tap x of a kernel meets the input at x, as in torch,
Keras and JAX.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np

from service.errors import ImpossibleError, Problem
from service.initializers.references import DAUGMAN_1985, PREWITT_1970, SOBEL_1968, Reference
from service.initializers.schemes.convolution import (
    Kernels,
    divided,
    kernels_of,
    places,
    refuse_without_kernel,
    tiled_law,
)
from service.initializers.schemes.laws import MOST_LISTED
from service.initializers.schemes.record import Law, Numbers, Request, Scheme, missing
from service.initializers.schemes.tables import require_within, wrong_shape
from service.stream import indexed
from service.stream.draws import Elements, Float64, IndexFunction
from service.stream.elementary import cos, cos_turns, exp, sin_turns
from service.stream.index_literals import TWO_PI

MOST_TAPS = 1024
"""The most elements of a filter. They are numbers of the draw."""

MOST_NORMALISED = 2**12
"""The most elements of a bank of different filters whose sums are computed."""

MOST_DERIVED = 31
"""The largest extent of a derivative. OpenCV has none beyond, and all its values are exact."""

LEAST_SIGMA, MOST_SIGMA = 0.1, 1e6
LEAST_WAVELENGTH, MOST_WAVELENGTH = 0.01, 1e6
LEAST_ASPECT, MOST_ASPECT = 0.001, 1000.0
MOST_PHASE = 1e6

LEAST_TAP, MOST_TAP = 1e-100, 1e100
"""The magnitudes of a literal kernel's values beside 0. Their squares have sums in float64."""

NORMALISATIONS = ("none", "sum", "l1", "l2")

VANISHING = 2.0**-40
"""A sum below this share of the sum of magnitudes consists of rounding errors."""

AXES = {"x": "W", "y": "H", "z": "D"}
"""The axis along which a derivative is taken."""

_EDGE = ("1", "0", "-1", "2", "0", "-2", "1", "0", "-1")
"""The kernel that a request for `literal` without one is shown: Sobel's of 3 x 3."""

Extents = dict[str, int]


def tiled(
    elements: Elements,
    taps: int,
    inputs: int,
    outputs: int,
    group_inputs: int,
    group_outputs: int,
    first: int,
    each: bool,
    *kernel: float,
) -> Float64:
    """The kernel from every input to every output; or 0 but for one input of each output."""
    output, input_, tap = places(
        elements, taps, inputs, outputs, group_inputs, group_outputs, first
    )
    values: Float64 = np.array(kernel)[tap]
    return _one_input(values, output, input_, group_inputs) if each else values


def _one_input(values: Float64, output: Elements, input_: Elements, group_inputs: int) -> Float64:
    """The values from input o mod I to output o, else 0."""
    _, own = divided(output, group_inputs)
    kept: Float64 = np.where(own == input_, values, 0.0)
    return kept


def _tiled_law(kernel_of: Callable[[Request, Extents], list[float]], request: Request) -> Law:
    """The law of one filter, which `kernel_of` makes in counting order."""
    kernels = _kernels(request)
    numbers, each = request.numbers, request.numbers.channels == "each"
    # An empty tensor has the draw of a kernel with at least one element.
    extents = {letter: max(extent, 1) for letter, extent in kernels.extents.items()}
    kernel = np.array(kernel_of(request, extents), np.float64)
    divisor = _norm(kernel.tolist(), numbers.normalise or "", request.scheme)
    tile = kernel / divisor / np.float64(1 if each else max(kernels.group_inputs, 1)) + 0.0
    alone = each and kernels.group_inputs > 1
    low, high = float(tile.min()), float(tile.max())
    if alone:
        low, high = min(low, 0.0), max(high, 0.0)
    draw = IndexFunction(tiled, (*kernels.numbers, each, *tile.tolist()), low, high, indexed.tiled)
    filled = kernels.size // kernels.group_inputs if alone else kernels.size
    return tiled_law(draw, tile, filled, kernels.size)


def _kernels(request: Request) -> Kernels:
    """The kernels that a filter fills.

    Raises ImpossibleError: `scheme_axes` for a tensor without kernel axes, or with outputs that do
    not divide among the inputs; `too_large` for a kernel of more than MOST_TAPS elements.
    """
    refuse_without_kernel(request, _as_image_kernel(request))
    kernels = kernels_of(request)
    if kernels.taps > MOST_TAPS:
        message = f"a filter has at most {MOST_TAPS} elements, and the kernel has {kernels.taps}"
        problem = Problem("shape", message, _of_threes(request, kernels.extents))
        raise ImpossibleError("too_large", problem)
    outputs, inputs = kernels.group_outputs, max(kernels.group_inputs, 1)
    if request.numbers.channels == "each" and outputs % inputs != 0:
        message = f"{outputs} outputs do not divide among {inputs} inputs"
        hint = "leave channels out for the mean of the inputs in every output"
        raise ImpossibleError("scheme_axes", Problem("channels", message, hint))
    return kernels


def _as_image_kernel(request: Request) -> str:
    """The shape of one kernel with the two extents of the request, or of 3 x 3 if none fits."""
    shape = request.shape
    if len(shape) == 2 and _fits(request.scheme, *shape):
        return f"1,1,{shape[0]},{shape[1]}"
    kernel = request.numbers.kernel or ()
    return f"1,1,1,{len(kernel)}" if kernel and len(kernel) != 9 else "1,1,3,3"


def _fits(scheme: str, height: int, width: int) -> bool:
    """Whether the filter has a kernel of these extents."""
    if not 0 < height * width <= MOST_TAPS:
        return False
    match scheme:
        case "sobel" | "prewitt":
            odd = height % 2 == 1 and width % 2 == 1
            return odd and min(height, width) >= 3 and max(height, width) <= MOST_DERIVED
        case "laplacian":
            return height == width == 3
        case "cross":
            return height == width
        case _:
            return True


def _norm(kernel: list[float], normalise: str, scheme: str) -> float:
    """The number by which a kernel is divided. Sums are exact and rounded once.

    Raises ImpossibleError (`scheme_field`) if that number is 0, or means nothing for a filter.
    """
    if normalise not in NORMALISATIONS:
        message = f"{scheme} has no {normalise}"
        problem = Problem("normalise", message, "write normalise=l1, or leave normalise out")
        raise ImpossibleError("scheme_field", problem)
    magnitude = math.fsum(map(abs, kernel))
    total = math.fsum(kernel)
    if normalise == "sum" and abs(total) <= VANISHING * magnitude:
        message = f"the values of {scheme} add up to 0, so their sum cannot be made 1"
        hint = "write normalise=l1" if magnitude > 0 else "leave normalise out"
        raise ImpossibleError("scheme_field", Problem("normalise", message, hint))
    if normalise != "none" and magnitude == 0:
        message = f"every value of {scheme} is 0, so nothing can be made 1"
        problem = Problem("normalise", message, "leave normalise out")
        raise ImpossibleError("scheme_field", problem)
    if normalise == "l2":
        return math.sqrt(math.fsum(tap * tap for tap in kernel))
    return {"none": 1.0, "sum": total, "l1": magnitude}[normalise]


def _product(profiles: list[list[float]]) -> list[float]:
    """The products of one value of each profile, in counting order."""
    values = profiles[0]
    for profile in profiles[1:]:
        values = [value * factor for value in values for factor in profile]
    return values


def _derivative(
    slope_of: Callable[[int], list[float]],
    rest_of: Callable[[int], list[float]],
    request: Request,
    extents: Extents,
) -> list[float]:
    """`slope_of` along the axis of the variant, and `rest_of` along the others."""
    axis = AXES[request.numbers.variant or ""]
    _refuse_derivative(request, extents, axis)
    return _product(
        [slope_of(k) if letter == axis else rest_of(k) for letter, k in extents.items()]
    )


def _refuse_derivative(request: Request, extents: Extents, axis: str) -> None:
    scheme = request.scheme
    if axis not in extents:
        fitting = next(word for word, letter in AXES.items() if letter in extents)
        message = f"variant {request.numbers.variant} needs the kernel axis {axis}"
        raise ImpossibleError(
            "scheme_axes", Problem("variant", message, f"write variant={fitting}")
        )
    if extents[axis] < 3 or any(k % 2 == 0 or k > MOST_DERIVED for k in extents.values()):
        message = (
            f"{scheme} needs odd kernel extents up to {MOST_DERIVED}, of at least 3 along {axis}"
        )
        raise wrong_shape(message, _of_threes(request, extents))


def _of_threes(request: Request, extents: Extents) -> str:
    """The hint for a wrong extent of the kernel: the same shape with the extent 3."""
    return _with_kernel(request, dict.fromkeys(extents, 3))


def _in_a_row(request: Request, taps: int) -> str:
    """The hint for a kernel of another size: the same shape with `taps` along one axis."""
    *others, last = (letter for letter in "DHW" if letter in request.weight.letters)
    return _with_kernel(request, {last: taps} | dict.fromkeys(others, 1))


def _with_kernel(request: Request, extents: Extents) -> str:
    axes = zip(request.weight.letters, request.shape, strict=True)
    shape = ",".join(str(extents.get(letter, extent)) for letter, extent in axes)
    return f"write shape={shape}"


def _binomial(extent: int) -> list[float]:
    """The coefficients of (1 + t)^(extent - 1)."""
    return [float(math.comb(extent - 1, j)) for j in range(extent)]


def _sobel_slope(extent: int) -> list[float]:
    """The coefficients of (1 + t)^(extent - 2) (t - 1)."""
    smooth = [0.0, *_binomial(extent - 1), 0.0]
    return [before - after for before, after in pairwise(smooth)]


def _ones(extent: int) -> list[float]:
    return [1.0] * extent


def _ramp(extent: int) -> list[float]:
    """The numbers 1 apart with the sum 0."""
    return [j - (extent - 1) * 0.5 for j in range(extent)]


def _laplacian(request: Request, extents: Extents) -> list[float]:
    """1 at the neighbours of the centre, and minus their number in it."""
    if any(extent != 3 for extent in extents.values()):
        message = f"{request.scheme} has the extent 3 along every kernel axis"
        raise wrong_shape(message, _of_threes(request, extents))
    squares = [1.0, 0.0, 1.0]
    distances = [0.0]
    for _ in extents:
        distances = [distance + square for distance in distances for square in squares]
    nearest = request.numbers.variant == "axes"
    values = [1.0 if d == 1.0 or not nearest else 0.0 for d in distances]
    centre = len(values) // 2
    values[centre] = 0.0
    values[centre] = -math.fsum(values)
    return values


def _gaussian(request: Request, extents: Extents) -> list[float]:
    """exp(-x^2 / (2 sigma^2)) along each axis, x from the middle of the kernel."""
    sigma = request.numbers.sigma or 0.0
    require_within("sigma", sigma, LEAST_SIGMA, MOST_SIGMA)
    profiles = []
    for extent in extents.values():
        x = np.array(_ramp(extent))
        profiles.append(exp(-(x * x) / (2.0 * sigma * sigma)).tolist())
    return _product(profiles)


def _box(request: Request, extents: Extents) -> list[float]:
    return _product([_ones(extent) for extent in extents.values()])


def _cross(request: Request, extents: Extents) -> list[float]:
    """1 on both diagonals of a square."""
    _refuse_other_axes(request, extents)
    side = extents["H"]
    if side != extents["W"]:
        message = f"{request.scheme} is a square, and the kernel is {side} x {extents['W']}"
        raise wrong_shape(message, _of_threes(request, extents))
    return [float(x in (y, side - 1 - y)) for y in range(side) for x in range(side)]


def _refuse_other_axes(request: Request, extents: Extents) -> None:
    if set(extents) != {"H", "W"}:
        message = f"{request.scheme} has the kernel axes H and W, and this one has {len(extents)}"
        outputs, inputs = request.weight.count("O"), request.weight.count("I")
        hint = f"write shape={outputs},{inputs},3,3 and leave layer and layout out"
        raise wrong_shape(message, hint)


def _literal(request: Request, extents: Extents) -> list[float]:
    kernel, taps = request.numbers.kernel, math.prod(extents.values())
    if kernel is None:
        raise _no_kernel(request, extents)
    if len(kernel) != taps:
        message = f"kernel has {len(kernel)} values, and a kernel of this shape has {taps}"
        hint = f"give {taps} values row by row, or {_in_a_row(request, len(kernel))}"
        raise ImpossibleError("conflicting_fields", Problem("kernel", message, hint))
    if any(tap != 0 and not LEAST_TAP <= abs(tap) <= MOST_TAP for tap in kernel):
        message = f"a value has a magnitude below {LEAST_TAP:g} or above {MOST_TAP:g}"
        hint = f"write a magnitude from {LEAST_TAP:g} to {MOST_TAP:g}"
        raise ImpossibleError("out_of_range", Problem("kernel", message, hint))
    return list(kernel)


def _no_kernel(request: Request, extents: Extents) -> ImpossibleError:
    """The error (`scheme_needs`) without the field kernel. A large kernel is shown as one of 3s."""
    taps = math.prod(extents.values())
    if taps <= 27:
        return missing(request.scheme, kernel=",".join(_EDGE if taps == 9 else ["1"] * taps))
    values = ",".join(["1"] * math.prod([3] * len(extents)))
    hint = f"add {taps} values as kernel, or {_of_threes(request, extents)} and add kernel={values}"
    message = f"{request.scheme} needs kernel"
    return ImpossibleError("scheme_needs", Problem("kernel", message, hint))


@dataclass(frozen=True, slots=True)
class Bank:
    """Gabor filters of `taps` elements in rows of `width`, one for each of `outputs`.

    sigma and wavelength are in elements, and phase in radians.
    """

    taps: int
    outputs: int
    width: int
    sigma: float
    wavelength: float
    aspect: float
    phase: float

    def at(self, output: Elements, tap: Elements) -> Float64:
        """exp(-(x'^2 + aspect^2 y'^2)/(2 sigma^2)) cos(2 pi x'/wavelength + phase), as in OpenCV.

        The filter of output o of O is turned by pi o / O. x falls from the left and y from the
        top, and both are 0 in the middle.
        """
        row, column = divided(tap, self.width)
        x = (self.width - 1) * 0.5 - column
        y = (self.taps // self.width - 1) * 0.5 - row
        c, s = cos_turns(output, 2 * self.outputs), sin_turns(output, 2 * self.outputs)
        along, across = x * c + y * s, y * c - x * s
        narrow = self.sigma / self.aspect
        scale_x, scale_y = -0.5 / (self.sigma * self.sigma), -0.5 / (narrow * narrow)
        envelope = exp(scale_x * along * along + scale_y * across * across)
        wave = cos((TWO_PI / self.wavelength) * along + self.phase)
        values: Float64 = envelope * wave
        return values

    def values(self) -> Float64:
        """All values, filter by filter."""
        return self.at(*divided(np.arange(self.taps * self.outputs), self.taps))


def gabor(
    elements: Elements,
    taps: int,
    inputs: int,
    outputs: int,
    group_inputs: int,
    group_outputs: int,
    first: int,
    each: bool,
    width: int,
    sigma: float,
    wavelength: float,
    aspect: float,
    phase: float,
    averaged: int,
    *norms: float,
) -> Float64:
    """Gabor filters, divided by their norm and by the number of inputs that share an output.

    There is one norm for all outputs, or one for each.
    """
    output, input_, tap = places(
        elements, taps, inputs, outputs, group_inputs, group_outputs, first
    )
    _, number = divided(elements // (taps * inputs), outputs)
    bank = Bank(taps, outputs, width, sigma, wavelength, aspect, phase)
    divisors = np.array(norms)[number if len(norms) > 1 else np.zeros_like(number)]
    values = bank.at(number, tap) / divisors / np.float64(averaged) + np.float64(0.0)
    return _one_input(values, output, input_, group_inputs) if each else values


def _gabor(request: Request) -> Law:
    kernels, numbers = _kernels(request), request.numbers
    _refuse_other_axes(request, kernels.extents)
    sigma, wavelength = numbers.sigma or 0.0, numbers.wavelength or 0.0
    aspect, phase = numbers.aspect or 0.0, numbers.phase or 0.0
    require_within("sigma", sigma, LEAST_SIGMA, MOST_SIGMA)
    require_within("wavelength", wavelength, LEAST_WAVELENGTH, MOST_WAVELENGTH)
    require_within("aspect", aspect, LEAST_ASPECT, MOST_ASPECT)
    require_within("phase", phase, -MOST_PHASE, MOST_PHASE)
    each = numbers.channels == "each"
    averaged = 1 if each else max(kernels.group_inputs, 1)
    bank = Bank(
        *(max(kernels.taps, 1), max(kernels.outputs, 1), max(kernels.extents["W"], 1)),
        *(sigma, wavelength, aspect, phase),
    )
    norms: tuple[float, ...] = (1.0,)
    if numbers.normalise != "none":
        norms = _norms(request.scheme, numbers.normalise or "", bank)
    largest = max(1.0 / abs(norm) for norm in norms) / averaged
    wave = (each, bank.width, sigma, wavelength, aspect, phase, averaged)
    draw = IndexFunction(gabor, (*kernels.numbers, *wave, *norms), -largest, largest, indexed.gabor)
    if bank.taps * bank.outputs > MOST_LISTED:
        return Law(draw, "deterministic", None, None, low=-largest, high=largest)
    tile = bank.values() / np.repeat(norms, bank.taps * bank.outputs // len(norms)) / averaged
    filled = kernels.size // max(kernels.group_inputs, 1) if each else kernels.size
    return tiled_law(draw, tile, filled, kernels.size)


@lru_cache(maxsize=64)
def _norms(scheme: str, normalise: str, bank: Bank) -> tuple[float, ...]:
    """The norm of each output's filter.

    Raises ImpossibleError: `too_large` for more than MOST_NORMALISED elements, `scheme_field` for
    a filter with the sum 0.
    """
    size = bank.taps * bank.outputs
    if size > MOST_NORMALISED:
        message = f"the filters have {size} elements, too many to normalise each of them"
        hint = "leave normalise out, or write fewer outputs"
        raise ImpossibleError("too_large", Problem("normalise", message, hint))
    filters = bank.values().reshape(bank.outputs, bank.taps)
    return tuple(_norm(kernel, normalise, scheme) for kernel in filters.tolist())


_PLAIN = Numbers(normalise="none", channels="all")

_ALONG_X = Numbers(normalise="none", channels="all", variant="x")


def _filter(
    name: str,
    summary: str,
    formula: str,
    kernel_of: Callable[[Request, Extents], list[float]],
    *fields: str,
    defaults: Numbers = _PLAIN,
    variants: tuple[str, ...] = (),
    references: tuple[Reference, ...] = (),
    example: str = "shape=1,1,3,3",
    source: str | None = None,
) -> Scheme:
    """The scheme of one filter, tiled over the channels."""
    return Scheme(
        name=name,
        summary=summary,
        formula=formula,
        distribution="deterministic",
        fields=(*fields, "normalise", "channels"),
        law=partial(_tiled_law, kernel_of),
        defaults=defaults,
        references=references,
        access="index",
        draft=1,
        holds_values=True,
        variants=variants,
        example=example,
        source=source,
    )


SCHEMES = (
    _filter(
        "sobel",
        "The slope of a picture along x, y or z, smoothed along the other axes. variant=x finds "
        "vertical edges, and variant=y finds horizontal ones.",
        "outer product of a vector along each axis: the coefficients of (1 + t)^(k - 2) (t - 1) "
        "along the variant's axis and those of (1 + t)^(k - 1) along the others, from t^0 up, "
        "where k is the extent of the axis",
        partial(_derivative, _sobel_slope, _binomial),
        "variant",
        defaults=_ALONG_X,
        variants=tuple(AXES),
        references=(SOBEL_1968,),
        source="modules/imgproc/src/deriv.cpp, getSobelKernels, OpenCV 5.0.0",
    ),
    _filter(
        "prewitt",
        "The slope of a picture along x, y or z, summed along the other axes. variant=x finds "
        "vertical edges, and variant=y finds horizontal ones.",
        "outer product of a vector along each axis: j - (k - 1)/2 at place j of the k places of "
        "the variant's axis, and 1 along the others",
        partial(_derivative, _ramp, _ones),
        "variant",
        defaults=_ALONG_X,
        variants=tuple(AXES),
        references=(PREWITT_1970,),
    ),
    _filter(
        "laplacian",
        "The sum of the second derivatives of a picture. It finds edges of every direction, spots "
        "and the ends of lines.",
        "1 at the neighbours along the axes, or at all of them; minus their number in the centre",
        _laplacian,
        "variant",
        defaults=Numbers(normalise="none", channels="all", variant="axes"),
        variants=("axes", "all"),
        source="modules/imgproc/src/deriv.cpp, Laplacian, OpenCV 5.0.0",
    ),
    _filter(
        "gaussian_filter",
        "A Gaussian that blurs a picture; with normalise=sum it keeps the brightness.",
        "exp(-x^2/(2 sigma^2)) along each axis, x from the middle of the kernel",
        _gaussian,
        "sigma",
        defaults=Numbers(normalise="none", channels="all", sigma=1.0),
        source="modules/imgproc/src/smooth.dispatch.cpp, getGaussianKernel, OpenCV 5.0.0",
    ),
    _filter(
        "box",
        "Every element of the kernel is 1, so the output is the sum of a neighbourhood. With "
        "normalise=sum the output is its mean.",
        "1",
        _box,
    ),
    _filter(
        "cross",
        "Both diagonals of the kernel are 1. The output is the sum of the pixels there, so a white "
        "patch scores as high as an X. To find an X, write scheme=literal and "
        "kernel=4,-5,4,-5,4,-5,4,-5,4: it gives 20 on a 3 x 3 X and 0 on white.",
        "1 if y = x or y = k - 1 - x, else 0",
        _cross,
        example="shape=1,1,5,5",
    ),
    Scheme(
        name="gabor",
        summary=(
            "Each output finds stripes of one direction: its filter is a wave in a Gaussian "
            "window, turned by pi o/O for output o of O. The values do not add up to 0 in "
            "general, so the filter also responds to brightness. With phase=1.5707963267948966 "
            "they do, and the filter finds edges."
        ),
        formula=(
            "exp(-(x'^2 + aspect^2 y'^2)/(2 sigma^2)) cos(2 pi x'/wavelength + phase), "
            "x' = x cos(pi o/O) + y sin(pi o/O)"
        ),
        distribution="deterministic",
        fields=("normalise", "channels", "sigma", "wavelength", "aspect", "phase"),
        law=_gabor,
        defaults=Numbers(
            normalise="none", channels="all", sigma=2.0, wavelength=4.0, aspect=0.5, phase=0.0
        ),
        references=(DAUGMAN_1985,),
        access="index",
        draft=1,
        holds_values=True,
        example="shape=8,1,7,7",
        source="modules/imgproc/src/gabor.cpp, getGaborKernel, OpenCV 5.0.0",
    ),
    _filter(
        "literal",
        "The values of the field kernel, row by row.",
        "w[o, i, y, x] = kernel[y k + x]",
        _literal,
        "kernel",
        example="shape=1,1,3,3&kernel=-3,0,3,-10,0,10,-3,0,3",
    ),
)
