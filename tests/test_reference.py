"""docs/reference.md is what `make reference` writes, and what it says of errors is answered."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from checks.write_reference import PATH, page, statuses_of_reasons
from service.api.app import create_app
from service.api.headers import FACTS
from service.api.reasons import REASONS
from service.dtypes import DTYPES
from service.fields import FIELDS, Spec
from service.initializers.activations import ACTIVATIONS
from service.initializers.gains import GAIN_RULES
from service.initializers.layers import LAYERS
from service.initializers.schemes import SCHEMES
from service.settings import Settings, variable
from tests.application import ask, serving
from tests.server import Address

COMMITTED = PATH.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving(warm_up=lambda: None) as address:
        yield address


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def test_the_committed_page_is_the_generated_one(document: dict[str, Any]) -> None:
    """Equal to the character; `make reference` writes it anew."""
    assert page(document) == COMMITTED


@pytest.mark.parametrize("table", [SCHEMES, ACTIVATIONS, LAYERS, DTYPES, REASONS])
def test_a_row_more_or_less_would_be_noticed(
    document: dict[str, Any], table: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without the last row of a table the page is another."""
    monkeypatch.delitem(table, list(table)[-1])
    assert page(document) != COMMITTED


def test_every_row_of_every_table_is_on_the_page() -> None:
    """By its name, at the beginning of a row."""
    settings = map(variable, Settings.model_fields)
    headers = (fact.header for fact in FACTS)
    tables = (FIELDS, SCHEMES, ACTIVATIONS, LAYERS, DTYPES, REASONS, settings, headers)
    for name in (name for table in tables for name in table):
        assert f"\n| `{name}` |" in COMMITTED, name


def test_names_of_schemes_fill_no_cell() -> None:
    """The fields whose values are schemes link to the list. No other cell lists them either."""
    fields, _, _ = COMMITTED.partition("## Fields of /recommend")
    for name in ("scheme", "inner"):
        assert f"\n| `{name}` | [scheme](#schemes) |" in fields
    cells = [cell for line in COMMITTED.splitlines() for cell in line.split(" | ")]
    assert max(sum(f"`{name}`" in cell for name in SCHEMES) for cell in cells) < 20


def test_the_gain_rules_are_told_apart() -> None:
    """The field's description says when each rule fits, and the page repeats it."""
    told = Spec.model_fields["gain_rule"].description or ""
    assert [rule for rule in GAIN_RULES if f"`{rule}`" not in told] == []
    assert "`exact` suits ordinary layers" in told
    assert "`variance` suits only weights that sum to 0" in told
    assert f" | {told} |" in COMMITTED


def test_every_reason_has_a_status() -> None:
    """The search of the source finds where each is raised."""
    assert [reason for reason, statuses in statuses_of_reasons().items() if not statuses] == []


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/weights.npy?shape=64,64&scheme=KaimingNormal"),
        ("GET", "/v1/weights.npy?shape=8,8,8"),
        ("GET", "/v1/weights.npy?shape=64,64&std=-1&scheme=normal"),
        ("GET", "/v1/weights.npy?shape=64,64&seed=18446744073709551616"),
        ("GET", "/nowhere"),
        ("DELETE", "/schemes"),
        ("GET", "/" + 9000 * "x"),
        ("GET", "/v1/weights.npy?shape=8,8&scheme=torch.linear&layer=recurrent"),
        ("GET", "/v1/weights.npy?shape=8&scheme=identity"),
    ],
)
def test_the_statuses_are_those_of_the_answers(address: Address, method: str, target: str) -> None:
    """Of an error of each kind."""
    answer = ask(address, target, method=method)
    reason = json.loads(answer.body)["reason"]
    assert answer.status in statuses_of_reasons()[reason]
