"""The expectation of a spec and the verdict: right for every scheme and dtype, and able to fail.

Seeds are fixed. A statistic of a correct tensor is beyond its limit with a probability of 1e-9
(`service.audit.expectation.RARELY`), and this file compares about 10^5 of them.
"""

import hashlib
import math
import os
import subprocess
import sys
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audit.spec import haar
from service.audit.spec.expectation import cuts_of, edges_between, expectation_of
from service.audit.spec.of_spec import MOST_ELEMENTS, SpecAudit, SpecAuditor, refuse_many_elements
from service.audit.spec.selection import Axis, Selection
from service.audit.tally import Tally
from service.audit.values import decoded
from service.dtypes import DTYPES
from service.errors import ImpossibleError
from service.fields.parsing import parse_query
from service.initializers.schemes.record import Scheme
from service.initializers.schemes.table import SCHEMES
from service.plan import Plan, plan

STATISTICS = ("mean", "std", "zeros", "min", "max")


def planned(query: str) -> Plan:
    """The plan of a query, in format raw."""
    return plan(parse_query(query.encode()), "raw", max_bytes=2**40)


def audited(query: str, values_of: str | None = None) -> SpecAudit:
    """The audit of a query, of its own values or of those of another query."""
    auditor = SpecAuditor(planned(query))
    for chunk in SpecAuditor(planned(values_of or query)).body.chunks():
        auditor.take(chunk)
    return auditor.answer()


