"""Answers from a template are those of planning each request alone."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api import table
from service.api.answers import Answer, RecentlyUsed
from service.api.aside import Aside
from service.api.headers import caching_headers, tensor_headers
from service.api.readiness import Readiness
from service.api.routes import weights
from service.api.routes.weights import MOST_TEMPLATES, Issuer
from service.chunks import TensorBody
from service.errors import FaninError
from service.fields import parse_query, write_query
from service.fields.identity import SplitQuery, split_identity
from service.fields.syntax import MOST_ITEMS
from service.initializers.schemes import SCHEMES
from service.plan import seeded_plan
from service.plan.canonical import MOST_BLOCKS_KEPT, PATH
from service.plan.tag import tensor_tag
from service.plan.tensor import head_of
from service.wire.formats import FORMATS
from tests.api.patterns import pool_of
from tests.api.test_random_requests import Requests

MOST = 2**58
SMALL_BYTES = 2**14
"""Bodies up to this size are compared. Headers are compared for all."""

WRITTEN = tuple(name for name, entry in FORMATS.items() if entry.head is not None)

SEEDS = ("0", "7", "007", str(2**64 - 1), str(2**64), "-1", "", "1e3", "%37", "%", "+1", "%ff")
NAMES = (
    *("", "a", "weight", "__metadata__", "layer1.0.conv1.weight", "a=b", "a+b", "a%20b", "%2e%2e"),
    *("gr%C3%B6%C3%9Fe", "%F0%9F%A6%89", "%22%5C%2F", "x" * 512, "x" * 513, "%C3%A9" * 256),
    *("%ff", "%0a", "%7f", "%C2%80", "a%", "%C3", "%ED%A0%80"),
)
"""Texts as sent: words that are accepted, and every kind that is not."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a client gets: an answer, or a refusal."""

    refusal: tuple[object, ...] | None
    answer: tuple[object, ...] | None = None


