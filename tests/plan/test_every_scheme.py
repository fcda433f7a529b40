"""What the plan tells of every scheme in every dtype, held against the values themselves."""

import json

import numpy as np
import numpy.typing as npt
import pytest

from service.chunks import TensorBody
from service.dtypes import DTYPES
from service.errors import ImpossibleError
from service.fields import parse_query
from service.initializers.schemes import SCHEMES
from service.plan import Plan, plan
from service.plan.extremes import outermost_values
from tests.filling import smallest
from tests.stream.casting import TYPES


def planned(name: str, dtype: str) -> Plan:
    """The plan of the smallest request of a scheme, in this dtype."""
    return plan(parse_query(f"{smallest(name)}&dtype={dtype}".encode()), "raw", max_bytes=2**30)


def values_of(made: Plan) -> npt.NDArray[np.float64]:
    """All values of a small tensor, as float64."""
    body = b"".join(map(bytes, TensorBody(made).chunks()))
    return np.frombuffer(body, TYPES[made.spec.dtype]).astype(np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SCHEMES)
def test_values_lie_between_the_outermost_ones(name: str, dtype: str) -> None:
    """So no request is refused for values that no word gives, and none overflows unseen."""
    made = planned(name, dtype)
    values = values_of(made)
    ends = [outermost_values(block.law.draw, dtype) for block in made.tensor.blocks]
    assert min(ends)[0] <= values.min() <= values.max() <= max(high for _, high in ends)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SCHEMES)
def test_there_is_a_certificate(name: str, dtype: str) -> None:
    """In JSON, of finite numbers; `rounded` is told, or said not to be known."""
    told = json.loads(planned(name, dtype).certificate_text())
    assert told["scheme"] == name
    assert told["rounded"] is None or set(told["rounded"]) >= {"mean", "std", "zeros"}


def test_ends_that_are_too_narrow_would_be_seen() -> None:
    """Negative control: the ends of a uniform are passed by a normal of the same std."""
    made = planned("normal", "float32")
    uniform = plan(parse_query(b"shape=4&scheme=uniform&std=1&seed=1"), "raw", max_bytes=2**30)
    _, highest = outermost_values(uniform.tensor.law.draw, "float32")
    assert np.abs(values_of(made)).max() > highest


def test_a_refusal_is_no_excuse() -> None:
    """Every scheme has a request that is served in every dtype: the cases above skip none."""
    for name in SCHEMES:
        for dtype in DTYPES:
            try:
                planned(name, dtype)
            except ImpossibleError as refused:
                pytest.fail(f"{name} in {dtype}: {refused}")
