"""Layouts that were probably not meant: the shape says that its kernel is elsewhere.

Every reading of a shape gets points for what published networks do not do: kernels that are long
or unequal, odd numbers of channels, and so on. A shape is suspicious if the letters it was read
with get clearly more points than another layout of the same layer, or if its kernel is so large
that the weight is no convolution at all.

The points are a judgement, not a probability. They are set so that the kernels of the networks
listed in tests/initializers/layer_shapes.py raise no suspicion in their right layout, and at
least four in five of them do in each wrong one that moves the kernel axes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from service.initializers.layers import LAYERS, Layer
from service.initializers.layouts import layer_of_letters

CLEARLY_MORE = 2
"""Points by which another layout must be better. One point is a matter of taste."""

STILL_LIKELY = 5
"""Points that the other layout may have at most: what is strange itself is not proposed."""

NO_CONVOLUTION = 7
"""Points of the kernel alone from which the weight is no convolution, such as 4 x 32."""

IMPOSSIBLE = 8
"""Points of a reading that the layer cannot have: more than `STILL_LIKELY` alone."""

_SHORT = 7
"""Kernels up to here are so common that even one or two channels, as in examples, have them."""

_ODD_LENGTHS = ((_SHORT, 0), (15, 1), (31, 2), (63, 4), (math.inf, 6))
_EVEN_LENGTHS = ((2, 0), (6, 1), (16, 2), (32, 4), (64, 6), (math.inf, 8))
"""Points of an extent of a kernel, up to each length. An even kernel has no middle, so it is
rarer; patches of images reach 32. Large even numbers are more likely channels."""

LONGEST_SPECTRAL = 63
"""The first kernel over a spectrogram may be so long for 2 points: Deep Speech 2 has 41 x 11."""

LONGEST_EVEN_LINE = 16
"""An even kernel of one axis may be so long at no cost, as in HiFi-GAN."""

LONGEST_LINE = 31
"""An odd kernel of one axis may be so long at no cost, as in Conformer."""

CHANNEL_STEP = 32
"""Longer lines that are multiples of it are more likely channels."""

WORD_LENGTHS = frozenset({50, 100, 200, 300})
"""How many numbers published word vectors have (GloVe, word2vec): a text CNN's kernel spans one
whole word of them, which is then no extent of the kernel to judge."""

WIDEST_HEAD = 256
"""Attention heads have at most so many numbers, and layers have at most so many heads."""

_SIGNALS = frozenset({1, 2, 3, 6, 9})
"""Inputs of signals: 1 and 2 of sound, 3, 6 and 9 of points in space (PointNet)."""

_IMAGES = frozenset({1, 3, 4})
"""Inputs of images: grey, three colours, and colours with opacity or a latent code."""

_FEW = 4
"""An image has at most so many channels, and a depthwise layer so many outputs for each input."""

_SMALLEST_PATCH = 10
"""Even kernels from here on cut an image, of few channels, into patches."""

_STEEPEST = 50
"""Only first layers and depthwise ones change the number of channels by a larger factor."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What the shape probably is.

    `letters` are the likely layouts, the likeliest first: one of a convolution, or several that
    the shape cannot tell apart. `framework` is the only one that has this layout for the layer;
    None where several have it, and for weights that are no convolution.
    """

    letters: tuple[str, ...]
    framework: str | None


@dataclass(frozen=True)
class _Reading:
    """A shape, and what the letters of a layout make of it.

    Without slots, which cached properties do not have: every rule asks for them again.
    """

    letters: str
    shape: tuple[int, ...]
    layer: Layer

    def extents(self, wanted: str) -> list[int]:
        axes = zip(self.letters, self.shape, strict=True)
        return [extent for letter, extent in axes if letter in wanted]

    def channels(self, letter: str) -> int:
        return math.prod(self.extents(letter))

    @cached_property
    def points(self) -> int:
        """How strange the reading is: 0 is usual."""
        points = 0
        for rule in _RULES:
            points += rule(self)
        return points

    @cached_property
    def single(self) -> bool:
        """Whether every output is made of one input, or every input goes to one output."""
        ends = "OI" if self.layer.transposed else "I"
        return 1 in [self.channels(letter) for letter in ends]

    @cached_property
    def kernel(self) -> list[int]:
        """The extents of the kernel, without a whole word of a text."""
        extents = self.extents("DHW")
        if len(extents) == 2 and self.single:
            return [extent for extent in extents if extent not in WORD_LENGTHS]
        return extents

    @cached_property
    def plane(self) -> list[int]:
        """The different extents of H and W. D is time or depth, and differs from them freely."""
        kernel = self.kernel
        return sorted(set(self.extents("HW") if len(kernel) == 3 else kernel))

    @cached_property
    def strip(self) -> bool:
        """Whether the kernel is one element high or wide, and not both."""
        return len(self.plane) == 2 and self.plane[0] == 1


def suspicion_of(letters: str, shape: tuple[int, ...], layer: str | None) -> Suspicion | None:
    """Whether a weight of this shape was probably meant in another layout than `letters`.

    There is a letter for each axis. `layer` None is the layer that the letters are taken for.
    None is returned for weights without kernel axes or elements, for letters that have more axes
    than the layer (stacks of convolutions), and where the letters make sense.
    """
    name = layer_of_letters(letters) if layer is None else layer
    if name is None or not LAYERS[name].kernel_axes or 0 in shape:
        return None
    if len(letters) not in LAYERS[name].ranks:
        return None
    read = _Reading(letters, shape, LAYERS[name])
    if read.points < CLEARLY_MORE:
        return None
    likely = _likely_instead(read)
    if likely is not None:
        return Suspicion((likely,), _only_framework(likely, LAYERS[name]))
    if len(shape) == 4 and _is_no_convolution(read):
        return Suspicion(_without_kernel(shape), None)
    return None


def described(letters: str, shape: tuple[int, ...]) -> str:
    """The kernel and channels that letters make of a shape, as in `kernel 5 x 5, 3 in, 8 out`.

    Letters that repeat are multiplied out: `1024 in, 16 x 64 out, 8 copies`.
    """
    units = {"DHW": "", "I": " in", "O": " out", "E": " copies"}
    found = {
        unit: [e for letter, e in zip(letters, shape, strict=True) if letter in group]
        for group, unit in units.items()
    }
    told = (" x ".join(map(str, extents)) + u for u, extents in found.items() if extents)
    return ("kernel " if found[""] else "") + ", ".join(told)


def _likely_instead(read: _Reading) -> str | None:
    """The layout with the fewest points whose kernel is elsewhere, if it is clearly better."""
    others = (
        _Reading(letters, read.shape, read.layer)
        for letters in dict.fromkeys(read.layer.letters.values())
        if _kernel_places(letters) != _kernel_places(read.letters)
    )
    best = min(others, key=lambda reading: reading.points, default=None)
    if best is None or best.points > STILL_LIKELY:
        return None
    return best.letters if read.points - best.points >= CLEARLY_MORE else None


def _kernel_places(letters: str) -> list[int]:
    return [axis for axis, letter in enumerate(letters) if letter in "DHW"]


def _only_framework(letters: str, layer: Layer) -> str | None:
    owners = [name for name, theirs in layer.letters.items() if theirs == letters]
    return owners[0] if len(owners) == 1 else None


def _is_no_convolution(read: _Reading) -> bool:
    """Whether the kernel is too large and every axis has several elements.

    An axis of one element is a single input or output. Attention and experts have none.
    """
    return 1 not in read.shape and _length(read) + _inequality(read) >= NO_CONVOLUTION


def _without_kernel(shape: tuple[int, ...]) -> tuple[str, ...]:
    """The readings of four axes as attention (heads x head width) or experts.

    E is layers or experts. O and I cannot be told apart, so there are two readings.
    """
    first, second, third, last = shape
    if first * second == third * last:
        return ("OOII", "IIOO")
    if max(third, last) <= WIDEST_HEAD:
        return ("EIOO", "EOII")
    if max(second, third) <= WIDEST_HEAD:
        return ("EOOI", "EIIO")
    return ("EEOI", "EEIO")


def _length(reading: _Reading) -> int:
    """Kernels are short, because their cost grows with every axis. Equal extents count once."""
    kernel = reading.kernel
    if len(reading.extents("DHW")) == 1:
        return _line_points(kernel[0], reading.single)
    if reading.single and reading.strip:
        return _strip_points(max(kernel))
    points = 0
    for extent in set(kernel):
        points += _extent_points(extent, reading.single)
    return points


def _line_points(extent: int, single: bool) -> int:
    """Points of a kernel along one axis. A filter of a raw signal may have any length."""
    if extent > LONGEST_LINE and extent % CHANNEL_STEP == 0:
        return 4
    if single or extent <= LONGEST_EVEN_LINE:
        return 0
    if extent <= LONGEST_LINE:
        return 1 - extent % 2
    return 3


def _strip_points(extent: int) -> int:
    """Points of a strip over one input: a depthwise one, or one over a signal with two axes."""
    if extent <= LONGEST_LINE:
        return 0
    return 4 if extent % CHANNEL_STEP == 0 else 3


def _extent_points(extent: int, single: bool) -> int:
    lengths = _ODD_LENGTHS if extent % 2 else _EVEN_LENGTHS
    points = next(points for longest, points in lengths if extent <= longest)
    spectral = single and extent % 2 == 1 and extent <= LONGEST_SPECTRAL
    return min(points, 2) if spectral else points


def _inequality(reading: _Reading) -> int:
    """A kernel is square. Strips such as 1 x 7 are rarer.

    The two axes of a spectrogram, time and frequency, may have different extents, both odd.
    """
    if len(reading.plane) < 2:
        return 0
    spectral = reading.single and all(extent % 2 for extent in reading.plane)
    return 1 if reading.strip or spectral else 2


def _strange_strip(reading: _Reading) -> int:
    """Strips replace odd squares inside a network.

    So their length is odd, and they do not begin or end it, where there are few channels.
    """
    if not reading.strip:
        return 0
    few = not reading.single and min(reading.channels("I"), reading.channels("O")) <= _FEW
    return (reading.plane[-1] % 2 == 0) + few


def _patches(reading: _Reading) -> int:
    """Even kernels from 10 up cut images into patches, and images have few channels."""
    kernel = reading.kernel
    if len(kernel) < 2 or reading.layer.transposed or reading.channels("I") <= _FEW:
        return 0
    return 4 if max(kernel) % 2 == 0 and max(kernel) >= _SMALLEST_PATCH else 0


def _few_channels(reading: _Reading) -> int:
    """Channels outnumber the extents of a kernel that is not short: they hold what it found.

    Filters of a raw signal, and those that make one again, are longer.
    """
    kernel = reading.extents("DHW")
    if len(kernel) == 1 and (reading.single or reading.layer.transposed):
        return 0
    most = max(reading.channels(letter) for letter in "EIO")
    return 3 if most <= min(kernel) and min(kernel) > _SHORT else 0


def _uneven_inputs(reading: _Reading) -> int:
    """Inputs are a multiple of 8, for the machine's sake, or those of a signal or an image."""
    count = reading.channels("E" if "E" in reading.letters else "I")
    natural = _SIGNALS if len(reading.extents("DHW")) == 1 else _IMAGES
    if count in natural or count % 8 == 0:
        return 0
    return 1 if count % 2 == 0 else 2


