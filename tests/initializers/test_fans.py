"""Fans by identity, what is refused, and the number a mode makes of them."""

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ImpossibleError, UnreadableError
from service.initializers.fans import Fans, Weight, fan_in_of, fan_number, fan_out_of, fans_of
from service.initializers.layers import LAYERS, STACKS

CONVOLUTIONS = [name for name, layer in LAYERS.items() if layer.kernel_axes and not layer.depthwise]


def test_reading_the_seed_example_by_the_wrong_letters_gives_other_fans() -> None:
    """Negative control: 5,5,3,8 taken for OIHW is another kernel, 120 and 120."""
    assert fans_of("HWIO", (5, 5, 3, 8), layer="conv2d") == Fans(75, 200)
    assert fans_of("OIHW", (5, 5, 3, 8), layer="conv2d") == Fans(120, 120)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("layer", ["dense", *CONVOLUTIONS])
def test_a_layer_has_the_same_fans_in_every_stack(stack: str, layer: str) -> None:
    """Layouts change how a weight is written, never what feeds what."""
    extents = {"O": 12, "I": 6, "D": 2, "H": 3, "W": 5}
    letters = LAYERS[layer].letters
    if stack in letters:
        fans = [
            fans_of(word, tuple(extents[letter] for letter in word), layer=layer)
            for word in (letters[stack], letters["torch"])
        ]
        assert fans[0] == fans[1]


@st.composite
def weights(draw: st.DrawFn) -> Weight:
    """A weight of up to 3 I and 3 O axes, exact in its groups, parts and stride."""
    layer = draw(st.sampled_from(["dense", *CONVOLUTIONS]))
    kernel = {0: "", 1: "W", 2: "HW", 3: "DHW"}[LAYERS[layer].kernel_axes]
    axes = ["O", "I", *draw(st.lists(st.sampled_from("OI"), max_size=4)), *kernel]
    axes += draw(st.sampled_from([[], ["E"]]))
    groups, parts, stride = draw(st.tuples(*[st.integers(1, 3)] * 3))
    shape = [draw(st.integers(1, 4)) for _ in axes]
    shape[:2] = groups * parts * stride**3, groups * stride**3
    strides = (stride,) if kernel else (1,)
    return Weight("".join(axes), tuple(shape), layer, groups, parts, strides)


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


@given(weights(), st.data())
def test_permuting_the_axes_never_changes_the_fans(weight: Weight, data: st.DataObject) -> None:
    """However a weight is written, what feeds what is the same."""
    order = data.draw(st.permutations(range(len(weight.shape))))
    other = permuted(weight, order)
    assert fan_in_of(other) == fan_in_of(weight)
    assert fan_out_of(other) == fan_out_of(weight)


@given(weights(), st.integers(2, 5), st.data())
def test_a_longer_axis_scales_its_own_fan_only(
    weight: Weight, factor: int, data: st.DataObject
) -> None:
    """O scales fan_out, I fan_in, the kernel both, copies neither."""
    axis = data.draw(st.integers(0, len(weight.shape) - 1))
    letter = weight.letters[axis]
    longer = resized(weight, axis, factor)
    assert fan_in_of(longer) == fan_in_of(weight) * (factor if letter in "IDHW" else 1)
    assert fan_out_of(longer) == fan_out_of(weight) * (factor if letter in "ODHW" else 1)


@given(weights())
def test_inputs_and_outputs_account_for_every_weight(weight: Weight) -> None:
    """At stride 1, fan_in x outputs = fan_out x inputs x parts = the elements of one copy."""
    still = Weight(weight.letters, weight.shape, weight.layer, weight.groups, weight.parts)
    inputs, outputs = prod(still.extents("I")), prod(still.extents("O"))
    groups = weight.groups or 1
    inputs, outputs = (inputs, outputs * groups) if still.transposed else (inputs * groups, outputs)
    elements = prod(still.extents("OIDHW"))
    assert fan_in_of(still) * outputs == elements
    assert fan_out_of(still) * inputs * weight.parts == elements


@pytest.mark.parametrize("layer", ["bias", "scale"])
def test_biases_and_scales_have_no_fans(layer: str) -> None:
    """Theirs are those of the layer they belong to, which only the request can say."""
    for fan, fan_of in (("fan_in", fan_in_of), ("fan_out", fan_out_of)):
        with pytest.raises(ImpossibleError) as refusal:
            fan_of(Weight("O", (512,), layer))
        assert refusal.value.reason == "no_fan"
        assert refusal.value.problems[0].field == fan
        assert refusal.value.problems[0].hint == f"give {fan}, that of the layer it belongs to"


