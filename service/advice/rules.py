"""The rules: which scheme and gain a layer calls for. The first rule that applies decides.

Each rule starts from Var(y) = n Var(w) E[x^2] of He et al. 2015, where x is what the layer reads.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from service.advice.context import LayerContext
from service.advice.variance_propagation import edge_of_chaos
from service.errors import ImpossibleError, Problem
from service.initializers import references as papers
from service.initializers.references import Reference
from service.mean_field import scales

HEAD_FACTOR = 0.5
"""Part of the exact gain that an output layer gets: logits of std 1/2.

Two standard deviations are then 1, where sigmoid differs from its tangent at 0 by 0.02.
"""

TRAINABLE_SCALES = 6.0
"""A plain stack trains up to about six of its depth scales (Schoenholz et al. 2017, section 5)."""

ROUTER_SCALE = 0.1
"""gain^2 of the router of Switch Transformers, before its normal is cut (Fedus et al. 2021)."""

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
        "all branches together add at most 1 to the variance of the stream."
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

    Table 3 of Yang et al. 2022, for Adam: hidden weights keep a variance of 1 / n, which the other
    rules give anyway. Only the output layer differs, and the learning rates. A `std` in the
    question is that of the base model, and sets the std of any layer.
    """
    question, base = context.question, float(context.question.base_fan_in or 1.0)
    if context.layer == "embedding":
        return _mup_input(context, choice, base)
    if not context.connects or question.role in ("lora_a", "lora_b"):
        return choice
    if question.position == "first":
        return _mup_input(context, choice, base)
    ratio = base / (context.fan_in or base)
    rate = {**choice.multipliers, "learning_rate": ratio}
    if context.is_head or question.role == "router":
        return _mup_output(context, choice, ratio, rate)
    reason = (
        "So that a step of Adam changes the outputs as much at any width, the std falls as "
        f"fan_in^-1/2 and the learning rate as 1 / fan_in: here to {ratio:.6g} of the base model's "
        "rate."
    )
    further = _logits_of_attention(context)
    if question.std is not None:
        fields: dict[str, object] = {"std": question.std, "base_fan_in": question.base_fan_in}
        return _of_mup(choice, "mup_hidden", (reason, *further), fields, rate)
    reasons = choice.reasons if choice.gain is None else (reason, *further, *choice.reasons)
    cited = (papers.YANG_2022, *choice.references)
    return replace(choice, reasons=reasons, references=cited, multipliers=rate)


def _mup_output(
    context: LayerContext, choice: Choice, ratio: float, rate: dict[str, float]
) -> Choice:
    """std = base std x base_fan_in / fan_in, which is sqrt(ratio) of the usual 1 / sqrt(fan_in)."""
    question = context.question
    reason = (
        "The number of outputs does not grow with the width, so muP lets both std and learning "
        f"rate fall as 1 / fan_in, here to {ratio:.6g} of the base model's."
    )
    if question.std is not None:
        fields: dict[str, object] = {"std": question.std, "base_fan_in": question.base_fan_in}
        return _of_mup(choice, "mup_output", (reason,), fields, rate)
    gain = math.sqrt(ROUTER_SCALE) if question.role == "router" else choice.gain
    if gain is None:
        return replace(choice, multipliers=rate)
    return replace(
        choice,
        gain=gain * math.sqrt(ratio),
        gain_rule="mup",
        reasons=(reason, *(f"In the base model: {each}" for each in choice.reasons)),
        references=(papers.YANG_2022, *choice.references),
        multipliers=rate,
    )


def _mup_input(context: LayerContext, choice: Choice, base: float) -> Choice:
    """Layers that read data keep std and learning rate, and a tied head is divided by the width."""
    question, rate = context.question, {**choice.multipliers, "learning_rate": 1.0}
    reason = "muP keeps the std and the learning rate of a layer that reads data at any width."
    std = question.std
    if question.role == "tied_embedding":
        width = float(context.fan_out or base)
        reason = (
            "muP keeps the std and the learning rate of a table at any width, and multiplies the "
            f"logits of its head by base / width = {base / width:.6g}."
        )
        rate["logits"] = base / width
        std = std or math.sqrt(1.0 / base)
    if std is not None:
        return _of_mup(choice, "mup_input", (reason,), {"std": std}, rate)
    cited = (papers.YANG_2022, *choice.references)
    reasons = (reason, *choice.reasons)
    return replace(choice, reasons=reasons, references=cited, multipliers=rate)


def _of_mup(
    choice: Choice,
    scheme: str,
    reasons: tuple[str, ...],
    fields: dict[str, object],
    rate: dict[str, float],
) -> Choice:
    """A scheme of muP with the client's std, in place of the choice."""
    return Choice(
        scheme,
        "normal",
        reasons,
        (papers.YANG_2022,),
        gain_rule="mup",
        fields=fields,
        multipliers=rate,
        otherwise=choice,
    )


