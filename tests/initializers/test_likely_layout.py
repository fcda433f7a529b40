"""`likely_layout` finds most wrong layouts of published networks and accepts the right ones."""

import itertools
import json
from pathlib import Path

import pytest

from service.initializers import likely_layout as module
from service.initializers.layers import LAYERS
from service.initializers.likely_layout import described, likely_layout
from tests.initializers.layer_shapes import LISTED, MISTAKEN, MODELS, RealLayer

RESNET = Path(__file__).parents[1] / "models" / "resnet-50.json"
WANTED = 0.8
"""The share of wrong layouts that must be found, for each pair of layouts."""

Pair = tuple[str, str, str]
"""A layer, the letters of its weight, and the wrong letters of the request."""


def layouts(layer: str) -> list[str]:
    """The distinct letters that frameworks have for a layer."""
    return list(dict.fromkeys(LAYERS[layer].letters.values()))


def kernel_axes(letters: str) -> set[int]:
    """The numbers of the kernel axes."""
    return {axis for axis, letter in enumerate(letters) if letter in "DHW"}


# Every two layouts of one layer whose kernel axes differ.
PAIRS: list[Pair] = [
    (layer, right, read)
    for layer in dict.fromkeys(each.layer for each in LISTED)
    for right, read in itertools.permutations(layouts(layer), 2)
    if kernel_axes(right) != kernel_axes(read)
]


def misread(pair: Pair, layers: tuple[RealLayer, ...]) -> list[RealLayer]:
    """The layers in which the wrong letters of the pair change the extent of a letter.

    A weight of shape 3,3,3,3 has the same extents with any letters.
    """
    layer, right, read = pair
    return [
        each
        for each in layers
        if each.layer == layer
        and sorted(zip(right, each.written(right), strict=True))
        != sorted(zip(read, each.written(right), strict=True))
    ]


def unnoticed(pair: Pair, layers: list[RealLayer]) -> list[str]:
    """The models whose layers are accepted with the wrong letters of the pair."""
    layer, right, read = pair
    found = ((each.model, likely_layout(read, each.written(right), layer)) for each in layers)
    return [model for model, suspected in found if suspected is None]


def false_alarms(layers: tuple[RealLayer, ...]) -> list[tuple[str, str]]:
    """Models and letters of the layers for which a right layout is not accepted."""
    return [
        (each.model, letters)
        for each in layers
        for letters in layouts(each.layer)
        if likely_layout(letters, each.written(letters), each.layer) is not None
    ]


def grouped(layer: RealLayer) -> RealLayer:
    """A depthwise layer as the grouped convolution that PyTorch users call it."""
    return RealLayer(
        layer.model, layer.layer.removeprefix("depthwise_"), layer.outputs, 1, layer.kernel
    )


def test_the_shapes_are_those_of_the_model() -> None:
    """Every convolution of the laid out ResNet-50 is in the table, and nothing else is."""
    tensors = json.loads(RESNET.read_text())["tensors"]
    kernels = {tuple(tensor["shape"]) for tensor in tensors if len(tensor["shape"]) == 4}
    assert {each.written("OIHW") for each in MODELS if each.model == "ResNet-50"} == kernels


def test_sixty_shapes_and_more_of_every_kind() -> None:
    """Asymmetric, one-dimensional and small square kernels are on the list."""
    kernels = [each.kernel for each in LISTED]
    assert len(set(LISTED)) == len(LISTED) >= 60
    assert sum(len(kernel) == 1 for kernel in kernels) >= 20
    assert sum(len(set(kernel)) > 1 for kernel in kernels) >= 15
    assert sum(set(kernel) <= {1, 2} for kernel in kernels) >= 15


@pytest.mark.parametrize("layers", [MODELS, LISTED], ids=["models", "listed"])
def test_no_right_layout_is_suspected(layers: tuple[RealLayer, ...]) -> None:
    """In the letters of every framework, and depthwise layers also as grouped convolutions."""
    assert false_alarms(layers) == []
    depthwise = tuple(grouped(each) for each in layers if each.layer.startswith("depthwise"))
    assert false_alarms(depthwise) == []


