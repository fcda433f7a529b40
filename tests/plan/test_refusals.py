"""What cannot be issued: refused with a reason and a way out, before the first byte."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.dtypes import DTYPES
from service.errors import FaninError, ImpossibleError
from service.fields import Spec, parse_query
from service.plan import plan

MOST = 2**44

REFUSED = [
    # fields the scheme does not take, or that contradict each other
    ("scheme=zeros&std=1", "scheme_field", "std", "write scheme=normal, or leave std out"),
    ("scheme=normal&bounds=2", "scheme_field", "bounds", "or leave bounds out"),
    ("scheme=normal&gain=2", "scheme_field", "gain", "variance_scaling"),
    ("scheme=he_normal&std=0.02", "scheme_field", "std", "normal"),
    ("activation=relu&std=0.02", "scheme_field", "std", "normal"),
    ("scheme=he_normal&distribution=uniform", "scheme_field", "distribution", "truncated_normal"),
    ("scheme=he_normal&bounds=2", "scheme_field", "bounds", "distribution=truncated_normal"),
    ("scheme=he_normal&std_kind=parent", "scheme_field", "std_kind", "distribution=truncated"),
    ("scheme=he_normal&gain=1&scale=1", "conflicting_fields", "scale", "gain or scale"),
    ("scheme=truncated_normal&low=-1&high=1&bounds=2", "conflicting_fields", "bounds", "low"),
    (
        "scheme=truncated_normal&low=-1&high=1&std_kind=corrected",
        "conflicting_fields",
        "std_kind",
        "bounds",
    ),
    ("scheme=uniform&low=0&high=1&std=1", "conflicting_fields", "std", "leave std out"),
    ("scheme=uniform&low=0&high=1&mean=1", "conflicting_fields", "mean", "leave mean out"),
    # fields that are missing or leave nothing
    ("scheme=constant", "scheme_needs", "value", "value="),
    ("scheme=uniform", "scheme_needs", "low", "high="),
    ("scheme=uniform&low=0", "scheme_needs", "high", "high="),
    ("scheme=truncated_normal&high=0", "scheme_needs", "low", "low="),
    ("scheme=uniform&low=1&high=1", "empty_range", "low", "constant"),
    ("scheme=truncated_normal&low=2&high=1", "empty_range", "low", "low=1 and high=2"),
    ("scheme=normal&std=0", "not_positive", "std", "scheme=zeros"),
    ("scheme=normal&std=-0.5", "not_positive", "std", "write 0.5"),
    ("scheme=he_normal&gain=0", "not_positive", "gain", "scheme=zeros"),
    ("scheme=he_normal&scale=-2", "not_positive", "scale", "write 2"),
    ("scheme=truncated_normal&bounds=39,40", "nothing_between", "bounds", "nearer 0"),
    ("scheme=truncated_normal&low=1&high=2&std=1e-308", "nothing_between", "std", "larger"),
    ("scheme=truncated_normal&low=1&high=2&std=1e-9", "nothing_between", "low", "towards"),
    ("scheme=truncated_normal&bounds=0,1e-30", "nothing_between", "bounds", "constant"),
    # what a dtype cannot hold
    ("scheme=normal&std=1e300", "overflows_dtype", "dtype", "float64"),
    ("scheme=normal&std=1e308&dtype=float64", "overflows_dtype", "dtype", "smaller"),
    ("scheme=normal&std=9700&dtype=float16", "overflows_dtype", "dtype", "use dtype=float32"),
    (
        "scheme=normal&mean=440&std=5&dtype=float8_e4m3fn",
        "overflows_dtype",
        "dtype",
        "use dtype=float16",
    ),
    (
        "scheme=constant&value=465&dtype=float8_e4m3fn",
        "overflows_dtype",
        "dtype",
        "use dtype=float16",
    ),
    ("scheme=constant&value=65520&dtype=float16", "overflows_dtype", "dtype", "use dtype=float32"),
    ("scheme=constant&value=-1e39", "overflows_dtype", "dtype", "use dtype=float64"),
    (
        "scheme=uniform&low=0&high=70000&dtype=float16",
        "overflows_dtype",
        "dtype",
        "use dtype=float32",
    ),
    ("scheme=normal&std=1e-60", "vanishes_in_dtype", "dtype", "zeros"),
    ("scheme=normal&std=1e-9&dtype=float16", "vanishes_in_dtype", "dtype", "zeros"),
    ("scheme=constant&value=1e-50", "vanishes_in_dtype", "dtype", "zeros"),
    ("scheme=constant&value=0.0009&dtype=float8_e4m3fn", "vanishes_in_dtype", "dtype", "zeros"),
    ("scheme=uniform&low=-97e-5&high=97e-5&dtype=float8_e4m3fn", "vanishes_in_dtype", "dtype", ""),
    # a uniform whose steps would themselves be rounded
    ("scheme=uniform&low=-1e-37&high=1e-37", "vanishes_in_dtype", "dtype", "float64"),
    ("scheme=uniform&low=-1e-37&high=1e-37&dtype=bfloat16", "vanishes_in_dtype", "dtype", "larger"),
    ("scheme=uniform&low=-1e-37&high=1e-37&dtype=float16", "vanishes_in_dtype", "dtype", "larger"),
    (
        "scheme=uniform&low=-1e-300&high=1e-300&dtype=float64",
        "vanishes_in_dtype",
        "dtype",
        "larger",
    ),
    # what the extreme words of a truncated normal reach, not what its bounds allow
    ("scheme=truncated_normal&low=-1e38&high=1e38&std=1e39", "overflows_dtype", "dtype", ""),
    (
        "scheme=truncated_normal&low=-1&high=1&std=1e-4&dtype=float8_e4m3fn",
        "vanishes_in_dtype",
        "dtype",
        "zeros",
    ),
    ("scheme=truncated_normal&low=0&high=1&std=1e-46", "vanishes_in_dtype", "dtype", "zeros"),
    # a stride that cannot be, even where no fan needs it
    ("stride=1,1&fan_in=5&scheme=he_normal", "stride_mismatch", "stride", "leave stride out"),
    ("scheme=truncated_normal&low=-1&high=1&std=1e20", "nothing_between", "std", "uniform"),
    ("scheme=truncated_normal&low=50&high=60", "nothing_between", "low", "mean"),
    ("scheme=uniform&low=1.00000001&high=1.00000002", "nothing_between", "dtype", "float64"),
    (
        "scheme=uniform&low=1.00000001&high=1.00000002&dtype=float8_e5m2",
        "nothing_between",
        "dtype",
        "apart",
    ),
    # fans that do not exist
    ("shape=8&scheme=he_normal", "no_fan", "fan_in", "fan_in"),
    ("shape=1,1,1,1,1,1&scheme=he_normal", "no_fan", "fan_in", "layout"),
    ("shape=scalar&scheme=he_normal", "no_fan", "fan_in", "fan_in"),
    # three axes are not guessed
    ("shape=8,4,3&scheme=he_normal", "ambiguous_axes", "layout", "layout=OIW"),
    ("shape=8,4,3&scheme=he_normal&layout=keras", "ambiguous_axes", "layout", "layout=WIO"),
    ("shape=8,4,3&scheme=glorot_normal&fan_in=9", "ambiguous_axes", "layout", "layout=OIW"),
    ("shape=8,4,3", "ambiguous_axes", "layout", "layout=OIW"),
    ("shape=0,4,3", "ambiguous_axes", "layout", "layout=EOI"),
    # groups and parts that cannot be, whatever the scheme
    ("shape=512,1,3,3&groups=1536&scheme=he_normal", "impossible_groups", "groups", "512"),
    ("shape=8,3,5,5&groups=3&scheme=zeros", "impossible_groups", "groups", "8"),
    (
        "shape=64,8,3,3&layer=conv_transpose2d&groups=3&scheme=normal",
        "impossible_groups",
        "groups",
        "64",
    ),
    ("shape=7,4&parts=2&scheme=normal", "impossible_parts", "parts", "7"),
    ("shape=64&parts=3&layer=bias", "impossible_parts", "parts", "64"),
    ("shape=8,4,3&scheme=normal&groups=2", "impossible_groups", "groups", "leave groups out"),
    # a slope without an activation that has one; two words for one number
    ("activation=relu&negative_slope=0.1", "slope_not_taken", "negative_slope", "leaky_relu"),
    ("scheme=zeros&activation=gelu&negative_slope=0.1", "slope_not_taken", "negative_slope", ""),
    ("negative_slope=1e200", "out_of_range", "negative_slope", "0.01"),
    ("scheme=variance_scaling&gain=2&gain_rule=exact", "conflicting_fields", "gain_rule", "gain"),
    ("scheme=variance_scaling&scale=2&gain_rule=exact", "conflicting_fields", "gain_rule", "scale"),
    # fans belong to schemes that have some
    ("scheme=normal&fan_in=4", "scheme_field", "fan_in", "lecun_normal"),
    ("shape=8&fan_out=4", "scheme_field", "fan_out", "leave fan_out out"),
    ("shape=scalar", "no_auto", "scheme", "scheme"),
    # an empty tensor has no values, but its certificate has numbers
    ("shape=0,3&scheme=truncated_normal&std=1.7e308", "overflows_dtype", "dtype", "smaller"),
    ("shape=0,3&scheme=uniform&std=1.7e308", "overflows_dtype", "dtype", "smaller"),
    ("shape=0,3&scheme=truncated_normal&bounds=40&std=1e307", "overflows_dtype", "dtype", ""),
    # layouts that do not fit
    ("shape=8,4,3&layout=OI", "layout_mismatch", "layout", "each axis"),
    ("shape=8,4&layer=conv2d", "layout_mismatch", "layout", "dense"),
    ("shape=8,4&layer=bias&layout=OI", "layout_mismatch", "layout", "layer=dense"),
    ("shape=8,4&layer=embedding&layout=OI", "layout_mismatch", "layout", "layer=dense"),
    ("shape=8,4&layer=dense&layout=OO", "layout_mismatch", "layout", "layer=bias"),
    ("shape=8,4,3&layer=conv1d&layout=OOW", "layout_mismatch", "layout", "such as OIW"),
    ("shape=8,3&layer=depthwise_conv1d&layout=OW", "layout_mismatch", "layout", "leave layer out"),
    ("shape=8,4&layout=oi", "unknown_word", "layout", "write OI"),
    ("shape=8,4&layout=HH", "bad_layout", "layout", "repeat"),
    # sizes
    ("shape=4194304,1048577", "too_large", "shape", "4398046511104"),
    ("shape=0,536870912,536870912", "too_large", "shape", "at most"),
]


@pytest.mark.parametrize(("query", "reason", "field", "hint"), REFUSED)
def test_the_impossible_is_refused_with_the_way_out(
    query: str, reason: str, field: str, hint: str
) -> None:
    """A stable reason, the field to change, and what would be possible."""
    shape = "" if "shape=" in query else "shape=8,4&"
    spec = parse_query(f"{shape}seed=1&name=a&{query}".encode())
    with pytest.raises(FaninError) as refused:
        plan(spec, "npy" if DTYPES[spec.dtype].npy_descr else "raw", max_bytes=MOST)
    problem = refused.value.problems[0]
    assert refused.value.reason == reason
    assert problem.field == field
    assert hint in problem.hint


SENT = [
    ("scheme=uniform&low=2&high=-2", "low 2 is above high -2", "write low=-2 and high=2"),
    ("scheme=truncated_normal&low=0.5&high=0.25", "low 0.5 is above high 0.25", "low=0.25"),
    ("scheme=uniform&low=3&high=3", "low and high are both 3", "scheme=constant and value=3"),
    ("scheme=normal&std=-1", "std is -1; it must be above 0", "write 1"),
    ("scheme=uniform&std=-1e-5", "std is -1e-5; it must be above 0", "write 1e-5"),
    ("scheme=truncated_normal&std=0", "std is 0; it must be above 0", "leave std out and use"),
    ("scheme=he_normal&gain=-2", "gain is -2; it must be above 0", "write 2"),
    ("scheme=he_normal&scale=0", "scale is 0; it must be above 0", "leave scale out and use"),
    ("bounds=2,-2", "the first bound 2 is above the second, -2", "write -2,2"),
    ("bounds=1,1", "both bounds are 1", "write -2,2"),
    ("bounds=-3", "the bound c is -3", "write 3"),
    ("bounds=-50,1", "the bound -50 is more than 40 standard deviations", "write -40,1"),
    ("slice=3:1,:", "axis 0 starts at 3, after its stop at 1", "write 1:3,:"),
    ("seed=-1", "'-1' is below 0", "from 0 to 18446744073709551615"),
    ("seed=18446744073709551616", "'18446744073709551616' is above 18446744073709551615", "0 to"),
    ("groups=0", "'0' is below 1", "from 1"),
    ("stride=2,0", "'0' is below 1", "such as 2 or 2,2"),
    ("fan_in=-3", "-3 is below 1e-60", "from 1e-60"),
]


@pytest.mark.parametrize(("query", "message", "hint"), SENT)
def test_a_refused_number_is_shown_with_what_is_wrong_with_it(
    query: str, message: str, hint: str
) -> None:
    """Not the rule alone, of which nobody can see how it was broken."""
    with pytest.raises(FaninError) as refused:
        plan(parse_query(f"shape=8,4&name=a&{query}".encode()), "npy", max_bytes=MOST)
    problem = refused.value.problems[0]
    assert problem.message.startswith(message)
    assert hint in problem.hint


def test_a_scale_of_three_axes_is_told_that_o_may_repeat() -> None:
    """ConvNeXt's layer scale is 768,1,1: the hint's letters are accepted."""
    with pytest.raises(ImpossibleError) as refused:
        plan(parse_query(b"shape=768,1,1&layer=scale"), "npy", max_bytes=MOST)
    assert "layout=OOO, since O may repeat" in refused.value.problems[0].hint
    spec = parse_query(b"shape=768,1,1&layer=scale&layout=OOO")
    assert plan(spec, "npy", max_bytes=MOST).facts.scheme == "ones"


ALLOWED = [
    "scheme=constant&value=464&dtype=float8_e4m3fn",
    "scheme=constant&value=65519&dtype=float16",
    "scheme=constant&value=0&dtype=float8_e4m3fn",
    "scheme=constant&value=0.001&dtype=float8_e4m3fn",
    "scheme=normal&std=9600&dtype=float16",
    "scheme=normal&std=5e37",
    "scheme=normal&std=1e307&dtype=float64",
    "scheme=normal&std=1e-44",
    "scheme=normal&std=1e-308&dtype=float64",
    "scheme=uniform&low=-65519&high=65519&dtype=float16",
    "scheme=uniform&low=0.51&high=0.56&dtype=float8_e5m2",
    "scheme=uniform&low=1.001&high=1.002&dtype=bfloat16",
    "scheme=uniform&low=-98e-5&high=98e-5&dtype=float8_e4m3fn",
    "scheme=uniform&low=-2e-31&high=2e-31",
    "scheme=uniform&low=-0.001&high=0.001&dtype=float8_e4m3fn",
    "scheme=uniform&low=0.51&high=0.56&dtype=float8_e5m2",
    "scheme=uniform&low=1.001&high=1.002&dtype=bfloat16",
    "scheme=truncated_normal&low=-1000&high=1000&std=0.02&dtype=float8_e4m3fn",
    "scheme=truncated_normal&low=-1e38&high=1e38&std=3e38",
    "scheme=truncated_normal&bounds=40",
    "scheme=truncated_normal&bounds=-40,39",
    "scheme=truncated_normal&bounds=36,40",
    "scheme=truncated_normal&low=-1e30&high=1e30&std=1e-30",
    "shape=0,7&scheme=he_normal",
    "shape=4194304,1048576",
]


@pytest.mark.parametrize("query", ALLOWED)
def test_what_is_just_possible_is_planned(query: str) -> None:
    """The refusals above are as narrow as they say: 464 is halfway to what float8 lacks."""
    shape = "" if "shape=" in query else "shape=8,4&"
    spec = parse_query(f"{shape}seed=1&name=a&{query}".encode())
    assert plan(spec, "raw", max_bytes=MOST).url is not None


def test_a_refusal_names_the_scheme_that_auto_is() -> None:
    """Whoever gives std without a scheme learns which scheme they were about to get."""
    with pytest.raises(ImpossibleError) as refused:
        plan(parse_query(b"shape=8,4&std=0.02"), "npy", max_bytes=MOST)
    (problem,) = refused.value.problems
    assert problem.message == "glorot_uniform, which auto means here, takes no std"


def test_formats_refuse_what_they_cannot_carry() -> None:
    """.npy has no word for bfloat16, safetensors none for order F; an order without effect is
    none."""
    spec = parse_query(b"shape=8,4&scheme=normal&seed=1&dtype=bfloat16&order=F")
    with pytest.raises(ImpossibleError) as no_dtype:
        plan(spec, "npy", max_bytes=MOST)
    with pytest.raises(ImpossibleError) as no_order:
        plan(spec, "safetensors", max_bytes=MOST)
    assert no_dtype.value.reason == "format_cannot_carry_dtype"
    assert no_order.value.reason == "format_cannot_carry_order"
    row = parse_query(b"shape=1,4&scheme=normal&seed=1&order=F")
    assert plan(row, "safetensors", max_bytes=MOST).url is not None


def test_the_limit_is_the_whole_tensors_and_says_what_is_possible() -> None:
    """A slice does not excuse its tensor; the hint counts elements of the dtype asked for."""
    spec = parse_query(b"shape=1001&scheme=normal&dtype=float64&slice=0:1")
    with pytest.raises(ImpossibleError) as refused:
        plan(spec, "npy", max_bytes=8000)
    assert refused.value.reason == "too_large"
    assert "float64 tensors have at most 1000 elements" in refused.value.problems[0].hint
    assert plan(spec, "npy", max_bytes=8008).tensor.length == 136


NUMBERS = st.sampled_from(
    [0.0, 5e-324, 2.0**-1022, 1e-46, 1e-38, 1e-3, 1.0, 3e38, 4e38, 1e200, 1.7e308]
) | st.floats(allow_nan=False, allow_infinity=False)
FIELDS = ("gain", "scale", "mean", "std", "low", "high", "value", "negative_slope")
SCHEMES = ("constant", "uniform", "normal", "truncated_normal", "variance_scaling", "he_uniform")


@st.composite
def extremes(draw: st.DrawFn) -> Spec:
    """Specs whose numbers lie at the ends of float64."""
    chosen = draw(st.sets(st.sampled_from(FIELDS), max_size=4))
    signs = st.sampled_from([1.0, -1.0])
    numbers = {field: draw(NUMBERS) * draw(signs) for field in sorted(chosen)}
    scheme, dtype = draw(st.sampled_from(SCHEMES)), draw(st.sampled_from(list(DTYPES)))
    bounds = draw(st.sampled_from([None, (1e-15,), (40.0,), (0.0, 1e-10), (-40.0, -39.0)]))
    more = {} if bounds is None else {"bounds": bounds}
    shape = draw(st.sampled_from([(2, 3), (0, 3), (2, 0), ()]))
    return Spec(shape=shape, seed=1, scheme=scheme, dtype=dtype, **numbers, **more)


@settings(max_examples=1000)
@given(extremes())
def test_no_number_breaks_the_plan(spec: Spec) -> None:
    """Every spec is planned or refused as Fanin refuses, and every certificate is JSON.

    Empty tensors among them: they have no values to be refused, and numbers all the same.
    """
    try:
        found = plan(spec, "json", max_bytes=MOST)
    except FaninError:
        return
    assert json.loads(json.dumps(found.certificate(), allow_nan=False))["shape"] == list(spec.shape)
