"""Find the polynomials of service/stream/elementary_literals.py again, and print them.

Each is fitted by least squares at Chebyshev's nodes, which is within a small factor of the best
polynomial. The coefficients are rounded to float64 one after another, from the constant term up.
After each one the rest is fitted again, so that it makes up for the rounding.

    python -m checks.elementary_polynomials
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath

DIGITS = 60
ROUNDED = 1 + mpmath.mpf(2) ** -20
"""The reduction may leave a little more than the exact interval, by its rounding errors."""


@dataclass(frozen=True)
class Fit:
    """A function of x to approximate between `low` and `high` by so many coefficients."""

    name: str
    function: Callable[[Any], Any]
    low: Any
    high: Any
    count: int


def exp_rest(x: Any) -> Any:
    """(exp(x) - 1 - x - x^2 / 2) / x^3."""
    return mpmath.nsum(lambda n: x**n / mpmath.factorial(n + 3), [0, 40], method="direct")


def sin_rest(z: Any) -> Any:
    """(sin(a) - a) / a^3 with z = a^2."""
    return mpmath.nsum(
        lambda n: (-1) ** (n + 1) * z**n / mpmath.factorial(2 * n + 3), [0, 40], method="direct"
    )


def cos_rest(z: Any) -> Any:
    """(cos(a) - 1 + a^2 / 2) / a^4 with z = a^2."""
    return mpmath.nsum(
        lambda n: (-1) ** n * z**n / mpmath.factorial(2 * n + 4), [0, 40], method="direct"
    )


def fits() -> list[Fit]:
    """Every polynomial that the elementary functions have of their own."""
    half_ln_2 = mpmath.log(2) / 2 * ROUNDED
    eighth = (mpmath.pi / 4 * ROUNDED) ** 2
    return [
        Fit("EXP", exp_rest, -half_ln_2, half_ln_2, 10),
        Fit("SIN", sin_rest, mpmath.mpf(0), eighth, 7),
        Fit("COS", cos_rest, mpmath.mpf(0), eighth, 7),
    ]


def coefficients(fit: Fit) -> tuple[float, ...]:
    """The coefficients of a fit, from the constant term up."""
    with mpmath.workdps(DIGITS):
        found: list[float] = []
        nodes = chebyshev(fit.low, fit.high, 4 * fit.count)
        for fixed in range(fit.count):
            matrix = mpmath.matrix([[x**i for i in range(fixed, fit.count)] for x in nodes])
            rest = [fit.function(x) - sum(c * x**i for i, c in enumerate(found)) for x in nodes]
            found.append(float(mpmath.lu_solve(matrix, mpmath.matrix(rest))[0]))
        return tuple(found)


def chebyshev(low: Any, high: Any, count: int) -> list[Any]:
    """The zeros of Chebyshev's polynomial of this degree, moved to the interval."""
    middle, half = (low + high) / 2, (high - low) / 2
    angles = [mpmath.pi * (2 * i + 1) / (2 * count) for i in range(count)]
    return [middle + half * mpmath.cos(angle) for angle in angles]


def largest_error(fit: Fit, found: tuple[float, ...], points: int = 500) -> Any:
    """The largest |polynomial - function| at equal steps."""
    with mpmath.workdps(DIGITS):
        steps = [fit.low + (fit.high - fit.low) * i / points for i in range(points + 1)]
        return max(abs(sum(c * x**i for i, c in enumerate(found)) - fit.function(x)) for x in steps)


def main() -> None:
    """Print every polynomial as literals, and its error."""
    with mpmath.workdps(DIGITS):
        for fit in fits():
            found = coefficients(fit)
            print(fit.name, mpmath.nstr(largest_error(fit, found), 3))
            print(*(c.hex() for c in found), sep="\n")


if __name__ == "__main__":
    main()
