"""The bias of an LSTM whose gates are fused as i, f, c, o: 1 for the forget gate, else 0."""

import math

import numpy as np

from service.initializers.schemes.presets.following import Peer, units_of
from service.initializers.schemes.record import Law, Numbers, Preset, Request, Scheme
from service.stream.draws import Elements, Float64, IndexFunction

_GATES = 4


def forget_gate_preset(peer: Peer, name: str, summary: str) -> Scheme:
    """The preset of such a bias."""
    return Scheme(
        name=f"{peer.prefix}.{name}",
        summary=summary,
        formula="w = 1 if hidden <= o < 2 hidden, else 0; outputs = 4 hidden",
        distribution="deterministic",
        fields=(),
        law=_law,
        defaults=Numbers(),
        access="index",
        preset=Preset(peer.framework, "bias"),
        draft=1,
        example="shape=256",
        source=peer.source,
    )


def second_quarter(elements: Elements, hidden: int) -> Float64:
    """1 for the elements hidden ... 2 hidden - 1, else 0."""
    values: Float64 = ((hidden <= elements) & (elements < 2 * hidden)) * np.float64(1.0)
    return values


def _law(request: Request) -> Law:
    """A quarter of the values is 1: mean 1/4 and std sqrt(3)/4.

    Raises ImpossibleError (`impossible_parts`) unless the outputs are a multiple of 4.
    """
    hidden = units_of(request, _GATES)
    draw = IndexFunction(second_quarter, (hidden,), 0.0, 1.0)
    if hidden == 0:
        return Law(draw, "deterministic", 0.0, None)
    levels = ((0.0, 0.75), (1.0, 0.25))
    std = math.sqrt(3.0) * 0.25
    return Law(draw, "deterministic", 0.25, std, low=0.0, high=1.0, levels=levels)
