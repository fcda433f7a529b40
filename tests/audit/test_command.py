"""The command `audit`: its table, JSON, page and exit status, and `--like` with a real server."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from service.cli.audit import audit_checkpoint
from tests.application import ask, ready
from tests.audit.drawing import cast, normal, uniform, written
from tests.audit.test_faults import Tensors, healthy
from tests.process import ROOT, run
from tests.server import Address

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def audited(
    capfd: pytest.CaptureFixture[str], *arguments: str, status: int = 0
) -> tuple[str, list[str]]:
    """Standard output and the lines of standard error."""
    assert audit_checkpoint(list(arguments)) == status
    said, complained = capfd.readouterr()
    return said, complained.splitlines()


def test_the_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A line for each tensor, in the order of the file, and the number of faults."""
    path = written(tmp_path, healthy())
    said, complained = audited(capfd, str(path))
    lines = said.splitlines()
    assert lines[0].split()[:4] == ["tensor", "shape", "fans", "std"]
    assert [line.split()[0] for line in lines[1:12]] == list(healthy())
    row = next(line for line in lines if line.startswith("conv1.weight"))
    assert "64x32x5x5" in row
    assert "800,1600" in row
    assert "torch.kaiming_normal" in row
    assert lines[-1] == "11 tensors, no faults"
    assert complained == []


