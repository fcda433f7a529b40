"""The router of a mixture of experts."""

import math
from dataclasses import replace

from service.initializers.references import FEDUS_2021
from service.initializers.schemes.record import Numbers
from service.initializers.schemes.variance_scaling import variance_scaling

_ROUTER = variance_scaling(
    "switch_router",
    "Switch Transformer's router: small logits, so that experts share the tokens at the start.",
    "w ~ N(0, s^2) given |w| < 2 s, s = gain sqrt(1/n), n = fan_in, gain = sqrt(0.1)",
    gain=math.sqrt(0.1),
    mode="fan_in",
    distributions=("truncated_normal",),
    references=(FEDUS_2021,),
    draft=1,
)

SCHEMES = (
    replace(
        _ROUTER,
        # Mesh TensorFlow does not correct the std for the truncation.
        defaults=Numbers(std_kind="parent").over(_ROUTER.defaults),
        example="shape=64,768",
        source="tensorflow/mesh@0529176, mesh_tensorflow/layers.py, VarianceScalingInitializer",
    ),
)
