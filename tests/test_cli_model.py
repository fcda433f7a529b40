"""`model` writes the bytes of the server, alone, by several workers, and after a kill."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx2
import numpy as np
import pytest
from safetensors import safe_open

from service.__main__ import main
from service.cli import model_files
from service.cli.model import write_model
from service.cli.model_files import RECORDS, MatrixMemory
from service.models.body import FileBody, FileLayout
from service.models.listing import other_files
from service.models.manifest import MOST_MANIFEST_BYTES, parse_manifest
from service.models.planning import INDEX, SINGLE, ModelPlan, plan_model
from service.models.token import token_of
from tests.application import ready
from tests.folders import let_others_reach
from tests.process import ROOT, run, started
from tests.server import Address
from tests.test_cli_files import as_nobody

Manifest = dict[str, Any]

MIXED: Manifest = {
    "seed": 7,
    "config": {"hidden_size": 300},
    "tensors": [
        {"name": "wte.weight", "shape": [1000, 900], "scheme": "normal", "std": 0.02},
        {
            "name": "h.{0..11}.attn.weight",
            "shape": [200, 200],
            "scheme": "he_normal",
            "layer": "dense",
            "dtype": "bfloat16",
        },
        {"name": "q.weight", "shape": [64, 64], "scheme": "orthogonal", "layer": "dense"},
        {"name": "d", "shape": [6, 5], "scheme": "he_normal", "layer": "dense", "dtype": "float64"},
        {"name": "bn.num_batches_tracked", "shape": "scalar", "scheme": "zeros", "dtype": "int64"},
        {"name": "empty", "shape": [0, 4], "scheme": "zeros"},
    ],
}
"""All kinds of chunks: a large tensor, small ones that share a chunk, a matrix, counts, nothing."""

SHARDED = MIXED | {"max_shard_size": "200KB"}
"""The same tensors in several files; one tensor is larger than a file may be."""

MATRICES: Manifest = {
    "seed": 3,
    "max_shard_size": "24MB",
    "tensors": [
        {"name": "o.{0..23}", "shape": [700, 700], "scheme": "orthogonal", "layer": "dense"}
    ],
}
"""Two files of 12 matrices each. They take seconds, so that a kill finds them unfinished."""

HALF_THE_DISK = shutil.disk_usage(tempfile.gettempdir()).free // 2
"""A model that does not fit is refused."""

ENDLESS: Manifest = {
    "seed": 1,
    "tensors": [
        {
            "name": "w",
            "shape": [HALF_THE_DISK // 8],
            "scheme": "truncated_normal",
            "layer": "bias",
            "dtype": "float64",
        }
    ],
}
"""Tens of GB of values that take long to compute, so the command runs until something stops it."""

SECONDS = 20

NOTING_EVERYTHING = """
import sys
from service.cli import model_files
model_files.NOTE_SECONDS = 0.0
from service.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
"""`python -m service` that notes each task at once, so that a test need not wait."""


def plan_of(manifest: Manifest) -> ModelPlan:
    return plan_model(parse_manifest(json.dumps(manifest).encode()), max_bytes=2**44)


def content(plan: ModelPlan, name: str) -> bytes:
    """What the server sends as this file: the chunks of its body, one after another."""
    file = plan.file(name)
    assert file is not None
    body = FileBody(FileLayout(plan.kinds, file))
    memory = np.empty(body.chunk_bytes, np.uint8)
    return b"".join(bytes(body.chunk(index, memory)) for index in range(body.chunk_count))


def contents(manifest: Manifest) -> dict[str, bytes]:
    """All files of a model."""
    plan = plan_of(manifest)
    return {each.name: content(plan, each.name) for each in plan.files} | other_files(plan)


