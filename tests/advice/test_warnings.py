"""Warnings: each is given where it applies, and only there."""

import pytest

from tests.advice.asking import asked, codes


def test_a_missing_name_is_the_plans_own_warning() -> None:
    """It comes last. A named tensor has none."""
    query = "shape=8,4&layer=dense"
    assert [each.code for each in asked(query).warnings] == ["name_missing"]
    assert asked(f"{query}&name=a").warnings == ()


@pytest.mark.parametrize(
    ("query", "warned"),
    [
        ("activation=gelu&depth=11", True),
        ("activation=silu&depth=9", True),
        ("activation=mish&depth=11", True),
        ("activation=relu_squared&depth=3", True),
        ("activation=swiglu&depth=2", True),
        ("activation=gelu&depth=4", False),
        ("activation=gelu", False),
        ("activation=gelu&depth=48&normalization=layer", False),
        ("activation=gelu&depth=48&residual=pre_norm", False),
        ("activation=elu&depth=48", False),
        ("activation=relu&depth=48", False),
        ("activation=tanh&depth=48", False),
    ],
)
def test_deep_stacks_of_unstable_activations_are_warned_of(query: str, warned: bool) -> None:
    """In deep stacks without a normalization or residual branches."""
    assert codes(asked(f"shape=64,64&{query}")) == (["unstable_gain"] if warned else [])


@pytest.mark.parametrize(
    ("query", "warned"),
    [
        ("activation=sigmoid", True),
        ("activation=hardsigmoid", True),
        ("activation=softplus", True),
        ("activation=sigmoid&normalization=batch", False),
        ("activation=sigmoid&position=output", False),
        ("activation=tanh", False),
    ],
)
def test_activations_without_a_critical_point_are_warned_of(query: str, warned: bool) -> None:
    """In hidden layers without a normalization."""
    assert codes(asked(f"shape=64,64&{query}")) == (["no_critical_point"] if warned else [])


@pytest.mark.parametrize(
    ("query", "warned"),
    [
        ("shape=4096,8192&dtype=float8_e4m3fn", True),
        ("shape=64,64&dtype=float8_e4m3fn", False),
        ("shape=64,64&dtype=float16&fan_in=1000000000", True),
        ("shape=64,64&dtype=bfloat16&fan_in=1000000000", False),
        ("shape=64&dtype=float16", False),
    ],
)
def test_a_std_among_the_subnormals_is_warned_of(query: str, warned: bool) -> None:
    """Below 2^-14 = 6.1e-5 for float16, 2^-6 for float8_e4m3fn; std 0 gives no warning."""
    assert ("subnormal_std" in codes(asked(query))) == warned
