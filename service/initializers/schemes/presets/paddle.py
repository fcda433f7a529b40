"""Paddle: the classes of paddle.nn.initializer, and the defaults of the layers in paddle/nn/layer.

A matrix is (in, out), and a kernel (out, in, kernel...). The fans of a matrix are its two axes.
Those of a kernel are the second and the first axis times the kernel. Layers without a default of
their own have XavierUniform and a bias of zeros.
"""

from dataclasses import replace

import numpy as np

from service.errors import ImpossibleError, Problem
from service.initializers.references import GLOROT_2010, HE_2015
from service.initializers.schemes.laws import MOST_LISTED, table_law
from service.initializers.schemes.presets.following import Peer, without_groups
from service.initializers.schemes.presets.positions import dirac_preset, orthogonal_preset
from service.initializers.schemes.record import Law, Numbers, Request, Scheme
from service.stream.draws import Elements, Float64, IndexFunction

_RELEASE = "release 3.3.1"


def _initializer(file: str) -> Peer:
    """A file of paddle.nn.initializer."""
    return Peer("paddle", "paddle", f"paddle/nn/initializer/{file}.py, {_RELEASE}")


def _layer(file: str) -> Peer:
    """A file of Paddle's layers."""
    return Peer("paddle", "paddle", f"paddle/nn/layer/{file}.py, {_RELEASE}")


def upsampling(elements: Elements, size: int) -> Float64:
    """Paddle's kernel: y is i / size without rounding down, so the rows are not those of a tent.

    i is the number of the element in its kernel of size x size. With f = ceil(size / 2) and
    c = (2 f - 1 - f mod 2) / (2 f), the value is (1 - |x / f - c|) (1 - |y / f - c|).
    """
    area = size * size
    places = elements - elements // area * area
    columns = places - places // size * size
    half = (size + 1) // 2
    centre = (2 * half - 1 - half % 2) / (2.0 * half)
    x, y = columns / 1.0, places / (size * 1.0)
    across, down = 1.0 - np.abs(x / half - centre), 1.0 - np.abs(y / half - centre)
    # A product of 0 and a number below 0 is -0, and the sum with 0 is 0.
    values: Float64 = across * down + 0.0
    return values


def _bilinear(request: Request) -> Law:
    """The same kernel for each pair of channels; its mean and std are those of one kernel.

    Raises ImpossibleError: `scheme_axes` unless the kernel is a square of four axes, `too_large`
    for a kernel of more than MOST_LISTED elements.
    """
    letters, shape = request.weight.letters, request.shape
    sides = [shape[letters.index(letter)] for letter in "HW" if letter in letters]
    if len(shape) != 4 or len(sides) != 2 or sides[0] != sides[1]:
        message = f"{request.scheme} fills four axes, of which the kernel's two are equal"
        hint = "write four extents, such as shape=8,8,4,4"
        raise ImpossibleError("scheme_axes", Problem("shape", message, hint))
    size = sides[0]
    if size * size > MOST_LISTED:
        message = f"{request.scheme} has kernels of up to {MOST_LISTED} elements"
        raise ImpossibleError("too_large", Problem("shape", message, "write shape=8,8,4,4"))
    kernel = upsampling(np.arange(size * size), size) if size else np.zeros(1)
    low, high = float(kernel.min()), float(kernel.max())
    draw = IndexFunction(upsampling, (max(size, 1),), low, high)
    return table_law(draw, 0 if 0 in shape else size * size)


def _convolution(axes: int) -> tuple[Scheme, ...]:
    kernel = ",3" * axes
    name, title = f"conv{axes}d", f"Conv{axes}D"
    weight = _layer("conv").scaled(
        name,
        f"The weight of paddle.nn.{title} is normal. fan_in is in_channels x kernel, also with "
        "groups.",
        "std = gain sqrt(1/n), n = fan_in, gain = sqrt(2)",
        gain=float.fromhex("0x1.6a09e667f3bcdp+0"),
        distributions=("normal",),
        layer=name,
        example=f"shape=64,16{kernel}",
        references=(HE_2015,),
    )
    return (
        without_groups(weight, "Paddle"),
        _layer("conv").zeros(f"{name}.bias", f"The bias of paddle.nn.{title}: zeros."),
        _xavier(
            "conv",
            f"{name}_transpose",
            f"The weight of paddle.nn.{title}Transpose: XavierUniform.",
            f"conv_transpose{axes}d",
            f"shape=64,16{kernel}",
        ),
        _layer("conv").zeros(
            f"{name}_transpose.bias", f"The bias of paddle.nn.{title}Transpose: zeros."
        ),
    )


