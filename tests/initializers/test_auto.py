"""The table behind scheme=auto, edition 1."""

import pytest

from service.errors import ImpossibleError, UnreadableError
from service.initializers.activations import ACTIVATIONS
from service.initializers.auto import resolve_auto
from service.initializers.layers import LAYERS
from service.initializers.schemes import SCHEMES

EDITION_1 = {
    "he_normal": "relu relu6 leaky_relu prelu reglu",
    "lecun_normal": "selu",
    "glorot_uniform": "linear tanh erf softsign hardtanh sin sigmoid hardsigmoid softmax",
    "variance_scaling": (
        "elu gelu gelu_tanh silu mish softplus hardswish relu_squared glu geglu swiglu bilinear"
    ),
}


def test_an_activations_scheme_never_changes() -> None:
    """Golden: the bytes of scheme=auto depend on it. Later activations are in frozen-v1.json."""
    golden = {name: scheme for scheme, names in EDITION_1.items() for name in names.split()}
    assert {name: resolve_auto("dense", name) for name in golden} == golden


@pytest.mark.parametrize(
    ("layer", "scheme"), [("bias", "zeros"), ("scale", "ones"), ("embedding", "normal")]
)
@pytest.mark.parametrize("activation", ["linear", "relu", "gelu"])
def test_some_layers_do_not_ask_for_the_activation(
    layer: str, scheme: str, activation: str
) -> None:
    """Biases are zeros, norm scales ones, embeddings normal."""
    assert resolve_auto(layer, activation) == scheme


def test_every_layer_and_activation_has_a_scheme() -> None:
    """`auto` is a scheme for every layer and activation that a request can name."""
    chosen = {resolve_auto(layer, name) for layer in LAYERS for name in ACTIVATIONS}
    assert chosen <= set(SCHEMES)


def test_an_alias_is_its_activation() -> None:
    """Swish is SiLU."""
    assert resolve_auto("conv2d", "swish") == resolve_auto("conv2d", "silu")


def test_no_layer_is_refused() -> None:
    """A scalar or a tensor of six axes says nothing about its layer."""
    with pytest.raises(ImpossibleError) as refusal:
        resolve_auto(None, "relu")
    assert refusal.value.reason == "no_auto"
    assert refusal.value.problems[0].hint == "give layer, or a scheme"


@pytest.mark.parametrize(("layer", "activation"), [("dense", "rleu"), ("densse", "relu")])
def test_unknown_words_are_refused(layer: str, activation: str) -> None:
    """Neither a layer nor an activation is guessed."""
    with pytest.raises(UnreadableError):
        resolve_auto(layer, activation)
