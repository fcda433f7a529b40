"""The numbers that set the scale of a tensor: of every scheme, and by the values themselves."""

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from service.calibration.scale import DIGITS, rounded, scale_of
from service.chunks import TensorBody
from service.errors import ImpossibleError
from service.fields import Spec, parse_query
from service.initializers.schemes import SCHEMES
from service.plan import Plan, plan

FACTOR = 0.7
HALF_OF_THE_LAST_DIGIT = 0.5 * 10 ** (1 - DIGITS)


def planned(spec: Spec) -> Plan:
    return plan(spec, "raw", max_bytes=2**40)


def example_of(scheme: str) -> Spec:
    """The scheme's own example in float64, a few elements of it."""
    spec = parse_query(f"{SCHEMES[scheme].example}&scheme={scheme}&seed=3&dtype=float64".encode())
    first = min(4, spec.shape[0])
    return spec.model_copy(update={"slice": ((0, first), *((None, None) for _ in spec.shape[1:]))})


def values(made: Plan) -> npt.NDArray[np.float64]:
    return np.frombuffer(b"".join(map(bytes, TensorBody(made).chunks())), np.float64)


def outcome(scheme: str) -> str:
    """How the scheme is scaled: by which fields, or why not."""
    before = planned(example_of(scheme))
    try:
        scale = scale_of(before.tensor)
    except ImpossibleError as error:
        return f"{error.reason}: {error.problems[0].field}"
    after = planned(scale.times(FACTOR).spec)
    old, new = values(before), values(after)
    close = np.abs(new - FACTOR * old).max() <= 2 * HALF_OF_THE_LAST_DIGIT * np.abs(old).max()
    assert close, f"{scheme}: {old[:3]} became {new[:3]}"
    assert np.abs(new).max() > 0
    return ",".join(scale.numbers)


OUTCOMES = {scheme: outcome(scheme) for scheme in ()}


def test_every_scheme_is_scaled_or_says_why_not() -> None:
    """Each value of the corrected tensor is the old one times the factor, but for six digits."""
    found = {scheme: outcome(scheme) for scheme in SCHEMES}
    print(Counter(found.values()))
    for s, o in found.items():
        if o.startswith("nothing"):
            print(s, o, SCHEMES[s].distribution)
