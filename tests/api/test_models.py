"""/v1/models over a real socket."""

import hashlib
import json
import random
import socket
import time
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load

from service.models.manifest import Manifest, canonical_text
from service.models.recipe import recipes
from service.models.store import ModelStore, StoredModel
from service.models.token import token_of
from tests.application import Answer, ask, problem, ready
from tests.server import Address

JSON = {"Content-Type": "application/json"}
TENSORS = [
    {"name": "h.{0..2}.w", "shape": [30, 40], "scheme": "he_normal", "layer": "dense"},
    {"name": "norm", "shape": [40], "scheme": "ones"},
    {"name": "a,b", "shape": [8, 8], "scheme": "orthogonal"},
]
MANIFEST: dict[str, Any] = {"seed": 7, "tensors": TENSORS}


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def post(address: Address, manifest: dict[str, Any] | bytes) -> Answer:
    body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    return ask(address, "/v1/models", "POST", JSON, body)


def posted(address: Address, **members: Any) -> dict[str, Any]:
    answer = post(address, MANIFEST | members)
    assert answer.status == 200, answer.body
    told: dict[str, Any] = json.loads(answer.body)
    return told


def file_of(address: Address, **members: Any) -> str:
    """The path of the only file."""
    [file] = posted(address, **members)["files"]
    return str(file["url"])


def test_a_manifest_is_answered_with_its_url(address: Address) -> None:
    answer = post(address, MANIFEST)
    assert answer.headers["cache-control"] == "no-store"
    assert "link" not in answer.headers
    told = json.loads(answer.body)
    assert told["url"] == f"/v1/models/{told['token']}"
    assert told["seed"] == "7"
    assert (told["parameters"], told["tensor_count"]) == (3 * 1200 + 40 + 64, 5)
    assert told["bytes"] == 4 * told["parameters"]
    [file] = told["files"]
    assert file["name"] == "model.safetensors"
    assert len(ask(address, file["url"]).body) == file["bytes"]


def test_the_file_is_that_of_the_official_library(address: Address) -> None:
    read = load(ask(address, file_of(address)).body)
    assert set(read) == {"h.0.w", "h.1.w", "h.2.w", "norm", "a,b"}
    for name, values in read.items():
        [url] = [each["url"] for each in listing(address)["tensors"] if each["name"] == name]
        assert ask(address, url).body == values.tobytes()


