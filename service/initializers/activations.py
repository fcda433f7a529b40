"""Activations and their Gaussian moments: the numbers behind every gain.

For z ~ N(0, 1): E f, E f^2 and E f'^2, the forward gain (E f^2)^-1/2, with which a layer's output
keeps the variance of its input, and the backward gain (E f'^2)^-1/2, with which its gradient does.
Each is the float64 nearest the exact number, frozen: the tests derive them again by quadrature.
"""

from dataclasses import dataclass

from service.initializers.unissued import UNISSUED_ACTIVATIONS
from service.initializers.words import squash, unknown_word


@dataclass(frozen=True, slots=True)
class Activation:
    """A nonlinearity f; `formula` is for people.

    A gated unit multiplies f(g) by v, the halves g, v of its input being independent and of unit
    variance. Then E out^2 = E f^2, and E f'^2 + E f^2 reaches its input backwards.
    """

    name: str
    aliases: tuple[str, ...]
    formula: str
    mean: float
    second_moment: float
    derivative_moment: float
    gain: float
    backward_gain: float
    pytorch_gain: float | None
    """What `torch.nn.init.calculate_gain` answers; None where it has no answer."""
    slope: float | None
    """The slope for z < 0 that the numbers are for, the usual default; None: takes none."""

    @property
    def takes_slope(self) -> bool:
        """Whether the request's `negative_slope` means anything to this activation."""
        return self.slope is not None


def _activation(
    name: str,
    formula: str,
    moments: str,
    gains: str,
    *,
    aliases: tuple[str, ...] = (),
    pytorch: str | None = None,
    slope: float | None = None,
) -> Activation:
    mean, second, derivative = map(float.fromhex, moments.split())
    forward, backward = map(float.fromhex, gains.split())
    return Activation(
        name=name,
        aliases=aliases,
        formula=formula,
        mean=mean,
        second_moment=second,
        derivative_moment=derivative,
        gain=forward,
        backward_gain=backward,
        pytorch_gain=None if pytorch is None else float.fromhex(pytorch),
        slope=slope,
    )


