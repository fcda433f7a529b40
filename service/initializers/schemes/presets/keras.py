"""Keras's default initializers: `kernel_initializer` of the layers in keras/src/layers."""

from service.initializers.references import GLOROT_2010
from service.initializers.schemes.record import Preset
from service.initializers.schemes.variance_scaling import variance_scaling

SCHEMES = (
    variance_scaling(
        "keras.dense",
        "The kernel of keras.layers.Dense as Keras makes it: GlorotUniform.",
        "limit = gain sqrt(3/n), n = (fan_in + fan_out) / 2, gain = 1",
        gain="one",
        mode="fan_avg",
        distributions=("uniform",),
        references=(GLOROT_2010,),
        preset=Preset(framework="keras", layer="dense"),
        draft=1,
    ),
)
