"""A hint, followed, is never refused for the same reason; and no hint stands unread."""

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.dtypes import DTYPES
from service.errors import FaninError, Problem, UnreadableError
from service.fields import FIELDS, parse_json, parse_query
from service.initializers.activations import NOT_ISSUED_ACTIVATIONS
from service.wire.formats import FORMATS
from tests.api import test_filters_over_http as filter_refusals
from tests.fields import test_json as field_json
from tests.fields import test_refusals as field_refusals
from tests.following import Request, followed, read_json
from tests.initializers import test_structured as structured_refusals
from tests.plan import test_refusals as plan_refusals
from tests.reasons import modules, reasons_of

NOT_FOLLOWED = (
    "only E, O and I may repeat",
    "E copies, O out, I in, D H W kernel, as in OIHW; or a framework",
    "make the values smaller",
    "write I = 1, or E for the inputs (HWEO), or use a conv layer with groups",
    "shorten the name",
    "write a string",
)
"""Every hint that a person has to think about; a new one has to be written down here."""


def check(request: Request) -> FaninError | None:
    """Follow every hint of the request's refusal, and return that refusal."""
    error = request.refusal()
    for place, problem in enumerate(error.problems if error else ()):
        ways = followed(problem, request)
        assert ways or problem.hint in NOT_FOLLOWED, f"unread hint: {problem}"
        for way in ways:
            assert_not_again(problem, error if place == 0 else None, way)
    return error


def assert_not_again(problem: Problem, error: FaninError | None, way: Request) -> None:
    """The changed request is not refused as the first one was.

    An error's reason is its first problem's, so the others are known by their message.
    """
    again = way.refusal()
    if again is None:
        return
    told = f"{problem} led to {way}, refused as {again.reason}: {again.problems}"
    same = [p for p in again.problems if (p.field, p.message) == (problem.field, problem.message)]
    assert not same, told
    if error is not None:
        first = again.problems[0]
        assert (first.field, again.reason) != (problem.field, error.reason), told


WORDS = [{"shape": "1", field: text} for field, text, _, _ in field_refusals.REFUSED] + [
    dict(parse_qsl(f"{'' if 'shape=' in query else 'shape=8,4&'}seed=1&name=a&{query}"))
    for query, _, _, _ in plan_refusals.REFUSED
]

