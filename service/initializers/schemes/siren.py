"""SIREN: uniform weights for layers sin(omega (W x + b))."""

import math

from service.initializers.references import SITZMANN_2020
from service.initializers.schemes.fan_laws import fan_law
from service.initializers.schemes.plain import uniform_within
from service.initializers.schemes.record import Law, Numbers, Request, Scheme, require_positive


def _first(request: Request) -> Law:
    """limit = 1 / n."""
    return fan_law(request, lambda n: _uniform(1.0 / n))


def _hidden(request: Request) -> Law:
    """limit = sqrt(6 / n) / omega."""
    omega = request.numbers.omega or 0.0
    require_positive("omega", omega)
    return fan_law(request, lambda n: _uniform(math.sqrt(6.0 / n) / omega))


def _uniform(limit: float) -> Law:
    return uniform_within(limit, limit / math.sqrt(3.0))


SCHEMES = (
    Scheme(
        name="siren_first",
        summary="The first layer of a SIREN, which reads coordinates.",
        formula="limit = 1/n, n = fan_in",
        distribution="uniform",
        fields=("fan_in",),
        law=_first,
        distributions=("uniform",),
        defaults=Numbers(mode="fan_in", distribution="uniform"),
        references=(SITZMANN_2020,),
        draft=1,
        example="shape=256,2",
        source="vsitzmann/siren@361422e, modules.py, first_layer_sine_init",
    ),
    Scheme(
        name="siren",
        summary="All other layers of a SIREN, the last one included.",
        formula="limit = sqrt(6/n) / omega, n = fan_in",
        distribution="uniform",
        fields=("fan_in", "omega"),
        law=_hidden,
        distributions=("uniform",),
        defaults=Numbers(mode="fan_in", distribution="uniform", omega=30.0),
        references=(SITZMANN_2020,),
        draft=1,
        example="shape=256,256",
        source="vsitzmann/siren@361422e, modules.py, sine_init",
    ),
)
