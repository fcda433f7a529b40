"""Fans by identity, what is refused, and the number a mode makes of them."""

from fractions import Fraction
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ImpossibleError, UnreadableError
from service.initializers.fans import (
    LEAST_FAN,
    MOST_FAN,
    Fans,
    Weight,
    fan_number,
    fans_of,
    missing_fan,
    refuse_impossible,
)
from service.initializers.layers import FRAMEWORKS, LAYERS

CONVOLUTIONS = [name for name, layer in LAYERS.items() if layer.kernel_axes and not layer.depthwise]


def test_reading_the_seed_example_by_the_wrong_letters_gives_other_fans() -> None:
    """Negative control: 5,5,3,8 taken for OIHW is another kernel, 120 and 120."""
    assert fans_of(Weight("HWIO", (5, 5, 3, 8), "conv2d")) == Fans(75, 200)
    assert fans_of(Weight("OIHW", (5, 5, 3, 8), "conv2d")) == Fans(120, 120)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("layer", ["dense", *CONVOLUTIONS])
def test_a_layer_has_the_same_fans_in_every_framework(framework: str, layer: str) -> None:
    """Layouts change how a weight is written, never what feeds what."""
    extents = {"O": 12, "I": 6, "D": 2, "H": 3, "W": 5}
    letters = LAYERS[layer].letters
    if framework in letters:
        fans = [
            fans_of(Weight(word, tuple(extents[letter] for letter in word), layer))
            for word in (letters[framework], letters["torch"])
        ]
        assert fans[0] == fans[1]


@st.composite
def weights(draw: st.DrawFn) -> Weight:
    """A weight of up to 3 I and 3 O axes, whose groups and parts divide what they have to."""
    layer = draw(st.sampled_from(["dense", *CONVOLUTIONS]))
    kernel = {0: "", 1: "W", 2: "HW", 3: "DHW"}[LAYERS[layer].kernel_axes]
    axes = ["O", "I", *draw(st.lists(st.sampled_from("OI"), max_size=4)), *kernel]
    axes += draw(st.sampled_from([[], ["E"], ["E", "E"]]))
    groups, parts, stride = draw(st.tuples(*[st.integers(1, 5)] * 3))
    shape = [draw(st.integers(1, 4)) for _ in axes]
    shape[:2] = groups * parts, groups
    strides = (stride,) if kernel else (1,)
    return Weight("".join(axes), tuple(shape), layer, groups, parts, strides)


def counted(weight: Weight) -> Fans:
    """The fans of a weight that has some and is possible."""
    refuse_impossible(weight)
    fans = fans_of(weight)
    assert fans is not None
    return fans


def exact_fans(weight: Weight) -> tuple[Fraction, Fraction]:
    """Both fans by their definition, as fractions: what feeds one output, what one input feeds."""
    inputs, outputs, kernel = weight.count("I"), weight.count("O"), weight.count("DHW")
    strides = weight.stride * (len(weight.letters) if len(weight.stride) == 1 else 1)
    axes = sum(letter in "DHW" for letter in weight.letters)
    stride, groups = prod(strides[:axes]), weight.groups or 1
    assert isinstance(weight.parts, int)
    if weight.transposed:
        return Fraction(inputs * kernel, groups * stride), Fraction(outputs * kernel, weight.parts)
    return Fraction(inputs * kernel), Fraction(outputs * kernel, groups * weight.parts * stride)


def permuted(weight: Weight, order: list[int]) -> Weight:
    """The same weight with its axes written in another order."""
    letters = "".join(weight.letters[axis] for axis in order)
    shape = tuple(weight.shape[axis] for axis in order)
    return Weight(letters, shape, weight.layer, weight.groups, weight.parts, weight.stride)


def resized(weight: Weight, axis: int, factor: int) -> Weight:
    """The same weight with one axis `factor` times as long."""
    shape = list(weight.shape)
    shape[axis] *= factor
    return Weight(
        weight.letters, tuple(shape), weight.layer, weight.groups, weight.parts, weight.stride
    )


@given(weights())
def test_each_fan_is_the_float64_nearest_to_its_fraction(weight: Weight) -> None:
    """Python's float(Fraction) is correctly rounded; a whole fan is an int, as people write it."""
    fans, exact = counted(weight), exact_fans(weight)
    for fan, fraction in zip((fans.fan_in, fans.fan_out), exact, strict=True):
        assert fan == float(fraction)
        assert isinstance(fan, int) == (fraction.denominator == 1)


@given(weights(), st.data())
def test_permuting_the_axes_never_changes_the_fans(weight: Weight, data: st.DataObject) -> None:
    """However a weight is written, what feeds what is the same."""
    order = data.draw(st.permutations(range(len(weight.shape))))
    assert counted(permuted(weight, order)) == counted(weight)


