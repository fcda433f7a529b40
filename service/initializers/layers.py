"""The table of layers: the layout of each layer's weight in each framework.

A layout has one letter for each axis: E independent copies, O out, I in, D H W kernel.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from service.initializers.unknown_words import NOT_ISSUED_LAYERS, unknown_word

# The weights as each framework stores them. A framework without a depthwise layer has the letters
# of its grouped convolution there. `recurrent` is the input or hidden weight of one direction, with
# the gates fused along O; onnx has an axis of directions in front. Burn's dense is its default row
# layout.
_TABLE = """
                    torch   keras   flax    flux    burn    candle  mlx     tfjs    onnx
dense               OI      IO      IO      OI      IO      OI      OI      IO      IO
conv1d              OIW     WIO     WIO     WIO     OIW     OIW     OWI     WIO     OIW
conv2d              OIHW    HWIO    HWIO    WHIO    OIHW    OIHW    OHWI    HWIO    OIHW
conv3d              OIDHW   DHWIO   DHWIO   WHDIO   OIDHW   -       ODHWI   DHWIO   OIDHW
conv_transpose1d    IOW     WOI     WIO     WOI     IOW     IOW     OWI     -       IOW
conv_transpose2d    IOHW    HWOI    HWIO    WHOI    IOHW    IOHW    OHWI    HWOI    IOHW
conv_transpose3d    IODHW   DHWOI   DHWIO   WHDOI   IODHW   -       ODHWI   DHWOI   IODHW
depthwise_conv1d    OIW     WEO     WIO     WIO     OIW     OIW     OWI     -       OIW
depthwise_conv2d    OIHW    HWEO    HWIO    WHIO    OIHW    OIHW    OHWI    HWEO    OIHW
embedding           EO      EO      EO      OE      EO      EO      EO      EO      EO
recurrent           OI      IO      IO      OI      IO      OI      OI      IO      EOI
bias                O       O       O       O       O       O       O       O       O
scale               O       O       O       O       O       O       O       O       O
"""

FRAMEWORKS: tuple[str, ...] = tuple(_TABLE.split("\n")[1].split())

DEFAULT_FRAMEWORK = "torch"
"""The framework whose letters apply if the request names neither letters nor a framework."""

_LAYER_REPLACEMENTS = {
    "linear": "dense",
    "fc": "dense",
    "fullyconnected": "dense",
    "gemm": "dense",
    "matmul": "dense",
    "lazylinear": "dense",
    "projection": "dense",
    "lmhead": "dense",
    "classifier": "dense",
    "conv": "conv2d",
    "convolution": "conv2d",
    "pointwise": "conv2d",
    "deconv": "conv_transpose2d",
    "depthwise": "depthwise_conv2d",
    "dwconv": "depthwise_conv2d",
    "convtranspose": "conv_transpose2d",
    "convolution1d": "conv1d",
    "convolution2d": "conv2d",
    "convolution3d": "conv3d",
    "conv1dtranspose": "conv_transpose1d",
    "conv2dtranspose": "conv_transpose2d",
    "conv3dtranspose": "conv_transpose3d",
    "embed": "embedding",
    "embeddingbag": "embedding",
    "rnn": "recurrent",
    "lstm": "recurrent",
    "gru": "recurrent",
    "rnncell": "recurrent",
    "lstmcell": "recurrent",
    "grucell": "recurrent",
    "simplernn": "recurrent",
    "beta": "bias",
    "gamma": "scale",
    "layernorm": "scale",
    "rmsnorm": "scale",
    "groupnorm": "scale",
    "batchnorm": "scale",
    "batchnorm1d": "scale",
    "batchnorm2d": "scale",
    "batchnorm3d": "scale",
    "instancenorm": "scale",
    "norm": "scale",
}

_LAYER_OF_RANK = {1: "bias", 2: "dense", 4: "conv2d", 5: "conv3d"}
"""The layer of a weight by its number of axes. Three axes have no default: they may be a 1-D
convolution, a stack of experts or an attention weight, whose fans differ by orders of
magnitude."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's weight. `kernel_axes` is its number of kernel axes, `letters` its layout by
    framework."""

    name: str
    kernel_axes: int
    transposed: bool
    depthwise: bool
    has_fans: bool
    letters: Mapping[str, str]

    @property
    def ranks(self) -> tuple[int, ...]:
        """The numbers of axes that its weight has; one number unless the frameworks differ."""
        return tuple(sorted({len(letters) for letters in self.letters.values()}))


def _layer(name: str, cells: list[str]) -> Layer:
    letters = {
        framework: cell for framework, cell in zip(FRAMEWORKS, cells, strict=True) if cell != "-"
    }
    return Layer(
        name=name,
        kernel_axes=sum(letter in "DHW" for letter in letters["torch"]),
        transposed=name.startswith("conv_transpose"),
        depthwise=name.startswith("depthwise"),
        has_fans=name not in ("bias", "scale"),
        letters=letters,
    )


LAYERS: dict[str, Layer] = {
    name: _layer(name, cells) for name, *cells in map(str.split, _TABLE.split("\n")[2:-1])
}


_LETTERS_OF_PRESETS: dict[str, dict[str, str]] = {
    "paddle": {name: layer.letters["torch"] for name, layer in LAYERS.items()} | {"dense": "IO"},
    "dl4j": {
        **{"dense": "IO", "recurrent": "IO", "embedding": "EO", "bias": "O", "scale": "O"},
        **{"conv1d": "OIW", "conv2d": "OIHW", "conv3d": "OIDHW"},
        **{"conv_transpose2d": "IOHW", "depthwise_conv2d": "HWEO"},
    },
}
"""The letters of frameworks that have presets and no column in the table.

They are drafts as long as the presets are, because the URL of a preset names it. `layout` does not
take these frameworks.
"""


def preset_letters(framework: str, layer: str) -> str | None:
    """The letters of the layer in the framework of a preset; None if it has no such layer."""
    return LAYERS[layer].letters.get(framework) or _LETTERS_OF_PRESETS.get(framework, {}).get(layer)


def find_layer(name: str) -> Layer:
    """The layer with this name.

    Raises UnreadableError: `unknown_word` with the right spelling or the nearest ones,
    `not_issued` for a layer of `NOT_ISSUED_LAYERS`.
    """
    if name not in LAYERS:
        raise unknown_word("layer", name, LAYERS, _LAYER_REPLACEMENTS, "layers", NOT_ISSUED_LAYERS)
    return LAYERS[name]


def default_layer(rank: int) -> str | None:
    """The layer of a tensor with `rank` axes and no other information; None for 0, 3 and 6 up."""
    return _LAYER_OF_RANK.get(rank)