@pytest.mark.parametrize("layers", [MODELS, LISTED], ids=["models", "listed"])
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_four_in_five_wrong_layouts_are_noticed(pair: Pair, layers: tuple[RealLayer, ...]) -> None:
    """Of all shapes whose kernel axes move, for each ordered pair of layouts."""
    wrong = misread(pair, layers)
    missed = unnoticed(pair, wrong)
    print(f"{' '.join(pair)}: {len(wrong) - len(missed)} of {len(wrong)}; missed: {missed}")
    assert len(wrong) - len(missed) >= WANTED * len(wrong)


def test_every_pair_is_measured() -> None:
    """No share above is one of nothing: the list has wrong readings of each pair."""
    assert all(len(misread(pair, LISTED)) >= 3 for pair in PAIRS)


@pytest.mark.parametrize("layer", MISTAKEN, ids=lambda layer: layer.model)
def test_the_known_false_alarms_are_these(layer: RealLayer) -> None:
    """A shape that leaves this list belongs on the other."""
    assert false_alarms((layer,)) != []


def test_a_lower_threshold_raises_false_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the list has shapes that a hastier judgement would suspect."""
    monkeypatch.setattr(module, "CLEARLY_MORE", 1)
    assert false_alarms(LISTED) != []


def test_a_higher_threshold_misses_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the share of a judgement that is too slow is below the wanted one."""
    monkeypatch.setattr(module, "CLEARLY_MORE", 3)
    shares = [
        1 - len(unnoticed(pair, misread(pair, LISTED))) / len(misread(pair, LISTED))
        for pair in PAIRS
    ]
    assert min(shares) < WANTED


@pytest.mark.parametrize(
    ("shape", "read", "layer", "likely", "framework"),
    [
        ((7, 7, 3, 64), "OIHW", None, "HWIO", None),
        ((11, 11, 3, 96), "OIHW", "conv2d", "HWIO", None),
        ((5, 5, 3, 8), "OIHW", None, "HWIO", None),
        ((7, 7, 64, 3), "OIHW", None, "HWIO", None),
        ((3, 3, 64, 64), "OIHW", None, "HWIO", None),
        ((1, 1, 64, 128), "OIHW", None, "HWIO", None),
        ((16, 16, 3, 768), "OIHW", None, "HWIO", None),
        ((3, 3, 32, 1), "OIHW", None, "HWIO", None),
        ((64, 7, 7, 3), "OIHW", None, "OHWI", "mlx"),
        ((64, 3, 7, 7), "HWIO", "conv2d", "OIHW", None),
        ((3, 3, 32, 2), "OIHW", "depthwise_conv2d", "HWEO", None),
        ((4, 1536, 1), "OIW", "depthwise_conv1d", "WEO", "keras"),
        ((4, 4, 64, 32), "IOHW", "conv_transpose2d", "HWOI", None),
        ((3, 80, 384), "OIW", "conv1d", "WIO", None),
        ((384, 3, 80), "OIW", None, "OWI", "mlx"),
        ((3, 3, 3, 8, 16), "OIDHW", None, "DHWIO", None),
        ((7, 7, 5, 3, 64), "OIDHW", "conv3d", "WHDIO", "flux"),
    ],
)
def test_the_likely_letters_are_told(
    shape: tuple[int, ...], read: str, layer: str | None, likely: str, framework: str | None
) -> None:
    """And whose they are, if they are one framework's only."""
    found = likely_layout(read, shape, layer)
    assert found is not None
    assert (found.letters, found.framework) == ((likely,), framework)


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ((64, 3, 7, 7), "OIHW"),
        ((7, 7, 3, 64), "HWIO"),
        ((5, 5, 3, 8), "HWIO"),
        ((192, 192, 1, 7), "OIHW"),
        ((100, 1, 3, 300), "OIHW"),
        ((100, 1, 50, 300), "OIHW"),
        ((3, 128, 1, 128), "HWIO"),
        ((768, 3, 16, 16), "OIHW"),
        ((32, 32, 1, 7), "OIHW"),
        ((1536, 1, 4), "OIW"),
        ((64, 9, 1), "OIW"),
        ((2, 2, 3, 3), "OIHW"),
        ((1, 1, 3, 3), "OIHW"),
        ((3, 3, 3, 3), "OIHW"),
        ((1, 1, 1, 1), "OIHW"),
    ],
)
def test_a_likely_kernel_is_not_suspected(shape: tuple[int, ...], read: str) -> None:
    """Squares, strips, patches, words, lines, and the small kernels of examples."""
    assert likely_layout(read, shape, None) is None


