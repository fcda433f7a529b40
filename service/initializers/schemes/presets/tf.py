"""TensorFlow: the initializers that are not Keras's.

tf.keras.initializers and tf.initializers are Keras's (`keras.*`). The letters of a layer and the
fans are Keras's, too.
"""

from service.initializers.references import LECUN_1998
from service.initializers.schemes.presets.fan_initializers import truncated_normal
from service.initializers.schemes.presets.following import Peer
from service.initializers.schemes.presets.positions import identity_preset, orthogonal_preset
from service.initializers.schemes.record import EXAMPLE, Numbers

_V2 = Peer("keras", "tf", "tensorflow/python/ops/init_ops_v2.py, commit 08f6b97")
_V1 = Peer("keras", "tf", "tensorflow/python/ops/init_ops.py, commit 0060366")

SCHEMES = (
    _V2.constant("zeros_initializer", "tf.zeros_initializer: every element is 0.", 0.0),
    _V2.constant("ones_initializer", "tf.ones_initializer: every element is 1.", 1.0),
    _V2.following(
        "constant",
        "constant_initializer",
        "tf.constant_initializer: every element is value, by default 0.",
        fields=("value",),
        defaults=Numbers(value=0.0),
        example=f"{EXAMPLE}&value=0.5",
    ),
    _V2.following(
        "uniform",
        "random_uniform_initializer",
        "tf.random_uniform_initializer of TensorFlow 2: minval is low, maxval is high.",
        fields=("low", "high"),
        defaults=Numbers(low=-0.05, high=0.05),
    ),
    _V2.following(
        "normal",
        "random_normal_initializer",
        "tf.random_normal_initializer of TensorFlow 2: stddev is std, by default 0.05.",
        fields=("mean", "std"),
        defaults=Numbers(mean=0.0, std=0.05),
    ),
    truncated_normal(
        _V1,
        "truncated_normal_initializer",
        "tf.truncated_normal_initializer, in TensorFlow 2 under tf.compat.v1: stddev is the "
        "parent's std, by default 1, cut at 2 of them.",
        1.0,
    ),
    _V1.scaled(
        "uniform_unit_scaling_initializer",
        "tf.uniform_unit_scaling_initializer, in TensorFlow 2 under tf.compat.v1: factor is gain.",
        "limit = gain sqrt(3/n), n = fan_in, gain = 1",
        gain="one",
        distributions=("uniform",),
        references=(LECUN_1998,),
    ),
    orthogonal_preset(
        _V1,
        "orthogonal_initializer",
        "tf.orthogonal_initializer, in TensorFlow 2 under tf.compat.v1: one matrix, with the last "
        "axis as its columns.",
    ),
    identity_preset(
        _V2,
        "identity_initializer",
        "tf.identity_initializer, in TensorFlow 2 tf.initializers.identity: square or not.",
    ),
)
