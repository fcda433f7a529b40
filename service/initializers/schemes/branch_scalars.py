"""Factors of residual branches, which begin at 0 or near it."""

from service.errors import ImpossibleError, Problem
from service.initializers.references import BACHLECHNER_2020, DE_2020, TOUVRON_2021
from service.initializers.schemes.plain import constant_law
from service.initializers.schemes.record import Law, Request, Scheme

SHALLOW, MIDDLE = 18, 24
"""The most blocks of a network with the first and with the second factor of LayerScale."""


def _layer_scale(request: Request) -> Law:
    """w = value; or by the depth, .1 up to 18 blocks, 1e-5 up to 24, 1e-6 beyond.

    Raises ImpossibleError: `scheme_needs` without both, `conflicting_fields` with both.
    """
    depth, value = request.numbers.depth, request.numbers.value
    if depth is not None and value is not None:
        message = "depth already determines value"
        problem = Problem("depth", message, "leave depth out, or leave value out")
        raise ImpossibleError("conflicting_fields", problem)
    if value is not None:
        return constant_law(value)
    if depth is None:
        message = f"{request.scheme} needs depth, or value"
        problem = Problem("depth", message, "add depth=12, or add value=0.0001")
        raise ImpossibleError("scheme_needs", problem)
    return constant_law(0.1 if depth <= SHALLOW else 1e-5 if depth <= MIDDLE else 1e-6)


SCHEMES = (
    Scheme(
        name="rezero",
        summary="ReZero's factor of a residual branch: the block is the identity at the start.",
        formula="w = 0",
        distribution="constant",
        fields=(),
        law=lambda _: constant_law(0.0),
        references=(BACHLECHNER_2020,),
        draft=1,
        example="shape=1",
        source="majumderb/rezero@bfea86b, rezero/transformer/rztx.py, resweight",
    ),
    Scheme(
        name="skipinit",
        summary="SkipInit's factor of a residual branch: the block is the identity at the start.",
        formula="w = 0",
        distribution="constant",
        fields=(),
        law=lambda _: constant_law(0.0),
        references=(DE_2020,),
        draft=1,
        example="shape=1",
    ),
    Scheme(
        name="layer_scale",
        summary="LayerScale's factors, one for each channel of a residual branch.",
        formula="w = value; with depth 0.1 up to 18 blocks, 1e-5 up to 24, 1e-6 beyond",
        distribution="constant",
        fields=("value", "depth"),
        law=_layer_scale,
        references=(TOUVRON_2021,),
        draft=1,
        example="shape=384&depth=24",
        source="facebookresearch/deit@0176669, cait_models.py",
    ),
)
