"""Into the bounds, which are numbers of the dtype: rounding keeps what is inside them inside."""

from service.stream.kernels.compiled import inlined


@inlined
def clamped(value, low, high):
    raised = low if value < low else value
    return high if raised > high else raised
