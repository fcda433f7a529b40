"""Transforms to frequencies: short-time Fourier, cosine, and the triangles of the mel scale."""

import math
from functools import lru_cache

import numpy as np

from service.errors import ImpossibleError, Problem
from service.initializers.references import AHMED_1974, ALLEN_1977, DAVIS_1980
from service.initializers.schemes.convolution import divided
from service.initializers.schemes.laws import table_law
from service.initializers.schemes.record import Law, Numbers, Request, Scheme
from service.initializers.schemes.tables import (
    require_within,
    rows_and_columns,
    with_extents,
    wrong_shape,
)
from service.spelling import shortest
from service.stream import indexed
from service.stream.draws import Elements, Float64, IndexFunction
from service.stream.elementary import cos_turns, expm1, log, log1p, powers, sin_turns
from service.stream.index_literals import BREAK_OF_HTK, KNEE, MELS_AT_KNEE, RATIO, STEPS

COSINES = {
    "none": (1.0, 0.0, 0.0),
    "hann": (0.5, 0.5, 0.0),
    "hamming": (0.54, 0.46, 0.0),
    "blackman": (0.42, 0.5, 0.08),
    "bartlett": (0.0, 0.0, 0.0),
}
"""Windows a - b cos(2 pi n / N) + c cos(4 pi n / N). Bartlett's is a triangle."""

MOST_SUMMED = 2**16
"""The longest window of which the sum is computed."""

MOST_EXTENT = 2**30
"""The largest extent of a transform. The product of two indices is then below 2^62."""

MOST_BANDS = 2**16

LEAST_RATE, MOST_RATE = 1.0, 1e9

NARROWEST = 2.0**-20
"""The least width of a mel bank as a share of its highest frequency."""


def window(
    samples: Elements, steps: int, triangular: bool, a: float, b: float, c: float
) -> Float64:
    """The window at samples from 0 to `steps`, of which the last has the value of the first."""
    if triangular:
        rising = 2 * samples / np.float64(steps)
        triangle: Float64 = np.minimum(rising, 2.0 - rising)
        return triangle
    return (a - b * cos_turns(samples, steps)) + c * cos_turns(2 * samples, steps)


def fourier(
    elements: Elements,
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
) -> Float64:
    """cos(2 pi f t / parts) or -sin(2 pi f t / parts), times the window, over the divisor."""
    rest, t = divided(elements, samples)
    _, f = divided(rest, frequencies)
    wave = -sin_turns(f * t, parts) if imaginary else cos_turns(f * t, parts)
    return wave * window(t, steps, triangular, a, b, c) / np.float64(divisor) + np.float64(0.0)


def _stft(request: Request) -> Law:
    """The outputs are frequencies, and the kernel is the samples of a frame."""
    numbers = request.numbers
    name = numbers.window or ""
    _refuse_scaling(request.requested, name)
    frequencies, samples = _frame(request)
    # A window of one sample is 1, as in SciPy.
    shape = COSINES["none" if samples < 2 else name]
    triangular = name == "bartlett" and samples > 1
    steps = max(samples if numbers.periodic == "true" else samples - 1, 1)
    divisor = 1.0
    if name != "none" and numbers.scaling != "none":
        divisor = _sum_of_window(numbers.scaling or "", samples, steps, triangular, *shape)
    draw = IndexFunction(
        fourier,
        (
            *(max(samples, 1), frequencies, 2 * (frequencies - 1), numbers.variant == "imag"),
            *(divisor, steps, triangular, *shape),
        ),
        -1.0 / divisor,
        1.0 / divisor,
        indexed.fourier,
    )
    return table_law(draw, math.prod(request.shape))


def _refuse_scaling(requested: Numbers, name: str) -> None:
    """Raise ImpossibleError (`conflicting_fields`) for what belongs to a window, without one."""
    if name == "none":
        for field in ("periodic", "scaling"):
            if getattr(requested, field) is not None:
                message = f"{field} describes the window, and there is none"
                problem = Problem(field, message, f"leave {field} out, or write window=hann")
                raise ImpossibleError("conflicting_fields", problem)


