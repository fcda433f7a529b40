"""The scheme that `scheme=auto` means on the byte routes. Edition 1, frozen with /v1.

The layer decides for biases, scales and embeddings. The activation decides for all others: He for
the ReLU family, LeCun for SELU, Glorot for linear and bounded activations, and variance scaling
with the exact gain for the rest. An activation that came after edition 1 adds its own entry and
changes no other.
"""

from service.errors import ImpossibleError, Problem
from service.initializers.activations import find_activation
from service.initializers.layers import find_layer

_BY_LAYER = {"bias": "zeros", "scale": "ones", "embedding": "normal"}


def resolve_auto(layer: str | None, activation: str) -> str:
    """The name of the scheme that `auto` means for this layer and activation.

    Raises ImpossibleError (`no_auto`) without a layer, and UnreadableError for an unknown layer
    or activation.
    """
    if layer is None:
        message = "auto needs a layer, and neither the shape nor the layout implies one"
        raise ImpossibleError("no_auto", Problem("scheme", message, "give layer, or a scheme"))
    by_layer = _BY_LAYER.get(find_layer(layer).name)
    return by_layer or find_activation(activation).auto
