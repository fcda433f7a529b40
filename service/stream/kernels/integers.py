"""Division of integers by a number that stays the same, in vectors.

No processor divides integers in vectors. So the quotient is estimated in float64 and corrected.
"""

import numpy as np

from service.stream.kernels.compiled import inlined

BELOW_ONE = 1.0 - 2.0**-50


@inlined
def below_reciprocal(divisor):
    """A float64 a little below 1 / divisor, for `divided`; int64, at least 1."""
    return BELOW_ONE / np.float64(divisor)


@inlined
def divided(number, divisor, below):
    """Quotient and remainder, both int64; number 0 ... 2^63 - 1, below = below_reciprocal(divisor).

    `below` is less than the reciprocal by a relative 2^-51 to 2^-49, after all roundings. So no
    estimate exceeds the quotient n / d. The first one leaves a remainder below d + 2^-49 n, which
    is at most d + 2^14. The second one leaves less than 2 d.
    """
    quotient = np.int64(np.float64(number) * below)
    rest = number - quotient * divisor
    further = np.int64(np.float64(rest) * below)
    rest = rest - further * divisor
    beyond = rest >= divisor
    return quotient + further + np.int64(beyond), rest - (divisor if beyond else np.int64(0))


@inlined
def rest_of(number, divisor, below):
    """The remainder of any number above -2^63, 0 ... divisor - 1, as int64."""
    _, size = divided(-number if number < 0 else number, divisor, below)
    return divisor - size if (number < 0) & (size > 0) else size
