"""Ranges through the slice cache, and what a replica computes for them."""

import itertools
import json
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.application import Answer, ask
from tests.front.fleet import Fleet
from tests.front.nginx import Edit, all_slices, replaced
from tests.server import Address, read, rest, until
from tests.server import ask as ask_only

MIB = 2**20
HEADS = 8 * 1024
"""What the heads of a few answers take."""

Edited = Callable[[Edit], Fleet]

_seeds = itertools.count(1)


def fresh(size: int, **fields: str) -> str:
    """The canonical URL of a tensor of `size` bytes that no test has asked for."""
    others = "".join(f"&{name}={value}" for name, value in fields.items())
    return f"/v1/weights.raw?shape={size // 4}&scheme=normal{others}&seed={next(_seeds)}&name=w"


def ranged(address: Address, target: str, text: str, **headers: str) -> Answer:
    """A GET with this Range."""
    return ask(address, target, headers={"Range": f"bytes={text}"} | headers)


def cache_status(answer: Answer) -> str | None:
    """What the front says of its cache; None if the request did not go there."""
    return answer.headers.get("cache-status")


def test_eight_bytes_of_200_mib_cost_one_slice_and_then_none(fleet: Fleet) -> None:
    """A replica computes at most 2 MiB, and nothing for a repeat."""
    target, first, last = fresh(200 * MIB), 150 * MIB + 5, 150 * MIB + 12
    before = fleet.sent()
    answer = ranged(fleet.address, target, f"{first}-{last}")
    assert (answer.status, len(answer.body)) == (206, 8)
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{200 * MIB}"
    assert cache_status(answer) == "front; fwd=miss"
    assert MIB <= fleet.sent_at_last() - before <= 2 * MIB
    assert answer.body == ranged(fleet.gates[0].replica, target, f"{first}-{last}").body

    before = fleet.sent()
    again = ranged(fleet.address, target, f"{first + 1000}-{first + 2000}")
    assert (again.status, cache_status(again)) == (206, "front; hit")
    assert fleet.sent_at_last() == before


def test_without_slices_the_whole_tensor_is_computed(edited: Edited) -> None:
    """Negative control: nginx asks for all bytes where its cache has no slices."""

    def whole(text: str) -> str:
        text = replaced(text, "slice 1m;", "")
        text = replaced(text, "proxy_set_header Range $range_to_ask;", "")
        return replaced(text, "proxy_no_cache $is_whole;", "")

    fleet = edited(lambda text: replaced(whole(text), ' $range_to_ask";', '";'))
    before = fleet.sent()
    assert len(ranged(fleet.address, fresh(200 * MIB), "8-15").body) == 8
    assert fleet.sent_at_last() - before > 200 * MIB


def test_head_computes_nothing(fleet: Fleet) -> None:
    """It has the headers of the whole, though it has a Range (RFC 9110, section 14.2)."""
    target = fresh(200 * MIB)
    before = fleet.sent()
    for headers in ({}, {"Range": "bytes=0-7"}):
        answer = ask(fleet.address, target, "HEAD", headers)
        assert (answer.status, answer.headers["content-length"]) == (200, str(200 * MIB))
    assert fleet.sent_at_last() - before < HEADS


def test_a_head_that_is_converted_computes_a_slice(edited: Edited) -> None:
    """Negative control: if everything goes to the slices, HEAD must not become GET."""

    def always(text: str) -> str:
        return replaced(all_slices(text), "if ($is_sliced) {", 'if ($request_method != "") {')

    def converted(text: str) -> str:
        return replaced(always(text), "proxy_cache_convert_head off;", "")

    for edit, least, most in ((always, 0, HEADS), (converted, MIB, 2 * MIB)):
        fleet = edited(edit)
        before = fleet.sent()
        assert ask(fleet.address, fresh(200 * MIB), "HEAD").status in (200, 206)
        assert least <= fleet.sent_at_last() - before <= most


def at_once(fleet: Fleet, target: str, count: int) -> int:
    """How many requests replicas get when so many clients ask for 8 bytes of one slice."""
    before = len(fleet.requests())
    for each in fleet.gates:
        each.delay = 0.3
    try:
        with ThreadPoolExecutor(count) as pool:
            answers = list(
                pool.map(lambda place: ranged(fleet.address, target, f"{place}-{place + 7}"),
                         range(0, 8 * count, 8))
            )  # fmt: skip
    finally:
        for each in fleet.gates:
            each.delay = 0.0
    whole = ranged(fleet.gates[0].replica, target, f"0-{8 * count - 1}").body
    assert b"".join(answer.body for answer in answers) == whole
    return len(fleet.requests()) - before


