"""Laws whose std or limit is a function of a fan, with no gain that a request could set."""

from collections.abc import Callable
from dataclasses import replace

from service.initializers.schemes.plain import constant_law
from service.initializers.schemes.record import Law, Request


def fan_law(request: Request, values: Callable[[float], Law]) -> Law:
    """The law that `values` makes of the fan of the scheme's mode.

    An empty tensor that lacks the fan has no values and no std.
    """
    n = request.fan_number
    if n is None:
        distribution = request.numbers.distribution or ""
        law = replace(constant_law(0.0), distribution=distribution, std=None)
    else:
        law = values(n)
    return replace(law, mode=request.numbers.mode, fan_in=request.fan_in, fan_out=request.fan_out)


def embedding_or_fan_in(request: Request) -> Request:
    """The request with d as its fan: fan_in, but the columns of an embedding.

    d is the width of the residual stream, and one row of an embedding is one input of it. A
    requested fan_in is d for any layer.
    """
    if request.weight.layer != "embedding" or request.requested.fan_in is not None:
        return request
    numbers = replace(request.numbers, mode="fan_out")
    return replace(request, numbers=numbers, fan_number=request.fan_out or None)
