"""Random parameters of state space models: their laws, their bounds, and what depends on what."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from mpmath import mp, mpf

from service.dtypes import DTYPES
from service.errors import ImpossibleError
from service.plan.extremes import outermost_values
from service.stream.draws import Mapped, SymmetricUniform, UniformBetween
from tests.following import Request, followed
from tests.initializers.issuing import KS_LIMIT, Values, distance, issued, planned
from tests.stream.casting import TYPES

COUNT = 20_000
ASKED = f"shape={COUNT}&seed=11&name=ssm"

SCHEMES = (
    *("mamba_dt_bias", "mamba_dt_bias&dt_min=0.002&dt_max=20&dt_floor=0.01", "mamba2_a_log"),
    *("lru_nu_log", "lru_nu_log&r_min=0.9&r_max=0.999", "lru_theta_log"),
    *("lru_theta_log&max_phase=0.314", "lru_gamma_log", "lru_gamma_log&r_min=0.4&r_max=0.9"),
    *("rg_lru_lambda", "rg_lru_lambda&r_min=0&r_max=0.5"),
)

UNIFORM: dict[str, Callable[[float], float]] = {
    "mamba_dt_bias": lambda b: math.log(softplus(b) / 0.001) / math.log(100.0),
    "mamba2_a_log": lambda w: (math.exp(w) - 1.0) / 15.0,
    "lru_nu_log": lambda w: 1.0 - math.exp(-2.0 * math.exp(w)),
    "lru_nu_log&r_min=0.9&r_max=0.999": lambda w: (
        (0.998001 - math.exp(-2.0 * math.exp(w))) / (0.998001 - 0.81)
    ),
    "lru_theta_log": lambda w: math.exp(w) / 6.28,
    "lru_theta_log&max_phase=0.314": lambda w: math.exp(w) / 0.314,
    "lru_gamma_log": lambda w: math.exp(2.0 * w),
    "lru_gamma_log&r_min=0.4&r_max=0.9": lambda w: (math.exp(2.0 * w) - 0.19) / (0.84 - 0.19),
    "rg_lru_lambda": lambda w: (0.998001 + 1e-8 - (1.0 + math.exp(w)) ** -2) / (0.998001 - 0.81),
    "rg_lru_lambda&r_min=0&r_max=0.5": lambda w: (0.25 + 1e-8 - (1.0 + math.exp(w)) ** -2) / 0.25,
}
"""The distribution function of each, from the formula by hand. Falling ones are turned round."""


def softplus(x: float) -> float:
    """ln(1 + exp(x)), without loss."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@pytest.mark.parametrize("scheme", UNIFORM)
def test_a_sample_has_the_exact_law(scheme: str) -> None:
    """Kolmogorov-Smirnov. Negative control: the law moved by 3 % of the mass is not it."""
    sample = issued(f"{ASKED}&scheme={scheme}")
    law = UNIFORM[scheme]
    assert distance(sample, law) < KS_LIMIT
    assert distance(sample, lambda x: law(x) + 0.03) > KS_LIMIT


@pytest.mark.parametrize("scheme", SCHEMES)
def test_moments_of_a_sample_are_those_told(scheme: str) -> None:
    """Within 4 standard errors of the mean, and of the std with the sample's fourth moment."""
    sample = issued(f"{ASKED}&scheme={scheme}")
    law = planned(f"{ASKED}&scheme={scheme}").tensor.law
    assert law.mean is not None
    assert law.std is not None
    away = sample - law.mean
    assert abs(away.mean()) < 4.0 * law.std / math.sqrt(COUNT)
    squares = away * away
    assert abs(squares.mean() - law.std**2) < 4.0 * squares.std() / math.sqrt(COUNT)


def quadrature(function: Callable[[mpf], mpf], points: list[mpf]) -> tuple[float, float]:
    """Mean and std of function(u), u uniform between the first and the last point, by mpmath."""
    span = points[-1] - points[0]
    mean = mp.quad(function, points) / span
    square = mp.quad(lambda u: (function(u) - mean) ** 2, points) / span
    return float(mean), float(mp.sqrt(square))


def inverse_softplus(t: mpf, floor: float) -> mpf:
    dt = max(mp.exp(t), mpf(floor))
    return dt + mp.log(-mp.expm1(-dt))


