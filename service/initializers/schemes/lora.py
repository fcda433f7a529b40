"""LoRA: the pair of matrices whose product is added to a weight and begins at 0."""

from dataclasses import replace

from service.initializers.references import HU_2021
from service.initializers.schemes.plain import constant_law
from service.initializers.schemes.presets.following import ROOT_OF_A_THIRD
from service.initializers.schemes.record import Scheme
from service.initializers.schemes.variance_scaling import variance_scaling

_PEFT = "huggingface/peft@0033694, src/peft/tuners/lora/layer.py, reset_lora_parameters"

SCHEMES = (
    replace(
        variance_scaling(
            "lora_a",
            "LoRA's A, from the input to the rank: the values of PyTorch's default for Linear.",
            "limit = gain sqrt(3/n), n = fan_in, gain = 1/sqrt(3): limit = 1/sqrt(fan_in)",
            gain=ROOT_OF_A_THIRD,
            mode="fan_in",
            distributions=("uniform", "normal"),
            references=(HU_2021,),
            draft=1,
        ),
        example="shape=8,512",
        source=_PEFT,
    ),
    Scheme(
        name="lora_b",
        summary="LoRA's B, from the rank to the output: B A is 0 at the start.",
        formula="w = 0",
        distribution="constant",
        fields=(),
        law=lambda _: constant_law(0.0),
        references=(HU_2021,),
        draft=1,
        example="shape=512,8",
        source=_PEFT,
    ),
)
