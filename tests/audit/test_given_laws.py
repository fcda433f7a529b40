"""Gains and stds that people give, orthogonal matrices of any gain, and zeros among the values."""

import math

import numpy as np
import pytest

from service.audit.checkpoint.audit import audit, audit_tensor
from service.audit.checkpoint.neighbours import Company
from service.audit.checkpoint.verdicts import Audited, Verdict
from tests.audit.drawing import Array, cast, normal, orthogonal, stored, uniform

ROOT_2 = math.sqrt(2)


def audited(name: str, values: Array, dtype: str = "float32") -> Audited:
    return audit_tensor(stored(name, cast(values, dtype)))


def near_names(found: Audited) -> set[str]:
    return {name for law in found.laws for each in law.near for name in each.names}


LEAST_NORMAL = 2.0**-6
"""Of float8_e4m3fn. Smaller numbers have few digits or none."""

ORTHOGONAL = [
    (shape, gain, dtype)
    for shape in ((64, 64), (100, 64), (64, 100), (32, 16, 3, 3), (8, 2048))
    for gain in (1.0, ROOT_2, 5 / 3, 0.01, 0.37)
    for dtype in ("float32", "float64", "bfloat16", "float8_e4m3fn")
    if dtype != "float8_e4m3fn" or gain > LEAST_NORMAL * math.sqrt(math.prod(shape[1:]))
]


@pytest.mark.parametrize(("shape", "gain", "dtype"), ORTHOGONAL)
def test_orthogonal_with_any_gain(shape: tuple[int, ...], gain: float, dtype: str) -> None:
    """Its std is that of a usual law for some gain. The rows decide: no normal law is stated."""
    values = gain * orthogonal(np.random.default_rng(1), shape)
    found = audited("a.weight", values, dtype)
    assert found.verdict is Verdict.CONSISTENT, found.explanation
    assert [law.distribution for law in found.laws] == ["orthogonal"]
    assert found.orthogonal is not None
    assert found.orthogonal.gain == pytest.approx(gain, rel=5e-3)
    if gain in (ROOT_2, 5 / 3, 0.01):
        assert f"torch.orthogonal&gain={gain:.6g}" in found.laws[0].names


@pytest.mark.parametrize("axis", [0, 1])
def test_orthogonal_gates(axis: int) -> None:
    """An LSTM of PyTorch or Keras whose gates are orthogonal, one by one."""
    rng = np.random.default_rng(2)
    gates = [ROOT_2 * orthogonal(rng, (64, 64)) for _ in range(4)]
    found = audited("lstm.weight_hh_l0", np.concatenate(gates, axis=axis))
    assert found.verdict is Verdict.CONSISTENT
    assert found.explanation == "orthogonal blocks with gain 1.41421"


def test_orthogonal_experts() -> None:
    """A stack of matrices with more rows than columns."""
    rng = np.random.default_rng(3)
    stack = np.stack([orthogonal(rng, (64, 32)) for _ in range(6)])
    assert audited("experts.weight", stack).explanation == "orthogonal blocks with gain 1"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e5m2"])
@pytest.mark.parametrize("shape", [(8, 8), (3, 20), (64, 64), (512, 512)])
def test_control_a_normal_matrix_is_not_orthogonal(shape: tuple[int, ...], dtype: str) -> None:
    """Also where the rows are few or the dtype has few digits."""
    for seed in range(50):
        values = normal(np.random.default_rng(seed), shape, 1 / math.sqrt(shape[1]))
        assert audited("a.weight", values, dtype).orthogonal is None


def test_a_slope_is_beside_he() -> None:
    """A slope of 0.1 is half a percent from He's law. 10,000 elements cannot exclude either."""
    for seed in range(20):
        std = math.sqrt(2 / 1.01 / 100)
        found = audited("a.weight", normal(np.random.default_rng(seed), (100, 100), std))
        slope = "torch.kaiming_normal&negative_slope=0.1"
        assert slope in near_names(found) | {name for law in found.laws for name in law.names}


def test_a_slope_that_the_elements_tell_is_the_law() -> None:
    """Control: four million elements exclude He's law."""
    std = math.sqrt(2 / 1.04 / 2048)
    found = audited("a.weight", normal(np.random.default_rng(4), (2048, 2048), std))
    assert found.verdict is Verdict.CONSISTENT
    assert found.laws[0].names[0] == "torch.kaiming_normal&negative_slope=0.2"