MOMENTS: dict[str, tuple[float, float]] = {
    "lru_nu_log": (float(-mp.euler - mp.log(2)), float(mp.pi / mp.sqrt(6))),
    "lru_theta_log": (math.log(6.28) - 1.0, 1.0),
    "lru_gamma_log": (-0.5, 0.5),
    "mamba2_a_log": quadrature(mp.log, [mpf(1), mpf(16)]),
    "mamba_dt_bias": quadrature(
        lambda t: inverse_softplus(t, 0.0), [mp.log(mpf(0.001)), mp.log(mpf(0.1))]
    ),
    "mamba_dt_bias&dt_min=0.002&dt_max=20&dt_floor=0.01": quadrature(
        lambda t: inverse_softplus(t, 0.01),
        [mp.log(mpf(0.002)), mp.log(mpf(0.01)), mp.log(mpf(20))],
    ),
    "rg_lru_lambda": quadrature(
        lambda u: mp.log((u + mpf(1e-8)) ** mpf("-0.5") - 1), [mpf(0.9) ** 2, mpf(0.999) ** 2]
    ),
}
"""The logarithm of an exponential variate of rate 2, ln U and 1/2 ln U in closed form."""


@pytest.mark.parametrize("scheme", MOMENTS)
def test_mean_and_std_are_told_with_nine_digits(scheme: str) -> None:
    """Also where the function is infinite at an end, or has a corner at dt_floor."""
    law = planned(f"shape=4&scheme={scheme}").tensor.law
    mean, std = MOMENTS[scheme]
    assert law.mean == pytest.approx(mean, rel=5e-9)
    assert law.std == pytest.approx(std, rel=5e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("least", "most", "floor"), [(1e-3, 0.1, 1e-4), (1e-6, 40.0, 1e-3)])
def test_the_time_step_lies_in_its_range(
    dtype: str, least: float, most: float, floor: float
) -> None:
    """softplus(b) is from max(dt_min, dt_floor) to dt_max, but for the rounding of b.

    A rounding of b changes ln dt by at most the spacing of b; float64 has libm's errors besides.
    """
    query = f"{ASKED}&scheme=mamba_dt_bias&dt_min={least}&dt_max={most}&dt_floor={floor}"
    values = issued(query, dtype)
    spare = 40 * float(np.finfo(TYPES[dtype]).eps)
    steps = np.array([softplus(b) for b in values.tolist()])
    assert steps.min() >= max(least, floor) * (1.0 - spare)
    assert steps.max() <= most * (1.0 + spare)
    assert steps.min() < 1.01 * max(least, floor)
    assert steps.max() > 0.99 * most


def test_steps_below_the_floor_are_raised_to_it() -> None:
    """A share ln(floor / dt_min) / ln(dt_max / dt_min) of them, within 4 standard errors."""
    query = f"{ASKED}&scheme=mamba_dt_bias&dt_min=0.001&dt_max=0.1&dt_floor=0.01"
    values = issued(query)
    raised = (values == values.min()).mean()
    assert abs(raised - 0.5) < 4.0 * 0.5 / math.sqrt(COUNT)
    assert softplus(values.min()) == pytest.approx(0.01, rel=1e-13)


