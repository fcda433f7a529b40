"""The rules: which scheme and gain a layer calls for. The first rule that applies decides.

Each rule starts from Var(y) = n Var(w) E[x^2] of He et al. 2015, where x is what the layer reads.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from service.advice.context import LayerContext
from service.advice.variance_propagation import UNBOUNDED, edge_of_chaos
from service.initializers import references as papers
from service.initializers.references import Reference
from service.mean_field import scales

HEAD_FACTOR = 0.5
"""Part of the exact gain that an output layer gets: logits of std 1/2.

Two standard deviations are then 1, where sigmoid differs from its tangent at 0 by 0.02.
"""

TRAINABLE_SCALES = 6.0
"""A plain stack trains up to about six of its depth scales (Schoenholz et al. 2017, section 5)."""

POSITION_STD = 0.02
"""The std of the learned positions of GPT-2, BERT and ViT."""


@dataclass(frozen=True, slots=True)
class BiasChoice:
    """How the layer's bias starts: at 0 unless `std` is above 0."""

    scheme: str = "zeros"
    std: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule chooses.

    `family` is a scheme, or the name of several schemes without `_normal` and `_uniform`; `plain`
    is the distribution itself with this `std`. `distribution` holds unless the question gives
    another. `fields` are further fields of the scheme. `gain` is None for a scheme without fans, or
    if the scheme sets its own. `otherwise` is the choice if this one cannot be issued.

    `gain_rule` says what the gain is: `exact`, that of the activation on the input; `one`; `head`,
    a part of the exact one; `residual`, the gain divided by sqrt(branches depth); `deep_norm`,
    (8 depth)^-1/4; `fixup`, the gain times depth^(-1/(2 m - 2)); `edge_of_chaos`, the backward
    gain, beside biases; `mup`, the gain in a base model. `multipliers` are the factors that the
    network must apply besides, by what they multiply.
    """

    family: str
    distribution: str
    reasons: tuple[str, ...]
    references: tuple[Reference, ...]
    gain: float | None = None
    gain_rule: str | None = None
    std: float | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    bias: BiasChoice = BiasChoice()
    multipliers: Mapping[str, float] = field(default_factory=dict)
    otherwise: "Choice | None" = None


@dataclass(frozen=True, slots=True)
class Rule:
    """`choose` makes the choice for contexts of which `applies` is true."""

    applies: Callable[[LayerContext], bool]
    choose: Callable[[LayerContext], Choice]


def choose(context: LayerContext) -> Choice:
    """The choice of the first rule that applies. The last rule applies to everything."""
    choice = next(rule for rule in RULES if rule.applies(context)).choose(context)
    choice = _shared_among_branches(context, choice)
    return choice if context.question.base_fan_in is None else _mup(context, choice)


def _shared_among_branches(context: LayerContext, choice: Choice) -> Choice:
    """The choice with the gain divided by sqrt(branches depth), if it ends a pre-norm branch."""
    depth = context.question.depth
    if context.question.residual != "pre_norm" or not context.writes_residual:
        return choice
    if choice.gain is None or depth is None:
        return choice
    # `total` branches of variance 1 / total each add 1 to the variance of the stream.
    total = context.branches * depth
    reason = (
        f"This weight ends one of {total} branches, so its gain is divided by sqrt({total}), and "
        "all branches together add 1 to the variance of the stream."
    )
    return replace(
        choice,
        gain=choice.gain * math.sqrt(1.0 / total),
        gain_rule="residual",
        reasons=(*choice.reasons, reason),
        references=(*choice.references, papers.RADFORD_2019),
    )


def _mup(context: LayerContext, choice: Choice) -> Choice:
    """The choice as muP has it in a wider model than the one whose hyperparameters are known.

    Table 3 of Yang et al. 2022, for Adam. A `std` in the question is that of the base model.
    """
    question, base = context.question, float(context.question.base_fan_in or 1.0)
    if not context.connects and context.layer != "embedding":
        return choice
    std = question.std
    if std is None:
        std = choice.std if choice.gain is None else choice.gain * math.sqrt(1.0 / base)
    if std is None:
        return choice
    ratio = base / (context.fan_in or base)
    kind, multipliers = "mup_hidden", {"learning_rate": ratio}
    reason = (
        f"muP keeps what a step of Adam changes: the std falls as fan_in^-1/2 and the learning "
        f"rate as 1 / fan_in, to {ratio:.6g} of the base model's."
    )
    if context.is_head:
        kind = "mup_output"
        reason = (
            "muP lets the std of an output layer fall as 1 / fan_in, and its learning rate too, to "
            f"{ratio:.6g} of the base model's."
        )
    elif question.position == "first" or context.layer == "embedding":
        kind, multipliers = "mup_input", {"learning_rate": 1.0}
        reason = "muP keeps the std and the learning rate of layers that read data at any width."
    fields: dict[str, object] = {"std": std}
    if kind != "mup_input":
        fields["base_fan_in"] = question.base_fan_in
    return Choice(
        kind,
        "normal",
        (reason, *_logits_of_attention(context), *choice.reasons[:1]),
        (papers.YANG_2022, *choice.references),
        gain_rule="mup",
        fields=fields,
        multipliers=multipliers,
        otherwise=choice,
    )


def _logits_of_attention(context: LayerContext) -> tuple[str, ...]:
    if context.question.role not in ("attention_query", "attention_key", "attention_qkv"):
        return ()
    return ("Attention then divides its logits by the width of a head, not by its square root.",)


def _branch_scale(context: LayerContext) -> Choice:
    if context.question.residual == "pre_norm" and context.question.depth is not None:
        reason = "A small factor lets each branch grow slowly from a block that is nearly x."
        return Choice("layer_scale", "constant", (reason,), (papers.TOUVRON_2021,))
    reason = "With a factor of 0 each block is the identity at the start, at any depth."
    return Choice("zeros", "constant", (reason,), (papers.BACHLECHNER_2020, papers.DE_2020))


def _ends_branch(context: LayerContext) -> bool:
    question = context.question
    return question.role == "norm_scale" and question.position == "branch_last"


def _zero_scale(_: LayerContext) -> Choice:
    reason = (
        "The last normalization of a residual branch starts at scale 0, so each block is the "
        "identity at the start."
    )
    return Choice("zeros", "constant", (reason,), (papers.GOYAL_2017,))


def _bias(_: LayerContext) -> Choice:
    reason = (
        "A bias starts at 0: it need not break symmetry, and any other value shifts the input of "
        "the activation."
    )
    return Choice("zeros", "constant", (reason,), (papers.GLOROT_2010, papers.HE_2015))


def _scale(_: LayerContext) -> Choice:
    reason = (
        "The scale of a normalization starts at 1, which keeps the variance that the "
        "normalization has just set."
    )
    return Choice("ones", "constant", (reason,), (papers.IOFFE_2015,))


def _positions(_: LayerContext) -> Choice:
    reason = (
        f"Learned positions are added to the tokens, so they start small: std {POSITION_STD}, as "
        "in GPT-2, BERT and ViT."
    )
    return Choice("plain", "normal", (reason,), (papers.RADFORD_2019,), std=POSITION_STD)


def _tied(context: LayerContext) -> Choice:
    width = context.fan_out or 1.0
    reasons = (
        "The head multiplies by the same table, so the std of its logits is std(w) sqrt(d) for "
        f"features of variance 1, with d = {width}.",
        "Std 1 / sqrt(d) makes it 1, and the stream may multiply the rows by sqrt(d) to start "
        "from variance 1, as the Transformer does.",
    )
    return Choice(
        "plain",
        "normal",
        reasons,
        (papers.VASWANI_2017,),
        std=math.sqrt(1.0 / width),
        multipliers={"embedding_output": math.sqrt(width)},
    )


def _embedding(_: LayerContext) -> Choice:
    reasons = (
        "An embedding looks up one row, so n = 1 and Var(y) = Var(w).",
        "With std 1 the next layer reads inputs of variance 1, for which its gain is made.",
    )
    return Choice("plain", "normal", reasons, (papers.RADFORD_2019,), std=1.0)


def _lora_a(_: LayerContext) -> Choice:
    reason = "The adapter's first matrix is drawn as the authors do, so that its second can learn."
    return Choice("lora_a", "uniform", (reason,), (papers.HU_2021,))


def _lora_b(_: LayerContext) -> Choice:
    reason = (
        "The adapter's second matrix starts at 0, so the adapted model is the pretrained one "
        "before the first step."
    )
    return Choice("lora_b", "constant", (reason,), (papers.HU_2021,))


def _router(_: LayerContext) -> Choice:
    reason = (
        "A router starts with small logits, so that every expert is chosen about as often: a "
        "tenth of the usual variance keeps Switch Transformers stable."
    )
    return Choice("switch_router", "truncated_normal", (reason,), (papers.FEDUS_2021,))


def _recurrent(context: LayerContext) -> Choice:
    normal = Choice(
        "lecun",
        "normal",
        (
            "The same matrix acts at every step.",
            "With variance 1 / n its eigenvalues fill a disc of radius 1, so the state neither "
            "dies out nor explodes on average.",
        ),
        (papers.SAXE_2013, papers.LECUN_1998),
        1.0,
        "one",
    )
    if context.question.distribution is not None or not _is_square(context):
        return normal
    reasons = (
        "The same matrix acts at every step, so each of its singular values acts to the power of "
        "the number of steps.",
        "In an orthogonal matrix all of them are 1, so neither the state nor its gradient dies "
        "out or explodes.",
    )
    cited = (papers.SAXE_2013, papers.LE_2015)
    return Choice("orthogonal", "orthogonal", reasons, cited, 1.0, "one", otherwise=normal)


def _is_square(context: LayerContext) -> bool:
    """Whether each block of the weight is a square matrix."""
    return context.fan_in == context.fan_out and not context.convolves


def _deep_norm(context: LayerContext) -> Choice:
    depth = context.question.depth or 1
    skip, gain = (2.0 * depth) ** 0.25, (8.0 * depth) ** -0.25
    if context.question.role in ("attention_query", "attention_key"):
        gain, own = 1.0, "Query and key projections keep gain 1."
    else:
        own = (
            f"Feed-forward, value and output projections have gain (8 x {depth})^-1/4 = "
            f"{gain:.6g}, and query and key projections gain 1."
        )
    reason = (
        "With the normalization after the sum, DeepNorm keeps a deep stack stable: it computes "
        f"norm({skip:.6g} x + f(x)), where {skip:.6g} = (2 x {depth})^1/4."
    )
    choice = Choice(
        "glorot",
        "normal",
        (reason, own),
        (papers.WANG_2022,),
        gain,
        "deep_norm",
        multipliers={"skip": skip},
    )
    return _balanced(context, choice)


def _fixup_last(_: LayerContext) -> Choice:
    reason = (
        "Without a normalization the last weight of each branch starts at 0, so the block is the "
        "identity and the variance of the stream does not grow with depth."
    )
    return Choice("zeros", "constant", (reason,), (papers.ZHANG_2019,))


def _fixup(context: LayerContext) -> Choice:
    depth, layers = context.question.depth or 1, context.question.branch_layers or 2
    power = -1.0 / (2.0 * max(layers, 2) - 2.0)
    factor = depth**power
    reason = (
        "Without a normalization Fixup multiplies the std of a branch's inner weights by depth^"
        f"(-1 / (2 m - 2)) = {factor:.6g} for {depth} blocks of m = {max(layers, 2)} weights, so "
        "that one step changes the function as much at any depth."
    )
    cited = (papers.ZHANG_2019, papers.HE_2015)
    return Choice(
        "variance_scaling", "normal", (reason,), cited, context.forward_gain * factor, "fixup"
    )


def _head(context: LayerContext) -> Choice:
    gain, after = context.forward_gain * HEAD_FACTOR, context.output_activation.name
    unbounded = context.family in UNBOUNDED
    features = f"{context.input_activation.name} features are unbounded, and so are the logits"
    reasons = (
        f"{features if unbounded else 'Logits start small'}: where |logit| is large, {after} is "
        "flat and its gradient is nearly 0.",
        f"So the gain is {HEAD_FACTOR:g} of the one that keeps the variance, which makes the "
        f"variance of the logits {HEAD_FACTOR**2:g}.",
    )
    cited = (papers.HE_2015, papers.LIN_2017)
    return Choice("variance_scaling", "normal", reasons, cited, gain, "head")


def _first(_: LayerContext) -> Choice:
    reason = (
        "The first layer reads data, standardised to E[x^2] = 1, and needs no gradient of its "
        "input, so n = fan_in and the gain is 1."
    )
    return Choice("lecun", "normal", (reason,), (papers.LECUN_1998, papers.HE_2015), 1.0, "exact")


def _too_deep(context: LayerContext) -> bool:
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


def _edge_of_chaos(context: LayerContext) -> Choice:
    gain, bias_std = edge_of_chaos(context.input_activation) or (1.0, 0.0)
    name, reach = context.input_activation.name, trainable_layers(context) or 0.0
    chi = context.input_activation.derivative_moment * context.forward_gain**2
    reasons = (
        f"{context.question.depth} layers are more than about {reach:.0f}, the depth that gain "
        f"{context.forward_gain:.6g} can train: it multiplies the variance of gradients by "
        f"chi_1 = {chi:.6g} a layer.",
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


def _rectifier(context: LayerContext) -> Choice:
    reason = (
        f"{context.input_activation.name} turns a unit variance into E[x^2] = "
        f"{context.second_moment:.6g}, and the weights make up for it: gain^2 = 2 / (1 + a^2), a "
        "being the slope below 0."
    )
    cited = (papers.HE_2015, papers.GLOROT_2010)
    return Choice("he", "normal", (reason,), cited, context.forward_gain, "exact")


def _selu(_: LayerContext) -> Choice:
    reasons = (
        "With weights of variance 1 / n, the constants of SELU pull the mean to 0 and the variance "
        "to 1 in each layer.",
        "Dropout must be alpha dropout, which keeps both.",
    )
    cited = (papers.KLAMBAUER_2017, papers.LECUN_1998)
    return Choice("lecun", "normal", reasons, cited, 1.0, "exact")


def _odd(context: LayerContext) -> Choice:
    name, gain = context.input_activation.name, context.forward_gain
    reasons = (
        f"Gain {gain:.6g} = E[{name}(z)^2]^-1/2 makes up for the variance that {name} takes away, "
        "and any other variance moves back to 1 from layer to layer.",
        "Glorot's n is the average of the fans, a compromise between forward and backward.",
    )
    cited = (papers.GLOROT_2010, papers.POOLE_2016, papers.SCHOENHOLZ_2017)
    return _balanced(context, Choice("glorot", "uniform", reasons, cited, gain, "exact"))


def _sigmoid(context: LayerContext) -> Choice:
    activation = context.input_activation
    reasons = (
        f"{activation.name} is not centred, and its derivatives are small: E[f'^2] = "
        f"{activation.derivative_moment:.6g} and E[f^2] = {activation.second_moment:.6g}, so no "
        "gain keeps both activations and gradients.",
        "Glorot's weights on centred inputs are the best compromise.",
    )
    cited = (papers.GLOROT_2010, papers.SCHOENHOLZ_2017)
    return _balanced(context, Choice("glorot", "uniform", reasons, cited, 1.0, "one"))


def _exact(context: LayerContext) -> Choice:
    name, gain = context.input_activation.name, context.forward_gain
    reason = f"Gain {gain:.6g} = E[{name}(z)^2]^-1/2 keeps a unit variance through {name}."
    cited = (papers.HE_2015, papers.SCHOENHOLZ_2017)
    return Choice("variance_scaling", "normal", (reason,), cited, gain, "exact")


def _gated(context: LayerContext) -> Choice:
    name, gain = context.input_activation.name, context.forward_gain
    reasons = (
        f"The layer reads {name}, whose two halves are independent and of unit variance, so "
        f"E[x^2] = {context.second_moment:.6g} and the gain is {gain:.6g}.",
        "The gate and up projections read a normalised stream and keep gain 1.",
    )
    cited = (papers.SHAZEER_2020, papers.HE_2015)
    return Choice("variance_scaling", "normal", reasons, cited, gain, "exact")


def _reads_unit_variance(context: LayerContext) -> bool:
    """Whether a layer of a block reads a normalization, or what attention makes of one."""
    return context.family == "linear" and context.in_branch


def _unit_variance(context: LayerContext) -> Choice:
    reason = (
        "The layer reads a normalised stream, so E[x^2] = 1, and gain 1 with n = fan_in keeps it "
        "at 1."
    )
    if context.question.position == "branch_last":
        reason = (
            "The layer reads averages of values of variance 1, so E[x^2] is at most 1, and gain 1 "
            "with n = fan_in makes no more of it."
        )
    return Choice("lecun", "normal", (reason,), (papers.LECUN_1998,), 1.0, "exact")


def _linear(context: LayerContext) -> Choice:
    reasons = (
        "The layer reads no activation, so gain 1 keeps the variance: forward with n = fan_in, "
        "backward with n = fan_out.",
        "Glorot takes the average of the two.",
    )
    choice = Choice("glorot", "uniform", reasons, (papers.GLOROT_2010,), 1.0, "exact")
    return _balanced(context, choice)


def _balanced(context: LayerContext, choice: Choice) -> Choice:
    """The choice, with fan_in alone if there is no fan_out to average it with."""
    return choice if context.fan_out else replace(choice, family="lecun")


def _has_role(*names: str) -> Callable[[LayerContext], bool]:
    return lambda context: context.question.role in names


def _is_norm_free(context: LayerContext) -> bool:
    return context.in_branch and context.connects and context.question.residual == "norm_free"


def _takes_deep_norm(context: LayerContext) -> bool:
    """DeepNorm is for layer normalization behind the sum; batch normalization needs none of it."""
    question = context.question
    deep = question.residual == "post_norm" and question.depth is not None
    return deep and context.in_branch and question.normalization not in ("batch", "group")


def _is_head(context: LayerContext) -> bool:
    small = context.family in UNBOUNDED or context.question.role == "head"
    return context.is_probability_head and small


RULES: tuple[Rule, ...] = (
    Rule(_has_role("branch_scale"), _branch_scale),
    Rule(_ends_branch, _zero_scale),
    Rule(lambda context: context.layer == "bias", _bias),
    Rule(lambda context: context.layer == "scale", _scale),
    Rule(_has_role("position_embedding"), _positions),
    Rule(_has_role("tied_embedding"), _tied),
    Rule(lambda context: context.layer == "embedding", _embedding),
    Rule(_has_role("lora_a"), _lora_a),
    Rule(_has_role("lora_b"), _lora_b),
    Rule(_has_role("router"), _router),
    Rule(lambda context: context.layer == "recurrent", _recurrent),
    Rule(_takes_deep_norm, _deep_norm),
    Rule(lambda context: _is_norm_free(context) and context.writes_residual, _fixup_last),
    Rule(lambda context: _is_norm_free(context) and context.question.depth is not None, _fixup),
    Rule(_is_head, _head),
    Rule(
        lambda context: context.question.position == "first" and context.family == "linear", _first
    ),
    Rule(_too_deep, _edge_of_chaos),
    Rule(lambda context: context.family == "rectifier", _rectifier),
    Rule(lambda context: context.family == "selu", _selu),
    Rule(lambda context: context.family == "odd", _odd),
    Rule(lambda context: context.family == "sigmoid", _sigmoid),
    Rule(lambda context: context.family == "gated", _gated),
    Rule(lambda context: context.family in ("smooth", "softplus", "even"), _exact),
    Rule(_reads_unit_variance, _unit_variance),
    Rule(lambda context: True, _linear),
)
"""In the order in which they are tried."""
