"""transformers makes the tensors of what repo ids name, and runs it.

Two releases of transformers run in environments of their own.
"""

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest

from service.hub.repositories import families, repository_of
from service.models.expansion import expanded
from service.models.manifest import Manifest
from tests.models.environment import TRIED, transformers_python
from tests.peers.environment import draw

pytestmark = pytest.mark.slow

IDS = (
    *("fanin/gpt2.n_layer-2.n_embd-64.vocab_size-512", "fanin/gpt2-tiny.n_inner-5.n_positions-3"),
    *("fanin/gpt2-tiny.n_embd-30.n_head-3", "fanin/gpt2-tiny.tie_word_embeddings-false"),
    *("fanin/bert-tiny.hidden_size-35", "fanin/bert-tiny.num_hidden_layers-0.vocab_size-1"),
    *("fanin/bert_encoder-tiny.hidden_size-35", "fanin/bert_encoder-tiny.num_hidden_layers-0"),
    *("fanin/llama-tiny.hidden_size-6", "fanin/llama-tiny.num_attention_heads-2.mlp_bias-true"),
    *("fanin/llama-tiny.head_dim-2.attention_bias-true", "fanin/llama-tiny.vocab_size-1"),
    *("fanin/mistral-tiny.hidden_size-100", "fanin/mistral-tiny.num_key_value_heads-1"),
    *("fanin/qwen2-tiny.hidden_size-100", "fanin/qwen2-tiny.use_sliding_window-true"),
    *("fanin/qwen3-tiny.hidden_size-7", "fanin/qwen3-tiny.num_attention_heads-6"),
    *("fanin/mixtral-tiny.num_local_experts-1", "fanin/mixtral-tiny.hidden_size-24"),
    *("fanin/deepseek_v3-tiny.n_routed_experts-7", "fanin/deepseek_v3-tiny.q_lora_rank-1"),
    *("fanin/deepseek_v3-tiny.num_attention_heads-3", "fanin/deepseek_v3-tiny.qk_rope_head_dim-2"),
    *("fanin/mamba-tiny.hidden_size-17.expand-3", "fanin/mamba-tiny.conv_kernel-1.use_bias-true"),
    *("fanin/t5-tiny.num_layers-1.d_model-7", "fanin/t5-tiny.feed_forward_proj-gelu_new"),
    *("fanin/t5-tiny.num_heads-3.d_kv-5", "fanin/t5-tiny.tie_word_embeddings-false"),
    *("fanin/whisper-tiny.d_model-6", "fanin/whisper-tiny.encoder_layers-0.num_mel_bins-1"),
    *("fanin/vit-tiny.hidden_size-35", "fanin/vit-tiny.image_size-9.patch_size-9"),
    *("fanin/vit-tiny.qkv_bias-false.hidden_act-quick_gelu", "fanin/resnet-tiny.embedding_size-5"),
    *("fanin/resnet-tiny.layer_type-bottleneck", "fanin/convnext-tiny.num_labels-3"),
    *("fanin/convnext-tiny.patch_size-2.num_channels-1", "fanin/mobilenet_v1-tiny.min_depth-3"),
    *("fanin/mobilenet_v2-tiny.depth_divisible_by-3", "fanin/mobilenet_v2-tiny.num_channels-1"),
)
"""Repo ids with other numbers than a size has, each small enough to be run."""

SIZES = tuple(
    size["repo_id"]
    for family in families()
    for size in family["sizes"]
    if family["architecture"] != "DiT"
)
"""All sizes of classes of transformers."""


def shapes_of(manifest: Manifest, release: str) -> dict[str, list[int]]:
    """Shapes by the names in the module, tied names too.

    In release 4 those are the names of the checkpoint.
    """
    names = {"names": "module"} if release == "5" else {}
    model = expanded(manifest.model_copy(update=names))
    shapes = {
        each.name: list(each.parts[0].spec.shape if each.shape is None else each.shape)
        for each in model.tensors
    }
    return shapes | {name: shapes[to] for name, to in model.tied.items()}


def made(release: str, configs: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """What tests/hub/make_in_transformers.py tells of each config."""
    script = [str(transformers_python(release)), "-m", "tests.hub.make_in_transformers"]
    (folder / "configs.json").write_text(json.dumps(configs))
    draw([*script, str(folder / "configs.json"), str(folder / "answer.json")])
    answer: list[dict[str, Any]] = json.loads((folder / "answer.json").read_text())
    return answer


@pytest.mark.parametrize("release", TRIED)
def test_transformers_makes_and_runs_what_an_id_names(release: str, tmp_path: Path) -> None:
    manifests = {each: repository_of(each).manifest for each in (*IDS, *SIZES)}
    answers = made(release, [each.config or {} for each in manifests.values()], tmp_path)
    for (repo_id, manifest), about in zip(manifests.items(), answers, strict=True):
        assert "error" not in about, (repo_id, about)
        assert about["shapes"] == shapes_of(manifest, release), repo_id
        small = sum(map(prod, about["shapes"].values())) < 5_000_000
        assert about["ran"] is (True if small else None), repo_id


@pytest.mark.parametrize("release", TRIED)
def test_a_config_that_cannot_be_made_is_noticed(release: str, tmp_path: Path) -> None:
    """Without what the recipe requires, the test above would fail."""
    config = (repository_of("fanin/gpt2-tiny").manifest.config or {}) | {"n_head": 3}
    [about] = made(release, [config], tmp_path)
    assert "divisible by num_heads" in about["error"]
