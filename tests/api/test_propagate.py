"""/propagate and its picture as a client sees them; tests/propagation tests the theory."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from openapi_schema_validator import OAS31Validator

from service.advice import Question
from service.propagation import NetworkLayer, Stack
from tests.application import Answer, ask, problem, ready, serving
from tests.server import Address

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"
QUERY = "width=256&depth=20&activation=tanh"
SLOW = "width=512&depth=100&activation=relu&simulate=true"
"""Takes about as long as any simulation: a second or two."""

BODY = {"width": 256, "depth": 20, "activation": "tanh"}


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(COMMITTED.read_text(encoding="utf-8"))


def posted(address: Address, body: object) -> Answer:
    """The answer to a JSON body, or to these bytes."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(address, "/propagate", "POST", {"Content-Type": "application/json"}, sent)


def test_an_answer_may_be_kept_and_is_asked_for_anew(address: Address) -> None:
    """no-cache with a tag: 304 to who has it, 412 where another is wanted, HEAD without a body."""
    for target, media_type in (
        (f"/propagate?{QUERY}", "application/json"),
        (f"/propagate.svg?{QUERY}", "image/svg+xml"),
    ):
        answer = ask(address, target)
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")
        assert answer.headers["content-type"] == media_type
        assert answer.headers["x-content-type-options"] == "nosniff"
        tag = answer.headers["etag"]
        assert ask(address, target).body == answer.body
        again = ask(address, target, headers={"If-None-Match": tag})
        assert (again.status, again.body) == (304, b"")
        assert ask(address, target, headers={"If-Match": '"other"'}).status == 412
        head = ask(address, target, "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert head.headers | {"date": ""} == answer.headers | {"date": ""}


def test_json_asks_the_same_question(address: Address) -> None:
    """The same body as the query's, not to be kept."""
    answer = posted(address, BODY)
    assert answer.body == ask(address, f"/propagate?{QUERY}").body
    assert answer.headers["cache-control"] == "no-store"


def test_a_picture_forbids_everything_but_its_style(address: Address) -> None:
    """The policy of the header, and no script, image or reference in the picture."""
    answer = ask(address, f"/propagate.svg?{QUERY}")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    assert answer.headers["content-security-policy"] == policy
    tag = {"If-None-Match": answer.headers["etag"]}
    others = [
        ask(address, f"/propagate.svg?{QUERY}", headers=tag),
        ask(address, "/propagate.svg?x=1"),
    ]
    assert [each.status for each in others] == [304, 400]
    assert {each.headers["content-security-policy"] for each in others} == {policy}
    root = ElementTree.fromstring(answer.body)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not any("href" in name or name.startswith("on") for name in attributes)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><svg onload="x">', "]]>&amp;"])
def test_a_name_is_escaped(address: Address, name: str) -> None:
    """It is the text of the title, and no element."""
    answer = ask(address, f"/propagate.svg?{QUERY}&name={quote(name, safe='')}")
    assert answer.status == 200
    root = ElementTree.fromstring(answer.body)
    assert name in "".join(root.itertext())
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        *("svg", "title", "desc", "style", "text", "tspan", "g", "path", "circle")
    }