# Each row: name, formula, "E f, E f^2, E f'^2", "gain, backward gain".
_TABLE = (
    _activation(
        "linear",
        "z",
        "0x0.0p+0 0x1.0p+0 0x1.0p+0",
        "0x1.0p+0 0x1.0p+0",
        aliases=("identity",),
        pytorch="0x1.0p+0",
    ),
    _activation(
        "relu",
        "max(z, 0)",
        "0x1.9884533d43651p-2 0x1.0p-1 0x1.0p-1",
        "0x1.6a09e667f3bcdp+0 0x1.6a09e667f3bcdp+0",
        pytorch="0x1.6a09e667f3bcdp+0",
    ),
    _activation(
        "relu6",
        "min(max(z, 0), 6)",
        "0x1.9884533a93bacp-2 0x1.ffffffdeeef33p-2 0x1.ffffffef0cf11p-2",
        "0x1.6a09e673a495ap+0 0x1.6a09e66df1d38p+0",
    ),
    _activation(
        "leaky_relu",
        "z if z > 0 else a z; here a = 0.01",
        "0x1.946e859b5ee17p-2 0x1.00068db8bac71p-1 0x1.00068db8bac71p-1",
        "0x1.6a05442aad7e4p+0 0x1.6a05442aad7e4p+0",
        pytorch="0x1.6a05442aad7e4p+0",
        slope=0.01,
    ),
    _activation(
        "prelu",
        "z if z > 0 else a z, a learned; here a = 0.25, He et al.'s start",
        "0x1.32633e6df28bcp-2 0x1.1p-1 0x1.1p-1",
        "0x1.5f3aa673fa911p+0 0x1.5f3aa673fa911p+0",
        slope=0.25,
    ),
    _activation(
        "elu",
        "z if z > 0 else e^z - 1",
        "0x1.48bf0281c2b05p-3 0x1.4a364927aca22p-1 0x1.5611772b4a954p-1",
        "0x1.3ec550da8b57dp+0 0x1.39329d2bae537p+0",
    ),
    _activation(
        "selu",
        "l z if z > 0 else l a (e^z - 1); l, a make 0 and 1 the mean and second moment",
        "0x0.0p+0 0x1.0p+0 0x1.1252bd1bcf218p+0",
        "0x1.0p+0 0x1.ee9aee3e644c6p-1",
        pytorch="0x1.8p-1",
    ),
    _activation(
        "gelu",
        "z Phi(z), Phi the normal distribution function",
        "0x1.20dd750429b6dp-2 0x1.b36d42a4c8c5cp-2 0x1.d2ca91bf4495ep-2",
        "0x1.889573745af35p+0 0x1.7b2a506c37734p+0",
    ),
    _activation(
        "gelu_tanh",
        "z (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))) / 2",
        "0x1.20ceb940089d7p-2 0x1.b365faed687c4p-2 0x1.d2c1e9d5604bap-2",
        "0x1.8898bbaa56b66p+0 0x1.7b2dd47164097p+0",
    ),
    _activation(
        "silu",
        "z sigmoid(z)",
        "0x1.a728e45d42849p-3 0x1.6c506af954eafp-2 0x1.84970586b04e6p-2",
        "0x1.ad313b62c10e7p+0 0x1.9f91ea9ad71b4p+0",
        aliases=("swish",),
    ),
    _activation(
        "mish",
        "z tanh(softplus(z))",
        "0x1.ec58dfb3352c8p-3 0x1.cf32caab6be2bp-2 0x1.ea94eec90b3acp-2",
        "0x1.7ca20b07b4837p+0 0x1.71db7a9a83ff2p+0",
    ),
    _activation(
        "tanh",
        "tanh(z)",
        "0x0.0p+0 0x1.93c1ef5501c15p-2 0x1.db8c6f38bb2d7p-2",
        "0x1.97b088475da43p+0 0x1.77a86ac9c29a2p+0",
        pytorch="0x1.aaaaaaaaaaaabp+0",
    ),
    _activation(
        "sigmoid",
        "1 / (1 + e^-z)",
        "0x1.0p-1 0x1.2c6b8dd15ebdbp-2 0x1.6f4c69c8c9eap-5",
        "0x1.d8a26f172bc44p+0 0x1.2e3fd55e6be78p+2",
        pytorch="0x1.0p+0",
    ),
    _activation(
        "softplus",
        "ln(1 + e^z)",
        "0x1.9cb3ca0e3c46p-1 0x1.d7ad8b343fbd5p-1 0x1.2c6b8dd15ebdbp-2",
        "0x1.0ab7c8f1693ffp+0 0x1.d8a26f172bc44p+0",
    ),
    _activation(
        "softsign",
        "z / (1 + |z|)",
        "0x0.0p+0 0x1.76d00e2064e7bp-3 0x1.d2455a0acc4d4p-3",
        "0x1.2b344b11ee16dp+1 0x1.0c4289fb80517p+1",
    ),
    _activation(
        "hardswish",
        "z hardsigmoid(z)",
        "0x1.54696beaefc31p-3 0x1.538665e28d2fap-2 0x1.6f22e2d378305p-2",
        "0x1.bc95912d31df1p+0 0x1.ab8a1ff3fbb41p+0",
    ),
    _activation(
        "hardsigmoid",
        "min(max(z / 6 + 1/2, 0), 1)",
        "0x1.0p-1 0x1.1c4d6c00b72e5p-2 0x1.c5e1e5393faedp-6",
        "0x1.e5d8debd3d7e2p+0 0x1.8084f83cf32fep+2",
    ),
    _activation(
        "sin",
        "sin(z)",
        "0x0.0p+0 0x1.bab5557101f8dp-2 0x1.22a555477f039p-1",
        "0x1.855783d82186fp+0 0x1.53c6b201d190fp+0",
    ),
    _activation(
        "relu_squared",
        "max(z, 0)^2",
        "0x1.0p-1 0x1.8p+0 0x1.0p+1",
        "0x1.a20bd700c2c3ep-1 0x1.6a09e667f3bcdp-1",
    ),
    _activation(
        "hardtanh",
        "min(max(z, -1), 1)",
        "0x0.0p+0 0x1.0838d38e67464p-1 0x1.5d897a241a6fap-1",
        "0x1.645c7b0213577p+0 0x1.35d55f77eb6a8p+0",
    ),
    _activation(
        "erf",
        "erf(z)",
        "0x0.0p+0 0x1.dbb55e66cadfcp-2 0x1.2389b64a642b8p-1",
        "0x1.779840d61f768p+0 0x1.5341828d990f5p+0",
    ),
    _activation(
        "softmax",
        "e^z_i / sum_j e^z_j; not elementwise: a head's, so the numbers are linear's",
        "0x0.0p+0 0x1.0p+0 0x1.0p+0",
        "0x1.0p+0 0x1.0p+0",
    ),
    _activation(
        "glu",
        "sigmoid(g) v",
        "0x0.0p+0 0x1.2c6b8dd15ebdbp-2 0x1.5a551b0a77fafp-2",
        "0x1.d8a26f172bc44p+0 0x1.b831773ff6931p+0",
    ),
    _activation(
        "reglu",
        "relu(g) v",
        "0x0.0p+0 0x1.0p-1 0x1.0p+0",
        "0x1.6a09e667f3bcdp+0 0x1.0p+0",
    ),
    _activation(
        "geglu",
        "gelu(g) v",
        "0x0.0p+0 0x1.b36d42a4c8c5cp-2 0x1.c31bea3206addp-1",
        "0x1.889573745af35p+0 0x1.10bb156da142ep+0",
    ),
    _activation(
        "swiglu",
        "silu(g) v",
        "0x0.0p+0 0x1.6c506af954eafp-2 0x1.7873b840029cbp-1",
        "0x1.ad313b62c10e7p+0 0x1.2a8d5623de84dp+0",
    ),
    _activation(
        "bilinear",
        "g v; the gated unit without a nonlinearity, not bilinear interpolation",
        "0x0.0p+0 0x1.0p+0 0x1.0p+1",
        "0x1.0p+0 0x1.6a09e667f3bcdp-1",
    ),
)

