"""No word without effect: what each kind of field does with each scheme."""

from dataclasses import replace

import pytest

from service.errors import FaninError, ImpossibleError
from service.fields import (
    ADDRESS_FIELDS,
    FIELDS,
    LAYER_FIELDS,
    NUMBER_FIELDS,
    parse_query,
)
from service.initializers.schemes import SCHEMES
from service.plan import Plan, plan
from tests.filling import VALUES, distinct, fills, needed, smallest

BARE = "only the shape of the example"

CONTEXTS = (
    "",
    "&distribution=truncated_normal",
    "&low=-0.5&high=0.6",
    "&inner=variance_scaling",
    "&inner=truncated_normal",
    "&inner=constant",
    "&inner=uniform&low=-0.5&high=0.6",
    "&decoder_depth=7",
    BARE,
)
"""What else is given, so that fields that only matter beside others are met."""

DEFAULTS = {
    *("mode", "distribution", "gain_rule", "std_kind", "inner", "factor", "variant", "gates"),
    *("normalise", "channels", "window", "periodic", "scaling"),
}
"""Fields of which VALUES has the default of some scheme. Saying it changes nothing."""

FILLED_2, FILLED_4 = (
    [name for name in distinct() if fills(name, shape)] for shape in ("12,12", "12,4,3,12")
)

BESIDE = {
    ("deepnorm", "variant"): "&decoder_depth=7",
    ("sub_ln", "variant"): "&decoder_depth=7",
}
"""Words that describe the model, and change values only beside another field."""

UNFIT = {"scheme_axes", "preset_layer"}
"""The reasons of a scheme that fills other layers only."""


def planned(query: str) -> Plan | None:
    """The plan but for its warnings; None if it is refused."""
    try:
        found = plan(parse_query(query.encode()), "npy", max_bytes=2**44)
    except FaninError:
        return None
    return replace(found, warnings=())


def base(scheme: str, context: str) -> str:
    """A small request for the scheme, with more fields, and an activation if it takes one."""
    kept = smallest(scheme)
    if context == BARE:
        return f"{kept.split('&')[0]}&scheme={scheme}&seed=1&name=a"
    if "low=" in context:
        kept = without_field(without_field(kept, "std"), "mean")
    if planned(f"{kept}&activation=gelu") is not None:
        kept += "&activation=gelu"
    for item in context.split("&")[1:]:
        kept = with_field(kept, *item.split("="))
    return f"{kept}&name=a"


def with_field(query: str, field: str, value: str) -> str:
    """The query with the field set, instead of what it said of it before."""
    return f"{without_field(query, field)}&{field}={value}"


def without_field(query: str, field: str) -> str:
    return "&".join(item for item in query.split("&") if not item.startswith(f"{field}="))


def request(scheme: str, shape: str, described: str) -> str:
    """A request for a tensor of this shape and layer, with what the scheme needs."""
    query = f"shape={shape}&seed=1&name=a&scheme={scheme}{needed(scheme)}"
    if "layout=" in described:
        query = without_field(query, "layer")
    for item in described.split("&"):
        query = with_field(query, *item.split("=", 1))
    return query


def served_or_unfit(query: str) -> bool:
    """Whether the request is served, or refused because the scheme fills other layers only."""
    try:
        plan(parse_query(query.encode()), "npy", max_bytes=2**44)
    except ImpossibleError as refused:
        return refused.reason in UNFIT
    return True


def test_every_field_is_of_one_kind() -> None:
    """Shape and scheme are the request itself; each of the others is in one list."""
    kinds = [*LAYER_FIELDS, *NUMBER_FIELDS, *ADDRESS_FIELDS]
    assert sorted([*kinds, "shape", "scheme"]) == sorted(FIELDS)
    assert set(VALUES) == set(NUMBER_FIELDS)


@pytest.mark.parametrize("scheme", distinct())
def test_a_number_is_used(scheme: str) -> None:
    """Each listed field is accepted in some context, and no value is without effect."""
    for field in SCHEMES[scheme].fields:
        accepted = False
        for context in CONTEXTS:
            query = base(scheme, context)
            without = planned(query)
            outcomes = [planned(with_field(query, field, value)) for value in VALUES[field]]
            accepted |= any(outcome is not None for outcome in outcomes)
            idle = [outcome for outcome in outcomes if outcome and outcome == without]
            default = getattr(SCHEMES[scheme].defaults, field)
            usual = field in DEFAULTS or f"&{field}=" in query or default is not None
            beside = BESIDE.get((scheme, field), "")
            if context != BARE and beside in context:
                assert len(idle) <= usual, f"{query}: {field} has no effect"
        assert accepted, f"{field} is listed and refused everywhere"


@pytest.mark.parametrize("scheme", distinct())
def test_a_number_that_is_not_listed_is_refused(scheme: str) -> None:
    """As not taken, whatever its value."""
    for field in set(NUMBER_FIELDS) - set(SCHEMES[scheme].fields):
        query = with_field(base(scheme, ""), field, VALUES[field][0])
        with pytest.raises(ImpossibleError) as refused:
            plan(parse_query(query.encode()), "npy", max_bytes=2**44)
        assert refused.value.reason == "scheme_field", field


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
@pytest.mark.parametrize("scheme", [s for s in FILLED_4 if not SCHEMES[s].sub_kernel])
def test_every_scheme_takes_what_describes_the_layer(scheme: str, described: str) -> None:
    """Whether or not it looks at it: a client may describe all layers alike.

    The parts of a scheme with an inner one must divide the smaller tensor as well.
    """
    query = request(scheme, "12,4,3,12", described)
    assert served_or_unfit(query)


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
@pytest.mark.parametrize("scheme", FILLED_2)
def test_every_scheme_takes_what_describes_a_dense_layer(scheme: str, described: str) -> None:
    """The same with two axes, and with parts of any heights."""
    query = request(scheme, "12,12", described)
    assert served_or_unfit(query)


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
@pytest.mark.parametrize("scheme", FILLED_2)
def test_no_scheme_takes_a_dense_layer_that_cannot_be(
    scheme: str, described: str, reason: str
) -> None:
    """Two axes again, presets and identity among the schemes. A preset has its own refusal."""
    preset = SCHEMES[scheme].preset
    if preset is not None and preset.layer is not None and reason == "layout_mismatch":
        reason = "preset_layer"
    query = request(scheme, "12,12", described)
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
@pytest.mark.parametrize("scheme", [s for s in FILLED_4 if SCHEMES[s].preset is None])
def test_no_scheme_takes_a_layer_that_cannot_be(scheme: str, described: str, reason: str) -> None:
    """Zeros included: the description is wrong, whatever fills the tensor.

    Presets have letters of their own, so other descriptions are wrong there.
    """
    query = request(scheme, "12,4,3,3", described)
    with pytest.raises(ImpossibleError) as refused:
        plan(parse_query(query.encode()), "npy", max_bytes=2**44)
    assert refused.value.reason == reason
