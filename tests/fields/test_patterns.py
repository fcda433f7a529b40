"""The patterns of OpenAPI: what they match is read, and what they do not match is refused."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.advice import Question
from service.calibration import Measurement
from service.errors import FaninError, UnreadableError
from service.fields import Spec, patterns
from service.fields.errors import FieldError
from service.fields.numbers import MOST_NUMBER_CHARACTERS, read_integer
from service.fields.parsing import read_members
from service.initializers.layers import FRAMEWORKS
from service.initializers.layouts import resolve_letters
from service.initializers.schemes import SCHEMES
from service.plan import plan
from service.propagation import Stack

MODELS = (Spec, Question, Stack, Measurement)
REQUIRED = {"shape": "8,4", "measured_variance": "1"}

LATER = ("layout",)
"""Fields whose text is checked with the layer, not by their reader."""

BEYOND = {"out_of_range"}
"""What no pattern says: a number of digits or a magnitude, and the order of two bounds."""

EXACT = (
    *("depth", "decoder_depth", "branches", "branch_layers", "layer_index", "factor", "seed"),
    *("groups", "classes", "width", "repeat", "tokens", "step", "most_steps"),
)
"""Single integers, whose limits are in the pattern."""

OUTSIDE = [
    *("", " ", "x", "0", "00", "01", "+1", "-1", "-0", "1.0", "1.", ".5", "1e", "1e5", "1_000"),
    *("0x10", "١", "1 ", " 1", "1\n", "NaN", "inf", "true", "None", "[]", "[1]", "[1,2", "1,2]"),
    *("1,", ",1", "1,,2", "1;2", "1x2", "1,2", "-1,1", "0,0", "1:2", ":", "::", "1:2:1", "a:b"),
    *("1:+2", "01:2", "0:1,:", ":,", "scalar", "Scalar", "[1, 2]", "[1,\n2]", "(1,2)", "OI", "oi"),
    *("OIX", "O I", "torch", "Torch", "a\x00b", "a\x7fb", "a\x9fb", "/v1/weights.npy", "9" * 19),
    *("/v1/weights.npy?shape=1&scheme=zeros", "http://a/v1/weights.npy?shape=1", "9" * 41),
    *(
        "1,1,1,1,1,1,1,1,1",
        ",".join(["1"] * 65),
        "10001",
        "18446744073709551616",
        "1e400",
        "1e-400",
    ),
]


def form_of(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of a field's text, if it has a pattern."""
    forms = [form for form in schema.get("anyOf", [schema]) if "pattern" in form]
    assert len(forms) <= 1
    return forms[0] if forms else None


FORMS = {
    field: form
    for model in MODELS
    for field, schema in model.model_json_schema()["properties"].items()
    if (form := form_of(schema))
}


def matches(form: dict[str, Any], text: str) -> bool:
    """Whether the text fits the schema. JSON Schema's `$` is the very end, unlike Python's."""
    pattern = form["pattern"].removeprefix("^").removesuffix("$")
    fits = len(text) <= form.get("maxLength", len(text))
    return fits and re.fullmatch(pattern, text) is not None


def reason_of(field: str, text: str) -> str | None:
    """Why the reader of the field refuses the text; None if it accepts it."""
    model = next(model for model in MODELS if field in model.model_fields)
    needed = {name: value for name, value in REQUIRED.items() if name in model.model_fields}
    try:
        read_members(model, (needed | {field: text}).items(), [])
    except FaninError as error:
        return error.reason
    return None


def test_every_text_of_numbers_has_a_pattern() -> None:
    """Without one OpenAPI would allow any text."""
    lacking = {
        field
        for model in MODELS
        for field, schema in model.model_json_schema()["properties"].items()
        for form in schema.get("anyOf", [schema])
        if form == {"type": "string"}
    }
    assert lacking == set()
    assert {"shape", "slice", "layout", "bounds", "parts", "stride", "seed", "name"} <= set(FORMS)


@pytest.mark.parametrize("field", [field for field in FORMS if field not in LATER])
@settings(max_examples=30)
@given(data=st.data())
def test_what_a_pattern_matches_is_read(field: str, data: st.DataObject) -> None:
    """The reader accepts the form of every generated text."""
    pattern = FORMS[field]["pattern"].removeprefix("^").removesuffix("$")
    generated = st.from_regex(pattern, fullmatch=True)
    text = data.draw(generated.filter(lambda text: matches(FORMS[field], text)))
    if field == "name" and len(text.encode()) > FORMS[field]["maxLength"]:
        return
    if field in ("kernel", "bounds") and any(
        len(item) > MOST_NUMBER_CHARACTERS for item in text.split(",")
    ):
        return
    reason = reason_of(field, text)
    assert reason is None or (reason in BEYOND and field not in EXACT), text