def requests(scheme: Scheme) -> list[str]:
    """The example of a scheme, and one with each of its variants."""
    query = f"scheme={scheme.name}&{scheme.example}&seed=11"
    return [query, *(f"{query}&variant={variant}" for variant in scheme.variants)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_scheme_is_consistent_in_every_dtype(dtype: str) -> None:
    """Every example and variant that the dtype can hold.

    Several presets have one law and one shape. Their values are the same and are audited once.
    """
    audits: dict[Any, SpecAudit] = {}
    issued = 0
    for scheme in SCHEMES.values():
        for query in requests(scheme):
            try:
                tensor = planned(f"{query}&dtype={dtype}").tensor
            except ImpossibleError:
                continue
            issued += 1
            key = tensor.blocks, tensor.placement.lattice
            if key not in audits:
                audits[key] = audited(f"{query}&dtype={dtype}")
            found = audits[key]
            assert (found.verdict, found.inconsistencies) == ("consistent", ()), query
    assert issued > len(SCHEMES) * 0.95
    assert len(audits) > 100


SPECIAL = [
    "shape=64,32&scheme=orthogonal",
    "shape=64,32&scheme=orthogonal&slice=0:20,0:32",
    "shape=64,32&scheme=orthogonal&slice=0:20,3:13",
    "shape=32,64&scheme=orthogonal&dtype=bfloat16",
    "shape=32,64&scheme=orthogonal&dtype=float8_e4m3fn",
    "shape=800,64&scheme=orthogonal&dtype=float8_e5m2&gain=3",
    "shape=700,300&scheme=orthogonal&slice=0:100,0:100",
    "shape=6,2&scheme=orthogonal&slice=0:3,:",
    "shape=4,16,8&layout=EOI&scheme=orthogonal&slice=:,0:7,:",
    "shape=96,32&scheme=orthogonal&parts=3",
    "shape=32,16,3,3&scheme=delta_orthogonal&slice=0:10,:,1:2,:",
    "shape=64,50&scheme=sparse&sparsity=0.3",
    "shape=64,50&scheme=sparse&sparsity=0.3&slice=:,0:20",
    "shape=64,50&scheme=torch.sparse&sparsity=0.3&slice=0:20,:",
    "shape=64,50&scheme=mlx.sparse&sparsity=0.3&mean=0.5",
    "shape=64,4,3,3&scheme=icnr",
    "shape=64,4,3,3&scheme=icnr&slice=3:33,:,:,:",
    "shape=64,4,3,3&scheme=icnr&variant=dcr&slice=3:43,:,:,:",
    "shape=64,4,3,3&scheme=icnr&inner=orthogonal",
    "shape=64,4,3,3&scheme=icnr&inner=sparse&sparsity=0.4",
    "shape=1024&parts=4&period=784&scheme=chrono_bias",
    "shape=128,32&parts=64,32,32&scheme=he_normal",
    "shape=128,32&parts=64,32,32&scheme=glorot_uniform&slice=40:80,:&dtype=float16",
    "shape=300&scheme=lru_nu_log&dtype=float8_e5m2",
    "shape=1000&scheme=mamba_dt_bias&dt_min=0.1&dt_max=0.1000001",
    "shape=64,32&scheme=normal&std=0.004&dtype=float8_e4m3fn",
    "shape=64,32&scheme=truncated_normal&mean=1&std=0.01&low=0.98&high=1.03&dtype=bfloat16",
    "shape=1000&scheme=truncated_normal&mean=0&std=1&low=5&high=9",
    "shape=64,32&scheme=normal&mean=5&std=1e-3&dtype=float16",
]
"""Tensors whose elements depend on each other, slices of them, and coarse or skewed values."""

SEEDS = 40


@cache
def scores(query: str) -> dict[str, list[float]]:
    """z of mean and std, and of bins with more than five expected values, over SEEDS seeds."""
    found: dict[str, list[float]] = defaultdict(list)
    for seed in range(SEEDS):
        audit = audited(f"{query}&seed={seed}")
        assert audit.verdict == "consistent", (query, seed, audit.inconsistencies)
        for name in ("mean", "std"):
            z = getattr(audit.statistics, name).z
            found[name] += [z] if z is not None else []
        found["bins"] += [each.z for each in audit.histogram if each.z and each.expected > 5]
    return found


@pytest.mark.parametrize("query", SPECIAL)
def test_standard_errors_are_neither_too_small_nor_too_large(query: str) -> None:
    """The mean of z^2 is 1 if the standard error is right.

    Over 40 seeds it has a standard deviation of sqrt(2 / 40) = 0.22 for a normal z, so 0.2 to 2.1
    is 4 to 5 of them. For n values of z from bins it is sqrt(2 / n), of which 5 are allowed, but at
    least 0.2, since they depend on each other. Where blocks share words (chrono_bias) the mean is
    exactly symmetric, and its standard error is an upper bound.
    """
    found = scores(query)
    away = max(0.2, 5 * math.sqrt(2 / max(len(found["bins"]), 1)))
    allowed = {"mean": (0.2, 2.1), "std": (0.2, 2.1), "bins": (1 - away, 1 + away)}
    for name, (least, most) in allowed.items():
        square = float(np.mean(np.square(found[name]))) if found[name] else 1.0
        exact = name == "std" and "orthogonal" in query and square < 1e-6
        symmetric = name == "mean" and "chrono" in query
        assert square <= most, (name, square)
        assert square >= least or exact or symmetric, (name, square)


def test_the_mean_square_of_a_whole_orthogonal_matrix_is_known_almost_exactly() -> None:
    """Its standard error is that of rounding alone. That of independent values is 500 times as
    large, and a normal tensor with the same std is found out by it."""
    matrix = expectation_of(planned("shape=512,256&scheme=orthogonal&seed=3").tensor)
    normal = "shape=512,256&scheme=normal&std=0.0441941738241592&seed=3"
    independent = expectation_of(planned(normal).tensor)
    assert 0 < matrix.square.standard_error * 500 < independent.square.standard_error


@pytest.mark.parametrize("spec", ["scheme=orthogonal", "scheme=normal&std=0.04419417"])
def test_the_standard_error_of_a_std_counts_the_realised_mean(spec: str) -> None:
    """The realised std is about the realised mean. In an orthogonal matrix only that varies.

    Over 40 seeds the mean of z^2 has a standard deviation of 0.22 for a normal z. The square of a
    mean, less its expectation, is farther out: 5 such deviations are allowed, times sqrt 6.
    """
    scores = []
    for seed in range(SEEDS):
        found = audited(f"shape=64,32&{spec}&seed={seed}").statistics.std
        assert found.realised is not None
        assert found.expected is not None
        assert found.standard_error is not None
        scores.append((found.realised - found.expected) / found.standard_error)
    assert 0.2 < np.mean(np.square(scores)) < 3.7


WRONG = [
    ("scheme=normal&std=0.02", "scheme=normal&std=0.0206", "std"),
    ("scheme=truncated_normal&std=0.02&std_kind=parent", "scheme=truncated_normal&std=0.02", "std"),
    ("scheme=he_normal", "scheme=glorot_normal", "std"),
    ("scheme=normal&std=1", "scheme=uniform&mean=0&std=1", "histogram"),
    ("scheme=normal&std=1", "scheme=truncated_normal&std=1", "histogram"),
    ("scheme=uniform&low=-1&high=1", "scheme=uniform&low=-1&high=1.02", "max"),
    ("scheme=uniform&low=-1&high=1", "scheme=uniform&low=-1.02&high=1", "min"),
    ("scheme=normal&std=1", "scheme=normal&std=1&mean=0.03", "mean"),
    ("scheme=sparse&sparsity=0.5", "scheme=sparse&sparsity=0.52", "zeros"),
    ("scheme=orthogonal", "scheme=normal&std=0.0441941738241592", "std"),
    (
        "scheme=normal&std=0.001&dtype=float8_e4m3fn",
        "scheme=normal&std=0.00105&dtype=float8_e4m3fn",
        "zeros",
    ),
    (
        "scheme=normal&std=0.02&dtype=float16",
        "scheme=normal&std=0.0206&dtype=float16",
        "std",
    ),
    (
        "scheme=truncated_normal&std=0.02&dtype=float8_e5m2",
        "scheme=truncated_normal&std=0.0206&dtype=float8_e5m2",
        "std",
    ),
    (
        "scheme=orthogonal&dtype=float16",
        "scheme=orthogonal&gain=1.001&dtype=float16",
        "std",
    ),
    (
        "scheme=sparse&sparsity=0.5&dtype=bfloat16",
        "scheme=sparse&sparsity=0.51&dtype=bfloat16",
        "zeros",
    ),
    ("scheme=he_normal&parts=256,256", "scheme=glorot_normal&parts=384,128", "std"),
    ("scheme=identity", "scheme=identity&gain=1.001", "sha256"),
    ("scheme=zeros", "scheme=constant&value=1e-30", "zeros"),
    ("scheme=sinusoidal_positions", "scheme=sinusoidal_positions&variant=halves", "sha256"),
    ("scheme=normal&dtype=float8_e5m2", "scheme=normal&dtype=float8_e4m3fn", "histogram"),
]


@pytest.mark.parametrize(("expected", "given_values", "inconsistency"), WRONG)
def test_other_values_are_inconsistent(
    expected: str, given_values: str, inconsistency: str
) -> None:
    """The negative control: the values of one spec beside the expectation of another."""
    shape = "shape=512,256&seed=5"
    assert audited(f"{shape}&{given_values}").verdict == "consistent"
    found = audited(f"{shape}&{expected}", f"{shape}&{given_values}")
    assert found.verdict == "inconsistent"
    assert inconsistency in found.inconsistencies


@pytest.mark.parametrize(
    ("expected", "given_values", "told"),
    [
        ("scheme=he_normal", "scheme=he_normal", "as those of a correct tensor"),
        ("scheme=identity", "scheme=identity", "equal to those of the definition"),
        (
            "scheme=normal&std=0.02",
            "scheme=normal&std=0.0206",
            "The std is 0.0205966 instead of 0.02, 15.5 standard errors away; 7.21 are allowed.",
        ),
        (
            "scheme=uniform&low=-1&high=1",
            "scheme=uniform&low=-1&high=1.02",
            "The max is 1.01999 instead of 1 or less.",
        ),
        (
            "scheme=zeros",
            "scheme=constant&value=1e-30",
            "The share of zeros is 0 instead of 1. The min is 1e-30 instead of 0.",
        ),
        ("scheme=normal&std=1", "scheme=uniform&mean=0&std=1", "24 counts of the 54 in the hist"),
        ("scheme=identity", "scheme=identity&gain=1.001", "The bytes are not those of the defin"),
    ],
)
def test_the_explanation_says_why(expected: str, given_values: str, told: str) -> None:
    """In words, with the numbers: one sentence for each inconsistency."""
    shape = "shape=512,256&seed=5"
    found = audited(f"{shape}&{expected}", f"{shape}&{given_values}")
    assert told in found.explanation
    sentences = len(found.explanation.rstrip(".").split(". "))
    assert sentences == max(1, len(found.inconsistencies))


def test_one_changed_element_of_a_tensor_without_words_is_found() -> None:
    """Also where two values change places, so that all statistics stay."""
    auditor = SpecAuditor(planned("shape=64,64&scheme=identity"))
    values = np.concatenate([np.asarray(chunk) for chunk in auditor.body.chunks()])
    values = values.reshape(-1, 4)
    values[[0, 1]] = values[[1, 0]]
    auditor.take(values.reshape(-1).data)
    assert auditor.answer().inconsistencies == ("sha256",)


def test_infinities_and_nans_are_inconsistent() -> None:
    """A correct tensor has none."""
    auditor = SpecAuditor(planned("shape=1000&scheme=normal&seed=1"))
    values = np.concatenate([np.asarray(chunk) for chunk in auditor.body.chunks()]).view("<f4")
    values[3] = np.nan
    auditor.take(values.view(np.uint8).data)
    answer = auditor.answer()
    assert "not_finite" in answer.inconsistencies
    assert "infinite or no numbers: 1." in answer.explanation


def whole(scheme: Scheme) -> Iterator[tuple[str, dict[str, Any]]]:
    """The requests of a scheme that use random words, with what their certificate knows."""
    for dtype in DTYPES:
        query = f"scheme={scheme.name}&{scheme.example}&seed=11&dtype={dtype}"
        try:
            found = planned(query)
        except ImpossibleError:
            continue
        facts = found.certificate()["rounded"]
        if found.tensor.uses_words and facts is not None:
            yield query, facts


def test_the_expectation_is_that_of_the_certificate() -> None:
    """Mean, std, zeros and the outermost values, for each scheme whose certificate knows them.

    Presets of layers have the laws of other schemes, and are left out. So are orthogonal matrices:
    the certificate counts their entries as normal.
    """
    compared = 0
    for scheme in SCHEMES.values():
        if scheme.preset is not None and not scheme.name.endswith(("sparse", "normal", "uniform")):
            continue
        for query, facts in whole(scheme):
            if "orthogonal" in scheme.name:
                continue
            found = expectation_of(planned(query).tensor)
            compared += 1
            assert found.std == pytest.approx(facts["std"], rel=2e-6), query
            assert found.mean == pytest.approx(facts["mean"], abs=2e-6 * facts["std"]), query
            zeros = found.zeros.sum / found.elements
            assert zeros == pytest.approx(facts["zeros"], rel=1e-5, abs=2.0**-31), query
            assert (found.lowest, found.highest) == (facts["lowest"], facts["highest"]), query
    assert compared > 200


@pytest.mark.parametrize("query", ["shape=9&scheme=normal&seed=1", *SPECIAL[:1], *SPECIAL[11:20]])
def test_the_bins_have_all_elements(query: str) -> None:
    """The expected counts add up to the number of elements."""
    found = expectation_of(planned(query).tensor)
    total = sum(each.sum for each in found.bins)
    assert total == pytest.approx(found.elements, rel=1e-9)


@given(st.integers(1, 2000), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_a_piece_may_have_any_size(size: int, random: Any) -> None:
    """The answer does not depend on how the bytes are cut."""
    query = f"shape=2000&scheme=mamba_dt_bias&seed={random.randrange(9)}"
    auditor = SpecAuditor(planned(query))
    (content,) = (bytes(chunk) for chunk in auditor.body.chunks())
    for start in range(0, len(content), 4 * size):
        auditor.take(memoryview(content)[start : start + 4 * size])
    assert auditor.answer() == audited(query)


@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 5, 64, 511, 512, 513, 5000, 10**6])
def test_entries_of_orthogonal_matrices(dimension: int) -> None:
    """The distribution and its second moment, beside mpmath's incomplete beta function.

    Up to 512 dimensions both are exact to 1e-12. Beyond, the error is of the order of 1 / N^2.
    """
    most = 1e-12 if dimension <= haar.MOST_TERMS_FOR else 2.0 / dimension**2 + 1e-13
    x = np.array([-2.0, -0.9, -0.1, -1e-3, 0.0, 1e-5, 0.02, 0.5, 0.99, 1.5]) * 1.0
    if dimension > 5:
        x *= 4 / np.sqrt(dimension)
    below, squares = haar.below(x, dimension), haar.squares_below(x, dimension)
    for number, found, second in zip(x.tolist(), below.tolist(), squares.tolist(), strict=True):
        exact, exact_second = (_of_beta(number, dimension, extra) for extra in (0, 1))
        assert found == pytest.approx(exact, abs=most)
        assert second == pytest.approx(exact_second / dimension, abs=8 * most / dimension)


