"""How the stacks themselves count fans: off the shape alone, by the position of its axes.

Read in torch/nn/init.py, keras/src/initializers/random_initializers.py, jax/_src/nn/
initializers.py, Flux.jl/src/utils.jl, candle-nn/src/init.rs, mlx/python/mlx/nn/init.py and
tfjs-layers/src/initializers.ts. burn's layers tell their fans, onnx has no initializers.
"""

import math
from collections.abc import Callable

from service.advice.situation import Situation
from service.initializers.fans import Fans
from service.initializers.layers import LAYERS

Shape = tuple[int, ...]


def _first_two(shape: Shape) -> Fans:
    """(out, in, kernel...)."""
    rest = math.prod(shape[2:])
    return Fans(shape[1] * rest, shape[0] * rest)


def _last_two(shape: Shape) -> Fans:
    """(kernel..., in, out)."""
    rest = math.prod(shape[:-2])
    return Fans(shape[-2] * rest, shape[-1] * rest)


def _last_two_but_dense(shape: Shape) -> Fans:
    """(kernel..., in, out), and (out, in) without a kernel."""
    return _first_two(shape) if len(shape) == 2 else _last_two(shape)


def _outermost(shape: Shape) -> Fans:
    """(out, kernel..., in)."""
    rest = math.prod(shape[1:-1])
    return Fans(shape[-1] * rest, shape[0] * rest)


FAN_RULES: dict[str, Callable[[Shape], Fans]] = {
    "torch": _first_two,
    "keras": _last_two,
    "flax": _last_two,
    "flux": _last_two_but_dense,
    "candle": _first_two,
    "mlx": _outermost,
    "tfjs": _last_two,
}


def stack_fans(situation: Situation, stack: str) -> Fans | None:
    """What `stack` would count for this weight in its own letters; None where it has no rule.

    None, too, where its letters are not a reordering of the weight's.
    """
    if situation.layer is None or situation.letters is None or stack not in FAN_RULES:
        return None
    own = LAYERS[situation.layer].letters.get(stack, "")
    letters, shape = situation.letters, situation.question.shape
    if len(own) < 2 or sorted(own) != sorted(letters) or len(set(own)) < len(own):
        return None
    return FAN_RULES[stack](tuple(shape[letters.index(letter)] for letter in own))


def unseen(situation: Situation) -> list[str]:
    """What of the layer does not show in its shape, and so in no stack's fans."""
    question, layer = situation.question, situation.layer
    transposed = layer is not None and LAYERS[layer].transposed
    depthwise = layer is not None and LAYERS[layer].depthwise
    return [
        word
        for word, applies in (
            ("groups", (question.groups or 1) > 1 or depthwise),
            ("fused parts", question.parts > 1),
            ("strides", set(question.stride) != {1}),
            ("the exchanged axes of a transposed layer", transposed),
            ("copies along E", "E" in (situation.letters or "")),
        )
        if applies
    ]
