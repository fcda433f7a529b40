"""Nothing that moves a byte of /v1 is other than it was at the freeze; more may have come."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from hashlib import sha256
from typing import Any

import pytest

from checks.append_only import Document, rewritten
from checks.write_frozen import PATH, document
from service.api.headers import IMMUTABLE
from tests.application import ask, ready
from tests.server import Address

FROZEN: Document = json.loads(PATH.read_text(encoding="utf-8"))
REQUESTS: list[dict[str, str]] = FROZEN["requests"]


@pytest.fixture(scope="module")
def now() -> Document:
    return document()


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.mark.parametrize("section", FROZEN)
def test_nothing_frozen_has_changed(now: Document, section: str) -> None:
    """Every entry that stands in the file is what the code says, requests as the reference has
    them; a failure names the entry."""
    assert rewritten({section: FROZEN[section]}, now) == []


@pytest.mark.parametrize("frozen", REQUESTS, ids=lambda frozen: frozen["target"][12:52])
def test_a_server_answers_what_is_frozen(address: Address, frozen: dict[str, str]) -> None:
    """Asked as it was asked then, and at the canonical URL, which may be kept for ever."""
    for target in (frozen["target"], frozen["canonical"]):
        answer = ask(address, target)
        assert answer.headers.get("content-location", target) == frozen["canonical"]
        assert answer.headers["etag"] == frozen["etag"]
        assert sha256(answer.body).hexdigest() == frozen["sha256"]
    assert answer.headers["cache-control"] == IMMUTABLE


def test_the_requests_leave_nothing_out() -> None:
    """Each scheme, dtype, format and field there is, and enough of them."""
    asked = "\n".join(request["target"] + "\n" + request["canonical"] for request in REQUESTS)
    formats = {"npy", "raw", "safetensors"}
    assert len(REQUESTS) >= 100
    assert set(re.findall(r"weights\.(\w+)", asked)) == formats
    assert set(re.findall(r"scheme=(\w+)", asked)) >= set(FROZEN["schemes"])
    assert set(re.findall(r"dtype=(\w+)", asked)) >= set(FROZEN["precisions"]) - {"float32"}
    assert set(re.findall(r"[?&](\w+)=", asked)) == {entry["field"] for entry in FROZEN["fields"]}


def test_the_requests_tell_tensors_apart() -> None:
    """Negative control: each canonical URL has a tag of its own, and few share their bytes.

    Those that do are pinned because they do: two schemes of one std, a fan counted and given, and
    tensors without an element.
    """
    urls, tags, digests = (
        {request[key] for request in REQUESTS} for key in ("canonical", "etag", "sha256")
    )
    assert len(tags) == len(urls)
    assert len(digests) > 0.85 * len(urls)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("literals", "LOG_32", 3), "-0x1.993cc80000000p-2"),
        (("literals", "NARROW float16", 1), "0x38000001"),
        (("activations", "gelu", "gain"), "0x1.889573745af36p+0"),
        (("schemes", "he_normal", "mode"), "fan_out"),
        (("auto by activation", "selu"), "he_normal"),
        (("auto by layer", "embedding"), "he_normal"),
        (("gain rules", 0), "backward"),
        (("letters", "conv2d keras"), "OIHW"),
        (("fields", 3, "default"), 1),
        (("vectors, cases", 313), "0" * 64),
        (("requests", 0, "canonical"), "/v1/weights.npy?shape=4,3"),
    ],
)
def test_a_change_would_be_noticed(now: Document, path: tuple[Any, ...], value: Any) -> None:
    """Negative control: another value anywhere is a fault, named by its section and entry."""
    changed = deepcopy(now)
    *way, last = path
    place = changed
    for key in way:
        place = place[key]
    assert place[last] != value
    place[last] = value
    assert rewritten(FROZEN, changed) == [f"{path[0]} {path[1]}"]
