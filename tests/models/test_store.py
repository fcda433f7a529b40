"""Which models are kept."""

import gc
import weakref

import pytest

from service.models import store
from service.models.manifest import parse_manifest
from service.models.store import ModelStore


def planned(models: ModelStore, seed: int) -> str:
    text = b'{"tensors":[{"name":"w","shape":[4],"scheme":"ones"}],"seed":%d}' % seed
    return models.planned(parse_manifest(text)).token


def test_the_model_that_was_used_least_recently_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is asked for counts as used."""
    monkeypatch.setattr(store, "MOST_MODELS", 2)
    models = ModelStore(2**20)
    first, second = planned(models, 1), planned(models, 2)
    assert models.known(first) is not None
    third = planned(models, 3)
    assert [models.known(token) is not None for token in (first, second, third)] == [
        True,
        False,
        True,
    ]


def test_what_was_made_of_a_model_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layouts, selections and the listing are part of its memory."""
    models = ModelStore(2**20)
    model = models.model(planned(models, 1))
    [file] = model.plan.files
    before = [model.memory]
    for make in (model.listing, lambda: model.layout(file), lambda: model.selection(file, ("w",))):
        make()
        before.append(model.memory)
    assert before == sorted(set(before))
    monkeypatch.setattr(store, "MOST_BYTES", model.memory - 1)
    models.trim()
    assert models.known(model.token) is None


def test_a_layout_is_made_once() -> None:
    models = ModelStore(2**40)
    model = models.model(planned(models, 1))
    [file] = model.plan.files
    assert model.known_layout(file, None) is None
    made = model.layout(file)
    assert model.known_layout(file, None) is made is model.layout(file)


def test_a_plan_is_not_looked_at_by_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its objects are frozen, and freed all the same when the model goes."""
    models = ModelStore(2**40)
    text = b'{"tensors":[{"name":"w.{0..9999}","shape":[4],"scheme":"ones"}],"seed":1}'
    before = gc.get_freeze_count()
    model = weakref.ref(models.planned(parse_manifest(text)).plan)
    assert gc.isenabled()
    assert gc.get_freeze_count() > before + 20_000
    monkeypatch.setattr(store, "MOST_BYTES", 0)
    models.trim()
    assert model() is None