@pytest.mark.parametrize("field", [field for field in FORMS if field not in LATER])
def test_what_a_pattern_does_not_match_is_refused(field: str) -> None:
    """By the reader, or for a sign by the scheme; and the samples have some of each kind."""
    outside = [text for text in OUTSIDE if not matches(FORMS[field], text)]
    assert outside
    by_scheme = Spec.model_fields.get(field) is not None and FORMS[field]["pattern"] == (
        f"^{patterns.POSITIVE_NUMBER}$"
    )
    for text in outside:
        if field == "name" and text == "":
            continue
        refused = reason_of(field, text) is not None
        if not refused and by_scheme and float(text) <= 0:
            continue
        assert refused, text


@given(st.from_regex(patterns.LAYOUT, fullmatch=True))
def test_a_layout_that_matches_is_letters_or_a_framework(layout: str) -> None:
    """Only D, H and W twice are refused, which the pattern cannot say."""
    if layout in FRAMEWORKS:
        assert resolve_letters(layout, "dense", 2) in ("OI", "IO")
    elif any(layout.count(letter) > 1 for letter in "DHW"):
        with pytest.raises(UnreadableError, match="may occur only once"):
            resolve_letters(layout, None, len(layout))
    else:
        assert resolve_letters(layout, None, len(layout)) == layout


@pytest.mark.parametrize("layout", [text for text in OUTSIDE if text not in ("", "OI", "torch")])
def test_a_layout_that_does_not_match_is_refused(layout: str) -> None:
    """As a word that nobody knows."""
    assert re.fullmatch(patterns.LAYOUT, layout) is None
    with pytest.raises(UnreadableError):
        resolve_letters(layout, None, len(layout))


@given(
    st.integers(-3000, 1), st.integers(1, 3000), st.integers(-4000, 4000).map(str) | st.just("-0")
)
def test_the_pattern_of_integers_is_exact(least: int, most: int, text: str) -> None:
    """It matches a text if and only if the reader accepts it."""
    try:
        read_integer(text, least, most)
        accepted = True
    except FieldError:
        accepted = False
    assert (re.fullmatch(patterns.integers(least, most), text) is not None) == accepted


@pytest.mark.parametrize("most", [1, 9, 10, 99, 100, 1000, 10_000, 2**24, 2**58 - 1, 2**64 - 1])
def test_the_ends_of_the_integers_are_exact(most: int) -> None:
    """Around the limit, and around each power of ten below it."""
    match = re.compile(patterns.integers(1, most)).fullmatch
    tens = [10**power for power in range(len(str(most)) + 1)]
    for near in (most, *tens):
        for number in range(max(0, near - 2), near + 3):
            assert (match(str(number)) is not None) == (1 <= number <= most), number


@pytest.mark.parametrize(("least", "most"), [(2, 9), (-5, 0), (0, 0)])
def test_limits_without_a_pattern_are_refused(least: int, most: int) -> None:
    """No field has such limits."""
    with pytest.raises(ValueError, match="no pattern"):
        patterns.integers(least, most)


POSITIVE = [
    field for field, form in FORMS.items() if form["pattern"] == f"^{patterns.POSITIVE_NUMBER}$"
]


def accepted(scheme: str, field: str, number: str) -> bool:
    """Whether the scheme's example is planned with this number."""
    example = dict(item.split("=") for item in SCHEMES[scheme].example.split("&"))
    words = example | {"scheme": scheme, "seed": "1", field: number}
    try:
        plan(read_members(Spec, words.items(), []), "npy", max_bytes=2**44)
    except FaninError:
        return False
    return True


@pytest.mark.parametrize("field", [field for field in POSITIVE if field in Spec.model_fields])
def test_no_scheme_accepts_a_number_that_openapi_excludes(field: str) -> None:
    """0 and less, wherever the field is taken."""
    takers = [name for name, scheme in SCHEMES.items() if field in scheme.fields]
    assert takers or field.startswith("fan_") or field == "base_fan_in"
    assert not [(name, x) for name in takers for x in ("0", "-1") if accepted(name, field, x)]


def test_other_numbers_may_be_0() -> None:
    """Negative control: of each of the others some scheme accepts 0."""
    fields = [name for name, form in FORMS.items() if form["pattern"] == f"^{patterns.NUMBER}$"]
    others = [name for name in fields if name in Spec.model_fields and name != "negative_slope"]
    assert len(others) >= 5
    for field in others:
        takers = [name for name, scheme in SCHEMES.items() if field in scheme.fields]
        assert any(accepted(name, field, "0") for name in takers), field
