"""Let transformers write models, to try tests/models/load_in_transformers.py on.

    python -m tests.models.save_in_transformers SHARD_SIZE CONFIG.json DIRECTORY [CONFIG.json ...]

It runs in an environment of tests/models/environment.py. Each model has the class that its config
names, and the weights that transformers gives it after torch.manual_seed(7).
"""

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

torch: Any = importlib.import_module("torch")
transformers: Any = importlib.import_module("transformers")


def main(shard_size: int, pairs: list[Path]) -> None:
    """Write a model for each config, in files of at most `shard_size` bytes."""
    for source, directory in zip(pairs[::2], pairs[1::2], strict=True):
        config = transformers.AutoConfig.from_pretrained(source)
        (name,) = config.architectures
        torch.manual_seed(7)
        model = getattr(transformers, name)(config)
        model.save_pretrained(directory, max_shard_size=shard_size)
        shutil.copy(source, directory / "config.json")


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
