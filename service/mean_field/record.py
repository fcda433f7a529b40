"""The record of an activation's moments at one variance of its input."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments of f(u) and f'(u) for u ~ N(0, q).

    A gated unit is f(g) h(v), g and v independent and each of variance q. Its f^2 below means
    f^2 h^2, and its f'^2 means f'^2 h^2 + f^2 h'^2, the square of its gradient. At a jump f'
    leaves the jump out, as backpropagation does. Where f is 0 all but surely, as hardshrink at
    small q, the members that are ratios are inf.
    """

    mean: float
    """E f"""
    second: float
    """E f^2"""
    derivative: float
    """E f'^2"""
    spread: float
    """E f^4 / (E f^2)^2"""
    slope: float
    """d ln E f^2 / d ln q, jumps included"""
    derivative_spread: float
    """E f'^4 / (E f'^2)^2"""
    derivative_slope: float
    """d ln E f'^2 / d ln q"""
    shared: float
    """E f^2 f'^2 / (E f^2 E f'^2)"""
    alignment: float
    """E u f f' / E f^2: the slope without the jumps, as backpropagation sees it"""
    radial: float
    """E (u f')^2 / (q E f'^2); u f' means the sum over both halves of a gated unit"""