def _tanh(seed: int, shape: tuple[int, int]) -> Array:
    return normal(np.random.default_rng(seed), shape, 5 / 3 * math.sqrt(2 / sum(shape)))


def test_a_given_gain_needs_company() -> None:
    """Any std is near one of many gains by accident, unless tensors of several shapes share it."""
    name = "torch.xavier_normal&gain=1.66667"
    alone = audit([stored("a.weight", cast(_tanh(5, (300, 200)), "float32"))])[0]
    assert alone.verdict is Verdict.UNDECIDED
    assert name in alone.laws[0].names
    shapes = ((300, 200), (128, 300))
    together = audit(
        [
            stored(f"layers.{number}.weight", cast(_tanh(5 + number, shape), "float32"))
            for number, shape in enumerate(shapes)
        ]
    )
    for each in together:
        assert each.verdict is Verdict.CONSISTENT, each.explanation
        assert each.laws[0].names[0] == name


def test_a_gain_that_the_tensors_exclude_together_is_not_stated() -> None:
    """A slope of 0.4 is 3 % from 0.3. No small tensor excludes that alone, but all together do."""
    tensors = []
    for number, shape in enumerate(((40, 120), (60, 80), (80, 80), (90, 100), (50, 160), (70, 70))):
        std = math.sqrt(2 / 1.16 / shape[1])
        values = normal(np.random.default_rng(30 + number), shape, std)
        tensors.append(stored(f"layers.{number}.weight", cast(values, "float32")))
    for each in audit(tensors):
        assert each.verdict is not Verdict.CONSISTENT, (each.explanation, each.laws)


def test_a_wrong_layout_of_few_elements_may_be_an_accident() -> None:
    """The std of a small convolution is often near one of the laws of other letters."""
    std = math.sqrt(1 / (32 * 16))
    few = normal(np.random.default_rng(40), (32, 16, 5), std)
    found = audited("conv.weight", few)
    assert found.verdict is Verdict.UNDECIDED
    assert "by accident" in found.explanation
    many = normal(np.random.default_rng(40), (96, 48, 3, 3), math.sqrt(2 / 13_824))
    assert audited("conv.weight", many).verdict is Verdict.WRONG_LAYOUT


@pytest.mark.parametrize(("mean", "std"), [(0.5, 0.1), (1.0, 0.03), (-0.03, 0.0884)])
def test_a_mean_of_its_own_is_no_training(mean: float, std: float) -> None:
    """nn.init.normal_ and uniform_ take any mean. It is told."""
    rng = np.random.default_rng(41)
    for values, kind in (
        (mean + normal(rng, (300, 200), std), "normal"),
        (mean + uniform(rng, (300, 200), std * math.sqrt(3)), "uniform"),
    ):
        found = audited("a.weight", values)
        assert found.verdict is Verdict.NO_KNOWN_LAW, found.explanation
        told = float(found.explanation.removeprefix(f"{kind} with mean ").split()[0])
        assert told == pytest.approx(mean, abs=0.002)


def test_a_shared_gain_explains_more_than_a_wrong_layout() -> None:
    """A shape on which the gain's std is that of He's law with the fans exchanged."""
    gain = 5 / 3
    shape = (256, 456)
    # sqrt(2 / 256) and 5/3 sqrt(2 / 712) differ by 0.06 %.
    assert gain * math.sqrt(2 / 712) == pytest.approx(math.sqrt(2 / 256), rel=1e-3)
    tensor = stored("layers.0.weight", cast(_tanh(7, shape), "float32"))
    assert audit([tensor])[0].verdict is Verdict.WRONG_LAYOUT
    others = [
        stored("layers.1.weight", cast(_tanh(8, (300, 200)), "float32")),
        stored("layers.2.weight", cast(_tanh(9, (100, 300)), "float32")),
    ]
    found = audit([tensor, *others])
    assert [each.verdict for each in found] == [Verdict.CONSISTENT] * 3


def test_one_law_is_listed_once() -> None:
    """On a square, the letters of another framework give the same law again."""
    rng = np.random.default_rng(10)
    for error in (3.2, 4.0, 4.7):
        # The std is moved by so many of its standard errors.
        values = normal(rng, (200, 200), 1.0)
        values *= (1 + error / math.sqrt(2 * values.size)) / values.std() / math.sqrt(200)
        found = audited("a.weight", values)
        names = [law.names for law in found.laws]
        assert len({(law.distribution, law.std) for law in found.laws}) == len(names), names
        assert sum("lecun_normal" in each for each in names) == 1, names


