"""docs/kubernetes.md: its overlay works, its table is complete, its figures are right."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.rendering import (
    DEPLOY,
    FIELDS,
    JOBS,
    Object,
    bytes_in,
    only,
    pods,
    render,
    settings,
)
from tests.kubernetes.test_objects import unrestricted
from tests.process import ROOT

PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
OVERLAY = dict(re.findall(r"^```yaml\n# (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
"""The files that the page shows, by name."""


@pytest.fixture
def objects() -> list[Object]:
    return render(DEPLOY)


def overlaid(folder: Path, name: str = ".") -> list[Object]:
    """What Kustomize makes of a kustomization of the page, beside a copy of the manifests."""
    for file, text in OVERLAY.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text)
    kustomization = yaml.safe_load((folder / name / "kustomization.yaml").read_text())
    assert kustomization.keys() <= FIELDS | {"apiVersion", "kind", "namespace", "patches"}
    shutil.copytree(DEPLOY, folder / "fanin" / "deploy")
    (sed,) = re.findall(r"^sed .*?> \S+$", PAGE, re.MULTILINE | re.DOTALL)
    subprocess.run(["sh", "-c", sed], cwd=folder, check=True)
    command = ["kubectl", "kustomize", str(folder / name)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b""
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.slow  # Debian's kubectl is too old, so `make manifests` runs it by hand.
@pytest.mark.needs("kubectl")
def test_the_overlay_of_the_page_works(tmp_path: Path) -> None:
    """Its image and its numbers are those of the result."""
    objects = overlaid(tmp_path)
    (container,) = pods(objects)["fanin-replicas"]["spec"]["containers"]
    assert container["image"] == "registry.your.org/fanin:0.1.0"
    scaler = only(objects, "HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (4, 40)
    # What the overlay does not name stays.
    assert scaler["scaleTargetRef"]["name"] == "fanin-replicas"


@pytest.mark.slow  # Debian's kubectl is too old, so `make manifests` runs it by hand.
@pytest.mark.needs("kubectl")
def test_the_job_of_the_page_works(tmp_path: Path) -> None:
    """It has its image and its tensor, and the other fields of ours."""
    objects = overlaid(tmp_path, "job")
    (container,) = pods(objects)["tensor"]["spec"]["containers"]
    assert container["image"] == "registry.your.org/fanin:0.1.0"
    tensor = settings(objects, container)
    assert tensor["NAME"] == "embed_tokens.weight"
    ours = only(render(JOBS / "make"), "ConfigMap", "tensor")["data"]
    assert tensor.keys() == ours.keys()
    spec = only(objects, "Job")["spec"]
    assert int(tensor["WORKERS"]) == spec["completions"] == 16
    assert spec["parallelism"] == 8
    assert f"range({spec['completions']})" in PAGE
    assert f"seq 0 {spec['completions'] - 1}" in PAGE
    # Four bytes for each element.
    claim = only(objects, "PersistentVolumeClaim")["spec"]["resources"]["requests"]["storage"]
    assert 4 * int(tensor["ROWS"]) * int(tensor["COLUMNS"]) < bytes_in(claim)


@pytest.mark.slow  # Debian's kubectl is too old, so `make manifests` runs it by hand.
@pytest.mark.needs("kubectl")
def test_the_service_moves_to_another_namespace(tmp_path: Path) -> None:
    """Every object, and the name of the replicas that nginx asks for."""
    objects = overlaid(tmp_path, "elsewhere")
    assert only(objects, "Namespace")["metadata"]["name"] == "weights"
    assert {each["metadata"].get("namespace") for each in objects} == {None, "weights"}
    (files,) = (each["data"] for each in objects if "nginx.conf" in each.get("data", {}))
    assert "server fanin-replicas.weights.svc.cluster.local:8000 " in files["upstream.conf"]
    assert "fanin-replicas.fanin" not in files["upstream.conf"]
    assert files["nginx.conf"] == (DEPLOY / "nginx.conf").read_text()


@pytest.mark.slow  # Debian's kubectl is too old, so `make manifests` runs it by hand.
@pytest.mark.needs("kubectl")
@pytest.mark.parametrize("named", [True, False])
def test_a_merge_must_name_the_namespace(tmp_path: Path, named: bool) -> None:
    """The setting of the page; without its namespace Kustomize fails."""
    (lines,) = re.findall(r"^```yaml\n(configMapGenerator.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    if not named:
        lines = lines.replace("    namespace: fanin\n", "")
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    (tmp_path / "kustomization.yaml").write_text(f"resources: [deploy]\n{lines}")
    done = subprocess.run(["kubectl", "kustomize", str(tmp_path)], capture_output=True, check=False)
    assert (done.returncode == 0, b"FANIN_LOG_LEVEL: info" in done.stdout) == (named, named)


def test_the_reader_may_run_and_reads_the_volume() -> None:
    """The namespace admits it, and it mounts the volume of the Job."""
    reader = yaml.safe_load(OVERLAY["job/reader.yaml"])
    assert list(unrestricted(reader["spec"])) == []
    job = render(JOBS / "make")
    claim = only(job, "PersistentVolumeClaim")["metadata"]
    (volume,) = reader["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["name"]
    assert reader["metadata"]["namespace"] == claim["namespace"]


def test_the_table_has_every_object(objects: list[Object]) -> None:
    """One row for each, and no other."""
    rows = re.findall(r"^\| ([A-Z]\w+) `([\w-]+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted((each["kind"], each["metadata"]["name"]) for each in objects)


def test_the_figures_are_those_of_the_manifests(objects: list[Object]) -> None:
    """Times, numbers of replicas and memory."""
    pod = pods(objects)["fanin-replicas"]["spec"]
    (container,) = pod["containers"]
    probe = container["startupProbe"]
    scaler = only(objects, "HorizontalPodAutoscaler")["spec"]
    variables = settings(objects, container)
    hook = pods(objects)["fanin-front"]["spec"]["containers"][0]["lifecycle"]["preStop"]
    percent = scaler["metrics"][0]["resource"]["target"]["averageUtilization"]
    text = " ".join(PAGE.split())
    for words in (
        f"The startup probe waits for {probe['periodSeconds'] * probe['failureThreshold']} s.",
        f"`FANIN_DRAIN_SECONDS`, here {variables['FANIN_DRAIN_SECONDS']} s",
        f"`terminationGracePeriodSeconds` is {pod['terminationGracePeriodSeconds']}.",
        f"{scaler['minReplicas']} to {scaler['maxReplicas']} replicas",
        f"so that they use {percent} % of their processors",
        f"accepting for {hook['sleep']['seconds']} s before nginx",
        f"sends {variables['FANIN_MAX_STREAMS']} large answers",
    ):
        assert words in text
    assert container["resources"]["limits"]["memory"] == "3Gi"
    assert "The limit of 3 GiB" in text
