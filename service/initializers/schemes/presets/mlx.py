"""MLX: the functions of mlx.nn.init, and the defaults of the layers in python/mlx/nn/layers.

Kernels are (out, kernel..., in). fan_in is the last axis times the kernel, and fan_out the first
one times the kernel.
"""

from dataclasses import replace

from service.errors import ImpossibleError, Problem
from service.initializers.references import HE_2015
from service.initializers.schemes.presets.following import Peer, unfused, without_gain
from service.initializers.schemes.presets.positions import (
    orthogonal_preset,
    sparse_preset,
    two_axes_only,
)
from service.initializers.schemes.record import Law, Numbers, Request, Scheme

_COMMIT = "commit 846d176"

_INIT = Peer("mlx", "mlx", f"python/mlx/nn/init.py, {_COMMIT}")
_INIT_OF_RELEASE = Peer("mlx", "mlx", "python/mlx/nn/init.py, release 0.32.4")
_LAYERS = Peer("mlx", "mlx", f"python/mlx/nn/layers/linear.py, {_COMMIT}")
# Release 0.32.4 divides the fan_in of a grouped convolution by the groups. Issue 4536 reported that
# MLX did not.
_CONV = Peer("mlx", "mlx", "python/mlx/nn/layers/convolution.py, release 0.32.4")
_TRANSPOSED = Peer("mlx", "mlx", f"python/mlx/nn/layers/convolution_transpose.py, {_COMMIT}")
_EMBEDDING = Peer("mlx", "mlx", f"python/mlx/nn/layers/embedding.py, {_COMMIT}")
_RNN = Peer("mlx", "mlx", f"python/mlx/nn/layers/recurrent.py, {_COMMIT}")
_NORM = Peer("mlx", "mlx", f"python/mlx/nn/layers/normalization.py, {_COMMIT}")


def _square(scheme: Scheme) -> Scheme:
    """`scheme` for square matrices alone, whatever the parts are.

    Its law raises ImpossibleError (`scheme_axes`) for another shape.
    """

    def law(request: Request) -> Law:
        shape = request.shape
        if len(shape) == 2 and shape[0] != shape[1]:
            extent = max(*shape, 1)
            message = f"{request.scheme} fills a square matrix, and the shape is {shape[0]},"
            hint = f"write shape={extent},{extent}, or use scheme=identity"
            raise ImpossibleError("scheme_axes", Problem("shape", f"{message}{shape[1]}", hint))
        return scheme.law(unfused(request))

    return replace(scheme, law=law)


def _he(name: str, distribution: str) -> Scheme:
    """He's function with MLX's default gain."""
    uniform = distribution == "uniform"
    scheme = _INIT.scaled(
        name,
        f"mlx.nn.init.{name}: {distribution}, with the gain 1 unless it is given.",
        "limit = gain sqrt(3/n), n = fan_in" if uniform else "std = gain sqrt(1/n), n = fan_in",
        gain="one",
        distributions=(distribution,),
        references=(HE_2015,),
    )
    fault = (
        f"MLX's gain for {name} is 1 by default, so the std is 1/sqrt(fan_in), 0.707 of He's for "
        "ReLU: give gain=1.4142135623730951 if He's is meant, or gain=1 if this is meant"
    )
    return replace(scheme, fault=fault, repeats_fault=without_gain)


def _convolution(axes: int) -> tuple[Scheme, ...]:
    kernel = "3," * axes
    return tuple(
        scheme
        for peer, name, title in (
            (_CONV, f"conv{axes}d", f"Conv{axes}d"),
            (_TRANSPOSED, f"conv_transpose{axes}d", f"ConvTranspose{axes}d"),
        )
        for scheme in (
            peer.inverse_root(
                name,
                f"The weight of mlx.nn.{title}: uniform within 1 / sqrt(fan_in).",
                name,
                f"shape=64,{kernel}16",
            ),
            peer.zeros(f"{name}.bias", f"The bias of mlx.nn.{title}: zeros."),
        )
    )


SCHEMES = (
    _INIT.following(
        "constant",
        "constant",
        "mlx.nn.init.constant: every element is the value.",
        fields=("value",),
        example="shape=512&value=0.5",
    ),
    _INIT.following(
        "normal",
        "normal",
        "mlx.nn.init.normal: normal with a mean and a standard deviation.",
        fields=("mean", "std"),
    ),
    _INIT.following(
        "uniform",
        "uniform",
        "mlx.nn.init.uniform: uniform from low to high.",
        fields=("low", "high"),
        defaults=Numbers(low=0.0, high=1.0),
    ),
    two_axes_only(
        _square(
            _INIT.following(
                "identity",
                "identity",
                "mlx.nn.init.identity: the identity matrix, square only.",
                fields=(),
                example="shape=256,256",
            )
        )
    ),
    _INIT.glorot("glorot_normal", "mlx.nn.init.glorot_normal: normal, not cut.", "normal"),
    _INIT.glorot("glorot_uniform", "mlx.nn.init.glorot_uniform: uniform.", "uniform"),
    _he("he_normal", "normal"),
    _he("he_uniform", "uniform"),
    two_axes_only(
        orthogonal_preset(
            _INIT_OF_RELEASE, "orthogonal", "mlx.nn.init.orthogonal: an orthogonal matrix."
        )
    ),
    sparse_preset(
        _INIT_OF_RELEASE,
        "sparse",
        "mlx.nn.init.sparse: the same number of zeros in each row, else normal.",
        "row",
        fields=("mean", "std", "sparsity"),
        defaults=Numbers(mean=0.0, std=1.0),
    ),
    _LAYERS.inverse_root(
        "linear", "The weight of mlx.nn.Linear: uniform within 1 / sqrt(input_dims).", "dense"
    ),
    _LAYERS.inverse_root("linear.bias", "The bias of mlx.nn.Linear; fan_in is input_dims.", "bias"),
    *(scheme for axes in (1, 2, 3) for scheme in _convolution(axes)),
    _EMBEDDING.scaled(
        "embedding",
        "The weight of mlx.nn.Embedding: normal of std 1 / sqrt(dims).",
        "std = gain sqrt(1/n), n = fan_in = dims, gain = 1",
        gain="one",
        distributions=("normal",),
        layer="embedding",
    ),
    *(
        _RNN.recurrent(f"{name}{bias}", gates, layer)
        for name, gates in (("lstm", 4), ("gru", 3), ("rnn", 1))
        for bias, layer in (("", "recurrent"), (".bias", "bias"))
    ),
    replace(
        _RNN.recurrent("gru.bhn", 1, "bias"),
        summary="bhn of mlx.nn.GRU, the second bias of its last gate.",
    ),
    *(
        scheme
        for name, title in (
            ("layer_norm", "LayerNorm"),
            ("group_norm", "GroupNorm"),
            ("batch_norm", "BatchNorm"),
            ("instance_norm", "InstanceNorm"),
        )
        for scheme in (
            _NORM.ones(f"{name}.weight", f"The weight of mlx.nn.{title}: ones."),
            _NORM.zeros(f"{name}.bias", f"The bias of mlx.nn.{title}: zeros."),
        )
    ),
    _NORM.ones("rms_norm.weight", "The weight of mlx.nn.RMSNorm: ones."),
)
