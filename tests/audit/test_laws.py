"""Simulated tensors of all laws: the audit finds the right law, or says that it cannot decide.

A tensor is right if the true law is alone among those found, undecided if it is one of several, and
wrong if it is not among them.
"""

import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from service.audit.checkpoint.audit import audit_tensor
from service.audit.checkpoint.verdicts import Audited, Verdict
from tests.audit.drawing import (
    RATIO,
    Array,
    Generator,
    cast,
    normal,
    orthogonal,
    stored,
    truncated,
    uniform,
)

Draw = Callable[[Generator, tuple[int, ...], float, float], Array]


@dataclass(frozen=True, slots=True)
class Law:
    """A law from its paper: how a tensor is drawn from its shape and fans, and a name of it."""

    name: str
    draw: Draw
    verdict: Verdict = Verdict.CONSISTENT


LAWS = (
    Law("he_normal", lambda rng, shape, n, m: normal(rng, shape, math.sqrt(2 / n))),
    Law("he_uniform", lambda rng, shape, n, m: uniform(rng, shape, math.sqrt(6 / n))),
    Law(
        "keras.he_normal", lambda rng, shape, n, m: truncated(rng, shape, math.sqrt(2 / n) / RATIO)
    ),
    Law("glorot_normal", lambda rng, shape, n, m: normal(rng, shape, math.sqrt(2 / (n + m)))),
    Law("glorot_uniform", lambda rng, shape, n, m: uniform(rng, shape, math.sqrt(6 / (n + m)))),
    Law(
        "keras.glorot_normal",
        lambda rng, shape, n, m: truncated(rng, shape, math.sqrt(2 / (n + m)) / RATIO),
    ),
    Law("lecun_normal", lambda rng, shape, n, m: normal(rng, shape, math.sqrt(1 / n))),
    Law("lecun_uniform", lambda rng, shape, n, m: uniform(rng, shape, math.sqrt(3 / n))),
    Law(
        "keras.lecun_normal",
        lambda rng, shape, n, m: truncated(rng, shape, math.sqrt(1 / n) / RATIO),
    ),
    Law(
        "torch.kaiming_uniform&negative_slope=2.23607",
        lambda rng, shape, n, m: uniform(rng, shape, 1 / math.sqrt(n)),
    ),
    Law("normal&std=0.02", lambda rng, shape, n, m: normal(rng, shape, 0.02)),
    Law("truncated_normal&std=0.02", lambda rng, shape, n, m: truncated(rng, shape, 0.02 / RATIO)),
    Law("keras.random_uniform", lambda rng, shape, n, m: uniform(rng, shape, 0.05)),
    Law("torch.normal", lambda rng, shape, n, m: normal(rng, shape, 1.0)),
    Law("orthogonal", lambda rng, shape, n, m: orthogonal(rng, shape)),
    Law(
        "tfjs.glorot_normal",
        lambda rng, shape, n, m: truncated(rng, shape, math.sqrt(2 / (n + m))),
        Verdict.UNCORRECTED,
    ),
    Law(
        "truncated_normal&std=0.02&std_kind=parent",
        lambda rng, shape, n, m: truncated(rng, shape, 0.02),
    ),
)

SHAPES = (
    (128, 128),
    (300, 784),
    (10, 1024),
    (512, 96),
    (1000, 512),
    (200, 50),
    (64, 32, 3, 3),
    (96, 48, 5, 5),
    (256, 128, 1, 1),
    (64, 64, 7),
    (32, 16, 3, 3, 3),
)
DTYPES = ("float32", "float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")


def fans_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """fan_in and fan_out of PyTorch's axes: out, in, kernel."""
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def simulated(law: Law, shape: tuple[int, ...], dtype: str) -> Array:
    """A tensor of the law with a seed of its own, which is the same in each run."""
    seed = zlib.crc32(repr((law.name, shape, dtype)).encode())
    values = law.draw(np.random.default_rng(seed), shape, *fans_of(shape))
    return cast(values, dtype)


