"""What a question leaves out: from its role, and from how blocks are usually built."""

from dataclasses import dataclass

from service.advice.question import Question
from service.advice.roles import ROLES, Role, Side
from service.errors import ImpossibleError, Problem
from service.initializers.activations import ACTIVATIONS, Activation
from service.plan.laws import activation_of

_DIRECTLY_BEFORE = ("layer", "rms")
"""Normalizations that a layer reads directly. Behind `batch` and `group` comes the activation."""


_SINE_SCHEMES = ("siren", "siren_first")
_SINE_FREQUENCY = 30.0
"""The default omega of the scheme `siren` (Sitzmann et al. 2020)."""


@dataclass(frozen=True, slots=True)
class Understood:
    """How the question was understood. `activation` is the one on the layer's output."""

    role: str | None
    position: str
    residual: str
    normalization: str
    input_activation: str
    activation: str


def completed(question: Question) -> Question:
    """The question with every field that its role, or else the default, decides.

    Raises ImpossibleError (`conflicting_fields`) for a field that says otherwise than the role.
    `input_activation` and `activation` stay as they are without a role: `activations_of` reads
    them.
    """
    role = None if question.role is None else ROLES[question.role]
    if role is not None:
        question = _of_role(question, role)
    if question.scheme in _SINE_SCHEMES and question.omega is None:
        question = question.model_copy(update={"omega": _SINE_FREQUENCY})
    return question.model_copy(
        update={
            "position": question.position or _usual_position(question),
            "residual": question.residual or "none",
            "normalization": question.normalization or _usual_normalization(question),
        }
    )


def _usual_position(question: Question) -> str:
    """Hidden; in a residual block, the first layer of a branch, which is no end of one."""
    return "hidden" if question.residual in (None, "none") else "branch_first"


def _usual_normalization(question: Question) -> str:
    """The normalization of a block that has one: layer, or batch in a block of convolutions."""
    if question.residual not in ("pre_norm", "post_norm", "branch_norm"):
        return "none"
    dense = question.layer in (None, "dense") and len(question.shape) < 4
    return "layer" if dense else "batch"


def _of_role(question: Question, role: Role) -> Question:
    if question.position is None or not _may_end_a_branch(question):
        _refuse_other("position", question.position, role.position, role.name)
    _refuse_other("layer", question.layer, role.layer, role.name)
    layer = question.layer or role.layer
    if layer is None and question.layout is None and len(question.shape) == 2:
        layer = "dense"
    return question.model_copy(
        update={
            "layer": layer,
            "position": question.position or role.position,
            "parts": role.parts if question.parts == 1 else question.parts,
            "residual": question.residual or role.residual,
            "normalization": question.normalization or _normalization(question, role),
        }
    )


def _normalization(question: Question, role: Role) -> str:
    """That of the role; none in a block that is said to have none."""
    return "none" if question.residual == "norm_free" else role.normalization


def _may_end_a_branch(question: Question) -> bool:
    """A normalization may be the last layer of a branch, where its scale may start at 0."""
    return question.role in ("norm_scale", "norm_bias") and question.position == "branch_last"


def _refuse_other(field: str, given: str | None, meant: str | None, role: str) -> None:
    if given is None or meant is None or given == meant:
        return
    message = f"{role} has {field} {meant}, and the question says {given}"
    hint = f"leave {field} out, or leave role out"
    raise ImpossibleError("conflicting_fields", Problem(field, message, hint))


def activations_of(question: Question) -> tuple[Activation, Activation]:
    """The activations on the input and on the output of a completed question's layer.

    `negative_slope` belongs to the one of the two that takes a slope. Raises ImpossibleError if it
    is given and neither does.
    """
    given = question.input_activation
    if given is not None and ACTIVATIONS[given].takes_slope and question.activation is not None:
        own = ACTIVATIONS[question.activation]
    else:
        own = activation_of(question)
    role = None if question.role is None else ROLES[question.role]
    after = own if role is None else _beside(role.feeds, question, own)
    if role is None and question.position == "branch_last" and question.residual != "none":
        # What the layer feeds is the stream, whatever activation the block has.
        after = ACTIVATIONS["linear"]
    if given is not None:
        return ACTIVATIONS[given], after
    if role is not None:
        return _beside(role.reads, question, own), after
    return ACTIVATIONS["linear"] if _reads_no_activation(question, own) else own, after


def _beside(side: Side, question: Question, own: Activation) -> Activation:
    """The activation on this side of a role's layer.

    A question about logits may have sigmoid or linear in place of softmax. Any other activation is
    that of the blocks before them.
    """
    if side == "activation":
        return own
    given = question.activation is not None
    if side == "softmax" and given and (gives_probabilities(own) or own.name == "linear"):
        return own
    return ACTIVATIONS[side]


def _reads_no_activation(question: Question, own: Activation) -> bool:
    if question.position == "first":
        return True
    if question.residual != "none" and question.position in ("hidden", "branch_last"):
        return False
    # No hidden layer uses sigmoid because the output layer does, so its input is not assumed to.
    unknown = question.position == "output" and gives_probabilities(own)
    return unknown or question.normalization in _DIRECTLY_BEFORE


def gives_probabilities(activation: Activation) -> bool:
    """Whether the activation turns logits into probabilities."""
    return activation.family == "sigmoid" or activation.name == "softmax"
