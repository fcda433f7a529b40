"""The benchmark's arithmetic, table and guard, from given readings: nothing is timed here."""

import ast
import json
import xml.etree.ElementTree as ElementTree
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from bench import footprint, guard, hello, models, small
from bench.clients import requests_per_second
from bench.contest import Contest, MissingError, Outcome, hold
from bench.goals import GOALS, Sense
from bench.guard import Committed, committed, fault, floor
from bench.plot import plot
from bench.processes import ROOT
from bench.quotation import HEADING, PAGE, QUOTED, quotation, requoted
from bench.report import as_json, as_markdown, table
from bench.sections import SECTIONS
from bench.streams import target
from bench.summary import Summary, line_of, summarized, verdict
from service.chunks import Body, TensorBody
from service.fields import parse_query
from service.models.body import FileBody, FileLayout
from service.models.listing import ModelListing
from service.models.manifest import parse_manifest
from service.models.planning import ModelPlan, plan_model
from service.plan import seeded_plan
from service.settings import Settings
from tests.application import ask
from tests.ranges.tensors import planned
from tests.server import running

PROMISED = {
    "normal-torch": 3.0,
    "uniform-torch": 5.0,
    "truncated-torch": 4.0,
    "normal-numpy": 5.0,
    "uniform-numpy": 3.0,
    "normal-cores": 1.8,
    "uniform-cores": 1.8,
    "truncated-cores": 1.8,
    "bfloat16": 0.9,
    "layout-dense": 0.5,
    "layout-conv": 0.5,
    "layout-large-conv": 0.5,
    "order-normal": 0.5,
    "order-uniform": 0.5,
    "orthogonal-512": 0.7,
    "orthogonal-2048": 0.7,
    "orthogonal-slice": 0.15,
    "stream-nginx": 1.0,
    "stream-nginx-one-core": 1.0,
    "stream-torch": 2.0,
    "stream-uniform": 1.0,
    "stream-uniform-one-core": 1.0,
    "connections": 1.0,
    "fairness": 2.0,
    "model-gpt2": 0.8,
    "model-small": 0.5,
    "model-post-first": 1.0,
    "model-post": 1.0,
    "model-head": 1.0,
    "model-ranges": 1.0,
    "model-memory": 16,
    "small-repeated": 2.09,
    "small-new": 1.0,
    "recommend": 0.5,
    "costliest-small": 0.2,
    "slice": 1.2,
    "range": 1.2,
    "memory": 64,
    "start": 1.5,
}
"""Every goal the project has set itself, in the order of the table."""

MACHINE = {"processor": "an abacus"}


def test_the_table_holds_every_goal() -> None:
    """No goal is moved or left out without this test being told."""
    assert {key: goal.goal for key, goal in GOALS.items() if goal.goal is not None} == PROMISED
    assert GOALS["stream-nginx"].hard == 0.8


def test_every_line_is_measured_once() -> None:
    """The sections yield the lines of the table, each once; nothing starts before it is asked."""
    keys = [contest.key for section in SECTIONS.values() for contest in section()]
    assert sorted(keys) == sorted(GOALS)


def test_every_guarded_line_is_measured_by_the_guard() -> None:
    """The guard measures whole sections. Each guarded line is in one of them."""
    measured = {contest.key for name in guard._GUARDED for contest in SECTIONS[name]()}
    assert {key for key, goal in GOALS.items() if goal.guarded} <= measured


def test_the_ruler_takes_nothing_of_the_server() -> None:
    """Only the listening socket is the service's own: it has no part in a request."""
    tree = ast.parse(Path(hello.__file__).read_text())
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
    assert [name for name in imported if name.startswith("service")] == ["service.server.listening"]


def test_the_ruler_answers_over_h11() -> None:
    """FastAPI's first example, with the protocol class of commit 167694b's configuration."""
    assert hello.config().http is hello.BoundedProtocol
    assert issubclass(hello.BoundedProtocol, H11Protocol)
    with running(hello.app, http=hello.BoundedProtocol) as address:
        answer = ask(address, "/")
        too_large = ask(address, f"/{'a' * 9000}")
    assert (answer.status, answer.body) == (200, b'{"message":"Hello World"}')
    assert too_large.status == 400


@pytest.mark.parametrize("target", [small._PLAIN, *small._COSTLY])
def test_costly_answers_have_as_many_bytes_as_the_plain_one(target: str) -> None:
    """64 KiB, the most that an answer computed on the event loop may have."""
    query = target.partition("?")[2].encode()
    plan = seeded_plan(parse_query(query), "raw", max_bytes=Settings().max_bytes)
    assert TensorBody(plan).length == 65536