ACTIVATIONS: dict[str, Activation] = {activation.name: activation for activation in _TABLE}

_BY_WORD = ACTIVATIONS | {alias: a for a in _TABLE for alias in a.aliases}

_REPLACEMENTS = {squash(alias): a.name for a in _TABLE for alias in a.aliases} | {
    **dict.fromkeys(("none", "null", "id", "noop", "passthrough"), "linear"),
    **dict.fromkeys(("rectifier", "rectifiedlinear"), "relu"),
    **dict.fromkeys(("lrelu", "leaky"), "leaky_relu"),
    # CELU's usual constant, 1, makes it ELU.
    "celu": "elu",
    **dict.fromkeys(("geluerf", "gelupython", "geluexact"), "gelu"),
    **dict.fromkeys(("gelunew", "gelufast", "gelupytorchtanh", "geluaccurate"), "gelu_tanh"),
    **dict.fromkeys(("geluapprox", "geluapproximate", "geluapproximated"), "gelu_tanh"),
    **dict.fromkeys(("hswish", "hardsilu", "hsilu"), "hardswish"),
    **dict.fromkeys(("hsigmoid", "hardlogistic"), "hardsigmoid"),
    **dict.fromkeys(("htanh", "clip"), "hardtanh"),
    **dict.fromkeys(("softmax2d", "softmin", "logsoftmax", "sparsemax"), "softmax"),
    **dict.fromkeys(("logistic", "expit"), "sigmoid"),
    "sine": "sin",
    **dict.fromkeys(("relu2", "squaredrelu", "relusquare", "sqrrelu"), "relu_squared"),
    **{"siluandmul": "swiglu", "geluandmul": "geglu"},
}


def find_activation(name: str) -> Activation:
    """The activation called `name`, or of which that is an alias.

    Raises UnreadableError: `unknown_word` with the right spelling or the nearest ones,
    `not_issued` for an activation whose gain Fanin has not.
    """
    if name not in _BY_WORD:
        raise unknown_word(
            "activation", name, _BY_WORD, _REPLACEMENTS, "activations", UNISSUED_ACTIVATIONS
        )
    return _BY_WORD[name]
