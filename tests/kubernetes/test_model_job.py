"""The indexed Job of a model: each worker's command runs here, and they write the whole set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.models.body import FileBody, FileLayout
from service.models.listing import other_files
from service.models.manifest import parse_manifest
from service.models.planning import ModelPlan, plan_model
from tests.kubernetes.rendering import JOBS, Object, bytes_in, only, pods, render, settings
from tests.process import ROOT

MODEL = JOBS / "model"


@pytest.fixture
def objects() -> list[Object]:
    return render(MODEL)


def container_of(objects: list[Object]) -> Object:
    container: Object
    (container,) = pods(objects)["model"]["spec"]["containers"]
    return container


def given(objects: list[Object]) -> str:
    """The manifest that the workers read, from the volume that the container mounts."""
    volumes = {each["name"]: each for each in pods(objects)["model"]["spec"]["volumes"]}
    name = volumes["manifest"]["configMap"]["name"]
    (text,) = only(objects, "ConfigMap", name)["data"].values()
    return str(text)


def plan_of(text: str) -> ModelPlan:
    return plan_model(parse_manifest(text.encode()), max_bytes=2**44)


def work(
    objects: list[Object], index: int, folder: Path, **more: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run the command of a worker, with folders of this test in place of the volumes."""
    container = container_of(objects)
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    command = list(container["command"])
    for name in ("models", "manifest"):
        (folder / name).mkdir(exist_ok=True)
        command = [word.replace(mounted[name], str(folder / name)) for word in command]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = settings(objects, container) | {"JOB_COMPLETION_INDEX": str(index), "PATH": path}
    return subprocess.run(
        command, cwd=ROOT, env=environment | more, capture_output=True, timeout=120, check=False
    )


def smaller(text: str, folder: Path) -> ModelPlan:
    """A model of the same names with less memory, in the place of the Job's own."""
    manifest = json.loads(text) | {"max_shard_size": "10KB"}
    manifest["tensors"] = [
        each | {"shape": [1 + extent // 64 for extent in each["shape"]]}
        for each in manifest["tensors"]
    ]
    (folder / "manifest").mkdir()
    (folder / "manifest" / "manifest.json").write_text(json.dumps(manifest))
    return plan_of(json.dumps(manifest))


def content(plan: ModelPlan, place: int) -> bytes:
    body = FileBody(FileLayout(plan.kinds, plan.files[place]))
    memory = np.empty(body.chunk_bytes, np.uint8)
    return b"".join(bytes(body.chunk(index, memory)) for index in range(body.chunk_count))


def test_the_workers_write_the_model(objects: list[Object], tmp_path: Path) -> None:
    """In any order, and one of them twice. The files are those of one process alone."""
    plan = smaller(given(objects), tmp_path)
    workers = only(objects, "Job")["spec"]["completions"]
    assert len(plan.files) > workers
    for index in [*reversed(range(workers)), 1]:
        done = work(objects, index, tmp_path)
        assert (done.returncode, done.stderr) == (0, b"")
    expected = {each.name: content(plan, place) for place, each in enumerate(plan.files)}
    written = {each.name: each.read_bytes() for each in (tmp_path / "models").glob("*.*s*")}
    assert written == expected | other_files(plan)


def test_too_few_workers_would_be_noticed(objects: list[Object], tmp_path: Path) -> None:
    """Negative control: workers that were told a larger number of workers leave files out."""
    plan = smaller(given(objects), tmp_path)
    for index in range(2):
        assert work(objects, index, tmp_path, WORKERS="3").returncode == 0
    assert len(list((tmp_path / "models").glob("*.safetensors"))) < len(plan.files)


def test_there_are_as_many_workers_as_shares(objects: list[Object]) -> None:
    """Kubernetes gives the indices 0 to completions - 1."""
    spec = only(objects, "Job")["spec"]
    assert spec["completionMode"] == "Indexed"
    assert int(settings(objects, container_of(objects))["WORKERS"]) == spec["completions"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_the_model_can_be_divided_and_fits(objects: list[Object]) -> None:
    """Each worker has a file, all make the same model, nothing warns, and the volume is enough."""
    plan = plan_of(given(objects))
    assert len(plan.files) >= only(objects, "Job")["spec"]["completions"]
    assert json.loads(given(objects))["seed"] == 42
    assert plan.warnings == ()
    claim = only(objects, "PersistentVolumeClaim")["spec"]["resources"]["requests"]["storage"]
    assert sum(each.length for each in plan.files) < bytes_in(claim)


def test_a_refusal_fails_the_worker(objects: list[Object], tmp_path: Path) -> None:
    """At once, and no file is there."""
    (tmp_path / "manifest").mkdir()
    (tmp_path / "manifest" / "manifest.json").write_text('{"seed": 1, "tensors": [{}]}')
    done = work(objects, 0, tmp_path)
    assert done.returncode == 2
    assert list((tmp_path / "models").iterdir()) == []


def test_a_missing_variable_fails_the_worker(objects: list[Object]) -> None:
    """The shell does not read it as nothing."""
    environment = {"JOB_COMPLETION_INDEX": "0", "WORKERS": "4"}
    for name in environment:
        rest = {key: text for key, text in environment.items() if key != name}
        command = container_of(objects)["command"]
        done = subprocess.run(
            command, env=rest | {"PATH": os.environ["PATH"]}, capture_output=True, check=False
        )
        assert done.returncode != 0
        assert name.encode() in done.stderr
