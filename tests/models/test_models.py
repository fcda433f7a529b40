"""Whole models, fetched tensor by tensor over a socket, are what three readers agree on."""

import hashlib
import io
import json
import subprocess
from collections.abc import Iterator
from math import prod, sqrt
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy

from service.api.app import create_app
from service.settings import Settings
from tests.server import running

HERE = Path(__file__).parent
STANDARD_ERRORS = 5.0
KURTOSIS = {"normal": (3.0, 24.0), "uniform": (9 / 5, 1.3166)}
"""Of each distribution, and n times the variance of its estimate from n values whose mean and
variance are estimated too: mu8 / s^8 - 4 mu4 mu6 / s^10 + 4 mu4^3 / s^12 - (mu4 / s^4)^2, which is
24 for the normal and 1.3166 for the uniform."""
LARGEST = {"normal": sqrt(66 * 0.6931471805599453), "uniform": sqrt(3.0)}
"""In standard deviations: nothing the stream draws is beyond."""

Values = npt.NDArray[np.float32]


def resnet_fields(name: str, shape: list[int]) -> str:
    """He, fan_out, for convolutions (He et al. 2015); PyTorch's default for the classifier."""
    if name.startswith("classifier"):
        layer = "&layer=bias&fan_in=2048" if name.endswith("bias") else ""
        return f"scheme=variance_scaling&distribution=uniform&gain=0.5773502691896258{layer}"
    if len(shape) == 4:
        return "scheme=he_normal&mode=fan_out"
    return "scheme=ones" if name.endswith("weight") else "scheme=zeros"


def gpt2_fields(name: str, shape: list[int]) -> str:
    """0.02, and 0.02 / sqrt(2 layers) for projections into the residual (Radford et al. 2019)."""
    if len(shape) == 2:
        projection = "c_proj" in name
        return f"scheme=normal&std={0.02 / sqrt(24) if projection else 0.02!r}&layout=keras"
    return "scheme=ones" if name.endswith("weight") else "scheme=zeros"


MODELS = {"resnet-50": resnet_fields, "gpt2": gpt2_fields}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(create_app(Settings())) as address:
        with httpx2.Client(base_url=address.url) as client:
            while client.get("/readyz").status_code != 200:
                pass
        yield address.url


def tensors(model: str) -> list[dict[str, Any]]:
    document = json.loads((HERE / f"{model}.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = document["tensors"]
    return found


def path(model: str, tensor: dict[str, Any], suffix: str) -> str:
    shape = ",".join(map(str, tensor["shape"]))
    fields = MODELS[model](tensor["name"], tensor["shape"])
    return f"/v1/weights.{suffix}?shape={shape}&{fields}&seed=0&name={quote(tensor['name'])}"


def distribution_faults(values: Values, distribution: str, std: float) -> list[str]:
    """Compare mean, standard deviation, kurtosis and extremes with the closed form."""
    x = values.reshape(-1).astype(np.float64) / std
    kurtosis, kurtosis_variance = KURTOSIS[distribution]
    centred = x - x.mean()
    variance = float((centred**2).mean())
    found = {
        "mean": (float(x.mean()), 0.0, 1.0),
        "std": (sqrt(variance), 1.0, (kurtosis - 1) / 4),
        "kurtosis": (float((centred**4).mean()) / variance**2, kurtosis, kurtosis_variance),
    }
    faults = [
        name
        for name, (value, expected, spread) in found.items()
        if abs(value - expected) > STANDARD_ERRORS * sqrt(spread / x.size)
    ]
    return faults + ["bounds"] * bool(np.abs(x).max() > LARGEST[distribution] * (1 + 1e-6))


def check_values(values: Values, headers: httpx2.Headers, tensor: dict[str, Any]) -> None:
    """Against the closed form, and against the std that the model's own framework drew."""
    distribution = headers["weights-distribution"]
    if distribution == "constant":
        assert set(np.unique(values)) == {1.0 if tensor["name"].endswith("weight") else 0.0}
        return
    std = float(headers["weights-std"])
    assert distribution_faults(values, distribution, std) == [], tensor["name"]
    error = std * sqrt((KURTOSIS[distribution][0] - 1) / 4 / values.size)
    # Five standard errors, and the eight decimals of the recorded number.
    assert abs(tensor["std"] - std) < STANDARD_ERRORS * error + 1e-8, tensor["name"]


def read_by_node(base: str, paths: list[str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["node", HERE / "read_weights.mjs", base],
        input="\n".join(paths) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.needs("node")
@pytest.mark.parametrize(
    "model",
    ["resnet-50", pytest.param("gpt2", marks=[pytest.mark.slow, pytest.mark.ci])],
)
def test_every_tensor_of_a_model_reads_alike_everywhere(base: str, model: str) -> None:
    """NumPy, safetensors and Node agree on shape, dtype and bytes; the numbers fit their law."""
    listed = tensors(model)
    by_node = read_by_node(base, [path(model, tensor, "npy") for tensor in listed])
    with httpx2.Client(base_url=base, timeout=60) as client:
        for tensor, seen in zip(listed, by_node, strict=True):
            answer = client.get(path(model, tensor, "npy")).raise_for_status()
            values = np.load(io.BytesIO(answer.content))
            other = client.get(path(model, tensor, "safetensors")).raise_for_status()
            (key, same), *rest = safetensors.numpy.load(other.content).items()
            assert (key, rest) == (tensor["name"], [])
            assert list(values.shape) == list(same.shape) == seen["shape"] == tensor["shape"]
            assert values.dtype == same.dtype == np.float32
            assert (seen["descr"], seen["fortran"]) == ("<f4", False)
            assert values.tobytes() == same.tobytes()
            assert hashlib.sha256(values.tobytes()).hexdigest() == seen["sha256"]
            assert seen["bytes"] == 4 * prod(tensor["shape"])
            check_values(values, answer.headers, tensor)


def test_a_wrong_std_or_distribution_is_noticed() -> None:
    """Negative control: one percent of std, a shift, or the other law fails."""
    generator = np.random.default_rng(4)
    normal = generator.standard_normal(300_000).astype(np.float32)
    uniform = generator.uniform(-sqrt(3), sqrt(3), 300_000).astype(np.float32)
    assert distribution_faults(normal, "normal", 1.0) == []
    assert distribution_faults(uniform, "uniform", 1.0) == []
    assert "std" in distribution_faults(normal, "normal", 1.01)
    assert "mean" in distribution_faults(normal + np.float32(0.02), "normal", 1.0)
    assert distribution_faults(uniform, "normal", 1.0) == ["kurtosis"]
    assert distribution_faults(normal, "uniform", 1.0) == ["kurtosis", "bounds"]