def test_a_weight_without_letters_has_no_fans() -> None:
    """A scalar, or six axes of which nothing is said: no product of nothing, 1, is made up."""
    for fan_of in (fan_in_of, fan_out_of):
        with pytest.raises(ImpossibleError) as refusal:
            fan_of(Weight("", (), None))
        assert refusal.value.reason == "no_fan"
        assert refusal.value.problems[0].hint.endswith(", or layout")


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (Weight("OIHW", (3, 8, 3, 3), "conv2d", stride=(2,)),
         "stride 2 in 2 axes does not divide 3 x 3 x 3 = 27"),
        (Weight("OIHW", (2, 8, 3, 3), "conv2d", stride=(2, 4)),
         "stride 2 x 4 does not divide 2 x 3 x 3 = 18"),
        (Weight("OIHW", (64, 4, 3, 3), "conv2d", groups=3),
         "groups 3 does not divide the 64 outputs"),
        (Weight("OI", (64, 32), "dense", parts=3), "parts 3 does not divide the 64 outputs"),
        (Weight("OIHW", (12, 4, 3, 3), "conv2d", groups=2, parts=4),
         "parts 4 does not divide the 6 outputs"),
        (Weight("OIW", (6, 1, 3), "depthwise_conv1d", groups=4),
         "groups 4 does not divide the 6 outputs"),
    ],
)  # fmt: skip
def test_an_inexact_fan_out_is_refused_and_leaves_fan_in_alone(
    weight: Weight, message: str
) -> None:
    """The numbers are named, and giving fan_out is a way out: fan_in is still there."""
    with pytest.raises(ImpossibleError) as refusal:
        fan_out_of(weight)
    assert refusal.value.reason == "inexact_fan"
    assert refusal.value.problems[0].message == message
    assert refusal.value.problems[0].hint.endswith("fan_out")
    assert fan_in_of(weight) > 0


def test_an_inexact_fan_in_of_a_transposed_layer_is_refused() -> None:
    """There groups and stride divide the inputs, and fan_out is still there."""
    strided = Weight("IOHW", (3, 8, 3, 3), "conv_transpose2d", stride=(2,))
    grouped = Weight("IOHW", (64, 8, 3, 3), "conv_transpose2d", groups=3)
    with pytest.raises(ImpossibleError, match="stride 2 in 2 axes does not divide 3 x 3 x 3 = 27"):
        fan_in_of(strided)
    with pytest.raises(ImpossibleError, match="groups 3 does not divide the 64 inputs"):
        fan_in_of(grouped)
    assert fan_out_of(strided) == fan_out_of(grouped) == 72


@pytest.mark.parametrize(
    ("letters", "shape", "stride", "message"),
    [
        ("OI", (4, 4), (2,), "stride 2 for 0 kernel axes"),
        ("OIW", (4, 4, 4), (2, 2), "stride 2,2 for 1 kernel axes"),
        ("OIDHW", (4, 4, 4, 4, 4), (2, 2), "stride 2,2 for 3 kernel axes"),
    ],
)
def test_strides_that_fit_no_kernel_are_refused(
    letters: str, shape: tuple[int, ...], stride: tuple[int, ...], message: str
) -> None:
    """One number a kernel axis, or one for all of them."""
    with pytest.raises(ImpossibleError) as refusal:
        fans_of(letters, shape, layer=None, stride=stride)
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
        fans_of(letters, shape, layer="depthwise_conv2d", groups=groups)
    assert refusal.value.reason == "not_depthwise"
    assert refusal.value.problems[0].field == field


def test_groups_said_twice_alike_are_fine() -> None:
    """HWEO with groups = E is HWEO."""
    shape = (3, 3, 32, 2)
    assert fans_of("HWEO", shape, layer="depthwise_conv2d", groups=32) == Fans(9, 18)


def test_empty_weights_have_empty_fans() -> None:
    """A zero extent makes a fan 0, not an error, before anything divides by it."""
    assert fans_of("OI", (0, 5), layer="dense") == Fans(5, 0)
    assert fans_of("OIHW", (0, 1, 3, 3), layer="depthwise_conv2d") == Fans(9, 0)


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


def test_huge_fans_are_rounded_once() -> None:
    """(2^54 + 2^54 + 6)/2 = 2^54 + 3 lies between two float64 and goes to the nearer, + 4."""
    assert fan_number("fan_avg", 2**54, 2**54 + 6) == 2.0**54 + 4
    assert fan_number("fan_in", 2**53 + 1, 1) == 2.0**53
    assert fan_number("fan_geo_avg", 2**60, 2**58) == 2.0**59


@pytest.mark.parametrize(
    ("mode", "fan_in", "fan_out", "field", "reason"),
    [
        ("fan_in", 0, 8, "fan_in", "zero_fan"),
        ("fan_out", 8, 0, "fan_out", "zero_fan"),
        ("fan_avg", 0, 8, "fan_in", "zero_fan"),
        ("fan_geo_avg", 8, 0, "fan_out", "zero_fan"),
        ("fan_avg", 8, None, "fan_out", "no_fan"),
    ],
)
def test_a_used_fan_of_nothing_is_refused(
    mode: str, fan_in: int, fan_out: int | None, field: str, reason: str
) -> None:
    """1/0 is no variance, and neither is half an average."""
    with pytest.raises(ImpossibleError) as refusal:
        fan_number(mode, fan_in, fan_out)
    assert (refusal.value.reason, refusal.value.problems[0].field) == (reason, field)


@pytest.mark.parametrize("unused", [0, None])
def test_a_fan_that_is_not_used_may_be_anything(unused: int | None) -> None:
    """fan_in mode never looks at fan_out, nor the other way round."""
    assert fan_number("fan_in", 8, unused) == 8.0
    assert fan_number("fan_out", unused, 8) == 8.0


def test_an_unknown_mode_is_refused() -> None:
    """The hint names the mode that was meant."""
    with pytest.raises(UnreadableError) as refusal:
        fan_number("fanAvg", 8, 8)
    assert refusal.value.problems[0].hint == "write fan_avg; /schemes lists all"
