"""What Kustomize makes of the manifests, by the four fields that they use.

A name of a ConfigMap has no hash at its end, unlike Kustomize's. tests/kubernetes/test_rendering.py
compares the rest with Kustomize itself.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.process import ROOT

DEPLOY = ROOT / "deploy"
JOBS = DEPLOY / "kubernetes" / "jobs"
NAMESPACE = DEPLOY / "kubernetes" / "namespace"
KUSTOMIZATIONS = (DEPLOY, JOBS / "make", JOBS / "fetch", JOBS / "model")
"""The folders that are given to `kubectl apply -k`. Jobs need NAMESPACE before."""

FIELDS = {"resources", "images", "configMapGenerator", "patchesStrategicMerge"}

Object = dict[str, Any]
"""An object of Kubernetes."""


def render(folder: Path) -> list[Object]:
    """The objects of the kustomization in this folder."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    unknown = kustomization.keys() - FIELDS - {"apiVersion", "kind"}
    assert not unknown, f"the renderer does not know {unknown}"
    objects = [
        each for name in kustomization["resources"] for each in _loaded(folder, folder / name)
    ]
    objects += [_config_map(folder, entry) for entry in kustomization.get("configMapGenerator", [])]
    for name in kustomization.get("patchesStrategicMerge", []):
        for patch in _documents(folder, folder / name):
            objects = _patched(objects, patch)
    for image in kustomization.get("images", []):
        for each in objects:
            _rename(each, image)
    return objects


def only(objects: list[Object], kind: str, name: str = "") -> Object:
    """The one object of this kind, and of this name if there is one."""
    (found,) = [
        each for each in objects if each["kind"] == kind and name in ("", each["metadata"]["name"])
    ]
    return found


def pods(objects: list[Object]) -> dict[str, Object]:
    """The pod template of each Deployment and Job, by the name of these."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in objects
        if each["kind"] in ("Deployment", "Job")
    }


def settings(objects: list[Object], container: Object) -> dict[str, str]:
    """The environment that the maps of a container give it."""
    maps = [
        only(objects, "ConfigMap", each["configMapRef"]["name"]) for each in container["envFrom"]
    ]
    return {name: text for each in maps for name, text in each["data"].items()}


def bytes_in(quantity: str) -> int:
    """The number of bytes that a quantity such as 16Mi means."""
    return int(quantity[:-2]) << {"Ki": 10, "Mi": 20, "Gi": 30}[quantity[-2:]]


def _loaded(folder: Path, path: Path) -> Iterator[Object]:
    if path.is_dir():
        yield from render(path)
    else:
        yield from _documents(folder, path)


def _documents(folder: Path, path: Path) -> Iterator[Object]:
    """The documents of a file. Kustomize reads none that lies outside `folder`."""
    assert path.resolve().is_relative_to(folder.resolve()), path
    yield from yaml.safe_load_all(path.read_text())


def _config_map(folder: Path, entry: Object) -> Object:
    data = dict(pair.split("=", 1) for pair in entry.get("literals", []))
    for file in entry.get("files", []):
        key, _, name = file.rpartition("=")
        path = folder / name
        assert path.resolve().is_relative_to(folder.resolve()), path
        data[key or path.name] = path.read_text()
    metadata = {"name": entry["name"], "namespace": entry["namespace"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _identity(each: Object) -> tuple[str, str, str]:
    metadata = each["metadata"]
    return each["kind"], metadata.get("namespace", ""), metadata["name"]


def _patched(objects: list[Object], patch: Object) -> list[Object]:
    """The objects, of which the patch changes one."""
    (target,) = [each for each in objects if _identity(each) == _identity(patch)]
    return [_merged(each, patch) if each is target else each for each in objects]


def _merged(value: Any, patch: Any) -> Any:
    """A strategic merge: members of maps, and lists of named things by their names.

    Other lists are replaced.
    """
    if isinstance(value, dict) and isinstance(patch, dict):
        both = {name: _merged(value[name], patch[name]) for name in value.keys() & patch.keys()}
        return value | patch | both
    if _named(value) and _named(patch):
        by_name = {each["name"]: each for each in patch}
        merged = [_merged(each, by_name.pop(each["name"], {})) for each in value]
        return [*merged, *by_name.values()]
    return patch


def _named(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and "name" in each for each in value
    )


def _rename(each: Object, image: dict[str, str]) -> None:
    if each["kind"] not in ("Deployment", "Job"):
        return
    for container in each["spec"]["template"]["spec"]["containers"]:
        if container["image"] == image["name"]:
            container["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"
