"""No word without effect: what each kind of field does with each scheme."""

from dataclasses import replace

import pytest

from service.errors import FaninError, ImpossibleError
from service.fields import ADDRESS_FIELDS, FIELDS, LAYER_FIELDS, NUMBER_FIELDS, parse_query
from service.initializers.schemes import SCHEMES
from service.plan import Plan, plan
from tests.filling import VALUES, filled, fills, needed

LAYER = "shape=12,4,3,3&layer=conv2d&activation=gelu&seed=1&name=a"
DENSE = "shape=12,4&layer=dense&activation=gelu&seed=1&name=a"

CONTEXTS = ("", "&distribution=truncated_normal", "&low=-0.5&high=0.6")
"""What else is given, so that fields that only matter beside others are met."""

DEFAULTS = {"mode", "distribution", "gain_rule", "std_kind"}
"""Fields one of whose words is the default, which may be said and changes nothing."""


def planned(query: str) -> Plan | None:
    """The plan but for its warnings; None if it is refused."""
    try:
        found = plan(parse_query(query.encode()), "npy", max_bytes=2**44)
    except FaninError:
        return None
    return replace(found, warnings=())


def base(scheme: str, context: str) -> str:
    """A request for the scheme, with what it cannot do without."""
    added = "" if "low=" in context else needed(scheme)
    layer = LAYER if fills(scheme, "12,4,3,12") else DENSE
    return f"{layer}&scheme={scheme}{added}{context}"


def with_field(query: str, field: str, value: str) -> str:
    """The query with the field set, instead of what it said of it before."""
    kept = [item for item in query.split("&") if not item.startswith(f"{field}=")]
    return "&".join([*kept, f"{field}={value}"])


def test_every_field_is_of_one_kind() -> None:
    """Shape and scheme are the request itself; each of the others is in one list."""
    kinds = [*LAYER_FIELDS, *NUMBER_FIELDS, *ADDRESS_FIELDS]
    assert sorted([*kinds, "shape", "scheme"]) == sorted(FIELDS)
    assert set(VALUES) == set(NUMBER_FIELDS)


@pytest.mark.parametrize("field", NUMBER_FIELDS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_number_is_used_or_refused(scheme: str, field: str) -> None:
    """Of all values but the default's, none is accepted without changing bytes or facts."""
    for context in CONTEXTS:
        query = base(scheme, context)
        without = planned(query)
        outcomes = [planned(with_field(query, field, value)) for value in VALUES[field]]
        if without is None:
            continue
        unchanged = [outcome for outcome in outcomes if outcome == without]
        assert len(unchanged) <= (field in DEFAULTS or f"&{field}=" in context)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_takes_the_fields_it_lists_and_no_other(scheme: str) -> None:
    """In some context each listed field is accepted; every other is refused as not taken."""
    for field in NUMBER_FIELDS:
        accepted, reasons = False, set()
        for context in CONTEXTS:
            for value in VALUES[field]:
                query = with_field(base(scheme, context), field, value)
                try:
                    plan(parse_query(query.encode()), "npy", max_bytes=2**44)
                    accepted = True
                except ImpossibleError as error:
                    reasons.add(error.reason)
        listed = field in SCHEMES[scheme].fields
        assert accepted == listed
        assert listed or reasons == {"scheme_field"}


@pytest.mark.parametrize(
    "described",
    [
        "layer=conv2d",
        "layout=OIHW",
        "layout=keras&layer=conv2d",
        "groups=3",
        "parts=2",
        "stride=2",
        "stride=1,2",
        "activation=relu",
        "activation=leaky_relu&negative_slope=0.2",
        "negative_slope=0.2",
    ],
)
@pytest.mark.parametrize("scheme", filled("12,4,3,12"))
def test_every_scheme_takes_what_describes_the_layer(scheme: str, described: str) -> None:
    """Whether or not it looks at it: a client may describe all layers alike."""
    query = f"shape=12,4,3,12&seed=1&name=a&scheme={scheme}{needed(scheme)}&{described}"
    assert planned(query) is not None


@pytest.mark.parametrize(
    "described",
    [
        "layer=dense",
        "layout=OI",
        "layout=IO",
        "layout=keras&layer=dense",
        "groups=3",
        "parts=2",
        "parts=4,4,2,2",
        "stride=1",
        "activation=leaky_relu&negative_slope=0.2",
        "negative_slope=0.2",
    ],
)
@pytest.mark.parametrize("scheme", filled("12,12"))
def test_every_scheme_takes_what_describes_a_dense_layer(scheme: str, described: str) -> None:
    """The same with two axes, and with parts of any heights."""
    query = f"shape=12,12&seed=1&name=a&scheme={scheme}{needed(scheme)}&{described}"
    assert planned(query) is not None


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ("layer=conv1d", "layout_mismatch"),
        ("layout=OIH", "layout_mismatch"),
        ("groups=5", "impossible_groups"),
        ("parts=5", "impossible_parts"),
        ("parts=5,5", "impossible_parts"),
        ("stride=2", "stride_mismatch"),
        ("activation=relu&negative_slope=0.2", "slope_not_taken"),
    ],
)
@pytest.mark.parametrize("scheme", filled("12,12"))
def test_no_scheme_takes_a_dense_layer_that_cannot_be(
    scheme: str, described: str, reason: str
) -> None:
    """Two axes again, presets and identity among the schemes. A preset has its own refusal."""
    if SCHEMES[scheme].preset is not None and reason == "layout_mismatch":
        reason = "preset_layer"
    query = f"shape=12,12&seed=1&name=a&scheme={scheme}{needed(scheme)}&{described}"
    with pytest.raises(ImpossibleError) as refused:
        plan(parse_query(query.encode()), "npy", max_bytes=2**44)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ("layer=conv1d", "layout_mismatch"),
        ("layout=OIH", "layout_mismatch"),
        ("groups=5", "impossible_groups"),
        ("parts=5", "impossible_parts"),
        ("stride=1,1,1", "stride_mismatch"),
        ("layer=depthwise_conv2d", "not_depthwise"),
        ("activation=relu&negative_slope=0.2", "slope_not_taken"),
    ],
)
@pytest.mark.parametrize("scheme", filled("12,4,3,12"))
def test_no_scheme_takes_a_layer_that_cannot_be(scheme: str, described: str, reason: str) -> None:
    """Zeros included: the description is wrong, whatever fills the tensor."""
    query = f"shape=12,4,3,3&seed=1&name=a&scheme={scheme}{needed(scheme)}&{described}"
    with pytest.raises(ImpossibleError) as refused:
        plan(parse_query(query.encode()), "npy", max_bytes=2**44)
    assert refused.value.reason == reason
