"""Each planted fault is found, where it is planted and nowhere else."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from service.audit.checkpoint.audit import audit
from service.audit.checkpoint.verdicts import Verdict
from service.audit.files.checkpoint import opened_checkpoint
from service.audit.files.likeness import differences
from tests.audit.drawing import RATIO, Array, normal, stored, truncated, uniform, written

Tensors = dict[str, Array]


def healthy(seed: int = 1) -> Tensors:
    """A small network of PyTorch's layers, drawn as PyTorch does."""
    rng = np.random.default_rng(seed)
    return {
        name: values.astype(np.float32)
        for name, values in {
            "conv1.weight": normal(rng, (64, 32, 5, 5), math.sqrt(2 / 800)),
            "conv1.bias": np.zeros(64),
            "bn1.weight": np.ones(64),
            "bn1.bias": np.zeros(64),
            "bn1.running_mean": np.zeros(64),
            "bn1.running_var": np.ones(64),
            "conv2.weight": uniform(rng, (128, 64, 3, 3), 1 / 24),
            "conv2.bias": uniform(rng, (128,), 1 / 24),
            "fc.weight": uniform(rng, (200, 512), math.sqrt(6 / 712)),
            "fc.bias": np.zeros(200),
            "head.weight": normal(rng, (100, 200), 0.02),
        }.items()
    }


def verdicts(tensors: Tensors, folder: Path) -> dict[str, Verdict]:
    """The faults that are found in a file with the tensors."""
    with opened_checkpoint(written(folder, tensors)) as read:
        return {each.tensor.name: each.verdict for each in audit(read) if each.is_fault}


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_network_has_no_fault(tmp_path: Path, seed: int) -> None:
    """Constants of biases and norms are expected."""
    assert verdicts(healthy(seed), tmp_path) == {}


def _forget(tensors: Tensors) -> None:
    tensors["conv2.weight"][:] = 0


def _forget_scale(tensors: Tensors) -> None:
    tensors["bn1.weight"][:] = 0


def _fill(tensors: Tensors) -> None:
    tensors["fc.weight"][:] = 0.01


def _count_fans_as_keras(tensors: Tensors) -> None:
    """fan_in is 5 x 32 x 64, by the letters HWIO. The std is far from 0.02, which is usual too."""
    shape = tensors["conv1.weight"].shape
    fan_in = shape[-2] * math.prod(shape[:-2])
    values = normal(np.random.default_rng(2), shape, math.sqrt(2 / fan_in))
    tensors["conv1.weight"] = values.astype(np.float32)


def _exchange_fans(tensors: Tensors) -> None:
    """He's std with the outputs of a dense layer."""
    values = normal(np.random.default_rng(3), (200, 512), math.sqrt(2 / 200))
    tensors["fc.weight"] = values.astype(np.float32)


def _leave_uncorrected(tensors: Tensors) -> None:
    """A normal with He's std, cut at two standard deviations: std is 0.88 of the target."""
    values = truncated(np.random.default_rng(4), (200, 512), math.sqrt(2 / 512))
    assert values.std() == pytest.approx(RATIO * math.sqrt(2 / 512), rel=0.01)
    tensors["fc.weight"] = values.astype(np.float32)


def _copy(tensors: Tensors) -> None:
    tensors["conv3.weight"] = tensors["conv2.weight"].copy()


def _not_a_number(tensors: Tensors) -> None:
    tensors["head.weight"][17, 3] = np.nan