MORE = [
    "shape=0x10",
    "shape=0x10x3",
    "shape=1,000",
    "shape=-1",
    "shape=1e-400",
    "shape=8,4&stride=1,000",
    "shape=8,4&stride=1e-400",
    "shape=8,4&stride=2x2",
    "shape=8,4&stride=-2,2",
    "shape=8,4&groups=1,000",
    "shape=8,4&groups=0x10",
    "shape=8,4&groups=-0",
    "shape=8,4&groups=1e300",
    "shape=8,4&scheme=normal&std=+1e-400",
    "shape=8,4&scheme=normal&std=1e-400",
    "shape=8,4&scheme=truncated_normal&bounds=+1,2",
    "shape=8,4&scheme=truncated_normal&bounds=2,x",
    "shape=8,4&scheme=truncated_normal&bounds=-50,50",
    "shape=8,4&scheme=truncated_normal&bounds=50,60",
    "shape=8,4&scheme=truncated_normal&bounds=-1",
    "shape=8,4&slice=9:,:",
    "shape=8,4&slice=:,3:1",
    "shape=8,4&slice=:",
    "shape=scalar&slice=:",
    "shape=8,4&slice=0:8,1",
    "shape=8,4&slice=::2,:",
    "shape=8,4&slice=0:9999999999999999999999,:",
    "shape=8&scheme=variance_scaling&fan_in=3&activation=gelu&gain_rule=pytorch",
    "shape=8,4&scheme=variance_scaling&activation=gelu&gain_rule=pytorch",
    "shape=768,1,1&layer=scale",
    "shape=768,1,1&layer=bias",
    "shape=8,64,32&layer=dense&layout=flax",
    "shape=8,64,32&layer=embedding",
    "shape=2,3,4,5,6&layer=conv2d",
    "shape=8,4&layer=conv2d",
    "shape=8&layer=dense",
    "shape=scalar&layer=dense",
    "shape=8,4,3&layer=conv2d&layout=OIHW",
    "shape=2,2,2,2,2,2,2&layout=OI",
    "shape=scalar&layout=OI",
    "shape=8,4,3,3&layer=dense&layout=OIHW",
    "shape=8,4&layer=conv2d&layout=OW",
    "shape=8,4&layer=dense&layout=OH",
    "shape=2,2,2,2,2&layer=conv3d&layout=candle",
    "shape=2,2,2,2,2,2&layout=keras",
    "shape=8,2,3,3&layer=depthwise_conv2d&scheme=he_normal",
    "shape=3,3,8,2&layer=depthwise_conv2d&layout=HWEO&groups=3&scheme=he_normal",
    "shape=6,3,3,3&layer=conv2d&stride=2,2,2&scheme=he_normal",
    "shape=6,3,3,3&groups=4&scheme=he_normal&mode=fan_out",
    "shape=8,4&name=__metadata__&scheme=zeros&format=safetensors",
    "shape=8,4&dtype=bfloat16&scheme=zeros&format=npy",
    "shape=8,4&order=F&scheme=normal&format=safetensors",
    *(f"shape={shape}&scheme=identity" for shape in ("scalar", "8", "8,4,2")),
    *(query for query, _ in structured_refusals.REFUSED),
    *(query for query, _, _ in filter_refusals.REFUSED),
    "shape=8,4&layout=OO&parts=2&scheme=identity",
    "shape=8,4&scheme=identity&gain=-1",
    *(
        f"shape={shape}&scheme=orthogonal"
        for shape in ("scalar", "8", "8,4,2", "8,4&layer=embedding&parts=2")
    ),
    "shape=8192,8193&scheme=orthogonal",
    "shape=2097152,1&scheme=orthogonal",
    "shape=8192,1,1&layout=EOI&scheme=orthogonal",
    *(
        f"shape={shape}&scheme=delta_orthogonal"
        for shape in ("scalar", "8", "8,4", "8,4,2", "4,8,3,3", "8,4&layer=embedding")
    ),
    "shape=4096,4096,3,3&scheme=delta_orthogonal",
    *(
        f"shape={asked}&scheme={scheme}"
        for asked in (
            "8",
            "8,4,2",
            "8,4,2&layout=EOI",
            "8,4&layout=EO",
            "8,4&layer=conv2d",
            "8,4,3,3",
        )
        for scheme in ("torch.linear", "keras.dense")
    ),
    "shape=12,5&parts=7,4&scheme=normal",
    "shape=8,4&scheme=normal&std=1e308",
    "shape=8,4&scheme=normal&std=1e308&dtype=float16",
    "shape=8,4&scheme=uniform&low=2&high=-2",
    "shape=8,4&scheme=uniform&low=1&high=1",
    "shape=8,4&scheme=truncated_normal&low=1&high=2&std=1e-320",
    "shape=8,4&scheme=truncated_normal&low=-1&high=1&mean=0.1&std_kind=parent&std=1e20",
    "shape=8,4&scheme=truncated_normal&bounds=3,3.0000000000000004",
    *(f"shape=8,4&scheme={word}" for word in ("orthogonal_", "dirac", "lsuv", "msra", "kaiming")),
    *(f"shape=8,4&scheme={word}" for word in ("deepnorm", "keras.initializers.HeNormal", "mup")),
    *(f"shape=8,4&dtype={word}" for word in ("int8", "fp4", "complex64", "fp8", "float128")),
    *(f"shape=8,4&activation={word}" for row in NOT_ISSUED_ACTIVATIONS for word in row.words),
    "shape=8,4&activation=hard_tanh",
    *(
        f"shape=8,4&scheme=he_normal&{fan}=1e{power}"
        for fan in ("fan_in", "fan_out")
        for power in (-400, 400)
    ),
    *(f"shape=8,4&layer={word}" for word in ("attention", "separable_conv2d", "lstm", "deconv")),
    *(f"shape=8,4&layout={word}" for word in ("NCHW", "channels_last", "jax", "oi", "OX")),
    "shape=10,4&scheme=torch.lstm",
    "shape=4,10&layout=IO&scheme=torch.gru",
    "shape=2&scheme=torch.gru.bias",
    "shape=4,3&scheme=mlx.identity",
    "shape=4&scheme=torch.linear.bias",
    "shape=4,3&scheme=torch.bilinear",
    "shape=8,8,4,3&scheme=paddle.bilinear",
    "shape=8,8,200,200&scheme=paddle.bilinear",
    "shape=12,4,3&layer=conv_transpose1d&scheme=burn.xavier_normal",
    "shape=8,4&scheme=torch.uniform&low=2",
    "shape=8,4&scheme=torch.trunc_normal&mean=100",
    *(
        f"shape=8,4&scheme={peer}.kaiming_normal&{said}"
        for peer in ("torch", "candle", "paddle")
        for said in ("activation=gelu", "activation=prelu", "activation=prelu&negative_slope=0.5")
    ),
    "shape=8,4&scheme=candle.kaiming_normal&activation=leaky_relu",
    "shape=8,4&scheme=candle.kaiming_uniform&negative_slope=0.5",
    "shape=8,4&sed=1",
    "shape=8,4&stddev=1&scheme=normal",
    "shape=8&scheme=identity",
    "shape=8&scheme=orthogonal",
    "shape=8,4&scheme=torch.linear&layer=embedding",
    "shape=8,4&scheme=torch.linear&layout=EO",
    "seed=1",
    "shape=8,4&seed=",
]