@pytest.mark.parametrize(
    ("query", "status", "reason", "field"),
    [
        ("", 400, "missing_field", "width"),
        ("width=64", 400, "missing_field", "depth"),
        ("depth=64", 400, "missing_field", "width"),
        ("width=64&depth=4&dept=3", 400, "unknown_field", "dept"),
        ("width=64&depth=4&layers=3", 400, "unknown_field", "layers"),
        ("width=64&depth=4&width=3", 400, "duplicate_field", "width"),
        ("width=0&depth=4", 400, "out_of_range", "width"),
        ("width=1e3&depth=4", 400, "malformed_number", "width"),
        ("width=64&depth=10001", 400, "out_of_range", "depth"),
        ("width=64&depth=1001", 422, "too_many_layers", "depth"),
        ("width=64&depth=501&residual=pre_norm", 422, "too_many_layers", "depth"),
        ("width=64&depth=2&repeat=1000000000000", 400, "out_of_range", "repeat"),
        ("width=64&depth=4&input_variance=nan", 400, "malformed_number", "input_variance"),
        ("width=64&depth=4&input_variance=0", 400, "out_of_range", "input_variance"),
        ("width=64&depth=4&input_variance=1e300", 400, "out_of_range", "input_variance"),
        ("width=64&depth=4&input_correlation=1.5", 400, "out_of_range", "input_correlation"),
        ("width=64&depth=4&bias_std=-1", 400, "out_of_range", "bias_std"),
        ("width=64&depth=4&simulate=maybe", 400, "unknown_word", "simulate"),
        ("width=64&depth=4&tokens=0", 400, "out_of_range", "tokens"),
        ("width=64&depth=4&gain=1e300", 422, "overflows_dtype", "dtype"),
        ("width=64&depth=4&std=-1", 422, "not_positive", "std"),
        ("width=64&shape=64,64&depth=4", 422, "conflicting_fields", "width"),
        ("shape=64&depth=4", 422, "not_a_layer", "layer"),
        ("shape=0,64&depth=4", 422, "zero_fan", ""),
        ("width=64&depth=4&scheme=identity", 422, "not_random", "scheme"),
        ("width=64&depth=4&scheme=ones", 422, "not_random", "scheme"),
        ("width=64&depth=4&role=norm_scale", 422, "", ""),
        ("width=2048&depth=4&simulate=true", 422, "simulation_too_large", "simulate"),
        ("width=64&depth=201&simulate=true", 422, "simulation_too_large", "simulate"),
        ("width=16777216&depth=1", 422, "too_large", "shape"),
    ],
)
def test_a_bad_question_is_a_problem(
    address: Address, query: str, status: int, reason: str, field: str
) -> None:
    """On both paths, with the field that is wrong and a hint."""
    for path in ("/propagate", "/propagate.svg"):
        answer = ask(address, f"{path}?{query}")
        found = problem(answer)
        assert answer.status == status
        assert found["reason"] == (reason or found["reason"])
        assert found["errors"][0]["field"] == (field or found["errors"][0]["field"])


@pytest.mark.parametrize(
    ("query", "hint", "better"),
    [
        ("width=64&depth=1001", "write depth=1000", "width=64&depth=1000"),
        ("width=64&depth=501&residual=pre_norm", "depth=500", "width=64&depth=500"),
        ("width=64&depth=500&repeat=4", "write depth=250", "width=64&depth=250&repeat=4"),
        ("width=64", "add depth=50", "width=64&depth=50"),
        ("depth=5", "add width=512", "width=512&depth=5"),
        ("width=64&depth=4&simulate=on", "true, false", "width=64&depth=4&simulate=true"),
        ("width=2048&depth=2&simulate=true", "1024", "width=1024&depth=2&simulate=true"),
    ],
)
def test_a_hint_that_is_followed_works(
    address: Address, query: str, hint: str, better: str
) -> None:
    """The hint names what the better query has."""
    told = problem(ask(address, f"/propagate?{query}"))["errors"][0]["hint"]
    assert hint in told
    assert ask(address, f"/propagate?{better}").status == 200


HOSTILE: list[tuple[object, str]] = [
    (b"", "malformed_json"),
    (b"[]", "malformed_json"),
    (b"[" * 60_000, "malformed_json"),
    (b'{"layers": ' + b"[" * 900 + b"]" * 900 + b"}", "malformed_json"),
    ({"layers": [[[1]]]}, "malformed_json"),
    ({"layers": {}}, "malformed_json"),
    ({"layers": "relu"}, "malformed_json"),
    ({"layers": []}, "malformed_json"),
    ({"layers": [1, None]}, "malformed_json"),
    ({"layers": [{"width": 64, "repeat": 10**12}]}, "out_of_range"),
    ({"layers": [{"width": 64, "repeat": 1000}] * 1000}, "too_many_layers"),
    ({"layers": [{"width": 64}], "repeat": 1000, "depth": 3}, ""),
    ({"layers": [{"width": 64}] * 2, "repeat": 501}, "too_many_layers"),
    ({"layers": [{"width": n} for n in range(1, 300)]}, "too_many_layers"),
    ({"layers": [{"w": 1}] * 1100}, "out_of_range"),
    ({"layers": [{}]}, "missing_field"),
    ({"layers": [{"width": 64}], "width": 64}, "conflicting_fields"),
    ({"layers": [{"width": 64}], "layer": {}}, "malformed_text"),
    ({"layers": [{"width": 64, "gain": {"a": 1}}]}, "malformed_number"),
    ({"layers": [{"width": 64, "gain": True}]}, "malformed_number"),
    ({"layers": [{"width": 1e300}]}, "malformed_number"),
    ({"layers": [{"shape": [2**57, 2]}]}, "too_large"),
    ({"layers": [{"width": 64, "input_variance": 3}]}, "unknown_field"),
    ({"layers": [{"width": 64, "name": "\ud800"}]}, "malformed_text"),
    ({"layers": [{"shape": [64, 64], "width": 64}]}, "conflicting_fields"),
    ({"layers": [{"width": 64}], "simulate": "perhaps"}, "unknown_word"),
    ({"layers": [{"width": 64}], "simulate": [True]}, "malformed_text"),
    (b'{"layers": [{"width": 64}], "layers": []}', "duplicate_field"),
    (b'{"layers": [{"width": 64, "width": 64}]}', "duplicate_field"),
    (b'{"layers": [{"width": 64}], "input_variance": NaN}', "malformed_json"),
    (b'{"layers": [{"width": 64}], "input_variance": 1e999}', "out_of_range"),
    (
        {"layers": [{"width": 64, "residual": "pre_norm", "position": "branch_first"}]},
        "bad_block",
    ),
    (
        {
            "layers": [{"width": 64, "residual": "pre_norm", "position": "branch_first"}] * 2,
        },
        "bad_block",
    ),
]


