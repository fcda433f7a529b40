"""Files of models: each tensor has exactly the bytes of its own URL, in any partition."""

import hashlib
import json
import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import deserialize

from service.chunks import Body, TensorBody
from service.fields import parse_query
from service.models.body import FileBody, FileLayout
from service.models.listing import ModelListing
from service.models.manifest import parse_manifest
from service.models.planning import ModelPlan, plan_model
from service.plan import plan

MOST = 2**44

KINDS: tuple[dict[str, Any], ...] = (
    {"name": "h.{0..3}.w", "shape": [30, 40], "scheme": "he_normal", "layer": "dense"},
    {"name": "empty", "shape": [0, 4], "scheme": "normal"},
    {"name": "large", "shape": [700, 1000], "scheme": "glorot_uniform", "layout": "IO"},
    {"name": "scalar", "shape": [], "scheme": "ones"},
    {"name": "matrix", "shape": [120, 90], "scheme": "orthogonal"},
    {"name": "count", "shape": [], "dtype": "int64", "scheme": "zeros"},
    {"name": "counts", "shape": [3, 2], "dtype": "int64", "scheme": "zeros"},
    {"name": "half.{0..2}.{0..4}", "shape": [777], "dtype": "float16", "scheme": "normal"},
    {"name": "byte", "shape": [333], "dtype": "float8_e4m3fn", "scheme": "normal"},
    {"name": "wide", "shape": [17, 3], "dtype": "float64", "scheme": "lecun_normal"},
    {"name": "bias", "shape": [300], "scheme": "mamba_dt_bias"},
    {"name": "eye", "shape": [30, 30], "scheme": "identity"},
    {"name": "part", "shape": [30, 30], "scheme": "lecun_normal", "slice": "3:7,2:"},
    {"name": "qkv", "shape": [96, 32], "scheme": "glorot_normal", "parts": [32, 48, 16]},
    {"name": "mask", "shape": [64, 64], "scheme": "sparse", "sparsity": 0.5},
    {"name": "own", "shape": [50], "scheme": "normal", "seed": 99},
)


def planned(tensors: Sequence[dict[str, Any]], **more: Any) -> ModelPlan:
    manifest = {"seed": 7, "tensors": tensors, **more}
    return plan_model(parse_manifest(json.dumps(manifest).encode()), max_bytes=MOST)


def content(body: Body) -> bytes:
    """All chunks, each in memory that an earlier one may have left something in."""
    memory = np.full(body.chunk_bytes, 0xAA, np.uint8)
    return b"".join(bytes(body.chunk(index, memory)) for index in range(body.chunk_count))


def bodies(model: ModelPlan) -> list[FileBody]:
    return [FileBody(FileLayout(model.kinds, file)) for file in model.files]


def own_bytes(url: str) -> bytes:
    """The bytes of a tensor's own URL, which must be canonical."""
    path, _, query = url.partition("?")
    own = plan(parse_query(query.encode()), path.rpartition(".")[2], max_bytes=MOST)
    assert own.url == url
    return content(TensorBody(own))


MODEL = planned(KINDS)
WHOLE = content(bodies(MODEL)[0])


def test_each_tensor_has_the_bytes_of_its_own_url() -> None:
    """The listing says where they are."""
    listed = list(ModelListing(MODEL, "token").tensors())
    assert len(listed) == sum(len(file.tensors) for file in MODEL.files) == 33
    for tensor in listed:
        values = WHOLE[tensor["from"] : tensor["to"]]
        expected = bytes(len(values)) if tensor["url"] is None else own_bytes(tensor["url"])
        assert values == expected, tensor["name"]
    assert [each["name"] for each in listed if each["url"] is None] == ["count", "counts"]


def test_the_official_library_reads_the_file() -> None:
    # The library has no types for this function.
    read = dict(deserialize(WHOLE))  # type: ignore[no-untyped-call]
    assert (read["count"]["dtype"], read["count"]["shape"]) == ("I64", [])
    assert bytes(read["counts"]["data"]) == bytes(48)
    assert (read["byte"]["dtype"], read["byte"]["shape"]) == ("F8_E4M3", [333])
    assert read["part"]["shape"] == [4, 28]
    assert bytes(read["scalar"]["data"]) == np.float32(1.0).tobytes()
    assert len(read) == 33


