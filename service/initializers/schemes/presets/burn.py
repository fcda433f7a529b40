"""Burn: the variants of its Initializer, and the defaults of the layers in burn-nn.

The layers pass the fans. A linear layer passes (d_input, d_output) of its row layout. A convolution
divides both by the groups. A transposed one passes out / groups x kernel as fan_in and no fan_out.
"""

from service.initializers.references import HE_2015
from service.initializers.schemes.presets.following import ROOT_OF_A_THIRD, Peer
from service.initializers.schemes.presets.positions import orthogonal_preset
from service.initializers.schemes.record import Numbers, Scheme

_COMMIT = "2c06be3"

_INIT = Peer("burn", "burn", f"crates/burn-core/src/module/initializer.rs, commit {_COMMIT}")


def _modules(file: str, commit: str = _COMMIT) -> Peer:
    """A file of Burn's layers."""
    return Peer("burn", "burn", f"crates/burn-nn/src/modules/{file}.rs, commit {commit}")


def _kaiming(name: str, distribution: str) -> Scheme:
    """Kaiming's variant. The gain has no default in Burn, so it is that of Burn's layers."""
    uniform = distribution == "uniform"
    scale = "limit = gain sqrt(3/n)" if uniform else "std = gain sqrt(1/n)"
    return _INIT.scaled(
        name,
        f"Burn's {name.title().replace('_', '')}: {distribution}; mode=fan_out is fan_out_only.",
        f"{scale}, n = fan_in, gain = 1/sqrt(3)",
        gain=ROOT_OF_A_THIRD,
        distributions=(distribution,),
        references=(HE_2015,),
    )


def _convolution(axes: int) -> tuple[Scheme, ...]:
    return tuple(
        scheme
        for name, title, fan_in in (
            (f"conv{axes}d", f"Conv{axes}d", "channels_in / groups x kernel"),
            (f"conv_transpose{axes}d", f"ConvTranspose{axes}d", "channels_out / groups x kernel"),
        )
        for scheme in (
            _modules(f"conv/{name}").inverse_root(
                name,
                f"The weight of Burn's {title}; fan_in is {fan_in}.",
                name,
                f"shape=64,16{',3' * axes}",
            ),
            _modules(f"conv/{name}").inverse_root(
                f"{name}.bias", f"The bias of Burn's {title}; fan_in is {fan_in}.", "bias"
            ),
        )
    )


def _gates(name: str, commit: str) -> tuple[Scheme, ...]:
    """A gate of a recurrent layer: two linear layers of its own, with their biases."""
    return tuple(
        _modules(f"rnn/{name}", commit).scaled(
            f"{name}{bias}",
            f"{what} of one gate of Burn's {name.title()}: XavierNormal. fan_out is d_hidden.",
            "std = gain sqrt(1/n), n = (fan_in + fan_out) / 2, gain = 1",
            gain="one",
            mode="fan_avg",
            distributions=("normal",),
            layer=layer,
            example=example,
        )
        for bias, what, layer, example in (
            ("", "A weight", "recurrent", "shape=64,128"),
            (".bias", "A bias", "bias", "shape=128&fan_in=64&fan_out=128"),
        )
    )


SCHEMES = (
    _INIT.following(
        "constant",
        "constant",
        "Burn's Constant: every element is the value.",
        fields=("value",),
        example="shape=512&value=0.5",
    ),
    _INIT.constant("ones", "Burn's Ones: every element is 1.", 1.0),
    _INIT.constant("zeros", "Burn's Zeros: every element is 0.", 0.0),
    _INIT.following(
        "uniform",
        "uniform",
        "Burn's Uniform: uniform from min = low to max = high.",
        fields=("low", "high"),
        defaults=Numbers(),
        example="shape=512,256&low=-0.05&high=0.05",
    ),
    _INIT.following(
        "normal",
        "normal",
        "Burn's Normal: normal with a mean and a standard deviation.",
        fields=("mean", "std"),
    ),
    _kaiming("kaiming_uniform", "uniform"),
    _kaiming("kaiming_normal", "normal"),
    _INIT.glorot("xavier_uniform", "Burn's XavierUniform: uniform.", "uniform"),
    _INIT.glorot("xavier_normal", "Burn's XavierNormal: normal, not cut.", "normal"),
    orthogonal_preset(
        _INIT,
        "orthogonal",
        "Burn's Orthogonal: one matrix, with the first axis as its rows; gain is 1 unless given.",
        outputs="first",
    ),
    _modules("linear").inverse_root(
        "linear", "The weight of Burn's Linear in its row layout, d_input x d_output.", "dense"
    ),
    _modules("linear").inverse_root(
        "linear.bias", "The bias of Burn's Linear; fan_in is d_input.", "bias"
    ),
    *(scheme for axes in (1, 2, 3) for scheme in _convolution(axes)),
    _modules("embedding", "4ca81e1").following(
        "normal",
        "embedding",
        "The weight of Burn's Embedding: standard normal.",
        fields=(),
        layer="embedding",
    ),
    *_gates("lstm", "e32796c"),
    *_gates("gru", "069cb65"),
    *(
        scheme
        for peer, name, title in (
            (_modules("norm/layer", "259537b"), "layer_norm", "LayerNorm"),
            (_modules("norm/group", "2ab3bbd"), "group_norm", "GroupNorm"),
            (_modules("norm/batch", "0d7c893"), "batch_norm", "BatchNorm"),
            (_modules("norm/instance", "2ffa453"), "instance_norm", "InstanceNorm"),
        )
        for scheme in (
            peer.ones(f"{name}.gamma", f"gamma of Burn's {title}: ones."),
            peer.zeros(f"{name}.beta", f"beta of Burn's {title}: zeros."),
        )
    ),
    _modules("norm/rms", "23157b6").ones("rms_norm.gamma", "gamma of Burn's RmsNorm: ones."),
)
