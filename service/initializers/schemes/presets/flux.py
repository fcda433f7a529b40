"""Flux: the functions of src/utils.jl, and the defaults of the layers.

Flux's conv flips the kernel: it is a true convolution. The kernels of other frameworks are not
flipped. For a random kernel this makes no difference, and `Flux.CrossCor` does not flip.
"""

import math
from dataclasses import replace

from service.errors import ImpossibleError, Problem
from service.initializers.layouts import canonical_axes
from service.initializers.references import GLOROT_2010, HE_2015, KLAMBAUER_2017, LECUN_1998
from service.initializers.schemes import truncated
from service.initializers.schemes.presets.fan_initializers import ROOT_2
from service.initializers.schemes.presets.following import (
    Peer,
    counted_axes,
    fused_gates,
    with_gates,
)
from service.initializers.schemes.presets.positions import (
    as_matrix,
    identity_preset,
    orthogonal_preset,
)
from service.initializers.schemes.record import (
    EXAMPLE,
    Law,
    Numbers,
    Preset,
    Request,
    Scheme,
    missing,
    require_positive,
)
from service.stream.draws import Normal, Sparse

_RELEASE = "release 0.16.11, commit 3f2f828"

_UTILS = Peer("flux", "flux", f"src/utils.jl, {_RELEASE}")
_BASIC = Peer("flux", "flux", f"src/layers/basic.jl, {_RELEASE}")
_CONV = Peer("flux", "flux", f"src/layers/conv.jl, {_RELEASE}")
_RECURRENT = Peer("flux", "flux", f"src/layers/recurrent.jl, {_RELEASE}")
_NORM = Peer("flux", "flux", f"src/layers/normalise.jl, {_RELEASE}")

_LIMIT = "limit = gain sqrt(3/n)"
_STD = "std = gain sqrt(1/n)"
_AVERAGE = "n = (fan_in + fan_out) / 2, gain = 1"
_RECTIFIED = "n = fan_in, gain = sqrt(2)"

_ABSOLUTE = Numbers(mean=0.0, std=1.0, low=-2.0, high=2.0)
"""The bounds of Flux's truncated_normal are values, not standard deviations."""


def _lecun_normal() -> Scheme:
    made = _UTILS.scaled(
        "lecun_normal",
        "Flux.lecun_normal: normal, cut at the values -2 and 2, which it hardly ever reaches.",
        f"{_STD} before the cut, n = fan_in, gain = 1; -2 < w < 2",
        gain="one",
        distributions=("truncated_normal",),
        references=(LECUN_1998, KLAMBAUER_2017),
    )
    scaled = made.law

    def law(request: Request) -> Law:
        """The parent is `scaled` as a normal."""
        normal = replace(request.numbers, distribution="normal")
        parent = scaled(replace(request, numbers=normal))
        if not parent.std:
            return replace(parent, distribution="truncated_normal")
        cut = truncated.SCHEMES[0].law(
            replace(request, requested=Numbers(), numbers=replace(_ABSOLUTE, std=parent.std))
        )
        return replace(
            cut,
            mode=parent.mode,
            fan_in=parent.fan_in,
            fan_out=parent.fan_out,
            gain=parent.gain,
        )

    return replace(
        made,
        law=law,
        fields=tuple(field for field in made.fields if field not in ("std_kind", "bounds")),
        defaults=Numbers(mode="fan_in", distribution="truncated_normal"),
        fault=(
            "Flux cuts at the values -2 and 2, not at two standard deviations, so the values are "
            "those of a normal that is not cut: use scheme=lecun_normal and add "
            "distribution=truncated_normal if that is not meant"
        ),
    )


def _sparse(request: Request) -> Law:
    """Of each column of rows x columns, a share is 0 and the rest is N(0, std^2).

    Raises ImpossibleError: `scheme_needs` without a sparsity, `scheme_axes` unless the tensor has
    two axes, `out_of_range` for a sparsity below 0.
    """
    numbers, weight = request.numbers, as_matrix(request).weight
    if numbers.sparsity is None:
        raise missing(request.scheme, sparsity="0.9")
    if len(request.shape) != 2 or "O" not in request.weight.letters:
        message = f"{request.scheme} fills a matrix, and the shape has {len(request.shape)} axes"
        hint = "write two extents, such as shape=64,64"
        raise ImpossibleError("scheme_axes", Problem("shape", message, hint))
    if numbers.sparsity < 0:
        message = "sparsity is a share of the values; it must not be below 0"
        raise ImpossibleError("out_of_range", Problem("sparsity", message, "write sparsity=0.9"))
    std = numbers.std or 0.0
    require_positive("std", std)
    outputs = canonical_axes(request.weight.letters).index(request.weight.letters.index("O"))
    rows, columns = weight.count("O"), weight.count("I")
    length, step = (rows, columns) if outputs == 0 else (columns, 1)
    zeros = math.ceil(min(1.0, numbers.sparsity) * length)
    draw = Sparse(Normal(0.0, std), zeros, max(length, 1), max(step, 1))
    share = zeros / max(length, 1)
    return Law(draw, "sparse", 0.0, std * math.sqrt(1.0 - share))


def _glorot(peer: Peer, name: str, weight: str, layer: str, example: str = EXAMPLE) -> Scheme:
    """A weight that is glorot_uniform by default."""
    return peer.scaled(
        name,
        f"{weight} has the default glorot_uniform.",
        f"{_LIMIT}, {_AVERAGE}",
        gain="one",
        mode="fan_avg",
        distributions=("uniform",),
        layer=layer,
        example=example,
        references=(GLOROT_2010,),
    )


