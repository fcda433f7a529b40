"""What a model has, as JSON: its files, and the facts about each tensor."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any

from service.models.planning import INDEX, Kind, ModelPlan
from service.plan.certificate import Facts
from service.wire.json_text import json_bytes

PATH = "/v1/models"
PAGE_PATH = "/models"

CONFIG = "config.json"


def model_url(token: str) -> str:
    """The path of the listing."""
    return f"{PATH}/{token}"


def summary(plan: ModelPlan, token: str) -> dict[str, Any]:
    """The files, the totals and the warnings: the answer to a manifest."""
    url = model_url(token)
    return {
        "token": token,
        "url": url,
        "page": f"{PAGE_PATH}/{token}",
        "seed": str(plan.seed),
        "architecture": plan.manifest.architecture,
        "edition": plan.manifest.edition,
        "status": "draft",
        "files": [
            {"name": each.name, "url": f"{url}/{each.name}", "bytes": each.length}
            for each in plan.files
        ],
        "others": [f"{url}/{name}" for name in other_names(plan)],
        "parameters": plan.parameters,
        "bytes": plan.bytes,
        "tensor_count": sum(len(each.tensors) for each in plan.files),
        "warnings": [asdict(each) for each in plan.warnings],
        "ignored_config": list(plan.model.ignored),
        "tied": plan.model.tied,
    }


def other_names(plan: ModelPlan) -> tuple[str, ...]:
    """The names of the files beside the tensors: the index of several files, and the config."""
    index = (INDEX,) if len(plan.files) > 1 else ()
    return index if plan.manifest.config is None else (*index, CONFIG)


def other_files(plan: ModelPlan) -> dict[str, bytes]:
    """The files of `other_names`."""
    made = {INDEX: index_json, CONFIG: config_json}
    return {name: made[name](plan) for name in other_names(plan)}


def index_json(plan: ModelPlan) -> bytes:
    """model.safetensors.index.json, as transformers writes it: the file of each tensor."""
    names = {tensor.name: each.name for each in plan.files for tensor in each.tensors}
    index = {
        "metadata": {"total_parameters": plan.parameters, "total_size": plan.bytes},
        "weight_map": dict(sorted(names.items())),
    }
    return json_bytes(index)


def config_json(plan: ModelPlan) -> bytes:
    """config.json."""
    return json_bytes(dict(sorted(served_config(plan).items())))


def served_config(plan: ModelPlan) -> dict[str, Any]:
    """The config as transformers 4 and 5, candle and MLX need it.

    It has the architecture, its model_type, and the dtype: transformers 4 reads `torch_dtype`, and
    5 reads `dtype`. Keys that the manifest leaves out stay out: the defaults are those of the
    loader. The config of a list of tensors is as it was given.
    """
    config: dict[str, Any] = dict(plan.manifest.config or {})
    choice = plan.model.choice
    if choice is None:
        return config
    config["architectures"] = [choice.architecture]
    config["model_type"] = choice.recipe.architectures[choice.architecture].model_type
    config["dtype"] = config["torch_dtype"] = plan.manifest.dtype
    return _older_names(config) | config


def _older_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the config under the names that only older loaders read.

    transformers 5 writes the base of rotary positions into `rope_parameters`. transformers 4,
    candle and MLX read `rope_theta`, and `rope_scaling` for everything else in it. MLX reads the
    positions of GPT-2 from `n_ctx`.
    """
    older: dict[str, Any] = {}
    rope = config.get("rope_parameters")
    if isinstance(rope, dict) and isinstance(rope.get("rope_theta"), int | float):
        older["rope_theta"] = rope["rope_theta"]
        if rope.get("rope_type", "default") != "default":
            older["rope_scaling"] = {
                name: each for name, each in rope.items() if name != "rope_theta"
            }
    if config["model_type"] == "gpt2" and "n_positions" in config:
        older["n_ctx"] = config["n_positions"]
    return older


class ModelListing:
    """The listing of a model: its summary, and a record for each tensor."""

    def __init__(self, plan: ModelPlan, token: str) -> None:
        self._plan, self._token = plan, token

    def text(self) -> bytes:
        """The listing as JSON. A line for each tensor, since a model may have 200,000."""
        head = json.dumps(summary(self._plan, self._token), ensure_ascii=False, indent=2)
        lines = (json.dumps(each, ensure_ascii=False) for each in self.tensors())
        joined = ",\n    ".join(lines)
        return f'{head[:-2]},\n  "tensors": [\n    {joined}\n  ]\n}}\n'.encode()

    def tensors(self) -> Iterator[dict[str, Any]]:
        """The records in the order of the files. `to` is the byte after the last."""
        for file in self._plan.files:
            for tensor in file.tensors:
                kind = self._plan.kinds[int(file.part_kinds[tensor.first])]
                record = {
                    "name": tensor.name,
                    "file": file.name,
                    "from": len(file.head) + tensor.begin,
                    "to": len(file.head) + tensor.end,
                    "shape": list(tensor.shape),
                    "dtype": tensor.dtype,
                    **self._facts(kind),
                }
                names = file.part_names[tensor.first : tensor.last]
                if len(names) == 1:
                    yield record | {"url": kind.url(names[0])}
                else:
                    kinds = file.part_kinds[tensor.first : tensor.last]
                    parts = zip(names, kinds.tolist(), strict=True)
                    urls = [
                        {"name": name, "url": self._plan.kinds[number].url(name)}
                        for name, number in parts
                    ]
                    yield record | {"url": None, "joined": urls}

    @cached_property
    def _known(self) -> dict[int, dict[str, Any]]:
        return {}

    def _facts(self, kind: Kind) -> dict[str, Any]:
        known = self._known.get(id(kind))
        if known is None:
            known = self._known[id(kind)] = facts_json(kind.plan.facts)
        return known


def facts_json(facts: Facts) -> dict[str, Any]:
    """The facts that the table of a model has."""
    return {
        "scheme": facts.scheme,
        "distribution": facts.distribution,
        "fan_in": facts.fan_in,
        "fan_out": facts.fan_out,
        "gain": facts.gain,
        "mean": facts.mean,
        "std": facts.std,
        "limit": facts.limit,
    }
