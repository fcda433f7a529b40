"""Our tensors are drawn as transformers draws them: each statistic against a real fresh model.

tests/models/data/ has mean, std, least and largest value of each tensor of models that transformers
5.23.0 made. Both models are samples, so a difference has the variance of both. The standard errors
of n values with kurtosis k are std / sqrt(n) of the mean and std sqrt((k - 1) / 4n) of the std.
The chance that a normal statistic is off by 5 of them is 6e-7.
"""

import json
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from service.models.body import FileBody, FileLayout
from service.models.manifest import Manifest
from service.models.planning import ModelPlan, Stored, plan_model
from service.plan.certificate import Facts

DATA = Path(__file__).parent / "data"
STANDARD_ERRORS = 5.0
PROBABILITY = 1e-6
"""Of an extreme that lies beyond its quantile, on each side."""

WRITTEN = 6e-9
"""The statistics of the real models are rounded to 8 decimals; their sums are of float32."""


Float64 = npt.NDArray[np.float64]


def planned(name: str) -> tuple[dict[str, Any], ModelPlan]:
    """The statistics of a real model, and our model of the same config with module names."""
    real = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    manifest = Manifest.model_validate(
        {
            "seed": 1,
            "architecture": real["architecture"],
            "config": real["config"],
            "names": "module",
        }
    )
    return statistics_of(real), plan_model(manifest, max_bytes=2**44)


def statistics_of(real: dict[str, Any]) -> dict[str, list[float]]:
    """Mean, std, least and largest value of each tensor that has them."""
    tensors = real["tensors"]
    if isinstance(tensors, dict):
        return {name: entry[1:] for name, entry in tensors.items() if len(entry) == 5}
    return {entry[0]: entry[3:] for entry in tensors if len(entry) == 7}


def values_of(model: ModelPlan) -> Iterator[tuple[Stored, Facts, Float64]]:
    """The values of each tensor of a model in one file."""
    [file] = model.files
    body = FileBody(FileLayout(model.kinds, file))
    for tensor in file.tensors:
        if tensor.dtype == "int64" or tensor.begin == tensor.end:
            continue
        part = body.part(len(file.head) + tensor.begin, len(file.head) + tensor.end)
        content = bytearray()
        memory = np.empty(part.chunk_bytes, np.uint8)
        for index in range(part.chunk_count):
            content += part.chunk(index, memory)
        kind = model.kinds[int(file.part_kinds[tensor.first])]
        yield tensor, kind.plan.facts, np.frombuffer(content, "<f4").astype(np.float64)


def errors_of(statistic: list[float], values: Float64) -> Iterator[str]:
    """What of mean and std is not that of our values."""
    mean, std, *_ = statistic
    deviations = values - values.mean()
    squares = deviations * deviations
    own = sqrt(squares.mean())
    if own == 0.0 or std == 0.0:
        if (values.mean(), own) != (mean, std):
            yield f"constants {values.mean()} and {mean}"
        return
    kurtosis = float(squares @ squares) / values.size / own**4
    of_mean = own * sqrt(2 / values.size)
    of_std = own * sqrt(2 * (kurtosis - 1) / (4 * values.size))
    if abs(values.mean() - mean) > STANDARD_ERRORS * of_mean + WRITTEN:
        yield f"mean {values.mean()} and {mean}"
    if abs(own - std) > STANDARD_ERRORS * of_std + WRITTEN + own / values.size:
        yield f"std {own} and {std}"


def extremes(facts: Facts, count: int) -> tuple[float, float] | None:
    """The quantiles of the largest of so many values about their mean; None for other laws.

    P(largest <= x) = P(one <= x)^n.
    """
    std = facts.std or 0.0
    chances = (PROBABILITY ** (1 / count), (1 - PROBABILITY) ** (1 / count))
    if facts.distribution == "normal":
        low, high = (NormalDist().inv_cdf(chance) * std for chance in chances)
        return low, high
    if facts.distribution == "uniform" and facts.limit is not None:
        low, high = ((2 * chance - 1) * facts.limit for chance in chances)
        return low, high
    return None


def extreme_errors(facts: Facts, count: int, least: float, largest: float) -> Iterator[str]:
    """Which of the extremes lies beyond its quantiles."""
    limits = extremes(facts, count)
    if limits is None:
        return
    low, high = (limit * (1 + 1e-6) for limit in limits)
    for value in (largest - (facts.mean or 0.0), (facts.mean or 0.0) - least):
        if not low * (1 - 3e-6) <= value <= high:
            yield f"an extreme of {value} is not in {low} ... {high}"


MODELS = (
    *("gpt2", "bert-base", "bert-encoder-base", "llama-160m", "t5-small", "mamba-130m"),
    *("vit-base", "resnet-50"),
)


@pytest.mark.parametrize("name", MODELS)
def test_each_tensor_is_drawn_as_in_transformers(name: str) -> None:
    real, model = planned(name)
    wrong: list[str] = []
    compared = set[str]()
    for tensor, facts, values in values_of(model):
        statistic = real.get(tensor.name)
        if statistic is None:
            continue
        compared.add(tensor.name)
        errors = [
            *errors_of(statistic, values),
            *extreme_errors(facts, values.size, statistic[2], statistic[3]),
            *extreme_errors(facts, values.size, float(values.min()), float(values.max())),
        ]
        wrong += [f"{tensor.name}: {error}" for error in errors]
    assert wrong == []
    stored = {tensor.name for tensor in model.files[0].tensors}
    assert compared == {each for each in real if each in stored}
    assert len(compared) > 100


def test_other_laws_are_noticed() -> None:
    """Negative control: a std that is 3 % off, a uniform, and a mean."""
    real, model = planned("gpt2")
    name = "transformer.h.3.mlp.c_fc.weight"
    _, facts, values = next(each for each in values_of(model) if each[0].name == name)
    mean, std, least, largest = real[name]
    assert not [*errors_of(real[name], values), *extreme_errors(facts, values.size, least, largest)]
    assert [*errors_of([mean, 1.03 * std, least, largest], values)]
    assert [*errors_of([mean + 0.0002, std, least, largest], values)]
    assert [*extreme_errors(facts, values.size, -0.0346, 0.0346)]
