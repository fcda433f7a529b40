"""Find the layout that a shape probably has, if the requested layout is implausible for it.

Each candidate layout of a shape gets points for properties that published networks do not have,
such as long or unequal kernels and odd numbers of channels. The requested layout is implausible if
it has clearly more points than another layout of the same layer. It is also implausible if the
kernel is too large for any convolution.

The points are a judgement and have no probability model. They are chosen by the kernels of the
networks in tests/initializers/layer_shapes.py. None of these is implausible in its right layout.
At least four in five are implausible in each wrong layout that moves the kernel axes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from service.initializers.layers import LAYERS, Layer
from service.initializers.layouts import layer_of_letters

CLEARLY_MORE = 2
"""The number of points by which another layout must be better. One point is not significant."""

STILL_LIKELY = 5
"""The most points of a layout that is proposed."""

NO_CONVOLUTION = 7
"""From this number of points of the kernel alone, such as 4 x 32, the weight is no convolution."""

IMPOSSIBLE = 8
"""Points of a layout that the layer cannot have. They exceed `STILL_LIKELY`."""

_SHORT = 7
"""Kernels up to this length are common, also with one or two channels as in examples."""

_ODD_LENGTHS = ((_SHORT, 0), (15, 1), (31, 2), (63, 4), (math.inf, 6))
_EVEN_LENGTHS = ((2, 0), (6, 1), (16, 2), (32, 4), (64, 6), (math.inf, 8))
"""(length, points): the points of a kernel extent up to the length. An even kernel has no centre,
so it is rarer. Image patches have up to 32. Larger even numbers are probably channels."""

LONGEST_SPECTRAL = 63
"""The longest kernel over a spectrogram that gets only 2 points. Deep Speech 2 has 41 x 11."""

LONGEST_EVEN_LINE = 16
"""The longest even kernel of one axis without points, as in HiFi-GAN."""

LONGEST_LINE = 31
"""The longest odd kernel of one axis without points, as in Conformer."""

CHANNEL_STEP = 32
"""Longer extents that are multiples of this number are probably channels."""

WORD_LENGTHS = frozenset({50, 100, 200, 300})
"""Dimensions of published word vectors (GloVe, word2vec). A text CNN's kernel spans a whole word
vector, so this extent gets no points."""

WIDEST_HEAD = 256
"""The largest head size, and the largest number of heads, of attention layers."""

_SIGNALS = frozenset({1, 2, 3, 6, 9})
"""Input channels of signals: 1 and 2 for sound; 3, 6 and 9 for points in space (PointNet)."""

_IMAGES = frozenset({1, 3, 4})
"""Input channels of images: grey; three colours; colours with opacity, or a latent code."""

_FEW = 4
"""The most channels of an image, and the most outputs of a depthwise layer for each input."""

_SMALLEST_PATCH = 10
"""Even kernels of at least this length divide an image, which has few channels, into patches."""

_STEEPEST = 50
"""Only first and depthwise layers change the number of channels by a larger factor."""


@dataclass(frozen=True, slots=True)
class LikelyLayout:
    """The layout that the shape probably has.

    `letters` are the likely layouts, the likeliest first: one layout of a convolution, or several
    that the shape cannot distinguish. `framework` is the only framework with this layout for the
    layer. It is None if several have it, and if the weight is no convolution.
    """

    letters: tuple[str, ...]
    framework: str | None


@dataclass(frozen=True)
class _Candidate:
    """A shape with the letters of one layout.

    It has no slots, because cached properties need a `__dict__`.
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
        """How implausible the layout is. 0 is usual."""
        points = 0
        for rule in _RULES:
            points += rule(self)
        return points

    @cached_property
    def single(self) -> bool:
        """Whether there is one input, or one output of a transposed layer."""
        ends = "OI" if self.layer.transposed else "I"
        return 1 in [self.channels(letter) for letter in ends]

    @cached_property
    def kernel(self) -> list[int]:
        """The extents of the kernel, without the dimension of a word vector."""
        extents = self.extents("DHW")
        if len(extents) == 2 and self.single:
            return [extent for extent in extents if extent not in WORD_LENGTHS]
        return extents

    @cached_property
    def plane(self) -> list[int]:
        """The distinct extents of H and W. D is time or depth and may have any extent."""
        kernel = self.kernel
        return sorted(set(self.extents("HW") if len(kernel) == 3 else kernel))

    @cached_property
    def strip(self) -> bool:
        """Whether exactly one of the kernel's extents is 1."""
        return len(self.plane) == 2 and self.plane[0] == 1


