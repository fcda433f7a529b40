"""PyTorch: the functions of torch.nn.init, and the defaults of the layers in torch/nn/modules.

A function fills a weight of any layer. Its fans are shape[1] and shape[0] times the rest of the
shape, whatever groups, parts and stride are. The default of a layer is what `reset_parameters` of
its module does. The defaults of most layers are kaiming_uniform_ with a = sqrt(5), whose limit is
1 / sqrt(fan_in).
"""

from dataclasses import replace

from service.errors import ImpossibleError, Problem
from service.initializers.fans import Weight
from service.initializers.schemes.plain import constant_law
from service.initializers.schemes.presets.following import (
    Peer,
    inverse_root_law,
    unfused,
)
from service.initializers.schemes.presets.positions import (
    dirac_preset,
    orthogonal_preset,
    sparse_preset,
    two_axes_only,
)
from service.initializers.schemes.record import Law, Numbers, Request, Scheme

_COMMIT = "release 2.14.1, commit 5c48869"

_INIT = Peer("torch", "torch", f"torch/nn/init.py, {_COMMIT}")
_LINEAR = Peer("torch", "torch", f"torch/nn/modules/linear.py, {_COMMIT}")
_CONV = Peer("torch", "torch", f"torch/nn/modules/conv.py, {_COMMIT}")
_SPARSE = Peer("torch", "torch", f"torch/nn/modules/sparse.py, {_COMMIT}")
_RNN = Peer("torch", "torch", f"torch/nn/modules/rnn.py, {_COMMIT}")
_ATTENTION = Peer("torch", "torch", f"torch/nn/modules/activation.py, {_COMMIT}")
_NORM = Peer("torch", "torch", f"torch/nn/modules/normalization.py, {_COMMIT}")
_BATCH_NORM = Peer("torch", "torch", f"torch/nn/modules/batchnorm.py, {_COMMIT}")
_INSTANCE_NORM = Peer("torch", "torch", f"torch/nn/modules/instancenorm.py, {_COMMIT}")

_ABSOLUTE = Numbers(mean=0.0, std=1.0, low=-2.0, high=2.0)
"""The bounds of torch's trunc_normal_ are values, not standard deviations."""


def _bilinear(request: Request) -> Law:
    """U(+-1/sqrt(shape[1])): torch counts the features of the first input alone.

    Raises ImpossibleError (`scheme_axes`) unless the tensor has three axes.
    """
    if len(request.shape) != 3:
        message = f"{request.scheme} fills three axes, and the shape has {len(request.shape)}"
        hint = "write three extents, such as shape=8,4,4"
        raise ImpossibleError("scheme_axes", Problem("shape", message, hint))
    if request.shape[1] == 0:
        return replace(constant_law(0.0), distribution="uniform", std=None)
    return inverse_root_law(request.shape[1])


def _eye(scheme: Scheme) -> Scheme:
    """`scheme` as torch fills it: one matrix, whatever the parts are."""
    return replace(scheme, law=lambda request: scheme.law(unfused(request)))


def _whole(weight: Weight, requested: Numbers) -> bool:
    """Whether the tensor is the fused matrix, 3E x E, and its fan_out is counted.

    A q_proj_weight of its own, E x E, is filled alone, so its fan_out is as it should be.
    """
    given = (requested.fan_out, requested.gain, requested.scale)
    fused = weight.count("O") == 3 * weight.count("I")
    return fused and all(number is None for number in given)


_FUNCTIONS = (
    _INIT.following(
        "uniform",
        "uniform",
        "torch.nn.init.uniform_: uniform from a = low to b = high.",
        fields=("low", "high"),
        defaults=Numbers(low=0.0, high=1.0),
    ),
    _INIT.following(
        "normal",
        "normal",
        "torch.nn.init.normal_: normal with a mean and a standard deviation.",
        fields=("mean", "std"),
    ),
    _INIT.following(
        "truncated_normal",
        "trunc_normal",
        "torch.nn.init.trunc_normal_: normal cut at a = low and b = high, which are values.",
        fields=("mean", "std", "low", "high"),
        defaults=_ABSOLUTE,
    ),
    _INIT.following(
        "constant",
        "constant",
        "torch.nn.init.constant_: every element is val = value.",
        fields=("value",),
        example="shape=512&value=0.5",
    ),
    _INIT.constant("ones", "torch.nn.init.ones_: every element is 1.", 1.0),
    _INIT.constant("zeros", "torch.nn.init.zeros_: every element is 0.", 0.0),
    two_axes_only(
        _eye(
            _INIT.following(
                "identity",
                "eye",
                "torch.nn.init.eye_: the identity matrix, square or not.",
                fields=(),
            )
        )
    ),
    _INIT.glorot("xavier_uniform", "torch.nn.init.xavier_uniform_: uniform.", "uniform"),
    _INIT.glorot("xavier_normal", "torch.nn.init.xavier_normal_: normal, not cut.", "normal"),
    _INIT.kaiming(
        "kaiming_uniform",
        "torch.nn.init.kaiming_uniform_: activation is nonlinearity, negative_slope is a.",
        "uniform",
        activation="leaky_relu",
    ),
    _INIT.kaiming(
        "kaiming_normal",
        "torch.nn.init.kaiming_normal_: activation is nonlinearity, negative_slope is a.",
        "normal",
        activation="leaky_relu",
    ),
    orthogonal_preset(
        _INIT,
        "orthogonal",
        "torch.nn.init.orthogonal_: one matrix, with the first axis as its rows.",
        outputs="first",
    ),
    dirac_preset(
        _INIT, "dirac", "torch.nn.init.dirac_: the convolution passes on the input of each group."
    ),
    sparse_preset(
        _INIT,
        "sparse",
        "torch.nn.init.sparse_: the same number of zeros in each column, else normal.",
        "column",
        defaults=Numbers(std=0.01),
    ),
)


