"""`fetch` and `verify` through nginx: what its cache has is used, and what it spoils is noticed."""

import re
from collections import Counter
from pathlib import Path

import pytest

from service.cli.fetching import fetch
from service.cli.verifying import verify
from tests.application import ask
from tests.front.fleet import Fleet
from tests.front.test_slices import HEADS, MIB, fresh
from tests.server import until


def test_a_second_fetch_computes_nothing(fleet: Fleet, tmp_path: Path) -> None:
    """The first one fills the cache. For the second one a replica answers HEAD alone."""
    target, first, second = fresh(9 * MIB), tmp_path / "first", tmp_path / "second"
    url = fleet.address.url + target
    before = fleet.sent()
    assert fetch([url, "-o", str(first)]) == 0
    assert 9 * MIB <= fleet.sent_at_last() - before < 9 * MIB + 10 * HEADS
    asked, before = Counter(fleet.requests()), fleet.sent()
    assert fetch([url, "-o", str(second)]) == 0
    assert fleet.sent_at_last() - before < HEADS
    assert Counter(fleet.requests()) - asked == {f"HEAD {target}".encode(): 1}
    whole = ask(fleet.gates[0].replica, target).body
    assert first.read_bytes() == second.read_bytes() == whole


def test_with_a_condition_nothing_is_stored(fleet: Fleet) -> None:
    """Negative control: with If-Match a replica computes the same range each time."""
    target = fresh(MIB)
    headers = {"Range": f"bytes=0-{MIB - 1}", "If-Match": "*"}
    for _ in range(2):
        before = fleet.sent()
        assert ask(fleet.address, target, headers=headers).status == 206
        assert fleet.sent_at_last() - before >= MIB


def stored(fleet: Fleet, target: str) -> list[Path]:
    """The files of nginx's cache with slices of this target. Each names its key near its start."""
    key = f"\nKEY: GET {target} bytes=".encode()
    files = [path for path in (fleet.front.folder / "cache").rglob("*") if path.is_file()]
    return [path for path in files if key in path.read_bytes()[:4096]]


def test_verify_agrees_and_then_finds_a_wrong_bit(
    fleet: Fleet, capfd: pytest.CaptureFixture[str]
) -> None:
    """It agrees while slices are made and when they are stored, and not with a spoiled one.

    All ranges lie in one slice, so all of them read the file that is spoiled. Its last byte is the
    last one of the tensor, which is always compared.
    """
    target = fresh(MIB - 4096)
    words = [fleet.address.url + target, "--choice", "5"]
    for _ in range(2):
        assert verify(words) == 0
        assert capfd.readouterr().out.startswith("16 ranges, ")

    def statuses() -> list[str]:
        lines = [line for line in fleet.front.log() if line["target"] == target]
        return [line["cache"] for line in lines if line["method"] == "GET"]

    assert until(lambda: len(statuses()) == 32)
    assert statuses() == ["MISS"] + 31 * ["HIT"]

    (file,) = stored(fleet, target)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert verify(words) == 1
    said = capfd.readouterr().err
    assert re.match(r"\d+ of 16 ranges agree; the first difference is ", said)
    assert f"byte {MIB - 4096 - 1}: " in said


def test_verify_agrees_across_slices(fleet: Fleet, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a tensor of several MiB in each format, while slices are made and when they are stored."""
    raw = fresh(5 * MIB)
    for ending in ("raw", "npy", "safetensors"):
        url = fleet.address.url + raw.replace(".raw", f".{ending}")
        for _ in range(2):
            assert verify([url, "--ranges", "40", "--choice", "6"]) == 0
            assert capfd.readouterr().out.startswith("40 ranges, ")


def test_a_changed_tag_is_noticed(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slice of another release is in the cache: HEAD comes from a replica and has another tag."""
    target = fresh(2 * MIB)
    url, file = fleet.address.url + target, tmp_path / "w"
    assert fetch([url, "-o", str(file)]) == 0
    tag = ask(fleet.address, target, "HEAD").headers["etag"].encode()
    other = b'"' + bytes(reversed(tag[1:-1])) + b'"'
    slices = stored(fleet, target)
    assert len(slices) == 2
    for path in slices:
        path.write_bytes(path.read_bytes().replace(tag, other))
    capsys.readouterr()
    assert fetch([url, "-o", str(tmp_path / "again")]) == 1
    said = capsys.readouterr().err
    assert f"ETag is {other.decode()}, not {tag.decode()}" in said
    assert not (tmp_path / "again").exists()
