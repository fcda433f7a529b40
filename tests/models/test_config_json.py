"""config.json as loaders need it, with the names that older loaders read."""

import json
from typing import Any

import pytest

from service.models.listing import config_json
from service.models.manifest import Manifest
from service.models.planning import plan_model
from service.models.recipe import recipes

SIZES = {
    f"{recipe.family}/{size}": config
    for recipe in recipes().values()
    for size, config in recipe.sizes.items()
}

ENCODERS = recipes()["bert"].sizes_of("BertModel")


def served(config: dict[str, Any], **members: Any) -> dict[str, Any]:
    manifest = Manifest(config=config, seed=1, **members)
    read: dict[str, Any] = json.loads(config_json(plan_model(manifest, max_bytes=2**40)))
    return read


@pytest.mark.parametrize("name", [name for name in SIZES if "tiny" in name])
def test_every_key_of_a_size_is_kept(name: str) -> None:
    """With the dtype under both names."""
    config = SIZES[name]
    found = served(config, dtype="bfloat16")
    assert found | config == found
    assert found["dtype"] == found["torch_dtype"] == "bfloat16"


@pytest.mark.parametrize("size", ENCODERS)
def test_sizes_of_another_architecture_name_the_one_that_is_asked_for(size: str) -> None:
    """In the config and in the manifest with its whole config, however it is asked for."""
    plans = [
        plan_model(Manifest(seed=1, **members), max_bytes=2**40)
        for members in (
            {"architecture": "BertModel", "size": size},
            {"architecture": "BertModel", "config": SIZES[f"bert/{size}"]},
            {"config": ENCODERS[size]},
        )
    ]
    for plan in plans:
        assert json.loads(config_json(plan))["architectures"] == ["BertModel"]
    assert plans[0].text == plans[2].text
    assert (plans[0].manifest.config or {})["architectures"] == ["BertModel"]
    assert json.loads(config_json(plans[0])) | SIZES[f"bert/{size}"] == (
        json.loads(config_json(plans[0])) | {"architectures": ["BertForMaskedLM"]}
    )


def test_nothing_is_added_that_decides_a_tensor() -> None:
    """A key that is absent or null has the meaning that transformers gives it."""
    config = {"architectures": ["GPT2LMHeadModel"], "n_layer": 2, "n_inner": None}
    dtypes = {"dtype": "float32", "torch_dtype": "float32"}
    assert served(config) == config | dtypes | {"model_type": "gpt2"}


def test_rotary_positions_have_their_base_at_the_top() -> None:
    """A config.json that transformers 5 has saved has it in rope_parameters alone."""
    config = {name: each for name, each in SIZES["llama/tiny"].items() if name != "rope_theta"}
    plain = {"rope_theta": 500000.0, "rope_type": "default"}
    found = served(config | {"rope_parameters": plain})
    assert found["rope_theta"] == 500000.0
    assert "rope_scaling" not in found
    scaled = {"rope_theta": 1e4, "rope_type": "linear", "factor": 2.0}
    found = served(config | {"rope_parameters": scaled})
    assert found["rope_scaling"] == {"rope_type": "linear", "factor": 2.0}
    assert found["rope_parameters"] == scaled


@pytest.mark.parametrize("strange", [None, [], {"rope_theta": "x"}, {"full": {"rope_theta": 1.0}}])
def test_strange_rotary_positions_stay_as_they_are(strange: object) -> None:
    config = {name: each for name, each in SIZES["llama/tiny"].items() if name != "rope_theta"}
    assert "rope_theta" not in served(config | {"rope_parameters": strange})


def test_mlx_finds_the_positions_of_gpt2() -> None:
    assert served(SIZES["gpt2/tiny"])["n_ctx"] == 128
    assert served(SIZES["gpt2/tiny"] | {"n_ctx": 7})["n_ctx"] == 7


def test_the_config_of_a_list_is_as_it_was_given() -> None:
    config = {"model_type": "gpt2", "anything": [1, {"b": None}]}
    tensor = {"name": "a", "shape": (2, 3), "scheme": "normal", "std": 0.1}
    assert served(config, tensors=[tensor]) == config
