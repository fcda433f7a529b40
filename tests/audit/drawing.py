"""Tensors for the tests of the audit, drawn by NumPy, so that Fanin does not judge itself."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from service.audit.files.stored import PIECE_BYTES, Stored

Array = npt.NDArray[Any]

Generator = np.random.Generator


def uniform(rng: Generator, shape: tuple[int, ...], limit: float) -> Array:
    """U(-limit, limit)."""
    return rng.uniform(-limit, limit, shape)


def normal(rng: Generator, shape: tuple[int, ...], std: float) -> Array:
    """N(0, std^2)."""
    return rng.normal(0.0, std, shape)


def truncated(rng: Generator, shape: tuple[int, ...], parent: float) -> Array:
    """A normal with std `parent`, cut at two of them by drawing anew what is outside."""
    values = rng.normal(0.0, 1.0, math.prod(shape))
    while (outside := np.abs(values) > 2).any():
        values[outside] = rng.normal(0.0, 1.0, int(outside.sum()))
    return (values * parent).reshape(shape)


RATIO = 0.87962566103423978
"""The std of a standard normal cut at two standard deviations."""


def orthogonal(rng: Generator, shape: tuple[int, ...]) -> Array:
    """Q of a normal matrix of the first axis and the others."""
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return np.reshape(q if rows >= columns else q.T, shape)


def cast(values: Array, dtype: str) -> Array:
    """The values in a dtype of NumPy or ml_dtypes."""
    kind = np.dtype(getattr(ml_dtypes, dtype)) if hasattr(ml_dtypes, dtype) else np.dtype(dtype)
    return values.astype(np.float32).astype(kind)


def stored(name: str, values: Array) -> Stored:
    """A tensor in memory."""
    content = values.tobytes()

    def pieces() -> Any:
        return (content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES))

    return Stored(name, values.shape, values.dtype.name, "memory", pieces)


def written(folder: Path, tensors: Mapping[str, Array]) -> Path:
    """A .npz file with the tensors."""
    path = folder / "model.npz"
    np.savez(path, **dict[str, Any](tensors))
    return path
