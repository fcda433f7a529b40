"""TensorFlow.js: tf.initializers, and the defaults of the layers in tfjs-layers/src/layers.

Its normals of Glorot, He and LeCun are cut at two standard deviations, and their std is not
corrected.
"""

from dataclasses import replace

from service.initializers.schemes import plain
from service.initializers.schemes.presets.fan_initializers import (
    depthwise,
    fan_initializer,
    fan_initializers,
    truncated_normal,
    uncorrected,
)
from service.initializers.schemes.presets.following import Peer, fused_gates, with_gates
from service.initializers.schemes.presets.positions import identity_preset, orthogonal_preset
from service.initializers.schemes.record import EXAMPLE, Law, Numbers, Request, Scheme

_RELEASE = "release 4.22.0"

_TFJS = Peer("tfjs", "tfjs", f"tfjs-layers/src/initializers.ts, {_RELEASE}")

_DEFAULTS = Numbers(low=-0.05, high=0.05)

_UNCORRECTED = (
    "TensorFlow.js cuts the normal at two standard deviations and does not correct its std, so the "
    "values have 0.88 of the std that the scheme promises (tfjs issue 8594): add "
    "std_kind=corrected if that is not meant"
)

_ZERO_BOUND = (
    "TensorFlow.js takes a bound of 0 for a missing one, so low=0 means -0.05 and high=0 means "
    "0.05: use scheme=uniform if that is not meant"
)


def _file(path: str) -> Peer:
    return Peer("tfjs", "tfjs", f"tfjs-layers/src/layers/{path}, {_RELEASE}")


def _called(scheme: str, distribution: str) -> str:
    name = {"lecun": "leCun"}.get(scheme, scheme)
    return f"tf.initializers.{name}{distribution.capitalize()}"


def _uniform(request: Request) -> Law:
    """w ~ U(low, high), a 0 being the default: `minval || -0.05`."""
    numbers = request.numbers
    bounds = Numbers(low=numbers.low or _DEFAULTS.low, high=numbers.high or _DEFAULTS.high)
    return _UNIFORM_LAW(replace(request, numbers=bounds.over(numbers)))


_UNIFORM_LAW = next(scheme.law for scheme in plain.SCHEMES if scheme.name == "uniform")

_INITIALIZERS = (
    _TFJS.constant("zeros", "tf.initializers.zeros: every element is 0.", 0.0),
    _TFJS.constant("ones", "tf.initializers.ones: every element is 1.", 1.0),
    _TFJS.following(
        "constant",
        "constant",
        "tf.initializers.constant: every element is value.",
        fields=("value",),
        example=f"{EXAMPLE}&value=0.5",
    ),
    replace(
        _TFJS.following(
            "uniform",
            "random_uniform",
            "tf.initializers.randomUniform: minval is low, maxval is high. A bound of 0 means the "
            "default bound.",
            fields=("low", "high"),
            defaults=_DEFAULTS,
        ),
        formula="w ~ U(low, high); a bound of 0 is -0.05 or 0.05",
        law=_uniform,
        fault=_ZERO_BOUND,
        repeats_fault=lambda weight, requested: 0 in (requested.low, requested.high),
    ),
    _TFJS.following(
        "normal",
        "random_normal",
        "tf.initializers.randomNormal: stddev is std, by default 0.05.",
        fields=("mean", "std"),
        defaults=Numbers(mean=0.0, std=0.05),
    ),
    truncated_normal(
        _TFJS,
        "truncated_normal",
        "tf.initializers.truncatedNormal: stddev is the parent's std, cut at 2 of them.",
        0.05,
    ),
    uncorrected(
        _TFJS.scaled(
            "variance_scaling",
            "tf.initializers.varianceScaling, whose distribution 'normal' is truncated_normal.",
            "parent's std = gain sqrt(1/n), n = fan_in, gain = 1, scale = gain^2",
            gain="one",
            distributions=("truncated_normal", "uniform"),
        ),
        _UNCORRECTED,
    ),
    *fan_initializers(_TFJS, _called, fault=_UNCORRECTED),
    orthogonal_preset(
        _TFJS,
        "orthogonal",
        "tf.initializers.orthogonal: one matrix, with the last axis as its columns.",
    ),
    identity_preset(
        _TFJS,
        "identity",
        "tf.initializers.identity is the identity matrix. TensorFlow.js itself makes square ones "
        "only.",
        "shape=256,256",
    ),
)


