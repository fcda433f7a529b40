"""The recipes of vision models make the tensors of real models from the config alone."""

import json
from collections.abc import Iterator
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from service.chunks import TensorBody
from service.errors import FaninError
from service.fields import Spec
from service.models.expansion import FileTensor, expanded
from service.models.expressions import Expression, ExpressionError
from service.models.manifest import manifest_of
from service.models.planning import ModelPlan, plan_model
from service.models.recipe import recipes
from service.plan import Plan, seeded_plan

DATA = Path(__file__).parent / "data"
FAMILIES = ("convnext", "dit", "mobilenet_v1", "mobilenet_v2", "resnet", "vit")

Listed = tuple[str, str, list[int]]
"""The name, the dtype and the shape of a tensor."""


def model(architecture: str, **members: object) -> tuple[FileTensor, ...]:
    return expanded(manifest_of([("architecture", architecture), *members.items()])).tensors


def sized(family: str, size: str, **config: object) -> tuple[FileTensor, ...]:
    """A ready size of a family, with some keys of its config changed."""
    architecture = next(iter(recipes()[family].architectures))
    return model(architecture, size=size, config=config or None)


def ready(family: str, size: str) -> ModelPlan:
    architecture = next(iter(recipes()[family].architectures))
    members: list[tuple[str, object]] = [("architecture", architecture), ("size", size)]
    members.append(("seed", 1))
    return plan_model(manifest_of(members), max_bytes=2**40)


def planned(spec: Spec, name: str) -> Plan:
    return seeded_plan(spec.model_copy(update={"seed": 1, "name": name}), "raw", max_bytes=2**40)


def listed(tensors: tuple[FileTensor, ...]) -> list[Listed]:
    found = list[Listed]()
    for tensor in tensors:
        (part,) = tensor.parts
        dtype = "int64" if part.counts else part.spec.dtype
        found.append((tensor.name, dtype, list(part.spec.shape)))
    return found


def shapes(tensors: tuple[FileTensor, ...]) -> dict[str, list[int]]:
    return {name: shape for name, _, shape in listed(tensors)}