def _frame(request: Request) -> tuple[int, int]:
    """The numbers of frequencies and samples.

    Raises ImpossibleError (`scheme_axes`) for other axes than O and W, I having one element, for
    fewer than two frequencies and for an extent above MOST_EXTENT.
    """
    weight, scheme = request.weight, request.scheme
    if set(weight.letters) - {"I", "E"} != {"O", "W"} or weight.count("I") != 1:
        message = f"{scheme} fills the kernel of a 1-D convolution with one input"
        raise wrong_shape(message, _as_kernel(request.shape))
    frequencies, samples = weight.count("O"), weight.count("W")
    if frequencies < 2 or max(frequencies, samples) > MOST_EXTENT:
        message = f"{scheme} has 2 to {MOST_EXTENT} frequencies and up to {MOST_EXTENT} samples"
        raise wrong_shape(message, _as_kernel(()))
    return frequencies, samples


def _as_kernel(shape: tuple[int, ...]) -> str:
    """The hint to write a shape as OIW, with the first and the last extent of the request's."""
    if len(shape) == 3 and shape[0] > 1 and shape[1] == 1 and max(shape) <= MOST_EXTENT:
        return "write layout=OIW and leave layer out"
    frequencies, samples = (shape[0], shape[-1]) if len(shape) > 1 else (129, 256)
    if not 2 <= frequencies <= MOST_EXTENT or samples > MOST_EXTENT:
        frequencies, samples = 129, 256
    return f"write shape={frequencies},1,{samples} and layout=OIW and leave layer out"


@lru_cache(maxsize=64)
def _sum_of_window(
    scaling: str, samples: int, steps: int, triangular: bool, a: float, b: float, c: float
) -> float:
    """The sum of magnitudes for a spectrum, the root of the sum of squares for a density.

    Raises ImpossibleError: `too_large` for more than MOST_SUMMED samples, `scheme_field` if the
    sum is 0.
    """
    if samples > MOST_SUMMED:
        message = f"scaling adds up the window, and {samples} samples are too many"
        hint = "write scaling=none, or at most 65536 samples"
        raise ImpossibleError("too_large", Problem("scaling", message, hint))
    values = window(np.arange(samples), steps, triangular, a, b, c).tolist()
    if scaling == "density":
        total = math.sqrt(math.fsum(value * value for value in values))
    else:
        total = math.fsum(map(abs, values))
    if samples > 0 and total < NARROWEST:
        message = "every sample of this window is 0, so it cannot be divided by its sum"
        raise ImpossibleError("scheme_field", Problem("scaling", message, "write periodic=true"))
    return total if samples > 0 else 1.0


def cosine(
    elements: Elements,
    columns: int,
    length: int,
    kind: int,
    transposed: bool,
    scale: float,
    first: float,
    root: float,
) -> Float64:
    """scale cos(pi k n / N), in kinds 2 to 4 with 1/2 added to n, or k, or both.

    In kinds 2 and 3 the value for k = 0 is `first`. In kind 1 a value is multiplied by `root` if k
    or n is at an end, and by 1/2 if both are.
    """
    row, column = divided(elements, columns)
    k, n = (column, row) if transposed else (row, column)
    if kind == 1:
        last = length - 1
        ends = [((index == 0) | (index == last)).astype(np.int64) for index in (k, n)]
        weight = np.array([1.0, root, 0.5])[ends[0] + ends[1]]
        ended: Float64 = np.float64(scale) * cos_turns(k * n, 2 * last) * weight
        return ended + np.float64(0.0)
    if kind == 4:
        return np.float64(scale) * cos_turns((2 * k + 1) * (2 * n + 1), 8 * length)
    waves = np.float64(scale) * cos_turns(k * (2 * n + 1), 4 * length)
    values: Float64 = np.where(k == 0, first, waves)
    return values