def _infinity(tensors: Tensors) -> None:
    tensors["conv2.bias"][5] = -np.inf


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (_forget, {"conv2.weight": Verdict.FORGOTTEN}),
        (_forget_scale, {"bn1.weight": Verdict.FORGOTTEN}),
        (_fill, {"fc.weight": Verdict.CONSTANT}),
        (_count_fans_as_keras, {"conv1.weight": Verdict.WRONG_LAYOUT}),
        (_exchange_fans, {"fc.weight": Verdict.WRONG_LAYOUT}),
        (_leave_uncorrected, {"fc.weight": Verdict.UNCORRECTED}),
        (
            _copy,
            {"conv2.weight": Verdict.DUPLICATED, "conv3.weight": Verdict.DUPLICATED},
        ),
        (_not_a_number, {"head.weight": Verdict.NOT_FINITE}),
        (_infinity, {"conv2.bias": Verdict.NOT_FINITE}),
    ],
)
def test_a_planted_fault_is_found(
    tmp_path: Path, plant: Callable[[Tensors], None], found: dict[str, Verdict]
) -> None:
    """And no other."""
    tensors = healthy()
    plant(tensors)
    assert verdicts(tensors, tmp_path) == found


def test_fan_out_of_a_convolution_is_no_fault(tmp_path: Path) -> None:
    """ResNets have He's law with mode=fan_out on purpose."""
    tensors = healthy()
    values = normal(np.random.default_rng(5), (64, 16, 5, 5), math.sqrt(2 / (64 * 25)))
    tensors["conv1.weight"] = values.astype(np.float32)
    assert verdicts(tensors, tmp_path) == {}


def test_the_explanation_of_a_wrong_layout_names_the_law() -> None:
    """The scheme and the letters whose fans give the std."""
    tensors = healthy()
    _count_fans_as_keras(tensors)
    (found,) = audit([stored("conv1.weight", tensors["conv1.weight"])])
    assert "he_normal" in found.explanation
    assert "HWIO" in found.explanation


@pytest.mark.parametrize("place", [0, 777, 64 * 32 * 25 - 1])
def test_one_changed_element_is_found(place: int) -> None:
    """Its index and both values; the last bit of one element is enough."""
    here, there = healthy(), healthy()
    flat = here["conv1.weight"].reshape(-1)
    flat[place] = np.nextafter(flat[place], np.float32(np.inf))
    (found,) = differences(
        [stored(name, values) for name, values in here.items()],
        [stored(name, values) for name, values in there.items()],
    )
    assert (found.name, found.count) == ("conv1.weight", 1)
    assert found.index == tuple(map(int, np.unravel_index(place, (64, 32, 5, 5))))
    assert (found.here, found.there) == (flat[place], there["conv1.weight"].reshape(-1)[place])


def test_equal_checkpoints_do_not_differ() -> None:
    """NaN is equal to itself: the bits are compared."""
    here = healthy() | {"nan": np.full(3, np.nan, np.float32)}
    tensors = [stored(name, values) for name, values in here.items()]
    assert list(differences(tensors, tensors)) == []


def test_other_tensors_are_told() -> None:
    """Missing here, missing there, another shape and another dtype."""
    values = np.zeros((2, 3), np.float32)
    found = differences(
        [stored("a", values), stored("b", values), stored("c", values), stored("e", values)],
        [
            stored("b", values.T.copy()),
            stored("c", values.astype(np.float64)),
            stored("d", values),
            stored("e", values),
        ],
    )
    assert {each.name: each.what for each in found} == {
        "a": "is only here",
        "b": "has the shape (2, 3) here, (3, 2) there",
        "c": "has the dtype float32 here, float64 there",
        "d": "is only there",
    }


def test_pieces_of_different_lengths_are_compared() -> None:
    """Control of the alignment: one source gives other pieces than the other."""
    values = np.arange(1000, dtype=np.float32)
    one, other = stored("a", values), stored("a", values)
    content = values.tobytes()
    cut = type(one)(
        "a",
        (1000,),
        "float32",
        "memory",
        lambda: iter([content[:12], content[12:900], content[900:]]),
    )
    assert list(differences([cut], [other])) == []
    changed = np.append(values[:999], np.float32(7))
    (found,) = differences([cut], [stored("a", changed)])
    assert (found.index, found.here, found.there) == ((999,), 999.0, 7.0)


