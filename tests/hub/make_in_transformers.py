"""Make models of configs in transformers, and tell what transformers makes of them.

    python -m tests.hub.make_in_transformers CONFIGS.json ANSWER.json

It runs in an environment of tests/models/environment.py, which has transformers and not the
service. CONFIGS.json is a list of configs, each as a config.json has it. ANSWER.json has for each:

- `shapes`: the shape of each tensor of the state_dict, by its name in the module.
- `ran`: whether a forward pass gave finite numbers. Null for a model of more than MOST_ELEMENTS,
  which is made without memory.

A config of which no model can be made or run has `error` instead.
"""

import importlib
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

torch: Any = importlib.import_module("torch")
transformers: Any = importlib.import_module("transformers")

MOST_ELEMENTS = 5_000_000
"""The largest model that is run. It takes 20 MB."""

ROWS, LENGTH = 2, 8
"""Of the tokens that a model is run on. There are fewer where it has fewer positions."""

POSITIONS = ("n_positions", "max_position_embeddings", "max_target_positions")
"""Keys of configs with the number of positions."""


def main(configs: Path, answer: Path) -> None:
    """Write what each config is to `answer`."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    answer.write_text(json.dumps([_made(each) for each in json.loads(configs.read_text())]))


def _made(config: dict[str, Any]) -> dict[str, Any]:
    """What main promises."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "config.json").write_text(json.dumps(config))
            read = transformers.AutoConfig.from_pretrained(folder)
        kind = getattr(transformers, read.architectures[0])
        with torch.device("meta"):
            shapes = {name: list(value.shape) for name, value in kind(read).state_dict().items()}
        small = sum(map(math.prod, shapes.values())) <= MOST_ELEMENTS
        return {"shapes": shapes, "ran": _ran(kind(read)) if small else None}
    except Exception as error:  # Configs break transformers in many ways, and the test shows which.
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def _ran(model: Any) -> bool:
    """Whether a forward pass gives finite numbers."""
    with torch.no_grad():
        answer = model.eval()(**_inputs(model))
    # A model without a head has hidden states alone.
    outputs = answer.logits if "logits" in answer else answer.last_hidden_state
    return bool(torch.isfinite(outputs).all())


def _inputs(model: Any) -> dict[str, Any]:
    config = model.config
    if model.main_input_name == "pixel_values":
        side = getattr(config, "image_size", 64)
        return {"pixel_values": torch.zeros(ROWS, config.num_channels, side, side)}
    most = [getattr(config, key, LENGTH) for key in POSITIONS]
    length = min(LENGTH, *most)
    tokens = torch.arange(ROWS * length).reshape(ROWS, length) % config.vocab_size
    if model.main_input_name == "input_features":
        frames = 2 * config.max_source_positions
        sound = torch.zeros(ROWS, config.num_mel_bins, frames)
        return {"input_features": sound, "decoder_input_ids": tokens}
    if config.is_encoder_decoder:
        return {"input_ids": tokens, "labels": tokens}
    return {"input_ids": tokens}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