DCT_TYPES = {"type1": 1, "type2": 2, "type3": 3, "type4": 4}


def _dct(request: Request) -> Law:
    """Rows are frequencies and columns samples, in type 3 the other way round."""
    variant = request.numbers.variant or ""
    kind, (rows, columns) = DCT_TYPES[variant], rows_and_columns(request)
    transposed = kind == 3
    shorter, longer = (columns, rows) if transposed else (rows, columns)
    least = 2 if kind == 1 else 1
    if shorter > longer:
        message = f"{variant} of {longer} samples has no {shorter} frequencies"
        raise wrong_shape(message, with_extents(request, longer, longer))
    if longer > MOST_EXTENT or 0 < longer < least:
        message = f"{variant} has {least} to {MOST_EXTENT} samples, and there are {longer}"
        raise wrong_shape(message, with_extents(request, least, least))
    length = max(longer, least)
    scale = math.sqrt(2.0 / (length - 1 if kind == 1 else length))
    first, root = math.sqrt(1.0 / length), math.sqrt(0.5)
    numbers = (max(columns, 1), length, kind, transposed, scale, first, root)
    return table_law(IndexFunction(cosine, numbers, -scale, scale, indexed.cosine), rows * columns)


def triangles(
    elements: Elements,
    bins: int,
    nyquist: float,
    htk: bool,
    start: float,
    step: float,
    area: bool,
) -> Float64:
    """Triangles over the bins' frequencies, from one edge over the next to the one after it.

    Their height is 1, or with `area` their area over Hz.
    """
    band, number = divided(elements, bins)
    frequency = number * nyquist / np.float64(bins - 1)
    low, middle, high = (_edges(band + ahead, htk, start, step) for ahead in (0, 1, 2))
    rising = (frequency - low) / (middle - low)
    falling = (high - frequency) / (high - middle)
    values = np.maximum(np.minimum(rising, falling), 0.0)
    return values * (2.0 / (high - low)) if area else values


def _edges(numbers: Elements, htk: bool, start: float, step: float) -> Float64:
    """The frequencies in Hz of edges that are `step` apart on the mel scale."""
    mels = start + numbers * step
    if htk:
        return BREAK_OF_HTK * expm1(mels)
    above = KNEE * powers(RATIO, (np.maximum(mels, MELS_AT_KNEE) - MELS_AT_KNEE) / STEPS)
    edges: Float64 = np.where(mels < MELS_AT_KNEE, mels * KNEE / MELS_AT_KNEE, above)
    return edges


def _mels(frequency: float, htk: bool) -> float:
    """The place of a frequency in Hz on the mel scale."""
    if htk:
        return float(log1p(frequency / BREAK_OF_HTK))
    if frequency < KNEE:
        return frequency * MELS_AT_KNEE / KNEE
    return MELS_AT_KNEE + STEPS * float(log(frequency / KNEE)) / float(log(RATIO))


def _mel_filter_bank(request: Request) -> Law:
    """Rows are bands, and columns the bins of a Fourier transform from 0 to half the rate."""
    numbers = request.numbers
    if numbers.normalise not in ("none", "area"):
        message = f"{request.scheme} has triangles of height 1 or of area 1"
        problem = Problem("normalise", message, "write normalise=none, or leave normalise out")
        raise ImpossibleError("scheme_field", problem)
    rate = numbers.sample_rate or 0.0
    require_within("sample_rate", rate, LEAST_RATE, MOST_RATE)
    low, high = _range(numbers, rate)
    bands, bins = rows_and_columns(request)
    if bands > MOST_BANDS or not 2 <= bins <= MOST_EXTENT:
        message = (
            f"{request.scheme} has up to {MOST_BANDS} bands and 2 to {MOST_EXTENT} bins, "
            f"and there are {bands} and {bins}"
        )
        raise wrong_shape(message, with_extents(request, 80, 201))
    htk, area = numbers.variant == "htk", numbers.normalise == "area"
    start, stop = _mels(low, htk), _mels(high, htk)
    step = (stop - start) / (bands + 1)
    highest = 1.0
    if area:
        edges = _edges(np.arange(bands + 2), htk, start, step)
        highest = float((2.0 / (edges[2:] - edges[:-2])).max()) if bands > 0 else 1.0
    draw = IndexFunction(
        triangles,
        (bins, rate * 0.5, htk, start, step, area),
        0.0,
        highest,
        indexed.triangles,
    )
    return table_law(draw, bands * bins)