def test_the_range_and_the_slice_are_the_same_bytes() -> None:
    """1 MiB, so that the line compares two ways to ask and nothing else."""
    start, _, last = footprint._SAME_BYTES.removeprefix("bytes=").partition("-")
    file = target("he_normal", footprint._TERABYTE)
    whole, part = TensorBody(planned(file)), TensorBody(planned(file + footprint._HALF_ROW))
    ranged = content(whole.part(int(start), int(last) + 1))
    assert len(ranged) == footprint.MIB
    assert ranged == b"".join(map(bytes, part.chunks()))


def model_plan(manifest: dict[str, Any]) -> ModelPlan:
    """The plan of a manifest of the benchmark."""
    text = json.dumps(manifest).encode()
    return plan_model(parse_manifest(text), max_bytes=Settings().max_bytes)


@pytest.mark.parametrize(
    ("manifest", "extents"),
    [(models.GPT2, models.GPT2_EXTENTS), (models.SMALL, models.SMALL_EXTENTS)],
)
def test_a_streamed_model_has_as_many_elements_as_the_tensor(
    manifest: dict[str, Any], extents: str
) -> None:
    """Only the header of its file is added."""
    whole = TensorBody(planned(target("he_normal", extents)))
    model = model_plan(manifest)
    assert len(model.files) == 1
    assert whole.length == model.bytes == 4 * model.parameters


def test_the_ranges_of_the_terabyte_are_the_bytes_of_its_tensors() -> None:
    """For a sample: each range is joined from the URLs of the tensors that have bytes of it."""
    model = model_plan(models.TERABYTE)
    [file] = model.files
    assert model.parameters == 671_026_404_352
    body = FileBody(FileLayout(model.kinds, file))
    listed = list(ModelListing(model, "token").tensors())
    first = [tensor["from"] for tensor in listed]
    edges = [first[20_000] - 1000, *models.places(file.length)[:7]]  # One begins in two tensors.
    for start in edges:
        stop, own = start + footprint.MIB, b""
        for tensor in listed[max(bisect_right(first, start) - 1, 0) : bisect_left(first, stop)]:
            begin, end = max(start, tensor["from"]), min(stop, tensor["to"])
            part = TensorBody(planned(tensor["url"]))
            own += content(part.part(begin - tensor["from"], end - tensor["from"]))
        assert content(body.part(start, stop)) == own


def content(body: Body) -> bytes:
    """The bytes of all chunks."""
    memory = np.empty(body.chunk_bytes, np.uint8)
    return b"".join(bytes(body.chunk(index, memory)) for index in range(body.chunk_count))


@pytest.mark.parametrize(
    ("sense", "median"), [(Sense.FASTER, 3.0), (Sense.COSTS, 1 / 3), (Sense.ADDS, -4.0)]
)
def test_a_ratio_is_taken_within_each_pair(sense: Sense, median: float) -> None:
    """Pairs (1, 2), (2, 6), (10, 40) are 2, 3 and 4 times as fast."""
    assert summarized(((1.0, 2.0), (2.0, 6.0), (10.0, 40.0)), sense).median == median


def test_the_spread_is_told() -> None:
    """Quartiles and extremes of 1, 2, 3, 4, 5; of one pair all are that pair."""
    five = summarized(tuple((1.0, float(number)) for number in range(1, 6)), Sense.FASTER)
    assert five == Summary(3.0, (2.0, 4.0), (1.0, 5.0), 5)
    assert summarized(((2.0, 1.0),), Sense.FASTER) == Summary(0.5, (0.5, 0.5), (0.5, 0.5), 1)


@pytest.mark.parametrize(
    ("key", "reached", "expected"),
    [
        ("stream-nginx", 1.0, "reached"),
        ("stream-nginx", 0.99, "missed, above the hard limit"),
        ("stream-nginx", 0.79, "missed"),
        ("normal-torch", 2.99, "missed"),
        ("slice", 1.2, "reached"),
        ("slice", 1.21, "missed"),
        ("memory", 64.0, "reached"),
        ("start", 1.6, "missed"),
        ("normal-jax", 0.1, "-"),
    ],
)
def test_a_verdict_compares_in_the_sense_of_its_goal(
    key: str, reached: float, expected: str
) -> None:
    """At least for speed, at most for what costs or adds; no promise, no verdict."""
    assert verdict(GOALS[key], reached) == expected


