"""Schemes whose std is a rule for widths: muP, its spectral form, and the small init."""

import math

from service.initializers.references import NGUYEN_2019, YANG_2022, YANG_SPECTRAL_2023
from service.initializers.schemes.fan_laws import embedding_or_fan_in, fan_law
from service.initializers.schemes.plain import normal_law
from service.initializers.schemes.record import (
    Law,
    Numbers,
    Request,
    Scheme,
    missing,
    require_positive,
)


def _small_init(request: Request) -> Law:
    """std = sqrt(2 / (5 d))."""
    return fan_law(
        embedding_or_fan_in(request), lambda d: normal_law(0.0, math.sqrt(2.0 / (5.0 * d)))
    )


def _base_std(request: Request) -> float:
    """The std in the base model."""
    std = request.numbers.std
    if std is None:
        raise missing(request.scheme, std="0.02")
    require_positive("std", std)
    return std


def _base_fan_in(request: Request) -> float:
    base = request.numbers.base_fan_in
    if base is None:
        raise missing(request.scheme, base_fan_in="256")
    return float(base)


def _mup_input(request: Request) -> Law:
    return normal_law(0.0, _base_std(request))


def _mup_hidden(request: Request) -> Law:
    std, base = _base_std(request), _base_fan_in(request)
    return fan_law(request, lambda n: normal_law(0.0, std * math.sqrt(base / n)))


def _mup_output(request: Request) -> Law:
    std, base = _base_std(request), _base_fan_in(request)
    return fan_law(request, lambda n: normal_law(0.0, std * (base / n)))


def _spectral_mup(request: Request) -> Law:
    """std = min(1, sqrt(fan_out / fan_in)) / sqrt(fan_in)."""
    fan_out = request.fan_out
    if request.fan_number is not None and fan_out is None:
        raise missing(request.scheme, fan_out="512")

    def values(n: float) -> Law:
        ratio = math.sqrt(float(fan_out or 0.0) / n)
        return normal_law(0.0, min(1.0, ratio) / math.sqrt(n))

    return fan_law(request, values)


_MUP = "microsoft/mup@16ef490, mup/layer.py, and flanlabs/mup@eb781b6 (a fork), mup/init.py"

SCHEMES = (
    Scheme(
        name="small_init",
        summary="Small normal values, for the weights of a transformer that read its stream.",
        formula="std = sqrt(2 / (5 d)), d = fan_in, or the columns of an embedding",
        distribution="normal",
        fields=("fan_in",),
        law=_small_init,
        distributions=("normal",),
        defaults=Numbers(mode="fan_in", distribution="normal"),
        references=(NGUYEN_2019,),
        draft=1,
        example="shape=3072,768",
        source="EleutherAI/gpt-neox@05c4de3, megatron/model/init_functions.py, "
        "small_init_init_method",
    ),
    Scheme(
        name="mup_input",
        summary="muP's input weights, embeddings and biases: the std of the base model.",
        formula="w ~ N(0, std^2)",
        distribution="normal",
        fields=("std",),
        law=_mup_input,
        references=(YANG_2022,),
        draft=1,
        example="shape=1000,512&layer=embedding&std=0.02",
        source=_MUP,
    ),
    Scheme(
        name="mup_hidden",
        summary="muP's hidden weights: the variance of the base model falls as 1 / fan_in.",
        formula="std' = std sqrt(base_fan_in / n), n = fan_in",
        distribution="normal",
        fields=("fan_in", "std", "base_fan_in"),
        law=_mup_hidden,
        distributions=("normal",),
        defaults=Numbers(mode="fan_in", distribution="normal"),
        references=(YANG_2022,),
        draft=1,
        example="shape=1024,1024&std=0.02&base_fan_in=256",
        source=_MUP,
    ),
    Scheme(
        name="mup_output",
        summary="muP's output weights: the std of the base model falls as 1 / fan_in.",
        formula="std' = std base_fan_in / n, n = fan_in",
        distribution="normal",
        fields=("fan_in", "std", "base_fan_in"),
        law=_mup_output,
        distributions=("normal",),
        defaults=Numbers(mode="fan_in", distribution="normal"),
        references=(YANG_2022,),
        draft=1,
        example="shape=1000,1024&std=0.02&base_fan_in=256",
        source=_MUP,
    ),
    Scheme(
        name="spectral_mup",
        summary="Normal weights with a spectral norm near sqrt(fan_out / fan_in).",
        formula="std = min(1, sqrt(m/n)) / sqrt(n), n = fan_in, m = fan_out",
        distribution="normal",
        fields=("fan_in", "fan_out"),
        law=_spectral_mup,
        distributions=("normal",),
        defaults=Numbers(mode="fan_in", distribution="normal"),
        references=(YANG_SPECTRAL_2023,),
        draft=1,
        example="shape=10,512",
    ),
)
