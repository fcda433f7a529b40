"""The functions of `service.stream.elementary` in plain NumPy, step by step as the page has them.

docs/stream-v1-drafts.md, "Elementary functions". Every x is a float64 array of any shape, in the
domain of the function; what lies outside is not looked for.
"""

import numpy as np
import numpy.typing as npt

from service.stream import elementary_literals as constants
from service.stream import literals
from service.stream.logarithm import logarithm_pair
from service.stream.reference.arrays import Float64, polynomial64

Integers = npt.NDArray[np.int64]
Pair = tuple[Float64, Float64]


def exp(x: Float64) -> Float64:
    """exp(x), x <= 709."""
    return exponential(x, np.zeros_like(x))


def powers(base: float, exponents: Float64) -> Float64:
    """base ** exponents, of which the logarithm is at most 709."""
    high, low = logarithm_pair(base)
    # Far below the domain the halves of a product overflow. The exponential is 0 there.
    with np.errstate(over="ignore", invalid="ignore"):
        p, q = two_product(exponents, np.full_like(exponents, high))
        return exponential(p, q + exponents * low)


def exponential(p: Float64, q: Float64) -> Float64:
    """exp(p + q), where q is a rounding error of p."""
    far = p < constants.EXP_LOWEST
    k, r, rest = reduced(np.where(far, constants.EXP_LOWEST, p), np.where(far, 0.0, q))
    s = 1.0 + r
    mantissa = s + (((1.0 - s) + r) + rest)
    half = k >> np.int64(1)
    return mantissa * power_of_two(half) * power_of_two(k - half)


def expm1(x: Float64) -> Float64:
    """exp(x) - 1, x <= 709."""
    above = np.where(x < constants.EXPM1_LOWEST, constants.EXPM1_LOWEST, x)
    k, r, rest = reduced(above, np.zeros_like(x))
    scale = power_of_two(k)
    base, error = two_sum(scale, np.full_like(x, -1.0))
    y = scale * r
    s = base + y
    return s + (((base - s) + y) + (error + scale * rest))


def reduced(high: Float64, low: Float64) -> tuple[Integers, Float64, Float64]:
    """k, r and rest with exp(high + low) = 2^k (1 + (r + rest)), |r| <= 0.347."""
    whole = rounded(high * constants.ONE_OVER_LN_2)
    a = high - whole * constants.LN_2_HIGH
    b = low - whole * constants.LN_2_LOW
    r = a + b
    c = (a - r) + b
    half, half_low = half_square(r)
    rest = half + (half_low + (r * r * (r * polynomial64(constants.EXP, r)) + c * (1.0 + r)))
    return whole.astype(np.int64), r, rest


def log(x: Float64) -> Float64:
    """The natural logarithm of x, 0 < x < infinity."""
    return logarithm(x, np.zeros_like(x))


def log1p(x: Float64) -> Float64:
    """ln(1 + x), -1 < x < infinity."""
    return logarithm(*two_sum(x, np.ones_like(x)))


def logarithm(u: Float64, error: Float64) -> Float64:
    """ln(u + error), where error is a rounding error of u."""
    c = error / u
    subnormal = u < constants.SMALLEST_NORMAL
    bits = (u * np.where(subnormal, constants.TO_NORMAL, 1.0)).view(np.int64)
    exponent = (bits - np.int64(literals.LOG_CENTRE_64)) >> np.int64(52)
    f = (bits - (exponent << np.int64(52))).view(np.float64) - 1.0
    n = (exponent - np.where(subnormal, np.int64(54), np.int64(0))).astype(np.float64)
    s = f / (2.0 + f)
    z = s * s
    curve = 0.5 * (s * (f * f + z * polynomial64(literals.LOG_64, z)))
    half, half_low = half_square(f)
    bent = f - half
    bent_low = ((f - bent) - half) - half_low
    whole = n * constants.LN_2_HIGH
    y = whole + bent
    y_low = (whole - y) + bent
    return y + (y_low + ((bent_low + curve) + (n * constants.LN_2_LOW + c)))


