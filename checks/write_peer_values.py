"""Write what a peer itself makes for the cases of tests/peers/cases.py.

    python -m checks.write_peer_values torch|timm|mlx|paddle DIRECTORY

It runs in an environment of the peer, which needs NumPy and no part of Fanin. It writes PEER.npz,
with one array for each case in the order of the cases, and PEER.json, with the versions and the
request and shape of each. Each case has the seed of its number.
"""

import importlib
import json
import platform
import sys
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.peers.cases import CASES

MOST = 1024
"""The values that are kept of a case: the first ones in C order, or all if they are few."""


def package(peer: str) -> tuple[Any, dict[str, str]]:
    """What the cases take, and the versions of what they use."""
    if peer == "mlx":
        core, nn = importlib.import_module("mlx.core"), importlib.import_module("mlx.nn")
        return SimpleNamespace(core=core, nn=nn), {"mlx": core.__version__}
    if peer == "timm":
        torch = importlib.import_module("torch")
        versions = {"timm": version("timm"), "torch": torch.__version__}
        return SimpleNamespace(torch=torch, init=_weight_init_of_timm()), versions
    module = importlib.import_module(peer)
    return module, {peer: module.__version__}


def _weight_init_of_timm() -> Any:
    """timm's module alone. The package imports torchvision, which nothing here needs."""
    found = find_spec("timm")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("timm is not installed")
    path = Path(found.origin).parent / "layers" / "weight_init.py"
    spec = spec_from_file_location("weight_init", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seed(peer: str, module: Any, number: int) -> None:
    """Seed the peer's generator."""
    if peer == "mlx":
        module.core.random.seed(number)
    elif peer == "paddle":
        module.seed(number)
    else:
        (module if peer == "torch" else module.torch).manual_seed(number)


def values(peer: str, tensor: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The tensor as a NumPy array."""
    if peer in ("torch", "timm"):
        tensor = tensor.detach()
    return np.array(tensor.numpy() if hasattr(tensor, "numpy") else tensor, np.float32)


def main(peer: str, directory: Path) -> None:
    """Write both files of a peer."""
    module, versions = package(peer)
    arrays: dict[str, Any] = {}
    listed = []
    for number, case in enumerate(CASES[peer]):
        seed(peer, module, number)
        made = values(peer, case.make(module))
        listed.append({"query": case.query, "shape": made.shape})
        arrays[str(number)] = made.reshape(-1)[:MOST]
    directory.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(directory / f"{peer}.npz", **arrays)
    about = versions | {"python": platform.python_version(), "machine": platform.machine()}
    text = json.dumps({"versions": about, "cases": listed}, indent=1)
    (directory / f"{peer}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
