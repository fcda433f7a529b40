"""Fans of known layers, with what PyTorch and Keras answer for the same layer.

`torch` and `keras` are the letters and the extents of the weight as that framework stores it;
None where it has no such layer. `torch_says` and `keras_says` are (fan_in, fan_out) by its own
rule; the reason beside it is empty where the answer is ours.
"""

from dataclasses import dataclass

Written = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """One layer, ours = (fan_in, fan_out)."""

    label: str
    ours: tuple[int, int]
    torch: Written | None
    torch_says: tuple[int, int] | None
    keras: Written | None
    keras_says: tuple[int, int] | None
    torch_differs: str = ""
    keras_differs: str = ""
    layer: str = "dense"
    groups: int | None = None
    parts: int = 1
    stride: tuple[int, ...] = (1,)


GROUPS = "one input feeds the outputs of its own group only, both count those of all groups"
STRIDE = "with stride s an input meets one kernel position in s along each axis, both count all"
DEPTHWISE_TORCH = "fan_out: one channel feeds its own outputs only, not those of every channel"
DEPTHWISE_KERAS = "fan_in: an output sees its own channel only, not every channel"
SWAPPED = "the kernel of a transposed convolution is stored the other way round: fans are swapped"
TRANSPOSED_STRIDE = SWAPPED + ", and stride thins out the inputs that meet in one output"
FUSED = "fused blocks are layers of their own: an input feeds each, but none feeds their sum"
COPIES = "experts are copies that never meet; the rule takes them for channels or a kernel"
LOOKUP = "a lookup sums nothing, its input is one-hot: the rule counts the vocabulary"
HEADS = "the rule knows one axis of outputs, and takes the other for a kernel"
HEADS_IN = "the rule knows one axis of inputs, and takes the other for a kernel"

