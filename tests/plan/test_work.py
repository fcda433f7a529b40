"""The cost in a certificate, and its advice, which is followed here."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import FaninError
from service.fields import parse_query
from service.initializers.schemes import SCHEMES
from service.plan import plan
from service.plan.work import COSTLY
from tests.filling import distinct, needed

ADVISED = {
    "shape=2,2,2,8192,8192,2,2,2&order=F": "order=C",
    "shape=8,8,8,8,8,8,8,8&order=F": "order=C",
    "shape=8192,8192,3,3&order=F": "order=C",
    "shape=3,3,2048,2048&layout=HWIO": "order=F",
    "shape=65536,16&slice=:,0:1": "a slice of whole rows",
    "shape=2,2,2,2,4096,16,16,16&slice=:,:,:,:,:,0:1,0:1,0:1&order=F": "a slice of whole rows",
}
"""Requests that draw more than twice what plain ones do, and what the advice must name."""

PLAIN = ["shape=4096,4096", "shape=4096,4096&layout=IO", "shape=4096,4096&order=F", "shape=0,3"]

MOST = 5.0
"""No answer takes more than so many times the work of a plain one: four blocks instead of one, and
what the pieces of composed draws add."""


def cost(query: str) -> Any:
    asked = parse_query(f"{query}&seed=1&name=a".encode())
    return plan(asked, "json", max_bytes=2**50).certificate()["cost"]


@pytest.mark.parametrize("query", ADVISED)
def test_a_costly_answer_comes_with_advice(query: str) -> None:
    """In the certificate, and so before the first byte."""
    told = cost(f"{query}&scheme=normal")
    assert COSTLY < told["ratio"] <= 4.05
    assert ADVISED[query] in told["advice"]


@pytest.mark.parametrize("query", [query for query in ADVISED if "order" in ADVISED[query]])
def test_the_advised_order_is_accepted_and_cheaper(query: str) -> None:
    """The advice is followed to the letter: the same values for at most 0.6 of the work."""
    told = cost(f"{query}&scheme=normal")
    found = re.search(r"order=[CF]", told["advice"])
    assert found
    other = cost(f"{query.replace('&order=F', '')}&scheme=normal&{found[0]}")
    assert other["blocks"] <= 0.6 * told["blocks"]


@pytest.mark.parametrize("query", [q for q in ADVISED if "whole rows" in ADVISED[q]])
def test_a_slice_of_whole_rows_takes_less_for_each_element(query: str) -> None:
    """The advice for slices is followed: all of the fastest axes."""
    whole = query.replace("0:1,0:1,0:1", ":,:,:").replace("0:1", ":").replace("&order=F", "")
    assert cost(f"{whole}&scheme=normal")["ratio"] == 1.0


@pytest.mark.parametrize("query", PLAIN)
def test_a_plain_answer_has_no_advice(query: str) -> None:
    """Negative control: whole tensors of two axes in any layout cost what they must."""
    told = cost(f"{query}&scheme=normal")
    assert told["advice"] is None
    assert told["ratio"] <= 1.05


KINDS = [name for name in distinct() if SCHEMES[name].access != "materialised"]


@settings(max_examples=200)
@given(data=st.data())
def test_no_request_costs_more_than_five_times_a_plain_one(data: st.DataObject) -> None:
    """Of any scheme but the materialised ones. So nothing has to be refused for its cost."""
    name = data.draw(st.sampled_from(KINDS))
    extents = st.sampled_from([1, 2, 3, 4, 5, 8, 16, 33, 256, 4096])
    shape = data.draw(st.lists(extents, min_size=1, max_size=8))
    starts = [data.draw(st.integers(0, extent - 1)) for extent in shape]
    cut = [data.draw(st.sampled_from([":", ":", f"{start}:"])) for start in starts]
    order = data.draw(st.sampled_from(["C", "F"]))
    query = f"shape={','.join(map(str, shape))}&slice={','.join(cut)}&scheme={name}{needed(name)}"
    try:
        told = cost(f"{query}&order={order}")
    except FaninError:
        return
    assert 0 < told["ratio"] <= MOST
