"""Schemes whose std falls, or in Sub-LN rises, with the depth of the network.

docs/drafts/depth.md defines them and says what the authors' code does differently.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from service.errors import ImpossibleError, Problem
from service.initializers.exact import power, root_of_logarithms
from service.initializers.references import (
    GROENEVELD_2024,
    GU_2023,
    HUANG_2020,
    RADFORD_2019,
    SHOEYBI_2019,
    WANG_2022,
    WANG_FOUNDATION_2022,
    WANG_GPT_J_2021,
    ZHANG_2019,
)
from service.initializers.schemes.fan_laws import embedding_or_fan_in, fan_law
from service.initializers.schemes.plain import normal_law, uniform_within
from service.initializers.schemes.record import (
    Law,
    Numbers,
    Request,
    Scheme,
    missing,
    require_positive,
)
from service.initializers.schemes.truncated import cut_at_sigmas
from service.initializers.schemes.variance_scaling import variance_scaling

_ENCODER, _DECODER = "encoder", "decoder"
_SIDES = (_ENCODER, _DECODER)

_QUARTER = Fraction(-1, 4)


def _depth(request: Request) -> int:
    depth = request.numbers.depth
    if depth is None:
        raise _no_depth(request)
    return depth


def _no_depth(request: Request) -> ImpossibleError:
    """The error (`scheme_needs`) for a request without depth.

    With decoder_depth, depth is that of the encoder. A model that has only a decoder has no
    encoder, and its own depth is `depth`.
    """
    decoder = request.numbers.decoder_depth
    if decoder is None:
        return missing(request.scheme, depth="12")
    message = f"{request.scheme} needs depth, which is the encoder's beside decoder_depth"
    hint = (
        f"write depth={decoder} and leave decoder_depth out for a model that is a decoder alone; "
        f"or add the depth of the encoder, such as depth={decoder}"
    )
    return ImpossibleError("scheme_needs", Problem("depth", message, hint))


def _branches(request: Request) -> float:
    """The residual branches of the whole network: those of a block, for each block."""
    return float((request.numbers.branches or 1) * _depth(request))


def _residual_std(request: Request) -> float:
    """std / sqrt(branches depth)."""
    std = request.numbers.std or 0.0
    require_positive("std", std)
    return std / math.sqrt(_branches(request))


def _gpt2_residual(request: Request) -> Law:
    return normal_law(0.0, _residual_std(request))


def _olmo_megatron(request: Request) -> Law:
    return cut_at_sigmas(0.0, _residual_std(request), request.numbers)


def _mamba_residual(request: Request) -> Law:
    """limit = sqrt(1/n) / sqrt(branches depth)."""
    root = math.sqrt(_branches(request))
    return fan_law(request, lambda n: _uniform(math.sqrt(1.0 / n) / root))


def _uniform(limit: float) -> Law:
    return uniform_within(limit, limit / math.sqrt(3.0))


def _olmo_mitchell(request: Request) -> Law:
    """std = 1 / sqrt(d), and 1 / sqrt(2 d (layer_index + 1)) with a layer_index."""
    index, numbers = request.numbers.layer_index, request.numbers
    share = 1.0 if index is None else 2.0 * (index + 1)
    return fan_law(
        embedding_or_fan_in(request),
        lambda d: cut_at_sigmas(0.0, 1.0 / math.sqrt(share * d), numbers),
    )


def _wang_init(request: Request) -> Law:
    """std = (2 / depth) / sqrt(d)."""
    share = 2.0 / _depth(request)
    return fan_law(request, lambda d: normal_law(0.0, share / math.sqrt(d)))


def _fixup_factor(request: Request) -> float:
    """depth^(-1 / (2 m - 2)), m being the layers of a branch.

    Raises ImpossibleError (`out_of_range`) for branches of one layer, which is the last one and 0.
    """
    layers = request.numbers.branch_layers or 0
    if layers < 2:
        message = "the only layer of a branch is its last one, which begins at 0"
        hint = "leave branch_layers out and use scheme=zeros, or write branch_layers=2"
        raise ImpossibleError("out_of_range", Problem("branch_layers", message, hint))
    return power(_depth(request), Fraction(-1, 2 * layers - 2))


def _t_fixup_factor(request: Request) -> float:
    """.67 N^(-1/4) in the encoder, (9 N)^(-1/4) in the decoder."""
    if request.numbers.variant == _ENCODER:
        return power(_depth(request), _QUARTER, Decimal("0.67"))
    return power(9 * _depth(request), _QUARTER)


def _t_fixup_embedding_factor(request: Request) -> float:
    """(9 N)^(-1/4).

    Raises ImpossibleError (`scheme_axes`) for another layer, whose fan_out is not its width.
    """
    if request.weight.layer != "embedding" and request.requested.fan_out is None:
        message = f"{request.scheme} fills an embedding, and this is none"
        hint = "write two extents, such as shape=512,256"
        if len(request.shape) == 2:
            hint = "leave layout out and add layer=embedding"
        raise ImpossibleError("scheme_axes", Problem("layer", message, hint))
    return power(9 * _depth(request), _QUARTER)


def _deepnorm_factor(request: Request) -> float:
    """beta of DeepNorm.

    (8 N)^(-1/4) for an encoder or a decoder alone; .87 (N^4 M)^(-1/16) in an encoder and
    (12 M)^(-1/4) in a decoder of M layers where there are both.
    """
    layers, decoder = _depth(request), request.numbers.decoder_depth
    if decoder is None:
        return power(8 * layers, _QUARTER)
    if request.numbers.variant == _DECODER:
        return power(12 * decoder, _QUARTER)
    fourth = layers * layers * layers * layers
    return power(fourth * decoder, Fraction(-1, 16), Decimal("0.87"))


def _sub_ln_factor(request: Request) -> float:
    """gamma of Sub-LN.

    sqrt(ln 2N) for an encoder or a decoder alone; sqrt(ln 3M ln 2N / 3) in an encoder and
    sqrt(ln 3M) in a decoder of M layers where there are both.
    """
    layers, decoder = _depth(request), request.numbers.decoder_depth
    if decoder is None:
        return root_of_logarithms(2 * layers)
    if request.numbers.variant == _DECODER:
        return root_of_logarithms(3 * decoder)
    return root_of_logarithms(3 * decoder, 2 * layers, divisor=3)


def _scaled(
    base: Scheme, factor: Callable[[Request], float], defaults: Numbers, *fields: str
) -> Scheme:
    """`base` with its gain multiplied by a factor, which depends on `fields`.

    The certificate tells the gain of the base, because `gain` and `scale` set that one.
    """

    def law(request: Request) -> Law:
        gain = base.law(request).gain or 0.0
        requested = replace(request.requested, gain=gain * factor(request), scale=None)
        return replace(base.law(replace(request, requested=requested)), gain=gain)

    return replace(
        base, law=law, fields=(*base.fields, *fields), defaults=base.defaults.over(defaults)
    )


_TORCHSCALE = "microsoft/torchscale@0cb9695, torchscale/architecture/{encoder,decoder}.py"
_T_FIXUP = "layer6ai-labs/T-Fixup@cce506a, fairseq/modules/transformer_layer.py"

SCHEMES = (
    Scheme(
        name="gpt2_residual",
        summary="GPT-2's output projections: a normal whose std falls with the number of branches.",
        formula="w ~ N(0, (std / sqrt(branches depth))^2)",
        distribution="normal",
        fields=("std", "depth", "branches"),
        law=_gpt2_residual,
        defaults=Numbers(std=0.02, branches=2),
        references=(RADFORD_2019, SHOEYBI_2019),
        draft=1,
        example="shape=768,768&depth=12",
        source="EleutherAI/gpt-neox@05c4de3, megatron/model/init_functions.py, "
        "scaled_init_method_normal",
    ),
    Scheme(
        name="mamba_residual",
        summary="Mamba's output projections: PyTorch's default for Linear, divided by sqrt(depth).",
        formula="limit = sqrt(1/n) / sqrt(branches depth), n = fan_in",
        distribution="uniform",
        fields=("fan_in", "depth", "branches"),
        law=_mamba_residual,
        distributions=("uniform",),
        defaults=Numbers(mode="fan_in", distribution="uniform", branches=1),
        references=(GU_2023,),
        draft=1,
        example="shape=768,1536&depth=24",
        source="state-spaces/mamba@107eb60, mamba_ssm/models/mixer_seq_simple.py, _init_weights",
    ),
    Scheme(
        name="olmo_megatron",
        summary="OLMo's full_megatron for output projections: GPT-2's std, cut at 3 std.",
        formula="w ~ N(0, s^2) given |w| < 3 s, s = std / sqrt(branches depth)",
        distribution="truncated_normal",
        fields=("std", "std_kind", "bounds", "depth", "branches"),
        law=_olmo_megatron,
        defaults=Numbers(std=0.02, std_kind="parent", bounds=(3.0,), branches=2),
        references=(GROENEVELD_2024, SHOEYBI_2019),
        draft=1,
        example="shape=768,768&depth=12",
        source="allenai/OLMo@0079490, olmo/model.py, OLMoBlock.reset_parameters",
    ),
    Scheme(
        name="olmo_mitchell",
        summary="OLMo's mitchell: LeCun's std, divided in output projections by the layer's depth.",
        formula="w ~ N(0, s^2) given |w| < 3 s, s = 1/sqrt(d) or 1/sqrt(2 d (layer_index + 1))",
        distribution="truncated_normal",
        fields=("fan_in", "std_kind", "bounds", "layer_index"),
        law=_olmo_mitchell,
        distributions=("truncated_normal",),
        defaults=Numbers(
            mode="fan_in", distribution="truncated_normal", std_kind="parent", bounds=(3.0,)
        ),
        references=(GROENEVELD_2024,),
        draft=1,
        example="shape=768,768&layer_index=0",
        source="allenai/OLMo@0079490, olmo/model.py, OLMoBlock.reset_parameters",
    ),
    Scheme(
        name="wang_init",
        summary="GPT-J's and GPT-NeoX's output projections: std falls as 1 / depth.",
        formula="std = 2 / (depth sqrt(d)), d = fan_out",
        distribution="normal",
        fields=("fan_out", "depth"),
        law=_wang_init,
        distributions=("normal",),
        defaults=Numbers(mode="fan_out", distribution="normal"),
        references=(WANG_GPT_J_2021,),
        draft=1,
        example="shape=768,3072&depth=12",
        source="EleutherAI/gpt-neox@05c4de3, megatron/model/init_functions.py, wang_init_method",
    ),
    replace(
        _scaled(
            variance_scaling(
                "fixup",
                "He's std times a factor that falls with the depth, for residual networks without "
                "normalization. depth is the number of residual branches. The last layer of each "
                "branch and the output layer are scheme=zeros. A bottleneck has branch_layers=3.",
                "std = depth^(-1/(2 m - 2)) gain sqrt(1/n), m = branch_layers, n = fan_out",
                gain="he",
                mode="fan_out",
                distributions=("normal", "uniform"),
                references=(ZHANG_2019,),
                draft=1,
            ),
            _fixup_factor,
            Numbers(branch_layers=2),
            "depth",
            "branch_layers",
        ),
        example="shape=64,64,3,3&depth=16",
        source="hongyi-zhang/Fixup@c5a8295, imagenet/models/fixup_resnet_imagenet.py",
    ),
    replace(
        _scaled(
            variance_scaling(
                "t_fixup",
                "Glorot's std times a factor that falls with the depth, for the value, output and "
                "feed-forward weights of transformers without normalization. The query and key "
                "weights are scheme=glorot_uniform with gain=0.7071067811865476.",
                "limit = f gain sqrt(3/n), f = .67 N^(-1/4) in the encoder, (9 N)^(-1/4) in the "
                "decoder; N = depth, n = (fan_in + fan_out) / 2",
                gain="one",
                mode="fan_avg",
                distributions=("uniform", "normal"),
                references=(HUANG_2020,),
                draft=1,
            ),
            _t_fixup_factor,
            Numbers(variant=_ENCODER),
            "depth",
            "variant",
        ),
        variants=_SIDES,
        example="shape=512,512&depth=6",
        source=_T_FIXUP,
    ),
    replace(
        _scaled(
            variance_scaling(
                "t_fixup_embedding",
                "The embedding of a transformer without normalization, scaled down with its depth.",
                "std = (9 N)^(-1/4) gain sqrt(1/n), N = depth, n = fan_out",
                gain="one",
                mode="fan_out",
                distributions=("normal", "uniform"),
                references=(HUANG_2020,),
                draft=1,
            ),
            _t_fixup_embedding_factor,
            Numbers(),
            "depth",
        ),
        example="shape=1000,512&layer=embedding&depth=6",
        source="layer6ai-labs/T-Fixup@cce506a, fairseq/models/transformer.py",
    ),
    replace(
        _scaled(
            variance_scaling(
                "deepnorm",
                "Glorot's std times beta, for the value, output and feed-forward weights of "
                "DeepNorm. The query and key weights are scheme=glorot_normal. The model itself "
                "must multiply the input of each residual connection by alpha, (2 N)^(1/4) with N "
                "layers alone. A model that is an encoder or a decoder alone has depth and no "
                "decoder_depth.",
                "std = beta gain sqrt(1/n), beta = (8 N)^(-1/4); with decoder_depth M "
                ".87 (N^4 M)^(-1/16) in the encoder, (12 M)^(-1/4) in the decoder",
                gain="one",
                mode="fan_avg",
                distributions=("normal", "uniform"),
                references=(WANG_2022,),
                draft=1,
            ),
            _deepnorm_factor,
            Numbers(variant=_ENCODER),
            "depth",
            "decoder_depth",
            "variant",
        ),
        variants=_SIDES,
        example="shape=512,512&depth=12",
        source=_TORCHSCALE,
    ),
    replace(
        _scaled(
            variance_scaling(
                "sub_ln",
                "Glorot's std times gamma, for the value, output and feed-forward weights of "
                "Sub-LN. The query and key weights are scheme=glorot_normal. A model that is an "
                "encoder or a decoder alone has depth and no decoder_depth.",
                "std = gamma gain sqrt(1/n), gamma = sqrt(ln 2N); with decoder_depth M "
                "sqrt(ln 3M ln 2N / 3) in the encoder, sqrt(ln 3M) in the decoder",
                gain="one",
                mode="fan_avg",
                distributions=("normal", "uniform"),
                references=(WANG_FOUNDATION_2022,),
                draft=1,
            ),
            _sub_ln_factor,
            Numbers(variant=_ENCODER),
            "depth",
            "decoder_depth",
            "variant",
        ),
        variants=_SIDES,
        example="shape=512,512&depth=12",
        source=_TORCHSCALE,
    ),
)
