"""JAX's side: a compiled `jax.random.normal`, which makes a new array each time."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from bench.worker import Fill, Prepare

# By name, since type checkers run where JAX is not installed.
jax: Any = import_module("jax")


def normal(count: str) -> Fill:
    """float32 with the default generator, waited for."""
    draw = jax.jit(lambda key: jax.random.normal(key, (int(count),), "float32"))
    key = jax.random.key(1)
    return lambda: draw(key).block_until_ready()


CASES: Mapping[str, Prepare] = {"normal": normal}
