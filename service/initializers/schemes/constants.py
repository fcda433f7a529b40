"""Constants: every element has one value."""

from service.initializers.schemes.record import Law, Numbers, Request, Scheme, missing
from service.stream.draws import Constant


def constant_law(value: float) -> Law:
    """w = value."""
    return Law(Constant(value), "constant", value, 0.0, levels=((value, 1.0),))


def _law(request: Request) -> Law:
    value = request.numbers.value
    if value is None:
        raise missing(request.scheme, "value")
    return constant_law(value)


SCHEMES = (
    Scheme(
        name="zeros",
        summary="Every element is 0: biases, the last layer of a residual branch.",
        formula="w = 0",
        distribution="constant",
        fields=(),
        law=_law,
        defaults=Numbers(value=0.0),
    ),
    Scheme(
        name="ones",
        summary="Every element is 1: the scales of a normalization.",
        formula="w = 1",
        distribution="constant",
        fields=(),
        law=_law,
        defaults=Numbers(value=1.0),
    ),
    Scheme(
        name="constant",
        summary="Every element is the given value.",
        formula="w = value",
        distribution="constant",
        fields=("value",),
        law=_law,
    ),
)
