"""What `scheme=auto` means on the byte routes, edition 1: frozen with /v1.

A bias is zeros, a scale ones, an embedding normal; any other layer goes by its activation.
"""

from service.errors import ImpossibleError, Problem
from service.initializers.activations import find_activation
from service.initializers.layers import find_layer

_BY_LAYER = {"bias": "zeros", "scale": "ones", "embedding": "normal"}

_BY_ACTIVATION = {
    "relu": "he_normal",
    "relu6": "he_normal",
    "leaky_relu": "he_normal",
    "prelu": "he_normal",
    "reglu": "he_normal",
    "selu": "lecun_normal",
    "linear": "glorot_uniform",
    "tanh": "glorot_uniform",
    "sigmoid": "glorot_uniform",
    "softmax": "glorot_uniform",
    "elu": "variance_scaling",
    "gelu": "variance_scaling",
    "gelu_tanh": "variance_scaling",
    "silu": "variance_scaling",
    "mish": "variance_scaling",
    "softplus": "variance_scaling",
    "softsign": "variance_scaling",
    "hardswish": "variance_scaling",
    "hardsigmoid": "variance_scaling",
    "sin": "variance_scaling",
    "relu_squared": "variance_scaling",
    "hardtanh": "variance_scaling",
    "erf": "variance_scaling",
    "glu": "variance_scaling",
    "geglu": "variance_scaling",
    "swiglu": "variance_scaling",
    "bilinear": "variance_scaling",
}


def resolve_auto(layer: str | None, activation: str) -> str:
    """The name of the scheme that `auto` is for this layer and activation.

    Raises ImpossibleError (`no_auto`) without a layer, UnreadableError (`unknown_word`) for words
    that are in no table.
    """
    if layer is None:
        message = "auto needs a layer, and this shape or layout suggests none"
        raise ImpossibleError("no_auto", Problem("scheme", message, "give layer, or a scheme"))
    by_layer = _BY_LAYER.get(find_layer(layer).name)
    return by_layer or _BY_ACTIVATION[find_activation(activation).name]
