"""`fetch` gets the right bytes or says in one line why not, whatever is between it and a server."""

import fcntl
import json
import os
import random
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from service.cli import connections
from service.cli.fetching import PART_BYTES, fetch
from tests.application import ready
from tests.fronts import TAG, Front, serving
from tests.process import ROOT, run, started
from tests.server import Address, until

CONTENT = random.Random(1).randbytes(3 * PART_BYTES + 12345)
"""Four parts, of which the last is short."""

TENSOR = "/v1/weights.npy?shape=2000,1100&scheme=he_normal&seed=7&name=w"
SECONDS = 60


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def part(target: Path) -> Path:
    return target.with_name(target.name + ".fanin-part")


def state(target: Path) -> Path:
    return target.with_name(target.name + ".fanin-part.json")


def complete(target: Path) -> int:
    """How many bytes the list says are complete."""
    if not state(target).exists():
        return 0
    intervals = json.loads(state(target).read_text())["complete"]
    return sum(stop - start for start, stop in intervals)


def fetched(front: Front, target: Path, *options: str) -> int:
    with serving(front) as url:
        return fetch([url, "-o", str(target), *options])


def test_a_tensor_of_a_real_server(
    address: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bytes of `weights`, nothing said, nothing left beside the file."""
    theirs, ours = tmp_path / "theirs.npy", tmp_path / "ours.npy"
    words = ["--shape", "2000,1100", "--scheme", "he_normal", "--seed", "7", "--name", "w"]
    assert run("weights", *words, "-o", str(ours)).returncode == 0
    layer = "&layer=dense"
    assert fetch([address.url + TENSOR + layer, "-o", str(theirs)]) == 0
    assert theirs.read_bytes() == ours.read_bytes()
    assert capsys.readouterr() == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours.npy", "theirs.npy"]


@pytest.mark.parametrize("rows", ["0,3", "1,1"])
def test_the_smallest_tensors(address: Address, tmp_path: Path, rows: str) -> None:
    """No bytes at all, and four."""
    url = f"{address.url}/v1/weights.raw?shape={rows}&scheme=ones"
    assert fetch([url, "-o", str(tmp_path / "w.raw")]) == 0
    assert (tmp_path / "w.raw").stat().st_size == (0 if rows == "0,3" else 4)


@pytest.mark.parametrize("size", [10, 6000])
def test_any_path_may_be_fetched(tmp_path: Path, size: int) -> None:
    """Whatever has a strong ETag and ranges, under a path as long as that of a model's token."""
    front = Front(CONTENT, target=f"/v1/models/{'Ab-_' * (size // 4)}/model-00001.safetensors")
    front.always = "cut"
    assert fetched(front, tmp_path / "w", "--retries", "0") == 1
    front.always = ""
    assert fetched(front, tmp_path / "w") == 0
    assert (tmp_path / "w").read_bytes() == CONTENT


@pytest.mark.parametrize("count", [1, 3, 64])
def test_each_byte_is_asked_for_once(tmp_path: Path, count: int) -> None:
    front = Front(CONTENT)
    assert fetched(front, tmp_path / "w", "--connections", str(count)) == 0
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert sorted(front.asked) == [
        (start, min(start + PART_BYTES, len(CONTENT)))
        for start in range(0, len(CONTENT), PART_BYTES)
    ]
    assert {each["Want-Content-Digest"] for each in front.wanted} == {"sha-256=10"}


def test_no_range_has_a_condition(tmp_path: Path) -> None:
    """deploy/nginx.conf sends a request with a condition past its cache."""
    front = Front(CONTENT)
    assert fetched(front, tmp_path / "w") == 0
    names = {name.lower() for each in front.wanted for name in each}
    assert "range" in names
    assert not [name for name in names if name.startswith("if-")]


def test_a_tensor_that_changes_between_two_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No byte of the other tensor gets into the file, and the next run begins anew."""
    front = Front(CONTENT, faults=["", "other_tag"])
    assert fetched(front, tmp_path / "w", "--connections", "1") == 1
    assert f'ETag is "another", not {TAG}' in capsys.readouterr().err
    assert complete(tmp_path / "w") == PART_BYTES
    other = random.Random(2).randbytes(len(CONTENT))
    assert fetched(Front(other, tag='"another"'), tmp_path / "w") == 0
    assert (tmp_path / "w").read_bytes() == other


def test_a_long_tag_is_shortened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both the tag that was expected and another one."""
    front = Front(CONTENT, tag=f'"{"a" * 60_000}"', always="weak_tag")
    assert fetched(front, tmp_path / "w") == 1
    said = capsys.readouterr().err
    assert said.startswith("a wrong answer to a range: ETag is W/")
    assert said.count("a" * 200) == 2
    assert len(said) < 1000


def test_a_warning_cannot_fill_or_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    front = Front(CONTENT, more={"Weights-Warnings": "\x1b[31m" + "a" * 60_000})
    assert fetched(front, tmp_path / "w") == 0
    said = capsys.readouterr().err
    assert said.startswith("the server warns: ?[31maaa")
    assert len(said) < 1000


def test_parts_are_requested_at_the_same_time(tmp_path: Path) -> None:
    """Four answers of 0.5 s each take less than 2 s; with one connection they do not."""
    began = time.monotonic()
    assert fetched(Front(CONTENT, seconds=0.5), tmp_path / "w") == 0
    assert time.monotonic() - began < 1.5
    began = time.monotonic()
    assert fetched(Front(CONTENT, seconds=0.5), tmp_path / "w", "--connections", "1") == 0
    assert time.monotonic() - began >= 2


@pytest.mark.parametrize("fault", ["cut", "silent", "busy", "limited", "no_http"])
def test_what_may_pass_is_repeated(tmp_path: Path, fault: str) -> None:
    """Two faults, and the bytes are right all the same. The first retry follows at once."""
    front = Front(CONTENT, faults=[fault, fault])
    assert fetched(front, tmp_path / "w") == 0
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert len(front.asked) == 6


def test_retry_after_is_waited_for(tmp_path: Path) -> None:
    front = Front(CONTENT[:100], faults=["busy"])
    assert fetched(front, tmp_path / "w") == 0
    first, second = front.times
    assert 1 <= second - first < 3


def test_a_wrong_digest_is_noticed(tmp_path: Path) -> None:
    """One bit differs; the part is fetched again. Negative control: without digests it stays."""
    front = Front(CONTENT, faults=["", "flipped"], digests=True)
    assert fetched(front, tmp_path / "w") == 0
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert len(front.asked) == 5
    assert fetched(Front(CONTENT, faults=["", "flipped"]), tmp_path / "w") == 0
    assert (tmp_path / "w").read_bytes() != CONTENT


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("cut", "given up after 2 retries: {server}: IncompleteRead"),
        (
            "silent",
            "given up after 2 retries: {server}: Remote end closed connection without response",
        ),
        ("busy", "given up after 2 retries: {server}: status 503 Service Unavailable"),
        ("other_tag", 'a wrong answer to a range: ETag is "another", not'),
        ("weak_tag", f"a wrong answer to a range: ETag is W/{TAG}, not"),
        ("other_place", "a wrong answer to a range: Content-Range is bytes 1-"),
        ("other_length", "a wrong answer to a range: Content-Length is"),
        ("encoded", "a wrong answer to a range: Content-Encoding is gzip, not None"),
        ("whole", "a range was answered with the whole tensor (status 200)"),
        ("endless", "a wrong answer to a range: Content-Length is None, not"),
        ("missing", "a range was answered with status 404 Not Found"),
    ],
)
def test_what_stays_wrong_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str, said: str
) -> None:
    """Status 1, soon, and the old file keeps its bytes. A retry with a wait has a line before."""
    target = tmp_path / "w"
    target.write_bytes(b"old")
    began = time.monotonic()
    front = Front(CONTENT, always=fault)
    with serving(front) as url:
        assert fetch([url, "-o", str(target), "--retries", "2", "--connections", "1"]) == 1
    server = url.split("/")[2]
    assert time.monotonic() - began < 20
    *before, line = capsys.readouterr().err.splitlines()
    assert len(before) == said.startswith("given up")
    assert all(each.startswith(f"{server}: ") for each in before)
    assert all(each.endswith("; trying again") for each in before)
    assert line.startswith(said.replace("{server}", server))
    assert line.endswith("what has arrived is kept, and the same command continues")
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("fault", ["drip", "drip_head", "continues", "hints"])
def test_a_part_that_makes_no_progress_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Something arrives all the time, so no single read takes long."""
    monkeypatch.setattr(connections, "SECONDS", 0.5)
    front = Front(CONTENT, faults=[fault])
    began = time.monotonic()
    assert fetched(front, tmp_path / "w") == 0
    assert 0.5 <= time.monotonic() - began < 10
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert len(front.asked) == 5


@pytest.mark.parametrize("fault", ["drip_head", "continues", "hints"])
def test_an_answer_to_head_that_never_ends(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    monkeypatch.setattr(connections, "SECONDS", 0.5)
    with serving(Front(CONTENT, head_fault=fault)) as url:
        assert fetch([url, "-o", str(tmp_path / "w"), "--retries", "1"]) == 1
    server = url.split("/")[2]
    assert capsys.readouterr().err == f"given up after 1 retry: {server} answers too slowly\n"


def test_a_problem_that_never_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status alone is told."""
    monkeypatch.setattr(connections, "SECONDS", 0.5)
    front = Front(CONTENT, head_status=404, always="drip_problem")
    assert fetched(front, tmp_path / "w") == 2
    assert capsys.readouterr().err == "status 404 Not Found\n"
    assert len(front.asked) == 1