def of_query(query: str) -> Request:
    """The request of a query's words; `format`, which the path gives, among them."""
    words = dict(parse_qsl(query, keep_blank_values=True))
    form = words.pop("format", None)
    return Request(words, form or default_form(words))


def default_form(words: dict[str, str]) -> str:
    """npy unless that cannot carry the dtype: which is another test's concern."""
    dtype = DTYPES.get(words.get("dtype", ""))
    return "raw" if dtype and dtype.npy_descr is None else "npy"


@pytest.mark.parametrize("words", WORDS, ids=str)
def test_a_hint_of_the_other_tests_can_be_followed(words: dict[str, str]) -> None:
    """Every refusal that the tests of parser and plan know."""
    assert check(Request(words, default_form(words))) is not None


@pytest.mark.parametrize("query", MORE)
def test_a_hint_can_be_followed(query: str) -> None:
    """Whatever the hint says is accepted, or refused for something else."""
    assert check(of_query(query)) is not None


def refusal_of(parse: Callable[[bytes], object], data: bytes) -> tuple[str, str] | None:
    """Field and reason of what the parser refuses, or None."""
    try:
        parse(data)
    except UnreadableError as error:
        return error.problems[0].field, error.reason
    return None


def changed_query(query: bytes, problem: Problem) -> bytes | None:
    """The query after a hint about its bytes; None for a hint about its fields."""
    items = query.split(b"&")
    edits: dict[str, Callable[[], bytes]] = {
        "write % itself as %25": lambda: re.sub(b"%(?![0-9A-Fa-f]{2})", b"%25", query),
        "leave one & out": lambda: b"&".join(item for item in items if item),
        "write field=value": lambda: b"&".join(
            item if b"=" in item else item + b"=1" for item in items if not item.startswith(b"=")
        ),
        "give each field once": lambda: b"&".join(dict.fromkeys(filter(None, items))),
        "give it once": lambda: b"&".join({parse_qsl(item)[0][0]: item for item in items}.values()),
        "percent-encode the text's UTF-8 bytes": lambda: re.sub(
            rb"(?:%[0-9a-f]{2}|[\x80-\xff])+", b"%C3%A9", query
        ),
    }
    return edits[problem.hint]() if problem.hint in edits else None


@pytest.mark.parametrize(("query", "reason", "field"), [q[:3] for q in field_refusals.QUERIES])
def test_a_hint_about_a_query_can_be_followed(query: bytes, reason: str, field: str) -> None:
    """What is wrong with the bytes is put right in the bytes."""
    with pytest.raises(UnreadableError) as refused:
        parse_query(query)
    problem = refused.value.problems[0]
    changed = changed_query(query, problem)
    if changed is None:
        check(Request(dict(parse_qsl(query.decode(), keep_blank_values=True))))
        return
    assert refusal_of(parse_query, changed) != (field, reason)


def changed_body(body: bytes, problem: Problem) -> bytes | None:
    """The body after a hint about its JSON; None for a hint about its fields."""
    edits: dict[str, Callable[[], bytes]] = {
        "send JSON as UTF-8": lambda: as_utf8(body),
        'send an object such as {"shape": [64, 3]}': lambda: b'{"shape": [64, 3]}',
        "numbers are finite: write one such as 0.02": lambda: re.sub(
            b"-?(NaN|Infinity)", b"0.02", body
        ),
        "send a flat object": lambda: re.sub(rb"\[+", b"[", re.sub(rb"\]+", b"]", body)),
        "send one": lambda: body.removeprefix(b"\xef\xbb\xbf"),
        "give it once": lambda: json.dumps(json.loads(body)).encode(),
    }
    return edits[problem.hint]() if problem.hint in edits else None


def as_utf8(body: bytes) -> bytes:
    """A body of another encoding as UTF-8: UTF-16 or UTF-32 if marked, else Latin-1."""
    for mark, encoding in ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32")):
        if body.startswith(mark):
            return body.decode(encoding).encode()
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16").encode()
    if b"\0" in body[:2]:
        return body.decode("utf-16-be" if body.startswith(b"\0") else "utf-16-le").encode()
    return body.decode("latin-1").encode()