def found(folder: Path) -> dict[str, bytes]:
    """All files of a folder, without the records."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != RECORDS}


def saved(folder: Path, manifest: Manifest) -> str:
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return str(path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def write(tmp_path: Path, manifest: Manifest, *options: str) -> int:
    """Run the command for `tmp_path / "out"` in this process."""
    return write_model([saved(tmp_path, manifest), "-o", str(tmp_path / "out"), *options])


@pytest.mark.parametrize("manifest", [MIXED, SHARDED], ids=["single", "sharded"])
def test_the_files_are_those_of_the_server(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], manifest: Manifest
) -> None:
    """Every byte of every file; nothing is said, and nothing else is left."""
    assert write(tmp_path, manifest) == 0
    assert capsys.readouterr() == ("", "")
    expected = contents(manifest)
    assert found(out) == expected
    assert ("config.json" in expected, INDEX in expected) == (True, manifest is SHARDED)
    assert (len(plan_of(manifest).files) > 3) == (manifest is SHARDED)


def test_a_server_sends_the_same(tmp_path: Path, out: Path, address: Address) -> None:
    """Over a socket, for the token that the server gives."""
    assert write(tmp_path, SHARDED) == 0
    answer = httpx2.post(f"{address.url}/v1/models", json=SHARDED).json()
    urls = [each["url"] for each in answer["files"]] + answer["others"]
    sent = {url.rpartition("/")[2]: httpx2.get(address.url + url).content for url in urls}
    assert sent == found(out)


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def test_the_official_library_opens_them(tmp_path: Path, out: Path) -> None:
    """Each tensor is in the file that the index names, with its shape, its dtype and its bytes."""
    assert write(tmp_path, SHARDED) == 0
    where = json.loads((out / INDEX).read_bytes())["weight_map"]
    read = {}
    for name, file in where.items():
        with safe_open(out / file, "np") as opened:
            part = opened.get_slice(name)
            read[name] = (part.get_dtype(), part.get_shape())
    assert read["wte.weight"] == ("F32", [1000, 900])
    assert read["h.11.attn.weight"] == ("BF16", [200, 200])
    assert read["d"] == ("F64", [6, 5])
    assert read["bn.num_batches_tracked"] == ("I64", [])
    assert read["empty"] == ("F32", [0, 4])
    assert len(read) == 17
    with safe_open(out / where["q.weight"], "np") as opened:
        matrix = opened.get_tensor("q.weight")
    assert np.abs(matrix @ matrix.T - np.eye(64)).max() < 1e-5
    with safe_open(out / where["bn.num_batches_tracked"], "np") as opened:
        assert opened.get_tensor("bn.num_batches_tracked") == 0


@pytest.mark.parametrize("workers", [1, 2, 3, 40])
def test_the_workers_together_write_the_whole_set(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    """In any order. Each writes every Nth file, and worker 1 also writes the index and config."""
    expected = contents(SHARDED)
    files = [each.name for each in plan_of(SHARDED).files]
    assert 3 < len(files) < 40
    for worker in range(workers, 0, -1):
        before = set(found(out)) if out.exists() else set()
        assert write(tmp_path, SHARDED, "--shard", f"{worker}/{workers}") == 0
        others = {INDEX, "config.json"} if worker == 1 else set()
        after = set(found(out)) if out.exists() else set()
        assert after - before == {*files[worker - 1 :: workers], *others}
    assert found(out) == expected
    idle = [
        f"worker {worker} of {workers} has nothing to write: the model has {len(files)} files"
        for worker in range(workers, len(files), -1)
    ]
    assert capsys.readouterr().err.splitlines() == idle


@pytest.mark.parametrize("form", ["token", "path", "url", "stdin"])
def test_a_manifest_comes_from_anywhere(out: Path, form: str) -> None:
    """Of a URL the token is read alone: nothing listens there."""
    token = token_of(plan_of(MIXED).text)
    sources = {
        "token": token,
        "path": f"/v1/models/{token}",
        "url": f"http://127.0.0.1:1/v1/models/{token}",
        "stdin": "-",
    }
    command = [sys.executable, "-m", "service", "model", sources[form], "-o", str(out)]
    given = json.dumps(MIXED).encode()
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert found(out) == contents(MIXED)


def test_the_summary_is_what_post_answers(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], address: Address
) -> None:
    """Without -o. No file is written."""
    assert write_model([saved(tmp_path, SHARDED)]) == 0
    assert (
        capfdbinary.readouterr().out
        == httpx2.post(f"{address.url}/v1/models", json=SHARDED).content
    )
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_drawn_seed_is_told_so_that_it_can_be_repeated(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the seed in the manifest, and by the token. Another run draws another seed (control)."""
    unseeded = {name: value for name, value in MIXED.items() if name != "seed"}
    assert write(tmp_path, unseeded) == 0
    first, said = found(out), capsys.readouterr().err
    seed, token = re.findall(r'^seed (\d+) was .* "seed": \1 .* /v1/models/(\S+)$', said)[0]
    assert contents(unseeded | {"seed": int(seed)}) == first
    assert write_model([token, "-o", str(tmp_path / "again")]) == 0
    assert found(tmp_path / "again") == first
    assert write(tmp_path, unseeded) == 0
    assert found(out) != first


