"""The manifests pass two other programs: kubernetes-validate and checkov."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.rendering import DEPLOY, JOBS, KUSTOMIZATIONS, NAMESPACE, Object, only, render
from tests.peers.environment import python_with
from tests.process import ROOT

VERSIONS = ("1.30", "1.33", "1.37")
"""Versions of Kubernetes. The `sleep` of a preStop hook came with 1.30."""

UNWANTED = {
    "CKV_K8S_15": "A pod must be able to start again while the registry does not answer. The tags "
    "name versions, so there is nothing newer to pull.",
    "CKV_K8S_43": "The digest of the image is known where it is built, so it is set there "
    "(docs/kubernetes.md).",
}
"""The rules of checkov that the manifests do not follow, and why."""


def checker(name: str) -> Path:
    """A program of build/manifests-venv."""
    return python_with("manifests-venv", ROOT / "requirements-manifests.txt").parent / name


def written(objects: list[Object], folder: Path) -> Path:
    file = folder / "objects.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    return file


def validate(objects: list[Object], folder: Path, version: str) -> tuple[int, str]:
    """The status and the output of kubernetes-validate, which refuses unknown members."""
    options = ["--strict", "--kubernetes-version", version]
    return _run([str(checker("kubernetes-validate")), *options, str(written(objects, folder))])


def checkov(objects: list[Object], folder: Path) -> tuple[int, str]:
    """The status and the output of checkov. It is told to ask nobody."""
    options = ["--framework", "kubernetes", "--compact", "--quiet", "--skip-download"]
    options += ["--skip-check", ",".join(UNWANTED)]
    return _run([str(checker("checkov")), *options, "--file", str(written(objects, folder))])


def _run(command: list[str]) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda folder: folder.name)
def test_kubernetes_knows_every_member(folder: Path, version: str, tmp_path: Path) -> None:
    """Each object is valid by the schemas of that version."""
    objects = render(folder)
    status, said = validate(objects, tmp_path, version)
    assert status == 0, said
    assert said.count("INFO") == said.count(" passed for resource ") == len(objects)


def _a_wrong_member(objects: list[Object]) -> None:
    only(objects, "PodDisruptionBudget", "fanin-front")["spec"]["maxUnavailible"] = 1


def _a_wrong_type(objects: list[Object]) -> None:
    only(objects, "Deployment", "fanin-front")["spec"]["replicas"] = "2"


@pytest.mark.parametrize("spoil", [_a_wrong_member, _a_wrong_type])
def test_an_invalid_object_is_found(spoil: Callable[[list[Object]], None], tmp_path: Path) -> None:
    """Negative control."""
    objects = render(DEPLOY)
    spoil(objects)
    status, said = validate(objects, tmp_path, VERSIONS[-1])
    assert status == 1
    assert said.count("ERROR") == 1


def test_an_older_kubernetes_lacks_the_hook(tmp_path: Path) -> None:
    """Negative control: the versions differ, and docs/kubernetes.md names the first."""
    status, said = validate(render(DEPLOY), tmp_path, "1.28")
    assert status == 1
    assert "preStop" in said
    assert "Kubernetes 1.30" in (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda folder: folder.name)
def test_checkov_finds_nothing(folder: Path, tmp_path: Path) -> None:
    """But for the rules in `UNWANTED`. A Job is judged in its namespace, which has a policy."""
    namespace = render(NAMESPACE) if folder.is_relative_to(JOBS) else []
    status, said = checkov([*namespace, *render(folder)], tmp_path)
    assert status == 0, said


def test_checkov_would_find_something(tmp_path: Path) -> None:
    """Negative control: a container that may write into its image."""
    objects = render(DEPLOY)
    (container,) = only(objects, "Deployment", "fanin-front")["spec"]["template"]["spec"][
        "containers"
    ]
    container["securityContext"]["readOnlyRootFilesystem"] = False
    status, said = checkov(objects, tmp_path)
    assert status == 1
    assert "CKV_K8S_22" in said
    assert "Failed checks: 1," in said
