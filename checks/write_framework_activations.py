"""Write tests/initializers/framework_activations.json: what frameworks ship and compute.

It needs PyTorch, JAX and Keras, which the project does not install:

    python -m venv build/frameworks
    build/frameworks/bin/python -m pip install torch jax keras
    build/frameworks/bin/python -m checks.write_framework_activations

The file names the version of each framework. It lists every activation that the framework ships,
and has the values and derivatives of those that Fanin has a row for, with the framework's default
parameters and in float64. A new name of a framework that is in neither table below makes
tests/initializers/test_framework_activations.py fail.
"""

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent.parent / "tests" / "initializers" / "framework_activations.json"

ABOUT = "Activations of frameworks; checks/write_framework_activations.py writes this file."

POINTS = [step / 4 for step in range(-27, 28, 2)]
"""Odd multiples of 1/4 from -6.75 to 6.75: no activation has a kink or a jump there."""

Numbers = list[float]
Evaluate = Callable[[Callable[[Any], Any]], tuple[Numbers, Numbers]]

_TORCH_FUNCTIONAL = (
    *("celu", "elu", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish"),
    *("hardtanh", "leaky_relu", "log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6"),
    *("rrelu", "selu", "sigmoid", "silu", "softmax", "softmin", "softplus", "softshrink"),
    *("softsign", "tanh", "tanhshrink", "threshold"),
)
"""The activations of torch.nn.functional, which has other functions beside them."""

_NOT_OF_JAX = frozenset(
    {
        *("dot_product_attention", "get_scaled_dot_general_config", "initializers", "log1mexp"),
        *("logmeanexp", "logsumexp", "one_hot", "scaled_dot_general", "scaled_matmul"),
        "standardize",
    }
)
"""Members of jax.nn that are no activations."""

_NOT_OF_KERAS = frozenset({"deserialize", "get", "serialize"})
"""Members of keras.activations that are no activations."""


def framework_torch() -> dict[str, Any]:
    """PyTorch: torch.nn.functional with default parameters, and calculate_gain of every name."""
    torch = importlib.import_module("torch")
    functional, module = torch.nn.functional, importlib.import_module("torch.nn.modules.activation")
    z = torch.tensor(POINTS, dtype=torch.float64)

    def evaluate(function: Callable[[Any], Any]) -> tuple[Numbers, Numbers]:
        at = z.clone().requires_grad_()
        values = function(at)
        values.sum().backward()
        return values.tolist(), at.grad.tolist()

    names = (
        *("celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh"),
        *("leaky_relu", "logsigmoid", "mish", "relu", "relu6", "rrelu", "selu", "silu"),
        *("softplus", "softshrink", "softsign", "tanhshrink"),
    )
    plain = ("abs", "atan", "cos", "erf", "exp", "sigmoid", "sin", "square", "tanh")
    functions = {
        **{f"torch.nn.functional.{name}": (name, getattr(functional, name)) for name in names},
        **{f"torch.{name}": (name, getattr(torch, name)) for name in plain},
        "torch.nn.functional.gelu(approximate='tanh')": (
            "gelu_tanh",
            lambda at: functional.gelu(at, approximate="tanh"),
        ),
        "torch.nn.functional.threshold(threshold=1, value=0)": (
            "thresholded_relu",
            lambda at: functional.threshold(at, 1.0, 0.0),
        ),
        "torch.nn.PReLU": ("prelu", torch.nn.PReLU(dtype=torch.float64)),
    }
    halves = torch.cat([z.flip(0), z])
    return {
        "version": torch.__version__.partition("+")[0],
        "sources": ["torch/nn/modules/activation.py __all__", "torch/nn/functional.py"],
        "ships": sorted({*module.__all__, *_TORCH_FUNCTIONAL}),
        "calculate_gain": _gains(torch.nn.init.calculate_gain),
        "functions": [
            *_evaluated(functions, evaluate),
            _values_alone("torch.nn.functional.glu", "glu", functional.glu(halves, dim=0).tolist()),
        ],
    }


def _gains(calculate_gain: Callable[[str], float]) -> dict[str, float]:
    """calculate_gain without a parameter, of each name that it has a gain for."""
    found = {}
    for name in ("linear", "identity", *_TORCH_FUNCTIONAL):
        try:
            found[name] = calculate_gain(name)
        except ValueError:
            continue
    return found


def framework_jax() -> dict[str, Any]:
    """JAX: jax.nn with default parameters. Its gelu is the approximation by tanh."""
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    ships = [name for name in _public(jax.nn) if name not in _NOT_OF_JAX]
    renamed = {
        **{"gelu": "gelu_tanh", "hard_sigmoid": "hardsigmoid", "hard_silu": "hardswish"},
        **{"hard_swish": "hardswish", "hard_tanh": "hardtanh", "soft_sign": "softsign"},
        **{"log_sigmoid": "logsigmoid", "identity": "linear", "swish": "silu"},
    }
    functions = {
        f"jax.nn.{name}": (renamed.get(name, name), getattr(jax.nn, name))
        for name in ships
        if name not in ("glu", "softmax", "log_softmax")
    }
    functions["jax.nn.gelu(approximate=False)"] = (
        "gelu",
        lambda at: jax.nn.gelu(at, approximate=False),
    )
    halves = jax.numpy.array(POINTS[::-1] + POINTS)
    return {
        "version": jax.__version__,
        "sources": ["jax/nn/__init__.py"],
        "ships": ships,
        "functions": [
            *_evaluated(functions, _by_jax(jax)),
            _values_alone("jax.nn.glu", "glu", jax.nn.glu(halves).tolist()),
        ],
    }


def framework_keras() -> dict[str, Any]:
    """Keras on JAX: keras.activations with default parameters."""
    os.environ["KERAS_BACKEND"] = "jax"
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    keras = importlib.import_module("keras")
    keras.config.set_floatx("float64")
    activations = keras.activations
    ships = [name for name in _public(activations) if name not in _NOT_OF_KERAS]
    renamed = {
        **{"exponential": "exp", "hard_shrink": "hardshrink", "hard_sigmoid": "hardsigmoid"},
        **{"hard_silu": "hardswish", "hard_swish": "hardswish", "hard_tanh": "hardtanh"},
        **{"log_sigmoid": "logsigmoid", "soft_shrink": "softshrink", "swish": "silu"},
        "tanh_shrink": "tanhshrink",
    }
    functions = {
        f"keras.activations.{name}": (renamed.get(name, name), getattr(activations, name))
        for name in ships
        if name not in ("glu", "softmax", "log_softmax", "sparsemax", "threshold")
    }
    functions["keras.activations.threshold(threshold=1, default_value=0)"] = (
        "thresholded_relu",
        lambda at: activations.threshold(at, 1.0, 0.0),
    )
    halves = jax.numpy.array(POINTS[::-1] + POINTS)
    return {
        "version": keras.__version__,
        "sources": ["keras/src/activations/__init__.py"],
        "ships": ships,
        "functions": [
            *_evaluated(functions, _by_jax(jax)),
            _values_alone("keras.activations.glu", "glu", activations.glu(halves).tolist()),
        ],
    }


def _by_jax(jax: Any) -> Evaluate:
    z = jax.numpy.array(POINTS)

    def evaluate(function: Callable[[Any], Any]) -> tuple[Numbers, Numbers]:
        derivative = jax.vmap(jax.grad(lambda at: function(at).sum()))
        return function(z).tolist(), derivative(z).tolist()

    return evaluate


def _public(module: Any) -> list[str]:
    return sorted(name for name in dir(module) if not name.startswith("_"))


def _evaluated(
    functions: dict[str, tuple[str, Callable[[Any], Any]]], evaluate: Evaluate
) -> list[dict[str, Any]]:
    entries = []
    for call, (row, function) in functions.items():
        values, derivatives = evaluate(function)
        entries.append({"call": call, "row": row, "values": values, "derivatives": derivatives})
    return entries


def _values_alone(call: str, row: str, values: Numbers) -> dict[str, Any]:
    """A gated unit, whose gate is at the points and whose other half is at them in reverse."""
    return {"call": call, "row": row, "values": values}


FRAMEWORKS = {"torch": framework_torch, "jax": framework_jax, "keras": framework_keras}


def written(frameworks: dict[str, dict[str, Any]]) -> str:
    """JSON with one line for each function."""
    rows = []
    for name, framework in frameworks.items():
        head = {key: value for key, value in framework.items() if key != "functions"}
        entries = ",\n".join(json.dumps(entry) for entry in framework["functions"])
        rows.append(f'{json.dumps(name)}: {json.dumps(head)[:-1]}, "functions": [\n{entries}\n]}}')
    about = json.dumps({"about": ABOUT, "points": POINTS})[:-1]
    return f'{about}, "frameworks": {{\n' + ",\n".join(rows) + "\n}}\n"


if __name__ == "__main__":
    found = {name: describe() for name, describe in FRAMEWORKS.items()}
    PATH.write_text(written(found), encoding="utf-8")
    told = ", ".join(f"{name} {each['version']}" for name, each in found.items())
    print(f"{PATH.name}: {told}")
