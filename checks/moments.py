"""The numbers of each activation, computed from the activation itself: `make moments`.

`make moments NAME=gelu` prints the literals of one activation, ready to paste into its row of
service/initializers/activations. `make moments` compares every row and fails on a difference.

E g(z) for z ~ N(0, 1) is integrated with mpmath at 32 digits: Gauss-Legendre quadrature, 48 nodes
on each unit interval of [-16, 16]. The tails beyond are below 1e-50 for every g that grows like a
polynomial, and below 1e-28 for e^(4 z). A kink or a jump of f must be at an integer, so that f is
analytic on each interval; a `Halved` function may have one at a half. At a jump f has no
derivative, and E f'^2 leaves the point out, as backpropagation does. Every number is computed a
second time with 96 nodes. If the two differ by more than 1e-25, or if a float64 midpoint is that
near, the script raises ArithmeticError rather than print a number.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from mpmath import MPContext
from mpmath.calculus.quadrature import GaussLegendre

from service.initializers.activations import ACTIVATIONS, Activation

Function = Callable[[Any], Any]

DIGITS = 32
DECIMALS = 6
"""Decimals of V'(1) and of the spread, which reach no byte."""

NOISE = 1e-25
"""The tolerance of the quadrature's check. Its error is below 1e-28."""

_NO_FUNCTION = "add its function to FUNCTIONS in checks/moments.py"

mp = MPContext()
mp.dps = DIGITS


@dataclass(frozen=True, slots=True)
class Gated:
    """f(g) h(v), with independent g and v of unit variance; the names of f and h."""

    gate: str
    value: str = "linear"


@dataclass(frozen=True, slots=True)
class Halved:
    """A function with a kink or a jump at a half: its quadrature has intervals of width 1/2."""

    function: Function


def _leaky(slope: float) -> Function:
    return lambda z: z if z > 0 else slope * z


def _clipped(z: Any, low: int, high: int) -> Any:
    return min(max(z, mp.mpf(low)), mp.mpf(high))


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + mp.exp(-z))


def _softplus(z: Any) -> Any:
    return mp.log1p(mp.exp(z))


_SELU_SCALE = mp.mpf("1.0507009873554804934193349852946")
_SELU_ALPHA = mp.mpf("1.6732632423543772848170429916717")
_TWO_OVER_PI = 2 / mp.pi

