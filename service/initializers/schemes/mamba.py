"""The parameters of Mamba's state space: A, and the time step's bias and projection."""

import math
from decimal import Context, Decimal

import numpy as np

from service.errors import ImpossibleError, Problem
from service.initializers.references import DAO_2024, GU_2023
from service.initializers.schemes.laws import uniform_function_law
from service.initializers.schemes.plain import uniform_within
from service.initializers.schemes.record import Law, Numbers, Request, Scheme
from service.initializers.schemes.state_space import logarithm_of_number, row_law
from service.spelling import shortest
from service.stream import elementary
from service.stream.draws import Float64

LEAST_STEP, MOST_STEP = 1e-100, 1e100
"""Between these time steps no exponential vanishes, and no square in the std overflows."""

DIGITS = 40
"""Decimal digits of a logarithm. A float64 needs 17."""

LEAST_RATE, MOST_RATE = 1.0, 16.0
"""Mamba-2 draws -A between them (`A_init_range`)."""


def logarithm(values: Float64) -> Float64:
    """ln v."""
    return elementary.log(values)


def inverse_softplus_of_exp(logarithms: Float64, floor: float) -> Float64:
    """b with softplus(b) = dt, where dt = max(exp(t), floor): b = dt + ln(-expm1(-dt))."""
    steps = np.maximum(elementary.exp(logarithms), floor)
    values: Float64 = steps + elementary.log(0.0 - elementary.expm1(0.0 - steps))
    return values


def _dt_bias(request: Request) -> Law:
    """The inverse softplus of a time step whose logarithm is uniform.

    Raises ImpossibleError: `out_of_range`, and `empty_range` unless dt_min and dt_floor are below
    dt_max.
    """
    shortest_step, longest_step, floor = _steps(request.numbers)
    low, high = _nearest_logarithm(shortest_step), _nearest_logarithm(longest_step)
    cuts = (_nearest_logarithm(floor),) if shortest_step < floor else ()
    return uniform_function_law(inverse_softplus_of_exp, (low, high), (floor,), 0, cuts)


def _nearest_logarithm(value: float) -> float:
    """The float64 nearest to ln(value)."""
    return float(Context(prec=DIGITS).ln(Decimal(value)))


def _steps(numbers: Numbers) -> tuple[float, float, float]:
    """dt_min, dt_max and dt_floor."""
    least, most, floor = numbers.dt_min or 0.0, numbers.dt_max or 0.0, numbers.dt_floor or 0.0
    for field, value in (("dt_min", least), ("dt_max", most), ("dt_floor", floor)):
        if not LEAST_STEP <= value <= MOST_STEP:
            message = f"{field} is {shortest(value)}; it must be from 1e-100 to 1e100"
            raise ImpossibleError("out_of_range", Problem(field, message, "write 0.01"))
    for field, value in (("dt_min", least), ("dt_floor", floor)):
        if value >= most:
            message = f"{field} {shortest(value)} is not below dt_max {shortest(most)}"
            hint = f"write {shortest(most / 100.0)}"
            raise ImpossibleError("empty_range", Problem(field, message, hint))
    return least, most, floor


def _dt_projection(request: Request) -> Law:
    """The limit is sqrt(1 / inputs), and the std is limit / sqrt(3).

    Raises ImpossibleError (`scheme_axes`) for a tensor without inputs.
    """
    if "I" not in request.weight.letters:
        message = f"{request.scheme} needs an axis of inputs, whose extent is dt_rank"
        raise ImpossibleError("scheme_axes", Problem("shape", message, "write shape=1536,48"))
    limit = math.sqrt(1.0 / max(request.weight.count("I"), 1))
    return uniform_within(limit, limit / math.sqrt(3.0))


_MAMBA = "state-spaces/mamba@52f57d6 mamba_ssm/modules/mamba_simple.py"
_MAMBA_2 = "state-spaces/mamba@03a38fb mamba_ssm/modules/mamba2.py"

SCHEMES = (
    Scheme(
        name="mamba_a_log",
        summary="Mamba's A_log: A is -1, -2, ... -N in each channel, as in S4D-Real. Mamba's D is "
        "scheme=ones.",
        formula="w[d, n] = ln(n + 1)",
        distribution="deterministic",
        fields=(),
        law=lambda request: row_law(request, logarithm_of_number),
        references=(GU_2023,),
        access="index",
        draft=1,
        example="shape=1536,16",
        source=_MAMBA,
    ),
    Scheme(
        name="mamba_dt_bias",
        summary="The bias of Mamba's time step: softplus(b) is log-uniform from dt_min to dt_max.",
        formula="b = dt + ln(1 - exp(-dt)), dt = max(exp(U(ln dt_min, ln dt_max)), dt_floor)",
        distribution="function_of_uniform",
        fields=("dt_min", "dt_max", "dt_floor"),
        law=_dt_bias,
        aliases=("mamba2_dt_bias",),
        defaults=Numbers(dt_min=0.001, dt_max=0.1, dt_floor=0.0001),
        references=(GU_2023,),
        draft=1,
        example="shape=1536",
        source=f"{_MAMBA}; {_MAMBA_2}",
    ),
    Scheme(
        name="mamba_dt_projection",
        summary="The projection of Mamba's time step: it keeps the variance of dt_rank inputs.",
        formula="w ~ U(-dt_rank^(-1/2), dt_rank^(-1/2)), dt_rank = inputs",
        distribution="uniform",
        fields=(),
        law=_dt_projection,
        references=(GU_2023,),
        draft=1,
        example="shape=1536,48",
        source=_MAMBA,
    ),
    Scheme(
        name="mamba2_a_log",
        summary=(
            "Mamba-2's A_log: -A is uniform from 1 to 16 in each head. Mamba-2's D is scheme=ones."
        ),
        formula="w = ln u, u ~ U(1, 16)",
        distribution="function_of_uniform",
        fields=(),
        law=lambda request: uniform_function_law(logarithm, (LEAST_RATE, MOST_RATE)),
        references=(DAO_2024,),
        draft=1,
        example="shape=24",
        source=_MAMBA_2,
    ),
)