def sin(x: Float64) -> Float64:
    """sin(x), |x| <= 2^30."""
    return sine_after_quarters(*from_nearest_quarter(x))


def cos(x: Float64) -> Float64:
    """cos(x), |x| <= 2^30."""
    quarters, high, low = from_nearest_quarter(x)
    return sine_after_quarters(quarters + np.int64(1), high, low)


def from_nearest_quarter(x: Float64) -> tuple[Integers, Float64, Float64]:
    """k, high and low with x = k pi / 2 + high + low, |high + low| <= pi / 4."""
    one, two, three, four, five = constants.HALF_PI_PARTS
    whole = rounded(x * constants.TWO_OVER_PI)
    rest = (x - whole * one) - whole * two
    rest, error_3 = two_sum(rest, -(whole * three))
    rest, error_4 = two_sum(rest, -(whole * four))
    last = (error_3 + error_4) - whole * five
    high = rest + last
    return whole.astype(np.int64), high, (rest - high) + last


def sin_turns(numerators: Integers, denominator: int) -> Float64:
    """sin(2 pi n / N), N from 1 to 2^53. A zero is +0."""
    return sine_after_quarters(*turned(numerators, denominator)) + 0.0


def cos_turns(numerators: Integers, denominator: int) -> Float64:
    """cos(2 pi n / N), N from 1 to 2^53. A zero is +0."""
    quarters, high, low = turned(numerators, denominator)
    return sine_after_quarters(quarters + np.int64(1), high, low) + 0.0


def turned(numerators: Integers, denominator: int) -> tuple[Integers, Float64, Float64]:
    """k, high and low with 2 pi n / N = k pi / 2 + high + low, |high + low| <= pi / 4."""
    rest = numerators % np.int64(denominator)
    nearest = (8 * rest + denominator) // (2 * denominator)
    dividend = (4 * rest - nearest * denominator).astype(np.float64)
    divisor = np.full_like(dividend, denominator)
    t = dividend / divisor
    product, error = two_product(t, divisor)
    t_low = ((dividend - product) - error) / divisor
    angle, angle_low = two_product(t, np.full_like(t, constants.HALF_PI_HIGH))
    angle_low = angle_low + (t * constants.HALF_PI_LOW + t_low * constants.HALF_PI_HIGH)
    high = angle + angle_low
    return nearest, high, (angle - high) + angle_low


def sine_after_quarters(quarters: Integers, high: Float64, low: Float64) -> Float64:
    """sin(quarters pi / 2 + high + low), |high + low| <= pi / 4."""
    z = high * high
    sine = high + (z * high * polynomial64(constants.SIN, z) + low * (1.0 - 0.5 * z))
    half, half_low = half_square(high)
    w = 1.0 - half
    curve = z * z * polynomial64(constants.COS, z)
    cosine = w + (((1.0 - w) - half) + (curve - (half_low + high * low)))
    value = np.where(quarters & 1, cosine, sine)
    return np.where(quarters & 2, -value, value)


def rounded(x: Float64) -> Float64:
    """x rounded to an integer, ties to even."""
    return (x + constants.ROUND) - constants.ROUND


def power_of_two(n: Integers) -> Float64:
    """2^n, n from -1022 to 1023."""
    return ((n + np.int64(1023)) << np.int64(52)).view(np.float64)


def split(a: Float64) -> Pair:
    """The upper 26 bits and the rest (Veltkamp)."""
    c = a * constants.SPLIT
    high = c - (c - a)
    return high, a - high


def half_square(a: Float64) -> Pair:
    """a a / 2: an exact upper part and the rest."""
    high, low = split(a)
    return 0.5 * (high * high), 0.5 * ((a + high) * low)


def two_sum(a: Float64, b: Float64) -> Pair:
    """The rounded sum and its error, exactly (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def two_product(a: Float64, b: Float64) -> Pair:
    """The rounded product and its error, exactly (Dekker)."""
    a_high, a_low = split(a)
    b_high, b_low = split(b)
    product = a * b
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error
