"""How far a network of finite width is from the limit of wide layers: an oracle in closed form.

The weights of a network are one draw, so the variance in its layers is random. Let S_l be the
variance of the outputs of layer l given the activations that it reads. In a wide network S_l = q_l.
A layer of n units adds a relative error to S of variance (E f^4 / (E f^2)^2 - 1) / n, the sampling
error of a mean of n squares. Later layers multiply an error of ln S by a = d ln V / d ln q. For
ReLU (a = 1, E f^4 / (E f^2)^2 = 6) this is what Hanin and Nica 2019 (arXiv:1812.05994) prove: ln S
is about normal with mean -b / 2 and variance b, b = sum of 5 / n.

The gradient is derived here in the same way, taking the weights of the way back as independent of
those of the way forward. Let G_l be the squared norm of the gradient with respect to the inputs of
the activation at layer l. With normal t independent of u, G_l = s_w^2 G_(l+1) mean(f'(u)^2 t^2).
So ln G_l - ln G_(l+1) has

- a sampling error of variance (3 E f'^4 / (E f'^2)^2 - 1) / n,
- the covariance (E f^2 f'^2 / (E f^2 E f'^2) - 1) / n with the sampling error of S_(l+1), since
  both come from the same units, and
- the error of ln S_l times d ln E f'^2 / d ln q.

Means are to second order in the errors: half of a map's curvature times the variance of what it
maps, and minus half of the variance of a sampling error.

This is right while the errors are small, and at any size where all maps are powers of q, as for
ReLU. It is not right for many layers with a > 1 or with a^2 > chi_1: `sampled_width` of the
service has no such limit. The tests compare both with networks of issued weights, and the closed
bands of the service with these.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.initializers.activations import ACTIVATIONS
from service.mean_field.closed_forms import exponential
from service.mean_field.elementary import Array
from service.mean_field.moments import moments
from service.mean_field.record import Moments
from service.mean_field.sampled_width import Layer, sampled_errors

_DIFFERENCE = 0.01
"""The step of ln q in the difference that gives a map's curvature."""

_HOPELESS = 1e6
"""A larger variance of a logarithm leaves no digit of a float64."""

_TWO_SIDED = 1.959963984540054
"""95 % of a normal are within this many standard deviations."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one layer does to the errors of ln S and ln G; see the module."""

    carry: float
    """d ln V / d ln q: it multiplies the error of ln S. 0 behind a normalization."""
    curvature: float
    """d carry / d ln q"""
    noise: float
    """The variance that this layer adds to ln S of the next."""
    gradient_slope: float
    """d ln E f'^2 / d ln q"""
    gradient_curvature: float
    """d gradient_slope / d ln q"""
    gradient_noise: float
    """The variance that this layer adds to ln G."""
    covariance: float
    """Of both errors that this layer adds."""


@dataclass(frozen=True, slots=True)
class Band:
    """The distribution of ln(actual / predicted) over draws of the network's weights.

    95 % of the draws are between `low` and `high` times the predicted value.
    """

    mean: float
    variance: float
    low: float
    high: float

    @property
    def std(self) -> float:
        """Of the logarithm."""
        return math.sqrt(self.variance)


def normal_band(mean: float, variance: float) -> Band:
    """The band of a logarithm that is normal: from 0 to inf if its std is above 1,000."""
    variance = max(variance, 0.0)
    if variance > _HOPELESS:
        return Band(mean, variance, 0.0, math.inf)
    half = _TWO_SIDED * math.sqrt(variance)
    return Band(mean, variance, exponential(mean - half), exponential(mean + half))


