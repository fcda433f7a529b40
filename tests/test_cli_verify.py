"""`verify` finds a wrong bit, a wrong tag and a wrong range, wherever it comes from."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.chunks import TensorBody
from service.cli.verifying import verify
from service.fields import parse_query
from service.plan import plan
from service.plan.tag import tensor_tag
from service.settings import MOST_BYTES
from tests.application import ready
from tests.fronts import Front, serving
from tests.process import run, started
from tests.server import Address

QUERY = "shape=120,90&scheme=he_normal&layer=dense&seed=7&name=w"
HEAD = 128
LENGTH = HEAD + 120 * 90 * 4
NO_SERVER = "http://127.0.0.1:1"
HEAD_DIFFERS = "the head differs: another shape, dtype or format"
NONE_AGREES = "no range of values agrees: probably another seed, name or scheme"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready(max_bytes=2**53) as address:
        yield address


def front_of(query: str, format_name: str = "npy") -> Front:
    """A front with the right bytes of a tensor."""
    planned = plan(parse_query(query.encode()), format_name, max_bytes=MOST_BYTES)
    content = b"".join(bytes(chunk) for chunk in TensorBody(planned).chunks())
    tag = tensor_tag(planned.url, planned.drafts)
    return Front(content, tag, f"/v1/weights.{format_name}?{query}")


def verified(front: Front, *options: str) -> int:
    with serving(front) as url:
        return verify([url, *options])


def flipped(content: bytes, place: int) -> bytes:
    """The bytes with one wrong bit in byte `place`."""
    changed = bytearray(content)
    changed[place] ^= 4
    return bytes(changed)


@pytest.mark.parametrize(
    "target",
    [
        f"npy?{QUERY}",
        f"safetensors?{QUERY}",
        f"raw?{QUERY}",
        f"safetensors?{QUERY}&dtype=bfloat16",
        f"npy?{QUERY}&order=F",
        f"npy?{QUERY}&slice=5:50,3:80",
        "npy?seed=7&name=w&layer=dense&scheme=orthogonal&shape=120,90&order=F",
        "raw?shape=0,3&scheme=ones",
        "raw?shape=1,1&scheme=ones",
        "npy?shape=1048576,1048576&scheme=normal&seed=7&name=w",
        "npy?shape=67108864,33554432&scheme=normal&seed=7&name=w",
    ],
)
def test_the_service_serves_what_is_computed_here(
    address: Address, capfd: pytest.CaptureFixture[str], target: str
) -> None:
    """Every format, also 4 TiB and 8 PiB; the report counts what was compared."""
    assert verify([f"{address.url}/v1/weights.{target}", "--ranges", "40", "--choice", "3"]) == 0
    said, complained = capfd.readouterr()
    count = 0 if "shape=0,3" in target else 40
    found = re.fullmatch(
        rf"{count} ranges, (\d+) of (\d+) bytes, agree(; the rest was not compared)? "
        r"\(--choice 3 chooses these ranges again\)\n",
        said,
    )
    assert found
    assert (int(found[1]) < int(found[2])) == (found[3] is not None)
    assert complained == ""


def test_what_is_always_compared() -> None:
    """First and last bytes, and ranges across the end of the head; some at odd places."""
    front = front_of(QUERY)
    assert verified(front, "--ranges", "1") == 0
    assert (0, 1) in front.asked
    assert any(stop == LENGTH for _, stop in front.asked)
    across = [(start, stop) for start, stop in front.asked if start < HEAD < stop]
    assert across
    assert any(start % 4 and stop % 4 for start, stop in front.asked)


def test_bytes_of_several_ranges_count_once(capfd: pytest.CaptureFixture[str]) -> None:
    """The five fixed ranges have 1 + 130 + 13 bytes; --ranges 2 compares them too."""
    assert verified(front_of(QUERY), "--ranges", "2") == 0
    said = f"5 ranges, 144 of {LENGTH} bytes, agree; the rest was not compared ("
    assert capfd.readouterr().out.startswith(said)
    front = front_of(QUERY)
    assert verified(front, "--ranges", "40") == 0
    covered = {place for start, stop in front.asked for place in range(start, stop)}
    assert len(covered) < front.asked_bytes
    assert f" {len(covered)} of {LENGTH} bytes" in capfd.readouterr().out


def test_help_tells_of_the_fixed_ranges() -> None:
    said = " ".join(run("verify", "--help").stdout.decode().split())
    assert "Up to five fixed ones" in said
    assert "also if COUNT is less" in said


def test_a_choice_can_be_repeated(capfd: pytest.CaptureFixture[str]) -> None:
    """The number that the report prints chooses the same ranges; without it they are others."""
    first, second, third = front_of(QUERY), front_of(QUERY), front_of(QUERY)
    assert verified(first) == 0
    (choice,) = re.findall(r"--choice (\d+)", capfd.readouterr().out)
    assert verified(second, "--choice", choice) == 0
    assert verified(third) == 0
    assert len(first.asked) == 16
    assert first.asked == second.asked != third.asked


def test_half_of_the_ranges_of_a_large_tensor_lie_across_a_seam() -> None:
    """Caches join their pieces at multiples of 1 MiB."""
    front = front_of("shape=4000,2000&scheme=zeros&layer=dense", "raw")
    assert verified(front, "--ranges", "100", "--choice", "1") == 0
    across = [start // 2**20 != (stop - 1) // 2**20 for start, stop in front.asked]
    assert 30 <= sum(across) <= 70


@pytest.mark.parametrize("place", [0, 60, HEAD - 1, HEAD, LENGTH - 1])
def test_one_wrong_bit_where_it_is_always_looked_for(
    capfd: pytest.CaptureFixture[str], place: int
) -> None:
    """A front that flips one bit is found, and the place is named. The right bytes pass."""
    front = front_of(QUERY)
    right = front.content[place]
    assert verified(front, "--ranges", "1") == 0
    front.content = flipped(front.content, place)
    capfd.readouterr()
    assert verified(front, "--ranges", "1") == 1
    line, *cause = capfd.readouterr().err.splitlines()
    assert re.match(r"\d of 5 ranges agree; the first difference is ", line)
    assert line.endswith(f"byte {place}: {right ^ 4:#04x}, not {right:#04x}")
    assert cause == ([HEAD_DIFFERS] if place < HEAD else [])


def test_one_wrong_bit_in_the_middle() -> None:
    """The chance that 64 ranges of 22 KiB on average all miss a byte of 43 KiB is below 1e-9."""
    front = front_of(QUERY)
    front.content = flipped(front.content, LENGTH // 2)
    assert verified(front, "--ranges", "64", "--choice", "1") == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("flipped", "byte "),
        ("other_tag", "in bytes 0-0: a wrong answer to a range: ETag is"),
        ("other_place", "in bytes 0-0: a wrong answer to a range: Content-Range is"),
        ("other_length", "in bytes 0-0: a wrong answer to a range: Content-Length is"),
        ("whole", "in bytes 0-0: a range was answered with the whole tensor"),
        ("encoded", "in bytes 0-0: a wrong answer to a range: Content-Encoding is"),
    ],
)
def test_wrong_answers_are_differences(
    capfd: pytest.CaptureFixture[str], fault: str, said: str
) -> None:
    """All ranges are asked for, and the first fault is told in one line.

    Where a bit of each range is wrong, the first one is in the head, and a second line says so.
    """
    front = front_of(QUERY)
    front.always = fault
    assert verified(front) == 1
    line, *cause = capfd.readouterr().err.splitlines()
    assert line.startswith(f"0 of 16 ranges agree; the first difference is {said}")
    assert cause == ([HEAD_DIFFERS] if fault == "flipped" else [])
    assert len(front.asked) == 16


def test_one_wrong_answer_among_right_ones(capfd: pytest.CaptureFixture[str]) -> None:
    front = front_of(QUERY)
    front.faults = ["", "", "other_tag"]
    assert verified(front) == 1
    assert capfd.readouterr().err.startswith("15 of 16 ranges agree; the first difference is in")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"ETag": '"stale"'}, 'the ETag is "stale", not "'),
        ({"ETag": '"' + "a" * 60_000 + '"'}, 'the ETag is "aaa'),
        ({"Content-Length": "5"}, f"5 bytes are served, not {LENGTH}"),
    ],
)
def test_wrong_headers_of_the_whole(
    capfd: pytest.CaptureFixture[str], more: dict[str, str], said: str
) -> None:
    front = front_of(QUERY)
    front.more = more
    assert verified(front) == 1
    line = capfd.readouterr().err
    assert line.startswith(said)
    assert len(line) < 1000


def test_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """All of it is compared, and no server is asked. A wrong bit anywhere is found."""
    file, url = tmp_path / "w.npy", f"{NO_SERVER}/v1/weights.npy?{QUERY}"
    content = front_of(QUERY).content
    file.write_bytes(content)
    assert verify([url, "--file", str(file)]) == 0
    assert capfd.readouterr().out == f"all {LENGTH} bytes agree\n"
    assert verify([url, "--file", str(file), "--ranges", "5", "--choice", "1"]) == 0
    assert capfd.readouterr().out.startswith(f"5 ranges, 144 of {LENGTH} bytes, agree; ")
    for place in (0, 1000, LENGTH - 1):
        file.write_bytes(flipped(content, place))
        assert verify([url, "--file", str(file)]) == 1
        line, *cause = capfd.readouterr().err.splitlines()
        assert f"the first difference is byte {place}: " in line
        assert cause == ([HEAD_DIFFERS] if place < HEAD else [])


def test_a_file_is_compared_with_a_path(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The value of Content-Location will do. Without a file there must be a server."""
    file, path = tmp_path / "w.npy", f"/v1/weights.npy?{QUERY}"
    file.write_bytes(front_of(QUERY).content)
    assert verify([path, "--file", str(file)]) == 0
    assert capfd.readouterr().out == f"all {LENGTH} bytes agree\n"
    assert verify([path.replace("seed=7", "seed=8"), "--file", str(file)]) == 1
    capfd.readouterr()
    assert verify([path]) == 2
    assert capfd.readouterr().err == f"{path} is not a URL of scheme http or https\n"


