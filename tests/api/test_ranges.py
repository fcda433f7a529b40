"""Range requests over a real socket (RFC 9110, section 14)."""

import email.message
import email.parser
import email.policy
import json
import re
from collections.abc import Iterator

import pytest

from tests.application import Answer, ask, problem, ready
from tests.server import Address

TARGET = "/v1/weights.npy?shape=50,30&scheme=he_normal&seed=7&name=w"
LENGTH = 128 + 50 * 30 * 4


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.fixture(scope="module")
def whole(address: Address) -> bytes:
    return ask(address, TARGET).body


def ranged(address: Address, value: str, **headers: str) -> Answer:
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return ask(address, TARGET, headers={"Range": value} | fields)


def parts_of(answer: Answer) -> list[tuple[str, bytes]]:
    """Content-Range and bytes of each part, read by the standard library's parser."""
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(head + answer.body)
    assert isinstance(message, email.message.EmailMessage)
    return [(part["Content-Range"], part.get_content()) for part in message.iter_parts()]


@pytest.mark.parametrize(
    ("value", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=100-199", 100, 200),
        ("bytes=6127-", 6127, LENGTH),
        ("bytes=-1", LENGTH - 1, LENGTH),
        ("bytes=-99999999", 0, LENGTH),
        ("bytes=6000-99999999999999999999999999", 6000, LENGTH),
        ("bytes=0-", 0, LENGTH),
        ("Bytes=3-5", 3, 6),
        ("bytes=000000000000000000000000000000003-5", 3, 6),
        ("bytes=,, 3-5 ,\t,", 3, 6),
        ("bytes=0-3,4-9,8-12", 0, 13),
        ("bytes=9999999-,5-6", 5, 7),
    ],
)
def test_one_range(address: Address, whole: bytes, value: str, start: int, stop: int) -> None:
    """206 with these bytes, their place, and every header of the 200 but the length."""
    assert len(whole) == LENGTH
    answer, complete = ranged(address, value), ask(address, TARGET)
    assert (answer.status, answer.body) == (206, whole[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{LENGTH}"
    assert answer.headers["content-length"] == str(stop - start)
    others = dict(answer.headers)
    del others["content-range"]
    varying = {"content-length", "date"}
    assert {n: v for n, v in others.items() if n not in varying} == {
        n: v for n, v in complete.headers.items() if n not in varying
    }


@pytest.mark.parametrize(
    "value",
    [
        "bytes=",
        "bytes=,",
        "bytes=abc",
        "bytes=5-2",
        "bytes=10-9",
        "bytes=-",
        "bytes=--1",
        "bytes=+1-5",
        "bytes=1_0-2_0",
        "bytes=٣-٤",
        "bytes=1-2-3",
        "bytes=1-2;3-4",
        "bytes=0x1-5",
        "bytes=1 - 2",
        "bytes 0-1",
        "0-1",
        "bytes=0-1,x",
        "bytes=-0",
        "bytes=6128-",
        "bytes=6128-6129,-0",
        "bytes=" + "9" * 5000 + "-",
        "bytes=" + ",".join(f"{place}-{place}" for place in range(0, 34, 2)),
        "bytes=" + ",".join(["0-1"] * 101),
    ],
)
def test_no_range(address: Address, value: str) -> None:
    """416 says the length, and a range made of it is served."""
    answer = ask(address, TARGET, headers={"Range": value.encode().decode("latin-1")})
    assert answer.status == 416
    assert answer.headers["content-range"] == f"bytes */{LENGTH}"
    assert problem(answer)["reason"] == "range_not_satisfiable"
    assert ranged(address, f"bytes=0-{LENGTH - 1}").status == 206


@pytest.mark.parametrize("value", ["items=0-9", "bits=a", "none=", "x-bytes=5-2"])
def test_an_unknown_unit_is_ignored(address: Address, whole: bytes, value: str) -> None:
    """RFC 9110, section 14.2: a MUST."""
    answer = ranged(address, value)
    assert (answer.status, answer.body) == (200, whole)


def test_several_ranges_are_parts(address: Address, whole: bytes) -> None:
    """In the order of the request; each with its place; the length counts all of it."""
    answer = ranged(address, "bytes=200-299, 0-9,-4")
    assert answer.status == 206
    assert "content-range" not in answer.headers
    assert re.fullmatch(r"multipart/byteranges; boundary=\w+", answer.headers["content-type"])
    assert len(answer.body) == int(answer.headers["content-length"])
    assert parts_of(answer) == [
        (f"bytes 200-299/{LENGTH}", whole[200:300]),
        (f"bytes 0-9/{LENGTH}", whole[:10]),
        (f"bytes {LENGTH - 4}-{LENGTH - 1}/{LENGTH}", whole[-4:]),
    ]
    assert answer.body == ranged(address, "bytes=200-299, 0-9,-4").body
    sixteen = "bytes=" + ",".join(f"{place}-{place}" for place in range(0, 32, 2))
    assert len(parts_of(ranged(address, sixteen))) == 16


def test_head_ignores_ranges(address: Address) -> None:
    """GET is the only method with ranges (RFC 9110, section 14.2)."""
    answer = ask(address, TARGET, "HEAD", {"Range": "bytes=0-9"})
    assert (answer.status, answer.headers["content-length"]) == (200, str(LENGTH))
    assert "content-range" not in answer.headers
    assert ask(address, TARGET, "HEAD", {"Range": "bytes=99999-"}).status == 200


def test_if_range_needs_the_strong_tag(address: Address, whole: bytes) -> None:
    """Strong comparison, of one tag (RFC 9110, section 13.1.5); else the whole."""
    tag = ask(address, TARGET, "HEAD").headers["etag"]
    assert ranged(address, "bytes=1-2", If_Range=tag).body == whole[1:3]
    others = (f"W/{tag}", '"other"', "Wed, 21 Oct 2026 07:28:00 GMT", "*", f"{tag}, {tag}", "")
    for other in others:
        answer = ranged(address, "bytes=1-2", If_Range=other)
        assert (answer.status, answer.body) == (200, whole), other
    assert ranged(address, "bytes=9999-", If_Range='"other"').status == 200


def test_conditions_come_before_ranges(address: Address) -> None:
    """If-Match, If-None-Match, If-Range: RFC 9110, section 13.2.2."""
    tag = ask(address, TARGET, "HEAD").headers["etag"]
    assert ranged(address, "bytes=1-2", If_None_Match=tag).status == 304
    assert ranged(address, "bytes=99999-", If_None_Match=tag).status == 304
    assert ranged(address, "bytes=1-2", If_Match='"other"').status == 412
    assert ranged(address, "bytes=1-2", If_Match=tag, If_None_Match='"other"').status == 206
    later = "Wed, 21 Oct 2076 07:28:00 GMT"
    assert ranged(address, "bytes=1-2", If_Modified_Since=later).status == 206
    assert ranged(address, "bytes=1-2", If_Unmodified_Since="x").status == 206


def test_a_drawn_seed_has_no_ranges(address: Address) -> None:
    """Two requests would be two tensors. The canonical URL in the answer has ranges."""
    target = TARGET.replace("&seed=7", "")
    answer = ask(address, target, headers={"Range": "bytes=0-9"})
    assert (answer.status, len(answer.body)) == (200, LENGTH)
    assert answer.headers["accept-ranges"] == "none"
    resumed = ask(address, answer.headers["content-location"], headers={"Range": "bytes=100-"})
    assert (resumed.status, resumed.body) == (206, answer.body[100:])


def test_other_spellings_have_ranges(address: Address, whole: bytes) -> None:
    """With the tag and the name of the canonical URL."""
    answer = ask(address, TARGET.replace("50,30", "50%2C30"), headers={"Range": "bytes=2-7"})
    assert (answer.status, answer.body) == (206, whole[2:8])
    assert answer.headers["content-location"] == TARGET


def test_nothing_has_no_ranges(address: Address) -> None:
    """Without bytes every first position is past the end, and every suffix is the whole."""
    target = "/v1/weights.raw?shape=0,3&scheme=he_normal&seed=7&name=w"
    assert ask(address, target, headers={"Range": "bytes=0-"}).status == 416
    assert ask(address, target, headers={"Range": "bytes=0-"}).headers["content-range"] == (
        "bytes */0"
    )
    suffix = ask(address, target, headers={"Range": "bytes=-5"})
    assert (suffix.status, suffix.body) == (200, b"")


def test_the_openapi_document_says_so(address: Address) -> None:
    """GET has the headers and the answers; HEAD and the certificate do not."""
    document = json.loads(ask(address, "/openapi.json").body)
    get, head = (document["paths"]["/v1/weights.npy"][method] for method in ("get", "head"))
    assert {"206", "416"} <= get["responses"].keys()
    assert not {"206", "416"} & head["responses"].keys()
    assert "206" not in document["paths"]["/v1/weights.json"]["get"]["responses"]
    assert {"$ref": "#/components/parameters/Range"} in get["parameters"]
    assert "multipart/byteranges" in get["responses"]["206"]["content"]
