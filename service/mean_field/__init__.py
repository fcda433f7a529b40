"""Mean-field theory of the activations of the table: how variance, gradient and correlation pass.

Numbers here are advice. They are in float64 with the platform's libm, and no issued value depends
on them.
"""

from service.mean_field.functions import backward, derivative, value
from service.mean_field.maps import (
    Scales,
    chi,
    edge_of_chaos,
    next_correlation,
    next_variance,
    scales,
)
from service.mean_field.moments import correlated, moments
from service.mean_field.record import Moments
from service.mean_field.sampled_width import Layer, Sample, sampled_errors

__all__ = [
    "Layer",
    "Moments",
    "Sample",
    "Scales",
    "backward",
    "chi",
    "correlated",
    "derivative",
    "edge_of_chaos",
    "moments",
    "next_correlation",
    "next_variance",
    "sampled_errors",
    "scales",
    "value",
]
