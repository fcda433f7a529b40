"""timm: the functions of timm/layers/weight_init.py, and the ViT initialization of its own.

timm fills torch tensors, so letters and fans are torch's. Its layers are torch's, too.
"""

from service.initializers.references import LECUN_1998
from service.initializers.schemes.presets.following import Peer
from service.initializers.schemes.record import Numbers

_COMMIT = "commit aa4b585"

_INIT = Peer("torch", "timm", f"timm/layers/weight_init.py, {_COMMIT}")
_VIT = Peer("torch", "timm", f"timm/models/vision_transformer.py, {_COMMIT}")

SCHEMES = (
    _INIT.following(
        "truncated_normal",
        "trunc_normal",
        "timm's trunc_normal_: normal cut at a = low and b = high, which are values.",
        fields=("mean", "std", "low", "high"),
        defaults=Numbers(mean=0.0, std=1.0, low=-2.0, high=2.0),
    ),
    _INIT.following(
        "truncated_normal",
        "trunc_normal_tf",
        "timm's trunc_normal_tf_: normal cut at bounds in std of the normal before the cut.",
        fields=("mean", "std", "std_kind", "bounds"),
        defaults=Numbers(mean=0.0, std=1.0, std_kind="parent", bounds=(2.0,)),
    ),
    _INIT.scaled(
        "variance_scaling",
        "timm's variance_scaling_: scale 1, fan_in and normal by default.",
        "std = gain sqrt(1/n), n = fan_in, gain = 1",
        gain="one",
        distributions=("normal", "truncated_normal", "uniform"),
        references=(LECUN_1998,),
    ),
    _INIT.scaled(
        "lecun_normal",
        "timm's lecun_normal_: cut at two std of the normal before the cut, std restored.",
        "std = gain sqrt(1/n), n = fan_in, gain = 1",
        gain="one",
        distributions=("truncated_normal",),
        references=(LECUN_1998,),
    ),
    _VIT.following(
        "truncated_normal",
        "init_weights_vit_timm",
        "A linear layer of timm's ViT: trunc_normal_ with std 0.02, so the cut is at 100 std.",
        fields=("mean", "std", "low", "high"),
        layer="dense",
        defaults=Numbers(mean=0.0, std=0.02, low=-2.0, high=2.0),
    ),
    _VIT.zeros("init_weights_vit_timm.bias", "The bias of a linear layer of timm's ViT: zeros."),
)
