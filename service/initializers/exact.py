"""Constants of laws that need a root or a logarithm: each is the float64 nearest the exact number.

A logarithm or a root of the C library differs between machines in the last bit. `decimal` rounds
as its context says, everywhere. 60 digits leave more than 40 beyond those of a float64.
"""

from decimal import Context, Decimal, localcontext
from fractions import Fraction

_DIGITS = 60


def power(base: int, exponent: Fraction, factor: Decimal = Decimal(1)) -> float:
    """factor base^exponent, for base >= 1."""
    with localcontext(Context(prec=_DIGITS)):
        logarithm = Decimal(base).ln() * exponent.numerator / exponent.denominator
        return float(factor * logarithm.exp())


def root_of_logarithms(*numbers: int, divisor: int = 1) -> float:
    """The square root of the product of the natural logarithms of `numbers`, over `divisor`."""
    with localcontext(Context(prec=_DIGITS)):
        product = Decimal(1)
        for number in numbers:
            product *= Decimal(number).ln()
        return float((product / divisor).sqrt())


def logarithm(number: int) -> float:
    """ln(number), for number >= 1."""
    with localcontext(Context(prec=_DIGITS)):
        return float(Decimal(number).ln())


def log_odds(probability: float) -> float:
    """ln(p / (1 - p)) of the probability p as the float64 it is, for 0 < p < 1."""
    with localcontext(Context(prec=_DIGITS)):
        exact = Decimal(probability)
        return float((exact / (1 - exact)).ln())