def test_random_zeros_and_ones_are_no_identity() -> None:
    """Control: n ones in an n x n matrix. The identity has them on its diagonal."""
    rng = np.random.default_rng(11)
    identity = audited("a.weight", np.eye(64))
    assert identity.verdict is Verdict.EXPECTED_CONSTANT
    assert "identity" in identity.explanation
    for values in (
        np.eye(64)[rng.permutation(64)],
        rng.integers(0, 2, (64, 64)).astype(np.float64),
    ):
        found = audited("a.weight", values)
        assert found.verdict is Verdict.NO_KNOWN_LAW, found.explanation
        assert "identity" not in found.explanation


def test_zeros_of_padding() -> None:
    """nn.Embedding with padding_idx has a row of zeros among N(0, 1)."""
    values = normal(np.random.default_rng(12), (40, 300), 1.0)
    values[0] = 0
    found = audited("emb.weight", values)
    assert found.verdict is Verdict.CONSISTENT, found.explanation
    assert "torch.embedding" in found.laws[0].names
    assert found.note is not None
    assert found.note.startswith("300 of 12000 elements are 0")
    assert found.summary.zeros == 300


def test_a_sparse_matrix() -> None:
    """nn.init.sparse_ draws N(0, 0.01^2) and sets a share of each column to zero."""
    values = normal(np.random.default_rng(13), (200, 300), 0.01)
    values[: 200 // 3] = 0
    found = audited("a.weight", values)
    assert found.verdict is Verdict.CONSISTENT, found.explanation
    assert "normal&std=0.01" in found.laws[0].names


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("bn.running_mean", Verdict.TRAINED),
        ("bn.running_var", Verdict.TRAINED),
        ("bn/moving_mean", Verdict.TRAINED),
        ("bn.moving_variance", Verdict.TRAINED),
        ("fc.weight", Verdict.CONSISTENT),
    ],
)
def test_a_running_statistic_has_no_law(name: str, verdict: Verdict) -> None:
    """It is counted in training, however normal it looks."""
    shape = (64, 64) if name == "fc.weight" else (4096,)
    assert audited(name, normal(np.random.default_rng(14), shape, 0.02)).verdict is verdict


@pytest.mark.parametrize(
    ("weight", "shape", "fan_in"),
    [
        ("fc.weight", (500, 100), 100),
        ("fc.weight_v", (500, 100), 100),
        ("fc.weight_orig", (500, 100), 100),
        ("fc.parametrizations.weight.original1", (500, 100), 100),
        ("fc.weight", (500, 60, 40), 60),
        ("fc.weight", (500, 60, 40), 2400),
    ],
)
def test_the_fan_in_of_a_bias(weight: str, shape: tuple[int, ...], fan_in: int) -> None:
    """That of the weight of its layer, whatever its name; the second axis in nn.Bilinear."""
    rng = np.random.default_rng(15)
    bias = uniform(rng, (500,), 1 / math.sqrt(fan_in))
    tensors = {weight: uniform(rng, shape, 0.1), "fc.bias": bias, "other.weight": np.eye(7)}
    found = audit([stored(name, cast(values, "float32")) for name, values in tensors.items()])
    assert "torch.linear.bias" in str(found[1].laws), found[1].explanation
    assert found[1].laws[0].std == pytest.approx(1 / math.sqrt(3 * fan_in))


def test_a_bias_without_its_weight_has_no_law() -> None:
    """Control: the weight of another layer does not count."""
    rng = np.random.default_rng(16)
    tensors = {"fc.bias": uniform(rng, (5000,), 0.1), "gc.weight": uniform(rng, (5000, 100), 0.1)}
    found = audit([stored(name, cast(values, "float32")) for name, values in tensors.items()])
    assert "torch.linear.bias" not in str(found[0].laws)


def test_outliers() -> None:
    """One far element, or several at PyTorch's bound; the law is that of the others."""
    clean = normal(np.random.default_rng(17), (768, 768), 0.02)
    for places, value in (((12345,), -2.0), ((3, 500_000), -2.0), ((77,), 5.0), ((99,), -100.0)):
        values = clean.copy()
        values.reshape(-1)[list(places)] = value
        found = audited("blocks.1.attn.proj.weight", values)
        assert found.verdict is Verdict.CONSISTENT, found.explanation
        assert "normal&std=0.02" in found.laws[0].names
        assert found.note is not None
        assert found.note.startswith(f"{len(places)} of {clean.size} elements")
        assert (found.summary.min, found.summary.max)[value > 0] == value