@pytest.mark.parametrize("shape", [(2500, 512), (5000, 64), (512, 1, 5, 5), (625, 1, 4, 4)])
def test_a_std_of_0_02_is_no_wrong_layout(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """It is usual, whatever laws of other frameworks and other layouts are near it."""
    for seed in range(5):
        values = 0.02 * np.random.default_rng(seed).normal(size=shape)
        assert verdicts({"fc.weight": values.astype(np.float32)}, tmp_path) == {}


def test_extreme_magnitudes_have_a_verdict(tmp_path: Path) -> None:
    """The least and the greatest float64, whose bins have no width or no finite one."""
    generator = np.random.default_rng(7)
    tensors = {
        "tiny.weight": generator.normal(size=(200, 200)) * 1e-310,
        "tiniest.weight": generator.integers(1, 9, (200, 200)) * 5e-324,
        "two.weight": np.where(generator.normal(size=(100, 100)) > 0, 1.79e308, 1.0),
        "huge.weight": generator.uniform(1e308, 1.79e308, (100, 100)),
        "wide.weight": generator.uniform(-1, 1, (100, 100)) * 1.79e308,
    }
    with opened_checkpoint(written(tmp_path, tensors)) as read:
        found = {each.tensor.name: each.verdict for each in audit(read)}
    assert set(found) == set(tensors)
    assert Verdict.CONSISTENT not in found.values()


def _audited(tensors: Tensors) -> dict[str, Verdict]:
    found = audit([stored(name, values.astype(np.float32)) for name, values in tensors.items()])
    return {each.tensor.name: each.verdict for each in found}


def test_scales_that_are_zeros_in_all_blocks_are_so_on_purpose() -> None:
    """The last scale of a residual block. A single one was forgotten."""
    zero, one = np.zeros(64), np.ones(64)
    blocks = {f"blocks.{number}.bn2.weight": zero for number in range(3)}
    assert set(_audited(blocks).values()) == {Verdict.EXPECTED_CONSTANT}
    found = _audited({**blocks, "blocks.1.bn2.weight": one})
    assert found["blocks.0.bn2.weight"] is Verdict.FORGOTTEN
    assert _audited({"blocks.0.bn2.weight": zero}) == {"blocks.0.bn2.weight": Verdict.FORGOTTEN}


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("layers.0.q_proj.lora_B.default.weight", Verdict.EXPECTED_CONSTANT),
        ("pos_embed", Verdict.EXPECTED_CONSTANT),
        ("pos", Verdict.EXPECTED_CONSTANT),
        ("transformer.wpe.weight", Verdict.EXPECTED_CONSTANT),
        ("compose.weight", Verdict.FORGOTTEN),
        ("vit.embeddings.position_embeddings", Verdict.EXPECTED_CONSTANT),
        ("blocks.3.adaLN_modulation.1.weight", Verdict.EXPECTED_CONSTANT),
        ("blocks.3.attn.relative_position_bias_table", Verdict.EXPECTED_CONSTANT),
        ("layers.0.q_proj.lora_A.default.weight", Verdict.FORGOTTEN),
        ("embeddings.weight", Verdict.FORGOTTEN),
        ("fc.weight", Verdict.FORGOTTEN),
        ("position.conv.weight", Verdict.FORGOTTEN),
        ("final_layer_norm.proj.weight", Verdict.FORGOTTEN),
    ],
)
def test_zeros_by_name(name: str, verdict: Verdict) -> None:
    """Where zeros are usual, and controls where they are not."""
    assert _audited({name: np.zeros((32, 64))}) == {name: verdict}


