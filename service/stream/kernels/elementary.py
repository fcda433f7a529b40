"""Elementary functions in float64 (docs/stream-v1-drafts.md, "Elementary functions").

Every kernel replaces the values of an array by those of a function, and tells whether all of them
were in its domain. The values of those that were not mean nothing. Bare literals are float64.
"""

import numpy as np

from service.stream import elementary_literals, literals
from service.stream.kernels.bits import bits_of, float_of
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.integers import below_reciprocal, rest_of

SPLIT, ROUND = elementary_literals.SPLIT, elementary_literals.ROUND
EXP_HIGHEST = elementary_literals.EXP_HIGHEST
EXP_LOWEST, EXPM1_LOWEST = elementary_literals.EXP_LOWEST, elementary_literals.EXPM1_LOWEST
ONE_OVER_LN_2 = elementary_literals.ONE_OVER_LN_2
LN_2_HIGH, LN_2_LOW = elementary_literals.LN_2_HIGH, elementary_literals.LN_2_LOW
E0, E1, E2, E3, E4, E5, E6, E7, E8, E9 = elementary_literals.EXP
R0, R1, R2, R3, R4, R5, R6, R7 = literals.LOG_64
SMALLEST_NORMAL, TO_NORMAL = elementary_literals.SMALLEST_NORMAL, elementary_literals.TO_NORMAL
INFINITY = float("inf")
ANGLE_LIMIT, TWO_OVER_PI = elementary_literals.ANGLE_LIMIT, elementary_literals.TWO_OVER_PI
PART_1, PART_2, PART_3, PART_4, PART_5 = elementary_literals.HALF_PI_PARTS
HALF_PI_HIGH, HALF_PI_LOW = elementary_literals.HALF_PI_HIGH, elementary_literals.HALF_PI_LOW
S0, S1, S2, S3, S4, S5, S6 = elementary_literals.SIN
C0, C1, C2, C3, C4, C5, C6 = elementary_literals.COS
LOG_CENTRE, FRACTION, BIAS = np.int64(literals.LOG_CENTRE_64), np.int64(52), np.int64(1023)
SUBNORMAL_SHIFT = np.int64(54)
ROUND_BITS = np.float64(ROUND).view(np.int64)
STRIP = 1024
"""Values that are computed at a time, where there is a loop for each step."""
ONE, ODD, NEGATIVE = np.int64(1), np.int64(1), np.int64(2)


@inlined
def split(a):
    """The upper 26 bits of a float64 and the rest, which has 26 bits as well (Veltkamp)."""
    c = a * SPLIT
    high = c - (c - a)
    return high, a - high


@inlined
def two_product(a, b):
    """The rounded product of two float64 and its rounding error, exactly (Dekker)."""
    a_high, a_low = split(a)
    b_high, b_low = split(b)
    product = a * b
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


