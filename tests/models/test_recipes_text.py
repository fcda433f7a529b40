"""The recipes of text and speech models give the tensors that transformers makes.

tests/models/data/ has what transformers 5.23.0 made of each config: names, shapes and, of the
smaller models, mean, std, least and largest value. `{3..60}` in a name stands for the layers.
"""

import json
import re
from fnmatch import fnmatchcase
from math import prod
from pathlib import Path
from typing import Any

import pytest

from service.errors import ImpossibleError, UnreadableError
from service.models.expansion import Model, expanded
from service.models.manifest import Manifest
from service.models.recipe import recipes

DATA = Path(__file__).parent / "data"
REAL = (
    *("bert-base", "bert-encoder-base", "deepseek-v3", "gpt2", "llama-160m", "llama-3-8b"),
    *("mamba-130m", "t5-small"),
)
FAMILIES = ("bert", "deepseek_v3", "gpt2", "llama", "mamba", "mixtral", "t5", "whisper")

TINY = [
    *((family, "tiny") for family in FAMILIES),
    *(("llama", f"{name}-tiny") for name in ("mistral", "qwen2", "qwen3")),
]
LAYER_KEYS = (
    *("n_layer", "num_hidden_layers", "num_layers", "num_decoder_layers"),
    *("encoder_layers", "decoder_layers"),
)
BYTE_TOKENS = 256 + 4
"""A tokenizer of bytes has a token for each byte, and some special ones."""

PARAMETERS = {
    ("bert", "base"): 109_514_298,
    ("bert", "large"): 335_174_458,
    ("deepseek_v3", "671b"): 671_026_404_352,
    ("gpt2", "small"): 124_439_808,
    ("gpt2", "medium"): 354_823_168,
    ("gpt2", "large"): 774_030_080,
    ("gpt2", "xl"): 1_557_611_200,
    ("llama", "160m"): 162_417_408,
    ("llama", "3-8b"): 8_030_261_248,
    ("llama", "mistral-7b"): 7_241_732_096,
    ("llama", "qwen2-0-5b"): 494_032_768,
    ("llama", "qwen3-0-6b"): 596_049_920,
    ("mamba", "130m"): 129_135_360,
    ("mamba", "2-8b"): 2_768_345_600,
    ("mixtral", "8x7b"): 46_702_792_704,
    ("t5", "small"): 60_506_624,
    ("t5", "base"): 222_903_552,
    ("t5", "v1-1-small"): 76_961_152,
    ("whisper", "openai-tiny"): 37_760_640,
    ("whisper", "base"): 72_593_920,
}
"""The parameters of the released models, as transformers counts them."""


def model_of(architecture: str, config: dict[str, Any], **more: Any) -> Model:
    """The tensors that the recipe makes of a config."""
    manifest = {"seed": 1, "architecture": architecture, "config": config, **more}
    return expanded(Manifest.model_validate(manifest))


