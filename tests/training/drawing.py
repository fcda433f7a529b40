"""Tensors from requests, for networks that are trained in NumPy."""

import numpy as np
import numpy.typing as npt

from service.chunks import TensorBody
from service.fields import parse_query
from service.plan import plan

Array = npt.NDArray[np.float64]


def weights(name: str, query: str, seed: int = 1) -> Array:
    """The tensor of a request as float64, in the shape of the request."""
    spec = parse_query(f"{query}&seed={seed}&name={name}&dtype=float64".encode())
    made = plan(spec, "raw", max_bytes=2**30)
    body = b"".join(map(bytes, TensorBody(made).chunks()))
    return np.frombuffer(body, np.float64).reshape(made.tensor.placement.shape).copy()


class Adam:
    """Adam (Kingma and Ba 2015) with the usual decay rates, for a list of arrays."""

    def __init__(self, parameters: list[Array], rate: float) -> None:
        self.parameters, self.rate, self.step = parameters, rate, 0
        self.means = [np.zeros_like(each) for each in parameters]
        self.squares = [np.zeros_like(each) for each in parameters]

    def update(self, gradients: list[Array], most_norm: float = np.inf) -> None:
        """One step along the gradients, which are scaled down to `most_norm` together."""
        norm = np.sqrt(sum(float((each * each).sum()) for each in gradients))
        factor = min(1.0, most_norm / norm) if norm > 0 else 1.0
        self.step += 1
        rate = self.rate * np.sqrt(1 - 0.999**self.step) / (1 - 0.9**self.step)
        for parameter, gradient, mean, square in zip(
            self.parameters, gradients, self.means, self.squares, strict=True
        ):
            scaled = gradient * factor
            mean += 0.1 * (scaled - mean)
            square += 0.001 * (scaled * scaled - square)
            parameter -= rate * mean / (np.sqrt(square) + 1e-8)