def test_a_fault_ends_with_status_1(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """And its line says which."""
    tensors = healthy()
    tensors["fc.weight"][:] = 0
    said, _ = audited(capfd, str(written(tmp_path, tensors)), status=1)
    row = next(line for line in said.splitlines() if line.startswith("fc.weight"))
    assert "forgotten" in row
    assert "all zeros" in row
    assert said.splitlines()[-1] == "11 tensors, 1 fault"


def test_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """All facts of each tensor."""
    tensors = healthy()
    tensors["head.weight"][0, 0] = np.nan
    said, _ = audited(capfd, str(written(tmp_path, tensors)), "--json", status=1)
    record = json.loads(said)
    assert sum(line.startswith('{"name": ') for line in said.splitlines()) == len(tensors)
    assert record["faults"] == 1
    rows = {each["name"]: each for each in record["tensors"]}
    row = rows["conv2.weight"]
    assert (row["fan_in"], row["fan_out"], row["layout"]) == (576, 1152, "OIHW")
    assert row["laws"][0]["limit"] == pytest.approx(1 / 24)
    assert row["std"] == pytest.approx(tensors["conv2.weight"].std(), rel=1e-5)
    assert row["std_ratio"]["lecun"] == pytest.approx(row["std"] * 24)
    assert (
        sum(row["histogram"]["counts"]) + row["histogram"]["below"] + row["histogram"]["above"]
        == row["count"]
    )
    assert (rows["head.weight"]["nan"], rows["head.weight"]["verdict"]) == (1, "NaN or infinity")


class Page(HTMLParser):
    """The tags, the texts and the attributes of a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [text or "" for name, text in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_is_one_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It asks for nothing, has no script, and a name from the file is text."""
    tensors = healthy() | {
        f"{SCRIPT}.weight": normal(np.random.default_rng(1), (64, 64), 0.02).astype(np.float32),
        "\u202ereversed.bias": np.zeros(3, np.float32),
    }
    path, page = written(tmp_path, tensors), tmp_path / "audit.html"
    audited(capfd, str(path), "--html", str(page))
    content = page.read_text(encoding="utf-8").replace("<wbr>", "")
    found = Page(content)
    assert "script" not in found.tags
    assert found.addresses == []
    assert f"{SCRIPT}.weight" in found.texts
    assert "[U+202E]reversed.bias" in found.texts
    assert re.findall(r"url\(|@import|https?:", content) == []
    assert found.tags.count("svg") == sum(np.ptp(each) > 0 for each in tensors.values())
    ET.fromstring(next(iter(re.findall(r"<svg.*?</svg>", content))))


def test_the_bars_are_the_histogram(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The heights of the picture are proportional to the counts of the JSON."""
    values = cast(uniform(np.random.default_rng(2), (300, 256), 1 / 16), "float32")
    np.save(tmp_path / "w.npy", values)
    arguments = (str(tmp_path / "w.npy"), "--layout", "torch")
    said, _ = audited(capfd, *arguments, "--json", "--html", str(tmp_path / "a.html"))
    counts = json.loads(said)["tensors"][0]["histogram"]["counts"]
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    (outline,) = re.findall(r'd="M0 40((?:v?-?[0-9]*h2)+)V40z" class="bars"', page)
    steps = [int(step or 0) for step in re.findall(r"(?:v(-?[0-9]+))?h2", outline)]
    heights = -np.cumsum(steps)
    assert np.abs(heights / 40 - np.array(counts) / max(counts)).max() < 0.03


def test_one_law_of_a_small_tensor_is_not_all(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The line has the law, and the other distributions that the values may have."""
    values = uniform(np.random.default_rng(4), (10, 10), 0.0894 * 3**0.5).astype(np.float32)
    np.save(tmp_path / "layer.weight.npy", values)
    said, _ = audited(capfd, str(tmp_path / "layer.weight.npy"))
    line = next(line for line in said.splitlines() if line.startswith("layer.weight"))
    assert "undecided" in line
    assert (
        "truncated normal std 0.08796, cut at ±0.2 (truncated_normal&std=0.1&std_kind=parent"
        in line
    )
    assert "; the values may also be " in line
    assert "; more elements would decide" in line


def test_layout_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A framework or letters; a wrong one is refused with what is right."""
    values = cast(normal(np.random.default_rng(3), (64, 32, 3, 3), 288**-0.5), "float32")
    np.save(tmp_path / "w.npy", values)
    path = str(tmp_path / "w.npy")
    for layout in ("torch", "OIHW"):
        said, _ = audited(capfd, path, "--layout", layout)
        assert "288,576" in said
    said, _ = audited(capfd, path, "--layout", "keras", status=1)
    assert "wrong layout" in said
    _, complained = audited(capfd, path, "--layout", "oihw", status=2)
    assert len(complained) == 1
    _, complained = audited(capfd, path, "--layout", "OIXW", status=2)
    assert "'X': not a layout letter" in complained[0]


def test_what_cannot_be_read_ends_with_status_2(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line, and nothing on standard output."""
    (tmp_path / "w.npy").write_bytes(b"nothing")
    (tmp_path / "model.pt").write_bytes(b"")
    np.savez(tmp_path / "none.npz")
    for arguments in (
        (str(tmp_path / "w.npy"),),
        (str(tmp_path / "absent"),),
        (str(tmp_path / "none.npz"),),
        (str(tmp_path / "model.pt"),),
        (str(written(tmp_path, healthy())), "--html", str(tmp_path / "no" / "a.html")),
        (str(written(tmp_path, healthy())), "--like", str(tmp_path / "absent.npy")),
        (str(written(tmp_path, healthy())), "--like", "http://"),
        (str(tmp_path / "w.npy"), str(tmp_path / "model.pt")),
        ("http://127.0.0.1/model.safetensors",),
    ):
        said, complained = audited(capfd, *arguments, status=2)
        assert said == ""
        assert len(complained) == 1, complained


def test_what_file_must_be_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """A URL keeps its slashes, and several files have an advice."""
    _, (said,) = audited(capfd, "http://x/w.npy", status=2)
    assert said == "http://x/w.npy: FILE must be a file or a directory; --like takes a URL"
    _, (said,) = audited(capfd, "a.npy", "b.npy", status=2)
    assert said.startswith("give one FILE; for several files, give a directory")


def test_a_file_beside_an_index_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is not audited, which nobody should have to guess."""
    save_file({"a": np.ones((3, 4), np.float32)}, tmp_path / "one.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "one.safetensors"}}))
    _, complained = audited(capfd, str(tmp_path), status=1)
    assert complained == []
    np.save(tmp_path / "other.npy", np.ones(3))
    _, (said,) = audited(capfd, str(tmp_path), status=1)
    assert said.endswith(
        "the files of the index were read, but not other.npy; give that file as FILE to audit it"
    )
    _, complained = audited(capfd, str(index), status=1)
    assert complained == []


def test_a_layout_that_does_not_fit_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """For how many weights, in a line and in the JSON. Biases have no layout."""
    tensors = {name: healthy()[name] for name in ("conv1.weight", "fc.weight", "fc.bias")}
    path = str(written(tmp_path, tensors))
    _, (said,) = audited(capfd, path, "--layout", "OIHW")
    assert said.startswith("--layout OIHW fits 1 of 2 weights: not fc.weight (200x512)")
    _, (said,) = audited(capfd, path, "--layout", "OIW")
    assert said.startswith(
        "--layout OIW fits none of 2 weights: not conv1.weight (64x32x5x5) and 1"
    )
    said, _ = audited(capfd, path, "--layout", "OIHW", "--json")
    found = json.loads(said)["layout"]
    assert found == {"requested": "OIHW", "fitted": 1, "not_fitted": ["fc.weight"]}
    said, complained = audited(capfd, path, "--layout", "torch", "--json")
    assert (json.loads(said)["layout"]["not_fitted"], complained) == ([], [])
    said, _ = audited(capfd, path, "--json")
    assert "layout" not in json.loads(said)


TARGET = "/v1/weights.{}?shape=64,3,7,7&scheme=he_normal&seed=42&name=conv1.weight"


@pytest.mark.parametrize("format_name", ["npy", "safetensors"])
def test_like_a_tensor_of_a_server(
    tmp_path: Path, address: Address, capfd: pytest.CaptureFixture[str], format_name: str
) -> None:
    """Equal, and with one bit changed in one element."""
    target = TARGET.format(format_name)
    content = bytearray(ask(address, target).body)
    path = tmp_path / f"w.{format_name}"
    path.write_bytes(content)
    said, _ = audited(capfd, str(path), "--like", address.url + target)
    assert f"\nall tensors are equal to those of {address.url + target}\n" in said
    element = 5 * 147 + 2 * 49 + 3 * 7 + 4
    content[len(content) - 64 * 147 * 4 + 4 * element] ^= 1
    path.write_bytes(content)
    said, _ = audited(capfd, str(path), "--like", address.url + target, status=1)
    assert "1 element differs, at [5, 2, 3, 4]: " in said


def model_of(folder: Path, address: Address, **members: object) -> str:
    """Write a model into a folder, and return its URL at the server."""
    manifest = {
        "seed": 7,
        "tensors": [
            {"name": "h.{0..3}.weight", "shape": [256, 128], "scheme": "lecun_normal"},
            {"name": "h.{0..3}.bias", "shape": [256], "scheme": "zeros", "layer": "bias"},
        ],
        **members,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    done = run("model", str(folder / "manifest.json"), "-o", str(folder / "model"))
    assert done.returncode == 0, done.stderr
    token = json.loads(run("model", str(folder / "manifest.json")).stdout)["token"]
    return f"{address.url}/v1/models/{token}"


@pytest.mark.parametrize("members", [{}, {"max_shard_size": 200_000}])
def test_like_a_model_of_a_server(
    tmp_path: Path,
    address: Address,
    capfd: pytest.CaptureFixture[str],
    members: dict[str, object],
) -> None:
    """One file or a set; the tensor and the element that differ are told."""
    url = model_of(tmp_path, address, **members)
    folder = tmp_path / "model"
    assert len(list(folder.glob("*.safetensors"))) == (4 if members else 1)
    said, _ = audited(capfd, str(folder), "--like", url)
    assert f"\nall tensors are equal to those of {url}\n" in said
    changed = sorted(folder.glob("*.safetensors"))[0]
    content = bytearray(changed.read_bytes())
    content[-4 * 1024 * 1024 if len(content) > 4 * 1024 * 1024 else -1] ^= 0x40
    changed.write_bytes(content)
    said, _ = audited(capfd, str(folder), "--like", url, status=1)
    assert len(re.findall("1 element differs, at ", said)) == 1


def test_like_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a server."""
    tensors: Tensors = {"a.weight": healthy()["fc.weight"], "a.bias": np.zeros(200, np.float32)}
    here = written(tmp_path, tensors)
    there = tmp_path / "there.npz"
    # NumPy's types take every keyword for `allow_pickle`.
    np.savez(there, **{**tensors, "a.bias": np.ones(200, np.float32)})  # type: ignore[arg-type]
    said, _ = audited(capfd, str(here), "--like", str(there), status=1)
    assert "a.bias: 200 elements differ, the first at [0]: here 0.0, there 1.0" in said
    assert said.splitlines()[-1] == "2 tensors, no faults, 1 difference"
    page = tmp_path / "audit.html"
    audited(capfd, str(here), "--like", str(there), "--html", str(page), status=1)
    assert ": no fault, 1 difference<" in page.read_text(encoding="utf-8")
    said, _ = audited(capfd, str(here), "--like", str(here), "--html", str(page))
    assert f"<p>All tensors are equal to those of {here}</p>" in page.read_text(encoding="utf-8")
    assert said.splitlines()[-1] == "2 tensors, no faults"


def test_names_cannot_move_the_cursor(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Escape sequences in a name, in the table and in the error about a name."""
    tensors = {"\x1b[2Jx.weight": healthy()["fc.weight"]}
    said, _ = audited(capfd, str(written(tmp_path, tensors)))
    assert "\x1b" not in said
    assert "[U+001B]" in said


MEMORY = """
import re, sys
from service.cli.audit import audit_checkpoint
status = audit_checkpoint([sys.argv[1], "--json"])
peak = re.search(r"VmHWM:\\s+([0-9]+) kB", open("/proc/self/status").read())[1]
print(status, peak, file=sys.stderr)
"""
"""It prints the most memory that the process had. `ru_maxrss` would count its parent's too."""


def peak_of(path: Path) -> int:
    """The most memory of an audit, in KiB."""
    command = [sys.executable, "-c", MEMORY, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    status, peak = done.stderr.split()
    assert status == "0", done.stdout[-500:]
    return int(peak)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """1 GiB needs no more than 16 MiB does, within 16 MiB: a few pieces."""
    peaks = []
    for name, rows in (("small", 2**12), ("large", 2**18)):
        path = tmp_path / f"{name}.npy"
        memory = np.lib.format.open_memmap(path, "w+", np.float32, (rows, 2**10))
        for row in range(0, rows, 2**12):
            rng = np.random.default_rng(row)
            memory[row : row + 2**12] = rng.standard_normal((2**12, 2**10), np.float32) / 32
        memory.flush()
        del memory
        peaks.append(peak_of(path))
    assert (tmp_path / "large.npy").stat().st_size > 2**30
    assert peaks[1] - peaks[0] < 16 * 1024, peaks


def fortran_ordered(path: Path, shape: tuple[int, int]) -> None:
    """Write a file of float32 in Fortran order, some columns at a time."""
    header = {"descr": "<f4", "fortran_order": True, "shape": shape}
    rng = np.random.default_rng(5)
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for first in range(0, shape[1], 64):
            count = min(64, shape[1] - first)
            stream.write(rng.standard_normal((count, shape[0]), np.float32).tobytes())


@pytest.mark.slow
def test_memory_does_not_grow_with_a_file_in_fortran_order(tmp_path: Path) -> None:
    """512 MiB need no more than 64 MiB do, within 16 MiB. Few rows, and few columns."""
    peaks = []
    for rows, columns in ((2**14, 2**10), (2**17, 2**10), (2**3, 2**24), (2**24, 2**3)):
        path = tmp_path / "w.npy"
        fortran_ordered(path, (rows, columns))
        peaks.append(peak_of(path))
    assert max(peaks) - peaks[0] < 16 * 1024, peaks


@pytest.mark.slow
def test_a_zipped_array_in_fortran_order_is_kept_once(tmp_path: Path) -> None:
    """240 MiB need no more than 240 MiB and some pieces above what a small file needs."""
    peaks = []
    for columns in (16, 960):
        fortran_ordered(tmp_path / "w.npy", (2**16, columns))
        with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
            archive.write(tmp_path / "w.npy")
        peaks.append(peak_of(tmp_path / "w.npz"))
    assert peaks[1] - peaks[0] < (240 + 24) * 1024, peaks


def test_more_axes_than_a_spec_has(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Zeros and ones, and drawn values."""
    rng = np.random.default_rng(9)
    shape = (2,) * 10
    tensors: Tensors = {
        "levels": rng.integers(0, 2, shape).astype(np.float32),
        "drawn.weight": normal(rng, shape, 0.02).astype(np.float32),
    }
    said, _ = audited(capfd, str(written(tmp_path, tensors)))
    assert said.splitlines()[-1] == "2 tensors, no faults"


def test_help_names_every_option() -> None:
    """Run as a command."""
    done = run("audit", "--help")
    assert done.returncode == 0
    for option in ("--layout", "--like", "--all", "--faults", "--json", "--html"):
        assert option in done.stdout.decode()