MORE_BODIES = [
    b'{"shape": [64, null]}',
    b'{"shape": [64, 3], "stride": [2, null]}',
    b'{"shape": [64, 3], "bounds": [null]}',
    b'{"shape": null}',
    b'{"shape": [64, 3], "sed": null}',
    b'{"shape": [64, 3], "seed": null, "seed": 1}',
    b'\xef\xbb\xbf\xef\xbb\xbf{"shape": [2]}',
    *('{"shape": [2]}'.encode(name) for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")),
    '\ufeff{"shape": [2]}'.encode("utf-16-be"),
    '\ufeff{"shape": [2]}'.encode("utf-32-be"),
]


@pytest.mark.parametrize("body", [*(b[0] for b in field_json.REFUSED), *MORE_BODIES])
def test_a_hint_about_a_body_can_be_followed(body: bytes) -> None:
    """What is wrong with the JSON is put right in it; a field's hint is followed in JSON, too."""
    with pytest.raises(UnreadableError) as refused:
        parse_json(body)
    problem = refused.value.problems[0]
    changed = changed_body(body, problem)
    if changed is None:
        check(Request(read_json(body.decode()), as_json=True))
        return
    assert refusal_of(parse_json, changed) != (problem.field, refused.value.reason)


def test_a_canonical_url_that_is_too_long_can_be_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is lowered, as few requests come near it."""
    monkeypatch.setattr("service.plan.canonical.MOST_URL_BYTES", 56)
    error = check(of_query("shape=8,4&scheme=he_normal&seed=1&name=ab"))
    assert error is not None
    assert (error.reason, error.problems[0].hint) == ("spec_too_long", "shorten the name")


def test_every_reason_of_parser_and_plan_is_followed() -> None:
    """The tests above reach each reason that the lower floors can give."""
    reached = {"spec_too_long"}
    requests = [Request(words, default_form(words)) for words in WORDS] + list(map(of_query, MORE))
    reached |= {error.reason for request in requests if (error := request.refusal())}
    reached |= {reason for _, reason, _, _ in field_refusals.QUERIES}
    reached |= {reason for _, reason, _, _ in field_json.REFUSED}
    floors = ("fields", "plan", "initializers", "wire")
    assert reached == reasons_of([module for floor in floors for module in modules(floor)])


GOOD = [
    "shape=64,3,7,7&seed=1&name=w&scheme=he_normal",
    "shape=64,3,7,7&layout=OIHW&layer=conv2d&stride=2,2&groups=1&activation=relu",
    "shape=3,3,8,2&layer=depthwise_conv2d&layout=keras&scheme=glorot_uniform&gain=2",
    "shape=8,4&scheme=truncated_normal&mean=0.5&std=0.1&bounds=-1,2&dtype=float16",
    "shape=8,4&scheme=truncated_normal&std=0.1&low=-0.2&high=0.3&std_kind=parent",
    "shape=8,4&scheme=uniform&low=-2&high=3&slice=0:4,:&order=F",
    "shape=12,4&scheme=variance_scaling&mode=fan_geo_avg&parts=3&distribution=uniform&scale=2",
    "shape=8&layer=scale&scheme=constant&value=0.5&seed=18446744073709551615",
    "shape=8&fan_in=64&scheme=lecun_uniform&name=b",
    "shape=8,4&activation=leaky_relu&negative_slope=0.2&scheme=variance_scaling&gain_rule=pytorch",
]

VALUES = sorted(
    {text for query in (*GOOD, *MORE) for _, text in parse_qsl(query)}
    | {"0", "-1", "1e300", "1e-300", "2,2", "0,0", "OOI", "keras", "F", ":", "embedding", "bias"}
)

CHARACTERS = st.sampled_from(list("0123456789-+.,:;xXeE_ []()=@abOIHW\0é"))


@st.composite
def mutated(draw: st.DrawFn) -> Request:
    """A good request with one to three of its fields changed, given or left out."""
    words = dict(parse_qsl(draw(st.sampled_from(GOOD))))
    for _ in range(draw(st.integers(1, 3))):
        field = draw(st.sampled_from(FIELDS))
        words[field] = draw(st.sampled_from(VALUES) | respelled(words.get(field, "2")))
        if draw(st.booleans()):
            words.pop(draw(st.sampled_from(FIELDS)), None)
    return Request(words, draw(st.sampled_from(tuple(FORMATS))))


@st.composite
def respelled(draw: st.DrawFn, text: str) -> str:
    """The text with one character put in or replaced."""
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(CHARACTERS) + text[place + draw(st.integers(0, 1)) :]


@settings(max_examples=500, deadline=None)
@given(mutated())
def test_no_hint_leads_back_to_its_own_refusal(request: Request) -> None:
    """Of 500 slightly wrong requests every hint is read, and followed."""
    check(request)


def test_a_hint_that_leads_nowhere_is_caught() -> None:
    """Control: a hint to write what was refused fails, and so does one that nobody can read."""
    request = of_query("shape=8,4&scheme=normal&std=-1")
    error = request.refusal()
    assert error is not None
    problem = Problem("std", error.problems[0].message, "write -2")
    (way,) = followed(problem, request)
    with pytest.raises(AssertionError, match="led to"):
        assert_not_again(problem, error, way)
    assert followed(Problem("std", "", "think again"), request) == []