def outcome(found: Audited, name: str) -> str:
    """Right, undecided or wrong."""
    having = [law for law in found.laws if name in law.names]
    if not having:
        return "wrong"
    if len(found.laws) > 1 or found.verdict is Verdict.UNDECIDED:
        return "undecided"
    return "right"


def cases() -> Iterator[tuple[Law, tuple[int, ...], str]]:
    """All laws and shapes in float32, and each with some of the other dtypes."""
    for number, (law, shape) in enumerate(product(LAWS, SHAPES)):
        yield law, shape, "float32"
        yield law, shape, DTYPES[1 + number % 5]


def test_the_true_law_is_found(record_property: Callable[[str, object], None]) -> None:
    """None is wrong, and at most 5 % of those of n >= 10^4 are undecided."""
    counts: Counter[str] = Counter()
    wrong = []
    for law, shape, dtype in cases():
        found = audit_tensor(stored("layer.weight", simulated(law, shape, dtype)))
        result = outcome(found, law.name)
        counts[result] += math.prod(shape) >= 10**4
        if result == "wrong" or (result == "right" and found.verdict is not law.verdict):
            wrong.append((law.name, shape, dtype, found.verdict.value, found.explanation))
    for result, count in counts.items():
        record_property(result, count)
    assert wrong == []
    assert sum(counts.values()) == 2 * len(LAWS) * len(SHAPES)
    assert counts["undecided"] <= 0.05 * sum(counts.values()), counts


def test_without_a_name_both_readings_are_tried() -> None:
    """A Keras kernel and a PyTorch weight of the same shape, of which nothing tells the layout."""
    rng = np.random.default_rng(5)
    for fan_in, letters in ((64 * 9, "OIHW"), (3 * 64 * 128, "HWIO")):
        values = normal(rng, (128, 64, 3, 3), math.sqrt(2 / fan_in))
        found = audit_tensor(stored("w", cast(values, "float32")))
        assert outcome(found, "he_normal") == "right"
        assert found.reading is not None
        assert found.reading.letters == letters
        assert found.fans is not None
        assert found.fans.fan_in == fan_in
        assert not found.is_fault


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (normal(np.random.default_rng(1), (256, 128), 0.0371), Verdict.NO_KNOWN_LAW),
        (np.random.default_rng(2).laplace(0, 0.05, (256, 128)), Verdict.TRAINED),
        (np.random.default_rng(3).normal(0.03, 0.0884, (256, 128)), Verdict.NO_KNOWN_LAW),
        (
            normal(np.random.default_rng(4), (256, 128), math.sqrt(1 / 128))
            * np.where(np.arange(128) % 16 == 0, 3.0, 1.0),
            Verdict.TRAINED,
        ),
    ],
)
def test_what_no_initializer_draws(values: Array, verdict: Verdict) -> None:
    """A std that no scheme means; a longer tail; a mean; some larger columns."""
    found = audit_tensor(stored("layer.weight", cast(values, "float32")))
    assert (found.verdict, found.laws) == (verdict, ())


UNKNOWN = 0.0371
"""A std that no scheme means on the shapes below."""

UNKNOWN_SHAPES = ((25, 40), (100, 100), (256, 512), (1000, 2000))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("shape", UNKNOWN_SHAPES)
def test_an_unknown_std_is_not_trained(shape: tuple[int, ...], dtype: str) -> None:
    """A fresh tensor of each distribution, with a std that no scheme means.

    The limits and the error of the measured std depend on the number of elements, so there are
    several. 16 seeds each: a test by the measured limit calls most of them trained.
    """
    for seed in range(4 if math.prod(shape) > 10**6 else 16):
        rng = np.random.default_rng(seed)
        for name, values in (
            ("uniform", uniform(rng, shape, UNKNOWN * math.sqrt(3))),
            ("truncated normal", truncated(rng, shape, UNKNOWN / RATIO)),
            ("normal", normal(rng, shape, UNKNOWN)),
        ):
            found = audit_tensor(stored("layer.weight", cast(values, dtype)))
            where = (name, seed, found.verdict, found.explanation)
            assert name in found.explanation, where
            if math.prod(shape) >= 10**4:
                assert found.verdict is Verdict.NO_KNOWN_LAW, where
                assert found.explanation.startswith(f"{name} with std "), where


