"""Keras: keras.initializers, and the defaults of the weights of the layers in keras/src/layers.

An initializer fills a weight of any layer. Its fans are the last axis but one and the last axis,
each times the product of the axes before them, whatever groups, parts and stride are.
"""

from dataclasses import replace

from service.initializers.schemes import spectral
from service.initializers.schemes.presets.fan_initializers import (
    depthwise,
    fan_initializer,
    fan_initializers,
    truncated_normal,
)
from service.initializers.schemes.presets.following import Peer, fused_gates, with_gates
from service.initializers.schemes.presets.forget_gate import forget_gate_preset
from service.initializers.schemes.presets.positions import identity_preset, orthogonal_preset
from service.initializers.schemes.record import EXAMPLE, Numbers, Scheme

_RELEASE = "release 3.15.1"

_CONSTANT = Peer("keras", "keras", f"keras/src/initializers/constant_initializers.py, {_RELEASE}")
_RANDOM = Peer("keras", "keras", f"keras/src/initializers/random_initializers.py, {_RELEASE}")


def _file(path: str) -> Peer:
    return Peer("keras", "keras", f"keras/src/layers/{path}, {_RELEASE}")


def _called(scheme: str, distribution: str) -> str:
    return f"keras.initializers.{scheme.capitalize()}{distribution.capitalize()}"


def _stft() -> Scheme:
    """The kernel of a Conv1D, whose letters are WIO."""
    stft = next(scheme for scheme in spectral.SCHEMES if scheme.name == "stft")
    return replace(
        _CONSTANT.named(
            stft,
            "stft",
            "keras.initializers.STFT: side is variant, by default real.",
            "conv1d",
        ),
        example="shape=256,1,129",
    )


_INITIALIZERS = (
    _CONSTANT.constant("zeros", "keras.initializers.Zeros: every element is 0.", 0.0),
    _CONSTANT.constant("ones", "keras.initializers.Ones: every element is 1.", 1.0),
    _CONSTANT.following(
        "constant",
        "constant",
        "keras.initializers.Constant: every element is value, by default 0.",
        fields=("value",),
        defaults=Numbers(value=0.0),
        example=f"{EXAMPLE}&value=0.5",
    ),
    _RANDOM.following(
        "uniform",
        "random_uniform",
        "keras.initializers.RandomUniform: minval is low, maxval is high.",
        fields=("low", "high"),
        defaults=Numbers(low=-0.05, high=0.05),
    ),
    _RANDOM.following(
        "normal",
        "random_normal",
        "keras.initializers.RandomNormal: stddev is std, by default 0.05.",
        fields=("mean", "std"),
        defaults=Numbers(mean=0.0, std=0.05),
    ),
    truncated_normal(
        _RANDOM,
        "truncated_normal",
        "keras.initializers.TruncatedNormal: stddev is the parent's std, cut at 2 of them.",
        0.05,
    ),
    _RANDOM.scaled(
        "variance_scaling",
        "keras.initializers.VarianceScaling: by default fan_in and a corrected truncated normal.",
        "std = gain sqrt(1/n), n = fan_in, gain = 1, scale = gain^2",
        gain="one",
        distributions=("truncated_normal", "normal", "uniform"),
    ),
    *fan_initializers(_RANDOM, _called),
    orthogonal_preset(
        _RANDOM,
        "orthogonal",
        "keras.initializers.Orthogonal: one matrix, with the last axis as its columns.",
    ),
    identity_preset(
        _CONSTANT, "identity", "keras.initializers.Identity: the identity matrix, square or not."
    ),
    _stft(),
)


def _glorot(path: str, name: str, weight: str, layer: str, example: str = EXAMPLE) -> Scheme:
    """A weight that is GlorotUniform by default."""
    return fan_initializer(
        _file(path),
        "glorot",
        "uniform",
        name,
        f"{weight} has the default GlorotUniform.",
        layer=layer,
        example=example,
    )


def _convolution(axes: int) -> tuple[Scheme, ...]:
    """The weights of a convolution and a transposed one with this many kernel axes."""
    kernel = "3," * axes
    conv, transpose = f"Conv{axes}D", f"Conv{axes}DTranspose"
    base, base_transpose = "convolutional/base_conv.py", "convolutional/base_conv_transpose.py"
    return (
        _glorot(
            base,
            f"conv{axes}d",
            f"The kernel of keras.layers.{conv}",
            f"conv{axes}d",
            f"shape={kernel}32,64",
        ),
        _file(base).zeros(f"conv{axes}d.bias", f"The bias of keras.layers.{conv}: zeros."),
        _glorot(
            base_transpose,
            f"conv{axes}d_transpose",
            f"The kernel of keras.layers.{transpose}, laid out as kernel x out x in,",
            f"conv_transpose{axes}d",
            f"shape={kernel}64,32",
        ),
        _file(base_transpose).zeros(
            f"conv{axes}d_transpose.bias", f"The bias of keras.layers.{transpose}: zeros."
        ),
    )