def likely_layout(letters: str, shape: tuple[int, ...], layer: str | None) -> LikelyLayout | None:
    """The layout that a weight of this shape probably has instead of `letters`.

    `letters` has one letter for each axis. If `layer` is None, the letters determine the layer.

    Returns None if the letters are plausible. It also returns None for weights without kernel axes,
    for empty weights, and for more axes than the layer has (stacks of convolutions).
    """
    name = layer_of_letters(letters) if layer is None else layer
    if name is None or not LAYERS[name].kernel_axes or 0 in shape:
        return None
    if len(letters) not in LAYERS[name].ranks:
        return None
    candidate = _Candidate(letters, shape, LAYERS[name])
    if candidate.points < CLEARLY_MORE:
        return None
    likely = _likely_instead(candidate)
    if likely is not None:
        return LikelyLayout((likely,), _only_framework(likely, LAYERS[name]))
    if len(shape) == 4 and _is_no_convolution(candidate):
        return LikelyLayout(_without_kernel(shape), None)
    return None


def described(letters: str, shape: tuple[int, ...]) -> str:
    """The kernel and the channels of a shape as text: `kernel 5 x 5, 3 in, 8 out`.

    Repeated letters become products: `1024 in, 16 x 64 out, 8 copies`.
    """
    units = {"DHW": "", "I": " in", "O": " out", "E": " copies"}
    found = {
        unit: [e for letter, e in zip(letters, shape, strict=True) if letter in group]
        for group, unit in units.items()
    }
    texts = (" x ".join(map(str, extents)) + u for u, extents in found.items() if extents)
    return ("kernel " if found[""] else "") + ", ".join(texts)


def _likely_instead(candidate: _Candidate) -> str | None:
    """The layout with the fewest points and other kernel axes, if it is clearly better."""
    others = (
        _Candidate(letters, candidate.shape, candidate.layer)
        for letters in dict.fromkeys(candidate.layer.letters.values())
        if _kernel_places(letters) != _kernel_places(candidate.letters)
    )
    best = min(others, key=lambda each: each.points, default=None)
    if best is None or best.points > STILL_LIKELY:
        return None
    return best.letters if candidate.points - best.points >= CLEARLY_MORE else None


def _kernel_places(letters: str) -> list[int]:
    return [axis for axis, letter in enumerate(letters) if letter in "DHW"]


def _only_framework(letters: str, layer: Layer) -> str | None:
    owners = [name for name, theirs in layer.letters.items() if theirs == letters]
    return owners[0] if len(owners) == 1 else None


def _is_no_convolution(candidate: _Candidate) -> bool:
    """Whether the kernel is too large and no axis has extent 1.

    An axis of extent 1 is a single input or output. Attention weights and experts have none.
    """
    return (
        1 not in candidate.shape and _length(candidate) + _inequality(candidate) >= NO_CONVOLUTION
    )


def _without_kernel(shape: tuple[int, ...]) -> tuple[str, ...]:
    """The layouts of four axes as attention (heads x head size) or experts.

    E is layers or experts. The shape does not distinguish O and I, so there are two layouts.
    """
    first, second, third, last = shape
    if first * second == third * last:
        return ("OOII", "IIOO")
    if max(third, last) <= WIDEST_HEAD:
        return ("EIOO", "EOII")
    if max(second, third) <= WIDEST_HEAD:
        return ("EOOI", "EIIO")
    return ("EEOI", "EEIO")


def _length(candidate: _Candidate) -> int:
    """Kernels are short, because the cost is the product of the extents. Equal ones count once."""
    kernel = candidate.kernel
    if len(candidate.extents("DHW")) == 1:
        return _line_points(kernel[0], candidate.single)
    if candidate.single and candidate.strip:
        return _strip_points(max(kernel))
    points = 0
    for extent in set(kernel):
        points += _extent_points(extent, candidate.single)
    return points