def listing(address: Address, **members: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(ask(address, posted(address, **members)["url"]).body)
    return told


def test_the_listing_has_facts_of_each_tensor(address: Address) -> None:
    told = listing(address)
    first = told["tensors"][0]
    assert first["name"] == "h.0.w"
    assert (first["scheme"], first["fan_in"], first["fan_out"]) == ("he_normal", 40, 30)
    assert first["std"] == pytest.approx((2 / 40) ** 0.5)
    assert first["gain"] == pytest.approx(2**0.5)
    assert told["parameters"] == posted(address)["parameters"]
    assert first["to"] - first["from"] == 4800


def test_a_seed_is_drawn_and_told(address: Address) -> None:
    first, second = (posted(address, seed=None) for _ in range(2))
    assert first["seed"] != second["seed"]
    assert first["token"] != second["token"]
    again = posted(address, seed=int(first["seed"]))
    assert again["token"] == first["token"]


def test_headers_of_a_file(address: Address) -> None:
    url = file_of(address)
    get, head = ask(address, url), ask(address, url, "HEAD")
    different = {"date"}
    assert {k: v for k, v in get.headers.items() if k not in different} == {
        k: v for k, v in head.headers.items() if k not in different
    }
    assert head.body == b""
    assert get.headers["accept-ranges"] == "bytes"
    assert get.headers["cache-control"] == "public, max-age=300, no-transform"
    assert get.headers["content-disposition"] == 'attachment; filename="model.safetensors"'
    assert get.headers["weights-status"] == "draft"
    assert get.headers["weights-seed"] == "7"
    token = url.split("/")[3]
    assert not any(token in value for value in get.headers.values())


def test_another_spelling_is_revalidated(address: Address) -> None:
    """An escape in the path: the same bytes and tag, but a cache keeps no further copy."""
    url = file_of(address)
    plain, escaped = ask(address, url), ask(address, url.replace("model.s", "model%2Es"))
    assert escaped.body == plain.body
    assert escaped.headers["etag"] == plain.headers["etag"]
    assert escaped.headers["cache-control"] == "no-cache"


def test_conditional_requests(address: Address) -> None:
    url = file_of(address)
    tag = ask(address, url).headers["etag"]
    assert ask(address, url, headers={"If-None-Match": tag}).status == 304
    assert ask(address, url, headers={"If-Match": '"x"'}).status == 412
    listing = ask(address, url.rpartition("/")[0])
    unchanged = {"If-None-Match": listing.headers["etag"]}
    assert ask(address, url.rpartition("/")[0], headers=unchanged).status == 304


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_ranges(address: Address, data: st.DataObject) -> None:
    url = file_of(address)
    whole = ask(address, url).body
    first = data.draw(st.integers(0, len(whole) - 1))
    last = data.draw(st.integers(first, len(whole) + 5))
    answer = ask(address, url, headers={"Range": f"bytes={first}-{last}"})
    assert answer.status == 206
    assert answer.body == whole[first : last + 1]
    end = min(last, len(whole) - 1)
    assert answer.headers["content-range"] == f"bytes {first}-{end}/{len(whole)}"


def test_several_ranges_and_none(address: Address) -> None:
    url = file_of(address)
    whole = ask(address, url).body
    several = ask(address, url, headers={"Range": "bytes=0-3,100-107,-5"})
    assert several.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert whole[100:108] in several.body
    assert ask(address, url, headers={"Range": f"bytes={len(whole)}-"}).status == 416


def test_a_digest_is_that_of_the_bytes(address: Address) -> None:
    answer = ask(address, file_of(address), headers={"Want-Content-Digest": "sha-256=10"})
    expected = b64encode(hashlib.sha256(answer.body).digest()).decode()
    assert answer.headers["content-digest"] == f"sha-256=:{expected}:"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("keys=norm", ["norm"]),
        ("keys=h.*", ["h.0.w", "h.1.w", "h.2.w"]),
        ("keys=norm,h.1.w", ["h.1.w", "norm"]),
        ("keys=a%2Cb", ["a,b"]),
        ("keys=h.[02].w,norm,norm", ["h.0.w", "h.2.w", "norm"]),
        ("keys=*", ["h.0.w", "h.1.w", "h.2.w", "norm", "a,b"]),
    ],
)
def test_keys_choose_tensors(address: Address, query: str, names: list[str]) -> None:
    url = file_of(address)
    whole, chosen = load(ask(address, url).body), ask(address, f"{url}?{query}")
    read = load(chosen.body)
    assert sorted(read) == sorted(names)
    assert all(read[name].tobytes() == whole[name].tobytes() for name in names)
    assert chosen.headers["etag"] != ask(address, url).headers["etag"]
    part = ask(address, f"{url}?{query}", headers={"Range": "bytes=8-99"})
    assert part.body == chosen.body[8:100]


def test_keys_have_one_tag_for_all_spellings(address: Address) -> None:
    url = file_of(address)
    plain, other = ask(address, f"{url}?keys=h.1.w,norm"), ask(address, f"{url}?keys=norm,h.1.w")
    assert (plain.body, plain.headers["etag"]) == (other.body, other.headers["etag"])
    assert plain.headers["cache-control"].startswith("public")
    assert other.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("keys=nothing", "unknown_key"),
        ("keys=", "out_of_range"),
        ("keys=a,", "out_of_range"),
        ("keys=" + ",".join("abcdefgh"[n % 8] + str(n) for n in range(65)), "out_of_range"),
        ("keys=norm&keys=norm", "unknown_field"),
        ("key=norm", "unknown_field"),
        ("keys=%zz", "malformed_query"),
        ("keys=%ff", "malformed_text"),
        ("=", "unknown_field"),
    ],
)
def test_other_keys_are_refused(address: Address, query: str, reason: str) -> None:
    assert problem(ask(address, f"{file_of(address)}?{query}"))["reason"] == reason