def _depthwise(axes: int) -> tuple[Scheme, ...]:
    """The weights of a depthwise and a separable convolution."""
    kernel, layer = "3," * axes, f"depthwise_conv{axes}d"
    base, separable = "convolutional/base_depthwise_conv.py", "convolutional/base_separable_conv.py"
    return (
        depthwise(
            _glorot(
                base,
                layer,
                f"The kernel of keras.layers.DepthwiseConv{axes}D, laid out as kernel x inputs x "
                "multiplier,",
                layer,
                f"shape={kernel}64,1",
            ),
            "Keras",
        ),
        _file(base).zeros(
            f"{layer}.bias", f"The bias of keras.layers.DepthwiseConv{axes}D: zeros."
        ),
        depthwise(
            _glorot(
                separable,
                f"separable_conv{axes}d.depthwise_kernel",
                f"The depthwise_kernel of keras.layers.SeparableConv{axes}D",
                layer,
                f"shape={kernel}64,1",
            ),
            "Keras",
        ),
        _glorot(
            separable,
            f"separable_conv{axes}d.pointwise_kernel",
            f"The pointwise_kernel of keras.layers.SeparableConv{axes}D",
            f"conv{axes}d",
            f"shape={'1,' * axes}64,128",
        ),
        _file(separable).zeros(
            f"separable_conv{axes}d.bias", f"The bias of keras.layers.SeparableConv{axes}D: zeros."
        ),
    )


def _recurrent(name: str, title: str, gates: int) -> tuple[Scheme, ...]:
    """kernel and recurrent_kernel, in each of which the gates are fused along the last axis."""
    path, units = f"rnn/{name}.py", 64
    made = (
        _glorot(
            path,
            f"{name}.kernel",
            f"The kernel of keras.layers.{title}{fused_gates(gates)}",
            "recurrent",
            f"shape=128,{gates * units}",
        ),
        orthogonal_preset(
            _file(path),
            f"{name}.recurrent_kernel",
            f"The recurrent_kernel of keras.layers.{title}{fused_gates(gates)} is one orthogonal "
            "matrix.",
            "recurrent",
            f"shape={units},{gates * units}",
        ),
    )
    return tuple(with_gates(scheme, gates) for scheme in made)


def _norm(name: str, title: str, weights: str) -> tuple[Scheme, ...]:
    """The weights of a normalization: scales of ones and shifts of zeros."""
    peer = _file(f"normalization/{name}.py")
    return tuple(
        peer.ones(f"{name}.{weight}", f"The {weight} of keras.layers.{title}: ones.")
        if weight in ("gamma", "scale", "moving_variance")
        else peer.zeros(f"{name}.{weight}", f"The {weight} of keras.layers.{title}: zeros.")
        for weight in weights.split()
    )


_LAYERS = (
    _glorot("core/dense.py", "dense", "The kernel of keras.layers.Dense", "dense"),
    _file("core/dense.py").zeros("dense.bias", "The bias of keras.layers.Dense: zeros."),
    _glorot(
        "core/einsum_dense.py",
        "einsum_dense",
        "The kernel of keras.layers.EinsumDense, flattened to inputs x outputs,",
        "dense",
    ),
    _glorot(
        "attention/multi_head_attention.py",
        "multi_head_attention",
        "Each kernel of keras.layers.MultiHeadAttention, flattened to inputs x outputs,",
        "dense",
    ),
    *(scheme for axes in (1, 2, 3) for scheme in _convolution(axes)),
    *(scheme for axes in (1, 2) for scheme in _depthwise(axes)),
    _file("core/embedding.py").following(
        "uniform",
        "embedding",
        "The embeddings of keras.layers.Embedding are uniform from -0.05 to 0.05 by default.",
        fields=(),
        layer="embedding",
        defaults=Numbers(low=-0.05, high=0.05),
        example="shape=1000,64",
    ),
    *_recurrent("lstm", "LSTM", 4),
    forget_gate_preset(
        _file("rnn/lstm.py"),
        "lstm.bias",
        "The bias of keras.layers.LSTM is by default 1 in the forget gate and 0 in i, c and o.",
    ),
    *_recurrent("gru", "GRU", 3),
    replace(
        _file("rnn/gru.py").constant(
            "gru.bias", "The bias of keras.layers.GRU, 2 x 3 units or 3 units: zeros.", 0.0
        ),
        example="shape=2,192",
    ),
    *_recurrent("simple_rnn", "SimpleRNN", 1),
    _file("rnn/simple_rnn.py").zeros(
        "simple_rnn.bias", "The bias of keras.layers.SimpleRNN: zeros."
    ),
    *_norm("layer_normalization", "LayerNormalization", "gamma beta"),
    *_norm("group_normalization", "GroupNormalization", "gamma beta"),
    *_norm("batch_normalization", "BatchNormalization", "gamma beta moving_mean moving_variance"),
    *_norm("rms_normalization", "RMSNormalization", "scale"),
)

SCHEMES = (*_INITIALIZERS, *_LAYERS)
