"""Random lists of layers: each is refused or answered, with JSON and a picture that are strict."""

import json
import random
from typing import Any
from xml.etree import ElementTree

import pytest

from service.advice.question import NORMALIZATIONS, POSITIONS, RESIDUALS
from service.advice.roles import ROLES
from service.errors import FaninError
from service.initializers.activations import ACTIVATIONS
from service.propagation import parse_network_json, propagate, title_of
from service.propagation.drawing import svg
from tests.propagation.asking import MAX_BYTES

SHAPES = (*([64, 64],) * 12, [128, 64], [64, 128], [32, 64], [1, 64], [64, 1])
SCHEMES = ("auto", "he_normal", "orthogonal", "zeros", "glorot_uniform", "normal", "sparse")
WORDS: dict[str, tuple[str, ...]] = {
    "activation": tuple(ACTIVATIONS),
    "input_activation": tuple(ACTIVATIONS),
    "residual": RESIDUALS,
    "normalization": NORMALIZATIONS,
    "position": POSITIONS,
    "scheme": SCHEMES,
    "role": tuple(ROLES),
}
NUMBERS = (1e-20, 0.5, 1, 3, 1e10)
NETWORKS = 150


def random_layer(source: random.Random) -> dict[str, Any]:
    """A layer with each field in about one of six cases."""
    layer: dict[str, Any] = {"shape": source.choice(SHAPES), "repeat": source.choice((1, 2, 20))}
    for field, words in WORDS.items():
        if source.random() < 0.16:
            layer[field] = source.choice(words)
    for field in ("gain", "std", "bias_std", "negative_slope"):
        if source.random() < 0.1:
            layer[field] = source.choice(NUMBERS)
    return layer


def refused_constant(word: str) -> None:
    """NaN and infinity are not JSON."""
    raise AssertionError(word)


@pytest.mark.parametrize("seed", range(3))
def test_every_network_is_refused_or_answered(seed: int) -> None:
    """At least a third of each; numbers from 1e-30 to infinity are among them."""
    source, answered, refusals = random.Random(seed), 0, list[FaninError]()
    for _ in range(NETWORKS):
        body = {
            "layers": [random_layer(source) for _ in range(source.choice((1, 1, 2, 3)))],
            "input_variance": source.choice((1, 1e-30, 1e30)),
            "simulate": source.random() < 0.3,
        }
        try:
            inquiry = parse_network_json(json.dumps(body).encode())
            answer = propagate(inquiry, max_bytes=MAX_BYTES)
        except FaninError as error:
            refusals.append(error)
            continue
        answered += 1
        json.loads(answer.as_json(), parse_constant=refused_constant)
        ElementTree.fromstring(svg(answer, title_of(inquiry)))
    assert all(problem.hint for error in refusals for problem in error.problems)
    assert NETWORKS / 3 < answered < NETWORKS * 0.9