def sized(family: str, size: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    """The architecture and the config of a ready size, with changes."""
    config = recipes()[family].sizes[size]
    return config["architectures"][0], {**config, **changes}


def shapes(model: Model) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of the files."""
    return {
        each.name: each.parts[0].spec.shape if each.shape is None else each.shape
        for each in model.tensors
    }


def dtypes(model: Model) -> dict[str, str]:
    """The dtype of each tensor of the files."""
    return {each.name: each.parts[0].spec.dtype for each in model.tensors}


def schemes(model: Model) -> dict[str, str]:
    """The scheme of each tensor of the checkpoint."""
    return {part.name: part.spec.scheme for each in model.tensors for part in each.parts}


def parameters(model: Model) -> int:
    """The elements of all tensors except buffers."""
    parts = (part for each in model.tensors for part in each.parts)
    return sum(prod(part.spec.shape) for part in parts if not part.buffer)


def unfolded(entries: dict[str, Any]) -> dict[str, Any]:
    """The entries with a name for each number of a range."""
    every: dict[str, Any] = {}
    for name, entry in entries.items():
        found = re.search(r"\{(\d+)\.\.(\d+)\}", name)
        if found is None:
            every[name] = entry
        else:
            for number in range(int(found[1]), int(found[2]) + 1):
                every[name.replace(found[0], str(number))] = entry
    return every


def real(name: str) -> dict[str, Any]:
    """What transformers made of a config."""
    read: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    return read


@pytest.mark.parametrize("name", REAL)
def test_module_names_shapes_and_dtypes_are_those_of_transformers(name: str) -> None:
    """Each buffer of transformers is a tensor of the model too, or the recipe leaves it out."""
    fact = real(name)
    model = model_of(fact["architecture"], fact["config"], names="module")
    family = model.choice.recipe if model.choice is not None else None
    assert family is not None
    buffers = {
        buffer: (tuple(shape), dtype)
        for buffer, (shape, dtype) in unfolded(fact["buffers"]).items()
        if not any(fnmatchcase(buffer, each) for each in family.not_stored)
    }
    expected = {
        tensor: (tuple(entry[0]), "float32") for tensor, entry in unfolded(fact["tensors"]).items()
    } | buffers
    kinds = dtypes(model)
    assert {each: (shape, kinds[each]) for each, shape in shapes(model).items()} == expected
    assert model.tied == fact["tied"]
    assert parameters(model) == fact["parameters"]


@pytest.mark.parametrize(
    "name", ["gpt2", "bert-base", "bert-encoder-base", "t5-small", "llama-160m", "mamba-130m"]
)
def test_tensors_have_the_order_of_the_module(name: str) -> None:
    """Where each checkpoint tensor is one module tensor, both have the same order."""
    fact = real(name)
    model = model_of(fact["architecture"], fact["config"])
    assert [each.name for each in model.tensors] == list(fact["tensors"])


@pytest.mark.parametrize(("family", "size"), TINY)
def test_tiny_sizes_have_two_layers_tokens_for_bytes_and_some_100_kilobytes(
    family: str, size: str
) -> None:
    architecture, config = sized(family, size)
    assert {config[each] for each in LAYER_KEYS if each in config} == {2}
    assert config["vocab_size"] >= BYTE_TOKENS
    assert 50_000 <= 4 * parameters(model_of(architecture, config)) <= 250_000


@pytest.mark.parametrize(("family", "size"), PARAMETERS)
def test_released_sizes_have_the_parameters_of_the_released_models(family: str, size: str) -> None:
    assert parameters(model_of(*sized(family, size))) == PARAMETERS[family, size]


@pytest.mark.parametrize(("size", "count"), [("base", 109_482_240), ("large", 335_141_888)])
def test_the_encoder_of_bert_has_the_parameters_of_the_released_ones(size: str, count: int) -> None:
    assert parameters(expanded(Manifest(architecture="BertModel", size=size, seed=1))) == count


def test_the_encoder_of_bert_is_that_of_the_masked_language_model_with_a_pooler() -> None:
    _, config = sized("bert", "tiny")
    whole = model_of("BertForMaskedLM", config)
    encoder = model_of("BertModel", config)
    body = {
        name.removeprefix("bert."): shape
        for name, shape in shapes(whole).items()
        if name.startswith("bert.")
    }
    pooler = {"pooler.dense.weight": (32, 32), "pooler.dense.bias": (32,)}
    assert shapes(encoder) == body | pooler
    assert encoder.tied == {}
    laws = {name.removeprefix("bert."): scheme for name, scheme in schemes(whole).items()}
    assert {name: laws[name] for name in body} | {
        "pooler.dense.weight": "normal",
        "pooler.dense.bias": "zeros",
    } == schemes(encoder)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_size_names_its_architecture_and_reads_well_as_a_name(family: str) -> None:
    recipe = recipes()[family]
    for size, config in recipe.sizes.items():
        architecture, *others = config["architectures"]
        assert not others
        assert config["model_type"] == recipe.architectures[architecture].model_type
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", size)


def test_experts_of_deepseek_are_single_tensors_in_the_file_and_fused_in_the_module() -> None:
    architecture, config = sized("deepseek_v3", "tiny")
    stored = model_of(architecture, config)
    module = model_of(architecture, config, names="module")
    ahead = "model.layers.1.mlp.experts"
    assert shapes(stored)[f"{ahead}.3.gate_proj.weight"] == (16, 32)
    assert shapes(stored)[f"{ahead}.3.down_proj.weight"] == (32, 16)
    assert shapes(module)[f"{ahead}.gate_up_proj"] == (4, 32, 32)
    assert shapes(module)[f"{ahead}.down_proj"] == (4, 32, 16)
    assert [part.name for part in joined(module, f"{ahead}.gate_up_proj")][:3] == [
        f"{ahead}.0.gate_proj.weight",
        f"{ahead}.0.up_proj.weight",
        f"{ahead}.1.gate_proj.weight",
    ]
    assert [part.name for part in joined(module, f"{ahead}.down_proj")] == [
        f"{ahead}.{expert}.down_proj.weight" for expert in range(4)
    ]
    assert schemes(module) == schemes(stored)
    dense = [name for name in shapes(stored) if name.startswith("model.layers.0.mlp.")]
    assert len(dense) == 3


def joined(model: Model, name: str) -> Any:
    """The parts of a tensor of the module."""
    return next(each.parts for each in model.tensors if each.name == name)


def test_mixtral_has_the_names_of_its_checkpoint_and_of_its_module() -> None:
    architecture, config = sized("mixtral", "tiny")
    stored = shapes(model_of(architecture, config))
    module = model_of(architecture, config, names="module")
    sparse = "model.layers.0.block_sparse_moe"
    assert stored[f"{sparse}.gate.weight"] == (4, 32)
    assert stored[f"{sparse}.experts.2.w1.weight"] == (32, 32)
    experts = "model.layers.0.mlp.experts"
    assert shapes(module)["model.layers.0.mlp.gate.weight"] == (4, 32)
    assert shapes(module)[f"{experts}.gate_up_proj"] == (4, 64, 32)
    assert [part.name for part in joined(module, f"{experts}.gate_up_proj")] == [
        f"{sparse}.experts.{expert}.{weight}.weight"
        for expert in range(4)
        for weight in ("w1", "w3")
    ]
    assert [part.name for part in joined(module, f"{experts}.down_proj")] == [
        f"{sparse}.experts.{expert}.w2.weight" for expert in range(4)
    ]


def test_the_correction_of_deepseeks_router_is_a_float32_buffer_in_every_model() -> None:
    """transformers keeps it in float32 (`_keep_in_fp32_modules_strict`)."""
    model = model_of(*sized("deepseek_v3", "tiny"), dtype="bfloat16")
    name = "model.layers.1.mlp.gate.e_score_correction_bias"
    kinds = dtypes(model)
    assert kinds.pop(name) == "float32"
    assert set(kinds.values()) == {"bfloat16"}
    assert schemes(model)[name] == "zeros"
    assert [each.buffer for each in joined(model, name)] == [True]


def test_deepseek_without_a_compressed_query_has_one_projection() -> None:
    model = shapes(model_of(*sized("deepseek_v3", "tiny", q_lora_rank=None)))
    assert model["model.layers.0.self_attn.q_proj.weight"] == (2 * (16 + 8), 32)
    assert not [name for name in model if "q_a_" in name or "q_b_" in name]


def test_t5_with_a_gated_layer_and_a_head_of_its_own() -> None:
    changes = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
    model = model_of(*sized("t5", "tiny", **changes))
    found = shapes(model)
    for layer in ("encoder.block.1.layer.1", "decoder.block.1.layer.2"):
        assert found[f"{layer}.DenseReluDense.wi_0.weight"] == (64, 32)
        assert found[f"{layer}.DenseReluDense.wi_1.weight"] == (64, 32)
        assert f"{layer}.DenseReluDense.wi.weight" not in found
    assert found["lm_head.weight"] == (320, 32)
    assert "lm_head.weight" not in model.tied


def test_t5_divides_the_variance_of_its_query_by_the_width_of_a_head_too() -> None:
    model = model_of(*sized("t5", "tiny", initializer_factor=0.5))
    (query,) = joined(model, "encoder.block.0.layer.0.SelfAttention.q.weight")
    (key,) = joined(model, "encoder.block.0.layer.0.SelfAttention.k.weight")
    (scale,) = joined(model, "encoder.block.0.layer.0.layer_norm.weight")
    assert (query.spec.fan_in, query.spec.gain) == (32 * 8, 0.5)
    assert (key.spec.fan_in, key.spec.gain) == (None, 0.5)
    assert (scale.spec.scheme, scale.spec.value) == ("constant", 0.5)


@pytest.mark.parametrize(
    ("family", "head", "also"),
    [
        ("gpt2", "lm_head.weight", ()),
        ("bert", "cls.predictions.decoder.weight", ("cls.predictions.decoder.bias",)),
        ("mamba", "lm_head.weight", ()),
        ("whisper", "proj_out.weight", ()),
    ],
)
def test_a_head_is_stored_only_if_it_is_not_tied(
    family: str, head: str, also: tuple[str, ...]
) -> None:
    tied = model_of(*sized(family, "tiny"))
    assert set(tied.tied) == {head, *also}
    assert not {head, *also} & set(shapes(tied))
    assert set(tied.tied.values()) <= set(shapes(tied))
    own = model_of(*sized(family, "tiny", tie_word_embeddings=False))
    assert own.tied == {}
    assert set(shapes(own)) - set(shapes(tied)) == {head, *also}


@pytest.mark.parametrize(
    ("size", "tensors"),
    [
        ("tiny", set[str]()),
        ("mistral-tiny", set[str]()),
        ("qwen2-tiny", {"q_proj.bias", "k_proj.bias", "v_proj.bias"}),
        ("qwen3-tiny", {"q_norm.weight", "k_norm.weight"}),
    ],
)
def test_classes_like_llama_differ_in_the_tensors_of_attention(
    size: str, tensors: set[str]
) -> None:
    found = shapes(model_of(*sized("llama", size)))
    ahead = "model.layers.1.self_attn."
    usual = {"q_proj.weight", "k_proj.weight", "v_proj.weight", "o_proj.weight"}
    attention = {name.removeprefix(ahead) for name in found if name.startswith(ahead)}
    assert attention == usual | tensors


@pytest.mark.parametrize(
    ("architecture", "vocabulary", "keys", "inner", "head"),
    [
        ("LlamaForCausalLM", 32000, 4096, 11008, None),
        ("MistralForCausalLM", 32000, 1024, 14336, None),
        ("Qwen2ForCausalLM", 151936, 4096, 22016, None),
        ("Qwen3ForCausalLM", 151936, 4096, 22016, 128),
    ],
)
def test_an_absent_key_has_the_value_of_its_class(
    architecture: str, vocabulary: int, keys: int, inner: int, head: int | None
) -> None:
    found = shapes(model_of(architecture, {"num_hidden_layers": 1}))
    assert found["lm_head.weight"] == (vocabulary, 4096)
    assert found["model.layers.0.self_attn.k_proj.weight"] == (keys, 4096)
    assert found["model.layers.0.mlp.gate_proj.weight"] == (inner, 4096)
    assert found.get("model.layers.0.self_attn.q_norm.weight") == (head and (head,))


def test_mambas_rescaled_output_depends_on_the_number_of_layers() -> None:
    name = "backbone.layers.0.mixer.out_proj.weight"
    (plain,) = joined(model_of(*sized("mamba", "tiny")), name)
    (rescaled,) = joined(model_of(*sized("mamba", "tiny", rescale_prenorm_residual=True)), name)
    assert plain.spec.scheme == "torch.linear"
    assert (rescaled.spec.scheme, rescaled.spec.depth) == ("mamba_residual", 2)


def test_mamba_counts_its_inner_width_and_rank_where_the_config_does_not() -> None:
    architecture, config = sized("mamba", "tiny", hidden_size=40)
    for key in ("intermediate_size", "time_step_rank"):
        del config[key]
    found = shapes(model_of(architecture, config))
    assert found["backbone.layers.0.mixer.dt_proj.weight"] == (2 * 40, 3)


def test_whispers_encoder_has_the_fixed_table_of_positions() -> None:
    model = model_of(*sized("whisper", "tiny"))
    (table,) = joined(model, "model.encoder.embed_positions.weight")
    (learned,) = joined(model, "model.decoder.embed_positions.weight")
    assert (table.spec.scheme, table.spec.variant) == ("sinusoidal_positions", "halves")
    assert learned.spec.scheme == "normal"


@pytest.mark.parametrize(
    ("family", "key", "value"),
    [
        ("gpt2", "add_cross_attention", True),
        ("bert", "is_decoder", True),
        ("bert", "position_embedding_type", "relative_key"),
        ("t5", "feed_forward_proj", "gated-swish"),
        ("mamba", "time_step_init_scheme", "constant"),
        ("mamba", "time_step_scale", 2.0),
    ],
)
def test_values_that_transformers_draws_otherwise_are_refused(
    family: str, key: str, value: object
) -> None:
    with pytest.raises(ImpossibleError, match=key):
        model_of(*sized(family, "tiny", **{key: value}))


def test_a_vocabulary_of_no_word_is_refused_and_does_not_stand_for_an_absent_one() -> None:
    with pytest.raises(UnreadableError, match="vocab_size"):
        model_of(*sized("llama", "tiny", vocab_size=0))
