"""The recommendation as one line of code for each framework, as its users write it.

A line makes weights of the same distribution and numbers. It makes other values: only
`weights_url` gives those of Fanin. In a line `w` is the tensor to fill; `key`, `shape` and `dims`
are what the framework itself calls so. A line of Keras, Flax, burn, candle or TensorFlow.js is an
initializer, which a layer takes.
"""

from dataclasses import dataclass

from service.advice.decision import Decision
from service.advice.equivalents import flux, jax, keras, mlx, pytorch, rust, tfjs
from service.advice.equivalents.lines import Framework
from service.advice.equivalents.target import Target, target_of

__all__ = ["FRAMEWORKS", "RUN_WITH", "Equivalent", "equivalents_of"]

RUN_WITH: dict[str, str] = {
    "pytorch": "torch 2.13.0",
    "keras": "keras 3.15.1",
    "jax": "jax 0.10.2",
    "flax": "flax 0.12.8",
    "mlx": "mlx 0.32.4",
    "tfjs": "@tensorflow/tfjs 4.22.0",
}
"""The release with which tests/peers/test_equivalents.py runs every kind of line of a framework.

No test runs the lines of the others.
"""

FRAMEWORKS: dict[str, Framework] = {
    "pytorch": pytorch.PYTORCH,
    "keras": keras.KERAS,
    "jax": jax.JAX,
    "flax": jax.FLAX,
    "flux": flux.FLUX,
    "burn": rust.BURN,
    "candle": rust.CANDLE,
    "mlx": mlx.MLX,
    "tfjs": tfjs.TFJS,
    "onnx": Framework({}, "ONNX stores weights and draws none: fetch weights_url."),
}
"""Every framework, in the order of the answer."""


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One line of a framework's code.

    `code` is None if the framework has no initializer for these values. `note` says so, or what
    to watch for in this line; mostly it is empty. `run_with` is the package and release with which
    a test ran this kind of line, None if none did.
    """

    code: str | None
    note: str
    run_with: str | None


def equivalents_of(decision: Decision) -> dict[str, Equivalent]:
    """A line for each framework."""
    target = target_of(decision)
    return {name: _equivalent(name, target) for name in FRAMEWORKS}


def _equivalent(name: str, target: Target) -> Equivalent:
    framework = FRAMEWORKS[name]
    written = framework.line(target)
    if written is None:
        return Equivalent(None, framework.missing, None)
    line, code = written
    return Equivalent(code, line.note, RUN_WITH.get(name))
