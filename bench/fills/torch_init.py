"""PyTorch's side: `torch.nn.init` on a tensor that was there before, on one thread."""

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from bench.worker import Fill, Prepare

# By name, since type checkers run where PyTorch is not installed.
torch: Any = import_module("torch")
torch.set_num_threads(1)


def _fill(name: str) -> Prepare:
    def prepare(*extents: str) -> Fill:
        tensor = torch.empty(*map(int, extents), dtype=torch.float32)
        return partial(getattr(torch.nn.init, name), tensor)

    return prepare


CASES: Mapping[str, Prepare] = {
    name: _fill(name)
    for name in ("kaiming_normal_", "kaiming_uniform_", "trunc_normal_", "orthogonal_")
}