def _logits_of_attention(context: LayerContext) -> tuple[str, ...]:
    if context.question.role not in ("attention_query", "attention_key", "attention_qkv"):
        return ()
    return (
        "Attention divides its logits by the width of a head times 1 / sqrt(base width of a head), "
        "which is the usual square root in the base model.",
    )


def _branch_scale(context: LayerContext) -> Choice:
    question = context.question
    zero = {
        "norm_free": "The last weight of a branch without normalization starts at 0",
        "branch_norm": "The last normalization of the branch starts with scale 0",
    }.get(question.residual or "")
    if zero is not None:
        reason = f"{zero}, so its factor starts at 1: with two zeros neither would get a gradient."
        return Choice("ones", "constant", (reason,), (papers.ZHANG_2019,))
    if question.depth is not None:
        reason = (
            "A small factor makes each block nearly the identity at the start, and training lets "
            "the branch grow."
        )
        return Choice("layer_scale", "constant", (reason,), (papers.TOUVRON_2021,))
    reason = (
        "With a factor of 0 each block is the identity at the start; the last weight of its branch "
        "must then not be 0."
    )
    return Choice("zeros", "constant", (reason,), (papers.BACHLECHNER_2020, papers.DE_2020))


def _ends_branch(context: LayerContext) -> bool:
    """Whether the layer is the scale of a norm that ends a branch, as in x + norm(f(x))."""
    question = context.question
    ends = question.position == "branch_last" and question.residual in ("none", "branch_norm")
    return question.role == "norm_scale" and ends


def _zero_scale(_: LayerContext) -> Choice:
    reason = (
        "The last normalization of a residual branch starts at scale 0, so each block is the "
        "identity at the start."
    )
    return Choice("zeros", "constant", (reason,), (papers.GOYAL_2017,))


def _bias(context: LayerContext) -> Choice:
    reason = (
        "A bias starts at 0: it need not break symmetry, and any other value shifts the input of "
        "the activation."
    )
    if context.question.role == "norm_bias":
        reason = "The bias of a normalization starts at 0, so its output has mean 0."
    if context.is_head and context.output_activation.name == "softmax":
        reason = (
            "The bias of a softmax starts at 0, or at ln p for a class of frequency p; one number "
            "in all of them changes nothing."
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
        "Learned positions are added to the tokens and start at about the same size: std "
        f"{POSITION_STD} goes with tokens of std 0.02, as in BERT and ViT."
    )
    return Choice("plain", "normal", (reason,), (papers.RADFORD_2019,), std=POSITION_STD)


def _tied(context: LayerContext) -> Choice:
    width = context.fan_out or 1.0
    reasons = (
        "The head multiplies by the same table: for features of variance 1 its logits have std(w) "
        f"sqrt({width}), so std(w) = 1 / sqrt({width}) makes that 1.",
        "Logits of std 1 add about 1/2 to the first loss.",
        "The rows are small beside the branches, and the first normalization scales them up.",
        "No block should start as the identity beside a tied table: each token would then predict "
        f"itself with a logit of sqrt(d) = {math.sqrt(width):.4g}.",
    )
    std = math.sqrt(1.0 / width)
    return Choice("plain", "normal", reasons, (papers.VASWANI_2017,), std=std)


def _embedding(_: LayerContext) -> Choice:
    reasons = (
        "An embedding looks up one row, so n = 1 and Var(y) = Var(w).",
        "With std 1 the stream starts at variance 1, for which the gains of the layers are made.",
    )
    return Choice("plain", "normal", reasons, (papers.VASWANI_2017,), std=1.0)


def _lora_a(_: LayerContext) -> Choice:
    reason = (
        "The adapter's first matrix is uniform as in the authors' code, so that its second one can "
        "learn; the paper has a normal distribution."
    )
    return Choice("lora_a", "uniform", (reason,), (papers.HU_2021,))


def _lora_b(_: LayerContext) -> Choice:
    reason = (
        "The adapter's second matrix starts at 0, so the adapted model is the pretrained one "
        "before the first step."
    )
    return Choice("lora_b", "constant", (reason,), (papers.HU_2021,))


def _router(_: LayerContext) -> Choice:
    reason = (
        "Small logits make the gates of a router soft and its training stable: Switch Transformers "
        "draw with a tenth of the usual variance and cut at two std, which leaves 0.077."
    )
    return Choice("switch_router", "truncated_normal", (reason,), (papers.FEDUS_2021,))


def _recurrent(context: LayerContext) -> Choice:
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