@given(weights(), st.integers(2, 5), st.data())
def test_a_longer_axis_scales_its_own_fan_only(
    weight: Weight, factor: int, data: st.DataObject
) -> None:
    """O scales fan_out, I fan_in, the kernel both, copies neither."""
    axis = data.draw(st.integers(0, len(weight.shape) - 1))
    letter = weight.letters[axis]
    longer, fans = exact_fans(resized(weight, axis, factor)), exact_fans(weight)
    assert longer[0] == fans[0] * (factor if letter in "IDHW" else 1)
    assert longer[1] == fans[1] * (factor if letter in "ODHW" else 1)
    assert counted(resized(weight, axis, factor)) == Fans(*map(float, longer))


@given(weights())
def test_inputs_and_outputs_account_for_every_weight(weight: Weight) -> None:
    """At stride 1, fan_in x outputs = fan_out x inputs x parts = the elements of one copy."""
    still = Weight(weight.letters, weight.shape, weight.layer, weight.groups, weight.parts)
    inputs, outputs = still.count("I"), still.count("O")
    groups = weight.groups or 1
    inputs, outputs = (inputs, outputs * groups) if still.transposed else (inputs * groups, outputs)
    elements, fans = still.count("OIDHW"), counted(still)
    assert fans.fan_in * outputs == elements
    assert isinstance(weight.parts, int)
    assert fans.fan_out * inputs * weight.parts == pytest.approx(elements, rel=1e-15)


@pytest.mark.parametrize(
    ("weight", "fans"),
    [
        (Weight("OIHW", (6, 3, 3, 3), "conv2d", stride=(2,)), (27, 13.5)),
        (Weight("OIHW", (3, 8, 3, 3), "conv2d", stride=(2,)), (72, 6.75)),
        (Weight("OIHW", (2, 8, 3, 3), "conv2d", stride=(2, 4)), (72, 2.25)),
        (Weight("OIHW", (64, 3, 7, 7), "conv2d", stride=(3,)), (147, 64 * 49 / 9)),
        (Weight("IOHW", (3, 8, 3, 3), "conv_transpose2d", stride=(2,)), (6.75, 72)),
        (Weight("OIHW", (12, 4, 3, 3), "conv2d", groups=2, parts=4), (36, 13.5)),
        (Weight("OIW", (6, 1, 3), "depthwise_conv1d", stride=(2,)), (3, 1.5)),
    ],
)
def test_a_fan_may_be_a_fraction(weight: Weight, fans: tuple[float, float]) -> None:
    """A stride that does not divide the kernel is a stride all the same."""
    assert counted(weight) == Fans(*fans)


@pytest.mark.parametrize("layer", ["bias", "scale"])
def test_biases_and_scales_have_no_fans(layer: str) -> None:
    """Theirs are those of the layer they belong to, which only the request can say."""
    weight = Weight("O", (512,), layer)
    assert fans_of(weight) is None
    refusal = missing_fan(weight, "fan_in", 1)
    assert (refusal.reason, refusal.problems[0].field) == ("no_fan", "fan_in")
    assert refusal.problems[0].hint == "give fan_in, that of the layer it belongs to"


def test_a_weight_without_letters_has_no_fans() -> None:
    """A scalar, or six axes of which nothing is said: no product of nothing, 1, is made up."""
    assert fans_of(Weight("", (), None)) is None
    refusal = missing_fan(Weight("", (), None), "fan_out", 6)
    assert refusal.reason == "no_fan"
    assert refusal.problems[0].hint == "give fan_out, or layout"


@pytest.mark.parametrize(
    ("weight", "reason", "message"),
    [
        (Weight("OIHW", (64, 4, 3, 3), "conv2d", groups=3), "impossible_groups",
         "groups 3 do not divide the 64 outputs"),
        (Weight("OIHW", (512, 1, 3, 3), "conv2d", groups=1536), "impossible_groups",
         "groups 1536 do not divide the 512 outputs"),
        (Weight("IOHW", (64, 8, 3, 3), "conv_transpose2d", groups=3), "impossible_groups",
         "groups 3 do not divide the 64 inputs"),
        (Weight("OIW", (6, 1, 3), "depthwise_conv1d", groups=4), "impossible_groups",
         "groups 4 do not divide the 6 outputs"),
        (Weight("OI", (64, 32), "dense", parts=3), "impossible_parts",
         "parts 3 do not divide the 64 outputs"),
        (Weight("O", (64,), "bias", parts=3), "impossible_parts",
         "parts 3 do not divide the 64 outputs"),
        (Weight("I", (64,), None, parts=2), "impossible_parts",
         "parts 2 divide the outputs, and this tensor has no O axis"),
        (Weight("", (), None, groups=2), "impossible_groups",
         "groups 2 divide the outputs, and this tensor has no O axis"),
    ],
)  # fmt: skip
def test_groups_and_parts_that_cannot_be_are_refused(
    weight: Weight, reason: str, message: str
) -> None:
    """Each divides one axis: outputs, or the inputs of a transposed convolution."""
    with pytest.raises(ImpossibleError) as refusal:
        refuse_impossible(weight)
    assert refusal.value.reason == reason
    assert refusal.value.problems[0].message == message