def test_a_sharded_model_has_an_index(address: Address) -> None:
    told = posted(address, max_shard_size=9600)
    names = [each["name"] for each in told["files"]]
    assert names == [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = json.loads(ask(address, f"{told['url']}/model.safetensors.index.json").body)
    assert index["metadata"]["total_size"] == told["bytes"]
    shards = {name: load(ask(address, f"{told['url']}/{name}").body) for name in names}
    assert index["weight_map"] == {key: name for name in names for key in shards[name]}
    assert ask(address, f"{told['url']}/model.safetensors").status == 404


def test_one_file_has_no_index(address: Address) -> None:
    url = posted(address)["url"]
    assert ask(address, f"{url}/model.safetensors.index.json").status == 404
    assert ask(address, f"{url}/config.json").status == 404


def test_the_config_is_served_for_loaders(address: Address) -> None:
    told = posted(
        address, tensors=None, architecture="GPT2LMHeadModel", size="tiny", dtype="bfloat16"
    )
    config = json.loads(ask(address, f"{told['url']}/config.json").body)
    dtypes = {"dtype": "bfloat16", "torch_dtype": "bfloat16"}
    assert config == recipes()["gpt2"].sizes["tiny"] | dtypes | {"n_ctx": 128}
    assert config["torch_dtype"] == config["dtype"] == "bfloat16"
    assert config["architectures"] == ["GPT2LMHeadModel"]
    assert config["model_type"] == "gpt2"


def token(**members: Any) -> str:
    """A token of a text as it stands, canonical or not."""
    return token_of(json.dumps(MANIFEST | members, separators=(",", ":")).encode())


def test_a_token_that_is_not_canonical_is_answered_with_the_right_one(address: Address) -> None:
    answer = ask(address, f"/v1/models/{token()}")
    assert (answer.status, problem(answer)["reason"]) == (400, "token_not_canonical")
    right = json.loads(answer.body)["url"]
    assert right == posted(address)["url"]
    assert ask(address, right).status == 200


def test_any_compression_of_the_canonical_text_is_the_model(address: Address) -> None:
    """The token is judged by its text."""
    text = canonical_text(Manifest.model_validate(MANIFEST))
    compressor = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = compressor.compress(text) + compressor.flush()
    other = token_of(text)[:13] + urlsafe_b64encode(body).rstrip(b"=").decode()
    assert other != token_of(text)
    answer = ask(address, f"/v1/models/{other}/model.safetensors")
    assert answer.body == ask(address, file_of(address)).body
    assert answer.headers["etag"] == ask(address, file_of(address)).headers["etag"]


def test_a_token_of_another_edition_is_answered_with_the_present_one(address: Address) -> None:
    recipe = {"architecture": "GPT2LMHeadModel", "edition": 2000, "config": {}, "seed": 1}
    text = json.dumps(recipe, separators=(",", ":")).encode()
    answer = ask(address, f"/v1/models/{token_of(text)}")
    assert (answer.status, problem(answer)["reason"]) == (400, "other_edition")
    present = json.loads(ask(address, json.loads(answer.body)["url"]).body)
    assert present["edition"] == recipes()["gpt2"].edition


def test_a_token_without_a_seed_is_answered_with_one(address: Address) -> None:
    text = canonical_text(Manifest.model_validate({"tensors": TENSORS}))
    answer = ask(address, f"/v1/models/{token_of(text)}")
    assert answer.status == 400
    assert ask(address, json.loads(answer.body)["url"]).status == 200


@pytest.mark.parametrize("path", ["", "/", "/model.safetensors", "/config.json", "/x", "/a/b"])
@pytest.mark.parametrize("name", ["abc", "a", "%00", "a%2Fb", "..", "a" * 6001, "~", "@"])
def test_damaged_tokens(address: Address, name: str, path: str) -> None:
    assert ask(address, f"/v1/models/{name}{path}").status in (400, 404)


def test_a_file_that_a_model_lacks_is_told_from_those_it_has(address: Address) -> None:
    url = posted(address, max_shard_size=9600)["url"]
    [error] = problem(ask(address, f"{url}/model.safetensors"))["errors"]
    assert error["hint"] == (
        "it has model-00001-of-00002.safetensors, model-00002-of-00002.safetensors, "
        "model.safetensors.index.json"
    )


def test_a_tied_name_is_told_from_a_misspelt_one(address: Address) -> None:
    url = file_of(address, tensors=None, architecture="GPT2LMHeadModel", size="tiny")
    [tied] = problem(ask(address, f"{url}?keys=lm_head.weight"))["errors"]
    assert tied["hint"] == "it is tied: ask for transformer.wte.weight"
    [misspelt] = problem(ask(address, f"{url}?keys=transformer.h.1.atn.c_attn.weight"))["errors"]
    assert misspelt["hint"].startswith("case counts; the nearest are transformer.h.1.attn.c_attn.w")


def test_other_files_and_methods(address: Address) -> None:
    url = posted(address)["url"]
    for name in ("model-00001-of-00001.safetensors", "pytorch_model.bin", "model.safetensors/"):
        assert ask(address, f"{url}/{name}").status == 404
    assert ask(address, f"{url}/model.safetensors", "DELETE").status == 405
    assert ask(address, "/v1/models").status == 405
    assert problem(ask(address, f"{url}?keys=norm"))["reason"] == "unknown_field"


def test_a_long_body_is_taken_and_a_longer_one_refused(address: Address) -> None:
    """A list of 909 tensors has 110 KB."""
    tensors = [
        {"name": f"model.layers.{n}.mlp.weight", "shape": [8, 8], "scheme": "normal", "std": 0.02}
        for n in range(909)
    ]
    answer = post(address, {"seed": 1, "tensors": tensors})
    assert answer.status == 200
    assert len(json.loads(answer.body)["token"]) <= 6000
    assert post(address, b" " * (2**20 + 1)).status == 413


def test_a_manifest_that_does_not_fit_says_how_to_say_it_shorter(address: Address) -> None:
    drawn = random.Random(1)
    tensors = [
        {"name": f"{drawn.getrandbits(256):x}", "shape": [drawn.randrange(10**6), 1]}
        for _ in range(200)
    ]
    answer = problem(post(address, {"seed": 1, "tensors": tensors}))
    assert answer["reason"] == "manifest_too_long"
    assert "ranges in names" in answer["errors"][0]["hint"]


def test_deepseek_is_planned_and_any_range_is_the_tensors_own_bytes(address: Address) -> None:
    """671 B parameters: nothing but the range is computed."""
    config = recipes()["deepseek_v3"].sizes["671b"]
    members = {"architecture": "DeepseekV3ForCausalLM", "config": config, "dtype": "bfloat16"}
    told = posted(address, tensors=None, **members)
    assert told["parameters"] == 671_026_404_352
    assert len(told["token"]) < 1000
    url = told["files"][0]["url"]
    length = int(ask(address, url, "HEAD").headers["content-length"])
    assert length == told["files"][0]["bytes"] > 1.3e12
    tensors = json.loads(ask(address, told["url"]).body)["tensors"]
    drawn = random.Random(2)
    for _ in range(20):
        tensor = drawn.choice([each for each in tensors if each["to"] - each["from"] > 2**20])
        start = drawn.randrange(tensor["to"] - tensor["from"] - 2**20)
        place = tensor["from"] + start
        answer = ask(address, url, headers={"Range": f"bytes={place}-{place + 2**20 - 1}"})
        own = {"Range": f"bytes={start}-{start + 2**20 - 1}"}
        assert answer.body == ask(address, tensor["url"], headers=own).body


def test_models_that_are_asked_for_at_once_are_right(address: Address) -> None:
    urls = [file_of(address, seed=seed) for seed in range(8)]
    alone = [ask(address, url).body for url in urls]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda url: ask(address, url).body, urls * 4))
    assert together == alone * 4
    assert len(set(alone)) == 8