def _uneven_outputs(reading: _Reading) -> int:
    """Outputs are a multiple of 8 or an image's, but may be classes: less is said by them."""
    count = reading.channels("O")
    natural = count <= 3 or count % 8 == 0
    return 0 if "E" in reading.letters or natural else 1


def _steep(reading: _Reading) -> int:
    """Channels change step by step, except from one input (depthwise) or three (colours)."""
    if reading.layer.transposed or reading.layer.depthwise:
        return 0
    inputs, outputs = reading.channels("I"), reading.channels("O")
    widening = inputs not in (1, 3) and outputs > _STEEPEST * inputs
    return int(widening or inputs > _STEEPEST * outputs)


def _upsampling_by_nothing(reading: _Reading) -> int:
    """A transposed convolution widens its input, which a kernel of one element cannot."""
    return 3 if reading.layer.transposed and set(reading.kernel) == {1} else 0


def _not_depthwise(reading: _Reading) -> int:
    """Each filter of a depthwise layer has one input, and each input few outputs."""
    if not reading.layer.depthwise:
        return 0
    if reading.channels("I") != 1:
        return IMPOSSIBLE
    return 3 if "E" in reading.letters and reading.channels("O") > _FEW else 0


_RULES: tuple[Callable[[_Reading], int], ...] = (
    _length,
    _inequality,
    _strange_strip,
    _patches,
    _few_channels,
    _uneven_inputs,
    _uneven_outputs,
    _steep,
    _upsampling_by_nothing,
    _not_depthwise,
)
"""What gives points. A rule's docstring is its reason."""
