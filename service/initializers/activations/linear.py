"""The linear activation, and those that are linear on each side of 0.

Softmax is here because its row has the numbers of the linear activation.
"""

from service.initializers.activations.record import activation

# Each row: name, formula, "E f, E f^2, E f'^2", "gain, backward gain, variance gain",
# "V'(1), spread".
ACTIVATIONS = (
    activation(
        "linear",
        "z",
        "0x0.0p+0 0x1.0p+0 0x1.0p+0",
        "0x1.0p+0 0x1.0p+0 0x1.0p+0",
        "1.0 3.0",
        family="linear",
        auto="glorot_uniform",
        aliases=("identity",),
        pytorch="0x1.0p+0",
    ),
    activation(
        "softmax",
        "e^z_i / sum_j e^z_j; not elementwise, used in heads: the numbers are those of linear",
        "0x0.0p+0 0x1.0p+0 0x1.0p+0",
        "0x1.0p+0 0x1.0p+0 0x1.0p+0",
        "1.0 3.0",
        family="linear",
        auto="glorot_uniform",
    ),
    activation(
        "relu",
        "max(z, 0)",
        "0x1.9884533d43651p-2 0x1.0p-1 0x1.0p-1",
        "0x1.6a09e667f3bcdp+0 0x1.6a09e667f3bcdp+0 0x1.b67de5e0daf2dp+0",
        "1.0 6.0",
        family="rectifier",
        auto="he_normal",
        pytorch="0x1.6a09e667f3bcdp+0",
    ),
    activation(
        "relu6",
        "min(max(z, 0), 6)",
        "0x1.9884533a93bacp-2 0x1.ffffffdeeef33p-2 0x1.ffffffef0cf11p-2",
        "0x1.6a09e673a495ap+0 0x1.6a09e66df1d38p+0 0x1.b67de5f447beep+0",
        "1.0 5.999999",
        family="rectifier",
        auto="he_normal",
    ),
    activation(
        "leaky_relu",
        "z if z > 0 else a z; here a = 0.01",
        "0x1.946e859b5ee17p-2 0x1.00068db8bac71p-1 0x1.00068db8bac71p-1",
        "0x1.6a05442aad7e4p+0 0x1.6a05442aad7e4p+0 0x1.b46fd873e9c2ap+0",
        "1.0 5.9988",
        family="rectifier",
        auto="he_normal",
        pytorch="0x1.6a05442aad7e4p+0",
        slope=0.01,
    ),
    activation(
        "prelu",
        "z if z > 0 else a z, a learned; here a = 0.25, He et al.'s start",
        "0x1.32633e6df28bcp-2 0x1.1p-1 0x1.1p-1",
        "0x1.5f3aa673fa911p+0 0x1.5f3aa673fa911p+0 0x1.812e18fadb802p+0",
        "1.0 5.33564",
        family="rectifier",
        auto="he_normal",
        slope=0.25,
    ),
    activation(
        "rrelu",
        "z if z > 0 else a z, a random in training; here a = 11/48, its mean",
        "0x1.3ae60029e3f33p-2 0x1.0d71c71c71c72p-1 0x1.0d71c71c71c72p-1",
        "0x1.60e40b156d265p+0 0x1.60e40b156d265p+0 0x1.85a17ca4cb9a7p+0",
        "1.0 5.431114",
        family="rectifier",
        auto="he_normal",
        slope=11 / 48,
        draft=1,
    ),
    activation(
        "abs",
        "|z|",
        "0x1.9884533d43651p-1 0x1.0p+0 0x1.0p+0",
        "0x1.0p+0 0x1.0p+0 0x1.a8ad74ed9d0dp+0",
        "1.0 3.0",
        family="smooth",
        auto="variance_scaling",
        draft=1,
    ),
)