def test_slow_parts_that_make_progress_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part takes 4 s, eight times as long as it may take without progress."""
    monkeypatch.setattr(connections, "SECONDS", 0.5)
    front = Front(CONTENT, always="steady")
    began = time.monotonic()
    assert fetched(front, tmp_path / "w") == 0
    assert time.monotonic() - began > 4
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert len(front.asked) == 4


def test_a_minute_without_progress_is_too_long() -> None:
    """docs/splitting.md says the same: 64 KiB in 60 s."""
    assert (connections.SECONDS, connections.LEAST_BYTES) == (60, 2**16)
    assert "64 KiB in 60 s" in (ROOT / "docs" / "splitting.md").read_text()


def test_a_failure_ends_the_other_threads(tmp_path: Path) -> None:
    """Two threads are told to come back in 30 s, and the third gets a wrong answer."""
    front = Front(CONTENT, faults=["later", "later", "missing"], seconds=0.2)
    began = time.monotonic()
    assert fetched(front, tmp_path / "w", "--connections", "3") == 1
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"ETag": ""}, "the answer has no strong ETag but ''"),
        ({"ETag": f"W/{TAG}"}, "the answer has no strong ETag but"),
        ({"Accept-Ranges": "none"}, "the server offers no ranges"),
        ({"Content-Length": "1" * 30}, "the answer has no Content-Length"),
        ({"ETag": "", "Content-Location": "/v1/x?seed=5"}, "each request for a URL without a seed"),
    ],
)
def test_what_cannot_be_fetched_in_parts_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict[str, str], said: str
) -> None:
    front = Front(CONTENT, more=more)
    assert fetched(front, tmp_path / "w") == 2
    assert capsys.readouterr().err.startswith(said)
    assert (front.asked, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    "target",
    [
        "/v1/weights.json?shape=3,3&scheme=he_normal&seed=1",
        "/v1/weights.json?shape=3,3&scheme=he_normal",
        "/schemes",
        "/recommend?shape=3,3",
    ],
)
def test_a_url_without_ranges_is_refused(
    address: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    """Before any file is created."""
    assert fetch([address.url + target, "-o", str(tmp_path / "w")]) == 2
    said = "this URL has no ranges; fetch takes .npy, .safetensors and .raw\n"
    assert capsys.readouterr().err == said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "offered", "status"),
    [
        ("/v1/weights.npy?seed=1", "", 0),
        ("/elsewhere?name=w.npy", "bytes", 0),
        ("/elsewhere?name=w.npy", "", 2),
    ],
)
def test_a_front_may_drop_accept_ranges(
    tmp_path: Path, target: str, offered: str, status: int
) -> None:
    """Then the end of the path decides, and not that of the query."""
    front = Front(CONTENT, target=target, more={"Accept-Ranges": offered})
    assert fetched(front, tmp_path / "w") == status


def test_a_person_sees_progress_and_the_end(tmp_path: Path) -> None:
    """On a terminal only. The retry is announced on a line of its own, above the bar."""
    watcher, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    with serving(Front(CONTENT, faults=["", "busy", "busy"])) as url:
        command = [sys.executable, "-m", "service", "fetch", url, "-o", str(tmp_path / "w")]
        subprocess.run([*command, "--connections", "1"], cwd=ROOT, stderr=terminal, check=True)
    shown = os.read(watcher, 65536).decode()
    os.close(terminal)
    os.close(watcher)
    assert "100%" in shown
    assert re.search(r"\r127\.0\.0\.1:[0-9]+: status 503 [^\r\n]*; trying again\r\n", shown)
    end = rf"{tmp_path}/w is complete: {len(CONTENT)} bytes were fetched in [0-9]+\.[0-9] s\r\n"
    assert re.search(rf"{end}\Z", shown)


def test_a_complete_file_is_replaced_as_help_says(tmp_path: Path) -> None:
    """A complete file is downloaded again."""
    front = Front(CONTENT)
    (tmp_path / "w").write_bytes(CONTENT)
    assert fetched(front, tmp_path / "w") == 0
    assert front.asked_bytes == len(CONTENT)
    said = " ".join(run("fetch", "--help").stdout.decode().split())
    assert "replaced when all bytes are written, also if it is complete already" in said
    assert "On a terminal, standard error shows the progress" in said


def test_a_url_without_a_seed_gets_one_with_a_seed(
    address: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hint is a whole URL, which works."""
    words = ["-o", str(tmp_path / "w.npy")]
    assert fetch([f"{address.url}/v1/weights.npy?shape=3,3&name=w", *words]) == 2
    said = capsys.readouterr().err
    hint = said.split()[-1]
    assert hint.startswith(f"{address.url}/v1/weights.npy?shape=3,3&")
    assert "&seed=" in hint
    assert fetch([hint, *words]) == 0