# The value of f at z, an mpf. Derivatives are taken by mpmath.
FUNCTIONS: dict[str, Function | Gated | Halved] = {
    "linear": lambda z: z,
    "softmax": lambda z: z,
    "relu": lambda z: max(z, 0),
    "relu6": lambda z: _clipped(z, 0, 6),
    "leaky_relu": _leaky(0.01),
    "prelu": _leaky(0.25),
    "rrelu": _leaky(11 / 48),
    "abs": abs,
    "elu": lambda z: z if z > 0 else mp.expm1(z),
    "celu": lambda z: z if z > 0 else mp.expm1(z),
    "selu": lambda z: _SELU_SCALE * (z if z > 0 else _SELU_ALPHA * mp.expm1(z)),
    "gelu": lambda z: z * mp.ncdf(z),
    "gelu_tanh": lambda z: (
        z * (1 + mp.tanh(mp.sqrt(_TWO_OVER_PI) * (z + mp.mpf("0.044715") * z**3))) / 2
    ),
    "quick_gelu": lambda z: z * _sigmoid(mp.mpf("1.702") * z),
    "silu": lambda z: z * _sigmoid(z),
    "mish": lambda z: z * mp.tanh(_softplus(z)),
    "hardswish": lambda z: z * _clipped(z + 3, 0, 6) / 6,
    "hard_mish": lambda z: z * _clipped(z + 2, 0, 2) / 2,
    "softplus": _softplus,
    "logsigmoid": lambda z: -_softplus(-z),
    "squareplus": lambda z: (z + mp.sqrt(z * z + 4)) / 2,
    "sparse_plus": lambda z: z if z > 1 else _clipped(z + 1, 0, 2) ** 2 / 4,
    "relu_squared": lambda z: max(z, 0) ** 2,
    "thresholded_relu": lambda z: z if z > 1 else mp.mpf(0),
    "tanhshrink": lambda z: z - mp.tanh(z),
    "softshrink": Halved(lambda z: z - _clipped(2 * z, -1, 1) / 2),
    "hardshrink": Halved(lambda z: z if abs(2 * z) > 1 else mp.mpf(0)),
    "exp": mp.exp,
    "square": lambda z: z * z,
    "snake": lambda z: z + mp.sin(z) ** 2,
    "lisht": lambda z: z * mp.tanh(z),
    "logcosh": lambda z: _softplus(2 * z) - z - mp.ln(2),
    "tanh": mp.tanh,
    "lecun_tanh": lambda z: mp.mpf("1.7159") * mp.tanh(2 * z / 3),
    "erf": mp.erf,
    "atan": mp.atan,
    "softsign": lambda z: z / (1 + abs(z)),
    "hardtanh": lambda z: _clipped(z, -1, 1),
    "sin": mp.sin,
    "sigmoid": _sigmoid,
    "hardsigmoid": lambda z: _clipped(z + 3, 0, 6) / 6,
    "sparse_sigmoid": lambda z: _clipped(z + 1, 0, 2) / 2,
    "cos": mp.cos,
    "gaussian": lambda z: mp.exp(-z * z),
    "glu": Gated("sigmoid"),
    "reglu": Gated("relu"),
    "geglu": Gated("gelu"),
    "geglu_tanh": Gated("gelu_tanh"),
    "swiglu": Gated("silu"),
    "seglu": Gated("selu"),
    "bilinear": Gated("linear"),
    "gtu": Gated("sigmoid", "tanh"),
}


@dataclass(frozen=True, slots=True)
class Moments:
    """The exact numbers of an activation, as mpf: see `Activation` for what each is."""

    mean: Any
    second_moment: Any
    derivative_moment: Any
    variance_slope: Any
    spread: Any

    def literals(self) -> dict[str, float]:
        """The members of `Activation` that follow: the nearest float64, or six decimals."""
        variance = self.second_moment - self.mean**2
        return {
            "mean": nearest(self.mean),
            "second_moment": nearest(self.second_moment),
            "derivative_moment": nearest(self.derivative_moment),
            "gain": nearest(1 / mp.sqrt(self.second_moment)),
            "backward_gain": nearest(1 / mp.sqrt(self.derivative_moment)),
            "variance_gain": nearest(1 / mp.sqrt(variance)),
            "variance_slope": round(float(self.variance_slope), DECIMALS),
            "spread": round(float(self.spread), DECIMALS),
        }


@cache
def moments_of(function: Function | Gated | Halved) -> Moments:
    """The moments of an activation; raises ArithmeticError if the quadrature does not converge."""
    if isinstance(function, Gated):
        return _gated(moments_of(FUNCTIONS[function.gate]), moments_of(FUNCTIONS[function.value]))
    plain, width = (function.function, 0.5) if isinstance(function, Halved) else (function, 1.0)
    coarse, fine = _integrals(plain, 5, width), _integrals(plain, 6, width)
    if any(abs(a - b) > NOISE * max(1, abs(b)) for a, b in zip(coarse, fine, strict=True)):
        raise ArithmeticError("the quadrature does not converge: is every kink at an integer?")
    mean, second, derivative, weighted, fourth = coarse
    # V(q) = E[f(sqrt(q) z)^2] / E[f^2] by the density of sqrt(q) z. Its derivative by q needs no
    # derivative of f, so it is right for a function with jumps too.
    return Moments(mean, second, derivative, (weighted / second - 1) / 2, fourth / second**2)


