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

from service.audit.audit import Audited, Verdict, audit_tensor
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
        Verdict.UNCORRECTED,
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
    return "right" if len(found.laws) == 1 else "undecided"


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
        (np.random.default_rng(3).normal(0.03, 0.0884, (256, 128)), Verdict.TRAINED),
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