def _of_beta(x: float, dimension: int, extra: int) -> float:
    """P(entry < x) for extra = 0, and N E[entry^2; entry < x] for extra = 1. x^2 is Beta."""
    if dimension == 1:
        return float(x > 1) if abs(x) >= 1 else 0.5
    square = min(x * x, 1.0)
    half = mpmath.mpf(1) / 2
    within = mpmath.betainc(half + extra, mpmath.mpf(dimension - 1) / 2, 0, square, True)
    return float(half + (half if x > 0 else -half) * within)


def test_variances_of_sums_of_squares() -> None:
    """One entry has the variance of its square. Whole rows, whole columns and matrices have none.

    Two entries are checked beside the moments E[x^2 y^2] = 1 / (N (N + 2)) in one row.
    """
    for n in (2, 3, 10, 1000):
        one = haar.variance_of_square(n)
        assert haar.variance_of_sum(1, 1, 1, n) == pytest.approx(one)
        assert haar.variance_of_sum(1, 1, n, n) == 0
        assert haar.variance_of_sum(n, n, 1, n) == 0
        assert haar.variance_of_sum(n, n, n, n) == 0
        covariance = 1 / (n * (n + 2)) - 1 / n**2
        assert haar.variance_of_sum(1, 1, 2, n) == pytest.approx(2 * one + 2 * covariance)
        assert haar.variance_of_sum(2, 2, 1, n) == pytest.approx(2 * one + 2 * covariance)
        assert haar.variance_of_sum(2, 4, 1, n) == pytest.approx(4 * one)


