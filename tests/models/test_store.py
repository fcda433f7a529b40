"""The models that a process keeps."""

import json

import pytest

from service.models import store as module
from service.models.manifest import Manifest, parse_manifest
from service.models.store import ModelStore


def manifest(seed: int) -> Manifest:
    tensors = [{"name": "w.{0..99}", "shape": [4], "scheme": "normal", "std": 0.02}]
    return parse_manifest(json.dumps({"seed": seed, "tensors": tensors}).encode())


def test_a_model_that_is_read_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is room for two. The one that was used least recently is dropped."""
    store = ModelStore(2**40)
    first = store.planned(manifest(1))
    monkeypatch.setattr(module, "MOST_BYTES", 5 * first.memory // 2)
    second = store.planned(manifest(2))
    assert store.known(first.token) is first
    third = store.planned(manifest(3))
    kept = [store.known(each.token) is not None for each in (first, second, third)]
    assert kept == [True, False, True]


def test_a_layout_is_made_once() -> None:
    model = ModelStore(2**40).planned(manifest(1))
    [file] = model.plan.files
    assert model.known_layout(file) is None
    made = model.layout(file)
    assert model.known_layout(file) is made is model.layout(file)
