"""The layers, and the letters each framework writes them with."""

import pytest

from service.errors import UnreadableError
from service.initializers.layers import LAYERS, default_layer, find_layer

ORDER = (
    "dense conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d "
    "depthwise_conv1d depthwise_conv2d embedding recurrent bias scale"
)
GOLDEN = {
    "torch": "OI OIW OIHW OIDHW IOW IOHW IODHW OIW OIHW EO OI O O",
    "keras": "IO WIO HWIO DHWIO WOI HWOI DHWOI WEO HWEO EO IO O O",
    "flax": "IO WIO HWIO DHWIO WIO HWIO DHWIO WIO HWIO EO IO O O",
    "flux": "OI WIO WHIO WHDIO WOI WHOI WHDOI WIO WHIO OE OI O O",
    "burn": "IO OIW OIHW OIDHW IOW IOHW IODHW OIW OIHW EO IO O O",
    "candle": "OI OIW OIHW - IOW IOHW - OIW OIHW EO OI O O",
    "mlx": "OI OWI OHWI ODHWI OWI OHWI ODHWI OWI OHWI EO OI O O",
    "tfjs": "IO WIO HWIO DHWIO - HWOI DHWOI - HWEO EO IO O O",
    "onnx": "IO OIW OIHW OIDHW IOW IOHW IODHW OIW OIHW EO EOI O O",
}

FACTS = [
    # A weight of 3 inputs, 8 outputs and unequal kernel extents, as the framework itself stores it.
    ("torch", "dense", (8, 3), {"O": 8, "I": 3}),
    ("torch", "conv2d", (8, 3, 5, 7), {"O": 8, "I": 3, "H": 5, "W": 7}),
    ("torch", "conv_transpose2d", (3, 8, 5, 7), {"I": 3, "O": 8, "H": 5, "W": 7}),
    ("keras", "conv2d", (5, 7, 3, 8), {"O": 8, "I": 3, "H": 5, "W": 7}),
    ("keras", "conv_transpose1d", (7, 8, 3), {"O": 8, "I": 3, "W": 7}),
    ("keras", "depthwise_conv2d", (5, 7, 3, 2), {"E": 3, "O": 2, "H": 5, "W": 7}),
    ("flax", "dense", (3, 8), {"O": 8, "I": 3}),
    ("flax", "conv_transpose2d", (5, 7, 3, 8), {"O": 8, "I": 3, "H": 5, "W": 7}),
    ("flux", "dense", (8, 3), {"O": 8, "I": 3}),
    ("flux", "conv3d", (7, 5, 6, 3, 8), {"O": 8, "I": 3, "D": 6, "H": 5, "W": 7}),
    ("flux", "conv_transpose2d", (7, 5, 8, 3), {"O": 8, "I": 3, "H": 5, "W": 7}),
    ("flux", "embedding", (16, 100), {"O": 16, "E": 100}),
    ("burn", "dense", (3, 8), {"O": 8, "I": 3}),
    ("burn", "conv_transpose1d", (3, 8, 7), {"O": 8, "I": 3, "W": 7}),
    ("candle", "recurrent", (32, 3), {"O": 32, "I": 3}),
    ("mlx", "conv2d", (8, 5, 7, 3), {"O": 8, "I": 3, "H": 5, "W": 7}),
    ("mlx", "conv_transpose3d", (8, 6, 5, 7, 3), {"O": 8, "I": 3, "D": 6, "H": 5, "W": 7}),
    ("tfjs", "depthwise_conv2d", (5, 7, 3, 2), {"E": 3, "O": 2, "H": 5, "W": 7}),
    ("onnx", "conv_transpose2d", (3, 8, 5, 7), {"O": 8, "I": 3, "H": 5, "W": 7}),
    ("onnx", "recurrent", (2, 32, 3), {"E": 2, "O": 32, "I": 3}),
]