def _deep_norm(context: LayerContext) -> Choice:
    """Raises ImpossibleError (`conflicting_fields`) for a fused weight, which has two gains."""
    if context.question.role == "attention_qkv":
        message = "DeepNorm gives the value block another gain than query and key"
        hint = "ask for each block: its shape with role=attention_query, or attention_value"
        raise ImpossibleError("conflicting_fields", Problem("role", message, hint))
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
    """(branches depth)^(-1 / (2 m - 2)) for branches of m weights (Zhang et al. 2019)."""
    total, layers = context.branches * (context.question.depth or 1), _branch_layers(context)
    factor = total ** (-1.0 / (2.0 * layers - 2.0))
    reason = (
        f"Without a normalization Fixup multiplies the std of a branch's inner weights by {total}^"
        f"(-1 / (2 m - 2)) = {factor:.6g} for {total} branches of m = {layers} weights, so that "
        "one step changes the function as much at any depth."
    )
    cited = (papers.ZHANG_2019, papers.HE_2015)
    return Choice(
        "variance_scaling", "normal", (reason,), cited, context.forward_gain * factor, "fixup"
    )


def _branch_layers(context: LayerContext) -> int:
    """The weights of a branch, at least 2.

    Fixup's code counts four in attention. The gate and the up projection of a GLU are multiplied,
    as two layers in a row are.
    """
    question = context.question
    usual = 4 if (question.role or "").startswith("attention") else 2
    if context.output_activation.family == "gated":
        usual = 3
    return max(question.branch_layers or usual, 2)


def _head(context: LayerContext) -> Choice:
    gain, after = context.forward_gain * HEAD_FACTOR, context.output_activation.name
    reasons = (
        f"What {after} reads should start small, so that the first loss is that of guessing.",
        f"Half of the gain that keeps the variance gives logits of variance {HEAD_FACTOR**2:g}.",
    )
    cited = (papers.HE_2015,)
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


def _rectifier(context: LayerContext) -> Choice:
    moment = f"E[x^2] = {context.second_moment:.6g}"
    gain = f"so gain^2 = 1 / {context.second_moment:.6g} = {context.forward_gain**2:.6g}"
    if context.input_activation.takes_slope:
        gain = "so gain^2 = 2 / (1 + a^2), a being the slope below 0"
    reason = f"{context.input_activation.name} turns a unit variance into {moment}, {gain}."
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
        "and between layers of equal width any other variance moves back to 1.",
        "Glorot's n is the average of the fans, a compromise between forward and backward.",
    )
    cited = (papers.GLOROT_2010, papers.POOLE_2016, papers.SCHOENHOLZ_2017)
    return _balanced(context, Choice("glorot", "uniform", reasons, cited, gain, "exact"))


def _sigmoid(context: LayerContext) -> Choice:
    activation = context.input_activation
    reasons = (
        f"{activation.name} is not centred, and its derivatives are small: E[f'^2] = "
        f"{activation.derivative_moment:.6g} and E[f^2] = {activation.second_moment:.6g}.",
        "Glorot's weights are the usual compromise.",
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
    kept = reasons if context.in_branch else reasons[:1]
    return Choice("variance_scaling", "normal", kept, cited, gain, "exact")


def _reads_unit_variance(context: LayerContext) -> bool:
    """Whether the layer reads a normalization, or what attention makes of one."""
    behind = context.question.normalization in ("layer", "rms")
    return context.family == "linear" and (context.in_branch or behind)


def _unit_variance(context: LayerContext) -> Choice:
    reason = (
        "The layer reads a normalised input, so E[x^2] = 1, and gain 1 with n = fan_in keeps it "
        "at 1."
    )
    if context.question.position == "branch_last":
        reason = (
            "The layer reads averages of values of variance 1, so with gain 1 and n = fan_in its "
            "output has at most variance 1."
        )
    return Choice("lecun", "normal", (reason,), (papers.LECUN_1998,), 1.0, "exact")


def _plain_head(_: LayerContext) -> Choice:
    reason = (
        "The output layer reads no activation, so gain 1 with n = fan_in keeps the variance; "
        "fan_out, the number of outputs, does not count, because no layer follows."
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


def _siren(context: LayerContext) -> Choice:
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
    Rule(lambda context: context.has_sine and not context.is_probability_head, _siren),
    Rule(lambda context: context.is_probability_head, _head),
    Rule(
        lambda context: context.question.position == "first" and context.family == "linear", _first
    ),
    Rule(_too_deep, _edge_of_chaos),
    Rule(lambda context: context.family == "rectifier", _rectifier),
    Rule(lambda context: context.family == "selu", _selu),
    Rule(lambda context: context.is_head and context.family in ("odd", "sigmoid"), _exact),
    Rule(lambda context: context.family == "odd", _odd),
    Rule(lambda context: context.family == "sigmoid", _sigmoid),
    Rule(lambda context: context.family == "gated", _gated),
    Rule(lambda context: context.family in ("smooth", "softplus", "even"), _exact),
    Rule(lambda context: context.is_head, _plain_head),
    Rule(_reads_unit_variance, _unit_variance),
    Rule(lambda context: True, _linear),
)
"""In the order in which they are tried."""
