"""Index functions: the values of element numbers, without random words.

Each kernel computes what the NumPy function of the same name in `service.initializers.schemes`
does, in the same order of operations, so that the bits are equal. In every docstring

    elements   int64, shape (n,)     element numbers, 0 ... 2^58 - 1
    values     float64, shape (n,), written by the kernel
    counts     int64                 whole numbers of the function, in the order of its parameters

The schemes see to it that all arguments of elementary functions are in their domains.
"""

import numpy as np

from service.stream import index_literals
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.elementary import (
    exponential,
    exponential_minus_one,
    reduce_turns,
    sine,
    sine_and_cosine,
    sine_of_each,
    sine_of_turns,
    turned,
)
from service.stream.kernels.integers import below_reciprocal, divided, rest_of

KNEE, MELS_AT_KNEE, STEPS = (
    index_literals.KNEE,
    index_literals.MELS_AT_KNEE,
    index_literals.STEPS,
)
TWO_PI, BREAK_OF_HTK = index_literals.TWO_PI, index_literals.BREAK_OF_HTK

STRIP = 1024
"""Elements that are done at a time: what lies between two loops stays in a first-level cache."""
ONE = np.int64(1)

OUTPUTS_EQUAL, OWN_INPUT, ALL_INPUTS = range(3)
"""Which kernels of a convolution have values: from the input with the number of the output; from
the input that the number of the output leaves as a remainder; from every input."""


@compiled
def locate(elements, counts, numbers, outputs, inputs, taps):
    """Write the output in the tensor, those of output and input in their group, and the tap.

    counts: taps, inputs, outputs, inputs of a group, outputs of a group, first output.
    """
    by_taps, by_inputs = below_reciprocal(counts[0]), below_reciprocal(counts[1])
    by_outputs, by_group_inputs = below_reciprocal(counts[2]), below_reciprocal(counts[3])
    by_group_outputs = below_reciprocal(counts[4])
    for i in range(elements.size):
        kernel, taps[i] = divided(elements[i], counts[0], by_taps)
        rest, input_ = divided(kernel, counts[1], by_inputs)
        _, output = divided(rest, counts[2], by_outputs)
        numbers[i] = output
        inputs[i] = rest_of(input_, counts[3], by_group_inputs)
        outputs[i] = rest_of(output - counts[5], counts[4], by_group_outputs)


@compiled
def choose(counts, which, outputs, inputs, values):
    """Leave the values of some kernels, and write 0 to the others."""
    by_group_inputs = below_reciprocal(counts[3])
    if which == OUTPUTS_EQUAL:
        for i in range(values.size):
            values[i] = values[i] if outputs[i] == inputs[i] else 0.0
    elif which == OWN_INPUT:
        for i in range(values.size):
            own = rest_of(outputs[i], counts[3], by_group_inputs)
            values[i] = values[i] if own == inputs[i] else 0.0


@compiled
def tiled(elements, counts, which, tile, values):
    """The tile from the inputs that `which` says to every output; tile float64, shape (taps,)."""
    numbers, outputs = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    inputs, taps = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    for start in range(0, elements.size, STRIP):
        strip = values[start : start + STRIP]
        locate(elements[start : start + STRIP], counts, numbers, outputs, inputs, taps)
        for i in range(strip.size):
            strip[i] = tile[taps[i]]
        choose(counts, which, outputs, inputs, strip)


@compiled
def centred(elements, counts, centre, gain, values):
    """gain at the tap `centre` where an output has the number of its input, else 0."""
    numbers, outputs = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    inputs, taps = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    for start in range(0, elements.size, STRIP):
        strip = values[start : start + STRIP]
        locate(elements[start : start + STRIP], counts, numbers, outputs, inputs, taps)
        for i in range(strip.size):
            strip[i] = gain if taps[i] == centre else 0.0
        choose(counts, OUTPUTS_EQUAL, outputs, inputs, strip)


