"""Layouts that are probably not meant: a shape whose kernel is elsewhere than its letters say.

A kernel has equal, small extents. Where the letters' kernel has not, and another stack's letters
for the layer would give one, the shape was probably written for that stack.
"""

import math
from dataclasses import dataclass

from service.advice.situation import Situation
from service.errors import ImpossibleError
from service.initializers.fans import Fans, fans_of
from service.initializers.layers import LAYERS

LARGEST_KERNEL = 32
"""Patches of 32 are the largest squares in use; channels are soon more."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The letters that are more likely, whose they are, and the fans with them."""

    letters: str
    stack: str
    fans: Fans


def suspicion_of(situation: Situation) -> Suspicion | None:
    """The first stack whose letters make more sense of the shape; None if those it has do."""
    letters, layer = situation.letters, situation.layer
    shape = situation.question.shape
    if letters is None or layer is None or not situation.convolves or is_likely(letters, shape):
        return None
    for stack, others in LAYERS[layer].letters.items():
        fans = _fans(situation, others)
        if fans is not None and is_likely(others, shape) and _outnumbers(others, shape):
            return Suspicion(others, stack, fans)
    return None


def is_likely(letters: str, shape: tuple[int, ...]) -> bool:
    """Whether the extents of the kernel letters are equal and small."""
    kernel = _extents(letters, shape, "DHW")
    return len(set(kernel)) == 1 and kernel[0] <= LARGEST_KERNEL


def _outnumbers(letters: str, shape: tuple[int, ...]) -> bool:
    """Whether there are more channels than the kernel is wide: else 32,32,1,7 would be one."""
    return max(_extents(letters, shape, "EIO")) > max(_extents(letters, shape, "DHW"))


def _extents(letters: str, shape: tuple[int, ...], wanted: str) -> list[int]:
    return [extent for letter, extent in zip(letters, shape, strict=True) if letter in wanted]


def _fans(situation: Situation, letters: str) -> Fans | None:
    question = situation.question
    if len(letters) != len(question.shape):
        return None
    try:
        return fans_of(
            letters,
            question.shape,
            layer=situation.layer,
            groups=question.groups,
            parts=question.parts,
            stride=question.stride,
        )
    except ImpossibleError:
        return None


def described(letters: str, shape: tuple[int, ...]) -> str:
    """The kernel and the channels that letters make of a shape, as in `5 x 5, 3 in, 8 out`."""
    kernel = " x ".join(map(str, _extents(letters, shape, "DHW")))
    inputs, outputs = (math.prod(_extents(letters, shape, letter)) for letter in "IO")
    return f"{kernel}, {inputs} in, {outputs} out"
