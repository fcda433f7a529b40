"""The constants of the elementary functions, bit for bit. Reference and kernels share these alone.

Names follow docs/stream-v1-drafts.md, "Elementary functions". Polynomial coefficients are listed
from the constant term up. `python -m checks.elementary_polynomials` finds them again. The
polynomial of the logarithm is R of stream version 1, `literals.LOG_64`.
"""


def _floats(text: str) -> tuple[float, ...]:
    return tuple(map(float.fromhex, text.split()))


SPLIT = 134217729.0
"""2^27 + 1, Veltkamp's factor: the upper half of a product by it has 26 bits."""

ROUND = float.fromhex("0x1.8p+52")
"""Adding this and subtracting it again rounds a float64 below 2^51 to an integer, ties to even."""

EXP_HIGHEST = 709.0
"""The largest logarithm of which the exponential is computed. It is finite up to 709.78."""
EXP_LOWEST = -746.0
"""Every smaller logarithm is taken for this one. Its exponential rounds to 0."""
EXPM1_LOWEST = -60.0
"""The same for exp(x) - 1, which rounds to -1."""

ONE_OVER_LN_2 = float.fromhex("0x1.71547652b82fep+0")
LN_2_HIGH = float.fromhex("0x1.62e42fefa38p-1")
"""ln 2 to 42 binary places, so that its product with an exponent is exact."""
LN_2_LOW = float.fromhex("0x1.ef35793c7673p-45")
EXP = _floats(
    """
    0x1.5555555555556p-3 0x1.5555555555556p-5 0x1.111111111070bp-7 0x1.6c16c16c1609ep-10
    0x1.a01a01a902369p-13 0x1.a01a01a7b5276p-16 0x1.71de0a3cd81a0p-19 0x1.27e4d944eecc7p-22
    0x1.af3f065694bc4p-26 0x1.1f769f9257696p-29
    """
)
"""E with exp(r) = 1 + r + r r (1/2 + r E(r)) on |r| <= ln(2) / 2, error of E below 1.9e-17."""

SMALLEST_NORMAL = float.fromhex("0x1p-1022")
TO_NORMAL = float.fromhex("0x1p+54")
"""A subnormal number times this is normal, and the product is exact."""

ANGLE_LIMIT = float.fromhex("0x1p+30")
"""The largest magnitude of an angle in radians."""
TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
HALF_PI_PARTS = _floats(
    """
    0x1.921fb4p+0 0x1.4442dp-24 0x1.846988p-48 0x1.8cc518p-72 -0x1.fc8f8cbb5bf6cp-97
    """
)
"""pi / 2 in five parts. The first four have 23 bits, so that products with integers below 2^30 are
exact."""
HALF_PI_HIGH = float.fromhex("0x1.921fb54442d18p+0")
HALF_PI_LOW = float.fromhex("0x1.1a62633145c07p-54")
SIN = _floats(
    """
    -0x1.5555555555555p-3 0x1.111111111101ep-7 -0x1.a01a019fe8844p-13 0x1.71de3a10312a7p-19
    -0x1.ae63f7f22b6dcp-26 0x1.60e5c00a62747p-33 -0x1.8d49f958f1755p-41
    """
)
"""S with sin(a) = a + a a a S(a a) on |a| <= pi / 4, error of S below 9.3e-18."""
COS = _floats(
    """
    0x1.5555555555555p-5 -0x1.6c16c16c16a32p-10 0x1.a01a019fb7a88p-16 -0x1.27e4faeeaa14dp-22
    0x1.1eecd5a0084f8p-29 -0x1.92a5b358945c4p-37 0x1.343c9dd6f19abp-45
    """
)
"""C with cos(a) = 1 - a a / 2 + a a a a C(a a) on |a| <= pi / 4, error of C below 2.4e-18."""

MOST_TURN_PARTS = 2**53
"""The largest denominator of a fraction of a turn: integers up to it are exact in float64."""
