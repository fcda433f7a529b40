"""The client's own choice beside the recommendation."""

import pytest

from tests.advice.asking import asked, codes, fetched

RELU = "shape=256,256&activation=relu"


@pytest.mark.parametrize("std", [0.005, 0.01, 0.02])
def test_a_std_picked_by_hand_is_measured(std: float) -> None:
    """Its ratio to the recommended std, its variance after one layer, and after 30 layers."""
    compared = asked(f"{RELU}&std={std}&depth=30&seed=1&name=a").compared
    assert compared is not None
    assert (compared.scheme, compared.std) == ("normal", std)
    assert compared.recommended_std == pytest.approx(2**0.5 / 16)
    assert compared.ratio == pytest.approx(std * 16 / 2**0.5)
    assert compared.per_layer_factor == pytest.approx(128 * std**2)
    assert compared.after_depth == pytest.approx((128 * std**2) ** 30)
    assert f"&scheme=normal&std={std}&seed=1&name=a" in compared.weights_url
    assert fetched(compared.weights_url).facts.std == std


def test_it_is_an_alternative_and_not_the_recommendation() -> None:
    """`weights_url` is that of the recommended tensor. The client's is the first alternative."""
    answer = asked(f"{RELU}&std=0.01")
    assert answer.compared is not None
    assert answer.weights_url == asked(RELU).weights_url
    assert answer.alternatives[0].weights_url == answer.compared.weights_url
    assert any("multiplies the variance by 0.0128" in reason for reason in answer.rationale)


def test_an_std_that_is_the_recommended_one_is_not_compared_with_itself() -> None:
    """No ratio of 1, and no variance that stays."""
    answer = asked(f"{RELU}&scheme=he_normal")
    [reason] = [each for each in answer.rationale if each.startswith("Your own std")]
    assert reason == "Your own std is the recommended one, 0.0883883."


def test_nothing_is_compared_where_nothing_was_chosen() -> None:
    """A distribution alone is no choice: the recommendation follows it."""
    assert asked(RELU).compared is None
    assert asked(f"{RELU}&distribution=uniform").compared is None


@pytest.mark.parametrize(
    ("fields", "scheme"),
    [
        ("scheme=glorot_uniform", "glorot_uniform"),
        ("scheme=xavier_normal&gain=2", "glorot_normal"),
        ("std=0.01&distribution=uniform", "uniform"),
        ("std=0.01&bounds=3", "truncated_normal"),
        ("low=-0.1&high=0.1", "uniform"),
        ("low=-0.1&high=0.1&distribution=truncated_normal", "truncated_normal"),
        ("mode=fan_avg", "variance_scaling"),
        ("gain=1&distribution=truncated_normal&bounds=3", "variance_scaling"),
        ("gain_rule=pytorch", "variance_scaling"),
        ("value=0.1", "constant"),
    ],
)
def test_a_field_says_which_scheme_is_meant(fields: str, scheme: str) -> None:
    """Without `scheme` the fields decide which scheme is compared."""
    compared = asked(f"{RELU}&{fields}").compared
    assert compared is not None
    assert compared.scheme == scheme


@pytest.mark.parametrize(
    "more", ["activation=tanh&depth=30", "activation=relu&depth=30&normalization=batch"]
)
def test_depth_is_told_only_where_every_layer_repeats_the_factor(more: str) -> None:
    """Not for tanh, whose factor depends on the variance, nor with a normalization."""
    compared = asked(f"shape=256,256&std=0.01&{more}").compared
    assert compared is not None
    assert compared.per_layer_factor is not None
    assert compared.after_depth is None


@pytest.mark.parametrize(("gain", "factor"), [("1e200", None), ("1e100", 5e199)])
def test_numbers_beyond_float64_are_none(gain: str, factor: float | None) -> None:
    """JSON has no infinity."""
    compared = asked(f"{RELU}&gain={gain}&dtype=float64&depth=10000").compared
    assert compared is not None
    assert compared.per_layer_factor == (None if factor is None else pytest.approx(factor))
    assert compared.after_depth is None


@pytest.mark.parametrize("fields", ["scheme=zeros", "scheme=ones", "value=0.5"])
def test_one_value_in_a_weight_warns_of_symmetry(fields: str) -> None:
    """All units of the layer would stay equal."""
    assert codes(asked(f"{RELU}&{fields}")) == ["symmetry"]


@pytest.mark.parametrize(
    "query",
    [
        "shape=256&scheme=zeros",
        "shape=256&layer=scale&value=0.5",
        "shape=10,256&position=output&scheme=zeros",
        "shape=256,256&residual=pre_norm&depth=4&scheme=zeros&position=branch_last",
        "shape=256,256&role=attention_output&depth=4&scheme=zeros",
        "shape=256,8&role=lora_b&scheme=zeros",
    ],
)
def test_zeros_are_right_in_some_places(query: str) -> None:
    """Biases, scales, a head, and the end of a residual branch."""
    assert codes(asked(query)) == []


@pytest.mark.parametrize("scheme", ["sobel", "laplacian", "prewitt"])
def test_fixed_values_have_no_factor(scheme: str) -> None:
    """Behind a filter the variance depends on the signal. A random law of that shape has one."""
    shape = "shape=1,1,3,3&layer=conv2d&depth=30"
    answer = asked(f"{shape}&scheme={scheme}")
    assert answer.compared is not None
    assert answer.compared.per_layer_factor is None
    assert answer.compared.after_depth is None
    assert not any(each.startswith("Your own std") for each in answer.rationale)
    drawn = asked(f"{shape}&scheme=he_normal").compared
    assert drawn is not None
    assert drawn.per_layer_factor is not None
