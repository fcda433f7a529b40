"""The values of a request as float64, and the Kolmogorov-Smirnov test of a sample."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from service.chunks import TensorBody
from service.fields import parse_query
from service.plan import Plan, plan
from tests.stream.casting import TYPES

Values = npt.NDArray[np.float64]

KS_LIMIT = 1.95
"""sqrt(n) D is above it with probability 2 exp(-2 1.95^2) = 0.001. Seeds are fixed."""


def planned(query: str) -> Plan:
    """The plan of a request in raw format."""
    return plan(parse_query(query.encode()), "raw", max_bytes=2**44)


def issued(query: str, dtype: str = "float64") -> Values:
    """Its values in the dtype, in the shape of the slice. Every dtype fits float64."""
    made = planned(f"{query}&dtype={dtype}")
    body = b"".join(map(bytes, TensorBody(made).chunks()))
    placement = made.tensor.placement
    flat = np.frombuffer(body, TYPES[dtype]).astype(np.float64)
    return flat.reshape(placement.shape, order="F" if placement.fortran else "C")


def distance(sample: Values, distribution: Callable[[float], float]) -> float:
    """sqrt(n) times the largest difference between the sample's distribution and the exact one."""
    ordered = np.sort(sample.reshape(-1))
    exact = np.array([distribution(x) for x in ordered.tolist()])
    n = exact.size
    steps = np.arange(n + 1) / n
    largest = max(np.abs(exact - steps[1:]).max(), np.abs(exact - steps[:-1]).max())
    return math.sqrt(n) * float(largest)
