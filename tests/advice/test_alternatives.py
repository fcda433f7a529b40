"""Alternatives to a recommendation."""

import pytest

from service.advice import Recommendation, alternatives
from service.advice.alternatives import NAMED, NOT_YET, Alternative, Named
from service.advice.decision import planned_or_none
from service.advice.question import Question
from service.initializers.schemes import SCHEMES
from service.plan import Plan
from tests.advice.asking import asked, fetched

QUERIES = [
    "shape=64,32,3,3&activation=relu&normalization=batch&std=0.02",
    "shape=64,64&activation=tanh",
    "shape=64,64&activation=sin&position=first",
    "shape=64,64&activation=sigmoid&dtype=bfloat16",
    "shape=10,64&input_activation=relu&activation=sigmoid&position=output",
    "shape=64,64&input_activation=gelu&residual=pre_norm&depth=8",
    "shape=100,64&layer=embedding",
    "shape=64&fan_in=9",
]


@pytest.mark.parametrize("query", QUERIES)
def test_an_alternative_with_a_url_is_what_it_says(query: str) -> None:
    """Scheme, gain, std and limit of every one, and no two alike."""
    answer = asked(f"{query}&seed=1&name=a")
    found = [each for each in answer.alternatives if each.weights_url is not None]
    assert found
    assert len({each.weights_url for each in found} | {answer.weights_url}) == len(found) + 1
    for each in found:
        facts = fetched(each.weights_url or "").facts
        assert (each.scheme, each.gain) == (facts.scheme, facts.gain)
        assert (each.std, each.limit) == (facts.std, facts.limit)


@pytest.mark.parametrize("query", QUERIES)
def test_every_alternative_says_what_and_when(query: str) -> None:
    """What Fanin does not issue has no numbers."""
    for each in asked(query).alternatives:
        assert each.what
        assert each.when
        assert (each.weights_url is None) == (each.std is None)


CONVOLUTION = "shape=64,64,3,3&activation=relu"
DENSE = "shape=64,64&activation=relu"
ISSUABLE = {row.scheme: row for row in NAMED if row.fields is not None}


def of(row: Named, answer: Recommendation) -> Alternative:
    """The alternative of a row, whatever scheme it is planned as."""
    (found,) = (each for each in answer.alternatives if each.what.startswith(row.what))
    return found


@pytest.mark.parametrize("name", list(ISSUABLE))
def test_a_scheme_that_fanin_does_not_issue_says_so(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Without the scheme in the table there is no URL, and `what` tells why."""
    table = {other: scheme for other, scheme in SCHEMES.items() if other != name}
    monkeypatch.setattr(alternatives, "SCHEMES", table)
    found = of(ISSUABLE[name], asked(CONVOLUTION))
    assert found.what.endswith(f"; {NOT_YET}")
    assert found.weights_url is None


@pytest.mark.parametrize(
    ("name", "query", "fields"),
    [
        ("orthogonal", DENSE, {"gain": 2**0.5}),
        ("orthogonal", CONVOLUTION, {"gain": 2**0.5}),
        ("orthogonal", "shape=64,64&layer=recurrent", {"gain": 1.0}),
        ("identity", DENSE, {}),
        ("identity", CONVOLUTION, None),
        ("dirac", CONVOLUTION, {}),
    ],
)
def test_a_scheme_that_fanin_issues_is_planned(
    monkeypatch: pytest.MonkeyPatch, name: str, query: str, fields: dict[str, object] | None
) -> None:
    """With the scheme in the table it has its gain and a URL, unless it does not fit the tensor.

    A normal of std 0.123 stands in for the scheme, so that the test holds before and after there
    is one.
    """
    asked_for = []

    def plan(question: Question, max_bytes: int, **chosen: object) -> Plan | None:
        if chosen["scheme"] == name:
            asked_for.append(chosen)
            chosen = {"scheme": "normal", "std": 0.123}
        return planned_or_none(question, max_bytes, **chosen)

    monkeypatch.setattr(alternatives, "SCHEMES", SCHEMES | {name: SCHEMES["lecun_normal"]})
    monkeypatch.setattr(alternatives, "planned_or_none", plan)
    found = of(ISSUABLE[name], asked(query))
    assert found.what == ISSUABLE[name].what
    assert asked_for == ([] if fields is None else [{"scheme": name, **fields}])
    assert found.std == (None if fields is None else 0.123)
    assert ("&std=0.123" in (found.weights_url or "")) == (fields is not None)


def test_a_scheme_that_cannot_make_the_tensor_stays_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A matrix may be too large for one, for example."""
    monkeypatch.setattr(alternatives, "SCHEMES", SCHEMES | {"orthogonal": SCHEMES["normal"]})
    monkeypatch.setattr(alternatives, "planned_or_none", lambda *_, **__: None)
    found = of(ISSUABLE["orthogonal"], asked(DENSE))
    assert (found.what, found.weights_url) == (ISSUABLE["orthogonal"].what, None)


def test_the_clients_own_choice_is_not_offered_twice() -> None:
    """LeCun's row has the same URL as a client's own choice of LeCun."""
    found = asked(f"{DENSE}&scheme=lecun_normal").alternatives
    assert [each.what for each in found if each.scheme == "lecun_normal"] == [
        "your own choice, with std 0.125"
    ]


def test_tanh_has_its_edge_of_chaos() -> None:
    """Gain 1.4674 with biases of std 0.3885 (sqrt(0.15097))."""
    whats = [each.what for each in asked("shape=64,64&activation=tanh").alternatives]
    assert any("gain 1.46741 with biases of std 0.388542" in what for what in whats)


def test_implicit_networks_are_shown_siren() -> None:
    """1/n for the first layer, sqrt(6/n)/30 for the others."""
    for position, limit in (("first", 1 / 64), ("hidden", (6 / 64) ** 0.5 / 30)):
        answer = asked(f"shape=64,64&activation=sin&position={position}")
        siren = next(each for each in answer.alternatives if each.what.startswith("SIREN"))
        assert siren.limit == pytest.approx(limit)
