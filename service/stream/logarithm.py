"""The logarithm of a power's base, a constant that is found before any value is computed."""

from decimal import Context, Decimal
from functools import lru_cache

DIGITS = 60
"""Decimal digits of the logarithm, of which two float64 hold 32."""


@lru_cache(maxsize=256)
def logarithm_pair(base: float) -> tuple[float, float]:
    """ln(base) as the float64 nearest to it and the float64 nearest to the rest.

    Raises ValueError unless base is finite and above 0.
    """
    if not 0.0 < base < float("inf"):
        raise ValueError("the base of a power is finite and above 0")
    context = Context(prec=DIGITS)
    exact = context.ln(Decimal(base))
    high = float(exact)
    return high, float(context.subtract(exact, Decimal(high)))