ROWS = [
    Row("seed example, 5 x 5 kernel, 3 -> 8", (75, 200),
        ("OIHW", (8, 3, 5, 5)), (75, 200),
        ("HWIO", (5, 5, 3, 8)), (75, 200), layer="conv2d"),
    Row("dense 784 -> 256", (784, 256),
        ("OI", (256, 784)), (784, 256),
        ("IO", (784, 256)), (784, 256)),
    Row("dense 512 -> 1", (512, 1),
        ("OI", (1, 512)), (512, 1),
        ("IO", (512, 1)), (512, 1)),
    Row("language model head, tied: 768 -> 50257", (768, 50257),
        ("OI", (50257, 768)), (768, 50257),
        ("IO", (768, 50257)), (768, 50257)),
    Row("conv1d, kernel 3, 16 -> 32", (48, 96),
        ("OIW", (32, 16, 3)), (48, 96),
        ("WIO", (3, 16, 32)), (48, 96), layer="conv1d"),
    Row("conv2d, 1 x 1, 64 -> 256", (64, 256),
        ("OIHW", (256, 64, 1, 1)), (64, 256),
        ("HWIO", (1, 1, 64, 256)), (64, 256), layer="conv2d"),
    Row("conv3d, 3 x 3 x 3, 8 -> 16", (216, 432),
        ("OIDHW", (16, 8, 3, 3, 3)), (216, 432),
        ("DHWIO", (3, 3, 3, 8, 16)), (216, 432), layer="conv3d"),
    Row("conv_transpose2d, square, 64 -> 64", (576, 576),
        ("IOHW", (64, 64, 3, 3)), (576, 576),
        ("HWOI", (3, 3, 64, 64)), (576, 576), layer="conv_transpose2d"),
    Row("conv2d, 3 x 3, stride 2, 64 -> 128", (576, 288),
        ("OIHW", (128, 64, 3, 3)), (576, 1152),
        ("HWIO", (3, 3, 64, 128)), (576, 1152), STRIDE, STRIDE,
        layer="conv2d", stride=(2,)),
    Row("ResNet stem, 7 x 7, stride 2, 3 -> 64", (147, 784),
        ("OIHW", (64, 3, 7, 7)), (147, 3136),
        ("HWIO", (7, 7, 3, 64)), (147, 3136), STRIDE, STRIDE,
        layer="conv2d", stride=(2, 2)),
    Row("ViT patches, 16 x 16, stride 16, 3 -> 768", (768, 768),
        ("OIHW", (768, 3, 16, 16)), (768, 196608),
        ("HWIO", (16, 16, 3, 768)), (768, 196608), STRIDE, STRIDE,
        layer="conv2d", stride=(16,)),
    Row("strides 2 and 1, 3 x 3, 16 -> 32", (144, 144),
        ("OIHW", (32, 16, 3, 3)), (144, 288),
        ("HWIO", (3, 3, 16, 32)), (144, 288), STRIDE, STRIDE,
        layer="conv2d", stride=(2, 1)),
    Row("ResNeXt, 3 x 3, 128 -> 128 in 32 groups", (36, 36),
        ("OIHW", (128, 4, 3, 3)), (36, 1152),
        ("HWIO", (3, 3, 4, 128)), (36, 1152), GROUPS, GROUPS,
        layer="conv2d", groups=32),
    Row("depthwise conv1d, kernel 5, 64 channels", (5, 5),
        ("OIW", (64, 1, 5)), (5, 320),
        ("WEO", (5, 64, 1)), (320, 5), DEPTHWISE_TORCH, DEPTHWISE_KERAS,
        layer="depthwise_conv1d"),
    Row("depthwise conv2d, 3 x 3, 32 channels", (9, 9),
        ("OIHW", (32, 1, 3, 3)), (9, 288),
        ("HWEO", (3, 3, 32, 1)), (288, 9), DEPTHWISE_TORCH, DEPTHWISE_KERAS,
        layer="depthwise_conv2d"),
    Row("depthwise conv2d, 3 x 3, 32 channels, multiplier 2", (9, 18),
        ("OIHW", (64, 1, 3, 3)), (9, 576),
        ("HWEO", (3, 3, 32, 2)), (288, 18), DEPTHWISE_TORCH, DEPTHWISE_KERAS,
        layer="depthwise_conv2d", groups=32),
    Row("conv_transpose1d, kernel 4, 8 -> 2", (32, 8),
        ("IOW", (8, 2, 4)), (8, 32),
        ("WOI", (4, 2, 8)), (8, 32), SWAPPED, SWAPPED, layer="conv_transpose1d"),
    Row("conv_transpose2d, 4 x 4, 64 -> 32", (1024, 512),
        ("IOHW", (64, 32, 4, 4)), (512, 1024),
        ("HWOI", (4, 4, 32, 64)), (512, 1024), SWAPPED, SWAPPED, layer="conv_transpose2d"),
    Row("DCGAN, transposed 4 x 4, stride 2, 512 -> 256", (2048, 4096),
        ("IOHW", (512, 256, 4, 4)), (4096, 8192),
        ("HWOI", (4, 4, 256, 512)), (4096, 8192), TRANSPOSED_STRIDE, TRANSPOSED_STRIDE,
        layer="conv_transpose2d", stride=(2,)),
    Row("transposed 4 x 4, stride 2, 64 -> 32 in 2 groups", (128, 256),
        ("IOHW", (64, 16, 4, 4)), (256, 1024),
        None, None, TRANSPOSED_STRIDE + "; I holds the inputs of all groups",
        layer="conv_transpose2d", groups=2, stride=(2,)),
    Row("attention, q k v fused, 768 -> 3 x 768", (768, 768),
        ("OI", (2304, 768)), (768, 2304),
        ("IO", (768, 2304)), (768, 2304), FUSED, FUSED, parts=3),
    Row("SwiGLU, gate and up fused, 4096 -> 2 x 11008", (4096, 11008),
        ("OI", (22016, 4096)), (4096, 22016),
        ("IO", (4096, 22016)), (4096, 22016), FUSED, FUSED, parts=2),
    Row("LSTM, input weights, 64 -> 4 x 128", (64, 128),
        ("OI", (512, 64)), (64, 512),
        ("IO", (64, 512)), (64, 512), FUSED, FUSED, layer="recurrent", parts=4),
    Row("GRU, hidden weights, 128 -> 3 x 128", (128, 128),
        ("OI", (384, 128)), (128, 384),
        ("IO", (128, 384)), (128, 384), FUSED, FUSED, layer="recurrent", parts=3),
    Row("8 experts, 4096 -> 14336", (4096, 14336),
        ("EOI", (8, 14336, 4096)), (58720256, 32768),
        ("EIO", (8, 4096, 14336)), (32768, 114688), COPIES, COPIES),
    Row("8 experts, gate and up fused, 64 -> 2 x 96", (64, 96),
        ("EOI", (8, 192, 64)), (12288, 512),
        ("EIO", (8, 64, 192)), (512, 1536), COPIES, COPIES, parts=2),
    Row("embedding, 50257 tokens of 768", (1, 768),
        ("EO", (50257, 768)), (768, 50257),
        ("EO", (50257, 768)), (50257, 768), LOOKUP, LOOKUP, layer="embedding"),
    Row("attention, 768 -> 12 heads of 64", (768, 768),
        ("OOI", (12, 64, 768)), (49152, 9216),
        ("IOO", (768, 12, 64)), (9216, 49152), HEADS, HEADS),
    Row("attention, 12 heads of 64 -> 768", (768, 768),
        ("OII", (768, 12, 64)), (768, 49152),
        ("IIO", (12, 64, 768)), (768, 9216), HEADS_IN, HEADS_IN),
]  # fmt: skip