def real(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return document


def state(document: dict[str, Any]) -> Iterator[Listed]:
    """Parameters and buffers as state_dict has them: the buffers of a module follow its own."""
    parameters = [(name, dtype, shape) for name, dtype, shape, *_ in document["tensors"]]
    modules = [name.rpartition(".")[0] for name, _, _ in parameters]
    for parameter, module, following in zip(parameters, modules, (*modules[1:], ""), strict=True):
        yield parameter
        if module != following:
            for name, dtype, shape in document["buffers"]:
                if name.rpartition(".")[0] == module:
                    yield name, dtype, shape


@pytest.mark.parametrize("name", ["vit-base", "resnet-50"])
def test_module_names_shapes_and_dtypes_are_those_of_the_real_model(name: str) -> None:
    """From the architecture and the config alone, in the order of the real state_dict."""
    document = real(name)
    found = listed(model(document["architecture"], config=document["config"], names="module"))
    expected = list(state(document))
    assert len(expected) == len(document["tensors"]) + len(document["buffers"])
    assert found == expected


def test_the_checkpoint_of_a_vit_has_the_names_of_transformers_4() -> None:
    """The released checkpoints have them, and transformers 5 reads and writes them."""
    names = [name for name, _, _ in listed(sized("vit", "base"))]
    assert names[:5] == [
        "vit.embeddings.cls_token",
        "vit.embeddings.position_embeddings",
        "vit.embeddings.patch_embeddings.projection.weight",
        "vit.embeddings.patch_embeddings.projection.bias",
        "vit.encoder.layer.0.attention.attention.query.weight",
    ]
    assert {name for name in names if ".layer.7." in name} == {
        f"vit.encoder.layer.7.{module}.{kind}"
        for module in (
            *(f"attention.attention.{part}" for part in ("query", "key", "value")),
            *("attention.output.dense", "intermediate.dense", "output.dense"),
            *("layernorm_before", "layernorm_after"),
        )
        for kind in ("weight", "bias")
    }
    assert names[-4:] == [
        *("vit.layernorm.weight", "vit.layernorm.bias", "classifier.weight", "classifier.bias"),
    ]


@pytest.mark.parametrize(
    ("family", "size", "parameters"),
    [
        ("vit", "base", 86567656),
        ("vit", "large", 304326632),
        ("vit", "huge", 632045800),
        ("resnet", "18", 11689512),
        ("resnet", "34", 21797672),
        ("resnet", "50", 25557032),
        ("resnet", "101", 44549160),
        ("resnet", "152", 60192808),
        ("convnext", "tiny-224", 28589128),
        ("convnext", "small-224", 50223688),
        ("convnext", "base-224", 88591464),
        ("convnext", "large-224", 197767336),
        # torchvision has 1000 classes, and these checkpoints 1001.
        ("mobilenet_v2", "100-224", 3504872 + 1281),
        ("dit", "xl-2", 675129632),
    ],
)
def test_ready_sizes_have_the_published_number_of_parameters(
    family: str, size: str, parameters: int
) -> None:
    """torchvision's documentation has the numbers of the weights; DiT prints its own."""
    assert ready(family, size).parameters == parameters


@pytest.mark.parametrize("family", FAMILIES)
def test_ready_sizes_are_planned_without_a_warning(family: str) -> None:
    """Recipes leave nothing to be guessed. `tiny` has some 100 KB."""
    for size in recipes()[family].sizes:
        assert ready(family, size).warnings == ()
    assert 50_000 < ready(family, "tiny").bytes < 200_000


@pytest.mark.parametrize("family", FAMILIES)
def test_every_distribution_of_a_recipe_can_be_drawn(family: str) -> None:
    """Each kind of tensor of the smallest size is planned and computed."""
    for tensor in sized(family, "tiny"):
        for part in tensor.parts:
            made = planned(part.spec, part.name)
            values = np.frombuffer(b"".join(map(bytes, TensorBody(made).chunks())), part.spec.dtype)
            assert len(values) == prod(part.spec.shape)
            assert np.isfinite(values).all()


def test_the_layers_of_a_resnet_follow_its_config() -> None:
    """Shortcuts with weights are where the stride or the width changes, and nowhere else."""

    def shortcuts(**config: object) -> list[str]:
        found = shapes(sized("resnet", "18", **config))
        ending = ".shortcut.convolution.weight"
        return [name.split("stages.")[1].removesuffix(ending) for name in found if ending in name]

    later = ["1.layers.0", "2.layers.0", "3.layers.0"]
    assert shortcuts() == later
    assert shortcuts(downsample_in_first_stage=True) == ["0.layers.0", *later]
    assert shortcuts(layer_type="bottleneck") == later
    assert shortcuts(embedding_size=32) == ["0.layers.0", *later]
    assert shortcuts(hidden_sizes=[64, 64], depths=[2, 2]) == ["1.layers.0"]
    basic = shapes(sized("resnet", "18"))
    assert basic["resnet.encoder.stages.1.layers.0.layer.0.convolution.weight"] == [128, 64, 3, 3]
    assert basic["resnet.encoder.stages.1.layers.1.layer.0.convolution.weight"] == [128, 128, 3, 3]


def test_the_number_of_labels_is_that_of_id2label() -> None:
    """A config.json of the Hub has id2label instead of num_labels, which is 2 by default."""
    labels = {str(i): f"label {i}" for i in range(7)}
    for architecture, name in (
        ("ViTForImageClassification", "classifier.bias"),
        ("ResNetForImageClassification", "classifier.1.bias"),
        ("ConvNextForImageClassification", "classifier.bias"),
        ("MobileNetV1ForImageClassification", "classifier.bias"),
        ("MobileNetV2ForImageClassification", "classifier.bias"),
    ):
        assert shapes(model(architecture, config={"id2label": labels}))[name] == [7]
        assert shapes(model(architecture, config={}))[name] == [2]
        assert name not in shapes(model(architecture, config={"num_labels": 0}))


def test_some_biases_and_scales_depend_on_the_config() -> None:
    """They are left out where the modules do not have them."""
    without = shapes(sized("vit", "tiny", qkv_bias=False))
    left_out = set(shapes(sized("vit", "tiny"))) - set(without)
    assert {name.split("attention.")[-1] for name in left_out} == {
        *("query.bias", "key.bias", "value.bias")
    }
    scales = [name for name in shapes(sized("convnext", "tiny")) if name.endswith("parameter")]
    assert len(scales) == 2
    unscaled = shapes(sized("convnext", "tiny", layer_scale_init_value=0.0))
    assert set(shapes(sized("convnext", "tiny"))) - set(unscaled) == set(scales)
    table = "y_embedder.embedding_table.weight"
    assert shapes(sized("dit", "tiny"))[table] == [11, 24]
    assert shapes(sized("dit", "tiny", class_dropout_prob=0.0))[table] == [10, 24]
    assert shapes(sized("dit", "tiny"))["final_layer.linear.bias"] == [32]
    assert shapes(sized("dit", "tiny", learn_sigma=False))["final_layer.linear.bias"] == [16]


MULTIPLIERS = (0.25, 0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


@pytest.mark.parametrize("multiplier", [0.1, *MULTIPLIERS])
@pytest.mark.parametrize("least", [8, 3])
def test_widths_of_mobilenet_v1(multiplier: float, least: int) -> None:
    """They are max(int(channels * multiplier), least), computed in floating point here."""
    found = shapes(sized("mobilenet_v1", "tiny", depth_multiplier=multiplier, min_depth=least))
    channels = [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    widths = [max(int(each * multiplier), least) for each in channels]
    expected = {"mobilenet_v1.conv_stem.convolution.weight": [widths[0], 3, 3, 3]}
    for i, (before, after) in enumerate(pairwise(widths)):
        expected[f"mobilenet_v1.layer.{2 * i}.convolution.weight"] = [before, 1, 3, 3]
        expected[f"mobilenet_v1.layer.{2 * i + 1}.convolution.weight"] = [after, before, 1, 1]
    assert {name: shape for name, shape in found.items() if "convolution" in name} == expected
    assert found["classifier.weight"] == [10, widths[-1]]
    for name, shape in expected.items():
        assert found[name.replace("convolution", "normalization")] == shape[:1]


def divisible(value: int, divisor: int, least: int) -> int:
    """make_divisible of transformers, in floating point."""
    near = max(least, int(value + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * value else near


@pytest.mark.parametrize("multiplier", [0.05, 0.1, *MULTIPLIERS])
@pytest.mark.parametrize(("divisor", "least"), [(8, 8), (8, 4), (3, 5), (16, 1)])
@pytest.mark.parametrize("ratio", [6.0, 4.0, 1.0])
@pytest.mark.parametrize("fine", [True, False])
def test_widths_of_mobilenet_v2(
    multiplier: float, divisor: int, least: int, ratio: float, fine: bool
) -> None:
    """They are those of transformers' make_divisible, with Python's rounding of floats."""
    config = {"depth_multiplier": multiplier, "depth_divisible_by": divisor, "min_depth": least}
    config |= {"expand_ratio": ratio, "finegrained_output": fine, "first_layer_is_expansion": False}
    found = shapes(sized("mobilenet_v2", "tiny", **config))

    def width(channels: int) -> int:
        return divisible(round(channels * multiplier), divisor, least)

    channels = [16, 24, 24, 32, 32, 32, *[64] * 4, *[96] * 3, *[160] * 3, 320]
    widths = [width(each) for each in channels]
    stem, out = width(32), width(1280)
    last = 1280 if fine and multiplier < 1.0 else out
    expected = {
        "conv_stem.first_conv": [stem, 3, 3, 3],
        "conv_stem.expand_1x1": [stem, stem, 1, 1],
        "conv_stem.conv_3x3": [stem, 1, 3, 3],
        "conv_stem.reduce_1x1": [widths[0], stem, 1, 1],
        "conv_1x1": [last, widths[-1], 1, 1],
    }
    for i, (before, after) in enumerate(pairwise(widths)):
        wide = divisible(round(before * ratio), divisor, least)
        expected[f"layer.{i}.expand_1x1"] = [wide, before, 1, 1]
        expected[f"layer.{i}.conv_3x3"] = [wide, 1, 3, 3]
        expected[f"layer.{i}.reduce_1x1"] = [after, wide, 1, 1]
    assert {name: shape for name, shape in found.items() if "convolution" in name} == {
        f"mobilenet_v2.{name}.convolution.weight": shape for name, shape in expected.items()
    }
    for name, shape in expected.items():
        assert found[f"mobilenet_v2.{name}.normalization.running_var"] == shape[:1]
    assert found["classifier.weight"] == [10, last]


@pytest.mark.parametrize(
    ("family", "key", "value"),
    [
        ("mobilenet_v1", "depth_multiplier", 0.6),
        ("mobilenet_v2", "depth_multiplier", 0.6),
        ("mobilenet_v2", "expand_ratio", 6.5),
        ("resnet", "layer_type", "wide"),
        ("dit", "mlp_ratio", 4.5),
        ("vit", "patch_size", [16, 16]),
        ("vit", "initializer_range", 0.0),
        ("convnext", "num_stages", 3),
        ("resnet", "hidden_sizes", [0]),
    ],
)
def test_what_a_recipe_does_not_have_is_refused(family: str, key: str, value: object) -> None:
    """It is never read as something else. `num_stages` is more than the tiny size has."""
    with pytest.raises(FaninError):
        sized(family, "tiny", **{key: value})


Values = npt.NDArray[np.float64]


def sines_and_cosines(width: int, positions: Values) -> Values:
    """get_1d_sincos_pos_embed_from_grid of DiT's models.py."""
    frequencies = 1.0 / 10000 ** (np.arange(width // 2) / (width / 2.0))
    angles = np.outer(positions, frequencies)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


@pytest.mark.parametrize("size", ["tiny", "s-2"])
def test_the_positions_of_dit_are_its_own(size: str) -> None:
    """As get_2d_sincos_pos_embed makes them: the column of a patch comes first, then its row.

    The tolerance is half a unit in the last place of single below 1.
    """
    tensor = sized("dit", size)[0]
    assert tensor.name == "pos_embed"
    (part,) = tensor.parts
    _, patches, width = part.spec.shape
    made = planned(part.spec, part.name)
    found = np.frombuffer(b"".join(map(bytes, TensorBody(made).chunks())), np.float32)
    side = round(patches**0.5)
    row, column = np.divmod(np.arange(patches, dtype=np.float64), side)

    def table(first: Values, second: Values) -> Values:
        halves = sines_and_cosines(width // 2, first), sines_and_cosines(width // 2, second)
        return np.concatenate(halves, axis=1).reshape(-1)

    assert np.abs(found - table(column, row)).max() <= 2.0**-25
    assert np.abs(found - table(row, column)).max() > 1.0, "negative control"


def test_the_start_of_dit() -> None:
    """adaLN-Zero: each block is the identity, and the output is 0. Fans are those of the matrix."""
    tensors = {tensor.name: tensor.parts[0].spec for tensor in sized("dit", "tiny")}
    zero = {
        name for name, spec in tensors.items() if spec.scheme == "zeros" and name.endswith("weight")
    }
    assert zero == {
        *(f"blocks.{block}.adaLN_modulation.1.weight" for block in (0, 1)),
        *("final_layer.linear.weight", "final_layer.adaLN_modulation.1.weight"),
    }
    name = "x_embedder.proj.weight"
    law = planned(tensors[name], name).certificate()
    assert (law["fan_in"], law["fan_out"]) == (4 * 2 * 2, 24)
    assert law["limit"] == pytest.approx((6 / (16 + 24)) ** 0.5, rel=1e-15)


def test_a_fraction_is_compared_but_never_computed_with() -> None:
    """Expressions have integers only; a fraction of the config can be told from another."""
    assert Expression("25 * (multiplier == 0.25)").integer({"multiplier": 0.25}) == 25
    assert Expression("25 * (multiplier == 0.25)").integer({"multiplier": 0.26}) == 0
    for text in ("multiplier * 2", "0.5 * 2", "0.5 < 1", "0.5"):
        with pytest.raises(ExpressionError):
            Expression(text).integer({"multiplier": 0.5})