def test_warnings_are_told(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, and the files are written."""
    guessed = {"name": "w.{0..2}", "shape": [4, 5], "scheme": "he_normal"}
    rules = [{"match": "nothing.*", "fields": {"scheme": "zeros"}}]
    assert write(tmp_path, {"seed": 1, "tensors": [guessed], "rules": rules}) == 0
    guess, unused = capsys.readouterr().err.splitlines()
    assert guess.startswith("layer_guessed: ")
    assert guess.endswith(" (3 tensors, first w.0)")
    assert unused == "rule_unused: no name matches nothing.*"
    assert (out / SINGLE).exists()


# After a kill


def noting(manifest: str, out: Path, *options: str) -> "subprocess.Popen[bytes]":
    """The command with one thread, which notes each task at once."""
    words = [sys.executable, "-c", NOTING_EVERYTHING, "model", manifest, "-o", str(out)]
    environment = os.environ | {"FANIN_THREADS": "1"}
    return subprocess.Popen([*words, *options], cwd=ROOT, env=environment, stderr=subprocess.PIPE)


def noted(out: Path, name: str) -> int:
    """How many bytes of an unfinished file are noted."""
    try:
        state = json.loads((out / f"{name}.fanin-part.json").read_text())
    except FileNotFoundError:
        return 0
    return sum(stop - start for start, stop in state["complete"])


def wait_for(ready: Callable[[], object], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.001)


@pytest.fixture(scope="module")
def matrices() -> dict[str, bytes]:
    return contents(MATRICES)


@pytest.fixture
def killed(tmp_path: Path, out: Path) -> tuple[str, str]:
    """The names of two files: one is complete, and the process was killed within the other."""
    manifest = saved(tmp_path, MATRICES)
    first, second = (each.name for each in plan_of(MATRICES).files)
    with noting(manifest, out) as process:
        wait_for(lambda: noted(out, second) > 0, process)
        process.kill()
    assert (out / first).exists()
    assert not (out / second).exists()
    return first, second


def test_a_killed_process_is_continued(
    tmp_path: Path,
    out: Path,
    killed: tuple[str, str],
    matrices: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The complete file is not touched, the other is continued, and both have the right digest."""
    first, second = killed
    assert sha256((out / first).read_bytes()).digest() == sha256(matrices[first]).digest()
    before, kept = (out / first).stat(), noted(out, second)
    assert write(tmp_path, MATRICES, "--resume") == 0
    length = len(matrices[second])
    said = f"{second} is continued: {kept} of {length} bytes are there\n"
    assert capsys.readouterr().err == said
    assert (out / first).stat() == before
    assert sha256((out / second).read_bytes()).digest() == sha256(matrices[second]).digest()
    assert found(out) == matrices


def test_what_is_noted_is_used(
    tmp_path: Path, out: Path, killed: tuple[str, str], matrices: dict[str, bytes]
) -> None:
    """Negative control: a byte that is changed within the noted ones stays changed."""
    _, second = killed
    with open(out / f"{second}.fanin-part", "r+b") as part:
        part.write(b"\xff")
    assert write(tmp_path, MATRICES, "--resume") == 0
    assert (out / second).read_bytes() == b"\xff" + matrices[second][1:]


def spoil_tag(state: Path) -> None:
    state.write_text(json.dumps(json.loads(state.read_text()) | {"etag": '"another"'}))


def spoil_length(state: Path) -> None:
    state.write_text(json.dumps(json.loads(state.read_text()) | {"length": 5}))


def spoil_json(state: Path) -> None:
    state.write_text(state.read_text()[:-3])


def remove(state: Path) -> None:
    state.unlink()


@pytest.mark.parametrize("spoil", [spoil_tag, spoil_length, spoil_json, remove])
def test_a_wrong_state_begins_anew(
    tmp_path: Path,
    out: Path,
    killed: tuple[str, str],
    matrices: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
) -> None:
    """The bytes that are there are not used, and those of another model are announced."""
    _, second = killed
    with open(out / f"{second}.fanin-part", "r+b") as part:
        part.write(b"\xff")
    spoil(out / f"{second}.fanin-part.json")
    assert write(tmp_path, MATRICES, "--resume") == 0
    assert found(out) == matrices
    announced = f"{second} is begun anew: " in capsys.readouterr().err
    assert announced == (spoil is spoil_tag)


def test_nothing_is_believed_after_the_machine_started_again(
    tmp_path: Path,
    out: Path,
    killed: tuple[str, str],
    matrices: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing waits for the disk, so both files may have lost bytes then."""
    first, second = killed
    for name in (first, f"{second}.fanin-part"):
        times = (out / name).stat()
        with open(out / name, "r+b") as file:
            file.write(b"\xff")
        os.utime(out / name, ns=(times.st_atime_ns, times.st_mtime_ns))
    (tmp_path / "start").write_text("another\n")
    monkeypatch.setattr(model_files, "_START", tmp_path / "start")
    assert write(tmp_path, MATRICES, "--resume") == 0
    assert found(out) == matrices


def test_without_resume_everything_is_written_anew(
    tmp_path: Path, out: Path, killed: tuple[str, str], matrices: dict[str, bytes]
) -> None:
    """Neither the complete file nor the unfinished one is used."""
    first, second = killed
    (out / first).write_bytes(b"other bytes")
    with open(out / f"{second}.fanin-part", "r+b") as part:
        part.write(b"\xff")
    assert write(tmp_path, MATRICES) == 0
    assert found(out) == matrices


def identities(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.glob("*.safetensors")}


def test_complete_files_are_not_written_again(tmp_path: Path, out: Path) -> None:
    """With --resume; without it they are (control)."""
    assert write(tmp_path, SHARDED) == 0
    before = identities(out)
    assert write(tmp_path, SHARDED, "--resume") == 0
    assert identities(out) == before
    assert write(tmp_path, SHARDED) == 0
    assert not identities(out).items() & before.items()
    assert found(out) == contents(SHARDED)


def test_resume_writes_what_was_changed_or_is_of_another_model(tmp_path: Path, out: Path) -> None:
    """One file is edited, and one is removed. Then the seed is another, so all are."""
    assert write(tmp_path, SHARDED) == 0
    first, second, *_ = (each.name for each in plan_of(SHARDED).files)
    with open(out / first, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    (out / second).unlink()
    assert write(tmp_path, SHARDED, "--resume") == 0
    assert found(out) == contents(SHARDED)
    assert write(tmp_path, SHARDED | {"seed": 8}, "--resume") == 0
    assert found(out) == contents(SHARDED | {"seed": 8})


def test_a_replaced_file_keeps_its_mode(tmp_path: Path, out: Path) -> None:
    """As `weights -o` keeps it."""
    out.mkdir()
    (out / SINGLE).write_bytes(b"old")
    (out / SINGLE).chmod(0o600)
    assert write(tmp_path, MIXED) == 0
    assert stat.S_IMODE((out / SINGLE).stat().st_mode) == 0o600


# Refusals and failures


@pytest.mark.parametrize(
    ("manifest", "options", "said"),
    [
        (MIXED, ["--shard", "2/3"], 'add "max_shard_size": "1GB" to the manifest'),
        (SHARDED | {"seed": None}, ["--shard", "1/2"], '--shard needs "seed" in the manifest'),
        (SHARDED | {"seed": None}, ["--resume"], '--resume needs "seed" in the manifest'),
        (SHARDED | {"sead": 1}, [], "sead: "),
        ({"seed": 1, "tensors": [{"name": "w", "shape": [2], "scheme": "he"}]}, [], "scheme: "),
        ({"seed": 1, "architecture": "GPT9", "config": {}}, [], "python -m service recipes lists"),
    ],
)
def test_a_refusal_is_one_line(
    tmp_path: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    manifest: Manifest,
    options: list[str],
    said: str,
) -> None:
    """Status 2, and no folder is made."""
    assert write(tmp_path, manifest, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not out.exists()


@pytest.mark.parametrize("share", ["0/3", "4/3", "3", "1/0", "-1/3", "1/2/3", "a/b", "1/9999999"])
def test_a_wrong_share_is_one_line(tmp_path: Path, share: str) -> None:
    done = run("model", saved(tmp_path, SHARDED), f"--shard={share}", "-o", str(tmp_path / "out"))
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert f"{share!r} is not K/N" in line


@pytest.mark.parametrize(
    "words",
    [
        ["{manifest}", "--resume"],
        ["{manifest}", "--shard", "1/2"],
        ["{manifest}", "-o", "a", "-o", "b"],
        ["-o", "a"],
        ["{manifest}", "--shrad", "1/2"],
        ["{manifest}", "-o", "{manifest}"],
        ["aaaaaaaaaaaaaaaaaaaaaa", "-o", "a"],
        ["/v1/models/nothing", "-o", "a"],
    ],
)
def test_wrong_arguments_are_one_line(tmp_path: Path, words: list[str]) -> None:
    manifest = saved(tmp_path, SHARDED)
    done = run("model", *(word.format(manifest=manifest) for word in words))
    assert (done.returncode, done.stdout) == (2, b"")
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_token_that_is_not_canonical_is_told_the_right_one(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(MIXED)
    assert write_model([token_of(plan.text + b" "), "-o", str(out)]) == 2
    right = f"/v1/models/{token_of(plan.text)}"
    assert capsys.readouterr().err == f"the token is not canonical; the right one is {right}\n"
    assert write_model([right, "-o", str(out)]) == 0


def test_no_manifest_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = str(tmp_path / "absent.json")
    assert write_model([absent, "-o", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == f"{absent}: No such file or directory\n"


def test_a_manifest_that_is_too_long_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "long.json").write_bytes(b" " * (MOST_MANIFEST_BYTES + 1))
    assert write_model([str(tmp_path / "long.json")]) == 2
    said = f"the manifest has more than {MOST_MANIFEST_BYTES} bytes (use ranges"
    assert capsys.readouterr().err.startswith(said)


def test_a_model_that_no_url_can_carry_is_written(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its summary is refused, since it has no token."""
    names = [sha256(bytes([number % 256, number // 256])).hexdigest() for number in range(400)]
    tensors = [{"name": name, "shape": [3], "scheme": "ones", "layer": "bias"} for name in names]
    manifest = {"seed": 1, "tensors": tensors}
    assert write_model([saved(tmp_path, manifest)]) == 2
    assert "the token has" in capsys.readouterr().err
    assert write(tmp_path, manifest) == 0
    assert found(out) == contents(manifest)
    del manifest["seed"]
    assert write(tmp_path, manifest) == 0
    said = capsys.readouterr().err
    assert re.fullmatch(r'seed (\d+) was .* add "seed": \1 to the manifest\n', said)


@pytest.mark.parametrize("blocked", [SINGLE, "config.json"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_in_the_way(
    tmp_path: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    blocked: str,
    make: Callable[[Path], None],
) -> None:
    """Before anything is computed, and without waiting for a reader of the FIFO."""
    out.mkdir()
    make(out / blocked)
    assert write(tmp_path, MIXED) == 2
    assert capsys.readouterr().err == f"{out / blocked} is not a regular file\n"
    assert [path.name for path in out.iterdir()] == [blocked]


@pytest.mark.parametrize("resume", [[], ["--resume"]])
@pytest.mark.parametrize(
    "name", [f"{SINGLE}.fanin-part", f"{SINGLE}.fanin-part.json", f".fanin/{SINGLE}.json"]
)
def test_a_fifo_in_place_of_a_file_beside_it_is_in_the_way(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], name: str, resume: list[str]
) -> None:
    """To open it would wait for ever."""
    (out / name).parent.mkdir(parents=True)
    os.mkfifo(out / name)
    assert write(tmp_path, MIXED, *resume) == 2
    assert capsys.readouterr().err == f"{out / name} is not a regular file\n"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_place_of_the_folder_of_records_is_in_the_way(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    """Nothing is written to a folder elsewhere."""
    out.mkdir()
    elsewhere = tmp_path / "elsewhere"
    if there:
        elsewhere.mkdir()
    (out / ".fanin").symlink_to(elsewhere)
    assert write(tmp_path, MIXED) == 2
    assert capsys.readouterr().err == f"{out / '.fanin'} is not a folder\n"


@pytest.mark.parametrize(
    ("stranger", "status"),
    [
        (SINGLE, 2),
        ("model-00001-of-00002.safetensors", 2),
        ("model-00001-of-00002.safetensors.fanin-part", 0),
        ("tokenizer.json", 0),
        ("config.json", 0),
    ],
)
def test_files_of_another_model_are_not_mixed_with_ours(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], stranger: str, status: int
) -> None:
    """Loaders take model.safetensors before an index, and some take all files of a folder."""
    out.mkdir()
    (out / stranger).write_bytes(b"old")
    assert write(tmp_path, SHARDED) == status
    said = f"{out} has {stranger} of another model, "
    assert capsys.readouterr().err.startswith(said if status else "")
    if status:
        assert found(out) == {stranger: b"old"}


def test_the_index_of_another_model_is_in_the_way(tmp_path: Path, out: Path) -> None:
    out.mkdir()
    (out / INDEX).write_bytes(b"old")
    assert write(tmp_path, MIXED) == 2


def test_a_file_in_place_of_the_folder_is_one_line(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.write_bytes(b"")
    assert write(tmp_path, MIXED) == 2
    assert capsys.readouterr().err == f"{out} is not a folder\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user makes the folder otherwise")
def test_a_folder_without_rights_is_one_line(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files above it are made passable."""
    out.mkdir()
    out.chmod(0o555)
    manifest = saved(tmp_path, MIXED)
    let_others_reach(out)
    with as_nobody():
        assert write_model([manifest, "-o", str(out)]) == 1
    assert capsys.readouterr().err == f"{out / SINGLE}.fanin-part: Permission denied\n"


def test_a_full_disk_is_one_line_and_what_is_there_is_kept(tmp_path: Path, out: Path) -> None:
    """A limit on the size of files stands for the disk. The next run continues."""
    words = ["model", saved(tmp_path, MATRICES), "-o", str(out), "--resume"]
    with started(*words, before="ulimit -f 20000;") as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    reason = "File too large; what is written is kept, and --resume continues"
    assert said.decode() == f"{out}: {reason}\n"
    assert not list(out.glob("*.safetensors"))


def test_two_processes_do_not_write_one_file(tmp_path: Path, out: Path) -> None:
    """The second ends with one line, and the first goes on."""
    words = ["model", saved(tmp_path, ENDLESS), "-o", str(out)]
    with started(*words) as first:
        wait_for(lambda: (out / f"{SINGLE}.fanin-part").exists(), first)
        time.sleep(0.2)
        second = run(*words)
        assert first.poll() is None
        first.kill()
    assert second.returncode == 1
    said = f"{out}: another process writes {out / SINGLE}.fanin-part\n"
    assert second.stderr.decode() == said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_one_line(tmp_path: Path, out: Path, number: signal.Signals) -> None:
    """At once. No file has its name, and the next run continues."""
    with noting(saved(tmp_path, ENDLESS), out) as process:
        wait_for(lambda: noted(out, SINGLE) > 0, process)
        began = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=SECONDS)
    assert time.monotonic() - began < 2
    assert process.returncode == 128 + number
    assert said == b"stopped; what is written is kept, and --resume continues\n"
    assert not (out / SINGLE).exists()
    kept = noted(out, SINGLE)
    with noting(saved(tmp_path, ENDLESS), out, "--resume") as process:
        wait_for(lambda: noted(out, SINGLE) > kept, process)
        process.kill()
        _, said = process.communicate(timeout=SECONDS)
    assert said.startswith(f"{SINGLE} is continued: {kept} of ".encode())


def test_a_person_sees_progress_and_the_end(tmp_path: Path, out: Path) -> None:
    """On a terminal only."""
    watcher, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    words = ["model", saved(tmp_path, SHARDED), "-o", str(out)]
    command = [sys.executable, "-m", "service", *words]
    subprocess.run(command, cwd=ROOT, stderr=terminal, check=True)
    shown = os.read(watcher, 65536).decode()
    os.close(terminal)
    os.close(watcher)
    assert "100%" in shown
    files = plan_of(SHARDED).files
    length = sum(each.length for each in files)
    end = rf"{out}: {len(files)} files are complete; {length} bytes were written in [0-9.]+ s\r\n"
    assert re.search(rf"{end}\Z", shown)


def test_matrices_take_turns_in_memory() -> None:
    """Two that fit together are let in, a third waits, and one that never fits comes alone."""
    memory, entered = MatrixMemory(10), Event()

    def enter(count: int) -> None:
        with memory.taken(count):
            entered.set()

    for count in (1, 100):
        third = Thread(target=enter, args=(count,))
        with memory.taken(4), memory.taken(6):
            third.start()
            assert not entered.wait(0.1)
        assert entered.wait(SECONDS)
        third.join()
        entered.clear()


def test_the_page_shows_what_works(tmp_path: Path) -> None:
    """The command of docs/models.md, and the files that the page names."""
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(cat > manifest.*?)^```", page, re.MULTILINE | re.DOTALL)
    command = block.replace("python -m", f"PYTHONPATH={ROOT} {sys.executable} -m")
    done = subprocess.run(["sh", "-ec", command], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    names = sorted(found(tmp_path / "model"))
    assert names == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        INDEX,
    ]
    assert all(f"`{name}`" in page for name in names)


def test_recipes_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    """The command that a refused architecture names."""
    assert main(["recipes"]) == 0
    assert capfd.readouterr().out.splitlines()[0].split() == ["FAMILY", "SIZES", "ARCHITECTURES"]


def test_a_disk_without_space_is_told_before_a_file_is_begun(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A model of 2^46 bytes."""
    tensors = [{"name": "w.{0..3}", "shape": [2**21, 2**21], "scheme": "zeros"}]
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"seed": 1, "tensors": tensors}))
    assert write_model([str(manifest), "-o", str(tmp_path / "model")]) == 2
    assert "bytes free: name another folder" in capfd.readouterr().err
    assert list((tmp_path / "model").iterdir()) == []
