"""PyTorch's default initializers: `reset_parameters` of the modules in torch/nn/modules."""

from service.initializers.references import HE_2015
from service.initializers.schemes.record import Preset
from service.initializers.schemes.variance_scaling import variance_scaling

ROOT_OF_A_THIRD = float.fromhex("0x1.279a74590331cp-1")
"""sqrt(2 / (1 + a^2)) with a = sqrt(5). The limit is then 1 / sqrt(fan_in)."""

SCHEMES = (
    variance_scaling(
        "torch.linear",
        "The weight of torch.nn.Linear as PyTorch makes it: kaiming_uniform_ with a = sqrt(5).",
        "limit = gain sqrt(3/n), n = fan_in, gain = 1/sqrt(3): limit = 1/sqrt(fan_in)",
        gain=ROOT_OF_A_THIRD,
        mode="fan_in",
        distributions=("uniform",),
        references=(HE_2015,),
        preset=Preset(framework="torch", layer="dense"),
        draft=1,
    ),
)
