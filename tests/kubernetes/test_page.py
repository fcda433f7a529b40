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
    assert kustomization.keys() <= FIELDS | {"apiVersion", "kind"}
    shutil.copytree(DEPLOY, folder / "fanin" / "deploy")
    command = ["kubectl", "kustomize", str(folder / name)]
    done = subprocess.run(command, capture_output=True, check=True)
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
    assert tensor["WORKERS"] == ours["WORKERS"]
    # Four bytes for each element.
    claim = only(objects, "PersistentVolumeClaim")["spec"]["resources"]["requests"]["storage"]
    assert 4 * int(tensor["ROWS"]) * int(tensor["COLUMNS"]) < bytes_in(claim)


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
    assert container["resources"]["limits"]["memory"] == "2560Mi"
    assert "The limit of 2,560 MiB" in text
