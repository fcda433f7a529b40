"""REDbot, which judges any HTTP server, finds no fault with ours."""

import json
import subprocess
from collections.abc import Iterator

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.application import ready
from tests.peers.environment import python_with
from tests.process import ROOT
from tests.server import Address, running

pytestmark = [pytest.mark.slow, pytest.mark.ci]

TENSOR = "/v1/weights.npy?shape=50,30&scheme=he_normal&seed=7&name=w"
DRAFT = "/v1/weights.npy?shape=50,30&scheme=orthogonal&seed=7&name=w"
CERTIFICATE = "/v1/weights.json?shape=50,30&scheme=he_normal&seed=7&name=w"
LISTING = "/schemes"

ALWAYS_RIGHT = {"DATE_CORRECT", "CONTENT_TYPE_OPTIONS", "CL_CORRECT", "INM_304"}
"""Notes that say that something was checked and is right: its date, type, length and 304."""

UNFOUNDED = {"STORE_PUBLIC_UNNECESSARY"}
"""REDbot says that `public` is probably not necessary, because a cache may store the answer without
it. But a shared cache may store an answer to a request with Authorization only with it (RFC 9111,
section 3.5). A proxy before the service may ask its clients for credentials."""


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def notes(url: str) -> dict[str, str]:
    """The level of each note on the answers of a URL: GOOD, INFO, WARN or BAD."""
    python = python_with("redbot-venv", ROOT / "requirements-redbot.txt")
    command = [str(python), "-m", "redbot.cli", "--output-format", "har", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    (entry,) = json.loads(done.stdout)["log"]["entries"]
    return {note["note_id"]: note["level"] for note in entry["_red_messages"]}


@pytest.mark.parametrize(
    ("target", "right"),
    [
        (TENSOR, ALWAYS_RIGHT | {"RANGE_CORRECT", "FRESHNESS_FRESH"}),
        (DRAFT, ALWAYS_RIGHT | {"RANGE_CORRECT", "FRESHNESS_FRESH"}),
        (CERTIFICATE, ALWAYS_RIGHT),
        (LISTING, ALWAYS_RIGHT),
    ],
)
def test_nothing_is_wrong(address: Address, target: str, right: set[str]) -> None:
    """No note is a warning or worse, and what was to be checked was checked."""
    found = notes(address.url + target)
    wrong = {name for name, level in found.items() if level not in ("GOOD", "INFO")}
    assert wrong <= UNFOUNDED
    assert right <= {name for name, level in found.items() if level == "GOOD"}


def test_a_wrong_answer_is_noticed() -> None:
    """Negative control: a server whose ranges are the wrong bytes, and which sends no 304."""

    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Accept-Ranges": "bytes", "ETag": '"a"', "Cache-Control": "max-age=60"}
        value = Request(scope).headers.get("range")
        if value is None:
            response = Response(bytes(range(100)), headers=headers)
        else:
            start, _, last = value.removeprefix("bytes=").partition("-")
            content = bytes(int(last) - int(start) + 1)
            headers["Content-Range"] = f"bytes {start}-{last}/100"
            response = Response(content, 206, headers)
        await response(scope, receive, send)

    with running(wrong, lifespan="off") as address:
        found = notes(address.url + "/")
    assert found["RANGE_INCORRECT"] == "BAD"
    assert found["INM_FULL"] == "WARN"
