"""What a query is answered: values, law, warnings and refusals, asked of the plan."""

from collections.abc import Sequence

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

from service.chunks import TensorBody
from service.errors import FaninError, Problem
from service.fields import parse_query
from service.initializers.schemes import Law
from service.plan import plan
from service.plan.canonical import canonical_url

Array = npt.NDArray[np.float64]


def law(query: str) -> Law:
    """The law of a request for one block."""
    return plan(parse_query(f"{query}&seed=1".encode()), "raw", max_bytes=2**44).tensor.law


def laws(query: str) -> Sequence[Law]:
    """The laws of the blocks of a request."""
    made = plan(parse_query(f"{query}&seed=1".encode()), "raw", max_bytes=2**44)
    return [block.law for block in made.tensor.blocks]


def values(query: str, seed: int = 1, name: str = "a") -> Array:
    """The values of a request in the shape that it returns, float64 unless it has a dtype."""
    typed = query if "dtype=" in query else f"{query}&dtype=float64"
    made = plan(parse_query(f"{typed}&seed={seed}&name={name}".encode()), "raw", max_bytes=2**62)
    kind = getattr(ml_dtypes, made.spec.dtype, None) or np.dtype(made.spec.dtype)
    body = b"".join(map(bytes, TensorBody(made).chunks()))
    flat = np.frombuffer(body, kind).astype(np.float64)
    shape: tuple[int, ...] = made.tensor.placement.shape
    if made.spec.order == "F":
        return flat.reshape(shape[::-1]).transpose()
    return flat.reshape(shape)


def url(query: str) -> str:
    """The canonical query of a request with seed 1."""
    made = plan(parse_query(f"{query}&seed=1".encode()), "raw", max_bytes=2**44)
    return canonical_url(made.tensor).partition("?")[2]


def refusal(query: str) -> tuple[str, Problem]:
    """The reason of a refusal and its first problem."""
    with pytest.raises(FaninError) as refused:
        plan(parse_query(f"{query}&seed=1".encode()), "raw", max_bytes=2**44)
    return refused.value.reason, refused.value.problems[0]


def assert_std(drawn: Array, std: float) -> None:
    """The std of the values is `std` within five standard errors.

    The standard error is std / sqrt(2 n) for a normal, and less for a uniform and for a truncated
    normal, whose tails are lighter. The mean is known to be 0.
    """
    measured = float(np.sqrt(np.mean(drawn * drawn)))
    assert abs(measured / std - 1.0) <= 5.0 / np.sqrt(2.0 * drawn.size)