def _mixture(rng: Generator, shape: tuple[int, ...]) -> Array:
    """Two normal distributions, of which one is three times as wide."""
    return rng.normal(0.0, np.where(rng.random(shape) < 0.2, 3.0, 1.0) * 0.02, shape)


def _with_outliers(rng: Generator, shape: tuple[int, ...]) -> Array:
    """A uniform distribution with five values beyond its limit by a half."""
    values = uniform(rng, shape, 0.0642)
    values.reshape(-1)[:5] *= 1.5 * 0.0642 / np.abs(values.reshape(-1)[:5])
    return values


def _one_sided(rng: Generator, shape: tuple[int, ...]) -> Array:
    """A distribution with a long tail on one side, whose kurtosis is that of a normal."""
    return 0.0371 * np.sqrt(rng.random(shape) ** 2 + 0.1 * rng.exponential(size=shape))


TRAINED: tuple[Callable[[Generator, tuple[int, ...]], Array], ...] = (
    _mixture,
    _with_outliers,
    _one_sided,
    lambda rng, shape: 0.03 * rng.standard_t(4, shape),
    lambda rng, shape: rng.laplace(0, 0.03, shape),
    lambda rng, shape: 0.0371 * np.sign(rng.random(shape) - 0.5) + normal(rng, shape, 0.01),
    lambda rng, shape: uniform(rng, shape, 0.0642) + normal(rng, shape, 0.01),
)


@pytest.mark.parametrize("shape", [(100, 100), (256, 512)])
@pytest.mark.parametrize("number", range(len(TRAINED)))
def test_trained_values_look_trained(number: int, shape: tuple[int, ...]) -> None:
    """Mixtures, long tails, outliers, a mean, two clusters, and a fresh tensor that has moved."""
    for seed in range(16):
        values = TRAINED[number](np.random.default_rng(seed), shape)
        found = audit_tensor(stored("layer.weight", cast(values, "float32")))
        assert (found.verdict, found.laws) == (Verdict.TRAINED, ()), (seed, found.explanation)


def test_names_of_one_law() -> None:
    """torch.linear is he_uniform with a = sqrt 5; on a square Glorot's and LeCun's are one."""
    rng = np.random.default_rng(6)
    linear = audit_tensor(stored("a.weight", cast(uniform(rng, (300, 256), 1 / 16), "float32")))
    (law,) = linear.laws
    assert law.names[0] == "torch.linear"
    assert "torch.kaiming_uniform&negative_slope=2.23607" in law.names
    square = audit_tensor(stored("a.weight", cast(normal(rng, (256, 256), 1 / 16), "float32")))
    (law,) = square.laws
    assert {"glorot_normal", "lecun_normal", "torch.xavier_normal"} <= set(law.names)


