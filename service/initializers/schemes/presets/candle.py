"""candle: the variants of its Init, and the defaults of the layers in candle-nn.

fan_in is the second axis times the kernel, and fan_out the first axis times the kernel.
"""

from dataclasses import replace

from service.initializers.references import HE_2015
from service.initializers.schemes.presets.following import (
    Peer,
    fused_gates,
    with_gates,
    without_groups,
)
from service.initializers.schemes.record import Numbers, Scheme

_COMMIT = "commit 2a13b0f"

_INIT = Peer("candle", "candle", f"candle-nn/src/init.rs, {_COMMIT}")
_LINEAR = Peer("candle", "candle", f"candle-nn/src/linear.rs, {_COMMIT}")
_CONV = Peer("candle", "candle", f"candle-nn/src/conv.rs, {_COMMIT}")
_EMBEDDING = Peer("candle", "candle", f"candle-nn/src/embedding.rs, {_COMMIT}")
_RNN = Peer("candle", "candle", "candle-nn/src/rnn.rs, commit 8e87733")
_LAYER_NORM = Peer("candle", "candle", "candle-nn/src/layer_norm.rs, commit d737a3e")
_GROUP_NORM = Peer("candle", "candle", "candle-nn/src/group_norm.rs, commit 1808309")
_BATCH_NORM = Peer("candle", "candle", "candle-nn/src/batch_norm.rs, commit 11c7e7b")

_ACTIVATIONS = ("linear", "relu", "selu", "tanh", "sigmoid")
"""The variants of NonLinearity but for ExplicitGain, which is `gain`."""


def _he(
    peer: Peer, name: str, summary: str, distribution: str, layer: str, example: str | None = None
) -> Scheme:
    """DEFAULT_KAIMING_NORMAL or DEFAULT_KAIMING_UNIFORM, as the weight of a layer."""
    uniform = distribution == "uniform"
    scale = "limit = gain sqrt(3/n)" if uniform else "std = gain sqrt(1/n)"
    return peer.scaled(
        name,
        summary,
        f"{scale}, n = fan_in, gain = sqrt(2)",
        gain=float.fromhex("0x1.6a09e667f3bcdp+0"),
        distributions=(distribution,),
        layer=layer,
        example=example,
        references=(HE_2015,),
    )


def _convolution(axes: int) -> tuple[Scheme, ...]:
    """The weights and biases. conv_transpose2d has no groups, and conv_transpose1d ignores them."""
    kernel = ",3" * axes
    transposed = _CONV.inverse_root(
        f"conv_transpose{axes}d",
        f"The weight of candle's conv_transpose{axes}d; fan_in is out_channels x kernel.",
        f"conv_transpose{axes}d",
        f"shape=64,16{kernel}",
    )
    bias = _CONV.inverse_root(
        f"conv{axes}d.bias", f"The bias of candle's conv{axes}d; fan_in is in_channels.", "bias"
    )
    return (
        _he(
            _CONV,
            f"conv{axes}d",
            f"The weight of candle's conv{axes}d: Kaiming normal for ReLU.",
            "normal",
            f"conv{axes}d",
            f"shape=64,16{kernel}",
        ),
        replace(
            bias,
            fault=(
                "candle leaves the kernel and the groups out of the bound of this bias: fan_in is "
                "in_channels. In torch it is in_channels / groups x kernel: use "
                f"scheme=torch.conv{axes}d.bias with that fan_in if this is not meant"
            ),
        ),
        transposed if axes == 2 else without_groups(transposed, "candle"),
        _CONV.inverse_root(
            f"conv_transpose{axes}d.bias",
            f"The bias of candle's conv_transpose{axes}d; fan_in is out_channels x kernel.",
            "bias",
        ),
    )


SCHEMES = (
    _INIT.following(
        "constant",
        "const",
        "candle's Init::Const: every element is the value.",
        fields=("value",),
        example="shape=512&value=0.5",
    ),
    _INIT.following(
        "normal",
        "randn",
        "candle's Init::Randn: normal with a mean and a stdev = std.",
        fields=("mean", "std"),
    ),
    _INIT.following(
        "uniform",
        "uniform",
        "candle's Init::Uniform: uniform from lo = low to up = high.",
        fields=("low", "high"),
        defaults=Numbers(),
        example="shape=512,256&low=-0.05&high=0.05",
    ),
    *(
        _INIT.kaiming(
            f"kaiming_{distribution}",
            f"candle's Init::Kaiming, {distribution}: activation is its non_linearity.",
            distribution,
            activation="relu",
            activations=_ACTIVATIONS,
        )
        for distribution in ("uniform", "normal")
    ),
    _he(
        _LINEAR,
        "linear",
        "The weight of candle's linear is Kaiming normal for ReLU. Its std is sqrt(6) times that "
        "of "
        "torch.linear.",
        "normal",
        "dense",
    ),
    _LINEAR.inverse_root("linear.bias", "The bias of candle's linear; fan_in is in_dim.", "bias"),
    *(scheme for axes in (1, 2) for scheme in _convolution(axes)),
    _EMBEDDING.following(
        "normal",
        "embedding",
        "The weight of candle's embedding: standard normal.",
        fields=(),
        layer="embedding",
    ),
    *(
        with_gates(scheme, gates)
        for name, gates in (("lstm", 4), ("gru", 3))
        for scheme in (
            _he(
                _RNN,
                name,
                f"A weight of candle's {name}{fused_gates(gates)} is Kaiming uniform for ReLU.",
                "uniform",
                "recurrent",
            ),
            _RNN.zeros(f"{name}.bias", f"A bias of candle's {name}: zeros."),
        )
    ),
    *(
        scheme
        for peer, name in (
            (_LAYER_NORM, "layer_norm"),
            (_GROUP_NORM, "group_norm"),
            (_BATCH_NORM, "batch_norm"),
        )
        for scheme in (
            peer.ones(f"{name}.weight", f"The weight of candle's {name}: ones."),
            peer.zeros(f"{name}.bias", f"The bias of candle's {name}: zeros."),
        )
    ),
    _LAYER_NORM.ones("rms_norm.weight", "The weight of candle's rms_norm: ones."),
)
