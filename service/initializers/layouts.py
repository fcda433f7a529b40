"""Layouts: the meaning of each axis of a weight.

A layout is one letter for each axis, or the name of a framework, which means that framework's
letters for the layer. Elements are counted in the order E, O, I, D, H, W in every layout
(docs/stream-v1.md, section 4).
"""

from dataclasses import dataclass

from service.errors import ImpossibleError, Problem, UnreadableError
from service.initializers.layers import FRAMEWORKS, LAYERS, Layer, default_layer, find_layer
from service.initializers.unknown_words import squash, unknown_word

LETTERS = "EOIDHW"
_KERNEL = frozenset("DHW")
REPEATABLE = frozenset("EOI")
"""Letters that may repeat. Copies can be layers x experts; O or I can be heads x head size."""

_FRAMEWORK_REPLACEMENTS = {
    "pytorch": "torch",
    "tensorflow": "keras",
    "tf": "keras",
    "jax": "flax",
    "linen": "flax",
    "nnx": "flax",
    "julia": "flux",
    "tensorflowjs": "tfjs",
    "pt": "torch",
    "channelsfirst": "torch",
    "nchw": "torch",
    "channelslast": "keras",
    "nhwc": "keras",
}


def kernel_axes(letters: str) -> int:
    """The number of kernel axes."""
    return sum(letter in _KERNEL for letter in letters)


def layer_of_letters(letters: str) -> str | None:
    """The layer that letters mean without `layer`. None if they fit no layer.

    I and O are a convolution with kernel axes, and dense without. E and O are a depthwise
    convolution with kernel axes, and an embedding without. O alone is a bias.
    """
    kernel = kernel_axes(letters)
    channels = "".join(letter for letter in "EIO" if letter in letters)
    if channels in ("IO", "EIO"):
        name = f"conv{kernel}d" if kernel else "dense"
    elif channels == "EO":
        name = f"depthwise_conv{kernel}d" if kernel else "embedding"
    else:
        name = "bias" if channels == "O" and not kernel else ""
    return name if name in LAYERS else None


def canonical_axes(letters: str) -> tuple[int, ...]:
    """The axis numbers sorted by letter: E, O, I, D, H, W. Equal letters keep their order."""
    return tuple(sorted(range(len(letters)), key=lambda axis: LETTERS.index(letters[axis])))


def resolve_letters(layout: str, layer: str | None, rank: int) -> str:
    """The letters of `layout`, one for each axis. It is letters or the name of a framework.

    Raises UnreadableError (`unknown_word`, `bad_layout`) if it is neither, and ImpossibleError
    (`no_such_layer`, `layout_mismatch`) if framework, layer, letters and rank do not fit together.
    """
    letters = (
        _framework_letters(layout, layer) if layout in FRAMEWORKS else _written_letters(layout)
    )
    if len(letters) != rank:
        raise _rank_mismatch(layout, letters, layer, rank)
    if layer is not None and kernel_axes(letters) != find_layer(layer).kernel_axes:
        raise _kernel_mismatch(letters, find_layer(layer))
    if layer is not None and not _channels_fit(letters, find_layer(layer)):
        raise _channel_mismatch(letters, find_layer(layer))
    return letters


def _channels_fit(letters: str, layer: Layer) -> bool:
    """Whether the layer can have these channel axes. Any layer may have copies along E."""
    inputs, outputs, copies = (letter in letters for letter in "IOE")
    if layer.depthwise:
        return outputs and (inputs or copies)
    if layer.name == "embedding":
        return outputs and copies and not inputs
    return outputs and inputs == ("I" in layer.letters["torch"])


def _framework_letters(framework: str, layer: str | None) -> str:
    if layer is None:
        raise ImpossibleError(
            "no_such_layer",
            Problem(
                "layer", f"{framework} has other letters for each layer", "give layer, or letters"
            ),
        )
    letters = find_layer(layer).letters
    if framework not in letters:
        raise _missing_layer(framework, layer)
    return letters[framework]


def _written_letters(layout: str) -> str:
    strange = sorted(set(layout) - set(LETTERS))
    if strange:
        raise _unknown_layout(layout, strange)
    twice = [x for x in LETTERS if layout.count(x) > 1 and x not in REPEATABLE]
    if twice:
        message = f"{', '.join(twice)} may occur only once"
        raise UnreadableError(
            "bad_layout", Problem("layout", message, "only E, O and I may repeat")
        )
    return layout


def _unknown_layout(layout: str, strange: list[str]) -> UnreadableError:
    if set(layout.upper()) <= set(LETTERS):
        respelled = {squash(layout): layout.upper()}
        return unknown_word("layout", layout, FRAMEWORKS, respelled, "layers")
    if not layout.isupper() or squash(layout) in (*FRAMEWORKS, *_FRAMEWORK_REPLACEMENTS):
        return unknown_word("layout", layout, FRAMEWORKS, _FRAMEWORK_REPLACEMENTS, "layers")
    message = f"{', '.join(map(repr, strange[:6]))}: not a layout letter"
    hint = "E copies, O out, I in, D H W kernel, as in OIHW; or a framework"
    return UnreadableError("bad_layout", Problem("layout", message, hint, "layers"))


def _missing_layer(framework: str, layer: str) -> ImpossibleError:
    has = ", ".join(name for name in LAYERS if framework in LAYERS[name].letters)
    message = f"{framework} has no {layer}"
    hint = f"it has {has}; or write the letters, such as {LAYERS[layer].letters['torch']}"
    return ImpossibleError("no_such_layer", Problem("layout", message, hint))


