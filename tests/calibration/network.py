"""A stack of dense GELU layers in NumPy, whose tensors are fetched by URL."""

import io
import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.application import ask
from tests.server import Address

Array = npt.NDArray[np.float64]


def fetched(address: Address, url: str) -> Array:
    """The tensor at a URL of the service, as float64."""
    answer = ask(address, url)
    assert answer.status == 200, answer.body
    values: Array = np.load(io.BytesIO(answer.body)).astype(np.float64)
    return values


def calibrated(address: Address, body: dict[str, Any]) -> dict[str, Any]:
    """The answer of /calibrate to a body."""
    headers = {"Content-Type": "application/json"}
    answer = ask(address, "/calibrate", "POST", headers, json.dumps(body).encode())
    assert answer.status == 200, answer.body
    return dict(json.loads(answer.body))


def gaussian(x: Array) -> Array:
    """The distribution function of N(0, 1), within 7.5e-8 (Abramowitz and Stegun 26.2.17)."""
    t = 1 / (1 + 0.2316419 * np.abs(x))
    b = (0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429)
    tail = density(x) * t * (b[0] + t * (b[1] + t * (b[2] + t * (b[3] + t * b[4]))))
    below: Array = np.where(x > 0, 1 - tail, tail)
    return below


def density(x: Array) -> Array:
    """The density of N(0, 1)."""
    return np.asarray(np.exp(-0.5 * x * x)) / math.sqrt(2 * math.pi)


def gelu(x: Array) -> Array:
    """x times the distribution function of N(0, 1)."""
    return x * gaussian(x)


def gelu_slope(x: Array) -> Array:
    """The derivative of `gelu`."""
    return gaussian(x) + x * density(x)


def outputs(weights: list[Array], batch: Array) -> list[Array]:
    """The output of each layer before its activation; samples are rows, and layer 0 reads them."""
    found, x = [], batch
    for w in weights:
        found.append(x @ w.T)
        x = gelu(found[-1])
    return found


def gradients(weights: list[Array], found: list[Array], last: Array) -> list[Array]:
    """The gradient at each layer's output, if that at the last one is `last`."""
    back = [last]
    for w, y in zip(weights[:0:-1], found[-2::-1], strict=True):
        back.append(back[-1] @ w * gelu_slope(y))
    return back[::-1]