@pytest.mark.parametrize(("body", "reason"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_body_costs_little(address: Address, body: object, reason: str) -> None:
    """A problem, or an answer, within two seconds on a busy machine; never a 500."""
    started = time.monotonic()
    answer = posted(address, body)
    assert time.monotonic() - started < 2
    if reason:
        assert answer.status in (400, 422)
        assert problem(answer)["reason"] == reason
    else:
        assert answer.status == 200


def test_a_problem_in_a_list_says_which_layer(address: Address) -> None:
    """By its place, from 0: of a value that cannot be read, and of one that cannot be."""
    layers: list[dict[str, object]] = [{"width": 64}, {"width": 64, "gain": "x"}]
    assert problem(posted(address, {"layers": layers}))["errors"][0]["field"] == "layers[1].gain"
    layers[1]["gain"] = -1
    assert problem(posted(address, {"layers": layers}))["errors"][0]["field"] == "layers[1].gain"


def test_members_beside_the_list_are_defaults(address: Address) -> None:
    """A layer's own word comes first; `null` is no word, and leaves the table's default."""
    layers = [{"width": 64}, {"width": 64, "activation": "tanh"}]
    body = {"layers": layers, "activation": "relu", "scheme": "he_normal"}
    found = json.loads(posted(address, body).body)["layers"]
    assert [row["activation"] for row in found] == ["relu", "tanh"]
    assert {row["scheme"] for row in found} == {"he_normal"}


def test_the_weights_of_a_layer_are_served(address: Address) -> None:
    """By its weights_url, with the std told; with the question's seed, or one that is drawn."""
    for query in (f"{QUERY}&seed=3", QUERY, f"{QUERY}&dtype=bfloat16"):
        layer = json.loads(ask(address, f"/propagate?{query}").body)["layers"][4]
        served = ask(address, layer["weights_url"], "HEAD")
        assert served.status == 200
        assert float(served.headers["weights-std"]) == pytest.approx(layer["std"], rel=1e-5)
        assert "layer.5" in served.headers["content-disposition"]


def test_a_wide_network_needs_no_simulation(address: Address) -> None:
    """The theory has no limit on the width."""
    assert ask(address, "/propagate?width=16384&depth=1000&activation=relu").status == 200


def test_the_loop_answers_while_it_simulates(address: Address) -> None:
    """Other requests, each within a tenth of the simulation's time or a quarter of a second.

    Had they waited for the simulation, there would be one of them.
    """
    with ThreadPoolExecutor(1) as threads:
        started = time.monotonic()
        simulated = threads.submit(ask, address, f"/propagate?{SLOW}&seed=11")
        waits = []
        while not simulated.done():
            before = time.monotonic()
            assert ask(address, "/livez").status == 200
            waits.append(time.monotonic() - before)
            time.sleep(0.01)
        took = time.monotonic() - started
    assert simulated.result().status == 200
    assert len(waits) >= 5
    assert sorted(waits)[len(waits) * 9 // 10] < max(0.25, took / 10)


def test_a_second_simulation_is_told_to_wait(address: Address) -> None:
    """503 with Retry-After and two ways out, of which the theory alone is open meanwhile.

    The second one is asked until it meets the first one, which may take a moment to begin.
    """
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(ask, address, f"/propagate?{SLOW}&seed=12")
        small, seed = "width=16&depth=2&activation=tanh&simulate=true", 1000
        second = ask(address, f"/propagate?{small}&seed={seed}")
        while second.status == 200 and not first.done():
            seed += 1
            time.sleep(0.05)
            second = ask(address, f"/propagate?{small}&seed={seed}")
        theory = ask(address, f"/propagate?{QUERY}&simulate=false")
    # If the small one came first, the other is refused.
    answers = [first.result(), second]
    second = next(answer for answer in answers if answer.status == 503)
    assert int(second.headers["retry-after"]) >= 2
    told = problem(second)
    assert (second.status, told["reason"]) == (503, "too_busy")
    assert "simulate=false" in told["errors"][0]["hint"]
    assert theory.status == 200
    assert ask(address, f"/propagate?{QUERY}&simulate=true&seed=13").status == 200


@pytest.mark.slow
def test_a_long_queue_for_the_theory_is_refused(address: Address) -> None:
    """Some of twenty requests that take a second each get 503 at once; all others are answered."""
    queries = [f"width=64&depth=400&activation=logcosh&gain=2.{number}" for number in range(20)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda query: ask(address, f"/propagate?{query}"), queries))
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 8
    refused = next(answer for answer in answers if answer.status == 503)
    assert problem(refused)["reason"] == "too_busy"
    # Eight of them wait, each of which takes a second.
    assert 4 <= int(refused.headers["retry-after"]) <= 60


def test_the_same_simulation_is_made_once(address: Address) -> None:
    """A page may ask for the JSON and the picture at the same time.

    The kept answer takes less than half of the time in which it was made.
    """
    query = f"{SLOW}&seed=14"
    started = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        paths = ("/propagate", "/propagate.svg")
        both = list(threads.map(lambda path: ask(address, f"{path}?{query}"), paths))
    took = time.monotonic() - started
    assert [answer.status for answer in both] == [200, 200]
    started = time.monotonic()
    assert ask(address, f"/propagate?{query}").body == both[0].body
    assert time.monotonic() - started < took / 2


def test_simulations_wait_for_the_kernels() -> None:
    """503 not_ready before the kernels are checked; the theory needs none."""
    checked = Event()
    with serving(warm_up=lambda: assert_set(checked)) as address:
        try:
            refused = ask(address, f"/propagate?{QUERY}&simulate=true")
            assert (refused.status, problem(refused)["reason"]) == (503, "not_ready")
            assert ask(address, f"/propagate?{QUERY}").status == 200
        finally:
            checked.set()


def assert_set(event: Event) -> None:
    """Wait for an event."""
    assert event.wait(30)


def test_other_methods_are_told_which_there_are(address: Address) -> None:
    """405: POST has no picture."""
    answer = ask(address, "/propagate.svg", "POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    answer = ask(address, "/propagate", "PUT")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        f"{QUERY}&simulate=true&gain=3",
        "width=64&depth=5&activation=swiglu&residual=pre_norm&normalization=rms",
        "width=64&depth=200&activation=relu&gain=100",
    ],
)
def test_an_answer_is_what_the_document_says(address: Address, document: Any, query: str) -> None:
    """It fits its schema, whose members are all there and no others."""
    reference = {"$ref": "#/components/schemas/Propagation"}
    found = json.loads(ask(address, f"/propagate?{query}").body)
    OAS31Validator({**reference, "components": document["components"]}).validate(found)
    assert set(found) == set(document["components"]["schemas"]["Propagation"]["properties"])


def test_every_field_is_documented(document: Any) -> None:
    """Each has a parameter with an example that fits, and a member of the body."""
    for path in ("/propagate", "/propagate.svg"):
        listed = document["paths"][path]["get"]["parameters"]
        names = [entry["$ref"].rpartition("/")[2] for entry in listed]
        fields = ["stack_shape" if name == "shape" else name for name in Stack.model_fields]
        assert names[: len(fields)] == fields
    for field in set(Stack.model_fields) - set(Question.model_fields):
        parameter = document["components"]["parameters"][field]
        assert parameter["description"]
        assert OAS31Validator(parameter["schema"]).is_valid(parameter["example"])
    schemas = document["components"]["schemas"]
    assert list(schemas["Network"]["properties"]) == [*Stack.model_fields, "layers"]
    assert list(schemas["NetworkLayer"]["properties"]) == list(NetworkLayer.model_fields)


def test_the_documented_network_has_an_answer(address: Address, document: Any) -> None:
    """The example of the request body, which is stable."""
    body = document["paths"]["/propagate"]["post"]["requestBody"]["content"]["application/json"]
    answer = posted(address, body["example"])
    assert json.loads(answer.body)["verdict"] == "stable"
