"""Tables of state space models against mpmath and the constructions of their authors."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from mpmath import mp, mpf

from service.dtypes import DTYPES
from service.errors import ImpossibleError
from service.plan.extremes import outermost_values
from tests.initializers.issuing import Values, issued, planned
from tests.stream.casting import TYPES

Formula = Callable[[int, int], mpf]
"""The exact value of place n among N."""

mp.dps = 40

TABLES: dict[str, Formula] = {
    "mamba_a_log": lambda n, _: mp.log(n + 1),
    "s4d_log_decay": lambda n, _: mp.log(mpf(1) / 2),
    "s4d_log_decay&variant=real": lambda n, _: mp.log(n + 1),
    "s4d_frequency": lambda n, _: mp.pi * n,
    "s4d_frequency&variant=inv": lambda n, N: 2 * N / mp.pi * (mpf(2 * N) / (2 * n + 1) - 1),
    "hippo_legs_b": lambda n, _: mp.sqrt(2 * n + 1),
    "retnet_decays": lambda n, _: mp.log1p(-(mpf(2) ** (-5 - n))),
    "retnet_decays&variant=plain": lambda n, _: 1 - mpf(2) ** (-5 - n),
}
"""With 2 N states for the N columns of S4D, as in the page's sources."""


def exact(scheme: str, extent: int) -> list[mpf]:
    return [TABLES[scheme](n, extent) for n in range(extent)]


@pytest.mark.parametrize("extent", [1, 2, 16, 64, 300])
@pytest.mark.parametrize("scheme", TABLES)
def test_a_table_is_the_formula(scheme: str, extent: int) -> None:
    """In float64 to 2 ulp, for a formula has up to four roundings; in float32 to 1 ulp."""
    for dtype, kind, most in (("float64", np.float64, 2), ("float32", np.float32, 1)):
        found = issued(f"shape={extent}&scheme={scheme}", dtype)
        for value, wanted in zip(found.tolist(), exact(scheme, extent), strict=True):
            ulp = float(np.spacing(kind(abs(float(wanted)))))
            assert abs(mpf(value) - wanted) <= most * ulp


def test_another_formula_would_be_noticed() -> None:
    """Negative control: S4D-Inv with N instead of 2 N states is far away."""
    found = issued("shape=16&scheme=s4d_frequency&variant=inv")
    wrong = [16 / mp.pi * (mpf(16) / (2 * n + 1) - 1) for n in range(16)]
    assert abs(mpf(found[3].item()) - wrong[3]) > 1


@pytest.mark.parametrize("scheme", [*TABLES, "hippo_legs_a"])
def test_every_row_is_the_same_whatever_the_layout(scheme: str) -> None:
    """Channels have equal rows along the last axis; a layout and an order move them alone.

    hippo_legs_a is a matrix, and only moves.
    """
    table = issued(f"shape=5,7&scheme={scheme}", "float32")
    if scheme != "hippo_legs_a":
        assert (table == issued(f"shape=7&scheme={scheme}", "float32")).all()
    assert (issued(f"shape=7,5&layout=IO&scheme={scheme}", "float32") == table.T).all()
    assert (issued(f"shape=5,7&order=F&scheme={scheme}", "float32") == table).all()
    part = issued(f"shape=5,7&scheme={scheme}&slice=1:4,2:7", "float32")
    assert (part == table[1:4, 2:7]).all()
    assert not np.signbit(table[table == 0]).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scheme", [*TABLES, "hippo_legs_a"])
def test_a_narrow_dtype_is_the_rounded_single(scheme: str, dtype: str) -> None:
    """ml_dtypes rounds the same."""
    shape = "12,12" if scheme == "hippo_legs_a" else "12"
    single = issued(f"shape={shape}&scheme={scheme}", "float32").astype(np.float32)
    if dtype != "float64":
        wanted = single.astype(TYPES[dtype]).astype(np.float64)
        assert (issued(f"shape={shape}&scheme={scheme}", dtype) == wanted).all()


@pytest.mark.parametrize("scheme", TABLES)
def test_a_slice_of_a_huge_table_takes_its_own_elements(scheme: str) -> None:
    """10^9 channels: the last rows are those of a table of one row."""
    asked = f"shape=1000000000,16&scheme={scheme}&slice=999999997:1000000000,:"
    assert (issued(asked) == issued(f"shape=16&scheme={scheme}")).all()