@compiled
def interpolating(elements, counts, extent, values):
    """The bilinear kernel where an output has the number of its input, else 0."""
    numbers, outputs = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    inputs, taps = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    factor = (extent + 1) // 2
    twice, by_extent = np.float64(2 * factor), below_reciprocal(extent)
    doubled_centre = 2 * factor - 1 - factor % 2
    for start in range(0, elements.size, STRIP):
        strip = values[start : start + STRIP]
        locate(elements[start : start + STRIP], counts, numbers, outputs, inputs, taps)
        for i in range(strip.size):
            row, column = divided(taps[i], extent, by_extent)
            down = np.float64(2 * factor - abs(2 * row - doubled_centre)) / twice
            across = np.float64(2 * factor - abs(2 * column - doubled_centre)) / twice
            strip[i] = down * across
        choose(counts, OUTPUTS_EQUAL, outputs, inputs, strip)


@compiled
def gabor(elements, counts, which, width, shape, norms, values):
    """Gabor filters, divided by their norm and by the inputs that share an output.

    shape float64: sigma, wavelength, aspect, phase, inputs that share an output; norms float64, one
    for each output or one for all.
    """
    numbers, outputs = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    inputs, taps = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    quarters, waves = np.empty(STRIP, np.int64), np.empty(STRIP, np.float64)
    highs, lows = np.empty(STRIP, np.float64), np.empty(STRIP, np.float64)
    sines, cosines = np.empty(STRIP, np.float64), np.empty(STRIP, np.float64)
    sigma, wavelength, aspect, phase, averaged = shape
    narrow = sigma / aspect
    scale_x, scale_y = -0.5 / (sigma * sigma), -0.5 / (narrow * narrow)
    angular, by_width = TWO_PI / wavelength, below_reciprocal(width)
    middle_x = np.float64(width - 1) * 0.5
    middle_y = np.float64(counts[0] // width - 1) * 0.5
    single = norms.size == 1
    for start in range(0, elements.size, STRIP):
        strip = values[start : start + STRIP]
        locate(elements[start : start + STRIP], counts, numbers, outputs, inputs, taps)
        reduce_turns(numbers, 2 * counts[2], strip.size, quarters, highs, lows)
        for i in range(strip.size):
            s, c = sine_and_cosine(highs[i], lows[i])
            sines[i] = turned(quarters[i], s, c) + 0.0
            cosines[i] = turned(quarters[i] + ONE, s, c) + 0.0
        for i in range(strip.size):
            row, column = divided(taps[i], width, by_width)
            x, y = middle_x - np.float64(column), middle_y - np.float64(row)
            s, c = sines[i], cosines[i]
            along, across = x * c + y * s, y * c - x * s
            strip[i] = scale_x * along * along + scale_y * across * across
            waves[i] = angular * along + phase
        exponential(strip, 1.0, 0.0)
        sine(waves[: strip.size], ONE)
        for i in range(strip.size):
            norm = norms[0] if single else norms[numbers[i]]
            strip[i] = strip[i] * waves[i] / norm / averaged + 0.0
        choose(counts, which, outputs, inputs, strip)


@compiled
def fourier(elements, counts, triangular, shape, values):
    """A row of a Fourier transform, times a window, over a divisor.

    counts: samples, frequencies, parts of a turn, quarters of a turn, steps of the window; shape
    float64: the sign of the wave, the divisor, and a, b and c of the window.
    """
    samples, frequencies, parts, quarters, steps = counts
    sign, divisor, a, b, c = shape
    t, numerators = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    once, twice = np.empty(STRIP, np.float64), np.empty(STRIP, np.float64)
    by_samples, by_frequencies = below_reciprocal(samples), below_reciprocal(frequencies)
    for start in range(0, elements.size, STRIP):
        strip = values[start : start + STRIP]
        count = strip.size
        for i in range(count):
            rest, t[i] = divided(elements[start + i], samples, by_samples)
            _, f = divided(rest, frequencies, by_frequencies)
            numerators[i] = f * t[i]
        sine_of_turns(numerators[:count], parts, quarters, strip)
        if triangular:
            for i in range(count):
                rising = np.float64(2 * t[i]) / np.float64(steps)
                falling = 2.0 - rising
                once[i] = rising if rising < falling else falling
        else:
            # A cosine times 0 changes nothing, so it is not computed.
            once[:count] = 0.0
            twice[:count] = 0.0
            if b != 0.0:
                sine_of_turns(t[:count], steps, ONE, once[:count])
            if c != 0.0:
                for i in range(count):
                    numerators[i] = 2 * t[i]
                sine_of_turns(numerators[:count], steps, ONE, twice[:count])
            for i in range(count):
                once[i] = (a - b * once[i]) + c * twice[i]
        for i in range(count):
            strip[i] = sign * strip[i] * once[i] / divisor + 0.0


@compiled
def triangles(elements, bins, htk, area, shape, values):
    """Triangles over the frequencies of bins.

    shape float64: the frequency of the last bin, start and step of the edges in mels, and the upper
    and the lower part of ln RATIO.
    """
    nyquist, first, step, log_high, log_low = shape
    by_bins, last = below_reciprocal(bins), np.float64(bins - 1)
    edges, powers = np.empty((3, STRIP), np.float64), np.empty(STRIP, np.float64)
    for start in range(0, elements.size, STRIP):
        strip = values[start : start + STRIP]
        count = strip.size
        for i in range(count):
            band, number = divided(elements[start + i], bins, by_bins)
            strip[i] = np.float64(number) * nyquist / last
            edges[0, i] = first + np.float64(band) * step
            edges[1, i] = first + np.float64(band + 1) * step
            edges[2, i] = first + np.float64(band + 2) * step
        for which in range(3):
            mels_to_hertz(edges[which, :count], htk, log_high, log_low, powers[:count])
        finish_triangles(edges[0], edges[1], edges[2], area, strip)


@compiled
def mels_to_hertz(mels, htk, log_high, log_low, powers):
    """Places on the mel scale become frequencies; `powers`, of the same shape, is overwritten."""
    if htk:
        exponential_minus_one(mels)
        for i in range(mels.size):
            mels[i] = BREAK_OF_HTK * mels[i]
    else:
        for i in range(mels.size):
            m = mels[i]
            powers[i] = ((m if m > MELS_AT_KNEE else MELS_AT_KNEE) - MELS_AT_KNEE) / STEPS
        exponential(powers, log_high, log_low)
        for i in range(mels.size):
            m = mels[i]
            mels[i] = m * KNEE / MELS_AT_KNEE if m < MELS_AT_KNEE else KNEE * powers[i]


@compiled
def finish_triangles(lows, middles, highs, area, values):
    """Frequencies become heights of triangles between three edges each."""
    for i in range(values.size):
        frequency, low, middle, high = values[i], lows[i], middles[i], highs[i]
        rising = (frequency - low) / (middle - low)
        falling = (high - frequency) / (high - middle)
        height = falling if falling < rising else rising
        height = height if height > 0.0 else 0.0
        values[i] = height * (2.0 / (high - low)) if area else height


@compiled
def interleaved(elements, width, log_high, log_low, values):
    """Sines and cosines of positions, in turn; log_high + log_low is ln of the base."""
    positions, quarters = np.empty(STRIP, np.float64), np.empty(STRIP, np.int64)
    by_width, divisor = below_reciprocal(width), np.float64(width)
    for start in range(0, elements.size, STRIP):
        strip = values[start : start + STRIP]
        for i in range(strip.size):
            position, column = divided(elements[start + i], width, by_width)
            odd = column & ONE
            positions[i], quarters[i] = np.float64(position), odd
            strip[i] = np.float64(odd - column) / divisor
        finish_positions(positions, quarters, log_high, log_low, strip)


@compiled
def in_parts(elements, counts, log_high, log_low, values):
    """Parts of sines and of cosines of positions; log_high + log_low is ln of the base.

    counts: width, parts, steps, side.
    """
    width, parts, steps, side = counts
    positions, quarters = np.empty(STRIP, np.float64), np.empty(STRIP, np.int64)
    by_width, by_side = below_reciprocal(width), below_reciprocal(side)
    part_width, divisor = width // parts, np.float64(steps)
    by_part = below_reciprocal(part_width)
    for start in range(0, elements.size, STRIP):
        strip = values[start : start + STRIP]
        for i in range(strip.size):
            cell, column = divided(elements[start + i], width, by_width)
            row, across = divided(cell, side, by_side)
            part, number = divided(column, part_width, by_part)
            positions[i] = np.float64(across if part < parts - 2 else row)
            quarters[i] = part & ONE
            strip[i] = np.float64(-number) / divisor
        finish_positions(positions, quarters, log_high, log_low, strip)


@compiled
def finish_positions(positions, quarters, log_high, log_low, values):
    """Exponents of the base become sines of position times power."""
    exponential(values, log_high, log_low)
    for i in range(values.size):
        values[i] = positions[i] * values[i]
    sine_of_each(values, quarters)
    for i in range(values.size):
        values[i] = values[i] + 0.0


@compiled
def hadamard(elements, counts, signed, scale, values):
    """scale (-1)^(ones of o AND i) in the centre of the kernel, or `scale` where o = i; else 0.

    counts: outputs, inputs, taps, centre, first output, height, width.
    """
    outputs, inputs, taps, centre, first, height, width = counts
    by_taps, by_inputs = below_reciprocal(taps), below_reciprocal(inputs)
    by_outputs, by_height = below_reciprocal(outputs), below_reciprocal(height)
    by_width = below_reciprocal(width)
    for i in range(elements.size):
        row, tap = divided(elements[i], taps, by_taps)
        unit, input_ = divided(row, inputs, by_inputs)
        _, output = divided(unit, outputs, by_outputs)
        input_ = rest_of(input_, width, by_width)
        output = rest_of(output - first, height, by_height)
        value = signed_one(output & input_) if signed else np.float64(output == input_)
        values[i] = value * scale if tap == centre else 0.0


@inlined
def signed_one(bits):
    """1.0 if an int64 has an even number of ones, else -1.0."""
    bits ^= bits >> np.int64(32)
    bits ^= bits >> np.int64(16)
    bits ^= bits >> np.int64(8)
    bits ^= bits >> np.int64(4)
    bits ^= bits >> np.int64(2)
    bits ^= bits >> np.int64(1)
    return np.float64(ONE - ((bits & ONE) << ONE))


@compiled
def cosine(elements, counts, transposed, shape, values):
    """An orthonormal cosine transform.

    counts: columns, length, kind; shape float64: scale, first, root.
    """
    columns, length, kind = counts
    scale, first, root = shape
    numerators, weights = np.empty(STRIP, np.int64), np.empty(STRIP, np.float64)
    by_columns, last = below_reciprocal(columns), length - 1
    parts = 2 * last if kind == 1 else 8 * length if kind == 4 else 4 * length
    for start in range(0, elements.size, STRIP):
        strip = values[start : start + STRIP]
        for i in range(strip.size):
            row, column = divided(elements[start + i], columns, by_columns)
            k, n = (column, row) if transposed else (row, column)
            weights[i] = scale
            if kind == 1:
                numerators[i] = k * n
                ends = np.int64((k == 0) | (k == last)) + np.int64((n == 0) | (n == last))
                weights[i] = 1.0 if ends == 0 else root if ends == 1 else 0.5
            elif kind == 4:
                numerators[i] = (2 * k + 1) * (2 * n + 1)
            else:
                numerators[i] = k * (2 * n + 1)
        sine_of_turns(numerators[: strip.size], parts, ONE, strip)
        for i in range(strip.size):
            if kind == 1:
                strip[i] = scale * strip[i] * weights[i] + 0.0
            elif kind == 4 or numerators[i] != 0:
                strip[i] = scale * strip[i]
            else:
                strip[i] = first