def test_64_misses_at_once_are_one_request(fleet: Fleet) -> None:
    """The others wait for the slice that the first one asks for."""
    assert at_once(fleet, fresh(MIB), 64) == 1


def test_without_a_lock_they_are_many(edited: Edited) -> None:
    """Negative control."""
    fleet = edited(lambda text: replaced(text, "proxy_cache_lock on;", ""))
    assert at_once(fleet, fresh(MIB), 16) > 1


def test_slices_of_an_orthogonal_tensor_fit_together(fleet: Fleet) -> None:
    """Four slices, from any replicas, each asked for twice at once."""
    seed = next(_seeds)
    target = f"/v1/weights.raw?shape=1024,1024&scheme=orthogonal&seed={seed}&name=w"
    places = [place * MIB for place in (0, 1, 2, 3, 3, 2, 1, 0)]
    with ThreadPoolExecutor(8) as pool:
        parts = list(
            pool.map(
                lambda place: ranged(fleet.address, target, f"{place}-{place + MIB - 1}").body,
                places,
            )
        )
    assert b"".join(parts[:4]) == ask(fleet.gates[0].replica, target).body
    assert parts[4:] == parts[3::-1]


def test_a_range_across_slices_is_joined(fleet: Fleet) -> None:
    """Also where the range is longer than the tensor, whose last slice is short."""
    target = fresh(4 * MIB + 100)
    whole = ask(fleet.gates[0].replica, target).body
    for first, last in ((MIB - 3, 3 * MIB + 2), (0, 5 * MIB), (4 * MIB - 1, 4 * MIB + 99)):
        answer = ranged(fleet.address, target, f"{first}-{last}")
        assert answer.body == whole[first : last + 1]
        assert (answer.status, cache_status(answer) is None) == (206, False)


FEW = 8 * MIB
"""What replicas may send for a client that has stopped reading: the buffers of nginx, one slice,
and the receive buffer of nginx's connection to a replica. Only the last one is left to Linux."""


def fixed_buffers(text: str) -> str:
    """The configuration with a small send buffer for clients, which Linux then does not enlarge."""
    return re.sub(r"listen ([0-9.:]+);", r"listen \1 sndbuf=64k;", text, count=1)


def stalled(fleet: Fleet, target: str, fields: str = "", seconds: float = 2.0) -> bool:
    """Whether replicas send more than `FEW` for a client that reads 64 KiB and then nothing.

    The client and the gates have small buffers, too.
    """
    before = fleet.sent()
    with ask_only(fleet.address, target, fields) as client:
        read(client, 64 * 1024)
        more = until(lambda: fleet.sent() - before > FEW, seconds)
        print(f"{(fleet.sent() - before) / MIB:.1f} MiB")
        return more


def test_a_client_that_does_not_read_holds_the_replica_back(edited: Edited) -> None:
    """Of a whole download, and of a range of 90 MiB through the cache."""
    fleet = edited(fixed_buffers)
    assert not stalled(fleet, fresh(200 * MIB))
    assert not stalled(fleet, fresh(200 * MIB), "Range: bytes=0-94371839\r\n")


def test_a_buffering_front_takes_everything(edited: Edited) -> None:
    """Negative control."""

    def buffering(text: str) -> str:
        of_tensors = "}\n            proxy_buffering off;"
        return replaced(fixed_buffers(text), of_tensors, "}")

    assert stalled(edited(buffering), fresh(200 * MIB), seconds=20.0)


@pytest.fixture(params=["0-9", "0-2097151", "5-", "-5", "0-1,5-6"])
def any_range(request: pytest.FixtureRequest) -> str:
    """A Range that is satisfiable."""
    text: str = request.param
    return text


def test_a_tensor_without_a_seed_stays_whole(fleet: Fleet, any_range: str) -> None:
    """Its ranges would be those of different tensors. The URL to resume it has the same bytes."""
    target = f"/v1/weights.raw?shape={3 * MIB // 4}&scheme=normal&name=w"
    answer = ranged(fleet.address, target, any_range)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert len(answer.body) == 3 * MIB
    assert cache_status(answer) is None
    assert answer.body == ask(fleet.address, answer.headers["content-location"]).body
    assert answer.body != ranged(fleet.address, target, any_range).body


