"""What the axes of a tensor may mean: by its name, by `--layout`, and by its number of axes."""

import re
from dataclasses import dataclass
from enum import Enum

from service.errors import FaninError
from service.initializers.fans import Fans, Weight, fans_of, refuse_impossible
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.layouts import (
    THREE_AXIS_LAYOUTS,
    ThreeAxisLayout,
    kernel_axes,
    layer_of_letters,
)


class Role(Enum):
    """What a parameter does in its layer. It decides which constant is expected."""

    WEIGHT = "weight"
    BIAS = "bias"
    SCALE = "scale"
    MEAN = "running mean"
    VARIANCE = "running variance"

    @property
    def is_statistic(self) -> bool:
        """Whether it is counted during training, and not drawn."""
        return self in (Role.MEAN, Role.VARIANCE)


@dataclass(frozen=True, slots=True)
class Reading:
    """One meaning of the axes: the layer, and a letter for each axis (`service.initializers`)."""

    layer: str
    letters: str

    def weight(self, shape: tuple[int, ...]) -> Weight:
        """The weight with this meaning."""
        return Weight(self.letters, shape, self.layer)

    def fans(self, shape: tuple[int, ...]) -> Fans | None:
        """The fans of the shape; None if it has none."""
        return fans_of(self.weight(shape))


@dataclass(frozen=True, slots=True)
class Readings:
    """The meanings of a tensor's axes.

    If a name or an option tells the `framework`, `right` are its own letters, and `wrong` those of
    others, which a mistaken initializer may have used. Letters may also be told without a
    framework. If nothing is told, all are `right`.
    """

    role: Role
    right: tuple[Reading, ...]
    wrong: tuple[Reading, ...] = ()
    framework: str | None = None


_SEPARATORS = re.compile(r"[./:|]")

_OF_NAME = (
    (re.compile(r"(depthwise_|pointwise_|recurrent_)?kernel|embeddings|gamma|beta"), "keras"),
    (re.compile(r"embedding"), "flax"),
    (re.compile(r"weight|weight_(ih|hh|hr)_l[0-9]+(_reverse)?|weight_(ih|hh)|\w+_weight"), "torch"),
)
"""The last part of a name, and the framework whose letters it tells. A Flax kernel has the letters
of Keras, except in transposed layers, where both are tried."""

_BIAS = re.compile(r"(.*_)?bias(es)?(_.*)?|beta|b|bhn")
_SCALE = re.compile(r"weight|gamma|scale|g")
_MEAN = re.compile(r"(running_|moving_)?mean")
_VARIANCE = re.compile(r"(running_|moving_)?var(iance)?")
_NO_WEIGHT = (_BIAS, re.compile(r"gamma|scale|g"), _MEAN, _VARIANCE)
"""The last parts of names that are no weight, also where the layers are stacked on an axis."""

_ROLES = (
    (_BIAS, Role.BIAS),
    (_SCALE, Role.SCALE),
    (_MEAN, Role.MEAN),
    (_VARIANCE, Role.VARIANCE),
)
"""The last part of a vector's name, and its role."""

_EMBEDDING = re.compile(r"emb|wte|wpe|vocab|token|lookup")
_RECURRENT = re.compile(r"rnn|lstm|gru|recurrent|weight_(ih|hh)|cell")

_HEADS = (
    (re.compile(r"query|key|value"), "IOO"),
    (re.compile(r"out|attention_output"), "IIO"),
)
"""The parts of attention whose kernels have three axes in Flax and Keras, and their letters. The
inputs or the outputs are the heads and their sizes."""

_TRIED = ("torch", "keras", "flax")
"""The frameworks whose letters are tried if nothing tells one."""


def readings_of(name: str, shape: tuple[int, ...], layout: str | None = None) -> Readings:
    """The meanings of a tensor's axes.

    `layout` is the name of a framework, or letters. Letters are for tensors with as many axes.
    """
    leaf = _SEPARATORS.split(name)[-1].lower()
    no_weight = any(names.fullmatch(leaf) for names in _NO_WEIGHT)
    if no_weight or (is_vector(shape) and not _is_weight(leaf, shape)):
        return Readings(_role_of_vector(leaf), (), (), _framework(leaf))
    if layout is not None and layout not in FRAMEWORKS and len(layout) == len(shape):
        layer = layer_of_letters(layout)
        given = () if layer is None else (Reading(layer, layout),)
        return Readings(Role.WEIGHT, given, _exchanged(given, shape))
    framework = layout if layout in FRAMEWORKS else _framework(leaf)
    if framework is None:
        return Readings(Role.WEIGHT, _of_frameworks(_TRIED, name, leaf, shape, told=False))
    heads = _heads(name, leaf, shape) if framework in ("keras", "flax") else ()
    if heads:
        return Readings(Role.WEIGHT, heads, (), framework)
    own = ("keras", "flax") if framework == "keras" and layout is None else (framework,)
    right = _of_frameworks(own, name, leaf, shape, told=True)
    return Readings(Role.WEIGHT, right, _exchanged(right, shape), framework)