_FUNCTIONS = (
    _UTILS.constant("zeros32", "Flux.zeros32: every element is 0.", 0.0),
    _UTILS.constant("ones32", "Flux.ones32: every element is 1.", 1.0),
    _UTILS.following(
        "uniform",
        "rand32",
        "Flux.rand32: uniform from 0 to 1.",
        fields=(),
        defaults=Numbers(low=0.0, high=1.0),
    ),
    _UTILS.following("normal", "randn32", "Flux.randn32: standard normal.", fields=()),
    _UTILS.glorot("glorot_uniform", "Flux.glorot_uniform: uniform.", "uniform"),
    _UTILS.glorot("glorot_normal", "Flux.glorot_normal: normal, not cut.", "normal"),
    _UTILS.scaled(
        "kaiming_uniform",
        "Flux.kaiming_uniform: uniform; gain is sqrt(2) for every activation.",
        f"{_LIMIT}, {_RECTIFIED}",
        gain=ROOT_2,
        distributions=("uniform",),
        references=(HE_2015,),
    ),
    _UTILS.scaled(
        "kaiming_normal",
        "Flux.kaiming_normal: normal, not cut; gain is sqrt(2) for every activation.",
        f"{_STD}, {_RECTIFIED}",
        gain=ROOT_2,
        distributions=("normal",),
        references=(HE_2015,),
    ),
    _lecun_normal(),
    _UTILS.following(
        "truncated_normal",
        "truncated_normal",
        "Flux.truncated_normal: normal cut at lo = low and hi = high, which are values.",
        fields=("mean", "std", "low", "high"),
        defaults=_ABSOLUTE,
    ),
    orthogonal_preset(
        _UTILS,
        "orthogonal",
        "Flux.orthogonal: one matrix, with the last axis as its columns.",
    ),
    identity_preset(
        _UTILS,
        "identity_init",
        "Flux.identity_init of a matrix: 1 on the diagonal, times gain.",
    ),
    Scheme(
        name="flux.sparse_init",
        summary="Flux.sparse_init makes a share of each column 0. The other values are normal.",
        formula="ceil(sparsity rows) zeros in each column of rows x columns, else w ~ N(0, std^2)",
        distribution="sparse",
        fields=("std", "sparsity"),
        law=_sparse,
        defaults=Numbers(std=0.01),
        preset=Preset("flux"),
        draft=1,
        example=f"{EXAMPLE}&sparsity=0.9",
        source=_UTILS.source,
    ),
)


def _convolution(axes: int) -> tuple[Scheme, ...]:
    """The weights of a convolution and a transposed one with this many kernel axes."""
    kernel = "3," * axes
    return (
        _glorot(
            _CONV,
            f"conv{axes}d",
            f"The weight of Flux.Conv with {counted_axes(axes)}, which Flux flips,",
            f"conv{axes}d",
            f"shape={kernel}32,64",
        ),
        _glorot(
            _CONV,
            f"conv_transpose{axes}d",
            f"The weight of Flux.ConvTranspose with {counted_axes(axes)}, laid out as kernel x "
            "out x in,",
            f"conv_transpose{axes}d",
            f"shape={kernel}64,32",
        ),
    )


def _cell(name: str, title: str, gates: int) -> tuple[Scheme, ...]:
    """Wi and Wh, in each of which the gates are fused along the first axis."""
    units = 64
    made = (
        _glorot(
            _RECURRENT,
            f"{name}.wi",
            f"The weight Wi of Flux.{title}{fused_gates(gates)}",
            "recurrent",
            f"shape={gates * units},128",
        ),
        _glorot(
            _RECURRENT,
            f"{name}.wh",
            f"The weight Wh of Flux.{title}{fused_gates(gates)}",
            "recurrent",
            f"shape={gates * units},{units}",
        ),
        _RECURRENT.zeros(f"{name}.bias", f"The bias of Flux.{title}: zeros."),
    )
    return tuple(with_gates(scheme, gates) for scheme in made)


_LAYERS = (
    _glorot(_BASIC, "dense", "The weight of Flux.Dense", "dense"),
    _BASIC.zeros("dense.bias", "The bias of Flux.Dense: zeros."),
    *(scheme for axes in (1, 2, 3) for scheme in _convolution(axes)),
    _CONV.zeros("conv.bias", "The bias of Flux.Conv and Flux.ConvTranspose: zeros."),
    _BASIC.following(
        "normal",
        "embedding",
        "The weight of Flux.Embedding, laid out as features x words, is standard normal by "
        "default.",
        fields=(),
        layer="embedding",
        example="shape=64,1000",
    ),
    *_cell("rnn_cell", "RNNCell", 1),
    *_cell("lstm_cell", "LSTMCell", 4),
    *_cell("gru_cell", "GRUCell", 3),
    *(
        scheme
        for name, title in (
            ("layer_norm", "LayerNorm"),
            ("batch_norm", "BatchNorm"),
            ("instance_norm", "InstanceNorm"),
            ("group_norm", "GroupNorm"),
        )
        for scheme in (
            _NORM.ones(f"{name}.scale", f"The scale of Flux.{title}: ones."),
            _NORM.zeros(f"{name}.bias", f"The bias of Flux.{title}: zeros."),
        )
    ),
)

SCHEMES = (*_FUNCTIONS, *_LAYERS)
