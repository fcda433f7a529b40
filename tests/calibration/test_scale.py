"""The numbers that set the scale of a tensor: of every scheme, and by the values themselves."""

import numpy as np
import numpy.typing as npt
import pytest

from service.calibration.measurement import LEAST_TOLERANCE
from service.calibration.scale import DIGITS, rounded, scale_of
from service.chunks import TensorBody
from service.errors import ImpossibleError
from service.fields import Spec, parse_query
from service.initializers.schemes import SCHEMES
from service.plan import Plan, plan

FACTOR = 0.7
"""No power of 2, so that a rounding that is wrong shows."""

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


def proportional(scheme: str) -> bool:
    """Whether the values follow the factor, at a URL that is canonical.

    Raises ImpossibleError for a scheme without a scale.
    """
    before = planned(example_of(scheme))
    after = planned(scale_of(before.tensor).times(FACTOR).spec)
    assert planned(parse_query(after.url.partition("?")[2].encode())).url == after.url
    old, new = values(before), values(after)
    within = 2 * HALF_OF_THE_LAST_DIGIT * np.abs(old).max()
    return bool(np.abs(new - FACTOR * old).max() <= within) and np.abs(new).max() > 0


UNSCALED = ("constant", "deterministic", "function_of_uniform")
"""The distributions whose values are no draw times a number."""


def test_every_scheme_is_scaled_or_says_why_not() -> None:
    """Each value of the corrected tensor is the old one times the factor, but for six digits.

    What is drawn for a weight has a scale. Biases, constants and fixed filters are refused.
    """
    scaled, refused = [], {}
    for scheme in SCHEMES:
        try:
            assert proportional(scheme), scheme
            scaled.append(scheme)
        except ImpossibleError as error:
            refused[scheme] = (error.reason, error.problems[0].field)
    assert len(scaled) > 200
    assert {"orthogonal", "dirac", "sparse", "icnr", "torch.linear", "torch.lstm"} <= {*scaled}
    assert {reason for reason, _ in refused.values()} == {"nothing_to_scale"}
    of_weights = [scheme for scheme, (_, field) in refused.items() if field == "scheme"]
    assert {SCHEMES[scheme].distribution for scheme in of_weights} <= set(UNSCALED)
    assert {"zeros", "constant", "sobel"} <= {*of_weights}


@pytest.mark.parametrize(
    ("query", "numbers", "corrected"),
    [
        ("scheme=he_normal&scale=3", {"gain": 3**0.5}, "scheme=he_normal&gain=1.21244"),
        (
            "scheme=variance_scaling&activation=gelu&gain_rule=variance",
            {"gain": 1.7009262433633332},
            "scheme=variance_scaling&gain=1.19065",
        ),
        ("scheme=orthogonal", {"gain": 1.0}, "scheme=orthogonal&gain=0.7"),
        ("scheme=normal", {"std": 1.0}, "scheme=normal&std=0.7"),
        (
            "scheme=normal&mean=0.5&std=0.1",
            {"mean": 0.5, "std": 0.1},
            "scheme=normal&mean=0.35&std=0.07",
        ),
        ("scheme=uniform&low=0&high=2", {"high": 2.0}, "scheme=uniform&low=0&high=1.4"),
        (
            "scheme=truncated_normal&std=0.2&low=-0.3&high=0.3",
            {"std": 0.2, "low": -0.3, "high": 0.3},
            "scheme=truncated_normal&std=0.14&low=-0.21&high=0.21",
        ),
        (
            "scheme=torch.lstm&parts=4",
            {"low": -0.25, "high": 0.25},
            "scheme=uniform&low=-0.175&high=0.175",
        ),
        (
            "scheme=keras.lstm.recurrent_kernel",
            {"gain": 1.0},
            "layout=IO&scheme=orthogonal&gain=0.7",
        ),
        ("activation=relu", {"gain": 2**0.5}, "scheme=he_normal&gain=0.989949"),
        ("scheme=he_normal&parts=32,16,16", {"gain": 2**0.5}, None),
    ],
)
def test_the_numbers_and_the_url(
    query: str, numbers: dict[str, float], corrected: str | None
) -> None:
    """The numbers that are read, and the canonical URL of the corrected tensor."""
    before = planned(parse_query(f"shape=64,64&seed=1&{query}".encode()))
    scale = scale_of(before.tensor)
    assert scale.numbers == pytest.approx(numbers, rel=1e-15)
    url = planned(scale.times(FACTOR).spec).url
    if corrected is not None:
        assert url == f"/v1/weights.raw?shape=64,64&{corrected}&seed=1"


def test_a_restated_tensor_has_the_same_bytes() -> None:
    """Under another scheme, with a factor of 1: no word and no rounding differs."""
    for scheme in ("torch.lstm", "torch.embedding", "siren", "olmo_mitchell", "jax.orthogonal"):
        before = planned(example_of(scheme))
        again = planned(scale_of(before.tensor).times(1.0).spec)
        assert np.allclose(values(again), values(before), rtol=HALF_OF_THE_LAST_DIGIT, atol=0)
        exact = planned(scale_of(before.tensor).spec)
        assert np.array_equal(values(exact), values(before))


@pytest.mark.parametrize(
    ("query", "field", "hint"),
    [
        ("shape=64&scheme=normal", "layer", "give the weight of the layer"),
        ("shape=8,8&scheme=zeros", "scheme", "fetch the weight with scheme=variance_scaling"),
        ("shape=8,8&scheme=constant&value=2", "scheme", "fetch the weight with"),
        ("shape=64&layer=scale&scheme=normal", "layer", "give the weight of the layer"),
        ("shape=8,8,3,3&scheme=sobel&channels=all", "scheme", "leave this tensor as it is"),
    ],
)
def test_what_has_no_scale_is_refused(query: str, field: str, hint: str) -> None:
    """With the scheme to take instead."""
    with pytest.raises(ImpossibleError) as refused:
        scale_of(planned(parse_query(f"{query}&seed=1".encode())).tensor)
    assert refused.value.reason == "nothing_to_scale"
    assert refused.value.problems[0].field == field
    assert refused.value.problems[0].hint.startswith(hint)


def test_six_digits_move_the_variance_by_less_than_the_least_tolerance() -> None:
    """The worst mantissa is just above a power of ten, and the variance is a square."""
    worst = max(abs(rounded(x) / x - 1) for x in np.geomspace(1, 1.001, 1001))
    assert 2 * worst <= 1e-5 < LEAST_TOLERANCE / 5
