"""The Hub endpoint over a real socket: every header and refusal that a Hub client needs."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from service.hub.errors import MOST_MESSAGE
from service.models.token import token_of
from tests.application import Answer, ask, problem, ready
from tests.process import server
from tests.server import Address

JSON = {"Content-Type": "application/json"}
TINY = "fanin/gpt2-tiny"
FILES = ["README.md", "config.json", "model.safetensors", "tokenizer.json"]
SEED_42 = f"/{TINY}/resolve/seed-42"
MODEL = f"/api/models/{TINY}"

ABSENT = [
    *("adapter_config.json", "generation_config.json", "custom_generate/generate.py"),
    *("vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json"),
    *("chat_template.jinja", "chat_template.json", "processor_config.json"),
    *("preprocessor_config.json", "video_preprocessor_config.json", "pytorch_model.bin"),
    *("pytorch_model.bin.index.json", "model.safetensors.index.json", "onnx/model.onnx"),
    *("model.gguf", "tf_model.h5", "additional_chat_templates/a.jinja"),
]
"""Files that clients ask for and that a model need not have."""


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.fixture(scope="module")
def token(address: Address) -> str:
    return token_for(address)


def token_for(address: Address, **members: Any) -> str:
    manifest = {"architecture": "GPT2LMHeadModel", "size": "tiny", "seed": 5} | members
    answer = ask(address, "/v1/models", "POST", JSON, json.dumps(manifest).encode())
    return str(json.loads(answer.body)["token"])


def told(address: Address, target: str) -> Any:
    answer = ask(address, target)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.body)


def commit_of(address: Address, revision: str = "seed-42", root: str = "") -> str:
    return str(told(address, f"{root}{MODEL}/revision/{revision}")["sha"])


def refused(answer: Answer, code: str) -> str:
    """The message of a refusal with this code, in the only form that an answer to HEAD has."""
    assert answer.status == 404
    assert answer.headers["x-error-code"] == code
    message = answer.headers["x-error-message"]
    assert re.fullmatch(f"[ -~]{{1,{MOST_MESSAGE}}}", message)
    assert "etag" not in answer.headers
    if answer.body:
        assert problem(answer)["detail"] == message
    return message


def refused_twice(address: Address, target: str, code: str) -> str:
    """The message of GET, which is that of HEAD too."""
    messages = {refused(ask(address, target, method), code) for method in ("GET", "HEAD")}
    [message] = messages
    return message


# Files.


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("verb", ["resolve", "raw"])
def test_a_file_has_what_clients_need(address: Address, verb: str, name: str) -> None:
    """A strong ETag, the commit and the length, in the answers to GET and HEAD and in 304."""
    target = f"/{TINY}/{verb}/seed-42/{name}"
    got, head = ask(address, target), ask(address, target, "HEAD")
    assert (got.status, head.status, head.body) == (200, 200, b"")
    tag = got.headers["etag"]
    assert re.fullmatch('"[0-9a-z]{32}"', tag)
    known = ask(address, target, "HEAD", {"If-None-Match": tag})
    assert known.status == 304
    for answer in (got, head, known):
        assert answer.headers["etag"] == answer.headers["x-linked-etag"] == tag
        assert answer.headers["x-repo-commit"] == commit_of(address)
        assert int(answer.headers["x-linked-size"]) == len(got.body)
    assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.body))
    assert got.headers["accept-ranges"] == "bytes"
    assert (got.headers | {"date": ""}) == (head.headers | {"date": ""})


@pytest.mark.parametrize("name", FILES)
def test_nothing_redirects_and_nothing_is_xet(address: Address, name: str) -> None:
    """Go takes a Location for an error. Without Xet headers clients use plain HTTP."""
    for target in (f"{SEED_42}/{name}", MODEL, f"{MODEL}/tree/main", f"{MODEL}/refs"):
        for method in ("GET", "HEAD"):
            headers = ask(address, target, method).headers
            assert "location" not in headers
            assert "content-encoding" not in headers
            assert not [each for each in headers if "xet" in each]


@pytest.mark.parametrize("name", FILES)
def test_ranges(address: Address, name: str) -> None:
    """The first byte, everything, a cut in the middle, and a last byte one past the end."""
    target = f"{SEED_42}/{name}"
    whole = ask(address, target).body
    size = len(whole)
    cases = [
        ("0-0", 0, 1),
        ("0-", 0, size),
        ("3-9", 3, 10),
        (f"{size - 4}-{size}", size - 4, size),
        (f"0-{size + 10**7}", 0, size),
        ("-5", size - 5, size),
    ]
    for text, start, stop in cases:
        answer = ask(address, target, headers={"Range": f"bytes={text}"})
        assert (answer.status, answer.body) == (206, whole[start:stop])
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["etag"]
        assert answer.headers["x-repo-commit"]
    several = ask(address, target, headers={"Range": "bytes=0-1,5-6"})
    assert several.status == 206
    assert whole[5:7] in several.body
    beyond = ask(address, target, headers={"Range": f"bytes={size}-"})
    assert beyond.status == 416
    assert beyond.headers["content-range"] == f"bytes */{size}"
    other = ask(address, target, headers={"Range": "bytes=0-0", "If-Range": '"other"'})
    assert (other.status, other.body) == (200, whole)


def test_the_bytes_are_those_of_v1_models(address: Address) -> None:
    """Under the name of a seed, and under the commit."""
    url = f"/v1/models/{token_for(address, seed=42)}/model.safetensors"
    expected = ask(address, url).body
    for revision in ("seed-42", commit_of(address)):
        target = f"/{TINY}/resolve/{revision}/model.safetensors"
        assert ask(address, target).body == expected
    other = ask(address, f"/{TINY}/resolve/seed-43/model.safetensors").body
    assert len(other) == len(expected)
    assert other != expected


def test_a_dtype_in_the_revision(address: Address) -> None:
    target = f"/{TINY}/resolve/seed-42-bfloat16"
    config = told(address, f"{target}/config.json")
    assert config["dtype"] == config["torch_dtype"] == "bfloat16"
    assert b'"BF16"' in ask(address, f"{target}/model.safetensors").body[:1000]


@pytest.mark.parametrize("name", ABSENT)
def test_a_file_that_is_not_there(address: Address, name: str) -> None:
    """EntryNotFound with the commit, so that clients remember it for the commit."""
    for revision in ("seed-42", commit_of(address)):
        target = f"/{TINY}/resolve/{revision}/{name}"
        assert refused_twice(address, target, "EntryNotFound") == (
            f"this repository has no file {name}; it has README.md, config.json, "
            "model.safetensors, tokenizer.json, tokenizer_config.json"
        )
        assert ask(address, target, "HEAD").headers["x-repo-commit"] == commit_of(address)


def test_a_long_name_leaves_room_for_the_files_that_are_there(address: Address) -> None:
    message = refused_twice(address, f"{SEED_42}/{'a' * 300}.json", "EntryNotFound")
    assert f"no file {'a' * 60}...; it has README.md, config.json, model.safetensors" in message


def test_the_files_that_are_there_are_cut_at_the_end(address: Address) -> None:
    """A model of many files."""
    own = f"/v1/models/{token_for(address, max_shard_size='20KB')}/fanin/mine/resolve/main"
    message = refused_twice(address, f"{own}/model.safetensors", "EntryNotFound")
    assert "; it has README.md, config.json, model-00001-of-" in message
    assert len(message) == MOST_MESSAGE
    assert message.endswith("...")


def test_files_by_commit_may_be_stored(address: Address) -> None:
    """As those of /v1/models. A name, a query or another spelling is revalidated."""
    by_commit = f"/{TINY}/resolve/{commit_of(address)}/model.safetensors"
    stored = "public, max-age=300, no-transform"
    assert ask(address, by_commit, "HEAD").headers["cache-control"] == stored
    others = (
        f"{SEED_42}/model.safetensors",
        f"{by_commit}?download=true",
        by_commit.replace("gpt2", "gp%742"),
        by_commit.replace("/resolve/", "/raw/"),
    )
    for target in others:
        answer = ask(address, target, "HEAD")
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")


def test_a_digest_of_the_content(address: Address) -> None:
    answer = ask(address, f"{SEED_42}/config.json", headers={"Want-Content-Digest": "sha-256=1"})
    assert answer.headers["content-digest"].startswith("sha-256=:")


# What a Hub says.


def warnings_of(address: Address, target: str) -> dict[str, str]:
    """The warnings by their topics, read as huggingface_hub reads them."""
    import http.client

    client = http.client.HTTPConnection(address.host, address.port, timeout=30)
    client.request("GET", target)
    lines = client.getresponse().headers.get_all("X-HF-Warning") or []
    client.close()
    split = [line.split(";", 1) for line in lines]
    return {topic.strip(): message.strip() for topic, message in split}


def test_main_says_that_it_is_seed_0(address: Address) -> None:
    """And everything says that it is a draft. A seed that was asked for is not mentioned."""
    for target in (MODEL, f"/{TINY}/resolve/main/config.json", f"{MODEL}/tree/main"):
        warnings = warnings_of(address, target)
        said = f"a request without a revision got main of {TINY}, which is seed 0 in float32."
        assert warnings["fanin-main"].startswith(said)
        assert "draft" in warnings["fanin-draft"]
    for revision in ("seed-0", commit_of(address)):
        assert set(warnings_of(address, f"{MODEL}/revision/{revision}")) == {"fanin-draft"}
    assert commit_of(address, "main") == commit_of(address, "seed-0")


def test_a_model(address: Address) -> None:
    """Also with fields in the query, which only these paths ignore."""
    plain = told(address, f"{MODEL}/revision/seed-42")
    fields = "?blobs=true&expand=pipeline_tag&expand%5B%5D=likes&securityStatus=1&%"
    assert told(address, f"{MODEL}/revision/seed-42{fields}") == plain
    assert plain["id"] == TINY
    assert re.fullmatch("[0-9a-f]{40}", plain["sha"])
    assert set(FILES) <= {each["rfilename"] for each in plain["siblings"]}
    assert told(address, f"{MODEL}/revision/{plain['sha']}") == plain
    assert told(address, MODEL)["sha"] == commit_of(address, "main")


def test_head_is_main_on_each_path(address: Address) -> None:
    for path in (MODEL + "/revision/{}", MODEL + "/tree/{}", f"/{TINY}/resolve/{{}}/config.json"):
        main, head = (ask(address, path.format(name)) for name in ("main", "HEAD"))
        assert (head.status, head.body) == (200, main.body)
        assert head.headers["x-repo-commit"] == main.headers["x-repo-commit"]
    assert "fanin-main" in warnings_of(address, f"{MODEL}/revision/HEAD")


def test_the_list_of_models(address: Address) -> None:
    """`author` and `search` choose, other fields are ignored, and there is one page."""
    every = told(address, "/api/models")
    ids = [each["id"] for each in every]
    assert {TINY, "fanin/t5", "fanin/mistral-7b"} <= set(ids)
    for fields in (
        "author=fanin",
        "author=Fanin&limit=1&full=true&sort=likes&filter=x&%",
        "search=",
    ):
        assert told(address, f"/api/models?{fields}") == every
    assert told(address, "/hub/seed-9/api/models") == every
    assert told(address, "/api/models?author=google") == []
    found = [each["id"] for each in told(address, "/api/models?search=GPT2-t&author=fanin")]
    assert found == [TINY]
    answer = ask(address, "/api/models")
    assert "link" not in answer.headers
    assert ask(address, "/api/models", "HEAD").headers["etag"] == answer.headers["etag"]


def test_behind_a_token_no_model_is_listed(address: Address, token: str) -> None:
    """Every name is the model of the token there."""
    assert told(address, f"/v1/models/{token}/api/models?author=fanin") == []


@pytest.mark.parametrize("kind", ["datasets", "spaces"])
def test_datasets_and_spaces_are_not_there(address: Address, token: str, kind: str) -> None:
    """Neither under the name of a model, which is one of the same name in another namespace."""
    for root in ("", "/hub/seed-9", f"/v1/models/{token}"):
        for path in (
            f"/api/{kind}/{TINY}",
            f"/api/{kind}/{TINY}/revision/main",
            f"/api/{kind}/{TINY}/tree/main?recursive=true",
            f"/api/{kind}/squad",
            f"/{kind}/{TINY}/resolve/main/README.md",
            f"/{kind}/squad/resolve/main/a/b.csv",
        ):
            message = refused_twice(address, root + path, "RepoNotFound")
            assert message == f"there are no {kind} here, only models"


def test_a_tree(address: Address) -> None:
    """One page, whatever the query says. No folder is there."""
    entries = told(address, f"{MODEL}/tree/seed-42?recursive=True&expand=False&limit=1")
    paths = [entry["path"] for entry in entries]
    assert paths == sorted(paths)
    assert set(FILES) <= set(paths)
    for entry in entries:
        assert entry["type"] == "file"
        assert re.fullmatch("[0-9a-f]{40}", entry["oid"])
        assert entry["size"] == len(ask(address, f"{SEED_42}/{entry['path']}").body)
        assert entry["lastCommit"]["id"] == commit_of(address)
        assert "lfs" not in entry
    assert "link" not in ask(address, f"{MODEL}/tree/seed-42").headers
    folder = f"{MODEL}/tree/seed-42/additional_chat_templates?recursive=false&expand=false"
    message = refused_twice(address, folder, "EntryNotFound")
    assert "no folder additional_chat_templates; it has README.md, config.json," in message


def test_refs(address: Address) -> None:
    main = {"name": "main", "ref": "refs/heads/main", "targetCommit": commit_of(address, "main")}
    refs = told(address, f"{MODEL}/refs?include_pull_requests=1")
    # list_repo_refs(include_pull_requests=True) reads pullRequests.
    assert refs == {"branches": [main], "tags": [], "converts": [], "pullRequests": []}


def paths_info(address: Address, body: bytes, media_type: str) -> Answer:
    target = f"{MODEL}/paths-info/seed-42"
    return ask(address, target, "POST", {"Content-Type": media_type}, body)


def test_paths_info(address: Address) -> None:
    """As a form and as JSON. What is not there is left out, and a name twice counts once."""
    names = ["config.json", "no.json", "model.safetensors", "config.json"]
    form = urlencode({"paths": names, "expand": "True"}, doseq=True).encode()
    bodies = {
        "application/x-www-form-urlencoded": form,
        "application/json": json.dumps({"paths": names, "expand": True, "more": 1}).encode(),
        "application/json; charset=utf-8": json.dumps({"paths": names}).encode(),
    }
    tree = {each["path"]: each for each in told(address, f"{MODEL}/tree/seed-42")}
    for media_type, body in bodies.items():
        answer = paths_info(address, body, media_type)
        assert answer.status == 200, answer.body
        assert json.loads(answer.body) == [tree["config.json"], tree["model.safetensors"]]


@pytest.mark.parametrize(
    ("media_type", "body", "status"),
    [
        ("application/json", b"[", 400),
        ("application/json", b"[" * 60_000, 400),
        ("application/json", b"{}", 400),
        ("application/json", b'{"paths": "config.json"}', 400),
        ("application/json", b'{"paths": [1, null, {"a": []}]}', 400),
        ("application/json", b'{"paths": ["\\ud800"]}', 200),
        ("application/json", b'{"paths": ["' + b"a" * 70_000 + b'"]}', 413),
        ("application/x-www-form-urlencoded", b"", 200),
        ("application/x-www-form-urlencoded", b"paths=%FF%00&&&=", 200),
        ("application/x-www-form-urlencoded", b"paths=\xff", 400),
        ("application/x-www-form-urlencoded", b"a=&" * 20_000, 400),
        ("text/plain", b"config.json", 415),
        ("multipart/form-data", b"config.json", 415),
    ],
)
def test_hostile_bodies(address: Address, media_type: str, body: bytes, status: int) -> None:
    answer = paths_info(address, body, media_type)
    assert answer.status == status, answer.body
    assert status == 200 or answer.headers.get("x-error-message", "-").isprintable()


def test_the_families(address: Address) -> None:
    """Each repo id in the list is there, and with other keys it says what may follow."""
    families = told(address, "/hub")["families"]
    assert {"gpt2", "bert", "bert_encoder", "llama", "vit", "resnet", "t5", "mamba"} <= {
        each["family"] for each in families
    }
    for each in families:
        assert ask(address, f"/api/models/{each['repo_id']}/refs").status == 200
    assert ask(address, "/hub?x=1").status == 400


# The three endpoints.


def test_an_endpoint_with_a_revision(address: Address) -> None:
    """Its `main` is that revision. Other revisions and commits mean what they mean everywhere."""
    for revision in ("seed-9", "seed-9-bfloat16"):
        root = f"/hub/{revision}"
        assert commit_of(address, "main", root) == commit_of(address, revision)
        assert told(address, f"{root}{MODEL}")["sha"] == commit_of(address, revision)
        assert commit_of(address, "seed-7", root) == commit_of(address, "seed-7")
        by_commit = f"{root}/{TINY}/resolve/{commit_of(address)}/config.json"
        assert ask(address, by_commit).body == ask(address, f"{SEED_42}/config.json").body
        main = f"{root}/{TINY}/resolve/main/model.safetensors"
        expected = f"/{TINY}/resolve/{revision}/model.safetensors"
        assert ask(address, main).body == ask(address, expected).body
        dtype = "bfloat16" if "bfloat16" in revision else "float32"
        said = warnings_of(address, f"{root}{MODEL}")["fanin-main"]
        assert f"main of {TINY}, which is seed 9 in {dtype}." in said
        assert commit_of(address, "HEAD", root) == commit_of(address, revision)


def test_an_endpoint_with_a_token(address: Address, token: str) -> None:
    """Any repo id of the namespace has its manifest. `main` is its seed, and others are theirs."""
    root = f"/v1/models/{token}"
    own = ask(address, f"{root}/model.safetensors").body
    target = f"{root}/fanin/any-name_at.all/resolve"
    assert ask(address, f"{target}/main/model.safetensors").body == own
    other = ask(address, f"/v1/models/{token_for(address, seed=7)}/model.safetensors").body
    assert ask(address, f"{target}/seed-7/model.safetensors").body == other
    shown = told(address, f"{root}/fanin/any-name_at.all/resolve/main/config.json")
    assert shown["n_embd"] == 32
    assert refused_twice(address, f"{root}/gpt2/resolve/main/config.json", "RepoNotFound")
    foreign = f"{root}/openai-community/gpt2/resolve/main/config.json"
    assert refused_twice(address, foreign, "RepoNotFound")


def test_the_card_alone_finds_a_model_behind_a_token_again(address: Address, token: str) -> None:
    """From the endpoint, the repo id and the commit that the card has."""
    made = f"/v1/models/{token}/{TINY}/resolve/seed-9-bfloat16"
    card = ask(address, f"{made}/README.md").body.decode()
    [endpoint] = re.findall(r"^export HF_ENDPOINT=SERVER(\S+)$", card, re.MULTILINE)
    [(repo_id, commit)] = re.findall(r'from_pretrained\("(.+)", revision="(.+)"\)', card)
    for name in FILES:
        again = ask(address, f"{endpoint}/{repo_id}/resolve/{commit}/{name}")
        assert again.status == 200
        assert again.body == ask(address, f"{made}/{name}").body
    assert ask(address, f"/{repo_id}/resolve/{commit}/{FILES[0]}").status == 404


def test_two_tokens_share_no_commit(address: Address, token: str) -> None:
    """Nor does one share a commit with the server itself, though the bytes may be the same."""
    roots = ["", f"/v1/models/{token}", f"/v1/models/{token_for(address, seed=7)}"]
    for name in ("config.json", "model.safetensors"):
        heads = [
            ask(address, f"{root}/{TINY}/resolve/seed-7/{name}", "HEAD").headers for root in roots
        ]
        assert len({head["x-repo-commit"] for head in heads}) == 3
        assert len({head["etag"] for head in heads}) == 3
    for root in roots:
        for other in roots:
            commit = commit_of(address, "seed-7", root)
            answer = ask(address, f"{other}{MODEL}/revision/{commit}")
            assert answer.status == (200 if root == other else 404)


def test_without_a_config_config_json_is_not_there(address: Address) -> None:
    manifest = {"seed": 1, "tensors": [{"name": "w", "shape": [4], "scheme": "zeros"}]}
    answer = ask(address, "/v1/models", "POST", JSON, json.dumps(manifest).encode())
    files = f"{json.loads(answer.body)['url']}/fanin/w/resolve/main"
    assert ask(address, f"{files}/model.safetensors").status == 200
    assert refused_twice(address, f"{files}/config.json", "EntryNotFound")


def test_a_token_that_is_not_the_right_one(address: Address, token: str) -> None:
    """A damaged one, one of another spelling, and one of another edition of the recipe."""
    text = b'{"architecture":"GPT2LMHeadModel","size":"tiny","seed":5}'
    edition = b'{"architecture":"GPT2LMHeadModel","edition":99,"config":{"n_embd":32},"seed":5}'
    words = {
        "a": "no token",
        token[:-4]: "no token",
        f"{token[:-1]}%00": "no token",
        "x" * 7000: "no token",
        token_of(text): "canonical",
        token_of(edition): "edition",
    }
    for each, word in words.items():
        for target in (f"{MODEL}/revision/main", f"/{TINY}/resolve/main/config.json"):
            message = refused_twice(address, f"/v1/models/{each}{target}", "RepoNotFound")
            assert word in message


def test_only_hub_paths_have_an_endpoint_before_them(address: Address, token: str) -> None:
    """Other paths behind it are no paths. The files of a model are where they were."""
    for root in ("/hub/seed-9", f"/v1/models/{token}", "/hub", "/v1/models"):
        for path in ("/livez", "/schemes/normal", "/v1/weights.npy", "/hub", "/openapi.json/x/y"):
            assert ask(address, root + path).status in (400, 404)
    assert ask(address, f"/hub/seed-1/hub/seed-2{MODEL}").status == 404
    assert ask(address, f"/v1/models/{token}/config.json").status == 200
    assert ask(address, f"/v1/models/{token}").status == 200


# What is not there.


def test_a_foreign_repository(address: Address) -> None:
    """With words that help, on each path."""
    for repo_id in ("gpt2", "openai-community/gpt2", "google/vit-base", "fanin2/gpt2-tiny"):
        for target in (
            f"/api/models/{repo_id}",
            f"/api/models/{repo_id}/revision/main",
            f"/api/models/{repo_id}/tree/main",
            f"/api/models/{repo_id}/tree/main/a",
            f"/api/models/{repo_id}/refs",
            f"/{repo_id}/resolve/main/config.json",
            f"/{repo_id}/raw/main/config.json",
        ):
            assert "only fanin/..." in refused_twice(address, target, "RepoNotFound")
    answer = ask(address, "/api/models/gpt2/paths-info/main", "POST", JSON, b'{"paths": []}')
    refused(answer, "RepoNotFound")


def test_an_unknown_revision(address: Address) -> None:
    """Also one with escapes. They are decoded once, and first."""
    for revision in ("nothing", "seed-042", "a" * 40, "0" * 40, "refs%2Fpr%2F1", "seed%3D42"):
        for target in (
            f"{MODEL}/revision/{revision}",
            f"{MODEL}/tree/{revision}",
            f"/{TINY}/resolve/{revision}/config.json",
        ):
            assert refused_twice(address, target, "RevisionNotFound")
    assert ask(address, f"{MODEL}/revision/%73eed%2D42").status == 200
    assert ask(address, f"{MODEL}/revision/seed%252D42").status == 404


HOSTILE = [
    *("..", "../..", ".", "%2e%2e", "..%2f..%2fetc", "%00", "%0d%0aX-Injected:%201", "%ff", "%"),
    *("%zz", "a" * 300, "-", "--", "a..b", "-a", "a-", "a.git", " ", "%20", "~", "'", '%22";--'),
    *("seed-", "seed--1", "seed-1e3", "seed-18446744073709551616", "seed-" + "9" * 2000),
    *("seed-1-", "seed-1-float", "seed-1-float32-", "SEED-1", "seed-1%0a", "fa" + "0" * 38),
    *("0" * 39, "0" * 41, "A" * 40, "g" * 40, "main%2Fx", "head", "@{upstream}", "refs"),
    *("gpt2.n_layer", "gpt2.n_layer-", "gpt2.n_layer--1", "gpt2.n_layer-01", "gpt2.n_layer-1.5"),
    *("gpt2.n_layer-99999999999999999999", "gpt2.n_layer-1.n_layer-1", "gpt2.x-1", "gpt2."),
    *("gpt2.n_embd-1000000.n_layer-100000", "gpt2.model_type-bert", "gpt2.architectures-a"),
    *("deepseek_v3.n_routed_experts-1000000", "gpt2.n_head-0", "gpt2.n_head-7", "gpt2-"),
    *("gpt2-tiny-tiny", "GPT2", "gpt2_tiny", "%C3%BC", "%EF%BC%87", "resolve", "raw", "tree"),
    *("%2F", "%2Fetc%2Fpasswd", "config.json%00", "model.safetensors%2F", "//", "\u007e"),
]
"""Texts for each place of each path."""


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_everywhere(address: Address, text: str) -> None:
    """4xx, with a code of a Hub unless no path is meant. Nothing of the request is in a head."""
    safe = text if "%" in text else quote(text, safe="/@{}'\"~;")
    safe = safe.replace('"', "%22")
    paths = [
        f"/api/models/{safe}",
        f"/api/models/fanin/{safe}",
        f"/api/models/{safe}/gpt2-tiny/revision/main",
        f"{MODEL}/revision/{safe}",
        f"{MODEL}/tree/{safe}",
        f"{MODEL}/tree/main/{safe}",
        f"/fanin/{safe}/resolve/main/config.json",
        f"/{safe}/gpt2-tiny/resolve/main/config.json",
        f"/{TINY}/resolve/{safe}/config.json",
        f"/{TINY}/resolve/main/{safe}",
        f"/{TINY}/raw/main/{safe}",
        f"/hub/{safe}{MODEL}",
        f"/v1/models/{safe}{MODEL}",
        f"/v1/models/{safe}/{TINY}/resolve/main/config.json",
    ]
    known = 0
    for path in paths:
        for method in ("GET", "HEAD"):
            answer = ask(address, path, method)
            assert 400 <= answer.status < 500, (path, answer)
            assert "x-injected" not in answer.headers
            if "x-error-code" in answer.headers:
                known += 1
                refused(answer, answer.headers["x-error-code"])
            else:
                # A slash in the place of a word, or no word at all, makes another path.
                assert "/" in safe or not safe, (path, answer.headers)
    assert known


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_nothing_can_be_changed(address: Address, method: str) -> None:
    for target in (MODEL, f"{MODEL}/tree/main", f"{SEED_42}/config.json", f"{MODEL}/refs"):
        answer = ask(address, target, method)
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


# Other headers of requests.


def test_a_preflight_allows_ranges_and_authorization(address: Address) -> None:
    asked = {
        "Origin": "http://example.org",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "range, authorization",
    }
    for target in (f"{SEED_42}/config.json", f"{MODEL}/paths-info/main", f"/hub/seed-1{MODEL}"):
        answer = ask(address, target, "OPTIONS", asked)
        assert answer.status == 204
        allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
        assert {"authorization", "range", "content-type"} <= set(allowed)
        assert answer.headers["access-control-allow-origin"] == "*"
    shown = ask(address, f"{SEED_42}/config.json").headers
    assert shown["access-control-expose-headers"] == "*"
    other = ask(address, "/v1/weights.npy", "OPTIONS", asked)
    assert "authorization" not in other.headers["access-control-allow-headers"].lower()


def test_authorization_is_ignored(address: Address) -> None:
    for secret in ("Bearer hf_secret", "Basic eA==", "", "x" * 4000):
        answer = ask(address, f"{SEED_42}/config.json", headers={"Authorization": secret})
        assert answer.status == 200
        assert "secret" not in str(answer.headers)


def test_authorization_is_not_logged() -> None:
    """At the level that logs the most, for answers and for refusals."""
    secret = {"Authorization": "Bearer hf_secret"}
    with server(environment={"FANIN_LOG_LEVEL": "debug"}) as served:
        served.wait_until_all_ready()
        for target in (f"{SEED_42}/config.json", f"{SEED_42}/x", "/gpt2/resolve/main/x", "/none"):
            ask(served.address, target, headers=secret)
        said = served.said()
    assert said
    assert not [line for line in said if "hf_secret" in line]


ELSEWHERE = [
    *(f"{MODEL}/{rest}" for rest in ("commits/main", "auth-check", "tree", "tree/", "tree/main/")),
    *(f"{MODEL}/{rest}" for rest in ("refs/", "revision", "settings", "discussions/1", "")),
    *(f"/{TINY}/{verb}/{rest}" for verb in ("resolve", "raw") for rest in ("main", "main/", "")),
    *("/hub/seed-9", "/hub/seed-9/", f"/hub/seed-9/hub/seed-8{MODEL}"),
    *("/hub/seed-9/docs", f"/hub/seed-9{MODEL}/commits/main"),
]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_what_only_real_hubs_have_is_refused_with_words(address: Address, target: str) -> None:
    refused_twice(address, target, "EntryNotFound")


def test_an_endpoint_says_how_it_is_used(address: Address) -> None:
    assert "HF_ENDPOINT" in refused_twice(address, "/hub/seed-9", "EntryNotFound")
    for target in ("/hub/seed-09", "/hub/nine/docs"):
        assert "write " in refused_twice(address, target, "RevisionNotFound")


@pytest.mark.parametrize("path", ["auth-check", "commits/main", "nothing"])
def test_nothing_is_below_a_repository_that_is_not_there(address: Address, path: str) -> None:
    refused_twice(address, f"/api/models/fanin/gpt22/{path}", "RepoNotFound")
    refused_twice(address, f"{MODEL.replace('fanin', 'openai')}/{path}", "RepoNotFound")


def test_a_revision_with_slashes_that_are_not_escaped(address: Address) -> None:
    refused_twice(address, f"{MODEL}/revision/refs/pr/1", "RevisionNotFound")
    refused_twice(address, f"{MODEL}/revision/refs%2Fpr%2F1", "RevisionNotFound")


@pytest.mark.parametrize("root", ["/", "/hub/seed-42/", "/v1/models/TOKEN/"])
def test_an_endpoint_may_end_in_a_slash(address: Address, token: str, root: str) -> None:
    root = root.replace("TOKEN", token)
    commit = commit_of(address, "main", root)
    assert commit == commit_of(address, "main", root[:-1])
    target = f"{root}/{TINY}/resolve/{commit}/model.safetensors"
    answer = ask(address, target)
    assert answer.status == 200
    assert answer.body == ask(address, target.replace("//", "/")).body


REFUSALS: list[tuple[int, str, str, dict[str, str]]] = [
    (405, "PUT", f"{SEED_42}/config.json", {}),
    (405, "DELETE", MODEL, {}),
    (412, "HEAD", f"{SEED_42}/config.json", {"If-Match": '"x"'}),
    (416, "GET", f"{SEED_42}/config.json", {"Range": "bytes=9999999-"}),
    (414, "GET", f"/{TINY}/resolve/main/{'x' * 100_000}", {}),
    (413, "POST", f"{MODEL}/paths-info/main", {"Content-Length": "99999999", **JSON}),
    (415, "POST", f"{MODEL}/paths-info/main", {"Content-Type": "text/html"}),
    (415, "POST", f"{MODEL}/paths-info/main", {"Content-Encoding": "gzip", **JSON}),
    (400, "POST", f"{MODEL}/paths-info/main", JSON),
]


@pytest.mark.parametrize(("status", "method", "target", "headers"), REFUSALS)
def test_every_refusal_has_its_message_in_a_header(
    address: Address, status: int, method: str, target: str, headers: dict[str, str]
) -> None:
    answer = ask(address, target, method, headers, b"{" if method == "POST" else None)
    assert answer.status == status
    message = answer.headers["x-error-message"]
    assert re.fullmatch(f"[ -~]{{20,{MOST_MESSAGE}}}", message)
    assert not message.startswith(":")
    if answer.body:
        first = problem(answer)["errors"][0]
        assert message == f"{first['message']}; {first['hint']}"[: len(message) - 3] + message[-3:]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"{}", b'{"paths": "x"}', b'{"paths": [1]}', b"\xff"]
)
def test_the_hint_for_a_body_is_a_body_that_works(address: Address, body: bytes) -> None:
    answer = paths_info(address, body, "application/json")
    assert answer.status == 400
    hint = problem(answer)["errors"][0]["hint"]
    found = re.search(r"\{.*\}", hint)
    assert found is not None
    followed = paths_info(address, found[0].encode(), "application/json")
    assert [each["path"] for each in json.loads(followed.body)] == ["config.json"]