@pytest.mark.parametrize(
    ("shape", "likely"),
    [
        ((12, 64, 12, 64), ("OOII", "IIOO")),
        ((8, 1024, 16, 64), ("EIOO", "EOII")),
        ((12, 768, 12, 64), ("EIOO", "EOII")),
        ((4, 256, 4, 32), ("EIOO", "EOII")),
        ((12, 12, 64, 768), ("EOOI", "EIIO")),
        ((32, 32, 128, 4096), ("EOOI", "EIIO")),
        ((32, 8, 14336, 4096), ("EEOI", "EEIO")),
        ((58, 256, 7168, 2048), ("EEOI", "EEIO")),
    ],
)
def test_four_axes_may_be_no_convolution(shape: tuple[int, ...], likely: tuple[str, ...]) -> None:
    """Attention and stacks of experts have kernels in no layout."""
    found = likely_layout("OIHW", shape, None)
    assert found is not None
    assert (found.letters, found.framework) == (likely, None)


@pytest.mark.parametrize("shape", [(12, 64, 12, 64), (8, 1024, 16, 64), (32, 8, 14336, 4096)])
@pytest.mark.parametrize("read", ["OIHW", "HWIO", "OHWI", "WHIO"])
def test_no_layout_makes_it_a_convolution(shape: tuple[int, ...], read: str) -> None:
    """Whichever layout it is read in."""
    found = likely_layout(read, shape, "conv2d")
    assert found is not None
    assert all(set("DHW").isdisjoint(letters) for letters in found.letters)


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ((8, 14336, 4096), "EOI"),
        ((256, 4096, 7168), "EIO"),
        ((12, 64, 768), "OOI"),
        ((768, 12, 64), "IOO"),
        ((12, 64, 768), "IIO"),
        ((12, 64, 12, 64), "OOII"),
        ((8, 1024, 16, 64), "EIOO"),
        ((12, 12, 64, 768), "EOOI"),
        ((32, 8, 14336, 4096), "EEOI"),
        ((512, 256), "OI"),
        ((30522, 768), "EO"),
        ((64,), "O"),
        ((7, 7, 3, 64), ""),
        ((6, 64, 3, 7, 7), "EOIHW"),
        ((7, 7, 0, 64), "OIHW"),
    ],
)
def test_what_has_no_kernel_to_judge_is_not_suspected(shape: tuple[int, ...], read: str) -> None:
    """Known readings without a kernel, no letters, stacks of convolutions, empty tensors."""
    assert likely_layout(read, shape, None) is None


@pytest.mark.parametrize(
    ("letters", "shape", "told"),
    [
        ("OIHW", (7, 7, 3, 64), "kernel 3 x 64, 7 in, 7 out"),
        ("HWIO", (7, 7, 3, 64), "kernel 7 x 7, 3 in, 64 out"),
        ("HWEO", (3, 3, 32, 2), "kernel 3 x 3, 2 out, 32 copies"),
        ("OIW", (384, 80, 3), "kernel 3, 80 in, 384 out"),
        ("EIOO", (8, 1024, 16, 64), "1024 in, 16 x 64 out, 8 copies"),
    ],
)
def test_a_reading_is_described(letters: str, shape: tuple[int, ...], told: str) -> None:
    """The kernel, the channels, and how many copies of both."""
    assert described(letters, shape) == told
