"""Load directories with models in transformers, and tell what transformers makes of them.

    python -m tests.models.load_in_transformers ANSWER.json DIRECTORY...

It runs in an environment of tests/models/environment.py, which has transformers and not the
service. A directory has a config.json and model.safetensors, or shards with an index. The class is
the one that config.json names in `architectures`. ANSWER.json has for each directory:

- `class`: the class.
- `missing`, `unexpected`, `mismatched`: the keys that from_pretrained complains about.
- `dtypes`: of the parameters after loading with dtype="auto".
- `module`: shape, dtype and SHA-256 of each tensor of the state_dict, by the name in the module.
- `saved`: the same of each tensor that save_pretrained writes of the loaded model.
- `fresh_saved`: shape and dtype of each tensor that save_pretrained writes of a new float32 model
  of this config.
- `loss`: in float32, on fixed random tokens, or fixed random images with random labels. A model
  without a head has null.
- `fresh_losses`: the same of new models of this config, after torch.manual_seed(0), (1), ...
- `logits_variance`, `fresh_logits_variances`: the variance of the logits over inputs and classes.
  Of a model without a head, that of the pooled output over inputs and features.

A directory that cannot be loaded has `error` instead.
"""

import copy
import hashlib
import importlib
import inspect
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

torch: Any = importlib.import_module("torch")
safetensors: Any = importlib.import_module("safetensors")
transformers: Any = importlib.import_module("transformers")

FRESH_LOSSES, FRESH_VARIANCES = 5, 20
"""New models to compare with. One vector of an image or a pooled text tells less than the logits
of a text's many places, so there are more of them."""

ROWS, LENGTH = 8, 64
"""Of the random tokens."""

IMAGES, SEED = 32, 20261128

UNTYPED = {"dtype": None, "torch_dtype": None}
"""In place of what a config says of the dtype of a file, which new models do not depend on."""

FAILURES = (OSError, ValueError, RuntimeError, AttributeError, safetensors.SafetensorError)
"""What from_pretrained raises about a directory."""


def main(answer: Path, directories: list[Path]) -> None:
    """Write what each directory is to `answer`."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    fresh: dict[str, Any] = {}
    found = {str(directory): _loaded(directory, fresh) for directory in directories}
    answer.write_text(json.dumps(found))


def _loaded(directory: Path, fresh: dict[str, Any]) -> dict[str, Any]:
    """What main promises. `fresh` keeps what is known of new models, by their config."""
    try:
        config = transformers.AutoConfig.from_pretrained(directory)
        (name,) = config.architectures
        model, info = getattr(transformers, name).from_pretrained(
            directory, output_loading_info=True, ignore_mismatched_sizes=True, dtype="auto"
        )
    except FAILURES as error:
        return {"error": f"{type(error).__name__}: {error}"}
    key = json.dumps({**json.loads((directory / "config.json").read_text()), **UNTYPED})
    about = described(model, info)
    if key not in fresh:
        fresh[key] = fresh_of(model)
    return {**about, **fresh[key]}


def described(model: Any, info: dict[str, Any]) -> dict[str, Any]:
    """The members of an answer that tell of a loaded model itself.

    `info` is what from_pretrained(output_loading_info=True) tells. The model is float32 afterwards.
    """
    about: dict[str, Any] = {
        "class": type(model).__name__,
        "missing": sorted(info["missing_keys"]),
        "unexpected": sorted(info["unexpected_keys"]),
        "mismatched": sorted(str(key) for key in info["mismatched_keys"]),
        "dtypes": sorted({_dtype(each) for each in model.parameters()}),
        "module": {key: _described(value) for key, value in model.state_dict().items()},
        "saved": _saved(model),
    }
    about["loss"], about["logits_variance"] = _measured(model)
    return about


def fresh_of(model: Any) -> dict[str, Any]:
    """The members of an answer that tell of new models of the class and config of `model`."""
    count = FRESH_VARIANCES if _sees(model) or not _has_head(model) else FRESH_LOSSES
    measured = [_measured(_new(model, seed)) for seed in range(count)]
    losses, variances = zip(*measured, strict=True)
    return {
        "fresh_losses": losses,
        "fresh_logits_variances": variances,
        "fresh_saved": {
            name: {"shape": each["shape"], "dtype": each["dtype"]}
            for name, each in _saved(_new(model, 0)).items()
        },
    }


def _new(model: Any, seed: int) -> Any:
    """A float32 model of the same class and config, which transformers initializes itself."""
    torch.manual_seed(seed)
    return type(model)(copy.deepcopy(model.config))


def _sees(model: Any) -> bool:
    """Whether it takes images."""
    return bool(model.main_input_name == "pixel_values")


def _has_head(model: Any) -> bool:
    """Whether it takes labels and has a loss."""
    return "labels" in inspect.signature(model.forward).parameters


def _measured(model: Any) -> tuple[float | None, float]:
    """The loss, and the variance of the logits, in float32 and without dropout.

    Of a model without a head: None, and the variance of the pooled output.

    BatchNorm normalizes by this batch, as it does when training starts. With its means of 0 and
    variances of 1, all logits of MobileNet are 0.
    """
    model.float().eval()
    for module in model.modules():
        module.train(isinstance(module, torch.nn.BatchNorm2d))
    with torch.no_grad():
        answer = model(**_inputs(model))
    if _has_head(model):
        return float(answer.loss), float(answer.logits.var())
    return None, float(answer.pooler_output.var())


def _inputs(model: Any) -> dict[str, Any]:
    """The same for every model of a config: tokens, images, or sound with tokens."""
    config = model.config
    random = torch.Generator().manual_seed(SEED)
    if _sees(model):
        side = getattr(config, "image_size", 64)
        images = torch.randn(IMAGES, config.num_channels, side, side, generator=random)
        labels = torch.randint(config.num_labels, (IMAGES,), generator=random)
        return {"pixel_values": images, "labels": labels}
    tokens = torch.randint(config.vocab_size, (ROWS, LENGTH), generator=random)
    if model.main_input_name == "input_features":
        frames = 2 * config.max_source_positions
        sound = torch.randn(ROWS, config.num_mel_bins, frames, generator=random)
        return {"input_features": sound, "labels": tokens}
    if _has_head(model):
        return {"input_ids": tokens, "labels": tokens}
    return {"input_ids": tokens}


def _saved(model: Any) -> dict[str, dict[str, Any]]:
    """The tensors of the files that save_pretrained writes."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tensors = {}
        for path in Path(folder).glob("*.safetensors"):
            with safetensors.safe_open(path, "pt") as file:
                tensors.update({key: _described(file.get_tensor(key)) for key in file.keys()})  # noqa: SIM118 (no mapping)
        return tensors


def _described(tensor: Any) -> dict[str, Any]:
    """Its shape, the name of its dtype, and the SHA-256 of its values in C order."""
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    digest = hashlib.sha256(flat.tobytes()).hexdigest()
    return {"shape": list(tensor.shape), "dtype": _dtype(tensor), "sha256": digest}


def _dtype(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