@inlined
def two_sum(a, b):
    """The rounded sum of two float64 and its rounding error, exactly (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@inlined
def half_square(a):
    """a a / 2 of a float64: an exact upper part and the rest."""
    high, low = split(a)
    return 0.5 * (high * high), 0.5 * ((a + high) * low)


@inlined
def power_of_two(n):
    """2^n as float64; n int64, -1022 ... 1023."""
    return float_of((n + BIAS) << FRACTION)


@inlined
def rounded(x):
    """x rounded to an integer, ties to even, as int64 and as float64; |x| < 2^51."""
    shifted = x + ROUND
    # The integer stands in the last bits. A conversion would keep the loop from running in vectors.
    return bits_of(shifted) - ROUND_BITS, shifted - ROUND


@inlined
def reduced(high, low):
    """k int64, r and rest float64 with exp(high + low) = 2^k (1 + (r + rest)), |r| <= 0.347."""
    k, whole = rounded(high * ONE_OVER_LN_2)
    a = high - whole * LN_2_HIGH
    b = low - whole * LN_2_LOW
    r = a + b
    c = (a - r) + b
    e = (((E9 * r + E8) * r + E7) * r + E6) * r + E5
    e = ((((e * r + E4) * r + E3) * r + E2) * r + E1) * r + E0
    half, half_low = half_square(r)
    return k, r, half + (half_low + (r * r * (r * e) + c * (1.0 + r)))


@compiled
def exponential(values, high, low):
    """x becomes exp(x (high + low)), for x high <= 709; values float64, shape (n,)."""
    inside = True
    for i in range(values.size):
        p, q = two_product(values[i], high)
        inside &= p <= EXP_HIGHEST
        q = q + values[i] * low
        far = p < EXP_LOWEST
        k, r, rest = reduced(EXP_LOWEST if far else p, 0.0 if far else q)
        s = 1.0 + r
        mantissa = s + (((1.0 - s) + r) + rest)
        # Two steps, because 2^k may be subnormal.
        half = k >> ONE
        values[i] = mantissa * power_of_two(half) * power_of_two(k - half)
    return inside


@compiled
def exponential_minus_one(values):
    """x becomes exp(x) - 1, for x <= 709; values float64, shape (n,)."""
    inside = True
    for i in range(values.size):
        x = values[i]
        inside &= x <= EXP_HIGHEST
        k, r, rest = reduced(EXPM1_LOWEST if x < EXPM1_LOWEST else x, 0.0)
        scale = power_of_two(k)
        base, error = two_sum(scale, -1.0)
        y = scale * r
        s = base + y
        values[i] = s + (((base - s) + y) + (error + scale * rest))
    return inside


@compiled
def logarithm(values, offset):
    """x becomes ln(offset + x), for 0 < offset + x < infinity; values float64, shape (n,).

    The sum is not rounded. offset is 0.0 or 1.0.
    """
    inside = True
    for i in range(values.size):
        u, error = two_sum(values[i], offset)
        inside &= (u > 0.0) & (u < INFINITY)
        c = error / u
        subnormal = u < SMALLEST_NORMAL
        bits = bits_of(u * TO_NORMAL if subnormal else u)
        exponent = (bits - LOG_CENTRE) >> FRACTION
        f = float_of(bits - (exponent << FRACTION)) - 1.0
        n = np.float64(exponent - (SUBNORMAL_SHIFT if subnormal else np.int64(0)))
        s = f / (2.0 + f)
        z = s * s
        r = (((R7 * z + R6) * z + R5) * z + R4) * z + R3
        r = ((r * z + R2) * z + R1) * z + R0
        curve = 0.5 * (s * (f * f + z * r))
        half, half_low = half_square(f)
        bent = f - half
        bent_low = ((f - bent) - half) - half_low
        whole = n * LN_2_HIGH
        y = whole + bent
        y_low = (whole - y) + bent
        values[i] = y + (y_low + ((bent_low + curve) + (n * LN_2_LOW + c)))
    return inside


@inlined
def sine_and_cosine(high, low):
    """Both functions of high + low, float64; |high + low| <= pi / 4."""
    z = high * high
    bent = (((((S6 * z + S5) * z + S4) * z + S3) * z + S2) * z + S1) * z + S0
    sine = high + (z * high * bent + low * (1.0 - 0.5 * z))
    curve = (((((C6 * z + C5) * z + C4) * z + C3) * z + C2) * z + C1) * z + C0
    half, half_low = half_square(high)
    w = 1.0 - half
    cosine = w + (((1.0 - w) - half) + (z * z * curve - (half_low + high * low)))
    return sine, cosine


@inlined
def turned(quarters, sine, cosine):
    """The sine of an angle `quarters` quarters of a turn later; quarters int64."""
    value = cosine if (quarters & ODD) != 0 else sine
    return -value if (quarters & NEGATIVE) != 0 else value


@inlined
def sine_after_quarters(quarters, high, low):
    """sin(quarters pi / 2 + high + low) as float64; |high + low| <= pi / 4."""
    sine, cosine = sine_and_cosine(high, low)
    return turned(quarters, sine, cosine)


@inlined
def sine_of(x, quarters):
    """sin(x + quarters pi / 2), float64; |x| <= 2^30; quarters int64."""
    k, whole = rounded(x * TWO_OVER_PI)
    rest = (x - whole * PART_1) - whole * PART_2
    rest, error_3 = two_sum(rest, -(whole * PART_3))
    rest, error_4 = two_sum(rest, -(whole * PART_4))
    last = (error_3 + error_4) - whole * PART_5
    high = rest + last
    low = (rest - high) + last
    return sine_after_quarters(k + quarters, high, low)


@compiled
def sine(values, quarters):
    """x becomes sin(x + quarters pi / 2), for |x| <= 2^30.

    values float64, shape (n,); quarters int64.
    """
    inside = True
    for i in range(values.size):
        x = values[i]
        inside &= (x >= -ANGLE_LIMIT) & (x <= ANGLE_LIMIT)
        values[i] = sine_of(x, quarters)
    return inside


@compiled
def sine_of_each(values, quarters):
    """`sine` with other quarters for each value: int64, shape (n,). It does not tell the domain."""
    for i in range(values.size):
        values[i] = sine_of(values[i], quarters[i])


@compiled
def sine_of_turns(numerators, denominator, quarters, values):
    """values = sin(2 pi (n / N + quarters / 4)), n of `numerators`, N = `denominator`.

    numerators int64, shape (n,); denominator int64, 1 ... 2^53; quarters int64; values float64,
    shape (n,). A zero is +0.
    """
    rests, nearest = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    highs, lows = np.empty(STRIP, np.float64), np.empty(STRIP, np.float64)
    below = below_reciprocal(denominator)
    # In loops of their own: the steps of one value depend on each other, and a short loop computes
    # several values at once.
    for start in range(0, values.size, STRIP):
        count = min(STRIP, values.size - start)
        for i in range(count):
            rests[i] = rest_of(numerators[start + i], denominator, below)
        reduce_turns(rests, denominator, count, nearest, highs, lows)
        for i in range(count):
            sine = sine_after_quarters(nearest[i] + quarters, highs[i], lows[i])
            values[start + i] = sine + 0.0


@compiled
def reduce_turns(rests, denominator, count, nearest, highs, lows):
    """Write `angle_of_turn` of each of `count` rests."""
    for i in range(count):
        nearest[i], highs[i], lows[i] = angle_of_turn(rests[i], denominator)


@inlined
def angle_of_turn(rest, denominator):
    """k int64, high and low float64 with 2 pi rest / N = k pi / 2 + high + low, N = denominator.

    |high + low| <= pi / 4; rest int64, 0 ... N - 1.
    """
    # k is the whole part of (8 rest + N) / 2 N. It is 0 to 4, so that it needs no division.
    eighths = 8 * rest + denominator
    nearest = (
        np.int64(eighths >= 2 * denominator)
        + np.int64(eighths >= 4 * denominator)
        + np.int64(eighths >= 6 * denominator)
        + np.int64(eighths >= 8 * denominator)
    )
    dividend, divisor = np.float64(4 * rest - nearest * denominator), np.float64(denominator)
    t = dividend / divisor
    product, error = two_product(t, divisor)
    t_low = ((dividend - product) - error) / divisor
    angle, angle_low = two_product(t, HALF_PI_HIGH)
    angle_low = angle_low + (t * HALF_PI_LOW + t_low * HALF_PI_HIGH)
    high = angle + angle_low
    return nearest, high, (angle - high) + angle_low