@given(st.lists(st.tuples(st.integers(1, 5), st.data()), min_size=0, max_size=4), st.data())
@settings(max_examples=60, deadline=None)
def test_elements_between_two_numbers(axes: list[tuple[int, Any]], data: Any) -> None:
    """Counted one by one."""
    stride = 1
    chosen: list[Axis] = []
    for extent, source in reversed(axes):
        start = source.draw(st.integers(0, extent))
        stop = source.draw(st.integers(start, extent))
        chosen.insert(0, Axis(start, stop, stride))
        stride *= extent
    numbers = [0]
    for axis in chosen:
        places = range(axis.start, axis.stop)
        numbers = [number + place * axis.stride for number in numbers for place in places]
    first = data.draw(st.integers(-2, stride + 2))
    stop = data.draw(st.integers(first, stride + 2))
    found = Selection(tuple(chosen))
    assert found.size == len(numbers)
    assert found.count(first, stop) == sum(first <= number < stop for number in numbers)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_value_on_an_edge_is_in_the_bin_above_it(dtype: str) -> None:
    """The tally's arithmetic puts each number of the dtype where the expectation has it."""
    tensor = planned(f"shape=4&scheme=normal&std=0.3&seed=1&dtype={dtype}").tensor
    edges = expectation_of(tensor).edges
    cuts = cuts_of(edges)
    width = DTYPES[dtype].itemsize
    numbers = np.arange(256 if width == 1 else 4096, dtype=f"u{width}")
    values = decoded(numbers.view(np.uint8), dtype).astype(np.float64)
    for each in np.concatenate([values[np.isfinite(values)], cuts, -cuts]).tolist():
        tally = Tally(edges)
        tally.update(np.array([each]))
        histogram = tally.summary().histogram
        assert histogram is not None
        counts = [histogram.below, *histogram.counts, histogram.above]
        place = int(np.searchsorted(cuts, each, "right"))
        assert counts.index(1) == (edges.bins if each == cuts[-1] else place)


