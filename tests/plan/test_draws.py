"""From schemes to draws: the constants of every distribution, to the last bit."""

import math
from typing import Any

import pytest

from service.fields import parse_query
from service.plan import Plan, plan
from service.stream.draws import (
    Constant,
    Normal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)

TWO_SIGMA = float.fromhex("0x1.c25e4b6dba981p-1")
"""The standard deviation of a standard normal cut at 2: DESIGN's literal."""


def planned(query: str) -> Plan:
    """The plan of a 64 x 32 dense weight, unless the query says otherwise."""
    shape = "" if "shape=" in query else "shape=64,32&"
    return plan(parse_query(f"{shape}seed=1&name=a&{query}".encode()), "npy", max_bytes=2**44)


DRAWS: list[tuple[str, Any]] = [
    ("scheme=zeros", Constant(0.0)),
    ("scheme=ones", Constant(1.0)),
    ("scheme=constant&value=-0.1", Constant(-0.1)),
    ("scheme=normal", Normal(0.0, 1.0)),
    ("scheme=normal&mean=2&std=0.02", Normal(2.0, 0.02)),
    ("scheme=uniform&low=-0.5&high=0.5", SymmetricUniform(0.5)),
    ("scheme=uniform&low=0&high=1", UniformBetween(0.0, 1.0)),
    ("scheme=uniform&std=2", SymmetricUniform(2.0 * math.sqrt(3.0))),
    (
        "scheme=uniform&std=1&mean=4",
        UniformBetween(4.0 - math.sqrt(3.0), 4.0 + math.sqrt(3.0)),
    ),
    ("scheme=lecun_normal", Normal(0.0, math.sqrt(1 / 32))),
    ("scheme=lecun_uniform", SymmetricUniform(math.sqrt(3 / 32))),
    ("scheme=glorot_normal", Normal(0.0, math.sqrt(1 / 48))),
    ("scheme=glorot_uniform", SymmetricUniform(math.sqrt(3 / 48))),
    ("scheme=he_normal", Normal(0.0, 0.25000000000000006)),
    ("scheme=he_normal&mode=fan_out", Normal(0.0, math.sqrt(2.0) * 0.125)),
    (
        "scheme=he_normal&mode=fan_geo_avg",
        Normal(0.0, math.sqrt(2.0) * math.sqrt(1 / math.sqrt(2048))),
    ),
    ("scheme=he_normal&gain=1", Normal(0.0, math.sqrt(1 / 32))),
    ("scheme=he_normal&scale=3", Normal(0.0, math.sqrt(3.0) * math.sqrt(1 / 32))),
    ("scheme=he_uniform", SymmetricUniform(math.sqrt(2.0) * math.sqrt(3 / 32))),
    ("scheme=he_normal&activation=leaky_relu&negative_slope=1", Normal(0.0, math.sqrt(1 / 32))),
    ("scheme=he_normal&negative_slope=1", Normal(0.0, math.sqrt(1 / 32))),
    ("scheme=he_normal&activation=tanh", Normal(0.0, 0.25000000000000006)),
    ("scheme=variance_scaling&activation=tanh&gain_rule=pytorch&fan_in=1", Normal(0.0, 5 / 3)),
    ("scheme=he_normal&fan_in=2", Normal(0.0, math.sqrt(2.0) * math.sqrt(0.5))),
]


@pytest.mark.parametrize(("query", "draw"), DRAWS)
def test_a_scheme_is_a_draw(query: str, draw: object) -> None:
    """std = gain sqrt(1/n) and limit = gain sqrt(3/n), multiplied in this order."""
    assert planned(query).tensor.law.draw == draw


def test_a_truncated_normal_has_the_std_that_was_asked_for() -> None:
    """Cut at 2 sigma by default, and made wider before by as much as that costs."""
    found = planned("scheme=truncated_normal&std=0.02&mean=1")
    parent = 0.02 / TWO_SIGMA
    assert found.tensor.law.draw == SymmetricTruncatedNormal(
        mean=1.0,
        std=parent,
        mass=0.4772498680518208,
        tail=0.02275013194817921,
        low=1 - 2 * parent,
        high=1 + 2 * parent,
    )
    assert (found.facts.mean, found.facts.std, found.facts.parent_std) == (1.0, 0.02, parent)
    assert found.facts.bounds == (-2.0, 2.0)
    assert found.facts.limit is None