def test_ranges_without_two_ends_cost_what_they_cover(fleet: Fleet) -> None:
    """A suffix, an open range and several ranges go to a replica as they are."""
    target, size = fresh(200 * MIB), 200 * MIB
    before = fleet.sent()
    suffix = ranged(fleet.address, target, "-8")
    opened = ranged(fleet.address, target, f"{size - 8}-")
    several = ranged(fleet.address, target, f"0-7,{100 * MIB}-{100 * MIB + 7}")
    assert fleet.sent_at_last() - before < HEADS
    assert (
        suffix.body == opened.body == ranged(fleet.address, target, f"{size - 8}-{size - 1}").body
    )
    assert {cache_status(suffix), cache_status(opened), cache_status(several)} == {None}
    assert suffix.headers["content-range"] == f"bytes {size - 8}-{size - 1}/{size}"


def test_several_ranges_have_the_right_parts(fleet: Fleet) -> None:
    """As a replica gives them."""
    target = fresh(3 * MIB)
    whole = ask(fleet.gates[0].replica, target).body
    answer = ranged(fleet.address, target, "5-9,2000000-2000003")
    assert answer.status == 206
    found = re.findall(rb"Content-Range: bytes (\d+)-(\d+)/\d+\r\n\r\n", answer.body)
    assert found == [(b"5", b"9"), (b"2000000", b"2000003")]
    assert whole[5:10] in answer.body
    assert whole[2000000:2000004] in answer.body
    assert answer.body == ranged(fleet.gates[1].replica, target, "5-9,2000000-2000003").body


CONDITIONS = ("If-Match", "If-None-Match", "If-Range")


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("current", [True, False])
def test_conditions_are_evaluated_by_the_replica(
    fleet: Fleet, condition: str, current: bool
) -> None:
    """The answer is that of a replica, also for a slice that is stored."""
    target = fresh(2 * MIB)
    tag = ranged(fleet.address, target, "0-7").headers["etag"] if current else '"other"'
    headers = {condition: tag}
    through = ranged(fleet.address, target, "0-7", **headers)
    direct = ranged(fleet.gates[0].replica, target, "0-7", **headers)
    assert (through.status, through.body) == (direct.status, direct.body)
    assert cache_status(through) is None


def raw_answer(fleet: Fleet, target: str, fields: str) -> tuple[int, list[str], bytes]:
    """The status, the other lines of the head in lower case, and the body, which may be cut."""
    with ask_only(fleet.address, target, f"{fields}Connection: close\r\n") as client:
        head, _, body = rest(client).partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").lower().split("\r\n")
    return int(status.split()[1]), lines, body


EMPTY_IF_RANGE = {
    "0-9": MIB,
    "5-999999": MIB,
    "5-1048576": 10 * MIB,
    "9437184-9437190": 10 * MIB,
    f"{150 * MIB}-{150 * MIB + 9}": 0,
}
"""What the front asks replicas for, at most, though it takes the range for the whole of 200 MiB."""


@pytest.mark.parametrize("text", EMPTY_IF_RANGE)
def test_an_empty_if_range_costs_few_slices(fleet: Fleet, text: str) -> None:
    """nginx cannot tell it from none before it reads slices. The answer is cut, and not wrong."""
    target, before = fresh(200 * MIB), fleet.sent()
    status, _, body = raw_answer(fleet, target, f"Range: bytes={text}\r\nIf-Range:\r\n")
    assert fleet.sent_at_last() - before <= EMPTY_IF_RANGE[text] + HEADS
    if status == 200:
        assert 0 < len(body) <= EMPTY_IF_RANGE[text]
        assert body == ranged(fleet.gates[0].replica, target, f"0-{len(body) - 1}").body
    else:
        assert (status, EMPTY_IF_RANGE[text]) == (416, 0)


def test_otherwise_an_empty_if_range_costs_the_whole(edited: Edited) -> None:
    """Negative control, of 40 MiB."""
    fleet = edited(all_slices)
    before = fleet.sent()
    status, _, body = raw_answer(fleet, fresh(40 * MIB), "Range: bytes=0-9\r\nIf-Range:\r\n")
    assert (status, len(body)) == (200, 40 * MIB)
    assert fleet.sent_at_last() - before > 40 * MIB