def test_all_values_are_aligned() -> None:
    """Zero-copy readers need a place that is a multiple of the size of an element."""
    kinds = {"float32": 4, "float16": 2, "float64": 8, "int64": 8, "float8_e4m3fn": 1}
    for tensor in ModelListing(MODEL, "token").tensors():
        assert tensor["from"] % kinds[tensor["dtype"]] == 0


def test_metadata_is_in_the_header() -> None:
    model = planned(KINDS[:1], metadata={"by": "m\u00e9", "format": "np"})
    [body] = bodies(model)
    data = content(body)
    (length,) = struct.unpack("<Q", data[:8])
    assert json.loads(data[8 : 8 + length])["__metadata__"] == {"format": "np", "by": "m\u00e9"}


@settings(max_examples=60)
@given(st.data())
def test_any_partition_joined_is_the_whole(data: st.DataObject) -> None:
    """Each cut falls anywhere: in the header, in an element, between tensors."""
    places = data.draw(st.lists(st.integers(1, len(WHOLE) - 1), max_size=8, unique=True))
    edges = [0, *sorted(places), len(WHOLE)]
    [body] = bodies(MODEL)
    parts = [content(body.part(a, b)) for a, b in pairwise(edges)]
    assert [len(each) for each in parts] == [b - a for a, b in pairwise(edges)]
    assert b"".join(parts) == WHOLE


@settings(max_examples=60)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 40))
def test_short_parts(start: int, length: int) -> None:
    [body] = bodies(MODEL)
    stop = min(start + length, len(WHOLE))
    assert content(body.part(start, stop)) == WHOLE[start:stop]