def step(
    activation: str,
    variance: float,
    width: int,
    weight_variance: float,
    bias_variance: float = 0.0,
    slope: float | None = None,
    orthogonal: bool = False,
) -> Step:
    """The step from inputs of an activation to those of the next.

    `variance` is that of the activation's inputs, and the weights behind it read `width` units. For
    a convolution fan_in is a rough guide to their number, which no test compares.

    `orthogonal` says that the weights before and behind the activation are square and orthogonal.
    They keep the norm of what they read, so that the activation's inputs have no sampling error
    along their own direction, but for the biases before it, which are taken to have `bias_variance`
    too. A gated unit has no square weights, and `orthogonal` changes nothing for it. Raises
    KeyError and ValueError as `moments` does.
    """
    at = moments(activation, variance, slope)
    part = _share_of_weights(at, weight_variance, bias_variance)
    below, above = (
        moments(activation, variance * math.exp(side * _DIFFERENCE), slope) for side in (-1, 1)
    )
    bend = (above.slope - below.slope) / (2.0 * _DIFFERENCE)
    forward, back = at.spread - 1.0, 3.0 * at.derivative_spread - 1.0
    both = at.shared - 1.0
    if orthogonal and ACTIVATIONS[activation].family != "gated":
        # n normal numbers without the error of their norm, which moves mean(g) by its slope. What
        # is 0 then, as for linear layers, is so but for rounding.
        sure = max(0.0, 1.0 - bias_variance / variance) ** 2
        forward -= 2.0 * sure * at.slope**2
        back -= 2.0 * (1.0 + sure * at.derivative_slope**2)
        both -= 2.0 * sure * at.slope * at.derivative_slope
    return Step(
        carry=part * at.slope,
        curvature=part * (bend + at.slope**2) - (part * at.slope) ** 2,
        noise=part**2 * max(forward, 0.0) / width,
        gradient_slope=at.derivative_slope,
        gradient_curvature=(above.derivative_slope - below.derivative_slope) / (2.0 * _DIFFERENCE),
        gradient_noise=max(back, 0.0) / width,
        covariance=part * both / width,
    )


def _share_of_weights(at: Moments, weight_variance: float, bias_variance: float) -> float:
    """The part of the next variance that comes from the weights; the rest, the biases', is sure."""
    part = weight_variance * at.second
    return part / (part + bias_variance) if bias_variance > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Bands:
    """The bands of a place between two layers."""

    forward: Band
    """Of S there, relative to q."""
    gradient: Band
    """Of the gradient's variance there, relative to that at the last place."""


def bands(steps: Sequence[Step], start: float = 0.0) -> list[Bands]:
    """The bands before the first step and after each: one more than there are steps.

    `start` is the variance of ln S at the first place: 0 if its units are independent normal
    numbers of known variance. Where their norm is known as well, the first layer adds less, as
    orthogonal weights would. Errors that grow are bounded, so that nothing overflows; their band is
    from 0 to inf.
    """
    forward = [normal_band(0.0, start)]
    for each in steps:
        before = forward[-1]
        mean = each.carry * before.mean + (each.curvature * before.variance - each.noise) / 2.0
        variance = each.carry * each.carry * before.variance + each.noise
        forward.append(normal_band(_bounded(mean), _bounded(variance)))
    gradient = [normal_band(0.0, 0.0)]
    # ln G is sensitivity * (the error of ln S here) + errors of this and of later layers.
    sensitivity = mean = noise = 0.0
    for each, place in zip(reversed(steps), reversed(forward[:-1]), strict=True):
        added = 2.0 * sensitivity * each.covariance + sensitivity * sensitivity * each.noise
        noise = _bounded(noise + each.gradient_noise + added)
        sensitivity = _bounded(each.gradient_slope + each.carry * sensitivity)
        change = each.gradient_curvature * place.variance - each.gradient_noise
        mean = _bounded(mean + each.gradient_slope * place.mean + change / 2.0)
        spread = sensitivity * sensitivity * place.variance
        gradient.append(normal_band(mean, _bounded(spread + noise)))
    return [Bands(*pair) for pair in zip(forward, reversed(gradient), strict=True)]


_LARGEST = 1e90
"""Three factors of this size do not overflow."""


def _bounded(number: float) -> float:
    return max(-_LARGEST, min(_LARGEST, number))


def sampled_bands(
    layers: Sequence[Layer], variance: float = 1.0, draws: int = 1000, seed: int = 0
) -> list[Bands]:
    """The bands of `sampled_errors`, place by place, as `bands` has them.

    With 1,000 draws the ends of a band have a sampling error of about 0.06 std.
    """
    sample = sampled_errors(layers, variance, draws, seed)
    return [
        Bands(_band(forward), _band(gradient))
        for forward, gradient in zip(sample.forward, sample.gradient, strict=True)
    ]


def _band(logs: Array) -> Band:
    """The band of a sample of logarithms."""
    low, high = np.quantile(logs, [0.025, 0.975]).tolist()
    return Band(float(logs.mean()), float(logs.var()), exponential(low), exponential(high))
