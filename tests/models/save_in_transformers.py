"""Let transformers write models, to try tests/models/load_in_transformers.py on.

    python -m tests.models.save_in_transformers CONFIG.json SHARD_SIZE DIRECTORY ...

It runs in an environment of tests/models/environment.py. The three arguments may be repeated. Each
model has the class that its config names, and the weights that transformers gives it after
torch.manual_seed(7). Its files have at most SHARD_SIZE bytes.
"""

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

torch: Any = importlib.import_module("torch")
transformers: Any = importlib.import_module("transformers")


def main(arguments: list[str]) -> None:
    """Write a model for each three arguments."""
    for source, size, directory in zip(*(arguments[start::3] for start in range(3)), strict=True):
        config = transformers.AutoConfig.from_pretrained(source)
        (name,) = config.architectures
        torch.manual_seed(7)
        model = getattr(transformers, name)(config)
        model.save_pretrained(directory, max_shard_size=int(size))
        shutil.copy(source, Path(directory, "config.json"))


if __name__ == "__main__":
    main(sys.argv[1:])