def _xavier(file: str, name: str, summary: str, layer: str, example: str | None = None) -> Scheme:
    """The default of a layer that has none of its own."""
    return _layer(file).scaled(
        name,
        summary,
        "limit = gain sqrt(3/n), n = (fan_in + fan_out) / 2, gain = 1",
        gain="one",
        mode="fan_avg",
        distributions=("uniform",),
        layer=layer,
        example=example,
        references=(GLOROT_2010,),
    )


SCHEMES = (
    _initializer("constant").following(
        "constant",
        "constant",
        "paddle.nn.initializer.Constant: every element is the value, 0 by default.",
        fields=("value",),
        defaults=Numbers(value=0.0),
        example="shape=512&value=0.5",
    ),
    _initializer("normal").following(
        "normal",
        "normal",
        "paddle.nn.initializer.Normal: normal with a mean and a standard deviation.",
        fields=("mean", "std"),
    ),
    _initializer("normal").following(
        "truncated_normal",
        "truncated_normal",
        "paddle.nn.initializer.TruncatedNormal: cut at a = low and b = high, which are values.",
        fields=("mean", "std", "low", "high"),
        defaults=Numbers(mean=0.0, std=1.0, low=-2.0, high=2.0),
    ),
    _initializer("uniform").following(
        "uniform",
        "uniform",
        "paddle.nn.initializer.Uniform: uniform from low to high.",
        fields=("low", "high"),
        defaults=Numbers(low=-1.0, high=1.0),
    ),
    _initializer("xavier").glorot(
        "xavier_normal", "paddle.nn.initializer.XavierNormal: normal, not cut.", "normal"
    ),
    _initializer("xavier").glorot(
        "xavier_uniform", "paddle.nn.initializer.XavierUniform: uniform.", "uniform"
    ),
    *(
        _initializer("kaiming").kaiming(
            f"kaiming_{distribution}",
            f"paddle.nn.initializer.Kaiming{distribution.title()}: activation is nonlinearity.",
            distribution,
            activation="relu",
        )
        for distribution in ("normal", "uniform")
    ),
    orthogonal_preset(
        _initializer("orthogonal"),
        "orthogonal",
        "paddle.nn.initializer.Orthogonal: one matrix, with the first axis as its rows.",
        outputs="first",
    ),
    dirac_preset(
        _initializer("dirac"),
        "dirac",
        "paddle.nn.initializer.Dirac: the convolution passes on the input of each group.",
    ),
    replace(
        _initializer("bilinear").named(
            Scheme(
                name="bilinear",
                summary="",
                formula="(1 - |x/f - c|) (1 - |y/f - c|), x = i mod size, y = (i/size) mod size",
                distribution="deterministic",
                fields=(),
                law=_bilinear,
                access="index",
            ),
            "bilinear",
            "paddle.nn.initializer.Bilinear fills the kernel of an upsampling. Paddle's kernel "
            "is not "
            "symmetric.",
        ),
        example="shape=8,8,4,4",
        fault=(
            "Paddle does not round y = i / size down, so the kernel is not symmetric and has "
            "values below 0. It does not interpolate: use scheme=bilinear if this is not meant"
        ),
    ),
    _xavier("common", "linear", "The weight of paddle.nn.Linear: XavierUniform.", "dense"),
    _layer("common").zeros("linear.bias", "The bias of paddle.nn.Linear: zeros."),
    *(scheme for axes in (1, 2, 3) for scheme in _convolution(axes)),
    _xavier(
        "common",
        "embedding",
        "The weight of paddle.nn.Embedding: XavierUniform, whose fan_in is the number of rows.",
        "embedding",
    ),
    *(
        _layer("rnn").recurrent(f"{name}{bias}", gates, layer, members)
        for name, gates in (("lstm", 4), ("gru", 3), ("simple_rnn", 1))
        for bias, layer, members in (
            ("", "recurrent", ("weight_ih_l0", "weight_hh_l0")),
            (".bias", "bias", ("bias_ih_l0", "bias_hh_l0")),
        )
    ),
    *(
        scheme
        for name, title in (
            ("layer_norm", "LayerNorm"),
            ("group_norm", "GroupNorm"),
            ("batch_norm", "BatchNorm1D, 2D and 3D"),
        )
        for scheme in (
            _layer("norm").ones(f"{name}.weight", f"The weight of paddle.nn.{title}: ones."),
            _layer("norm").zeros(f"{name}.bias", f"The bias of paddle.nn.{title}: zeros."),
        )
    ),
    _layer("norm").ones(
        "instance_norm.scale", "The scale of paddle.nn.InstanceNorm1D, 2D and 3D: ones."
    ),
    _layer("norm").zeros(
        "instance_norm.bias", "The bias of paddle.nn.InstanceNorm1D, 2D and 3D: zeros."
    ),
)