@pytest.mark.parametrize("options", [[], ["--ranges", "16", "--choice", "1"]])
@pytest.mark.parametrize(
    ("other", "cause"),
    [
        ("seed=8&name=w&scheme=he_normal&shape=120,90", NONE_AGREES),
        ("seed=7&name=v&scheme=he_normal&shape=120,90", NONE_AGREES),
        ("seed=7&name=w&scheme=glorot_uniform&shape=120,90", NONE_AGREES),
        ("seed=7&name=w&scheme=he_normal&shape=90,120", HEAD_DIFFERS),
        ("seed=7&name=w&scheme=he_normal&shape=120,45&dtype=float64", HEAD_DIFFERS),
    ],
)
def test_the_probable_cause_is_named(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    other: str,
    cause: str,
    options: list[str],
) -> None:
    """The file has another tensor of the same length, and all of it or parts are compared."""
    file = tmp_path / "w.npy"
    file.write_bytes(front_of(f"{other}&layer=dense").content)
    assert verify([f"/v1/weights.npy?{QUERY}", "--file", str(file), *options]) == 1
    assert capfd.readouterr().err.splitlines()[1:] == [cause]


def test_a_file_of_another_length(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file, url = tmp_path / "w.npy", f"{NO_SERVER}/v1/weights.npy?{QUERY}"
    file.write_bytes(bytes(LENGTH - 1))
    assert verify([url, "--file", str(file)]) == 1
    assert capfd.readouterr().err == f"{file} has {LENGTH - 1} bytes, not {LENGTH}\n"
    file.unlink()
    assert verify([url, "--file", str(file)]) == 1
    assert capfd.readouterr().err == f"{file}: No such file or directory\n"


@pytest.mark.parametrize("options", [[], ["--ranges", "3"]])
def test_a_pipe_is_no_file(tmp_path: Path, options: list[str]) -> None:
    """To open it would wait for a writer."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = [f"/v1/weights.npy?{QUERY}", "--file", str(pipe), *options]
    with started("verify", *words) as process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said.decode()) == (2, f"{pipe} is not a regular file\n")


@pytest.mark.parametrize(
    "words",
    [
        [f"{NO_SERVER}/v1/weights.npy?shape=3,3&name=w"],
        [f"{NO_SERVER}/v1/weights.npy?shape=3,3&scheme=he_norml&seed=1"],
        [f"{NO_SERVER}/v1/weights.json?{QUERY}"],
        [f"{NO_SERVER}/v1/weights?{QUERY}"],
        [f"{NO_SERVER}/elsewhere.npy?{QUERY}"],
        [f"ftp://127.0.0.1:1/v1/weights.npy?{QUERY}"],
        ["http://[::1/v1/weights.npy"],
        [f"{NO_SERVER}/v1/weights.npy?{QUERY}", "--ranges", "0"],
        [f"{NO_SERVER}/v1/weights.npy?{QUERY}", "--choice", "-1"],
        [],
    ],
)
def test_wrong_arguments_are_one_line(words: list[str]) -> None:
    done = run("verify", *words)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