def _convolution(axes: int) -> tuple[Scheme, ...]:
    """The weights and biases of a convolution and a transposed one with this many kernel axes.

    For a transposed convolution torch counts shape[1], which is the outputs of one group.
    """
    kernel = ",3" * axes
    return (
        _CONV.inverse_root(
            f"conv{axes}d",
            f"The weight of torch.nn.Conv{axes}d: kaiming_uniform_ with a = sqrt(5).",
            f"conv{axes}d",
            f"shape=64,16{kernel}",
        ),
        _CONV.inverse_root(
            f"conv{axes}d.bias",
            f"The bias of torch.nn.Conv{axes}d; fan_in is in_channels / groups x kernel.",
            "bias",
        ),
        _CONV.inverse_root(
            f"conv_transpose{axes}d",
            f"The weight of torch.nn.ConvTranspose{axes}d; torch's fan_in is "
            "out_channels / groups x kernel.",
            f"conv_transpose{axes}d",
            f"shape=64,16{kernel}",
        ),
        _CONV.inverse_root(
            f"conv_transpose{axes}d.bias",
            f"The bias of torch.nn.ConvTranspose{axes}d; fan_in is out_channels / groups x kernel.",
            "bias",
        ),
    )


_LAYERS = (
    _LINEAR.inverse_root(
        "linear",
        "The weight of torch.nn.Linear as PyTorch makes it: kaiming_uniform_ with a = sqrt(5).",
        "dense",
    ),
    _LINEAR.inverse_root(
        "linear.bias", "The bias of torch.nn.Linear; fan_in is in_features.", "bias"
    ),
    replace(
        _LINEAR.following(
            "uniform",
            "bilinear",
            "The weight of torch.nn.Bilinear, out x in1 x in2, is uniform within 1 / sqrt(in1).",
            fields=(),
            defaults=Numbers(),
            example="shape=64,32,16",
        ),
        formula="limit = 1/sqrt(in1), shape = out,in1,in2",
        law=_bilinear,
    ),
    _LINEAR.inverse_root(
        "bilinear.bias", "The bias of torch.nn.Bilinear; fan_in is in1_features.", "bias"
    ),
    *(scheme for axes in (1, 2, 3) for scheme in _convolution(axes)),
    _SPARSE.following(
        "normal",
        "embedding",
        "The weight of torch.nn.Embedding: standard normal.",
        fields=(),
        layer="embedding",
    ),
    *(
        _RNN.recurrent(f"{name}{bias}", gates, layer, members)
        for name, gates in (("lstm", 4), ("gru", 3), ("rnn", 1))
        for bias, layer, members in (
            ("", "recurrent", ("weight_ih_l0", "weight_hh_l0")),
            (".bias", "bias", ("bias_ih_l0", "bias_hh_l0")),
        )
    ),
    # pytorch/pytorch issue 166378: the fused matrix has the fan_out of three.
    replace(
        _ATTENTION.scaled(
            "multihead_attention",
            "in_proj_weight of torch.nn.MultiheadAttention: xavier_uniform_ of the 3E x E matrix.",
            "limit = gain sqrt(3/n), n = (fan_in + fan_out) / 2, gain = 1",
            gain="one",
            mode="fan_avg",
            distributions=("uniform",),
            layer="dense",
            example="shape=768,256",
        ),
        fault=(
            "torch fills query, key and value as one matrix of 3E x E, so fan_out is 3E and the "
            "std is 0.707 of what each has by itself: give fan_out={inputs} if that is not meant"
        ),
        repeats_fault=_whole,
    ),
    _ATTENTION.inverse_root(
        "multihead_attention.out_proj",
        "out_proj.weight of torch.nn.MultiheadAttention: that of torch.nn.Linear.",
        "dense",
        "shape=256,256",
    ),
    _ATTENTION.zeros(
        "multihead_attention.bias",
        "in_proj_bias and out_proj.bias of torch.nn.MultiheadAttention: zeros.",
    ),
    *(
        scheme
        for peer, name, title in (
            (_NORM, "layer_norm", "LayerNorm"),
            (_NORM, "group_norm", "GroupNorm"),
            (_BATCH_NORM, "batch_norm", "BatchNorm1d, 2d and 3d"),
            (_INSTANCE_NORM, "instance_norm", "InstanceNorm1d, 2d and 3d with affine=True"),
        )
        for scheme in (
            peer.ones(f"{name}.weight", f"The weight of torch.nn.{title}: ones."),
            peer.zeros(f"{name}.bias", f"The bias of torch.nn.{title}: zeros."),
        )
    ),
    _NORM.ones("rms_norm.weight", "The weight of torch.nn.RMSNorm: ones."),
)

SCHEMES = (*_FUNCTIONS, *_LAYERS)
