"""The table of activations: one row each, with Gaussian moments, gains and the scheme of `auto`.

For z ~ N(0, 1) a row has E f, E f^2 and E f'^2. With the forward gain (E f^2)^-1/2 a layer's output
has the variance of its input. The backward gain (E f'^2)^-1/2 does the same for the gradient. Each
number is the float64 nearest the exact one, and is frozen. `make moments` computes them. A new
activation is one row here and one line in checks/moments.py.
"""

from dataclasses import dataclass
from typing import Literal

from service.initializers.unknown_words import NotIssued, squash, unknown_word

Family = Literal["linear", "rectifier", "selu", "odd", "sigmoid", "softplus", "smooth", "gated"]


@dataclass(frozen=True, slots=True)
class Activation:
    """A nonlinearity f. `formula` is for people. `auto` is the scheme that scheme=auto means.

    A gated unit multiplies f(g) by v. The halves g and v of its input are independent and have
    variance 1. Then E out^2 = E f^2, and the derivative moment is E f'^2 + E f^2.

    `family` decides which rule of `/recommend` applies. `rectifier` is ReLU with any slope below 0.
    `odd` is a bounded odd function, such as tanh. `smooth` is a curved one without an upper bound,
    such as GELU.

    `variance_slope` is V'(1) = E[f f' z] / E[f^2], where V(q) = E[f(sqrt(q) z)^2] / E[f^2] is the
    variance after a layer whose input has variance q. A small deviation of q from 1 dies out in a
    deep stack if V'(1) is below 1, and grows if it is above (Poole et al. 2016). `spread` is
    E[f^4] / E[f^2]^2. In a layer of width n it adds (spread - 1) / n to the variance of the
    logarithm of the output's variance (Hanin and Nica 2019). For a gated unit both belong to its
    output, and q is the variance of both halves.

    `draft` is the edition number of a draft; None means frozen.
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
    """What `torch.nn.init.calculate_gain` returns; None where it raises."""
    slope: float | None
    """The default slope for z < 0, which the numbers assume; None if it has no such slope."""
    family: Family
    auto: str
    variance_slope: float
    spread: float
    draft: int | None = None

    @property
    def takes_slope(self) -> bool:
        """Whether `negative_slope` applies to this activation."""
        return self.slope is not None


def _activation(
    name: str,
    formula: str,
    moments: str,
    gains: str,
    depth: str,
    *,
    family: Family,
    auto: str,
    aliases: tuple[str, ...] = (),
    pytorch: str | None = None,
    slope: float | None = None,
    draft: int | None = None,
) -> Activation:
    mean, second, derivative = map(float.fromhex, moments.split())
    forward, backward = map(float.fromhex, gains.split())
    variance_slope, spread = map(float, depth.split())
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
        family=family,
        auto=auto,
        variance_slope=variance_slope,
        spread=spread,
        draft=draft,
    )


# Each row: name, formula, "E f, E f^2, E f'^2", "gain, backward gain", "V'(1), spread".
_TABLE = (
    _activation(
        "linear",
        "z",
        "0x0.0p+0 0x1.0p+0 0x1.0p+0",
        "0x1.0p+0 0x1.0p+0",
        "1.0 3.0",
        family="linear",
        auto="glorot_uniform",
        aliases=("identity",),
        pytorch="0x1.0p+0",
    ),
    _activation(
        "relu",
        "max(z, 0)",
        "0x1.9884533d43651p-2 0x1.0p-1 0x1.0p-1",
        "0x1.6a09e667f3bcdp+0 0x1.6a09e667f3bcdp+0",
        "1.0 6.0",
        family="rectifier",
        auto="he_normal",
        pytorch="0x1.6a09e667f3bcdp+0",
    ),
    _activation(
        "relu6",
        "min(max(z, 0), 6)",
        "0x1.9884533a93bacp-2 0x1.ffffffdeeef33p-2 0x1.ffffffef0cf11p-2",
        "0x1.6a09e673a495ap+0 0x1.6a09e66df1d38p+0",
        "1.0 5.999999",
        family="rectifier",
        auto="he_normal",
    ),
    _activation(
        "leaky_relu",
        "z if z > 0 else a z; here a = 0.01",
        "0x1.946e859b5ee17p-2 0x1.00068db8bac71p-1 0x1.00068db8bac71p-1",
        "0x1.6a05442aad7e4p+0 0x1.6a05442aad7e4p+0",
        "1.0 5.9988",
        family="rectifier",
        auto="he_normal",
        pytorch="0x1.6a05442aad7e4p+0",
        slope=0.01,
    ),
    _activation(
        "prelu",
        "z if z > 0 else a z, a learned; here a = 0.25, He et al.'s start",
        "0x1.32633e6df28bcp-2 0x1.1p-1 0x1.1p-1",
        "0x1.5f3aa673fa911p+0 0x1.5f3aa673fa911p+0",
        "1.0 5.33564",
        family="rectifier",
        auto="he_normal",
        slope=0.25,
    ),
    _activation(
        "elu",
        "z if z > 0 else e^z - 1",
        "0x1.48bf0281c2b05p-3 0x1.4a364927aca22p-1 0x1.5611772b4a954p-1",
        "0x1.3ec550da8b57dp+0 0x1.39329d2bae537p+0",
        "0.890968 3.776022",
        family="smooth",
        auto="variance_scaling",
    ),
    _activation(
        "selu",
        "l z if z > 0 else l a (e^z - 1); l and a give mean 0 and second moment 1",
        "0x0.0p+0 0x1.0p+0 0x1.1252bd1bcf218p+0",
        "0x1.0p+0 0x1.ee9aee3e644c6p-1",
        "0.782648 2.50314",
        family="selu",
        auto="lecun_normal",
        pytorch="0x1.8p-1",
    ),
    _activation(
        "gelu",
        "z Phi(z), Phi the normal distribution function",
        "0x1.20dd750429b6dp-2 0x1.b36d42a4c8c5cp-2 0x1.d2ca91bf4495ep-2",
        "0x1.889573745af35p+0 0x1.7b2a506c37734p+0",
        "1.144063 7.215614",
        family="smooth",
        auto="variance_scaling",
    ),
    _activation(
        "gelu_tanh",
        "z (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))) / 2",
        "0x1.20ceb940089d7p-2 0x1.b365faed687c4p-2 0x1.d2c1e9d5604bap-2",
        "0x1.8898bbaa56b66p+0 0x1.7b2dd47164097p+0",
        "1.144298 7.217834",
        family="smooth",
        auto="variance_scaling",
    ),
    _activation(
        "silu",
        "z sigmoid(z)",
        "0x1.a728e45d42849p-3 0x1.6c506af954eafp-2 0x1.84970586b04e6p-2",
        "0x1.ad313b62c10e7p+0 0x1.9f91ea9ad71b4p+0",
        "1.172594 7.261746",
        family="smooth",
        auto="variance_scaling",
        aliases=("swish",),
    ),
    _activation(
        "mish",
        "z tanh(softplus(z))",
        "0x1.ec58dfb3352c8p-3 0x1.cf32caab6be2bp-2 0x1.ea94eec90b3acp-2",
        "0x1.7ca20b07b4837p+0 0x1.71db7a9a83ff2p+0",
        "1.076339 6.349416",
        family="smooth",
        auto="variance_scaling",
    ),
    _activation(
        "tanh",
        "tanh(z)",
        "0x0.0p+0 0x1.93c1ef5501c15p-2 0x1.db8c6f38bb2d7p-2",
        "0x1.97b088475da43p+0 0x1.77a86ac9c29a2p+0",
        "0.461071 1.627291",
        family="odd",
        auto="glorot_uniform",
        pytorch="0x1.aaaaaaaaaaaabp+0",
    ),
    _activation(
        "sigmoid",
        "1 / (1 + e^-z)",
        "0x1.0p-1 0x1.2c6b8dd15ebdbp-2 0x1.6f4c69c8c9eap-5",
        "0x1.d8a26f172bc44p+0 0x1.2e3fd55e6be78p+2",
        "0.106341 1.5289",
        family="sigmoid",
        auto="glorot_uniform",
        pytorch="0x1.0p+0",
    ),
    _activation(
        "softplus",
        "ln(1 + e^z)",
        "0x1.9cb3ca0e3c46p-1 0x1.d7ad8b343fbd5p-1 0x1.2c6b8dd15ebdbp-2",
        "0x1.0ab7c8f1693ffp+0 0x1.d8a26f172bc44p+0",
        "0.492053 2.754529",
        family="softplus",
        auto="variance_scaling",
    ),
    _activation(
        "softsign",
        "z / (1 + |z|)",
        "0x0.0p+0 0x1.76d00e2064e7bp-3 0x1.d2455a0acc4d4p-3",
        "0x1.2b344b11ee16dp+1 0x1.0c4289fb80517p+1",
        "0.476712 1.587787",
        family="odd",
        auto="glorot_uniform",
    ),
    _activation(
        "hardswish",
        "z hardsigmoid(z)",
        "0x1.54696beaefc31p-3 0x1.538665e28d2fap-2 0x1.6f22e2d378305p-2",
        "0x1.bc95912d31df1p+0 0x1.ab8a1ff3fbb41p+0",
        "1.22392 7.671016",
        family="smooth",
        auto="variance_scaling",
    ),
    _activation(
        "hardsigmoid",
        "min(max(z / 6 + 1/2, 0), 1)",
        "0x1.0p-1 0x1.1c4d6c00b72e5p-2 0x1.c5e1e5393faedp-6",
        "0x1.e5d8debd3d7e2p+0 0x1.8084f83cf32fep+2",
        "0.097119 1.377594",
        family="sigmoid",
        auto="glorot_uniform",
    ),
    _activation(
        "sin",
        "sin(z)",
        "0x0.0p+0 0x1.bab5557101f8dp-2 0x1.22a555477f039p-1",
        "0x1.855783d82186fp+0 0x1.53c6b201d190fp+0",
        "0.313035 1.644493",
        family="odd",
        auto="glorot_uniform",
    ),
    _activation(
        "relu_squared",
        "max(z, 0)^2",
        "0x1.0p-1 0x1.8p+0 0x1.0p+1",
        "0x1.a20bd700c2c3ep-1 0x1.6a09e667f3bcdp-1",
        "2.0 23.333333",
        family="smooth",
        auto="variance_scaling",
    ),
    _activation(
        "hardtanh",
        "min(max(z, -1), 1)",
        "0x0.0p+0 0x1.0838d38e67464p-1 0x1.5d897a241a6fap-1",
        "0x1.645c7b0213577p+0 0x1.35d55f77eb6a8p+0",
        "0.385127 1.613168",
        family="odd",
        auto="glorot_uniform",
    ),
    _activation(
        "erf",
        "erf(z)",
        "0x0.0p+0 0x1.dbb55e66cadfcp-2 0x1.2389b64a642b8p-1",
        "0x1.779840d61f768p+0 0x1.5341828d990f5p+0",
        "0.408567 1.559839",
        family="odd",
        auto="glorot_uniform",
    ),
    _activation(
        "softmax",
        "e^z_i / sum_j e^z_j; not elementwise, used in heads: the numbers are those of linear",
        "0x0.0p+0 0x1.0p+0 0x1.0p+0",
        "0x1.0p+0 0x1.0p+0",
        "1.0 3.0",
        family="linear",
        auto="glorot_uniform",
    ),
    _activation(
        "glu",
        "sigmoid(g) v",
        "0x0.0p+0 0x1.2c6b8dd15ebdbp-2 0x1.5a551b0a77fafp-2",
        "0x1.d8a26f172bc44p+0 0x1.b831773ff6931p+0",
        "1.106341 4.586699",
        family="gated",
        auto="variance_scaling",
    ),
    _activation(
        "reglu",
        "relu(g) v",
        "0x0.0p+0 0x1.0p-1 0x1.0p+0",
        "0x1.6a09e667f3bcdp+0 0x1.0p+0",
        "2.0 18.0",
        family="gated",
        auto="he_normal",
    ),
    _activation(
        "geglu",
        "gelu(g) v",
        "0x0.0p+0 0x1.b36d42a4c8c5cp-2 0x1.c31bea3206addp-1",
        "0x1.889573745af35p+0 0x1.10bb156da142ep+0",
        "2.144063 21.646843",
        family="gated",
        auto="variance_scaling",
    ),
    _activation(
        "swiglu",
        "silu(g) v",
        "0x0.0p+0 0x1.6c506af954eafp-2 0x1.7873b840029cbp-1",
        "0x1.ad313b62c10e7p+0 0x1.2a8d5623de84dp+0",
        "2.172594 21.785239",
        family="gated",
        auto="variance_scaling",
    ),
    _activation(
        "bilinear",
        "g v; the gated unit without a nonlinearity, not bilinear interpolation",
        "0x0.0p+0 0x1.0p+0 0x1.0p+1",
        "0x1.0p+0 0x1.6a09e667f3bcdp-1",
        "2.0 9.0",
        family="gated",
        auto="variance_scaling",
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


NOT_ISSUED_ACTIVATIONS: tuple[NotIssued, ...] = (
    NotIssued(
        ("quickgelu", "gelusigmoid"),
        "z sigmoid(1.702 z)",
        "gelu, which it approximates",
    ),
    NotIssued(
        ("logsigmoid",),
        "-softplus(-z)",
        "softplus, which has the same gains",
    ),
    NotIssued(
        ("rrelu", "randomizedleakyrelu"),
        "leaky ReLU of a random slope",
        "leaky_relu and add negative_slope=0.229, the mean of PyTorch's slopes",
    ),
    NotIssued(
        ("hardshrink", "softshrink", "tanhshrink", "threshold", "thresholdedrelu"),
        "0 near 0, and its gain depends on the threshold",
        "linear and give gain, which is 1 / sqrt(E[f(z)^2])",
    ),
    NotIssued(
        ("maxout", "crelu", "snake", "squareplus", "gaussian", "cos", "exp", "abs", "square"),
        "a nonlinearity without a row in the table of gains",
        "linear and give gain, which is 1 / sqrt(E[f(z)^2])",
    ),
)
"""Names of activations that have no row above."""


def find_activation(name: str) -> Activation:
    """The activation with this name or alias.

    Raises UnreadableError: `unknown_word` with the right spelling or the nearest ones,
    `not_issued` for an activation of `NOT_ISSUED_ACTIVATIONS`.
    """
    if name not in _BY_WORD:
        raise unknown_word(
            "activation", name, _BY_WORD, _REPLACEMENTS, "activations", NOT_ISSUED_ACTIVATIONS
        )
    return _BY_WORD[name]