def test_control_several_outliers_look_trained() -> None:
    """Five different far values are no accident."""
    values = normal(np.random.default_rng(18), (768, 768), 0.02)
    values.reshape(-1)[:5] = (1.0, -2.0, 1.5, 0.9, -1.2)
    assert audited("a.weight", values).verdict is Verdict.TRAINED


def test_tables_are_expected() -> None:
    """They are computed, and not drawn: Mamba's A_log, positions, rotary frequencies."""
    a_log = np.log(np.tile(np.arange(1, 17), (512, 1)))
    assert audited("mixer.A_log", a_log).explanation == "the values of mamba_a_log"
    angles = np.arange(200)[:, np.newaxis] / 10000 ** (np.arange(32) / 32)
    positions = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    assert audited("pe", positions).explanation == "the values of sinusoidal_positions"
    frequencies = 10000.0 ** -(np.arange(256) / 256)
    found = audited("rotary_emb.inv_freq", frequencies)
    assert found.explanation == "the values of rotary_frequencies"
    assert found.verdict is Verdict.EXPECTED_CONSTANT
    assert audited("mixer.A_log", a_log * 1.001).verdict is Verdict.TRAINED


def test_more_tensors_than_a_network_is_deep() -> None:
    """10,001 names that differ in one number are no depth that a scheme takes."""
    for count, depth in ((10_000, 10_000), (10_001, None), (1, None)):
        shapes = {f"h.{number}.weight": (64, 64) for number in range(count)}
        neighbours = Company(shapes).neighbours("h.0.weight")
        assert neighbours.depth == depth
        values = normal(np.random.default_rng(19), (64, 64), 0.02)
        found = audit_tensor(stored("h.0.weight", cast(values, "float32")), None, neighbours)
        assert found.verdict is Verdict.CONSISTENT


@pytest.mark.parametrize(
    ("name", "shape", "limit", "scheme"),
    [
        ("head.weight", (1, 4096), 1 / 64, "torch.linear"),
        ("first.weight", (4096, 1), 1.0, "torch.linear"),
        ("value/kernel", (10_000, 1), math.sqrt(6 / 10_001), "keras.dense"),
    ],
)
def test_one_input_or_one_output(
    name: str, shape: tuple[int, ...], limit: float, scheme: str
) -> None:
    """A critic's last layer is a weight, and no vector."""
    found = audited(name, uniform(np.random.default_rng(20), shape, limit))
    assert scheme in {each for law in found.laws for each in law.names}
    assert found.fans is not None
    assert audited(name, np.zeros(shape)).verdict is Verdict.FORGOTTEN


def test_vectors_with_more_axes_are_scales() -> None:
    """Control: the scales of ConvNeXt's blocks and of norms of images."""
    for name, shape in (("norm.weight", (64, 1, 1)), ("gamma", (1, 1, 1, 64)), ("g", (1, 64))):
        assert audited(name, np.ones(shape)).verdict is Verdict.EXPECTED_CONSTANT


def test_a_depthwise_name_tells_the_fans() -> None:
    """9 inputs and 9 outputs for each channel, whatever the last part of the name is."""
    rng = np.random.default_rng(21)
    for name in ("depthwise_conv2d/kernel", "separable_conv2d/depthwise_kernel"):
        found = audited(name, uniform(rng, (3, 3, 512, 1), math.sqrt(6 / (9 * 513))))
        assert found.fans is not None
        assert (found.fans.fan_in, found.fans.fan_out) == (9, 9)
        assert "keras.depthwise_conv2d" in {name for law in found.laws for name in law.names}


def test_stacked_norms_are_no_weights() -> None:
    """Layers of Flax that nn.scan stacks have their scales and biases on two axes."""
    for name, value in (("layers/LayerNorm_0/scale", 1.0), ("layers/Dense_0/bias", 0.0)):
        found = audited(name, np.full((12, 64), value))
        assert found.verdict is Verdict.EXPECTED_CONSTANT, found.explanation
    assert audited("layers/LayerNorm_0/scale", np.zeros((12, 64))).verdict is Verdict.FORGOTTEN
    assert audited("layers/Dense_0/kernel", np.zeros((12, 64))).verdict is Verdict.FORGOTTEN