@settings(max_examples=25)
@given(st.permutations(KINDS), st.data())
def test_other_tensors_never_change_a_tensor(
    order: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Neither their order, nor their number, nor the shards."""
    kept = data.draw(
        st.lists(st.sampled_from(order), min_size=1, unique_by=lambda each: each["name"])
    )
    size = data.draw(st.sampled_from([None, 1, 5_000, 200_000]))
    model = planned(kept, **({} if size is None else {"max_shard_size": size}))
    files = {
        file.name: content(body) for file, body in zip(model.files, bodies(model), strict=True)
    }
    known = {each["name"]: each for each in ModelListing(MODEL, "token").tensors()}
    for tensor in ModelListing(model, "token").tensors():
        before = known[tensor["name"]]
        values = files[tensor["file"]][tensor["from"] : tensor["to"]]
        assert values == WHOLE[before["from"] : before["to"]]


def test_a_renamed_tensor_changes_alone() -> None:
    first, second = (
        planned([KINDS[0], {**KINDS[3], "scheme": "normal", "name": name}]) for name in ("a", "b")
    )
    values = [content(bodies(each)[0]) for each in (first, second)]
    ends = [each.files[0].tensors[-1].begin for each in (first, second)]
    heads = [len(each.files[0].head) for each in (first, second)]
    assert values[0][heads[0] :][: ends[0]] == values[1][heads[1] :][: ends[1]]
    assert values[0][heads[0] :][ends[0] :] != values[1][heads[1] :][ends[1] :]


def test_shards_have_at_most_the_asked_bytes_or_one_tensor() -> None:
    model = planned(KINDS, max_shard_size="6KB")
    for file in model.files:
        assert file.length - len(file.head) <= 6000 or len(file.tensors) == 1
    count = len(model.files)
    assert [each.name for each in model.files] == [
        f"model-{place:05d}-of-{count:05d}.safetensors" for place in range(1, count + 1)
    ]
    assert sum(len(file.tensors) for file in model.files) == 33


def test_one_shard_is_one_file() -> None:
    assert [each.name for each in planned(KINDS, max_shard_size="5GB").files] == [
        "model.safetensors"
    ]


def test_tags_tell_files_and_models_apart() -> None:
    sharded = planned(KINDS, max_shard_size="6KB")
    tags = [sharded.tag(file.name) for file in sharded.files]
    others = [MODEL.tag("model.safetensors"), planned(KINDS, seed=8).tag("model.safetensors")]
    assert len({*tags, *others}) == len(tags) + 2


def test_small_tensors_share_chunks() -> None:
    """10,000 tensors of 16 KiB have one chunk for each MiB, and a few more."""
    model = planned([{"name": "w.{0..9999}", "shape": [64, 64], "scheme": "normal", "std": 0.02}])
    layout = FileLayout(model.kinds, model.files[0])
    assert layout.chunk_count < 1.1 * model.files[0].length / 2**20
    body = FileBody(layout)
    found = hashlib.sha256(content(body)[len(model.files[0].head) :])
    expected = hashlib.sha256()
    for kind in model.kinds:
        for number in range(10_000):
            expected.update(own_bytes(kind.url(f"w.{number}") or ""))
    assert found.digest() == expected.digest()


def test_small_tensors_share_the_last_chunk_of_a_large_one() -> None:
    """A bias after each matrix adds no chunk. One that does not fit has a chunk of its own."""
    tensors: list[dict[str, Any]] = [
        {"name": "a", "shape": [1000, 1000], "scheme": "normal", "std": 0.02},
        {"name": "a.bias", "shape": [1000], "scheme": "ones"},
        {"name": "a.scale", "shape": [1000], "scheme": "mamba_dt_bias"},
        {"name": "b", "shape": [1024, 1024], "scheme": "normal", "std": 0.02},
        {"name": "b.bias", "shape": [1024], "scheme": "ones"},
    ]
    model = planned(tensors)
    [body] = bodies(model)
    head, last = len(model.files[0].head), 4_000_000 - 3 * 2**20
    edges = [head, *(2**20,) * 3, last + 8000, *(2**20,) * 4, 4096]
    memory = np.empty(body.chunk_bytes, np.uint8)
    assert [len(body.chunk(index, memory)) for index in range(body.chunk_count)] == edges
    whole = content(body)
    for tensor in ModelListing(model, "token").tensors():
        assert whole[tensor["from"] : tensor["to"]] == own_bytes(tensor["url"])


def test_many_kinds_in_turn_take_no_longer_than_their_number() -> None:
    """All 20,000 share a chunk. Each has another kind than the one before it."""
    rules = [
        {"match": "*[13579]", "fields": {"scheme": "ones"}},
        {"match": "*", "fields": {"scheme": "zeros"}},
    ]
    tensors = [{"name": "t.{0..19999}", "shape": []}]
    model = planned(tensors, rules=rules[1:]), planned(tensors, rules=rules)
    [alike], [in_turn] = map(bodies, model)
    assert (alike.layout.end_of_kind(0), in_turn.layout.end_of_kind(7)) == (20_000, 8)
    expected = np.tile(np.array([0, 1], np.float32), 10_000).tobytes()
    assert content(in_turn)[len(model[1].files[0].head) :] == expected


def test_the_cost_of_a_range_is_its_share() -> None:
    [body] = bodies(MODEL)
    half = len(WHOLE) // 2
    assert body.part(0, half).cost + body.part(half, len(WHOLE)).cost == pytest.approx(body.cost, 2)
    assert body.part(half, half + 8).cost < 100


def test_a_part_needs_a_matrix_only_if_it_touches_one() -> None:
    tensors = {each["name"]: each for each in ModelListing(MODEL, "token").tensors()}
    matrix = tensors["matrix"]
    [body] = bodies(MODEL)
    assert body.materialised
    assert body.part(matrix["to"] - 1, matrix["to"]).materialised
    assert body.part(matrix["from"] - 1, matrix["from"] + 1).materialised
    assert not body.part(0, matrix["from"]).materialised
    assert not body.part(matrix["to"], len(WHOLE)).materialised


def test_a_terabyte_is_planned_and_any_place_read() -> None:
    """Nothing is computed but what is asked for."""
    model = planned(
        [{"name": "h.{0..99}.w", "shape": [2**16, 2**17], "scheme": "normal", "std": 0.02}],
        dtype="bfloat16",
    )
    [body] = bodies(model)
    assert body.length > 1.6e12
    tensor = list(ModelListing(model, "token").tensors())[77]
    middle = (tensor["from"] + tensor["to"]) // 2
    own = plan(parse_query(tensor["url"].partition("?")[2].encode()), "raw", max_bytes=MOST)
    start = middle - tensor["from"]
    expected = content(TensorBody(own).part(start, start + 1000))
    assert content(body.part(middle, middle + 1000)) == expected
    assert len(content(body.part(body.length - 8, body.length))) == 8