def is_vector(shape: tuple[int, ...]) -> bool:
    """Whether at most one axis is longer than 1."""
    return sum(extent > 1 for extent in shape) < 2


def _is_weight(leaf: str, shape: tuple[int, ...]) -> bool:
    """Whether it is the weight of a dense layer with one input or one output, such as a critic's.

    Vectors with more axes are scales, such as those of images with ones behind the channels.
    """
    return len(shape) == 2 and leaf not in ("gamma", "beta") and _framework(leaf) is not None


def _heads(name: str, leaf: str, shape: tuple[int, ...]) -> tuple[Reading, ...]:
    """The meaning of a kernel with attention heads, if the name of its part tells it."""
    part = next(iter(_SEPARATORS.split(name.lower())[-2:-1]), "")
    if leaf != "kernel" or len(shape) != 3:
        return ()
    return tuple(Reading("dense", letters) for names, letters in _HEADS if names.fullmatch(part))


def _role_of_vector(leaf: str) -> Role:
    return next((role for names, role in _ROLES if names.fullmatch(leaf)), Role.WEIGHT)


def _framework(leaf: str) -> str | None:
    return next((framework for names, framework in _OF_NAME if names.fullmatch(leaf)), None)


def _of_frameworks(
    frameworks: tuple[str, ...], name: str, leaf: str, shape: tuple[int, ...], *, told: bool
) -> tuple[Reading, ...]:
    """The letters of the frameworks for all layers that the name and the shape allow."""
    lower, found = name.lower(), []
    for layer in LAYERS.values():
        if not layer.has_fans or not layer.ranks[0] <= len(shape) <= layer.ranks[-1]:
            continue
        if layer.name == "recurrent" and told and not _RECURRENT.search(lower):
            continue
        if layer.name == "embedding" and told and leaf == "kernel":
            continue
        if layer.depthwise != (leaf == "depthwise_kernel") and leaf.endswith("_kernel"):
            continue
        if "depthwise" in lower and told and layer.name.startswith("conv"):
            continue
        for framework in frameworks:
            letters = layer.letters.get(framework, "")
            if len(letters) == len(shape):
                found.append(Reading(layer.name, letters))
    if len(shape) == 3:
        # Where a name tells a framework, only the name of its part tells heads (`_heads`).
        rows = [row.letters for row in _dense_rows(frameworks)]
        found += [Reading("dense", each) for each in rows if not told or len(set(each)) == 3]
    return tuple(reading for reading in dict.fromkeys(found) if _is_possible(reading, shape))


def _dense_rows(frameworks: tuple[str, ...]) -> list[ThreeAxisLayout]:
    """The layouts of dense weights with three axes, such as attention heads."""
    firsts = {LAYERS["dense"].letters[framework][0] for framework in frameworks}
    return [
        row
        for row in THREE_AXIS_LAYOUTS
        if not kernel_axes(row.letters) and row.letters.strip("E")[0] in firsts
    ]


def _exchanged(right: tuple[Reading, ...], shape: tuple[int, ...]) -> tuple[Reading, ...]:
    """The letters of other frameworks for dense layers and convolutions."""
    found = []
    for reading in right:
        if reading.layer != "dense" and not reading.layer.startswith("conv"):
            continue
        letters = LAYERS[reading.layer].letters
        others = [letters[framework] for framework in _TRIED if framework in letters]
        if len(reading.letters) == 2:
            others = [reading.letters[::-1]]
        found += [Reading(reading.layer, each) for each in others if len(each) == len(shape)]
    return tuple(
        reading
        for reading in dict.fromkeys(found)
        if reading not in right and _is_possible(reading, shape)
    )


def _is_possible(reading: Reading, shape: tuple[int, ...]) -> bool:
    try:
        refuse_impossible(reading.weight(shape))
    except FaninError:
        return False
    return True
