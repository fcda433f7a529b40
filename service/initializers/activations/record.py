"""The record of an activation: its Gaussian moments, gains and the scheme of `auto`.

For z ~ N(0, 1) a row has E f, E f^2 and E f'^2. With the forward gain (E f^2)^-1/2 a layer's output
has the mean square of its input. The backward gain (E f'^2)^-1/2 does the same for the gradient.
The variance gain (Var f)^-1/2 makes the variance of f(z), its mean subtracted, 1. Each number is
the float64 nearest the exact one; those of a frozen row never change. `make moments` computes them.
A new activation is one row in the module of its kind and one line in checks/moments.py.
"""

from dataclasses import dataclass
from typing import Literal

Family = Literal[
    "linear", "rectifier", "selu", "odd", "even", "sigmoid", "softplus", "smooth", "gated"
]


@dataclass(frozen=True, slots=True)
class Activation:
    """A nonlinearity f. `formula` is for people. `auto` is the scheme that scheme=auto means.

    If f has a parameter, the formula says which value the numbers assume. At a jump f has no
    derivative, and E f'^2 leaves the point out, as backpropagation does.

    A gated unit multiplies f(g) by h(v), and h(v) is v in most. The halves g and v of its input are
    independent and have variance 1. Then E out^2 = E f^2 E h^2, and the derivative moment is
    E f'^2 E h^2 + E f^2 E h'^2.

    `family` decides which rule of `/recommend` applies. `rectifier` is ReLU with any slope below 0.
    `odd` is a bounded odd function, such as tanh. `even` is a bounded even one, such as cos.
    `sigmoid` rises from 0 to 1. `softplus` resembles softplus: it is monotone, with a bound on one
    side. `smooth` is any other function without a bound, such as GELU.

    `variance_slope` is V'(1), where V(q) = E[f(sqrt(q) z)^2] / E[f^2] is the variance after a layer
    whose input has variance q. A small deviation of q from 1 dies out in a deep stack if V'(1) is
    between -1 and 1, and grows if it is above 1 (Poole et al. 2016). `spread` is E[f^4] / E[f^2]^2.
    In a layer of width n it adds (spread - 1) / n to the variance of the logarithm of the output's
    variance (Hanin and Nica 2019). For a gated unit both belong to its output, and q is the
    variance of both halves.

    `draft` is the edition number of a draft; None means frozen.
    """

    name: str
    aliases: tuple[str, ...]
    formula: str
    mean: float
    second_moment: float
    derivative_moment: float
    gain: float
    backward_gain: float
    variance_gain: float
    pytorch_gain: float | None
    """What `torch.nn.init.calculate_gain` returns; None where it raises."""
    slope: float | None
    """The default slope for z < 0, which the numbers assume; None if it has no such slope."""
    family: Family
    auto: str
    variance_slope: float
    spread: float
    draft: int | None = None

    @property
    def takes_slope(self) -> bool:
        """Whether `negative_slope` applies to this activation."""
        return self.slope is not None


def activation(
    name: str,
    formula: str,
    moments: str,
    gains: str,
    depth: str,
    *,
    family: Family,
    auto: str,
    aliases: tuple[str, ...] = (),
    pytorch: str | None = None,
    slope: float | None = None,
    draft: int | None = None,
) -> Activation:
    """A row. `moments` are E f, E f^2 and E f'^2 in hexadecimal, with blanks between them.

    `gains` are the forward, the backward and the variance gain, and `pytorch` is PyTorch's, in
    hexadecimal too. `depth` is V'(1) and the spread in decimals.
    """
    mean, second, derivative = map(float.fromhex, moments.split())
    forward, backward, variance = map(float.fromhex, gains.split())
    variance_slope, spread = map(float, depth.split())
    return Activation(
        name=name,
        aliases=aliases,
        formula=formula,
        mean=mean,
        second_moment=second,
        derivative_moment=derivative,
        gain=forward,
        backward_gain=backward,
        variance_gain=variance,
        pytorch_gain=None if pytorch is None else float.fromhex(pytorch),
        slope=slope,
        family=family,
        auto=auto,
        variance_slope=variance_slope,
        spread=spread,
        draft=draft,
    )