@pytest.mark.parametrize("retries", ["0", "8"])
def test_a_refusal_is_told_as_the_server_tells_it(
    address: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str], retries: str
) -> None:
    """HEAD has no body, so a GET asks why. That GET is no retry."""
    url = f"{address.url}/v1/weights.npy?shape=3,3&scheme=he_norml&seed=1"
    assert fetch([url, "-o", str(tmp_path / "w.npy"), "--retries", retries]) == 2
    assert capsys.readouterr().err.startswith(
        "scheme: 'he_norml' is not known (the nearest are he_"
    )


@pytest.mark.parametrize("head_fault", ["", "with_body", "hinted"])
def test_a_refusal_needs_no_retry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], head_fault: str
) -> None:
    """Whatever else the server sends in answer to HEAD."""
    front = Front(CONTENT, head_status=404, head_fault=head_fault, always="problem")
    assert fetched(front, tmp_path / "w", "--retries", "0") == 2
    assert capsys.readouterr().err == "seed: is odd (try 2)\n"


@pytest.mark.parametrize("head_fault", ["with_body", "hinted"])
def test_more_than_one_answer_to_head(tmp_path: Path, head_fault: str) -> None:
    """A body, or interim answers. Neither is taken for the answer to a later request."""
    front = Front(CONTENT, head_fault=head_fault)
    assert fetched(front, tmp_path / "w", "--retries", "0") == 0
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_interim_answers_before_a_part_are_skipped(tmp_path: Path) -> None:
    """RFC 9110, section 15.2: a client must be able to read them."""
    front = Front(CONTENT, always="after_interim")
    assert fetched(front, tmp_path / "w", "--retries", "0") == 0
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_redirect_without_a_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetched(Front(CONTENT, head_status=304), tmp_path / "w") == 2
    assert capsys.readouterr().err == "status 304 Not Modified\n"


