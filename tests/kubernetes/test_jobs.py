"""The indexed Job: its slices are the whole tensor, and the command of each worker runs here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import numpy
import pytest

from service.api.app import create_app
from service.cli.options import read_tensor_options
from service.fields import Spec, parse_query, parse_words
from service.settings import Settings
from tests.kubernetes.rendering import JOBS, Object, only, pods, render, settings
from tests.process import ROOT
from tests.server import START_SECONDS, running, until

MAKE, FETCH = JOBS / "make", JOBS / "fetch"

SMALLER = {"ROWS": "1003", "COLUMNS": "7"}
"""A tensor whose rows the workers do not divide evenly."""

STUB = """#!/bin/sh
printf '%s\\0' "$@" >> "$STUB_FILE"
"""
"""A program that writes down its arguments and does nothing."""


def job(folder: Path) -> Object:
    spec: Object = only(render(folder), "Job")["spec"]
    return spec


def environment(folder: Path) -> dict[str, str]:
    """What the container's maps give it."""
    objects = render(folder)
    (container,) = pods(objects)["tensor"]["spec"]["containers"]
    return settings(objects, container)


def work(
    folder: Path, index: int, tensors: Path, **more: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run the command of the worker with this index, which writes to the folder `tensors`.

    `python` is that of this test. The volume is mounted elsewhere.
    """
    (container,) = pods(render(folder))["tensor"]["spec"]["containers"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    command = [word.replace(mounted["tensors"], str(tensors)) for word in container["command"]]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    given = environment(folder) | {"JOB_COMPLETION_INDEX": str(index), "PATH": path} | more
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, timeout=120)


def arguments(folder: Path, tensors: Path, index: int) -> list[str]:
    """The arguments that the worker gives to `python`."""
    stub, written = tensors / "python", tensors / "arguments"
    stub.write_text(STUB)
    stub.chmod(0o755)
    written.unlink(missing_ok=True)
    path = os.pathsep.join([str(tensors), os.environ["PATH"]])
    work(folder, index, tensors, PATH=path, STUB_FILE=str(written))
    return written.read_text().split("\0")[:-1]


def made(folder: Path, tensors: Path, index: int) -> Spec:
    """The tensor that a worker asks for, as the parser of the service reads it."""
    words = arguments(folder, tensors, index)
    if folder == MAKE:
        assert words[:3] == ["-m", "service", "weights"]
        return parse_words(read_tensor_options(words[3:]).fields)
    assert words[:3] == ["-m", "service", "fetch"]
    url = urlsplit(words[-1])
    assert url.path == "/v1/weights.npy"
    return parse_query(url.query.encode())


@pytest.mark.parametrize("folder", [MAKE, FETCH], ids=lambda folder: folder.name)
def test_the_slices_are_the_whole_tensor(folder: Path, tmp_path: Path) -> None:
    """Each row is in one slice, in order; all else is the same for all workers."""
    spec = job(folder)
    rows = int(environment(folder)["ROWS"])
    specs = [made(folder, tmp_path, index) for index in range(spec["completions"])]
    slices = [each.slice for each in specs]
    assert None not in slices
    bounds = [first for first, *_ in filter(None, slices)]
    assert [first for first, _ in bounds] == [0, *(end for _, end in bounds[:-1])]
    assert bounds[-1][1] == rows
    assert {each[1:] for each in filter(None, slices)} == {((None, None),)}
    assert len({each.model_copy(update={"slice": None}).model_dump_json() for each in specs}) == 1
    assert specs[0].shape[0] == rows
    assert specs[0].seed is not None


def test_both_jobs_ask_for_the_same(tmp_path: Path) -> None:
    """A tensor that is made and one that is fetched are one tensor."""
    assert made(MAKE, tmp_path, 3) == made(FETCH, tmp_path, 3)


@pytest.mark.parametrize("folder", [MAKE, FETCH], ids=lambda folder: folder.name)
def test_there_are_as_many_workers_as_slices(folder: Path) -> None:
    """Kubernetes gives the indices 0 to completions - 1."""
    spec = job(folder)
    assert spec["completionMode"] == "Indexed"
    assert int(environment(folder)["WORKERS"]) == spec["completions"]
    # Needed for retries of one index.
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def joined(tensors: Path, workers: int) -> bytes:
    """The parts in the order of their indices."""
    parts = [numpy.load(tensors / f"part-{index}.npy") for index in range(workers)]
    return numpy.concatenate(parts).tobytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The values of the smaller tensor, by one worker alone."""
    folder = tmp_path_factory.mktemp("whole")
    done = work(MAKE, 0, folder, **SMALLER, WORKERS="1")
    assert done.returncode == 0, done.stderr
    values = numpy.load(folder / "part-0.npy")
    assert values.shape == (1003, 7)
    assert abs(values.std() - 0.02) < 0.001
    return bytes(values.tobytes())


def test_the_workers_make_the_tensor(whole: bytes, tmp_path: Path) -> None:
    """Without a server and without a network, in any order; a repeated worker changes nothing."""
    workers = job(MAKE)["completions"]
    for index in [*reversed(range(workers)), 2]:
        done = work(MAKE, index, tmp_path, **SMALLER)
        assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == [f"part-{index}.npy" for index in range(workers)]
    assert joined(tmp_path, workers) == whole


@pytest.fixture(scope="module")
def front() -> Iterator[str]:
    with running(create_app(Settings())) as address:
        with httpx2.Client(base_url=address.url) as client:
            assert until(lambda: client.get("/readyz").status_code == 200, START_SECONDS)
        yield address.url


def test_the_workers_fetch_the_tensor(whole: bytes, front: str, tmp_path: Path) -> None:
    """From a real server."""
    workers = job(FETCH)["completions"]
    for index in range(workers):
        done = work(FETCH, index, tmp_path, **SMALLER, FRONT=front)
        assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == [f"part-{index}.npy" for index in range(workers)]
    assert joined(tmp_path, workers) == whole


@pytest.mark.parametrize("folder", [MAKE, FETCH], ids=lambda folder: folder.name)
def test_a_refusal_fails_the_worker(folder: Path, front: str, tmp_path: Path) -> None:
    """At once, and no file has the name of a part."""
    done = work(folder, 0, tmp_path, SCHEME="he_norml", FRONT=front)
    assert done.returncode != 0
    assert list(tmp_path.glob("*.npy")) == []


def test_a_front_may_store_what_a_worker_fetches(front: str, tmp_path: Path) -> None:
    """The URL is the canonical one, save for the first worker and the last one.

    Their slices begin or end with the tensor, and a canonical URL does not write such a bound.
    """
    words = arguments(FETCH, tmp_path, 3)
    target = urlsplit(words[-1])
    url = f"{front}{target.path}?{target.query}"
    assert "immutable" in httpx2.head(url).headers["cache-control"]


def test_a_missing_variable_fails_the_worker(tmp_path: Path) -> None:
    """The shell does not read it as nothing, which would be another tensor."""
    objects = render(MAKE)
    (container,) = pods(objects)["tensor"]["spec"]["containers"]
    for name in environment(MAKE):
        rest = {key: text for key, text in environment(MAKE).items() if key != name}
        given = rest | {"JOB_COMPLETION_INDEX": "0", "PATH": os.environ["PATH"]}
        done = subprocess.run(container["command"], env=given, capture_output=True, timeout=60)
        assert done.returncode != 0
        assert name.encode() in done.stderr


def test_a_gap_between_slices_would_be_noticed(whole: bytes, tmp_path: Path) -> None:
    """Negative control: workers that were told another number of workers."""
    for index in range(2):
        assert work(MAKE, index, tmp_path, **SMALLER, WORKERS="3").returncode == 0
    assert joined(tmp_path, 2) != whole
