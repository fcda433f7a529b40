"""What `scheme=auto` means on the byte routes, edition 1: frozen with /v1.

A bias is zeros, a scale ones, an embedding normal; any other layer goes by its activation.
"""

from service.errors import ImpossibleError, Problem
from service.initializers.activations import find_activation
from service.initializers.layers import find_layer

_BY_LAYER = {"bias": "zeros", "scale": "ones", "embedding": "normal"}

_BY_ACTIVATION = {
    **dict.fromkeys(("relu", "relu6", "leaky_relu", "prelu", "reglu"), "he_normal"),
    "selu": "lecun_normal",
    **dict.fromkeys(
        ("linear", "tanh", "erf", "softsign", "hardtanh", "sin", "sigmoid", "hardsigmoid"),
        "glorot_uniform",
    ),
    "softmax": "glorot_uniform",
    **dict.fromkeys(
        ("elu", "gelu", "gelu_tanh", "silu", "mish", "softplus", "hardswish", "relu_squared"),
        "variance_scaling",
    ),
    **dict.fromkeys(("glu", "geglu", "swiglu", "bilinear"), "variance_scaling"),
}
"""He for the ReLU family, LeCun for SELU, Glorot for linear and whatever is bounded, and for the
rest the exact gain."""


def resolve_auto(layer: str | None, activation: str) -> str:
    """The name of the scheme that `auto` is for this layer and activation.

    Raises ImpossibleError (`no_auto`) without a layer, UnreadableError (`unknown_word`) for words
    that are in no table.
    """
    if layer is None:
        message = "auto needs a layer, and neither the shape nor the layout suggests one"
        raise ImpossibleError("no_auto", Problem("scheme", message, "give layer, or a scheme"))
    by_layer = _BY_LAYER.get(find_layer(layer).name)
    return by_layer or _BY_ACTIVATION[find_activation(activation).name]