def test_a_redirect_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    front = Front(CONTENT, head_status=301, more={"Location": "https://elsewhere.test/w"})
    assert fetched(front, tmp_path / "w") == 2
    said = "status 301 Moved Permanently; the tensor is at https://elsewhere.test/w\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    "words",
    [
        ["http://127.0.0.1:1/w", "-o", "-"],
        ["http://127.0.0.1:1/w", "-o", "/dev/null"],
        ["http://127.0.0.1:1/w", "-o", "/"],
        ["http://127.0.0.1:1/w", "-o", "w", "-o", "v"],
        ["http://127.0.0.1:1/w", "-o", "w", "--connections", "0"],
        ["http://127.0.0.1:1/w", "-o", "w", "--retries", "1_0"],
        ["127.0.0.1:1/w", "-o", "w"],
        ["ftp://127.0.0.1/w", "-o", "w"],
        ["http://[::1/w", "-o", "w"],
        ["http://127.0.0.1:1/w"],
        ["-o", "w"],
    ],
)
def test_wrong_arguments_are_one_line(words: list[str]) -> None:
    """Status 2, before anything is asked for."""
    done = run("fetch", *words)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)


def test_no_server_is_one_line(tmp_path: Path) -> None:
    done = run("fetch", "http://127.0.0.1:1/w", "-o", str(tmp_path / "w"), "--retries", "1")
    said = b"given up after 1 retry: 127.0.0.1:1 refuses connections\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize(
    ("url", "server"), [("http://127.0.0.1:1/w", "127.0.0.1:1"), ("http://[::1]:1/w", "[::1]:1")]
)
def test_retries_are_announced_once(tmp_path: Path, url: str, server: str) -> None:
    """Three retries, two of them after a wait, and one line."""
    done = run("fetch", url, "-o", str(tmp_path / "w"), "--retries", "3")
    if b"refuses" not in done.stderr and server.startswith("["):
        pytest.skip("this system has no IPv6")
    assert done.stderr.decode().splitlines() == [
        f"{server} refuses connections; trying again",
        f"given up after 3 retries: {server} refuses connections",
    ]


