"""Layouts as requests write them, and the order elements are counted in."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import FaninError, ImpossibleError, UnreadableError
from service.initializers.layouts import canonical_axes, layer_of_letters, resolve_letters

LAYOUTS = st.builds(
    lambda repeated, single: repeated + single,
    st.lists(st.sampled_from("OI"), max_size=4),
    st.lists(st.sampled_from("EDHW"), unique=True),
).flatmap(lambda letters: st.permutations(letters).map("".join))


def refusal_of(layout: str, layer: str | None, rank: int) -> FaninError:
    """The refusal that this layout meets."""
    with pytest.raises(FaninError) as refusal:
        resolve_letters(layout, layer, rank)
    assert refusal.value.problems[0].field in ("layout", "layer")
    return refusal.value


@pytest.mark.parametrize(
    ("layout", "layer", "rank", "letters"),
    [
        ("torch", "conv2d", 4, "OIHW"),
        ("keras", "conv2d", 4, "HWIO"),
        ("onnx", "recurrent", 3, "EOI"),
        ("HWIO", "conv2d", 4, "HWIO"),
        ("EIO", "dense", 3, "EIO"),
        ("IOO", None, 3, "IOO"),
        ("EOIDHW", "conv3d", 6, "EOIDHW"),
    ],
)
def test_a_layout_is_letters_or_a_framework(
    layout: str, layer: str | None, rank: int, letters: str
) -> None:
    """A framework's name stands for its letters of the layer; letters stand for themselves."""
    assert resolve_letters(layout, layer, rank) == letters


@pytest.mark.parametrize(
    ("layout", "hint"),
    [
        ("PyTorch", "write torch"),
        ("TORCH", "write torch"),
        ("jax", "write flax"),
        ("hwio", "write HWIO"),
        ("kears", "the nearest are keras, candle, flax"),
    ],
)
def test_a_layout_that_is_neither_gets_the_right_word(layout: str, hint: str) -> None:
    """Other names of a framework and small letters get their exact replacement."""
    error = refusal_of(layout, "conv2d", 4)
    assert isinstance(error, UnreadableError)
    assert (error.reason, error.problems[0].hint) == ("unknown_word", hint)
    assert error.problems[0].listing == "layers"


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("NCWH", "'C', 'N': not a layout letter"),
        ("OI HW", "' ': not a layout letter"),
        ("OIHH", "H may occur only once"),
        ("HHOI", "H may occur only once"),
    ],
)
def test_letters_that_make_no_layout_are_refused(layout: str, message: str) -> None:
    """Only E O I D H W are letters, and D, H and W stand once."""
    error = refusal_of(layout, None, len(layout))
    assert isinstance(error, UnreadableError)
    assert (error.reason, error.problems[0].message) == ("bad_layout", message)


@pytest.mark.parametrize(
    ("layout", "layer", "rank", "hint"),
    [
        ("OIHW", "conv2d", 2, "write layout=OI and layer=dense"),
        ("OI", None, 4, "write a letter for each axis, such as OIHW"),
        ("OI", None, 7, "write a letter for each axis"),
        ("OI", "dense", 3, "write a letter for each axis, such as EOI"),
        ("OI", None, 0, "leave layout out: a scalar has no letters"),
        ("torch", "conv2d", 3, "give 4 extents, or leave layer out"),
        ("torch", "conv2d", 1, "give 4 extents, or use layer=bias, or leave layer out"),
        ("torch", "conv3d", 0, "give 5 extents, or leave layer out"),
        ("torch", "scale", 3, "write layout=OOO, since O may repeat, or give 1 extent"),
        ("keras", "bias", 2, "write layout=OO, since O may repeat, or give 1 extent"),
        ("torch", "embedding", 3, "write layout=EOO, since O may repeat, or give 2 extents"),
        ("flax", "dense", 3, "write layout=EIO, where E is copies, or give 2 extents, "
            "or write layout=IOO or layout=IIO, which are attention heads out or in"),
        ("candle", "conv2d", 5,
         "write layout=EOIHW, where E is copies, or give 4 extents"),
        ("OIHW", "dense", 4, "use layer=conv2d; in torch dense is OI"),
        ("IO", "conv1d", 2, "use layer=dense; in torch conv1d is OIW"),
        ("OH", "dense", 2, "write letters such as OI"),
        ("OW", "conv2d", 2, "leave layer out; in torch conv2d is OIHW"),
    ],
)  # fmt: skip
def test_a_layout_that_fits_neither_shape_nor_layer_is_refused(
    layout: str, layer: str | None, rank: int, hint: str
) -> None:
    """The hint says what would fit, and only what the framework has."""
    error = refusal_of(layout, layer, rank)
    assert isinstance(error, ImpossibleError)
    assert (error.reason, error.problems[0].hint) == ("layout_mismatch", hint)


def test_a_framework_without_the_layer_says_what_it_has() -> None:
    """candle has no conv3d; letters still work."""
    error = refusal_of("candle", "conv3d", 5)
    assert error.reason == "no_such_layer"
    assert error.problems[0].message == "candle has no conv3d"
    assert "it has dense, conv1d, conv2d," in error.problems[0].hint
    assert error.problems[0].hint.endswith("or write the letters, such as OIDHW")


def test_a_framework_without_a_layer_has_no_letters() -> None:
    """Six axes stand for no layer, so a framework's name says nothing of them."""
    error = refusal_of("keras", None, 6)
    assert (error.reason, error.problems[0].field) == ("no_such_layer", "layer")


@pytest.mark.parametrize(
    ("letters", "layer"),
    [
        ("OI", "dense"),
        ("EIO", "dense"),
        ("IOO", "dense"),
        ("HWIO", "conv2d"),
        ("EOIW", "conv1d"),
        ("WHDIO", "conv3d"),
        ("HWEO", "depthwise_conv2d"),
        ("WEO", "depthwise_conv1d"),
        ("DHWEO", None),
        ("EO", "embedding"),
        ("O", "bias"),
        ("OO", "bias"),
        ("I", None),
        ("HW", None),
        ("OW", None),
        ("", None),
    ],
)
def test_letters_alone_tell_the_layer(letters: str, layer: str | None) -> None:
    """Transposed and recurrent layers are written like others, so they are never guessed."""
    assert layer_of_letters(letters) == layer


def test_every_way_to_write_a_kernel_is_counted_in_one_order() -> None:
    """All 120 permutations of OIDHW lead back to O, I, D, H, W."""
    for written in itertools.permutations("OIDHW"):
        assert [written[axis] for axis in canonical_axes("".join(written))] == list("OIDHW")


@given(LAYOUTS)
def test_the_canonical_order_is_a_permutation_that_keeps_equal_letters(letters: str) -> None:
    """Every axis once, letters in the order E O I D H W, equal letters as they were written."""
    axes = canonical_axes(letters)
    assert sorted(axes) == list(range(len(letters)))
    assert list(axes) == sorted(axes, key=lambda axis: ("EOIDHW".index(letters[axis]), axis))


def test_equal_letters_keep_their_written_order() -> None:
    """In IOWO the first O stays before the second."""
    assert canonical_axes("IOWO") == (1, 3, 0, 2)