@pytest.fixture(autouse=True)
def drawn_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds that are drawn are 5, so that both ways draw the same one."""
    monkeypatch.setattr("service.plan.planning.secrets.randbelow", lambda most: 5)


def issuer() -> Issuer:
    """The handlers without an application."""
    return Issuer(MOST, pool_of(threads=1), Readiness(table.alone()), Aside())


def with_template(handlers: Issuer, format_name: str, target: bytes) -> Compared:
    """What the service answers."""
    return compared(lambda: handlers._answer(format_name, target))


def planned_alone(format_name: str, target: bytes) -> Compared:
    """What planning this request from the beginning gives, without a cache of the API.

    URL and head are also those that the whole spec gives, without a part that was made before.
    """

    def answer() -> Answer:
        query = target.partition(b"?")[2]
        spec = parse_query(query)
        plan = seeded_plan(spec, format_name, max_bytes=MOST)
        assert plan.url == f"{PATH}.{format_name}?{write_query(plan.spec)}"
        assert plan.tensor.head == head_of(spec, format_name, plan.tensor.placement)
        assert plan.spec.seed == (
            (5 if plan.drawn else spec.seed) if plan.tensor.uses_words else None
        )
        tag = tensor_tag(plan.url, plan.drafts)
        caching = caching_headers(plan.url, plan.drafts, tag, target, drawn=plan.drawn)
        headers = tensor_headers(plan, caching, ranges=not plan.drawn)
        return Answer(plan.drawn, tag, caching, headers, TensorBody(plan))

    return compared(answer)


def compared(answer: Callable[[], Answer]) -> Compared:
    try:
        found = answer()
    except FaninError as error:
        return Compared((type(error), error.reason, error.problems))
    told = (found.drawn, found.tag, found.caching, found.headers, values(found.body))
    return Compared(None, told)


def values(body: TensorBody) -> tuple[int, bytes]:
    """The length and the first chunk of a short body."""
    if body.length > SMALL_BYTES or body.chunk_count == 0:
        return body.length, b""
    return body.length, bytes(body.chunk(0, np.empty(body.chunk_bytes, np.uint8)))


def path(format_name: str, items: list[str]) -> bytes:
    return f"/v1/weights.{format_name}?{'&'.join(items)}".encode()


@st.composite
def addresses(draw: st.DrawFn) -> list[str]:
    """Items for seed and name: missing, right, wrong, given twice, or in other spellings."""
    seeds = draw(st.lists(st.sampled_from(SEEDS) | st.integers(0, 99).map(str), max_size=1))
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(quote)
    names = draw(st.lists(st.sampled_from(NAMES) | texts, max_size=1))
    items = [f"seed={seed}" for seed in seeds] + [f"name={name}" for name in names]
    odd = ["seed=1", "name=b", "s%65ed=1", "n%61me=", "+name=a", "name", "seed", "", "=", "name=="]
    if draw(st.integers(0, 4)) == 0:
        items.append(draw(st.sampled_from(odd)))
    return items


class Others(Requests):
    """Random fields other than seed and name. Some requests have none, and some a wrong one."""

    def items(self) -> list[str]:
        fields = {f: text for f, text in self._fields().items() if f not in ("seed", "name")}
        if self._maybe(0.03):
            fields.pop("shape")
        if self._maybe(0.03):
            fields[self._random.choice(["sed", "a", "gain"])] = "x"
        return [f"{field}={quote(text, safe=',:')}" for field, text in fields.items()]


def agree(number: int, format_name: str, asked: list[list[str]]) -> None:
    """Several addresses, one after the other, with the same other fields."""
    handlers, others = issuer(), Others(number).items()
    for address in asked:
        items = [*others, *address]
        random.Random(number).shuffle(items)
        target = path(format_name, items)
        assert with_template(handlers, format_name, target) == planned_alone(format_name, target), (
            target
        )


ASKED = st.lists(addresses(), min_size=2, max_size=4)


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.sampled_from(WRITTEN), ASKED)
def test_random_requests_are_answered_as_if_planned_alone(
    number: int, format_name: str, asked: list[list[str]]
) -> None:
    """Same headers, tag, bytes and refusals, whatever was asked for before."""
    agree(number, format_name, asked)


@pytest.mark.slow
@settings(max_examples=3_000)
@given(st.integers(0, 2**32), st.sampled_from(WRITTEN), ASKED)
def test_three_thousand_random_requests_are_answered_as_if_planned_alone(
    number: int, format_name: str, asked: list[list[str]]
) -> None:
    """The same for rare combinations."""
    agree(number, format_name, asked)


@pytest.mark.parametrize(
    ("scheme", "format_name"), [*zip(SCHEMES, cycle(WRITTEN), strict=False)], ids=str
)
def test_every_scheme_is_answered_as_if_planned_alone(scheme: str, format_name: str) -> None:
    """With words and without. The template is made by the first request. Formats take turns."""
    handlers = issuer()
    example = SCHEMES[scheme].example.removeprefix("shape=").partition("&")
    others = [f"shape={example[0]}", f"scheme={scheme}", *filter(None, example[2].split("&"))]
    for address in (["seed=1", "name=a"], ["name=b", "seed=2"], ["seed=3"], ["name=weight"], []):
        target = path(format_name, [*others, *address])
        told = with_template(handlers, format_name, target)
        assert told == planned_alone(format_name, target)
        assert told.answer is not None or format_name == "safetensors"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("format_name", WRITTEN)
@pytest.mark.parametrize("scheme", ["he_normal", "zeros"])
def test_every_name_is_answered_as_if_planned_alone(
    scheme: str, format_name: str, name: str
) -> None:
    """After a name that is accepted, so that the template is there."""
    handlers = issuer()
    for text in ("first", name):
        target = path(format_name, ["shape=4,4", f"scheme={scheme}", "seed=1", f"name={text}"])
        assert with_template(handlers, format_name, target) == planned_alone(format_name, target)


def test_the_limit_of_a_url_is_found_as_if_planned_alone() -> None:
    """The longest names reach 2,048 bytes. Both ways refuse the same ones, with one message."""
    parts = [10**15 + 111111111111111 * n for n in range(MOST_BLOCKS_KEPT)]
    others = [f"shape={sum(parts)},1", f"parts={','.join(map(str, parts))}", "slice=0:1,:"]
    others += ["scheme=variance_scaling", "gain=0.12345678901234567", "fan_in=1.2345678901234567"]
    others += ["mode=fan_avg", "distribution=truncated_normal", "dtype=bfloat16"]
    others += ["bounds=-1.2345678901234567,1.3456789012345678"]
    handlers, refused = issuer(), 0
    lengths = range(244, 257)
    for length in lengths:
        target = path("raw", [*others, "seed=1", f"name={'%C3%A9' * length}"])
        told = with_template(handlers, "raw", target)
        assert told == planned_alone("raw", target)
        refused += told.refusal is not None and told.refusal[1] == "spec_too_long"
    assert 0 < refused < len(lengths)


def test_one_template_serves_all_seeds_and_names() -> None:
    """A template for names and one for none; and no other for a drawn seed or another order."""
    handlers = issuer()
    for number in range(50):
        items = ["shape=4,4", f"seed={number}", f"name=layer{number}"]
        handlers._answer("npy", path("npy", items))
        handlers._answer("npy", path("npy", items[::2]))
        handlers._answer("npy", path("npy", items[1:] + items[:1]))
        handlers._answer("npy", path("npy", items[:2]))
    assert len(handlers.templates) == 2


def test_templates_are_few_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distinct requests leave at most MOST_TEMPLATES. Large, refused and long ones leave none."""
    handlers = issuer()
    for extent in range(MOST_TEMPLATES + 20):
        handlers._answer("npy", path("npy", [f"shape={extent},4", "seed=1", "name=a"]))
    assert len(handlers.templates) == MOST_TEMPLATES
    handlers = issuer()
    parts = ",".join(map(str, range(1, MOST_BLOCKS_KEPT + 2)))
    outputs = sum(range(1, MOST_BLOCKS_KEPT + 2))
    blocks = ["scheme=glorot_uniform", f"parts={parts}", "seed=1", "name=a"]
    handlers._answer("npy", path("npy", [f"shape={outputs},4", *blocks]))
    with_template(handlers, "npy", path("npy", ["shape=4,4", "scheme=unknown", "seed=1"]))
    monkeypatch.setattr(weights, "MOST_URL_BYTES", 8)
    handlers._answer("npy", path("npy", ["shape=4,4", "seed=1"]))
    assert len(handlers.templates) == 0


