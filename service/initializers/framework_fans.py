"""The fans that each framework itself counts. It uses the shape and the position of its axes only.

Sources: torch/nn/init.py, keras/src/initializers/random_initializers.py, jax/_src/nn/
initializers.py, Flux.jl/src/utils.jl, candle-nn/src/init.rs, mlx/python/mlx/nn/init.py and
tfjs-layers/src/initializers.ts. Burn's layers pass their fans, and onnx has no initializers.
"""

import math
from collections.abc import Callable

from service.initializers.fans import Fans, Weight, quotient
from service.initializers.layers import LAYERS, preset_letters

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


def _burn(shape: Shape, weight: Weight) -> tuple[float | None, float | None]:
    """(in, out), or (out, in / groups, kernel...), or (in, out / groups, kernel...) transposed.

    A transposed layer passes no fan_out. Sources: linear.rs and conv/*.rs in burn-nn/src/modules.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    fans = _first_two(shape)
    groups = weight.groups or 1
    return fans.fan_in, None if weight.transposed else quotient(int(fans.fan_out), groups)


def _paddle(shape: Shape, weight: Weight) -> tuple[float | None, float | None]:
    """(in, out), or (out, in, kernel...). Source: paddle/nn/initializer/initializer.py."""
    fans = _last_two(shape) if len(shape) == 2 else _first_two(shape)
    return fans.fan_in, fans.fan_out


def _dl4j(shape: Shape, weight: Weight) -> tuple[float | None, float | None]:
    """(in, out), (kernel..., in, multiplier), (in, out, kernel...) transposed, or (out, in,
    kernel...).

    fan_out is divided by the stride, also of a transposed layer. The fans of a recurrent weight
    need the size of the other one. Sources: *ParamInitializer.java in
    deeplearning4j-nn/src/main/java/org/deeplearning4j/nn/params, commits 07351c1, 026a1a5, 08dac0b.
    """
    if weight.layer == "recurrent":
        return None, None
    if len(shape) == 2:
        return shape[0], shape[1]
    axes = len(shape) - 2
    stride = math.prod(weight.stride * axes if len(weight.stride) == 1 else weight.stride)
    if weight.depthwise:
        kernel, inputs, outputs = math.prod(shape[:-2]), shape[-2], shape[-1]
    else:
        kernel = math.prod(shape[2:])
        inputs, outputs = shape[:2] if weight.transposed else shape[1::-1]
    return inputs * kernel, quotient(outputs * kernel, stride)


_PRESET_RULES: dict[str, Callable[[Shape, Weight], tuple[float | None, float | None]]] = {
    "burn": _burn,
    "paddle": _paddle,
    "dl4j": _dl4j,
}
"""The rules of frameworks that only presets need. No warning compares the fans with them."""


def preset_fans(framework: str, weight: Weight, shape: Shape) -> tuple[float | None, float | None]:
    """fan_in and fan_out of a tensor as the framework of a preset counts them.

    The axes are put in the framework's own order for the layer. Without a layer, and if the letters
    are not those of the layer, the framework sees the shape as it is. None is a fan that it does
    not count, such as those of a bias.
    """
    layer, letters = weight.layer, weight.letters
    own = "" if layer is None else preset_letters(framework, layer) or ""
    if own and len(set(own)) == len(own) and sorted(own) == sorted(letters):
        shape = tuple(weight.shape[letters.index(letter)] for letter in own)
    if len(shape) < 2:
        return None, None
    if framework in _PRESET_RULES:
        return _PRESET_RULES[framework](shape, weight)
    fans = FAN_RULES[framework](shape)
    return fans.fan_in, fans.fan_out


def framework_fans(framework: str, weight: Weight) -> Fans | None:
    """The fans that `framework` counts for this weight in its own layout.

    None if it has no rule, or if its letters for the layer are not a permutation of the weight's.
    """
    if weight.layer is None or not weight.letters or framework not in FAN_RULES:
        return None
    own = LAYERS[weight.layer].letters.get(framework, "")
    letters = weight.letters
    if len(own) < 2 or sorted(own) != sorted(letters) or len(set(own)) < len(own):
        return None
    return FAN_RULES[framework](tuple(weight.shape[letters.index(letter)] for letter in own))


def unseen(weight: Weight) -> list[str]:
    """The properties of the layer that its shape does not show, so frameworks ignore them."""
    return [
        word
        for word, applies in (
            ("groups", (weight.groups or 1) > 1),
            ("that each input has outputs of its own", weight.depthwise),
            ("fused parts", weight.parts != 1),
            ("strides", set(weight.stride) != {1}),
            ("the exchanged axes of a transposed layer", weight.transposed),
            ("copies along E", "E" in weight.letters),
        )
        if applies
    ]