@pytest.mark.parametrize("scheme", TABLES)
def test_facts_of_a_table_are_those_of_its_values(scheme: str) -> None:
    """mean and std of the exact values to 1e-14; the ends are values."""
    law = planned(f"shape=3,50&scheme={scheme}").tensor.law
    wanted = exact(scheme, 50)
    mean = mp.fsum(wanted) / 50
    std = mp.sqrt(mp.fsum((value - mean) ** 2 for value in wanted) / 50)
    assert law.mean is not None
    assert law.std is not None
    assert abs(law.mean - mean) <= 1e-14 * (1 + abs(mean))
    assert abs(law.std - std) <= 1e-14 * (1 + std)
    values = issued(f"shape=3,50&scheme={scheme}")
    assert (law.low, law.high) == (values.min(), values.max())


def test_decays_end_at_no_decay() -> None:
    """Where the power of 2 is lost, the plain decay is 1, and its logarithm is not -0."""
    plain = issued("shape=30&scheme=retnet_decays&variant=plain", "float32")
    assert plain[:20].max() < 1.0
    assert (plain[20:] == 1.0).all()
    logarithms = issued("shape=2000&scheme=retnet_decays")
    assert not np.signbit(logarithms[-1])
    assert (np.diff(logarithms) >= 0).all()


def authors_legs(order: int) -> tuple[Values, Values]:
    """A and B of HiPPO-LegS as T M T^-1, the construction of state-spaces/s4's hippo.py."""
    q = np.arange(order, dtype=np.float64)
    r = 2.0 * q + 1.0
    m = -(np.tril(np.broadcast_to(r, (order, order))) - np.diag(q))
    t = np.diag(np.sqrt(r))
    return t @ m @ np.linalg.inv(t), np.diag(t)


@pytest.mark.parametrize("order", [1, 2, 3, 8, 64])
def test_legs_is_the_matrix_of_its_authors(order: int) -> None:
    """To 1e-13 of each entry: their product has rounding errors of its own."""
    a, b = authors_legs(order)
    found = issued(f"shape={order},{order}&scheme=hippo_legs_a")
    assert np.abs(found - a).max() <= 1e-13 * np.abs(a).max()
    assert np.abs(issued(f"shape={order}&scheme=hippo_legs_b") - b).max() <= 1e-13 * b.max()
    assert order < 2 or np.abs(found.T - a).max() > 1.0


@pytest.mark.parametrize("rows", range(1, 7))
@pytest.mark.parametrize("columns", range(1, 7))
def test_legs_has_the_outermost_values_that_it_tells(rows: int, columns: int) -> None:
    """Of any shape, square or not; it is the corner of a larger matrix."""
    query = f"shape={rows},{columns}&scheme=hippo_legs_a"
    values = issued(query)
    ends = outermost_values(planned(query).tensor.law.draw, "float64")
    assert ends == (values.min(), values.max())
    assert (values == issued("shape=9,9&scheme=hippo_legs_a")[:rows, :columns]).all()


def test_each_block_of_legs_is_a_matrix() -> None:
    """`parts` stacks matrices."""
    whole = issued("shape=12,4&scheme=hippo_legs_a&parts=3")
    assert (whole.reshape(3, 4, 4) == issued("shape=4,4&scheme=hippo_legs_a")).all()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        *((f"shape=scalar&scheme={scheme}", "scheme_axes") for scheme in TABLES),
        ("shape=4&scheme=hippo_legs_a", "scheme_axes"),
        ("shape=4,4&scheme=s4d_frequency&variant=real", "scheme_field"),
        ("shape=4,4&scheme=s4d_log_decay&variant=inv", "scheme_field"),
        ("shape=4,4&scheme=retnet_decays&variant=lin", "scheme_field"),
        ("shape=4,4&scheme=mamba_a_log&variant=lin", "scheme_field"),
    ],
)
def test_what_has_no_table_is_refused(query: str, reason: str) -> None:
    """A scalar has no last axis. A variant belongs to its scheme."""
    with pytest.raises(ImpossibleError) as refused:
        planned(query)
    assert refused.value.reason == reason


def test_an_empty_table_has_no_moments() -> None:
    """It has no values."""
    for shape in ("0,4", "4,0", "0"):
        law = planned(f"shape={shape}&scheme=mamba_a_log").tensor.law
        assert (law.mean, law.std) == (None, None)


def test_a_long_table_has_the_ends_of_its_values() -> None:
    """Its mean is not computed; low and high are."""
    law = planned(f"shape={2**40}&scheme=mamba_a_log").tensor.law
    assert law.mean is None
    assert law.high == pytest.approx(40 * math.log(2.0), rel=1e-15)