def _range(numbers: Numbers, rate: float) -> tuple[float, float]:
    """The lowest and the highest frequency in Hz; by default the highest is half the rate.

    Raises ImpossibleError: `out_of_range`, and `empty_range` if hardly anything is between them.
    """
    low, high = numbers.low_frequency or 0.0, numbers.high_frequency
    if high is None:
        high = rate * 0.5
    require_within("high_frequency", high, rate * NARROWEST, rate * 0.5)
    require_within("low_frequency", low, 0.0, rate * 0.5)
    if high - low < NARROWEST * high:
        message = f"low_frequency {shortest(low)} leaves nothing below {shortest(high)} Hz"
        problem = Problem("low_frequency", message, "leave low_frequency out")
        raise ImpossibleError("empty_range", problem)
    return low, high


SCHEMES = (
    Scheme(
        name="stft",
        summary="The kernel of a convolution that computes a short-time Fourier transform.",
        formula=(
            "real: w[f, 0, t] = v[t] cos(2 pi f t/(2 O - 2))/s, imag: -v[t] sin(...)/s; v the "
            "window, s = sqrt(sum v^2) for density, sum abs(v) for spectrum"
        ),
        distribution="deterministic",
        fields=("variant", "window", "periodic", "scaling"),
        law=_stft,
        defaults=Numbers(variant="real", window="hann", scaling="density", periodic="false"),
        references=(ALLEN_1977,),
        access="index",
        draft=1,
        variants=("real", "imag"),
        example="shape=16,1,9&layout=WIO",
        source="keras/src/initializers/constant_initializers.py, STFT, Keras 3.15.1",
    ),
    Scheme(
        name="dct",
        summary="An orthonormal discrete cosine transform: rows are frequencies.",
        formula=(
            "type2: w[k, n] = sqrt(2/N) cos(pi k (2n + 1)/(2N)), k = 0 times sqrt(1/2); "
            "type3: its transpose"
        ),
        distribution="deterministic",
        fields=("variant",),
        law=_dct,
        defaults=Numbers(variant="type2"),
        references=(AHMED_1974,),
        access="index",
        draft=1,
        variants=tuple(DCT_TYPES),
        example="shape=8,8",
        source="scipy.fft.dct with norm='ortho', SciPy 1.17.1",
    ),
    Scheme(
        name="mel_filter_bank",
        summary="Triangles that turn the bins of a Fourier transform into bands of the mel scale.",
        formula=(
            "w[m, b] = max(0, min((f - e[m])/(e[m+1] - e[m]), (e[m+2] - f)/(e[m+2] - e[m+1]))), "
            "f = b sample_rate/(2 (B - 1)); area: times 2/(e[m+2] - e[m])"
        ),
        distribution="deterministic",
        fields=("variant", "normalise", "sample_rate", "low_frequency", "high_frequency"),
        law=_mel_filter_bank,
        defaults=Numbers(
            variant="slaney", normalise="area", sample_rate=16000.0, low_frequency=0.0
        ),
        references=(DAVIS_1980,),
        access="index",
        draft=1,
        variants=("slaney", "htk"),
        example="shape=8,65",
        source="librosa/filters.py, mel, librosa 0.11.0",
    ),
)
