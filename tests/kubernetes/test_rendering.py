"""The renderer of these tests gives what Kustomize gives."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.rendering import KUSTOMIZATIONS, Object, only, render

HASH = re.compile(r"-[a-z0-9]{10}$")


def kustomize(folder: Path) -> list[Object]:
    """What `kubectl kustomize` prints. The names of maps lose their hash."""
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, check=True)
    objects = list(yaml.safe_load_all(done.stdout))
    hashed = [each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap"]
    plain = {name: HASH.sub("", name) for name in hashed}
    assert all(len(name) == len(plain[name]) + 11 for name in hashed)
    named: list[Object] = _replaced(objects, plain)
    return named


def _replaced(value: Any, texts: dict[str, str]) -> Any:
    """`value` with some of its strings replaced."""
    if isinstance(value, dict):
        return {name: _replaced(each, texts) for name, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, texts) for each in value]
    return texts.get(value, value) if isinstance(value, str) else value


def in_order(objects: list[Object]) -> list[str]:
    """One text for each object. Their order means nothing."""
    return sorted(json.dumps(each, sort_keys=True) for each in objects)


@pytest.mark.slow  # Debian's kubectl is too old, so `make manifests` runs it by hand.
@pytest.mark.needs("kubectl")
@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda folder: folder.name)
def test_kustomize_gives_the_same(folder: Path) -> None:
    """Every object, every member."""
    assert in_order(render(folder)) == in_order(kustomize(folder))


@pytest.mark.slow  # Debian's kubectl is too old, so `make manifests` runs it by hand.
@pytest.mark.needs("kubectl")
def test_a_difference_would_be_noticed() -> None:
    """Negative control: one number of one object."""
    folder = KUSTOMIZATIONS[0]
    changed = render(folder)
    only(changed, "Deployment", "fanin-front")["spec"]["replicas"] += 1
    assert in_order(changed) != in_order(kustomize(folder))


def test_a_fifth_field_is_refused(tmp_path: Path) -> None:
    """The renderer does not pass over what it does not know."""
    (tmp_path / "kustomization.yaml").write_text("resources: []\nnamePrefix: my-\n")
    with pytest.raises(AssertionError, match="namePrefix"):
        render(tmp_path)


def test_a_file_outside_is_refused(tmp_path: Path) -> None:
    """As Kustomize refuses it, so that nginx.conf must lie beside the kustomization or below."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.yaml").write_text("kind: Namespace\n")
    (tmp_path / "inside" / "kustomization.yaml").write_text("resources: [../outside.yaml]\n")
    with pytest.raises(AssertionError, match="outside"):
        render(tmp_path / "inside")