def _line_points(extent: int, single: bool) -> int:
    """Points of a kernel with one axis. A filter over a raw signal may have any length."""
    if extent > LONGEST_LINE and extent % CHANNEL_STEP == 0:
        return 4
    if single or extent <= LONGEST_EVEN_LINE:
        return 0
    if extent <= LONGEST_LINE:
        return 1 - extent % 2
    return 3


def _strip_points(extent: int) -> int:
    """Points of a strip with one input: a depthwise kernel, or a signal with two axes."""
    if extent <= LONGEST_LINE:
        return 0
    return 4 if extent % CHANNEL_STEP == 0 else 3


def _extent_points(extent: int, single: bool) -> int:
    lengths = _ODD_LENGTHS if extent % 2 else _EVEN_LENGTHS
    points = next(points for longest, points in lengths if extent <= longest)
    spectral = single and extent % 2 == 1 and extent <= LONGEST_SPECTRAL
    return min(points, 2) if spectral else points


def _inequality(candidate: _Candidate) -> int:
    """Most kernels are square. Strips such as 1 x 7 are rarer.

    A kernel over a spectrogram may have different odd extents in time and frequency.
    """
    if len(candidate.plane) < 2:
        return 0
    spectral = candidate.single and all(extent % 2 for extent in candidate.plane)
    return 1 if candidate.strip or spectral else 2


def _strange_strip(candidate: _Candidate) -> int:
    """Strips replace odd square kernels in the middle of a network.

    So their length is odd. The first and the last layers, with few channels, have no strips.
    """
    if not candidate.strip:
        return 0
    few = not candidate.single and min(candidate.channels("I"), candidate.channels("O")) <= _FEW
    return (candidate.plane[-1] % 2 == 0) + few


def _patches(candidate: _Candidate) -> int:
    """Even kernels from 10 up divide images into patches, and images have few channels."""
    kernel = candidate.kernel
    if len(kernel) < 2 or candidate.layer.transposed or candidate.channels("I") <= _FEW:
        return 0
    return 4 if max(kernel) % 2 == 0 and max(kernel) >= _SMALLEST_PATCH else 0


def _few_channels(candidate: _Candidate) -> int:
    """A layer has more channels than the extent of its kernel, unless the kernel is short.

    Filters from and to a raw signal are longer.
    """
    kernel = candidate.extents("DHW")
    if len(kernel) == 1 and (candidate.single or candidate.layer.transposed):
        return 0
    most = max(candidate.channels(letter) for letter in "EIO")
    return 3 if most <= min(kernel) and min(kernel) > _SHORT else 0


def _uneven_inputs(candidate: _Candidate) -> int:
    """Inputs are a multiple of 8, which hardware prefers, or the channels of a signal or image."""
    count = candidate.channels("E" if "E" in candidate.letters else "I")
    natural = _SIGNALS if len(candidate.extents("DHW")) == 1 else _IMAGES
    if count in natural or count % 8 == 0:
        return 0
    return 1 if count % 2 == 0 else 2


def _uneven_outputs(candidate: _Candidate) -> int:
    """Outputs are a multiple of 8 or an image's channels. Classes may be any number: 1 point."""
    count = candidate.channels("O")
    natural = count <= 3 or count % 8 == 0
    return 0 if "E" in candidate.letters or natural else 1


def _steep(candidate: _Candidate) -> int:
    """The number of channels changes gradually, except from one input or three (colours)."""
    if candidate.layer.transposed or candidate.layer.depthwise:
        return 0
    inputs, outputs = candidate.channels("I"), candidate.channels("O")
    widening = inputs not in (1, 3) and outputs > _STEEPEST * inputs
    return int(widening or inputs > _STEEPEST * outputs)


def _upsampling_by_nothing(candidate: _Candidate) -> int:
    """A transposed convolution enlarges its input. A kernel of one element cannot."""
    return 3 if candidate.layer.transposed and set(candidate.kernel) == {1} else 0


def _not_depthwise(candidate: _Candidate) -> int:
    """Each filter of a depthwise layer has one input, and each input has few outputs."""
    if not candidate.layer.depthwise:
        return 0
    if candidate.channels("I") != 1:
        return IMPOSSIBLE
    return 3 if "E" in candidate.letters and candidate.channels("O") > _FEW else 0


_RULES: tuple[Callable[[_Candidate], int], ...] = (
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
"""The rules that give points. The docstring of each is its reason."""
