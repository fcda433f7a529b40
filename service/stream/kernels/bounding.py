"""Values into their bounds, which are numbers of the precision that the values have here."""

from service.stream.kernels.compiled import inlined


@inlined
def clamped(value, low, high):
    raised = low if value < low else value
    return high if raised > high else raised