def _gated(gate: Moments, value: Moments) -> Moments:
    """The moments of f(g) h(v), whose factors are independent.

    The derivatives by g and by v have second moments E f'^2 E h^2 and E f^2 E h'^2.
    """
    return Moments(
        mean=gate.mean * value.mean,
        second_moment=gate.second_moment * value.second_moment,
        derivative_moment=gate.derivative_moment * value.second_moment
        + gate.second_moment * value.derivative_moment,
        variance_slope=gate.variance_slope + value.variance_slope,
        spread=gate.spread * value.spread,
    )


def _integrals(f: Function, degree: int, width: float) -> list[Any]:
    """E f, E f^2, E f'^2, E f^2 z^2 and E f^4."""
    rows = []
    for z, weight in nodes(degree, width):
        value, derivative = f(z), mp.diff(f, z)
        terms = (value, value**2, derivative**2, (value * z) ** 2, value**4)
        rows.append([weight * term for term in terms])
    return [mp.fsum(column) for column in zip(*rows, strict=True)]


@cache
def nodes(degree: int, width: float = 1.0) -> list[tuple[Any, Any]]:
    """Points z and weights w with E g(z) = sum w g(z); w includes the normal density.

    A degree of 5 has 48 points on each interval of this width, and each further degree twice as
    many.
    """
    rule = GaussLegendre(mp).calc_nodes(degree, mp.prec)
    lefts = [-16 + width * place for place in range(int(32 / width))]
    points = [(left + width * (1 + x) / 2, width * w / 2) for left in lefts for x, w in rule]
    return [(z, w * mp.npdf(z)) for z, w in points]


def nearest(number: Any) -> float:
    """The float64 nearest the number; 0 for the quadrature's noise around 0.

    Raises ArithmeticError if the noise could change the result.
    """
    if abs(number) < NOISE:
        return 0.0
    below, above = (_rounded(number * (1 + side * mp.mpf(NOISE))) for side in (-1, 1))
    if below != above:
        raise ArithmeticError(f"{mp.nstr(number, DIGITS)} is too near the middle of two float64")
    return below


def _rounded(number: Any) -> float:
    with mp.workprec(53):
        return float(+number)


def row_of(name: str) -> str:
    """The literals of an activation's row, as lines to paste."""
    found = moments_of(FUNCTIONS[name]).literals()
    texts = (
        [_hex(found[member]) for member in ("mean", "second_moment", "derivative_moment")],
        [_hex(found[member]) for member in ("gain", "backward_gain", "variance_gain")],
        [repr(found[member]) for member in ("variance_slope", "spread")],
    )
    return "".join(f'        "{" ".join(numbers)}",\n' for numbers in texts)


def _hex(number: float) -> str:
    """float.hex without zeros at the end of the fraction."""
    digits, power = number.hex().split("p")
    whole, _, fraction = digits.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}p{power}"


def differences(activation: Activation) -> Iterator[str]:
    """The actual and the right value of each wrong member of a row."""
    for member, number in moments_of(FUNCTIONS[activation.name]).literals().items():
        told = getattr(activation, member)
        if told != number:
            yield f"{activation.name}: {member} is {told!r} and should be {number!r}"


def unmatched() -> Iterator[str]:
    """The names that only one of the two tables has."""
    for name in [*ACTIVATIONS, *FUNCTIONS]:
        if name not in FUNCTIONS:
            yield f"{name}: {_NO_FUNCTION}"
        if name not in ACTIVATIONS:
            yield f"{name}: add its row to a module of service/initializers/activations"


def main(names: list[str]) -> int:
    """Print the rows of the names, or compare all; the exit status."""
    for name in names:
        if name not in FUNCTIONS:
            print(f"{name}: {_NO_FUNCTION}", file=sys.stderr)
            return 1
        print(f"{name}\n{row_of(name)}", end="")
    if names:
        return 0
    known = (each for each in ACTIVATIONS.values() if each.name in FUNCTIONS)
    wrong = [*unmatched(), *(line for each in known for line in differences(each))]
    print("\n".join(wrong) or f"{len(ACTIVATIONS)} activations are right")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
