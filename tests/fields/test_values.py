"""What each field's text means: the values of accepted spellings."""

import pytest

from service.fields import Spec, parse_query, parse_words

VALUES = [
    ("shape", "64,3,7,7", (64, 3, 7, 7)),
    ("shape", "[64,3,7,7]", (64, 3, 7, 7)),
    ("shape", "[ 64, 3 ]", (64, 3)),
    ("shape", "5", (5,)),
    ("shape", "[5]", (5,)),
    ("shape", "scalar", ()),
    ("shape", "[]", ()),
    ("shape", "0,3", (0, 3)),
    ("shape", "1,1,1,1,1,1,1,1", (1,) * 8),
    ("shape", "288230376151711743", (2**58 - 1,)),
    ("layer", "conv_transpose2d", "conv_transpose2d"),
    ("layout", "HWIO", "HWIO"),
    ("layout", "keras", "keras"),
    ("groups", "32", 32),
    ("parts", "3", 3),
    ("stride", "2", (2,)),
    ("stride", "2,1", (2, 1)),
    ("fan_in", "576", 576),
    ("fan_out", "1", 1),
    ("activation", "swish", "silu"),
    ("negative_slope", "0.2", 0.2),
    ("scheme", "auto", "auto"),
    ("scheme", "kaiming_normal", "he_normal"),
    ("scheme", "he_normal@1", "he_normal"),
    ("mode", "fan_geo_avg", "fan_geo_avg"),
    ("distribution", "truncated_normal", "truncated_normal"),
    ("gain", "1", 1.0),
    ("gain_rule", "pytorch", "pytorch"),
    ("scale", "2e0", 2.0),
    ("mean", "-0.5", -0.5),
    ("std", "1E-5", 1e-5),
    ("std", "0.1000000000000000055511151231257827", 0.1),
    ("std_kind", "parent", "parent"),
    ("low", "-1.5e+2", -150.0),
    ("high", "123456789012345678901234567890", 123456789012345678901234567890.0),
    ("bounds", "2", (2.0,)),
    ("bounds", "-1,3.5", (-1.0, 3.5)),
    ("bounds", "-2,2", (2.0,)),
    ("bounds", "40", (40.0,)),
    ("value", "5e-324", 5e-324),
    ("seed", "0", 0),
    ("seed", "18446744073709551615", 2**64 - 1),
    ("name", "", ""),
    ("name", "a b/c", "a b/c"),
    ("name", "e\u0301", "e\u0301"),
    ("name", "é" * 256, "é" * 256),
    ("dtype", "float8_e4m3fn", "float8_e4m3fn"),
    ("order", "F", "F"),
    ("slice", "0:8,:,-3:-1,2:", ((0, 8), (None, None), (-3, -1), (2, None))),
    ("slice", ":0", ((None, 0),)),
    ("depth", "10000", 10000),
    ("decoder_depth", "6", 6),
    ("layer_index", "0", 0),
    ("branches", "2", 2),
    ("branch_layers", "3", 3),
    ("base_fan_in", "0.5", 0.5),
    ("inner", "kaiming_normal", "he_normal"),
    ("factor", "2", 2),
    ("sparsity", "0.9", 0.9),
    ("omega", "30", 30.0),
    ("base", "1e4", 10000.0),
    ("period", "784", 784.0),
    ("gates", "ifgo", "ifgo"),
    ("dt_min", "0.001", 0.001),
    ("dt_max", "0.1", 0.1),
    ("dt_floor", "1e-4", 1e-4),
    ("r_min", "0", 0.0),
    ("r_max", "1", 1.0),
    ("max_phase", "6.28", 6.28),
    ("prior", "0.01", 0.01),
    ("classes", "1000", 1000),
    ("variant", "crd", "crd"),
    ("kernel", "1,0,-1", (1.0, 0.0, -1.0)),
    ("kernel", "2.5", (2.5,)),
    ("normalise", "l1", "l1"),
    ("channels", "each", "each"),
    ("sigma", "1", 1.0),
    ("wavelength", "4", 4.0),
    ("aspect", "0.5", 0.5),
    ("phase", "-1", -1.0),
    ("window", "hann", "hann"),
    ("periodic", "true", "true"),
    ("scaling", "density", "density"),
    ("sample_rate", "16000", 16000.0),
    ("low_frequency", "0", 0.0),
    ("high_frequency", "8000", 8000.0),
]


@pytest.mark.parametrize(("field", "text", "value"), VALUES)
def test_a_spelling_has_one_value(field: str, text: str, value: object) -> None:
    """Each accepted text becomes exactly this Python value."""
    spec = parse_words({"shape": "1", field: text})
    assert getattr(spec, field) == value
    assert type(getattr(spec, field)) is type(value)


def test_every_field_has_a_value_tested() -> None:
    """The table above leaves no field out."""
    assert {field for field, _, _ in VALUES} == set(Spec.model_fields)


def test_negative_zero_is_zero() -> None:
    """-0 is read as 0: a constant has no sign bit that its URL would not show."""
    value = parse_words({"shape": "1", "value": "-0.0"}).value
    assert str(value) == "0.0"


def test_what_is_not_given_has_its_default() -> None:
    """A shape is all a request needs."""
    assert parse_query(b"shape=2,3") == Spec(shape=(2, 3))
    assert parse_query(b"shape=2,3").dtype == "float32"
    assert parse_query(b"shape=2,3").seed is None
    assert parse_query(b"shape=2,3&name=").name == ""


def test_python_values_are_read_like_their_text() -> None:
    """The model takes numbers and tuples as well, with the same limits."""
    spec = Spec(shape=(2, 3), std=0.5, stride=(2,), seed=7, bounds=(-2.0, 2.0))
    assert spec == parse_query(b"shape=2,3&std=0.5&stride=2&seed=7&bounds=2")


def test_every_field_explains_itself() -> None:
    """Each has a description and an example that its own reader accepts."""
    for name, field in Spec.model_fields.items():
        assert field.description
        assert field.examples
        text = str(field.examples[0])
        assert parse_words({"shape": "1", name: text}) is not None