def test_several_threads_announce_retries_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of four threads is told twice to come back. The download succeeds."""
    front = Front(CONTENT, faults=["busy"] * 8)
    with serving(front) as url:
        assert fetch([url, "-o", str(tmp_path / "w")]) == 0
    said = f"{url.split('/')[2]}: status 503 Service Unavailable; trying again\n"
    assert capsys.readouterr().err == said


def test_https_to_a_server_of_http(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Front(CONTENT)) as url:
        assert fetch([url.replace("http:", "https:"), "-o", str(tmp_path / "w")]) == 2
    assert capsys.readouterr().err == "the server speaks http, not https\n"
    assert list(tmp_path.iterdir()) == []


def test_a_killed_fetch_continues_at_another_server(tmp_path: Path) -> None:
    """kill -9 in the middle. Both servers together are asked for little more than the tensor.

    The second server is another one with the same tensor. Only what was on its way is asked for
    twice: at most a part for each connection, and one that had arrived and was not noted yet.
    """
    content = random.Random(2).randbytes(16 * PART_BYTES)
    target = tmp_path / "w"
    one, two = Front(content, seconds=0.2), Front(content)
    with serving(one) as url, started("fetch", url, "-o", str(target)) as process:
        assert until(lambda: complete(target) >= 5 * PART_BYTES, SECONDS)
        process.kill()
        process.communicate()
    kept = complete(target)
    assert 5 * PART_BYTES <= kept < len(content)
    assert not target.exists()
    with serving(two) as url:
        done = run("fetch", url, "-o", str(target))
    assert (done.returncode, target.read_bytes() == content) == (0, True)
    assert done.stderr.decode() == f"continuing: {kept} of {len(content)} bytes are here\n"
    assert two.asked_bytes == len(content) - kept
    assert one.asked_bytes + two.asked_bytes <= len(content) + 5 * PART_BYTES
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_says_that_it_can_continue(tmp_path: Path, number: signal.Signals) -> None:
    target = tmp_path / "w"
    front = Front(CONTENT, faults=[""], always="right", seconds=0.5)
    with (
        serving(front) as url,
        started("fetch", url, "-o", str(target), "--connections", "1") as process,
    ):
        assert until(lambda: complete(target) > 0, SECONDS)
        process.send_signal(number)
        _, said = process.communicate(timeout=SECONDS)
    advice = b"stopped; what has arrived is kept, and the same command continues\n"
    assert (process.returncode, said) == (128 + number, advice)
    kept = complete(target)
    front = Front(CONTENT)
    assert fetched(front, target) == 0
    assert front.asked_bytes == len(CONTENT) - kept
    assert target.read_bytes() == CONTENT


def interrupted(target: Path, front: Front) -> None:
    """A fetch that has two of its parts."""
    front.faults, front.always = ["", ""], "missing"
    assert fetched(front, target, "--connections", "1") == 1
    assert complete(target) == 2 * PART_BYTES


def test_another_tensor_begins_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of the first tensor is left, and a line says so."""
    target, other = tmp_path / "w", random.Random(3).randbytes(len(CONTENT))
    interrupted(target, Front(CONTENT))
    capsys.readouterr()
    front = Front(other, tag='"other"')
    assert fetched(front, target) == 0
    assert target.read_bytes() == other
    assert front.asked_bytes == len(other)
    said = "the unfinished download is of another tensor; it is discarded\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"complete": [[0, 99]]}', "null", '{"complete": 5}']
)
def test_a_list_that_cannot_be_read_counts_for_nothing(tmp_path: Path, text: str) -> None:
    interrupted(tmp_path / "w", Front(CONTENT))
    state(tmp_path / "w").write_text(text)
    front = Front(CONTENT)
    assert fetched(front, tmp_path / "w") == 0
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert front.asked_bytes == len(CONTENT)