def test_gains() -> None:
    """The std divided by that of He, Glorot and LeCun."""
    values = cast(normal(np.random.default_rng(7), (512, 128), 0.1), "float32")
    gains = audit_tensor(stored("a.weight", values)).gains
    assert gains is not None
    std = float(values.std(dtype=np.float64))
    expected = (math.sqrt(2 / 128), math.sqrt(2 / 640), math.sqrt(1 / 128))
    for found, of in zip((gains.he, gains.glorot, gains.lecun), expected, strict=True):
        assert found == pytest.approx(std / of, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e4m3fn"])
def test_orthogonal_needs_the_gram_test(dtype: str) -> None:
    """Control: the same elements in another order have the same statistics, and are not."""
    rng = np.random.default_rng(8)
    values = cast(orthogonal(rng, (128, 128)), dtype)
    assert audit_tensor(stored("a.weight", values)).laws[0].distribution == "orthogonal"
    shuffled = rng.permutation(values.reshape(-1)).reshape(128, 128)
    assert "orthogonal" not in {
        law.distribution for law in audit_tensor(stored("a.weight", shuffled)).laws
    }


def test_fewer_than_thirty_elements_decide_nothing() -> None:
    """The standard errors are those of many values."""
    values = cast(normal(np.random.default_rng(9), (5, 5), 0.6), "float32")
    assert audit_tensor(stored("a.weight", values)).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("shape", [(6, 6), (10, 10), (10, 25)])
def test_few_elements_are_not_certain(shape: tuple[int, ...]) -> None:
    """So few values of one distribution may be of another one, so no single one is stated.

    The kurtosis of 100 uniform values has a standard error of 0.11, and eight of them are more than
    the difference from a truncated normal, 0.57.
    """
    for seed in range(32):
        rng = np.random.default_rng(seed)
        for std in (0.0371, 0.0894, math.sqrt(1 / shape[1])):
            values = cast(uniform(rng, shape, std * math.sqrt(3)), "float32")
            for name in ("layer.weight", "layer.bias", "kernel"):
                found = audit_tensor(stored(name, values))
                told = found.explanation + " ".join(law.distribution for law in found.laws)
                assert found.verdict is Verdict.UNDECIDED, (seed, name, found.explanation)
                assert "uniform" in told, (seed, name, told)
                assert "truncated" in told, (seed, name, told)


def test_a_small_orthogonal_matrix_is_certain() -> None:
    """Its rows are orthogonal, which is no accident."""
    values = cast(orthogonal(np.random.default_rng(10), (8, 8)), "float32")
    found = audit_tensor(stored("a.weight", values))
    assert found.verdict is Verdict.CONSISTENT
    assert [law.distribution for law in found.laws] == ["orthogonal"]


@pytest.mark.parametrize(
    ("part", "shape", "letters"),
    [
        ("query", (300, 4, 75), "IOO"),
        ("key", (96, 4, 32), "IOO"),
        ("value", (300, 4, 75), "IOO"),
        ("out", (4, 75, 300), "IIO"),
        ("attention_output", (4, 32, 96), "IIO"),
    ],
)
def test_kernels_of_attention(part: str, shape: tuple[int, ...], letters: str) -> None:
    """Flax and Keras flatten the heads and their sizes, and then count the fans."""
    fans = math.prod(shape[: letters.index("O")]), math.prod(shape[letters.index("O") :])
    rng = np.random.default_rng(11)
    name = f"attention_0/{part}/kernel"
    for framework, values in (
        ("flax", truncated(rng, shape, math.sqrt(1 / fans[0]) / RATIO)),
        ("keras", uniform(rng, shape, math.sqrt(6 / sum(fans)))),
    ):
        found = audit_tensor(stored(name, cast(values, "float32")))
        assert found.verdict is Verdict.CONSISTENT, found.explanation
        assert found.reading is not None
        assert found.reading.letters == letters
        assert found.fans is not None
        assert (found.fans.fan_in, found.fans.fan_out) == fans
        wanted = {
            "flax": "flax.dense_general",
            "keras": "keras.multi_head_attention",
        }[framework]
        names = found.laws[0].names
        assert wanted in names[:2], names
        assert not any("conv" in each for each in names), names


def test_another_part_with_three_axes_is_a_convolution() -> None:
    """Control: only the names of attention tell heads."""
    values = truncated(np.random.default_rng(12), (5, 64, 96), math.sqrt(1 / 320) / RATIO)
    found = audit_tensor(stored("block_0/conv_out/kernel", cast(values, "float32")))
    assert found.reading is not None
    assert found.reading.letters == "WIO"
    assert "flax.conv1d" in found.laws[0].names
