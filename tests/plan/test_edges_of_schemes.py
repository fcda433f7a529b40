"""Certificates at the edges of schemes: empty tensors, least numbers, blocks of tables."""

import json

import numpy as np
import pytest

from service.chunks import TensorBody
from service.errors import ImpossibleError
from service.fields import parse_query
from service.plan import Plan, plan
from service.plan.canonical import is_small


def planned(query: str) -> Plan:
    return plan(parse_query(f"{query}&seed=1&name=a".encode()), "raw", max_bytes=2**40)


@pytest.mark.parametrize(
    "query",
    [
        "shape=0&parts=4&scheme=forget_gate_bias",
        "shape=5,0&parts=4&layer=embedding&scheme=forget_gate_bias",
        "shape=0&parts=4&scheme=chrono_bias&period=784",
        "shape=64,64,0,0&layout=EEEO&parts=4&period=784&scheme=chrono_bias",
        "shape=5,0&layer=embedding&scheme=small_init",
        "shape=2,0,3&layout=EOE&scheme=small_init",
        "shape=5,0&layer=embedding&scheme=olmo_mitchell&layer_index=0",
        "shape=0,8,3,3&scheme=icnr",
        "shape=8,0&scheme=sparse&sparsity=0.5",
    ],
)
def test_an_empty_tensor_has_a_certificate(query: str) -> None:
    """In strict JSON, which has neither NaN nor infinity."""
    told = json.loads(planned(query).certificate_text(), parse_constant=pytest.fail)
    assert told["elements"] == 0


@pytest.mark.parametrize("scheme", ["identity", "dirac", "keras.identity"])
def test_the_least_gain_has_a_certificate(scheme: str) -> None:
    """Half of the least float64 is 0, and nothing is divided by it."""
    shape = "8,8,3,3" if scheme == "dirac" else "16,8"
    query = f"shape={shape}&scheme={scheme}&gain=5e-324&dtype=float64"
    told = json.loads(planned(query).certificate_text(), parse_constant=pytest.fail)
    assert told["rounded"]["highest"] == 5e-324


@pytest.mark.parametrize(
    "query",
    [
        "shape=64,64&scheme=hippo_legs_a",
        "shape=64,64&scheme=hippo_legs_a&parts=16,48",
        "shape=60,64&scheme=hippo_legs_a&parts=3",
        "shape=10,12&layer=embedding&parts=3&scheme=hippo_legs_a",
        "shape=30,20&layout=IO&scheme=hippo_legs_a&parts=13,7",
        "shape=12,12&scheme=identity&parts=5,7",
    ],
)
def test_the_moments_of_a_table_of_blocks_are_those_of_its_values(query: str) -> None:
    """All values together, to nine digits."""
    made = planned(f"{query}&dtype=float64")
    values = np.frombuffer(b"".join(map(bytes, TensorBody(made).chunks())), np.float64)
    assert made.facts.mean == pytest.approx(values.mean(), rel=1e-9)
    assert made.facts.std == pytest.approx(values.std(), rel=1e-9)


@pytest.mark.parametrize(
    "scheme",
    ["torch.eye", "keras.identity", "tf.identity_initializer", "tfjs.identity", "mlx.identity"],
)
def test_an_identity_of_a_framework_has_two_axes(scheme: str) -> None:
    """The framework refuses a kernel, and so does its preset. Ours fills one."""
    for shape in ("4,4,2,2", "2,2,4,4"):
        with pytest.raises(ImpossibleError) as refused:
            planned(f"shape={shape}&scheme={scheme}")
        assert refused.value.reason == "scheme_axes"
    assert planned("shape=4,4,2,2&scheme=identity").tensor.law.draw is not None


@pytest.mark.parametrize(
    ("query", "small"),
    [
        ("shape=65,3,7,7&scheme=gabor", True),
        ("shape=65,3,7,7&scheme=gabor&normalise=l1", False),
        ("shape=8,3,7,7&scheme=sobel", True),
        ("shape=8,3,9,9&scheme=sobel", False),
        ("shape=8,3,3,3&scheme=icnr&inner=box", True),
        ("shape=8,3,9,9&scheme=icnr&inner=box", False),
        ("shape=8,3,3,3&scheme=he_normal", True),
        ("shape=8,3,3,3&scheme=icnr", True),
    ],
)
def test_plans_that_hold_many_values_are_not_cached(query: str, small: bool) -> None:
    """Each filter has up to 4,096 numbers, and a cache has room for a thousand plans."""
    assert is_small(parse_query(query.encode())) is small


@pytest.mark.parametrize(
    ("inner", "expected"),
    [("orthogonal", ["scheme orthogonal 1", "scheme icnr 1"]), ("he_uniform", ["scheme icnr 1"])],
)
def test_a_draft_in_the_field_inner_counts(inner: str, expected: list[str]) -> None:
    """Its bytes are in the answer, so its new number must be a new tag."""
    made = planned(f"shape=16,4,3,3&scheme=icnr&inner={inner}")
    assert sorted(map(str, made.drafts)) == sorted(expected)
