"""Alternatives that no URL here gives: other tensors', other programs', or not issued yet."""

from collections.abc import Callable

from service.advice.alternative import Alternative
from service.advice.situation import Situation

_NOT_YET = "not issued by Fanin yet"


def _unnormalised(situation: Situation) -> bool:
    hidden = situation.question.position == "hidden"
    return situation.connects and hidden and not situation.normalised


def _last_in_branch(situation: Situation) -> bool:
    return situation.connects and situation.writes_residual


UNISSUED: tuple[tuple[Callable[[Situation], bool], Alternative], ...] = (
    (
        lambda s: s.connects,
        Alternative(
            "pretrained",
            "the weights of a model that has learnt something near",
            "there is such a model: no draw is as good a start; draw only what it lacks, its head",
        ),
    ),
    (
        lambda s: s.connects,
        Alternative(
            "orthogonal",
            f"Q of a normal matrix, times the gain: every singular value is the gain; {_NOT_YET}",
            "recurrent matrices, and deep linear or tanh stacks without normalization",
        ),
    ),
    (
        lambda s: s.connects,
        Alternative(
            "identity",
            f"the identity matrix; {_NOT_YET}",
            "dense or recurrent layers as wide as their input, which are to begin by passing it "
            "on, as in an RNN of rectifiers",
        ),
    ),
    (
        lambda s: s.connects,
        Alternative(
            "dirac",
            f"1 in the middle of the kernel from each input to its own output; {_NOT_YET}",
            "convolutions that are to begin by passing their input on: very deep plain ones "
            "(delta-orthogonal), or ones put into a trained network",
        ),
    ),
    (
        lambda s: s.connects,
        Alternative(
            "constant",
            "one value in every element",
            "biases (0, or 1 for an LSTM's forget gate) and norm scales (1); never a weight, whose "
            "units would stay alike",
        ),
    ),
    (
        lambda s: s.convolves,
        Alternative(
            "known_filters",
            f"edge detectors, Gabor or smoothing kernels written into the filters; {_NOT_YET}",
            "the task calls for a known filter, data are few, or a first layer is to stay fixed",
        ),
    ),
    (
        _last_in_branch,
        Alternative(
            "fixup",
            "no norms: a branch's last weight 0, its others times depth^(-1/(2 m - 2)), m of them",
            "residual networks without normalization",
        ),
    ),
    (
        _unnormalised,
        Alternative(
            "lsuv",
            "orthogonal weights, divided layer by layer by the std measured on a batch; needs "
            "data, so no URL can name it",
            "activations without a stable gain, or layers that no formula covers",
        ),
    ),
    (
        lambda s: s.is_head and s.connects,
        Alternative(
            "class_prior_bias",
            "bias ln(p / (1 - p)) for a class of frequency p, -4.59512 at p = 0.01; softmax: ln p",
            "classes are rare or uneven: otherwise the first steps do nothing but learn the bias",
        ),
    ),
    (
        lambda s: s.layer == "bias",
        Alternative(
            "forget_gate",
            "1 in the forget gate's quarter of an LSTM's bias, 0 elsewhere",
            "LSTMs: they begin by remembering",
        ),
    ),
)
"""Each with the situations it applies to."""
