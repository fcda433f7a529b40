"""Rules by what a layer reads: the activation on its input, its depth, or the output layer.

Each starts from Var(y) = n Var(w) E[x^2] of He et al. 2015, where x is what the layer reads.
"""

import math
from dataclasses import replace

from service.advice.context import LayerContext
from service.advice.rules.choice import BiasChoice, Choice
from service.advice.variance_propagation import edge_of_chaos
from service.initializers import references as papers
from service.mean_field import scales

HEAD_FACTOR = 0.5
"""Part of the exact gain that an output layer gets: logits of std 1/2.

Two standard deviations are then 1, where sigmoid differs from its tangent at 0 by 0.02.
"""

TRAINABLE_SCALES = 6.0
"""A plain stack trains up to about six of its depth scales (Schoenholz et al. 2017, section 5)."""


def first(_: LayerContext) -> Choice:
    """The layer that reads the data."""
    reason = (
        "The first layer reads data, standardised to E[x^2] = 1, and needs no gradient of its "
        "input, so n = fan_in and the gain is 1."
    )
    return Choice("lecun", "normal", (reason,), (papers.LECUN_1998, papers.HE_2015), 1.0, "exact")


def rectifier(context: LayerContext) -> Choice:
    """He et al. 2015, eqs. 10 and 15: gain^2 = 1 / E[f^2]."""
    moment = f"E[x^2] = {context.second_moment:.6g}"
    gain = f"so gain^2 = 1 / {context.second_moment:.6g} = {context.forward_gain**2:.6g}"
    if context.input_activation.takes_slope:
        gain = "so gain^2 = 2 / (1 + a^2), a being the slope below 0"
    reason = f"{context.input_activation.name} turns a unit variance into {moment}, {gain}."
    cited = (papers.HE_2015, papers.GLOROT_2010)
    return Choice("he", "normal", (reason,), cited, context.forward_gain, "exact")


def selu(_: LayerContext) -> Choice:
    """Klambauer et al. 2017: weights of variance 1 / n."""
    reasons = (
        "With weights of variance 1 / n, the constants of SELU pull the mean to 0 and the variance "
        "to 1 in each layer.",
        "Dropout must be alpha dropout, which keeps both.",
    )
    cited = (papers.KLAMBAUER_2017, papers.LECUN_1998)
    return Choice("lecun", "normal", reasons, cited, 1.0, "exact")


def odd(context: LayerContext) -> Choice:
    """The exact gain of tanh and the like, with the average of the fans."""
    name, gain = context.input_activation.name, context.forward_gain
    reasons = (
        f"Gain {gain:.6g} = E[{name}(z)^2]^-1/2 makes up for the variance that {name} takes away, "
        "and between layers of equal width any other variance moves back to 1.",
        "Glorot's n is the average of the fans, a compromise between forward and backward.",
    )
    cited = (papers.GLOROT_2010, papers.POOLE_2016, papers.SCHOENHOLZ_2017)
    return balanced(context, Choice("glorot", "uniform", reasons, cited, gain, "exact"))


def sigmoid(context: LayerContext) -> Choice:
    """Glorot with gain 1, since no gain keeps both passes."""
    activation = context.input_activation
    reasons = (
        f"{activation.name} is not centred, and its derivatives are small: E[f'^2] = "
        f"{activation.derivative_moment:.6g} and E[f^2] = {activation.second_moment:.6g}.",
        "Glorot's weights are the usual compromise.",
    )
    cited = (papers.GLOROT_2010, papers.SCHOENHOLZ_2017)
    return balanced(context, Choice("glorot", "uniform", reasons, cited, 1.0, "one"))


def exact(context: LayerContext) -> Choice:
    """The exact gain E[f^2]^-1/2 with fan_in."""
    name, gain = context.input_activation.name, context.forward_gain
    reason = f"Gain {gain:.6g} = E[{name}(z)^2]^-1/2 keeps a unit variance through {name}."
    cited = (papers.HE_2015, papers.SCHOENHOLZ_2017)
    return Choice("variance_scaling", "normal", (reason,), cited, gain, "exact")


def gated(context: LayerContext) -> Choice:
    """The exact gain of a gated unit, for the layer that reads it."""
    name, gain = context.input_activation.name, context.forward_gain
    reasons = (
        f"The layer reads {name}, whose two halves are independent and of unit variance, so "
        f"E[x^2] = {context.second_moment:.6g} and the gain is {gain:.6g}.",
        "The gate and up projections read a normalised stream and keep gain 1.",
    )
    cited = (papers.SHAZEER_2020, papers.HE_2015)
    kept = reasons if context.in_branch else reasons[:1]
    return Choice("variance_scaling", "normal", kept, cited, gain, "exact")


def linear(context: LayerContext) -> Choice:
    """Glorot with gain 1, for a layer that reads no activation."""
    reasons = (
        "The layer reads no activation, so gain 1 keeps the variance: forward with n = fan_in, "
        "backward with n = fan_out.",
        "Glorot takes the average of the two.",
    )
    choice = Choice("glorot", "uniform", reasons, (papers.GLOROT_2010,), 1.0, "exact")
    return balanced(context, choice)


def balanced(context: LayerContext, choice: Choice) -> Choice:
    """The choice, with fan_in alone if there is no fan_out to average it with."""
    return choice if context.fan_out else replace(choice, family="lecun")


def too_deep(context: LayerContext) -> bool:
    """Whether the exact gain lets signals or gradients of this odd activation go astray.

    A plain stack with this gain is in the chaotic phase. The shorter of its two depth scales, that
    of the correlation of two inputs and that of the gradient, decides.
    """
    depth, pair = context.question.depth, edge_of_chaos(context.input_activation)
    if context.family != "odd" or not context.in_stack or depth is None or pair is None:
        return False
    reach = trainable_layers(context)
    return reach is not None and depth > reach