def test_the_least_recently_used_is_dropped() -> None:
    """A cache of two: the third value drops the second, as the first was used again."""
    cache = RecentlyUsed[str, int](2)
    for key in "ab":
        cache.put(key, ord(key))
    assert cache.get("a") == ord("a")
    cache.put("c", ord("c"))
    assert [cache.get(key) for key in "abc"] == [ord("a"), None, ord("c")]
    assert len(cache) == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"shape=4,4&seed=1&name=a", (b"shape=4,4", 1, "a")),
        (b"name=gr%C3%B6%C3%9Fe&a=%&shape=4", (b"a=%&shape=4", None, "größe")),
        (b"seed=1", (b"", 1, "")),
        (b"shape=4&name=", (b"shape=4", None, "")),
        (b"shape=4&name=a=b+c", (b"shape=4", None, "a=b c")),
    ],
)
def test_seed_and_name_are_split_off(query: bytes, expected: tuple[Any, ...]) -> None:
    """The other items stay as sent, in their order."""
    assert split_identity(query) == SplitQuery(*expected)


@pytest.mark.parametrize(
    "query",
    [
        *(
            b"",
            b"&",
            b"shape=4&",
            b"shape",
            b"name",
            b"=4",
            b"seed=",
            b"seed=1.5",
            b"seed=1&seed=1",
        ),
        *(b"name=a&name=a", b"name=&name=", b"s%65ed=1", b"name=%ff", b"name=%0a", b"name=%"),
        b"&".join(b"f%d=1" % number for number in range(MOST_ITEMS + 1)),
    ],
)
def test_a_query_that_may_be_refused_is_not_split(query: bytes) -> None:
    """parse_query reads it whole and names all its problems."""
    assert split_identity(query) is None