@pytest.mark.parametrize(
    "weight",
    [
        Weight("IOHW", (6, 8, 3, 3), "conv_transpose2d", groups=3),
        Weight("OIHW", (6, 8, 3, 3), "conv2d", groups=3, parts=2),
        Weight("", (), None, groups=1),
        Weight("OI", (0, 8), "dense", groups=3, parts=5),
        Weight("HWEO", (3, 3, 32, 3), "depthwise_conv2d", groups=32),
    ],
)
def test_groups_and_parts_that_can_be_pass(weight: Weight) -> None:
    """The other channel axis is per group already; one group needs no axis; 0 divides by all."""
    refuse_impossible(weight)


@pytest.mark.parametrize(
    ("letters", "shape", "stride", "message"),
    [
        ("OI", (4, 4), (2,), "stride 2 does not fit 0 kernel axes"),
        ("OIW", (4, 4, 4), (2, 2), "stride 2,2 does not fit 1 kernel axes"),
        ("OIDHW", (4, 4, 4, 4, 4), (2, 2), "stride 2,2 does not fit 3 kernel axes"),
    ],
)
def test_strides_that_fit_no_kernel_are_refused(
    letters: str, shape: tuple[int, ...], stride: tuple[int, ...], message: str
) -> None:
    """One number a kernel axis, or one for all of them."""
    with pytest.raises(ImpossibleError) as refusal:
        refuse_impossible(Weight(letters, shape, None, stride=stride))
    assert refusal.value.reason == "stride_mismatch"
    assert refusal.value.problems[0].message == message


@pytest.mark.parametrize(
    ("letters", "shape", "groups", "field"),
    [
        ("OIHW", (32, 3, 3, 3), None, "shape"),
        ("OIHW", (32, 0, 3, 3), None, "shape"),
        ("HWEO", (3, 3, 32, 2), 16, "groups"),
    ],
)
def test_a_depthwise_layer_that_is_none_is_refused(
    letters: str, shape: tuple[int, ...], groups: int | None, field: str
) -> None:
    """Each group has one input, and E, where it is written, is the groups."""
    with pytest.raises(ImpossibleError) as refusal:
        refuse_impossible(Weight(letters, shape, "depthwise_conv2d", groups))
    assert refusal.value.reason == "not_depthwise"
    assert refusal.value.problems[0].field == field


def test_groups_said_twice_alike_are_fine() -> None:
    """HWEO with groups = E is HWEO."""
    weight = Weight("HWEO", (3, 3, 32, 2), "depthwise_conv2d", 32)
    assert counted(weight) == Fans(9, 18)


def test_empty_weights_have_empty_fans() -> None:
    """A zero extent makes a fan 0, not an error, before anything divides by it."""
    assert counted(Weight("OI", (0, 5), "dense")) == Fans(5, 0)
    assert counted(Weight("OIHW", (0, 1, 3, 3), "depthwise_conv2d")) == Fans(9, 0)


def test_every_fan_that_can_be_counted_can_be_given() -> None:
    """The least is 1 / (2^58 - 1)^3, of three strides; the most has every element in it."""
    most = 2**58 - 1
    least = counted(Weight("OIDHW", (1, 1, 1, 1, 1), "conv3d", stride=(most,)))
    assert LEAST_FAN < least.fan_out < 1e-50
    assert counted(Weight("OI", (1, most), "dense")).fan_in == MOST_FAN


@pytest.mark.parametrize(
    ("mode", "number"),
    [
        ("fan_in", 75.0),
        ("fan_out", 200.0),
        ("fan_avg", 137.5),
        ("fan_geo_avg", 122.47448713915891),
    ],
)
def test_each_mode_makes_one_number_of_the_fans(mode: str, number: float) -> None:
    """Of 75 and 200: themselves, their mean 137.5, their geometric mean sqrt(15000)."""
    assert fan_number(mode, 75, 200) == number


def test_modes_compute_in_float64() -> None:
    """Both fans are rounded before they meet, so that a fan given as it was told is the same."""
    assert fan_number("fan_avg", 2**53 + 1, 4) == (2.0**53 + 4.0) / 2.0
    assert fan_number("fan_in", 2**53 + 1, 1) == 2.0**53
    assert fan_number("fan_geo_avg", 2**27 + 1, 2**27 - 1) == (2.0**54) ** 0.5


def test_a_fan_that_is_not_used_may_be_anything() -> None:
    """fan_in mode never looks at fan_out, nor the other way round."""
    assert fan_number("fan_in", 8, 0) == 8.0
    assert fan_number("fan_out", 0, 8) == 8.0


def test_an_unknown_mode_is_refused() -> None:
    """The hint names the mode that was meant."""
    with pytest.raises(UnreadableError) as refusal:
        fan_number("fanAvg", 8, 8)
    assert refusal.value.problems[0].hint == "write fan_avg"
    assert refusal.value.problems[0].listing == "schemes"