@pytest.mark.parametrize(
    "intervals", [[[0, 10**9]], [[-5, 10]], [[10, 5]], [[0, 10], [5, 20]], [[20, 30], [0, 10]]]
)
def test_a_list_that_cannot_be_right_counts_for_nothing(
    tmp_path: Path, intervals: list[list[int]]
) -> None:
    interrupted(tmp_path / "w", Front(CONTENT))
    written = json.loads(state(tmp_path / "w").read_text()) | {"complete": intervals}
    state(tmp_path / "w").write_text(json.dumps(written))
    front = Front(CONTENT)
    assert fetched(front, tmp_path / "w") == 0
    assert front.asked_bytes == len(CONTENT)


def test_a_list_without_its_bytes_counts_for_nothing(tmp_path: Path) -> None:
    """The list is there, the bytes were removed."""
    interrupted(tmp_path / "w", Front(CONTENT))
    part(tmp_path / "w").unlink()
    assert fetched(Front(CONTENT), tmp_path / "w") == 0
    assert (tmp_path / "w").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder"])
@pytest.mark.parametrize(
    "name", ["w", "w.fanin-part", "w.fanin-part.json", "w.fanin-part.json.new"]
)
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, name: str, kind: str) -> None:
    """To open a pipe waits for its other end. Each file that a download uses is looked at first."""
    path = tmp_path / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as bound, chdir(tmp_path):
            bound.bind(name)
    front = Front(CONTENT)
    with serving(front) as url, started("fetch", url, "-o", str(tmp_path / "w")) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said.decode()) == (2, f"{path} is not a regular file\n")
    assert (front.asked, list(tmp_path.iterdir())) == ([], [path])


