"""Drafts: marked so everywhere, kept for minutes, numbered anew with their bytes, never frozen."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from checks.frozen_tables import tables
from checks.write_drafts import PATH, document, unnumbered
from service.api.headers import IMMUTABLE
from service.fields import Spec
from service.initializers.activations import ACTIVATIONS
from service.plan import drafts
from service.plan.drafts import Draft, drafts_of
from tests.application import ask, ready
from tests.server import Address

SCHEME = Draft("scheme", "lecun_uniform", 1, lambda scheme: scheme == "lecun_uniform")
FIELD = Draft("parts", "parts", 1, lambda parts: parts != 1)
FORM = Draft("bounds", "two bounds", 3, lambda bounds: bounds is not None and len(bounds) == 2)
ACTIVATION = Draft("activation", "mish", 1, lambda activation: activation == "mish")

DRAFTED = [
    "/v1/weights.raw?shape=8,4&scheme=lecun_uniform&seed=1&name=a",
    "/v1/weights.raw?shape=8,4&parts=2&scheme=glorot_normal&seed=1&name=a",
    "/v1/weights.raw?shape=8,4&scheme=truncated_normal&bounds=-1,2&seed=1&name=a",
    "/v1/weights.raw?shape=8,4&activation=mish&scheme=variance_scaling&seed=1&name=a",
]
FROZEN = [
    "/v1/weights.raw?shape=8,4&scheme=lecun_normal&seed=1&name=a",
    "/v1/weights.raw?shape=8,4&scheme=truncated_normal&bounds=-3,3&seed=1&name=a",
]


@pytest.fixture(autouse=True)
def drafted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four known things are drafts for these tests: a name of each kind, a field, a form."""
    monkeypatch.setattr(drafts, "DRAFTS", (SCHEME, FIELD, FORM, ACTIVATION))


@pytest.fixture
def address(drafted: None) -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.mark.parametrize("target", DRAFTED)
def test_a_draft_is_kept_for_minutes(address: Address, target: str) -> None:
    """Its canonical URL is public, for five minutes, and not immutable."""
    answer = ask(address, target)
    assert "content-location" not in answer.headers
    assert answer.headers["cache-control"] == "public, max-age=300, no-transform"
    told = json.loads(ask(address, target.replace(".raw", ".json")).body)
    assert (told["status"], len(told["drafts"])) == ("draft", 1)


@pytest.mark.parametrize("target", FROZEN)
def test_what_is_no_draft_is_immutable_beside_it(address: Address, target: str) -> None:
    """A draft makes nothing else a draft: neither its neighbours nor the field's other values."""
    canonical = ask(address, target).headers.get("content-location", target)
    assert ask(address, canonical).headers["cache-control"] == IMMUTABLE
    told = json.loads(ask(address, target.replace(".raw", ".json")).body)
    assert (told["status"], told["drafts"]) == ("frozen", [])


def test_a_canonical_url_decides(address: Address) -> None:
    """A draft word that leaves no trace in the canonical URL makes no draft."""
    answer = ask(address, "/v1/weights.raw?shape=8,4&activation=mish&scheme=zeros")
    canonical = answer.headers["content-location"]
    assert canonical == "/v1/weights.raw?shape=8,4&scheme=zeros"
    assert ask(address, canonical).headers["cache-control"] == IMMUTABLE


def test_a_new_number_is_a_new_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tag goes by the URL and the number; a frozen answer's by the URL alone."""
    tags = set()
    for number in (1, 2, None):
        now = () if number is None else (replace(SCHEME, number=number),)
        monkeypatch.setattr(drafts, "DRAFTS", now)
        with ready() as address:
            tags.add(ask(address, DRAFTED[0]).headers["etag"])
    assert len(tags) == 3


def test_listings_tell_the_status(address: Address) -> None:
    """Of every scheme, activation, layer and dtype."""
    for path, name in (("schemes", "lecun_uniform"), ("activations", "mish")):
        records = json.loads(ask(address, f"/{path}").body)[path]
        statuses = {record["name"]: record["status"] for record in records}
        assert {each for each, status in statuses.items() if status == "draft"} == {name}
        assert set(statuses.values()) == {"draft", "frozen"}
    for path in ("layers", "dtypes"):
        records = json.loads(ask(address, f"/{path}").body)[path]
        assert {record["status"] for record in records} == {"frozen"}
    one = json.loads(ask(address, "/schemes/lecun_uniform").body)
    assert one["status"] == "draft"


def test_the_frozen_file_leaves_drafts_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and fields; without the drafts they are in."""
    without = tables()
    monkeypatch.setattr(drafts, "DRAFTS", ())
    whole = tables()
    assert set(whole["schemes"]) - set(without["schemes"]) == {"lecun_uniform"}
    assert set(whole["activations"]) - set(without["activations"]) == {"mish"}
    assert [each for each in whole["fields"] if each not in without["fields"]] == [
        {"field": "parts", "default": 1}
    ]


def entry(**changed: Any) -> dict[str, Any]:
    return {
        "target": "t",
        "canonical": "c",
        "etag": "e",
        "sha256": "0",
        "drafts": ["x 1"],
    } | changed


@pytest.mark.parametrize(
    ("new", "faults"),
    [
        (entry(), []),
        (entry(sha256="1"), ["t"]),
        (entry(sha256="1", drafts=["x 2"]), []),
        (entry(target="another", sha256="1"), []),
    ],
)
def test_changed_bytes_need_a_new_number(new: dict[str, Any], faults: list[str]) -> None:
    """Only a request that was known before can have changed."""
    assert unnumbered([entry()], [new]) == faults


def test_a_real_draft_that_changes_its_bytes_is_noticed() -> None:
    """Negative control on the very document: another digest under the same number is a fault."""
    request = "raw?shape=8,4&scheme=lecun_uniform&seed=1&name=a"
    now = document((request,))["requests"]
    assert now[0]["drafts"] == ["scheme lecun_uniform 1"]
    changed = deepcopy(now)
    changed[0]["sha256"] = "0" * 64
    assert unnumbered(now, now) == []
    assert unnumbered(changed, now) == [f"/v1/weights.{request}"]


def test_the_golden_drafts_are_what_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is `make vectors`' own, and each draft there is has a request in it."""
    monkeypatch.undo()
    golden = json.loads(PATH.read_text(encoding="utf-8"))
    assert golden == document()
    used = {name for entry in golden["requests"] for name in entry["drafts"]}
    assert used == set(map(str, drafts.DRAFTS))


@pytest.mark.parametrize("field", ["scheme", "activation", "dtype"])
def test_a_draft_of_a_table_covers_its_name_alone(field: str) -> None:
    """Not another name, and not None: most canonical URLs say nothing of the activation."""
    record = replace(ACTIVATIONS["mish"], draft=2)
    (draft,) = drafts._named(field, {"mish": record, "relu": ACTIVATIONS["relu"]})
    assert str(draft) == f"{field} mish 2"
    assert [draft.covers(value) for value in ("mish", "relu", None)] == [True, False, False]


def test_a_spec_without_drafts_uses_none() -> None:
    """The plain request."""
    assert drafts_of(Spec(shape=(8, 4), scheme="he_normal")) == ()
