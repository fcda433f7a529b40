"""From a choice to a tensor that can be fetched: its plan, its facts and its URL."""

import math

from service.advice.question import Question
from service.advice.rules import Choice
from service.advice.situation import Situation, spec_of
from service.errors import ImpossibleError, Problem
from service.fields import Spec, write_query
from service.plan import Plan, plan
from service.plan.canonical import PATH

_FORMATS = ("npy", "safetensors", "raw")
"""The best known first."""

_OF_THE_FORMAT = ("format_cannot_carry_dtype", "format_cannot_carry_order", "reserved_name")

_SAME_GAIN = 1e-6
"""ReLU6's gain differs from He's by 4e-9, which no weight shows."""


def planned(spec: Spec, max_bytes: int) -> Plan:
    """The plan of a spec in the first format that can carry it; raises what `plan` raises."""
    for written in _FORMATS[:-1]:
        try:
            return plan(spec, written, max_bytes=max_bytes)
        except ImpossibleError as error:
            if error.reason not in _OF_THE_FORMAT:
                raise
    return plan(spec, _FORMATS[-1], max_bytes=max_bytes)


def std_of(planned: Plan) -> float:
    """The std of the values.

    Raises ImpossibleError (`zero_fan`) for an empty tensor without one.
    """
    std = planned.facts.std
    if std is None:
        message = "an empty tensor has no fan to set a std by"
        hint = "write extents above 0; the tensor itself is served without advice"
        raise ImpossibleError("zero_fan", Problem("shape", message, hint))
    return std


def url_of(planned: Plan) -> str:
    """The canonical URL, but for the seed where none was given; path-absolute."""
    return planned.canonical or f"{PATH}.{planned.format}?{write_query(planned.spec)}"


def recommended(situation: Situation, choice: Choice, distribution: str, max_bytes: int) -> Plan:
    """The plan of what was chosen; raises ImpossibleError where it cannot be issued.

    The gain is spelled out only where the scheme would have another by itself.
    """
    fields = _scheme_fields(choice, distribution)
    fields["activation"] = situation.input_activation.name
    bare = planned(spec_of(situation.question, **fields), max_bytes)
    own = bare.facts.gain
    if choice.gain is None or own is None or math.isclose(own, choice.gain, rel_tol=_SAME_GAIN):
        return bare
    return planned(spec_of(situation.question, **fields, gain=choice.gain), max_bytes)


def _scheme_fields(choice: Choice, distribution: str) -> dict[str, object]:
    """The scheme of the choice's family for a distribution, and the fields that make it so."""
    family = choice.family
    if family == "plain":
        return {"scheme": distribution, "std": choice.std}
    if family == "variance_scaling":
        return {"scheme": family, "distribution": distribution}
    if choice.gain is None:
        return {"scheme": family}
    suffix = "uniform" if distribution == "uniform" else "normal"
    return {"scheme": f"{family}_{suffix}", "distribution": distribution}


def tried(question: Question, max_bytes: int, **fields: object) -> Plan | None:
    """The plan of the question's tensor with these scheme fields; None if there is no such one."""
    try:
        return planned(spec_of(question, **fields), max_bytes)
    except ImpossibleError:
        return None
