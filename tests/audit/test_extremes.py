"""Audits of specs whose numbers are near the ends of a dtype, or far nearer to each other.

Seeds are fixed. A statistic of a correct tensor is beyond its limit with a probability of 1e-9.
"""

from collections.abc import Iterator
from itertools import product

import pytest

from service.audit.spec.expectation import expectation_of
from service.audit.spec.parts import parts_of
from service.dtypes import DTYPES
from service.errors import ImpossibleError
from service.stream.cells import spacing
from service.stream.precision import PRECISIONS
from tests.audit.test_expectation import audited, planned

SHAPE = "shape=64,64&seed=1"

RATIOS = (1e-18, 1.5e-16, 1e-12, 5e-8, 3e-7, 1e-5, 7e-4, 0.02, 0.3)
"""std / |mean|: below the spacing of float64, about that of each dtype, and above it."""


def numbers_of(dtype: str) -> tuple[float, ...]:
    """The least subnormal number, more subnormal ones, the least normal one, 1, and large ones."""
    precision = PRECISIONS[dtype]
    least, normal = spacing(0.0, precision), 2.0**precision.least_exponent
    return least, 3 * least, 70 * least, normal, 1.0, precision.largest / 8, precision.largest / 2


def around_zero(size: float) -> Iterator[tuple[str, str, float]]:
    """Specs whose values are of this size: scheme, fields, and the field that scales."""
    yield from (
        ("normal", "std={}", size),
        ("truncated_normal", "std={}", size),
        ("truncated_normal", "std={}&std_kind=parent&bounds=0.5", size),
        ("uniform", "mean=0&std={}", size),
        ("uniform", "low=0&high={}", size),
        ("sparse", "sparsity=0.5&std={}", size),
        ("sparse", "sparsity=0.3&slice=:,0:20&std={}", size),
        ("orthogonal", "gain={}", size),
    )


def around(mean: float, ratio: float) -> Iterator[tuple[str, str, float]]:
    """Specs with a mean and a std that is a share of it."""
    std = abs(mean) * ratio
    yield from (
        ("normal", f"mean={mean!r}&std={{}}", std),
        ("truncated_normal", f"mean={mean!r}&std={{}}", std),
        ("uniform", f"mean={mean!r}&std={{}}", std),
        ("mlx.sparse", f"sparsity=0.5&mean={mean!r}&std={{}}", std),
    )


def specs(dtype: str) -> Iterator[tuple[str, float]]:
    """Queries with a place for the number that scales them, and that number."""
    sizes = numbers_of(dtype)
    found = [spec for size in sizes for spec in around_zero(size)]
    means = (1.0, -3.7, sizes[3] * 1.1, sizes[2], sizes[-1])
    found += [spec for mean, ratio in product(means, RATIOS) for spec in around(mean, ratio)]
    for scheme, fields, scale in found:
        if scale:
            yield f"{SHAPE}&scheme={scheme}&{fields}&dtype={dtype}", scale


def written(query: str, number: float) -> str:
    """The query with its number. A `+` in a query is a space."""
    return query.format(repr(number)).replace("e+", "e")


def is_accepted(query: str) -> bool:
    """Whether the tensor can be issued."""
    try:
        planned(query)
    except ImpossibleError:
        return False
    return True


def is_told_apart(query: str) -> bool:
    """Whether a std twice as large moves many of 4,096 values to other numbers of the dtype.

    Of a sparse tensor with a mean, the values may be far nearer to each other than to the zeros.
    All of them are in one bin then.
    """
    tensor = planned(query).tensor
    std, edges = parts_of(tensor)[0].marginal.std, expectation_of(tensor).edges
    unit = spacing(max(-edges.low, edges.high), PRECISIONS[tensor.spec.dtype])
    return std > unit / 2 and std > (edges.high - edges.low) / edges.bins / 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_numbers_are_consistent(dtype: str) -> None:
    """Each spec that is accepted. The control: the values with half or twice the std are not."""
    audits, controls = 0, 0
    for query, scale in specs(dtype):
        right = written(query, scale)
        if not is_accepted(right):
            continue
        found = audited(right)
        assert (found.verdict, found.inconsistencies) == ("consistent", ()), right
        audits += 1
        wrong = next(filter(is_accepted, (written(query, scale * by) for by in (2, 0.5))), None)
        if wrong is not None and is_told_apart(right) and is_told_apart(wrong):
            controls += 1
            assert audited(right, wrong).verdict == "inconsistent", right
    assert audits > 100
    assert controls > 50


FOUND = [
    "shape=64,64&scheme=normal&mean=1e308&std=1e290&dtype=float64",
    "shape=64,64&scheme=sparse&sparsity=0.5&std=5e-324&dtype=float64",
    "shape=64,64&scheme=uniform&mean=1e-300&std=5.999999999999999e-308&dtype=float64",
    "shape=1024,1024&scheme=normal&mean=-1e-38&std=1e-43&dtype=float32",
    "shape=1,1&scheme=orthogonal&gain=1e-40",
    "shape=600,512&scheme=orthogonal&gain=1e-40",
    "shape=64,32&scheme=orthogonal&gain=5e-324&dtype=float64",
]
"""Tensors in which a rounding is larger than a standard error, or a square larger than float64."""


@pytest.mark.parametrize("query", FOUND)
def test_no_rounding_is_taken_for_a_fault(query: str) -> None:
    """Of a mean, a std, a step, or an entry, near the numbers of the dtype or of float64."""
    found = audited(f"{query}&seed=1")
    assert (found.verdict, found.inconsistencies) == ("consistent", ())


def test_a_mean_is_expected_as_the_stream_rounds_it() -> None:
    """To float32, which is a large share of a std of 64 of its numbers: 6 standard errors here."""
    found = expectation_of(
        planned("shape=4096,4096&scheme=normal&mean=1.1&std=7.7e-6&seed=1").tensor
    )
    assert found.mean == pytest.approx(1.10000002384, abs=1e-11)
    assert abs(found.mean - 1.1) > 6 * found.std / 4096


@pytest.mark.parametrize(
    "spec",
    [
        "scheme=normal&mean=1e6&std=100",
        "scheme=normal&mean=1&std=1e-12&dtype=float64",
        "scheme=uniform&low=999&high=1001",
        "scheme=truncated_normal&mean=-1e30&std=1e26",
        "scheme=mlx.sparse&sparsity=0.5&mean=1&std=1e-3",
        "scheme=normal&mean=102&std=4&dtype=float8_e4m3fn",
    ],
)
def test_a_mean_far_from_zero_does_not_widen_the_limits(spec: str) -> None:
    """A limit of thousands of standard errors would let every value pass. These have 7 to 17."""
    found = audited(f"{SHAPE}&{spec}").statistics
    for statistic in (found.mean, found.std):
        assert statistic.z_limit is not None
        assert statistic.z_limit < 20