EMPTY = {
    "If-Match:": 412,
    "If-None-Match:": 206,
    "If-Modified-Since:": 206,
    "If-Unmodified-Since:": 412,
    "If_Range: x": 206,
    "if_range:": 206,
    "If-Range:\r\nIf-Range:": 400,
    "If-None-Match:\r\nIf-None-Match: *": 400,
    "Range:": 206,
    "Range: bytes=10-19": 206,
}
"""The status of a range with these lines before it and after it. If a front adds them to the first
one, it is that of a replica. An empty If-Unmodified-Since is ignored by replicas."""


@pytest.mark.parametrize("line", EMPTY)
def test_neighbours_of_an_empty_if_range(fleet: Fleet, line: str) -> None:
    """Empty conditions, underscores and lines that stand there twice make no whole of a range."""
    target, before = fresh(8 * MIB), fleet.sent()
    status, lines, body = raw_answer(fleet, target, f"Range: bytes=0-9\r\n{line}\r\n")
    assert fleet.sent_at_last() - before <= MIB + HEADS
    assert status == EMPTY[line]
    if status == 206:
        assert body == ranged(fleet.gates[0].replica, target, "0-9").body
    else:
        assert json.loads(body)["status"] == status
        assert [each for each in lines if each.startswith("cache-control:")] == [
            "cache-control: no-store"
        ]


@pytest.mark.parametrize("text", [f"{MIB + 100}-{MIB + 200}", "5-2"])
def test_a_refusal_of_nginx_is_not_stored(fleet: Fleet, text: str) -> None:
    """It has no validator of the tensor, though nginx has read the slice, new or stored.

    nginx cannot take the slice's Cache-Control away. A cache must obey `no-store` on either line.
    """
    target = fresh(MIB + 100)
    for _ in range(2):
        status, lines, _ = raw_answer(fleet, target, f"Range: bytes={text}\r\n")
        assert status == 416
        assert "cache-control: no-store" in lines
        assert not [each for each in lines if each.startswith(("etag:", "last-modified:"))]


def test_a_range_past_the_end_is_refused(fleet: Fleet) -> None:
    """By nginx in the last slice, and by a replica behind it. No cache may store the refusal."""
    target, size = fresh(MIB + 100), MIB + 100
    for first in (size, 3 * MIB):
        answer = ranged(fleet.address, target, f"{first}-{first + 7}")
        assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{size}")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert json.loads(answer.body)["status"] == 416


def test_another_client_gets_through_while_slices_are_made(fleet: Fleet) -> None:
    """The lock is for one slice, not for the tensor."""
    target = fresh(64 * MIB)
    with ThreadPoolExecutor(16) as pool:
        places = [place * 4 * MIB for place in range(16)]
        bodies = pool.map(
            lambda place: ranged(fleet.address, target, f"{place}-{place + 7}").body, places
        )
        assert len(set(bodies)) == 16


def test_the_clients_headers_are_not_logged(fleet: Fleet) -> None:
    """The access log tells bytes, time and what the cache did, and not who was authorized."""
    target = fresh(MIB)
    for _ in range(2):
        ranged(fleet.address, target, "0-7", Authorization="Bearer a-secret-token")
    ask(fleet.address, target, headers={"Authorization": "Bearer a-secret-token"})

    def lines_of_target() -> list[dict[str, str]]:
        return [line for line in fleet.front.log() if line["target"] == target]

    assert until(lambda: len(lines_of_target()) == 3)
    lines = lines_of_target()
    assert [line["cache"] for line in lines] == ["MISS", "HIT", ""]
    assert [line["status"] for line in lines] == ["206", "206", "200"]
    assert int(lines[0]["replica_bytes"]) > MIB
    assert int(lines[1]["bytes"]) < HEADS
    assert all(float(line["seconds"]) >= 0 for line in lines)
    assert "a-secret-token" not in fleet.front.access_log()


def test_a_repeat_on_a_kept_connection_is_answered(fleet: Fleet) -> None:
    """Slices and other answers follow one another on one connection."""
    target = fresh(2 * MIB)
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\n"
    with socket.create_connection((fleet.address.host, fleet.address.port), timeout=10) as client:
        for _ in range(3):
            client.sendall(f"{request}Range: bytes=0-7\r\n\r\n".encode())
            assert client.recv(65536).startswith(b"HTTP/1.1 206 ")