def _rank_mismatch(layout: str, letters: str, layer: str | None, rank: int) -> ImpossibleError:
    if layout in FRAMEWORKS:
        message = f"{layout}'s {layer} is {letters}, {len(letters)} axes; the shape has {rank}"
        hint = _other_rank_hint(layout, letters, rank)
    else:
        message = f"{len(letters)} letters, but the shape has {rank} axes"
        hint = _other_letters_hint(layer, rank)
    return ImpossibleError("layout_mismatch", Problem("layout", message, hint))


def _other_rank_hint(framework: str, letters: str, rank: int) -> str:
    """The hint if the framework's `letters` for the layer do not have `rank` axes."""
    extents = f"give {len(letters)} extent{'s' if len(letters) > 1 else ''}"
    if 0 < len(letters) < rank:
        why = "where E is copies" if "I" in letters else "since O may repeat"
        hint = f"write layout={_stretched(letters, rank)}, {why}, or {extents}"
        heads = sorted(letters) == ["I", "O"] and rank == 3
        return f"{hint}, or {_heads_hint(letters)}" if heads else hint
    of_rank = default_layer(rank)
    if of_rank is None or framework not in LAYERS[of_rank].letters:
        return f"{extents}, or leave layer out"
    return f"{extents}, or use layer={of_rank}, or leave layer out"


def _heads_hint(letters: str) -> str:
    """The hint for a dense weight with three axes: it may have heads and head size as axes."""
    outputs, inputs = letters.replace("O", "OO"), letters.replace("I", "II")
    return f"write layout={outputs} or layout={inputs}, which are attention heads out or in"


def _other_letters_hint(layer: str | None, rank: int) -> str:
    """The hint for too few or too many letters."""
    if rank == 0:
        return "leave layout out: a scalar has no letters"
    if layer is not None and len(LAYERS[layer].letters["torch"]) <= rank:
        return f"write a letter for each axis, such as {_stretched_layer(layer, rank)}"
    of_rank = default_layer(rank)
    if of_rank is None:
        bare = "write a letter for each axis"
        return bare if layer is None else f"leave layer out and {bare}"
    example = LAYERS[of_rank].letters["torch"]
    if layer is None:
        return f"write a letter for each axis, such as {example}"
    return f"write layout={example} and layer={of_rank}"


def _stretched_layer(layer: str, rank: int) -> str:
    return _stretched(LAYERS[layer].letters["torch"], rank)


def _stretched(letters: str, rank: int) -> str:
    """The letters extended to `rank` axes: E in front if the layer has inputs, then repeated O."""
    if len(letters) < rank and "I" in letters and "E" not in letters:
        letters = f"E{letters}"
    return letters.replace("O", "O" * (rank - len(letters) + 1))


def _kernel_mismatch(letters: str, layer: Layer) -> ImpossibleError:
    message = (
        f"{layer.name} has {layer.kernel_axes} kernel axes, {letters} has {kernel_axes(letters)}"
    )
    return ImpossibleError("layout_mismatch", Problem("layout", message, _fit_hint(letters, layer)))


def _channel_mismatch(letters: str, layer: Layer) -> ImpossibleError:
    torch = layer.letters["torch"]
    message = f"a {layer.name} has axes such as {torch}, and {letters} has other channel axes"
    return ImpossibleError("layout_mismatch", Problem("layout", message, _fit_hint(letters, layer)))


def _fit_hint(letters: str, layer: Layer) -> str:
    """The hint for letters that do not fit the layer: another layer, or other letters."""
    fitting = layer_of_letters(letters)
    if fitting is not None:
        return f"use layer={fitting}; in torch {layer.name} is {layer.letters['torch']}"
    if len(layer.letters["torch"]) <= len(letters):
        return f"write letters such as {_stretched_layer(layer.name, len(letters))}"
    return f"leave layer out; in torch {layer.name} is {layer.letters['torch']}"


@dataclass(frozen=True, slots=True)
class ThreeAxisLayout:
    """The `letters` of three axes, and the `weight` that they describe."""

    letters: str
    weight: str


THREE_AXIS_LAYOUTS = (
    ThreeAxisLayout("OIW", "a torch 1-D convolution"),
    ThreeAxisLayout("WIO", "a Keras or Flax 1-D convolution"),
    ThreeAxisLayout("OWI", "an MLX 1-D convolution"),
    ThreeAxisLayout("EOI", "experts, each out x in"),
    ThreeAxisLayout("EIO", "experts, each in x out"),
    ThreeAxisLayout("OOI", "attention heads, out first"),
    ThreeAxisLayout("IOO", "attention heads, in first"),
    ThreeAxisLayout("IIO", "an attention output"),
)
"""The usual weights with three axes, the most common first. A request with three axes must say
which one it means."""


def three_axis_layouts(layout: str | None) -> tuple[ThreeAxisLayout, ...]:
    """The rows that the framework `layout` uses. All rows if `layout` names no framework."""
    if layout is None or layout not in LAYERS["dense"].letters:
        return THREE_AXIS_LAYOUTS
    convolution, dense = (LAYERS[name].letters[layout] for name in ("conv1d", "dense"))
    outputs_first = dense.index("O") < dense.index("I")
    return tuple(
        row
        for row in THREE_AXIS_LAYOUTS
        if row.letters == convolution
        or ("W" not in row.letters and _outputs_first(row.letters) == outputs_first)
    )


def _outputs_first(letters: str) -> bool:
    return letters.index("O") < letters.index("I")