@pytest.mark.parametrize("framework", GOLDEN)
def test_a_frameworks_letters_never_change(framework: str) -> None:
    """Golden: the bytes behind layout=torch and the others hang on every letter.

    Those of later frameworks are in frozen-v1.json.
    """
    letters = [LAYERS[name].letters.get(framework, "-") for name in ORDER.split()]
    assert letters == GOLDEN[framework].split()


@pytest.mark.parametrize(("framework", "layer", "shape", "extents"), FACTS)
def test_the_letters_name_the_axes_of_the_frameworks_own_weights(
    framework: str, layer: str, shape: tuple[int, ...], extents: dict[str, int]
) -> None:
    """Reading a framework's shape by its letters finds every extent."""
    assert dict(zip(LAYERS[layer].letters[framework], shape, strict=True)) == extents


@pytest.mark.parametrize("layer", list(LAYERS))
def test_a_layers_letters_name_its_kernel_in_every_framework(layer: str) -> None:
    """Each letter stands once, and the kernel is W, HW or DHW, as many axes as the layer says."""
    kernel = {0: "", 1: "W", 2: "HW", 3: "DHW"}[LAYERS[layer].kernel_axes]
    for letters in LAYERS[layer].letters.values():
        assert len(set(letters)) == len(letters)
        assert sorted(set(letters) - set("EOI")) == sorted(kernel)


def test_what_a_framework_does_not_have() -> None:
    """candle ends at two dimensions, TensorFlow.js has no one-dimensional specialities."""
    missing = {
        (framework, name)
        for name, layer in LAYERS.items()
        for framework in set(GOLDEN) - set(layer.letters)
    }
    assert missing == {
        ("candle", "conv3d"),
        ("candle", "conv_transpose3d"),
        ("tfjs", "conv_transpose1d"),
        ("tfjs", "depthwise_conv1d"),
    }


def test_what_tells_layers_apart() -> None:
    """Transposed and depthwise layers count fans otherwise, biases and scales have none."""
    assert [name for name, layer in LAYERS.items() if layer.transposed] == [
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    ]  # fmt: skip
    assert [name for name, layer in LAYERS.items() if layer.depthwise] == [
        "depthwise_conv1d", "depthwise_conv2d",
    ]  # fmt: skip
    assert [name for name, layer in LAYERS.items() if not layer.has_fans] == ["bias", "scale"]


def test_the_rank_is_one_number_but_for_onnxs_recurrent_weights() -> None:
    """ONNX keeps the directions of a recurrent layer in an axis of their own."""
    assert LAYERS["conv2d"].ranks == (4,)
    assert {name for name, layer in LAYERS.items() if len(layer.ranks) > 1} == {"recurrent"}
    assert LAYERS["recurrent"].ranks == (2, 3)


def test_the_layer_that_a_rank_stands_for() -> None:
    """Scalars, three axes and six stand for none."""
    layers = [default_layer(rank) for rank in range(7)]
    assert layers == [None, "bias", "dense", None, "conv2d", "conv3d", None]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("linear", "dense"),
        ("Linear", "dense"),
        ("Conv2d", "conv2d"),
        ("conv", "conv2d"),
        ("nn.Linear", "dense"),
        ("torch.nn.Conv2d", "conv2d"),
        ("torch.nn.modules.conv.ConvTranspose2d", "conv_transpose2d"),
        ("tf.keras.layers.DepthwiseConv2D", "depthwise_conv2d"),
        ("Conv2D", "conv2d"),
        ("ConvTranspose2d", "conv_transpose2d"),
        ("Conv2DTranspose", "conv_transpose2d"),
        ("DepthwiseConv2D", "depthwise_conv2d"),
        ("Embedding", "embedding"),
        ("Embed", "embedding"),
        ("LSTM", "recurrent"),
        ("GRUCell", "recurrent"),
        ("LayerNorm", "scale"),
    ],
)
def test_class_names_of_other_frameworks_get_the_exact_word(word: str, meant: str) -> None:
    """The hint names the one layer that was meant."""
    with pytest.raises(UnreadableError) as refusal:
        find_layer(word)
    assert refusal.value.problems[0].hint == f"write {meant}"
    assert refusal.value.problems[0].listing == "layers"