def test_small_requests_are_answered_while_a_model_is_planned(address: Address) -> None:
    """200,000 tensors take seconds; the event loop answers others meanwhile."""
    tensors = [{"name": "w.{0..199999}", "shape": [4, 4], "scheme": "normal", "std": 1}]
    with ThreadPoolExecutor(1) as threads:
        planned = threads.submit(posted, address, tensors=tensors)
        slowest = 0.0
        while not planned.done():
            begun = time.perf_counter()
            assert ask(address, "/livez").status == 200
            slowest = max(slowest, time.perf_counter() - begun)
        assert planned.result()["tensor_count"] == 200_000
    assert slowest < 2.0


def test_nothing_is_planned_for_clients_that_have_left(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan that has begun is finished. The others are not begun."""
    planned, seeds = ModelStore.planned, list[int | None]()

    def slowly(store: ModelStore, manifest: Manifest, *, only_small: bool) -> StoredModel:
        seeds.append(manifest.seed)
        time.sleep(0.5)
        return planned(store, manifest, only_small=only_small)

    monkeypatch.setattr(ModelStore, "planned", slowly)
    for seed in range(100, 108):
        body = json.dumps(MANIFEST | {"seed": seed}).encode()
        request = b"POST /v1/models HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        with socket.create_connection((address.host, address.port)) as client:
            client.sendall(request + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            time.sleep(0.05)
    begun = time.perf_counter()
    posted(address, seed=200)
    assert time.perf_counter() - begun < 2.5
    assert seeds[0] == 100
    assert seeds[-1] == 200
    assert len(seeds) <= 4


def test_recipes_are_listed(address: Address) -> None:
    told = json.loads(ask(address, "/recipes").body)["recipes"]
    assert {each["family"] for each in told} == set(recipes())
    for each in told:
        record = json.loads(ask(address, each["url"]).body)
        assert set(record["sizes"]) == set(each["sizes"])
        assert "tiny" in record["sizes"]
        assert all(law["source"] for law in record["laws"].values())
    assert ask(address, "/recipes/nothing").status == 404


def test_the_schema_is_served(address: Address) -> None:
    schema = json.loads(ask(address, "/manifest.schema.json").body)
    assert schema["title"] == "Manifest"
    assert schema["properties"]["tensors"]["items"] == {"$ref": "#/$defs/ManifestTensor"}