def test_the_parents_std_can_be_asked_for() -> None:
    """std_kind=parent is what TensorFlow and PyTorch mean; the std is told as it is."""
    found = planned("scheme=truncated_normal&std=0.02&std_kind=parent")
    draw = found.tensor.law.draw
    assert isinstance(draw, SymmetricTruncatedNormal)
    assert draw.std == 0.02
    assert found.facts.std == TWO_SIGMA * 0.02
    assert found.facts.limit == 0.04


def test_a_named_scheme_can_be_truncated() -> None:
    """he_normal of the Keras meaning: the std is He's, the cut at 2 sigma of the parent."""
    found = planned("scheme=he_normal&distribution=truncated_normal")
    draw = found.tensor.law.draw
    assert isinstance(draw, SymmetricTruncatedNormal)
    assert draw.std == 0.25000000000000006 / TWO_SIGMA
    assert found.facts.std == 0.25000000000000006


def test_bounds_need_not_be_symmetric() -> None:
    """With -1 < z < 3 the mean moves up by 0.2828 sigma and the std is 0.7849 of the parent's."""
    found = planned("scheme=truncated_normal&std=1&std_kind=parent&bounds=-1,3")
    assert isinstance(found.tensor.law.draw, TruncatedNormalBetween)
    assert (found.tensor.law.draw.low, found.tensor.law.draw.high) == (-1.0, 3.0)
    # From mpmath with 30 digits, by the formulas of service.initializers.truncation.
    assert found.facts.mean == 0.282786110727154007719774
    assert found.facts.std == 0.784946963404426003855750


def test_absolute_bounds_are_never_corrected() -> None:
    """PyTorch's trunc_normal_(std=0.02, a=-2, b=2) cuts at 100 sigma, and it shows."""
    found = planned("scheme=truncated_normal&std=0.02&low=-2&high=2")
    assert found.tensor.law.draw == SymmetricTruncatedNormal(0.0, 0.02, 0.5, 0.0, -2.0, 2.0)
    assert found.facts.bounds == (-100.0, 100.0)
    assert found.facts.std == 0.02


def test_absolute_bounds_may_lie_on_one_side() -> None:
    """Bounds that are not symmetric about the mean stay where they were put."""
    found = planned("scheme=truncated_normal&mean=1&low=1&high=2")
    assert isinstance(found.tensor.law.draw, TruncatedNormalBetween)
    assert (found.tensor.law.draw.low, found.tensor.law.draw.high) == (1.0, 2.0)
    assert found.facts.bounds == (0.0, 1.0)


@pytest.mark.parametrize(
    ("query", "facts"),
    [
        ("scheme=glorot_uniform", ("fan_avg", 1.0, 32, 64, "OI", math.sqrt(3 / 48))),
        ("scheme=normal", (None, None, None, None, "OI", None)),
        (
            "shape=5,5,3,8&layout=HWIO&scheme=he_normal",
            ("fan_in", math.sqrt(2), 75, 200, "HWIO", None),
        ),
        ("shape=1,1,1,1,1,1&scheme=normal", (None, None, None, None, None, None)),
    ],
)
def test_facts_are_told_where_they_apply(query: str, facts: tuple[object, ...]) -> None:
    """mode, gain and fans belong to schemes that use fans, letters to tensors that have them."""
    told = planned(query).facts
    assert facts == (told.mode, told.gain, told.fan_in, told.fan_out, told.layout, told.limit)


def test_a_fan_that_is_not_used_may_fail_to_exist() -> None:
    """A bias has no fan_out of its own; with fan_in given, He's scheme needs none."""
    told = planned("shape=64&scheme=he_uniform&fan_in=32").facts
    assert (told.fan_in, told.fan_out) == (32, None)


def test_only_a_random_tensor_without_a_name_is_warned_of() -> None:
    """Equal shapes of one seed would be identical tensors; constants are so on purpose."""
    unnamed = plan(parse_query(b"shape=8,4&layer=dense&seed=1"), "npy", max_bytes=2**44)
    assert [warning.code for warning in unnamed.warnings] == ["name_missing"]
    assert planned("scheme=normal").warnings == ()
    assert plan(parse_query(b"shape=8&layer=bias"), "npy", max_bytes=2**44).warnings == ()
