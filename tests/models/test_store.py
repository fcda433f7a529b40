"""Which models are kept."""

import gc
import json
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.models import store
from service.models.manifest import Manifest, parse_manifest
from service.models.store import LargeModelError, ModelStore


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
    monkeypatch.setattr(store, "MOST_SMALL_BYTES", model.memory - 1)
    models.weigh(model.token)
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
    monkeypatch.setattr(store, "MOST_LARGE_BYTES", 0)
    planned_large(models, 2)
    assert model() is None


@pytest.mark.parametrize("threads", [1, 2])
def test_no_collection_takes_long_while_models_are_planned(threads: int) -> None:
    """They look at young objects only, and once. 40,000 tensors have 300,000 objects."""
    models, begun, times = ModelStore(2**40), 0.0, list[float]()
    text = '{"tensors":[{"name":"w.{0..39999}","shape":[4],"scheme":"ones"}],"seed":%d}'

    def timed(phase: str, about: object) -> None:
        nonlocal begun
        if phase == "start":
            begun = time.thread_time()
        else:
            times.append(time.thread_time() - begun)

    gc.collect()
    gc.callbacks.append(timed)
    try:
        with ThreadPoolExecutor(threads) as pool:
            manifests = [parse_manifest((text % seed).encode()) for seed in range(threads)]
            plans = list(pool.map(models.plan, manifests))
    finally:
        gc.callbacks.remove(timed)
    assert len(plans) == threads
    assert times
    assert max(times) < 0.03
    # Negative control: this is what a collection of everything takes.
    gc.unfreeze()
    begun = time.thread_time()
    gc.collect()
    assert time.thread_time() - begun > 0.05
    gc.freeze()


def planned_large(models: ModelStore, seed: int) -> str:
    text = b'{"tensors":[{"name":"w.{0..2000}","shape":[4],"scheme":"ones"}],"seed":%d}' % seed
    return models.planned(parse_manifest(text)).token


def test_large_models_drop_no_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind has its own share of the memory."""
    models = ModelStore(2**40)
    small, first = planned(models, 1), planned_large(models, 1)
    large = models.known(first)
    assert large is not None
    monkeypatch.setattr(store, "MOST_LARGE_BYTES", 2 * large.memory)
    tokens = [planned_large(models, seed) for seed in range(2, 6)]
    assert models.known(small) is not None
    assert [models.known(token) is not None for token in tokens] == [False, False, True, True]


def test_the_last_large_model_is_kept_however_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client was told to come back, and must find it then."""
    monkeypatch.setattr(store, "MOST_LARGE_BYTES", 0)
    models = ModelStore(2**40)
    first, last = planned_large(models, 1), planned_large(models, 2)
    assert models.known(first) is None
    assert models.known(last) is not None


def test_only_small_models_if_that_is_asked_for() -> None:
    """The others are not planned, but their outline is known."""
    models = ModelStore(2**40)
    small = manifest_of({"architecture": "GPT2LMHeadModel", "size": "tiny", "seed": 1})
    assert models.planned(small, only_small=True).is_small
    large = manifest_of({"architecture": "DeepseekV3ForCausalLM", "size": "671b", "seed": 1})
    begun = time.perf_counter()
    with pytest.raises(LargeModelError) as caught:
        models.planned(large, only_small=True)
    assert time.perf_counter() - begun < 1
    plan = models.planned(large).plan
    assert not plan.is_small
    assert caught.value.outline.total_bytes == plan.bytes
    largest = max(plan.kinds, key=lambda kind: kind.size)
    assert caught.value.outline.largest_bytes == largest.size


def manifest_of(members: dict[str, object]) -> Manifest:
    return parse_manifest(json.dumps(members).encode())


def test_threads_may_plan_at_once() -> None:
    """The collector is paused until the last of them is done."""
    models = ModelStore(2**40)
    with ThreadPoolExecutor(2) as threads:
        tokens = list(threads.map(lambda seed: planned_large(models, seed), range(8)))
    assert all(models.known(token) is not None for token in tokens)
    assert gc.isenabled()