@pytest.mark.parametrize(
    ("names", "faults"),
    [
        (("wte.weight", "lm_head.weight"), 0),
        (("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"), 0),
        (("layers.0.rotary_emb.inv_freq", "layers.1.rotary_emb.inv_freq"), 0),
        (("fc1.weight", "fc2.weight"), 2),
        (("wte.weight", "fc2.weight"), 2),
        (("head1.weight", "head2.weight"), 2),
        (("wte.weight", "lm_head.weight", "fc.weight"), 3),
    ],
)
def test_equal_tensors_by_name(names: tuple[str, ...], faults: int) -> None:
    """An embedding may be tied to the output layer, and a table is equal in all layers."""
    values = normal(np.random.default_rng(20), (100, 200), 0.02)
    found = _audited(dict.fromkeys(names, values))
    assert sum(verdict is Verdict.DUPLICATED for verdict in found.values()) == faults


def test_a_plain_truncated_normal_is_no_fault() -> None:
    """BERT's and ViT's std is 0.88 of 0.02. Control: of He's std it is a fault."""
    values = truncated(np.random.default_rng(21), (300, 784), 0.02)
    (found,) = audit([stored("a.weight", values.astype(np.float32))])
    assert found.verdict is Verdict.CONSISTENT
    assert "0.88 of that" in (found.note or "")
    values = truncated(np.random.default_rng(21), (300, 784), math.sqrt(2 / 784))
    (found,) = audit([stored("a.weight", values.astype(np.float32))])
    assert found.verdict is Verdict.UNCORRECTED


NETWORKS = {
    "torch": (
        ("fc1.weight", (256, 784), "OI", "IO"),
        ("conv1.weight", (96, 40, 5), "OIW", "WIO"),
        ("conv2.weight", (64, 32, 3, 3), "OIHW", "HWIO"),
        ("conv3.weight", (128, 48, 1, 1), "OIHW", "HWIO"),
        ("conv4.weight", (64, 16, 3, 3, 3), "OIDHW", "DHWIO"),
    ),
    "keras": (
        ("dense/kernel", (784, 256), "IO", "OI"),
        ("c1/kernel", (5, 40, 96), "WIO", "OIW"),
        ("c2/kernel", (3, 3, 48, 96), "HWIO", "OIHW"),
        ("c3/kernel", (1, 1, 48, 128), "HWIO", "OIHW"),
        ("c4/kernel", (3, 3, 3, 16, 64), "DHWIO", "OIDHW"),
    ),
}
"""Names, shapes, the letters of the framework, and those by which a planted std is counted."""


def _std_of(law: str, shape: tuple[int, ...], letters: str) -> float:
    """The std of He's, LeCun's or Glorot's law with the fans of these letters."""
    counts = {"I": 1, "O": 1, "k": 1}
    for extent, letter in zip(shape, letters, strict=True):
        counts[letter if letter in "IO" else "k"] *= extent
    fan_in, fan_out = counts["I"] * counts["k"], counts["O"] * counts["k"]
    return math.sqrt({"he": 2 / fan_in, "lecun": 1 / fan_in, "glorot": 2 / (fan_in + fan_out)}[law])


@pytest.mark.parametrize("planted", [*range(5), None])
@pytest.mark.parametrize("law", ["he", "lecun", "glorot"])
@pytest.mark.parametrize("framework", NETWORKS)
@pytest.mark.parametrize("is_uniform", [False, True])
def test_fans_of_another_layout_are_found_in_each_layer(
    framework: str, law: str, planted: int | None, *, is_uniform: bool
) -> None:
    """In one layer or in all of them. In a dense layer Glorot's std is the same."""
    tensors, faults = [], set()
    for number, (name, shape, right, wrong) in enumerate(NETWORKS[framework]):
        is_planted = planted in (None, number) and not (law == "glorot" and len(shape) == 2)
        std = _std_of(law, shape, wrong if is_planted else right)
        rng = np.random.default_rng([number, 7])
        values = uniform(rng, shape, std * math.sqrt(3)) if is_uniform else normal(rng, shape, std)
        tensors.append(stored(name, values.astype(np.float32)))
        faults |= {name} if is_planted else set()
    found = audit(tensors)
    assert {each.tensor.name for each in found if each.is_fault} == faults, [
        (each.tensor.name, each.verdict, each.explanation) for each in found
    ]
