"""Flax: the defaults of the modules in flax/linen, which are those in flax/nnx.

The initializers of flax.linen.initializers and flax.nnx.initializers are JAX's (`jax.*`).
"""

import math
from dataclasses import replace

from service.initializers.schemes import orthogonal
from service.initializers.schemes.plain import constant_law, normal_law
from service.initializers.schemes.presets.fan_initializers import fan_initializer
from service.initializers.schemes.presets.following import Peer, counted_axes
from service.initializers.schemes.record import EXAMPLE, Law, Numbers, Request, Scheme

_RELEASE = "release 0.12.8"


def _file(path: str) -> Peer:
    return Peer("flax", "flax", f"flax/linen/{path}, {_RELEASE}")


_LINEAR, _NORM = _file("linear.py"), _file("normalization.py")
_RECURRENT, _ATTENTION = _file("recurrent.py"), _file("attention.py")


def _lecun(peer: Peer, name: str, weight: str, layer: str, example: str = EXAMPLE) -> Scheme:
    """A kernel that is lecun_normal by default."""
    return fan_initializer(
        peer,
        "lecun",
        "normal",
        name,
        f"{weight} has the default lecun_normal.",
        layer=layer,
        example=example,
    )


def _convolution(axes: int) -> tuple[Scheme, ...]:
    """The kernels of a convolution and a transposed one with this many kernel axes."""
    kernel = "3," * axes
    return (
        _lecun(
            _LINEAR,
            f"conv{axes}d",
            f"The kernel of flax.linen.Conv with {counted_axes(axes)}",
            f"conv{axes}d",
            f"shape={kernel}32,64",
        ),
        _lecun(
            _LINEAR,
            f"conv_transpose{axes}d",
            f"The kernel of flax.linen.ConvTranspose with {counted_axes(axes)}, laid out as "
            "kernel x in x out,",
            f"conv_transpose{axes}d",
            f"shape={kernel}32,64",
        ),
    )


def _embed(request: Request) -> Law:
    """w ~ N(0, 1/features). With out_axis=0 the fan_in that JAX counts is the features."""
    features = request.weight.count("O")
    if features == 0:
        return replace(constant_law(0.0), distribution="normal", std=None)
    return normal_law(0.0, math.sqrt(1.0 / features))


def _embedding() -> Scheme:
    made = _LINEAR.following(
        "normal",
        "embed",
        "The embedding of flax.linen.Embed has a default normal distribution of variance "
        "1/features.",
        fields=(),
        layer="embedding",
        defaults=Numbers(),
        example="shape=1000,64",
    )
    return replace(made, formula="std = sqrt(1/features)", law=_embed)


def _cell(name: str, title: str) -> tuple[Scheme, ...]:
    """The kernels of one gate. Each gate has its own; with parts they are fused along O."""
    gate = "a gate of " if name != "simple_cell" else ""
    recurrent = _RECURRENT.named(
        orthogonal.SCHEMES[0],
        f"{name}.recurrent_kernel",
        f"The recurrent kernel of {gate}flax.linen.{title} has the default orthogonal.",
        "recurrent",
    )
    return (
        _lecun(
            _RECURRENT,
            f"{name}.kernel",
            f"The input kernel of {gate}flax.linen.{title}",
            "recurrent",
            "shape=128,64",
        ),
        replace(recurrent, fields=(), gain=None, example="shape=64,64"),
        _RECURRENT.zeros(f"{name}.bias", f"The bias of {gate}flax.linen.{title}: zeros."),
    )


def _norm(name: str, title: str, *, biased: bool = True) -> tuple[Scheme, ...]:
    scale = _NORM.ones(f"{name}.scale", f"The scale of flax.linen.{title}: ones.")
    bias = _NORM.zeros(f"{name}.bias", f"The bias of flax.linen.{title}: zeros.")
    return (scale, bias) if biased else (scale,)


SCHEMES = (
    _lecun(_LINEAR, "dense", "The kernel of flax.linen.Dense and flax.nnx.Linear", "dense"),
    _LINEAR.zeros("dense.bias", "The bias of flax.linen.Dense and flax.nnx.Linear: zeros."),
    _lecun(
        _LINEAR,
        "dense_general",
        "The kernel of flax.linen.DenseGeneral, flattened to inputs x outputs,",
        "dense",
    ),
    _lecun(
        _ATTENTION,
        "multi_head_dot_product_attention",
        "Each kernel of flax.linen.MultiHeadDotProductAttention, flattened to inputs x outputs,",
        "dense",
    ),
    *(scheme for axes in (1, 2, 3) for scheme in _convolution(axes)),
    _LINEAR.zeros("conv.bias", "The bias of flax.linen.Conv and ConvTranspose: zeros."),
    _embedding(),
    *_cell("lstm_cell", "LSTMCell"),
    *_cell("gru_cell", "GRUCell"),
    *_cell("simple_cell", "SimpleCell"),
    *_norm("layer_norm", "LayerNorm"),
    *_norm("group_norm", "GroupNorm"),
    *_norm("batch_norm", "BatchNorm"),
    *_norm("instance_norm", "InstanceNorm"),
    *_norm("rms_norm", "RMSNorm", biased=False),
)