def _glorot(
    path: str,
    name: str,
    weight: str,
    layer: str,
    example: str = EXAMPLE,
    distribution: str = "normal",
) -> Scheme:
    """A weight that is glorotNormal or glorotUniform by default."""
    return fan_initializer(
        _file(path),
        "glorot",
        distribution,
        name,
        f"{weight} has the default glorot{distribution.capitalize()}.",
        layer=layer,
        example=example,
        fault=_UNCORRECTED,
    )


def _zeros(path: str, name: str, layer: str) -> Scheme:
    return _file(path).zeros(f"{name}.bias", f"The bias of tf.layers.{layer}: zeros.")


def _recurrent(name: str, title: str, gates: int) -> tuple[Scheme, ...]:
    """kernel and recurrentKernel, in each of which the gates are fused along the last axis."""
    path, units = "recurrent.ts", 64
    made = (
        _glorot(
            path,
            f"{name}.kernel",
            f"The kernel of tf.layers.{title}{fused_gates(gates)}",
            "recurrent",
            f"shape=128,{gates * units}",
        ),
        orthogonal_preset(
            _file(path),
            f"{name}.recurrent_kernel",
            f"The recurrentKernel of tf.layers.{title}{fused_gates(gates)} is one orthogonal "
            "matrix.",
            "recurrent",
            f"shape={units},{gates * units}",
        ),
        _zeros(path, name, title),
    )
    return tuple(with_gates(scheme, gates) for scheme in made)


_NORM = _file("normalization.ts")

_LAYERS = (
    _glorot("core.ts", "dense", "The kernel of tf.layers.dense", "dense"),
    _zeros("core.ts", "dense", "dense"),
    _glorot(
        "convolutional.ts", "conv1d", "The kernel of tf.layers.conv1d", "conv1d", "shape=3,32,64"
    ),
    _glorot(
        "convolutional.ts", "conv2d", "The kernel of tf.layers.conv2d", "conv2d", "shape=3,3,32,64"
    ),
    _glorot(
        "convolutional.ts",
        "conv3d",
        "The kernel of tf.layers.conv3d",
        "conv3d",
        "shape=3,3,3,32,64",
    ),
    _glorot(
        "convolutional.ts",
        "conv2d_transpose",
        "The kernel of tf.layers.conv2dTranspose, laid out as kernel x out x in,",
        "conv_transpose2d",
        "shape=3,3,64,32",
    ),
    _glorot(
        "convolutional.ts",
        "conv3d_transpose",
        "The kernel of tf.layers.conv3dTranspose, laid out as kernel x out x in,",
        "conv_transpose3d",
        "shape=3,3,3,64,32",
    ),
    _zeros("convolutional.ts", "conv", "conv1d, conv2d and all others"),
    depthwise(
        _glorot(
            "convolutional_depthwise.ts",
            "depthwise_conv2d",
            "The kernel of tf.layers.depthwiseConv2d, laid out as kernel x inputs x multiplier,",
            "depthwise_conv2d",
            "shape=3,3,64,1",
        ),
        "TensorFlow.js",
    ),
    depthwise(
        _glorot(
            "convolutional.ts",
            "separable_conv2d.depthwise_kernel",
            "The depthwiseKernel of tf.layers.separableConv2d",
            "depthwise_conv2d",
            "shape=3,3,64,1",
            "uniform",
        ),
        "TensorFlow.js",
    ),
    _glorot(
        "convolutional.ts",
        "separable_conv2d.pointwise_kernel",
        "The pointwiseKernel of tf.layers.separableConv2d",
        "conv2d",
        "shape=1,1,64,128",
        "uniform",
    ),
    _file("embeddings.ts").following(
        "uniform",
        "embedding",
        "The embeddings of tf.layers.embedding are uniform from -0.05 to 0.05 by default.",
        fields=(),
        layer="embedding",
        defaults=_DEFAULTS,
        example="shape=1000,64",
    ),
    *_recurrent("lstm", "lstm", 4),
    *_recurrent("gru", "gru", 3),
    *_recurrent("simple_rnn", "simpleRNN", 1),
    *(
        scheme
        for name, title in (
            ("layer_normalization", "layerNormalization"),
            ("batch_normalization", "batchNormalization"),
        )
        for scheme in (
            _NORM.ones(f"{name}.gamma", f"The gamma of tf.layers.{title}: ones."),
            _NORM.zeros(f"{name}.beta", f"The beta of tf.layers.{title}: zeros."),
        )
    ),
)

SCHEMES = (*_INITIALIZERS, *_LAYERS)