def test_two_at_once_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While one process has the file, another says so in a line and changes nothing."""
    target = tmp_path / "w"
    interrupted(target, Front(CONTENT))
    before, front = part(target).read_bytes(), Front(CONTENT)
    capsys.readouterr()
    with part(target).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert fetched(front, target) == 1
    said = capsys.readouterr().err
    assert said == f"{target}: another process writes {part(target)}\n"
    assert front.asked == []
    assert part(target).read_bytes() == before
    assert fetched(front, target) == 0


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    """A symbolic link stays, too. The unfinished bytes of a private file are private."""
    target, link = tmp_path / "w", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(mode)
    link.symlink_to(target)
    front = Front(CONTENT, always="missing")
    assert fetched(front, link) == 1
    assert stat.S_IMODE(part(target).stat().st_mode) == 0o600
    assert fetched(Front(CONTENT), link) == 0
    assert link.is_symlink()
    assert target.read_bytes() == CONTENT
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    target = tmp_path / "w"
    with (
        serving(Front(CONTENT)) as url,
        started("fetch", url, "-o", str(target), before="ulimit -f 1000;") as process,
    ):
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert said.startswith(f"{target}: File too large".encode())
    assert said.count(b"\n") == 1


@pytest.mark.needs("mount")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_fills_up_keeps_what_is_there(tmp_path: Path) -> None:
    """Two parts have room. With more room the same command continues."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={2 * PART_BYTES + 2**20}"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a test mount a disk")
    try:
        with serving(Front(CONTENT)) as url:
            done = run("fetch", url, "-o", str(disk / "w"), "--connections", "1")
        assert done.returncode == 1
        assert done.stderr.startswith(f"{disk}/w: No space left on device; what has".encode())
        assert done.stderr.count(b"\n") == 1
        kept = complete(disk / "w")
        assert kept == 2 * PART_BYTES
        more = ["mount", "-o", "remount,size=100m", str(disk)]
        subprocess.run(more, capture_output=True, check=True)
        front = Front(CONTENT)
        assert fetched(front, disk / "w") == 0
        assert front.asked_bytes == len(CONTENT) - kept
        assert (disk / "w").read_bytes() == CONTENT
    finally:
        subprocess.run(["umount", str(disk)], capture_output=True, check=True)


@pytest.mark.needs("openssl")
def test_https(tmp_path: Path) -> None:
    """A certificate that is trusted, and one that is not: one line, without a retry."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    make += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    make += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(make, cwd=ROOT, capture_output=True, check=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    target = tmp_path / "w"
    with serving(Front(CONTENT), tls) as url:
        words = ["fetch", url, "-o", str(target)]
        trusted = run(*words, environment={"SSL_CERT_FILE": str(certificate)})
        refused = run(*words)
    assert (trusted.returncode, trusted.stderr) == (0, b"")
    assert target.read_bytes() == CONTENT
    assert refused.returncode == 1
    assert b"certificate verify failed" in refused.stderr
    assert refused.stderr.count(b"\n") == 1


def test_warnings_of_the_server_are_told(
    address: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{address.url}/v1/weights.npy?shape=3,3&scheme=he_normal&layer=dense&seed=1"
    assert fetch([url, "-o", str(tmp_path / "w.npy")]) == 0
    assert capsys.readouterr().err.startswith("the server warns: name_missing; ")


def test_a_list_that_is_too_deep_begins_anew(tmp_path: Path) -> None:
    """A list of complete parts that JSON cannot read is no list."""
    target = tmp_path / "w"
    interrupted(target, Front(CONTENT))
    target.with_name("w.fanin-part.json").write_text("[" * 200_000)
    assert fetched(Front(CONTENT), target) == 0
    assert target.read_bytes() == CONTENT
