"""Linear recurrent units, whose eigenvalues are uniform on a ring of the complex plane."""

import numpy as np

from service.errors import ImpossibleError, Problem
from service.initializers.references import DE_2024, ORVIETO_2023
from service.initializers.schemes.laws import uniform_function_law
from service.initializers.schemes.record import Law, Numbers, Request, Scheme
from service.spelling import shortest
from service.stream import elementary
from service.stream.draws import Float64

LEAST_SHARE = float.fromhex("0x1p-54")
"""The least u = (1 + v) / 2 of a uniform variate v. It is the one of v = -1 + 2^-53."""

BELOW_ONE = float.fromhex("0x1.fffffffffffffp-1")
"""The largest number below 1. A square of 1 is taken for it, so that its logarithm is not 0."""

LEAST_RADIUS = 1e-100
"""A smaller r_max has a square too small for the logarithm of its least share."""

LEAST_PHASE, MOST_PHASE = 1e-100, 1e100
"""Between these phases no product with a share overflows or vanishes."""

EPSILON = 1e-8
"""RG-LRU adds it to the squared radius."""

FULL_TURN = 6.28
"""The default of the authors' code, in radians. It is a little less than 2 pi."""

_BETWEEN = (-1.0, 1.0)


def shares(variates: Float64) -> Float64:
    """u = (1 + v) / 2, at least 2^-54, for v in [-1, 1]."""
    return np.maximum(0.5 + 0.5 * variates, LEAST_SHARE)


def squared_radii(variates: Float64, least: float, width: float) -> Float64:
    """|lambda|^2 = u width + least, below 1."""
    return np.minimum(shares(variates) * width + least, BELOW_ONE)


def log_decay_rate(variates: Float64, least: float, width: float) -> Float64:
    """ln nu = ln(-1/2 ln |lambda|^2)."""
    return elementary.log(-0.5 * elementary.log(squared_radii(variates, least, width)))


def log_phase(variates: Float64, most: float) -> Float64:
    """ln theta = ln(max_phase u)."""
    return elementary.log(shares(variates) * most)


def log_input_scale(variates: Float64, least: float, width: float) -> Float64:
    """ln gamma = 1/2 ln(1 - |lambda|^2)."""
    values: Float64 = 0.5 * elementary.log1p(0.0 - squared_radii(variates, least, width))
    return values


def inverse_softplus_of_decay(variates: Float64, least: float, width: float) -> Float64:
    """Lambda with exp(-softplus(Lambda)) = a: ln(1/a - 1), where a^2 = u width + least + 1e-8."""
    squares = shares(variates) * width + least + EPSILON
    return elementary.log(elementary.expm1(-0.5 * elementary.log(squares)))


def _nu_log(request: Request) -> Law:
    return uniform_function_law(log_decay_rate, _BETWEEN, _ring(request.numbers))


def _theta_log(request: Request) -> Law:
    """Raises ImpossibleError (`out_of_range`) for a phase that is not from 1e-100 to 1e100."""
    most = request.numbers.max_phase or 0.0
    if not LEAST_PHASE <= most <= MOST_PHASE:
        message = f"max_phase is {shortest(most)}; it must be from 1e-100 to 1e100"
        raise ImpossibleError("out_of_range", Problem("max_phase", message, "write 6.28"))
    return uniform_function_law(log_phase, _BETWEEN, (most,))


def _gamma_log(request: Request) -> Law:
    return uniform_function_law(log_input_scale, _BETWEEN, _ring(request.numbers))


def _lambda(request: Request) -> Law:
    """Raises ImpossibleError (`out_of_range`) unless the square of r_max plus 1e-8 is below 1."""
    least, width = _ring(request.numbers)
    if least + width + EPSILON >= 1.0:
        message = f"{request.scheme} adds 1e-8 to the square of r_max, which must stay below 1"
        raise ImpossibleError("out_of_range", Problem("r_max", message, "write 0.999"))
    return uniform_function_law(inverse_softplus_of_decay, _BETWEEN, (least, width))


def _ring(numbers: Numbers) -> tuple[float, float]:
    """r_min^2 and r_max^2 - r_min^2.

    Raises ImpossibleError: `out_of_range` unless 0 <= r_min and 1e-100 <= r_max <= 1, `empty_range`
    unless the squares differ.
    """
    inner, outer = numbers.r_min or 0.0, numbers.r_max or 0.0
    if not LEAST_RADIUS <= outer <= 1.0:
        message = f"r_max is {shortest(outer)}; it must be from 1e-100 to 1"
        raise ImpossibleError("out_of_range", Problem("r_max", message, "write 0.999"))
    if inner < 0:
        message = f"r_min is {shortest(inner)}; it must not be below 0"
        raise ImpossibleError("out_of_range", Problem("r_min", message, "write 0"))
    least = inner * inner
    width = outer * outer - least
    if width <= 0:
        message = f"r_min {shortest(inner)} is not below r_max {shortest(outer)}"
        raise ImpossibleError("empty_range", Problem("r_min", message, "write 0"))
    return least, width


_LRU = "NicolasZucchet/minimal-LRU@bbd71b1 lru/model.py"
_RING = ("r_min", "r_max")
_LRU_RING = Numbers(r_min=0.0, r_max=1.0)

SCHEMES = (
    Scheme(
        name="lru_nu_log",
        summary="The moduli of a linear recurrent unit: |lambda| = exp(-exp(w)) on a ring.",
        formula="w = ln(-1/2 ln x), x = r_min^2 + u (r_max^2 - r_min^2), u ~ U(0, 1)",
        distribution="function_of_uniform",
        fields=_RING,
        law=_nu_log,
        defaults=_LRU_RING,
        references=(ORVIETO_2023,),
        draft=1,
        example="shape=256",
        source=_LRU,
    ),
    Scheme(
        name="lru_theta_log",
        summary="The phases of a linear recurrent unit: exp(w) is uniform up to max_phase.",
        formula="w = ln(max_phase u), u ~ U(0, 1)",
        distribution="function_of_uniform",
        fields=("max_phase",),
        law=_theta_log,
        defaults=Numbers(max_phase=FULL_TURN),
        references=(ORVIETO_2023,),
        draft=1,
        example="shape=256",
        source=_LRU,
    ),
    Scheme(
        name="lru_gamma_log",
        summary=(
            "The input scale of a linear recurrent unit. It belongs to the unit's lru_nu_log, so "
            "write the same seed and the same name for both."
        ),
        formula="w = 1/2 ln(1 - x), x as in lru_nu_log",
        distribution="function_of_uniform",
        fields=_RING,
        law=_gamma_log,
        defaults=_LRU_RING,
        references=(ORVIETO_2023,),
        draft=1,
        example="shape=256",
        source=_LRU,
    ),
    Scheme(
        name="rg_lru_lambda",
        summary="Griffin's recurrence parameter: exp(-softplus(w)) is on a ring.",
        formula="w = ln(1/a - 1), a^2 = r_min^2 + u (r_max^2 - r_min^2) + 1e-8, u ~ U(0, 1)",
        distribution="function_of_uniform",
        fields=_RING,
        law=_lambda,
        aliases=("rglru_a_param",),
        defaults=Numbers(r_min=0.9, r_max=0.999),
        references=(DE_2024,),
        draft=1,
        example="shape=256",
        source=(
            "google-deepmind/recurrentgemma@2a3dde4 recurrentgemma/jax/layers.py, rnn_param_init"
        ),
    ),
)
