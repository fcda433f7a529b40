"""Layouts: which axis of a written weight is which.

A layout is a letter an axis or the name of a framework, which stands for its letters of a layer.
E, O, I, D, H, W is the order elements are counted in, however the tensor is written.
"""

from service.errors import ImpossibleError, Problem, UnreadableError
from service.initializers.layers import FRAMEWORKS, LAYERS, Layer, default_layer, find_layer
from service.initializers.words import squash, unknown_word

LETTERS = "EOIDHW"
_KERNEL = frozenset("DHW")
REPEATABLE = frozenset("EOI")
"""Copies nest as layers x experts do; heads and head size are two axes of O or of I."""

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
    """How many of the axes are kernel axes."""
    return sum(letter in _KERNEL for letter in letters)


def layer_of_letters(letters: str) -> str | None:
    """What written letters are taken for if the layer is not given; None if they fit none.

    I and O with a kernel are a convolution and without one dense; E and O alone are an
    embedding or, with a kernel, depthwise; O alone is a bias.
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
    """The written axis numbers in the order E, O, I, D, H, W; equal letters keep theirs."""
    return tuple(sorted(range(len(letters)), key=lambda axis: LETTERS.index(letters[axis])))


def resolve_letters(layout: str, layer: str | None, rank: int) -> str:
    """The letters, one an axis, of a `layout` that is letters itself or the name of a framework.

    Raises UnreadableError (`unknown_word`, `bad_layout`) for words that are neither, and
    ImpossibleError (`no_such_layer`, `layout_mismatch`) where framework, layer, letters and rank
    disagree.
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
    """Whether the channel axes can be those of the layer; any layer may have copies along E."""
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
                "layer", f"no layer to take {framework}'s letters of", "give layer, or letters"
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
        message = f"{', '.join(twice)} may stand only once"
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
    message = f"{', '.join(map(repr, strange[:6]))}: no letter of a layout"
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
    """What to give where a layer has `letters` in its framework and the shape has `rank` axes."""
    extents = f"give {len(letters)} extent{'s' if len(letters) > 1 else ''}"
    if 0 < len(letters) < rank:
        why = "the first axis being copies" if "I" in letters else "since O may repeat"
        hint = f"write layout={_stretched(letters, rank)}, {why}, or {extents}"
        return f"{hint}, or {_heads_hint(letters)}" if sorted(letters) == ["I", "O"] else hint
    of_rank = default_layer(rank)
    if of_rank is None or framework not in LAYERS[of_rank].letters:
        return f"{extents}, or leave layer out"
    return f"{extents}, or use layer={of_rank}, or leave layer out"


def _heads_hint(letters: str) -> str:
    """A dense weight with one axis more may also have heads and head size among its axes."""
    outputs, inputs = letters.replace("O", "OO"), letters.replace("I", "II")
    return f"write layout={outputs} or layout={inputs}, which are attention heads out or in"


def _other_letters_hint(layer: str | None, rank: int) -> str:
    """What to write instead of letters that are too few or too many."""
    if rank == 0:
        return "leave layout out: no axes have no letters"
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
    """Letters of a layer with more axes: in front copies of a layer with inputs, else more O."""
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
    """How letters that are not the layer's, and the layer, can be brought together."""
    fitting = layer_of_letters(letters)
    if fitting is not None:
        return f"use layer={fitting}; in torch {layer.name} is {layer.letters['torch']}"
    if len(layer.letters["torch"]) <= len(letters):
        return f"write letters such as {_stretched_layer(layer.name, len(letters))}"
    return f"leave layer out; in torch {layer.name} is {layer.letters['torch']}"