def trainable_layers(context: LayerContext) -> float | None:
    """Six depth scales of a plain stack with the exact gain; None if no scale is finite."""
    found = scales(context.input_activation.name, context.forward_gain**2)
    finite = [each for each in (found.xi_correlation, found.xi_gradient) if each is not None]
    return TRAINABLE_SCALES * min(finite) if finite else None


def at_the_edge_of_chaos(context: LayerContext) -> Choice:
    """The gain E[f'^2]^-1/2 with biases of variance 1 - E[f^2] / E[f'^2]."""
    gain, bias_std = edge_of_chaos(context.input_activation) or (1.0, 0.0)
    name, reach = context.input_activation.name, trainable_layers(context) or 0.0
    chi = context.input_activation.derivative_moment * context.forward_gain**2
    reasons = (
        f"Gain {context.forward_gain:.6g} multiplies the variance of gradients by chi_1 = "
        f"{chi:.6g} a layer, so it trains about {reach:.0f} layers (six depth scales), and these "
        f"are {context.question.depth}.",
        f"At the edge of chaos, gain {gain:.6g} with biases of std {bias_std:.6g}, {name} keeps "
        "variance 1 forward and chi_1 = 1 backward.",
    )
    cited = (papers.SCHOENHOLZ_2017, papers.POOLE_2016, papers.SAXE_2013)
    normal = Choice(
        "variance_scaling",
        "normal",
        reasons,
        cited,
        gain,
        "edge_of_chaos",
        bias=BiasChoice("normal", bias_std),
    )
    if context.question.distribution is not None or not _is_square(context):
        return normal
    orthogonal = "Orthogonal weights keep every direction, not only the variance."
    return replace(
        normal,
        family="orthogonal",
        distribution="orthogonal",
        reasons=(*reasons, orthogonal),
        otherwise=normal,
    )


def recurrent(context: LayerContext) -> Choice:
    """Orthogonal where the matrix is square, else variance 1 / n."""
    normal = Choice(
        "lecun",
        "normal",
        _reasons_of_recurrence(context),
        (papers.SAXE_2013, papers.LECUN_1998),
        1.0,
        "one",
    )
    if context.question.distribution is not None or not _is_square(context):
        return normal
    reasons = (
        "The same matrix acts at every step, so the state is multiplied by a power of it.",
        "An orthogonal matrix keeps the length of every vector at any power, so only the "
        "activation or the gates shrink it.",
    )
    cited = (papers.SAXE_2013,)
    return Choice("orthogonal", "orthogonal", reasons, cited, 1.0, "one", otherwise=normal)


def _reasons_of_recurrence(context: LayerContext) -> tuple[str, ...]:
    if _is_square(context):
        return (
            "The same matrix acts at every step.",
            "With variance 1 / n its eigenvalues fill a disc of radius 1, so it neither shrinks "
            "nor stretches the state on average.",
        )
    keeps = (
        "This weight reads the input of each step, so variance 1 / n keeps the variance of what it "
        "reads."
    )
    gates = (context.fan_out or 0.0) / (context.fan_in or 1.0)
    if gates not in (3, 4):
        return (keeps,)
    unsaid = (
        f"If these are {gates:.0f} gates of a recurrent matrix, add parts={gates:.0f}, and each "
        "gate gets an orthogonal matrix."
    )
    return (keeps, unsaid)


def _is_square(context: LayerContext) -> bool:
    """Whether each block of the weight is a square matrix."""
    return context.fan_in == context.fan_out and not context.convolves


def siren(context: LayerContext) -> Choice:
    """sin(omega (W x + b)): Sitzmann et al. 2020, section 3.2 and supplement 1."""
    omega, cited = context.question.omega or 1.0, (papers.SITZMANN_2020,)
    # The authors' code keeps the biases of PyTorch's linear layer.
    bias = BiasChoice("uniform", math.sqrt(1.0 / (3.0 * (context.fan_in or 1.0))))
    if context.question.position == "first":
        reason = (
            f"The first layer reads coordinates in [-1, 1], and omega = {omega:g} spreads W x over "
            "several periods of the sine: the limit is 1 / n."
        )
        return Choice("siren_first", "uniform", (reason,), cited, bias=bias)
    reason = (
        f"The network multiplies by omega = {omega:g} before each sine, so the limit is "
        "sqrt(6 / n) / omega, and the argument of each sine has a variance near 1."
    )
    if context.is_head:
        reason = (
            "No sine follows the output layer; the authors give it the limit of the hidden layers, "
            f"sqrt(6 / n) / omega with omega = {omega:g}, so the outputs start small."
        )
    return Choice("siren", "uniform", (reason,), cited, fields={"omega": omega}, bias=bias)


def head(context: LayerContext) -> Choice:
    """An output layer of probabilities: HEAD_FACTOR of the exact gain."""
    gain, after = context.forward_gain * HEAD_FACTOR, context.output_activation.name
    reasons = (
        f"What {after} reads should start small, so that the first loss is that of guessing.",
        f"Half of the gain that keeps the variance gives logits of variance {HEAD_FACTOR**2:g}.",
    )
    cited = (papers.HE_2015,)
    return Choice("variance_scaling", "normal", reasons, cited, gain, "head")


def plain_head(_: LayerContext) -> Choice:
    """An output layer of any numbers that reads no activation."""
    reason = (
        "The output layer reads no activation, so gain 1 with n = fan_in keeps the variance; "
        "fan_out, the number of outputs, does not count, because no layer follows."
    )
    return Choice("lecun", "normal", (reason,), (papers.LECUN_1998,), 1.0, "exact")