def test_edges_of_extreme_ranges() -> None:
    """They are finite, ascending and contain the range, or its part up to 2^1022."""
    ends = [(0.0, 0.0), (-1.7e308, 1.7e308), (5e-324, 5e-324), (1.0, 1.0), (-1e-320, 0)]
    ends += [(9e307, 9.1e307), (-1.6e308, -1.5e308), (1.7e308, 1.79e308), (-1e307, 1.7e308)]
    ends += [(1.79e308, 1.79e308), (-1.79e308, -1.79e308), (0.0, 1.79e308)]
    for low, high in ends:
        edges = edges_between(low, high, "float64")
        cuts = cuts_of(edges)
        assert np.isfinite(cuts).all()
        assert (cuts[1:] > cuts[:-1]).all()
        assert cuts[0] <= max(low, -(2.0**1022))
        assert cuts[-1] >= min(high, 2.0**1022)


def test_a_refusal_names_a_slice_that_works() -> None:
    """The slice begins where the requested one does, and has at most the limit."""
    for query in (
        f"shape={MOST_ELEMENTS + 1}",
        "shape=100000,100000&slice=7:,50:",
        "shape=2,3,100000000",
        "shape=3,1,9000,9000",
    ):
        with pytest.raises(ImpossibleError) as refused:
            refuse_many_elements(parse_query(f"{query}&scheme=zeros".encode()))
        (entry,) = refused.value.problems
        assert refused.value.reason == "too_large"
        bare = query.partition("&")[0]
        hint = entry.hint.removeprefix("write ")
        allowed = parse_query(f"{bare}&scheme=zeros&{hint}".encode())
        refuse_many_elements(allowed)
        elements = Selection.of(planned(f"{bare}&scheme=zeros&{hint}").tensor).size
        assert MOST_ELEMENTS // 2 < elements <= MOST_ELEMENTS


