"""The range cases and partitions of tests/ranges through nginx, past its cache and through it."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.application import ask
from tests.front.fleet import Fleet, fronted
from tests.front.gates import Gate
from tests.front.nginx import replaced
from tests.front.test_slices import cache_status, ranged
from tests.ranges.cases import CASES, Case, Step, check
from tests.ranges.partitions import collect
from tests.ranges.requests import LARGE, served, small_targets
from tests.ranges.tensors import computed, planned, remembered


@pytest.fixture(scope="module")
def passing(gates: list[Gate], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A front that sends every request past its cache."""

    def uncached(text: str) -> str:
        return replaced(text, '"1 0 1" 1;', '"1 0 1" 0;')

    with fronted(gates, tmp_path_factory.mktemp("nginx"), uncached) as fleet:
        yield fleet


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_past_the_cache(passing: Fleet, case: Case) -> None:
    """nginx passes the request and the answer on as they are."""
    assert {cache_status(answer) for answer in check(case, passing.address)} == {None}


OF_THE_FRONT = ("nginx slice: the slice after the last", "s3-tests: a range past the end")
"""Cases that nginx answers otherwise than a replica. The range begins in the last slice, but after
its last byte. nginx knows the length from the slice and refuses the range by itself (RFC 9110,
15.5.17, asks for no more than the length). The problem is then the front's own."""


@pytest.mark.parametrize("case", [each for each in CASES if str(each) not in OF_THE_FRONT], ids=str)
def test_a_case_through_the_cache(fleet: Fleet, case: Case) -> None:
    """Single ranges with two ends come from slices: from new ones, and then from stored ones."""
    own = moved(case)
    sliced = [place for place, step in enumerate(own.steps) if is_sliced(step)]
    answers = check(own, fleet.address)
    assert [place for place, each in enumerate(answers) if cache_status(each)] == sliced
    if sliced:
        assert cache_status(answers[sliced[0]]) == "front; fwd=miss"
    again = check(own, fleet.address)
    assert {cache_status(again[place]) for place in sliced} <= {"front; hit"}


def moved(case: Case) -> Case:
    """The case with tensors that no other test has asked for."""
    seed = f"seed={1000 + CASES.index(case)}"
    steps = [replace(step, target=step.target.replace("seed=7", seed)) for step in case.steps]
    return replace(case, steps=tuple(steps))


def is_sliced(step: Step) -> bool:
    """Whether a request is for one range with two ends of a tensor with a seed, unconditionally."""
    one = re.fullmatch("bytes=[0-9]+-[0-9]+", step.fields.get("Range", "")) is not None
    unconditional = step.fields.keys() == {"Range"}
    return one and unconditional and step.method == "GET" and "seed=" in step.target


def test_cases_are_sliced() -> None:
    """So that the test above asks the cache at all."""
    assert sum(any(map(is_sliced, case.steps)) for case in CASES) > 10


@pytest.mark.parametrize("name", OF_THE_FRONT)
def test_a_range_after_the_last_byte_of_the_last_slice(fleet: Fleet, name: str) -> None:
    """Status and length are right, and no cache may store the refusal, from either slice."""
    (case,) = (moved(each) for each in CASES if str(each) == name)
    (step,) = case.steps
    length = len(remembered(step.target))
    for _ in range(2):
        answer = ask(fleet.address, step.target, headers=step.fields)
        assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{length}")
        assert answer.headers["cache-control"] == "no-store"
        assert json.loads(answer.body)["status"] == 416


@settings(max_examples=60)
@given(target=small_targets(), seed=st.integers(0, 2**63))
def test_every_canonical_url_with_a_seed_goes_to_the_slices(
    fleet: Fleet, target: str, seed: int
) -> None:
    """nginx knows a canonical URL by the order of its fields."""
    assume(served(target))
    url = planned(target).url
    assume("&seed=" in url)
    url = re.sub(r"&seed=[0-9]+", f"&seed={seed}", url)
    answer = ranged(fleet.address, url, "0-0")
    assert (answer.status, cache_status(answer) is None) == (206, False)


@settings(max_examples=30)
@given(target=small_targets(), seed=st.integers(0, 2**32))
def test_any_partition_of_any_tensor(fleet: Fleet, target: str, seed: int) -> None:
    """At the canonical URL, which may be stored, and at another spelling, which may not.

    The second partition is another one, and its bytes come from stored slices.
    """
    assume(served(target))
    whole = computed(target)
    for each in (target, planned(target).url):
        for number, plain in ((seed, True), (seed + 1, True), (seed + 2, False)):
            joined = collect(each, whole, [fleet.address], random.Random(number), plain=plain)
            assert joined == whole


@pytest.mark.parametrize("target", [each for each in LARGE if "scheme=identity" not in each])
def test_any_partition_of_a_tensor_of_several_slices(fleet: Fleet, target: str) -> None:
    """Two partitions; ranges begin and end in any of the slices. The second costs replicas nothing.

    A constant is not stored: its canonical URL has no seed, and it is cheap to compute.
    """
    url = planned(f"{target}&seed=12&name=large").url
    whole = remembered(url)
    assert collect(url, whole, [fleet.address], random.Random(1), plain=True) == whole
    before = Counter(fleet.requests())
    assert collect(url, whole, [fleet.address], random.Random(2), plain=True) == whole
    assert Counter(fleet.requests()) - before == {f"HEAD {url}".encode(): 1}
    assert collect(url, whole, [fleet.address], random.Random(3)) == whole