def test_sides_take_turns_after_warming_up() -> None:
    """One pair is thrown away, then it is A B A B."""
    turns: list[str] = []

    def side(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    outcome = hold(Contest("order-normal", lambda: side("A"), lambda: side("B"), rounds=2))
    assert "".join(turns) == "ABABAB"
    assert outcome.readings == ((3.0, 4.0), (5.0, 6.0))


def test_what_is_missing_is_named_in_its_line() -> None:
    """A peer that cannot be had costs its own line, with the reason, and no other."""

    def absent() -> float:
        raise MissingError("No module named 'torch'")

    line = line_of(hold(Contest("normal-torch", lambda: 1.0, absent)))
    assert (line.summary, line.verdict) == (None, "missing")
    assert "| missing: No module named 'torch' |" in table([line])


def test_the_table_says_ratio_spread_and_verdict() -> None:
    """A line as a reader sees it: no time, only how many times."""
    line = line_of(Outcome("normal-numpy", ((1.0, 5.0), (1.0, 6.0), (1.0, 7.0))))
    assert table([line]).splitlines()[-1] == (
        "| normal float32, one core, in process | NumPy `standard_normal`, fastest generator "
        "| at least 5x | 6.00x | 5.50 … 6.50 | 5.00 … 7.00 | 3 | reached |"
    )
    page = as_markdown([line], MACHINE, ["a note"])
    assert "- processor: an abacus\n" in page
    assert "- a note\n" in page


def test_the_page_quotes_the_committed_results() -> None:
    """Its table is the one that these results make, and other results would make another."""
    results = json.loads((ROOT / "bench" / "results" / "latest.json").read_text())
    text = PAGE.read_text()
    quoted = quotation(results)
    assert quoted in text
    assert requoted(text, results) == text
    for line in results["lines"]:
        line["median"] = 1234.5
    changed = requoted(text, results)
    assert changed.count(" 1234.5x |") == len(QUOTED)
    assert requoted(changed, {"lines": []}) == text.replace(quoted, HEADING)


def test_the_guard_reads_what_the_benchmark_wrote() -> None:
    """The record survives JSON; lines that were missing are not guarded."""
    lines = [
        line_of(Outcome("small-new", ((2.0, 1.0), (2.0, 1.0)))),
        line_of(Outcome("recommend", missing="404")),
    ]
    record: dict[str, Any] = json.loads(json.dumps(as_json(lines, MACHINE, [])))
    assert committed(record) == {"small-new": Committed(0.5, (0.5, 0.5))}


def test_a_guarded_ratio_may_fall_by_a_tenth_and_its_noise() -> None:
    """2.0 may become 1.8, less half of both quartile ranges, 0.2 and 0.4."""
    now = Summary(1.7, (1.5, 1.9), (1.0, 2.0), 9)
    assert floor(Committed(2.0, (1.9, 2.1)), now) == pytest.approx(1.5)
    quiet = Summary(1.7, (1.7, 1.7), (1.7, 1.7), 9)
    assert floor(Committed(2.0, (2.0, 2.0)), quiet) == pytest.approx(1.8)


def test_a_ratio_that_fell_is_a_fault() -> None:
    """Half as fast, twice in a row."""
    contest = Contest("small-new", lambda: 2.0, lambda: 1.0, rounds=2)
    (found,) = fault(contest, Committed(1.0, (1.0, 1.0)))
    assert found.endswith("0.50x, was 1.00x, may be 0.90x")
    assert list(fault(contest, Committed(0.5, (0.5, 0.5)))) == []


def test_a_ratio_gets_a_second_look() -> None:
    """Slow in the first three turns, the warm-up among them, and then as before."""
    costs = iter([2.0, 2.0, 2.0, 1.0, 1.0, 1.0])
    contest = Contest("small-new", lambda: next(costs), lambda: 1.0, rounds=2)
    assert list(fault(contest, Committed(1.0, (1.0, 1.0)))) == []


def test_wrk_is_believed_only_without_errors() -> None:
    """Fast refusals are no answers."""
    assert requests_per_second("Requests/sec:   1234.50\n") == 1234.5
    with pytest.raises(MissingError, match="Non-2xx or 3xx responses: 7"):
        requests_per_second("  Non-2xx or 3xx responses: 7\nRequests/sec:   1234.50\n")
    with pytest.raises(MissingError, match="no answers"):
        requests_per_second("Requests/sec:      0.00\n")


def test_the_plot_has_a_line_for_each_curve() -> None:
    """Well-formed, one polyline a curve, and a missing peer's label without one's points."""
    drawing = plot({"one": [(2**10, 1.0), (2**32, 0.5)], "torch: <missing>": []}, "an abacus")
    lines = ElementTree.fromstring(drawing).findall("{*}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [2, 0]