EXAMPLES = [
    "shape=300,200&scheme=he_normal&seed=7",
    "shape=300,200&scheme=orthogonal&seed=7&dtype=bfloat16",
    "shape=900,20&scheme=orthogonal&seed=7&dtype=float16",
    "shape=1536&scheme=mamba_dt_bias&seed=7&dtype=float16",
    "shape=64,50&scheme=sparse&sparsity=0.3&seed=7&dtype=float8_e4m3fn",
    "shape=64,32&scheme=truncated_normal&seed=7&dtype=float64",
]


def answers_digest() -> str:
    """The SHA-256 of some answers."""
    return hashlib.sha256(b"".join(audited(each).as_json() for each in EXAMPLES)).hexdigest()


PROGRAM = """
from tests.audit.test_expectation import answers_digest
print(answers_digest())
"""


def test_the_answers_are_equal_on_other_processors() -> None:
    """With the oldest instructions that NumPy and Numba support, in a process of its own."""
    slow = {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3", "NUMBA_CPU_NAME": "generic"}
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | slow,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert made.stdout.strip() == answers_digest()


def test_an_audit_takes_constant_memory() -> None:
    """Of 16 Mi random values and of as many of an index function: beside a chunk, a few MiB.

    A chunk is 1 MiB of bytes, which for 8-bit floats are 4 MiB as float32.
    """
    for scheme in ("normal&seed=1", "identity"):
        auditor = SpecAuditor(planned(f"shape=4096,4096&scheme={scheme}&dtype=float8_e4m3fn"))
        tracemalloc.start()
        for chunk in auditor.body.chunks():
            auditor.take(chunk)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert auditor.answer().verdict == "consistent"
        assert peak < 24 * 2**20


def test_a_matrix_is_decoded_in_pieces() -> None:
    """It is one chunk. Its values in float32 would take four times the bytes of 8-bit floats."""
    auditor = SpecAuditor(planned("shape=4096,4096&scheme=orthogonal&seed=1&dtype=float8_e4m3fn"))
    chunk = np.zeros(4096 * 4096, np.uint8).data
    tracemalloc.start()
    auditor.take(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * 2**20
