"""Run lines of code in the frameworks that they are for.

    python -m tests.peers.run_lines LINES.json OUT.npz

It runs in an environment that has the frameworks and not the service. LINES.json lists objects with
`framework`, `code` and `shape`. OUT.npz has an array for each, named by its number, and one with
the package and release for each framework, named by it.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"

SEED = 20

Run = Callable[[str, list[int], int], Any]


def _torch() -> Run:
    torch: Any = importlib.import_module("torch")

    def run(code: str, shape: list[int], seed: int) -> Any:
        torch.manual_seed(seed)
        w = torch.empty(shape)
        exec(code, {"torch": torch, "w": w})
        return w.numpy()

    return run


def _keras() -> Run:
    keras: Any = importlib.import_module("keras")

    def run(code: str, shape: list[int], seed: int) -> Any:
        keras.utils.set_random_seed(seed)
        return eval(code, {"keras": keras})(shape)

    return run


def _jax() -> Run:
    jax: Any = importlib.import_module("jax")

    def run(code: str, shape: list[int], seed: int) -> Any:
        return eval(code, {"jax": jax, "key": jax.random.key(seed), "shape": shape})

    return run


def _flax() -> Run:
    jax: Any = importlib.import_module("jax")
    importlib.import_module("flax.linen")
    flax: Any = importlib.import_module("flax")

    def run(code: str, shape: list[int], seed: int) -> Any:
        initializer = eval(code, {"flax": flax, "jax": jax})
        return initializer(jax.random.key(seed), shape, jax.numpy.float32)

    return run


def _mlx() -> Run:
    core: Any = importlib.import_module("mlx.core")
    importlib.import_module("mlx.nn")
    mlx: Any = importlib.import_module("mlx")

    def run(code: str, shape: list[int], seed: int) -> Any:
        core.random.seed(seed)
        return eval(code, {"mlx": mlx, "w": core.zeros(shape)})

    return run


FRAMEWORKS: dict[str, tuple[str, Callable[[], Run]]] = {
    "pytorch": ("torch", _torch),
    "keras": ("keras", _keras),
    "jax": ("jax", _jax),
    "flax": ("flax", _flax),
    "mlx": ("mlx", _mlx),
}
"""The package of each framework, and what runs its lines."""


def main(lines: Path, out: Path) -> None:
    """Write the arrays. Each line has a seed of its own."""
    listed = json.loads(lines.read_text(encoding="utf-8"))
    packages = {line["framework"]: FRAMEWORKS[line["framework"]][0] for line in listed}
    run = {framework: FRAMEWORKS[framework][1]() for framework in packages}
    arrays: dict[str, Any] = {
        framework: np.array(f"{package} {version(package).partition('+')[0]}")
        for framework, package in packages.items()
    }
    for number, line in enumerate(listed):
        values = run[line["framework"]](line["code"], line["shape"], SEED + number)
        arrays[str(number)] = np.asarray(values, np.float32)
    np.savez(out, **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