@pytest.mark.parametrize("ring", ["", "&r_min=0.4&r_max=0.9"])
def test_gamma_belongs_to_the_nu_of_its_name(ring: str) -> None:
    """gamma^2 + |lambda|^2 = 1, element by element. Negative control: another name."""
    squares = np.exp(-2.0 * np.exp(issued(f"{ASKED}&scheme=lru_nu_log{ring}")))
    gamma = issued(f"{ASKED}&scheme=lru_gamma_log{ring}")
    assert np.abs(np.exp(2.0 * gamma) + squares - 1.0).max() < 1e-14
    other = issued(f"shape={COUNT}&seed=11&name=other&scheme=lru_gamma_log{ring}")
    assert np.abs(np.exp(2.0 * other) + squares - 1.0).max() > 0.1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_variate_gives_an_infinite_value(scheme: str) -> None:
    """Those of the outermost words, in which the logarithms are taken near 0."""
    draw = planned(f"shape=4&scheme={scheme}").tensor.law.draw
    assert isinstance(draw, Mapped)
    inner = draw.draw
    assert isinstance(inner, SymmetricUniform | UniformBetween)
    ends = (inner.low, inner.high) if isinstance(inner, UniformBetween) else (-1.0, 1.0)
    near = np.array([ends[0], np.nextafter(ends[0], 1e9), np.nextafter(ends[1], -1e9), ends[1]])
    values = draw.function(near, *draw.numbers)
    assert np.isfinite(values).all()
    assert (values.min(), values.max()) == (draw.low, draw.high)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_slices_layouts_and_orders_are_parts_of_the_whole(scheme: str) -> None:
    """Elements count along O, then I."""
    asked = f"scheme={scheme}&seed=2&name=n"
    whole = issued(f"shape=9,11&{asked}", "float32")
    assert (issued(f"shape=9,11&{asked}&slice=2:7,3:11", "float32") == whole[2:7, 3:11]).all()
    assert (issued(f"shape=11,9&layout=IO&{asked}", "float32") == whole.T).all()
    assert (issued(f"shape=9,11&order=F&{asked}", "float32") == whole).all()
    assert (issued(f"shape=99&{asked}", "float32") == whole.reshape(-1)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_dtype_is_the_rounded_double(scheme: str, dtype: str) -> None:
    """Rounded to single first. The draw is in double for every dtype."""
    asked = f"shape=500&scheme={scheme}&seed=2"
    double = issued(asked)
    single: Values = double.astype(np.float32).astype(TYPES[dtype]).astype(np.float64)
    wanted = double if dtype == "float64" else single
    found = issued(asked, dtype)
    assert (found == wanted).all()
    lowest, highest = outermost_values(planned(asked).tensor.law.draw, dtype)
    assert lowest <= found.min() <= found.max() <= highest


def test_a_projection_of_the_time_step_has_the_limit_of_its_rank() -> None:
    """dt_rank^(-1/2): exactly 1/4 of 16 inputs, in any layout; `uniform` with it has the bits."""
    found = issued("shape=64,16&scheme=mamba_dt_projection&seed=3", "float32")
    uniform = issued("shape=64,16&scheme=uniform&low=-0.25&high=0.25&seed=3", "float32")
    assert (found == uniform).all()
    moved = issued("shape=16,64&layout=IO&scheme=mamba_dt_projection&seed=3", "float32")
    assert (found == moved.T).all()
    law = planned("shape=64,48&scheme=mamba_dt_projection").tensor.law
    torch = planned("shape=64,48&scheme=torch.linear").tensor.law
    assert law.limit == 48**-0.5
    assert law.limit == pytest.approx(torch.limit, rel=3e-16)
    assert law.std == pytest.approx(torch.std, rel=3e-16)


REFUSED = [
    ("mamba_dt_bias&dt_min=0", "out_of_range"),
    ("mamba_dt_bias&dt_max=-1", "out_of_range"),
    ("mamba_dt_bias&dt_max=1e101", "out_of_range"),
    ("mamba_dt_bias&dt_floor=1e-101", "out_of_range"),
    ("mamba_dt_bias&dt_min=0.2", "empty_range"),
    ("mamba_dt_bias&dt_floor=0.1", "empty_range"),
    ("mamba_dt_projection", "scheme_axes"),
    ("lru_nu_log&r_max=1.5", "out_of_range"),
    ("lru_nu_log&r_max=0", "out_of_range"),
    ("lru_gamma_log&r_min=-0.5", "out_of_range"),
    ("lru_gamma_log&r_min=1", "empty_range"),
    ("lru_theta_log&max_phase=0", "out_of_range"),
    ("lru_theta_log&max_phase=1e200", "out_of_range"),
    ("rg_lru_lambda&r_max=1", "out_of_range"),
    ("rg_lru_lambda&r_max=0.9", "empty_range"),
]


@pytest.mark.parametrize(("scheme", "reason"), REFUSED)
def test_an_impossible_range_is_refused_with_a_way_out(scheme: str, reason: str) -> None:
    """Who follows the hint gets an answer."""
    query = f"shape=8&seed=1&scheme={scheme}"
    with pytest.raises(ImpossibleError) as refused:
        planned(query)
    assert refused.value.reason == reason
    request = Request(dict(word.split("=", 1) for word in query.split("&")))
    for problem in refused.value.problems:
        ways = list(followed(problem, request))
        assert ways
        assert [way.refusal() for way in ways] == [None] * len(ways)
