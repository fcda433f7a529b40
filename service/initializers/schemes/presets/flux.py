"""Flux: the functions of src/utils.jl, and the defaults of the layers.

Flux's conv flips the kernel: it is a true convolution. The kernels of other frameworks are not
flipped. For a random kernel this makes no difference, and `Flux.CrossCor` does not flip.
"""

from dataclasses import replace

from service.initializers.references import GLOROT_2010, HE_2015, KLAMBAUER_2017, LECUN_1998
from service.initializers.schemes import truncated
from service.initializers.schemes.convolution import kernels_of
from service.initializers.schemes.identity import centred_law
from service.initializers.schemes.presets.fan_initializers import ROOT_2
from service.initializers.schemes.presets.following import (
    Peer,
    with_gates,
)
from service.initializers.schemes.presets.positions import (
    identity_preset,
    orthogonal_preset,
    sparse_preset,
)
from service.initializers.schemes.record import (
    EXAMPLE,
    Law,
    Numbers,
    Request,
    Scheme,
    require_positive,
)

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


def _identity_init() -> Scheme:
    """A matrix, or the kernels of a convolution. Flux does not see groups.

    The centre of a kernel of k elements is its element number cld(k, 2) from 1, which is
    (k - 1) // 2 from 0.
    """
    made = identity_preset(
        _UTILS,
        "identity_init",
        "Flux.identity_init: gain on the diagonal, in a convolution at the kernel's centre.",
    )
    of_matrix = made.law

    def law(request: Request) -> Law:
        weight = request.weight
        if len(request.shape) <= 2 or "O" not in weight.letters:
            return of_matrix(request)
        gain = request.numbers.gain or 0.0
        require_positive("gain", gain)
        seen = replace(weight, layer=None, groups=None, parts=1)
        kernels = kernels_of(replace(request, weight=seen))
        return centred_law(kernels, gain, kernels.pairs, kernels.size, later=False)

    formula = "w[o, i] = gain if o = i, else 0; in a convolution at the kernel's (k - 1) // 2"
    return replace(made, formula=formula, law=law)


def _glorot(peer: Peer, name: str, weight: str, layer: str, example: str = EXAMPLE) -> Scheme:
    """A weight that is glorot_uniform by default."""
    return peer.scaled(
        name,
        f"{weight}: glorot_uniform by default.",
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
    _identity_init(),
    sparse_preset(
        _UTILS,
        "sparse_init",
        "Flux.sparse_init: the same number of zeros in each column, else normal.",
        "column",
        defaults=Numbers(std=0.01),
    ),
)


def _convolution(axes: int) -> tuple[Scheme, ...]:
    """The weights of a convolution and a transposed one with this many kernel axes."""
    kernel = "3," * axes
    return (
        _glorot(
            _CONV,
            f"conv{axes}d",
            f"The weight of Flux.Conv for {axes}-D data, which Flux flips",
            f"conv{axes}d",
            f"shape={kernel}32,64",
        ),
        _glorot(
            _CONV,
            f"conv_transpose{axes}d",
            f"The weight of Flux.ConvTranspose for {axes}-D data, kernel x out x in",
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
            f"Wi of Flux.{title}, all gates as one matrix",
            "recurrent",
            f"shape={gates * units},128",
        ),
        _glorot(
            _RECURRENT,
            f"{name}.wh",
            f"Wh of Flux.{title}, all gates as one matrix",
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
        "The weight of Flux.Embedding, features x words: standard normal by default.",
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
