"""The audit of a tensor and of a checkpoint: statistics, consistent laws and a verdict for each."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import isfinite, prod, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from service.audit.candidates import USUAL_FAMILIES, Candidate, bias_candidates, candidates_of
from service.audit.consistency import FEWEST, clean_classes, half_unit, is_consistent, is_near
from service.audit.levels import level_names, two_levels
from service.audit.orthogonality import is_orthogonal
from service.audit.readings import Reading, Readings, Role, readings_of
from service.audit.stored import Stored
from service.audit.tally import Edges, Summary, Tally
from service.fields.types import MOST_DEPTH
from service.initializers.fans import Fans

BINS = 64
"""The bins of a tensor's histogram."""


class Verdict(Enum):
    """What was found. The faults are those of `FAULTS`."""

    CONSISTENT = "consistent"
    EXPECTED_CONSTANT = "expected constant"
    UNDECIDED = "undecided"
    NO_KNOWN_LAW = "no known law"
    TRAINED = "looks trained"
    NOT_FLOAT = "not floating-point"
    EMPTY = "empty"
    NOT_FINITE = "NaN or infinity"
    FORGOTTEN = "forgotten"
    CONSTANT = "constant"
    DUPLICATED = "duplicated"
    WRONG_LAYOUT = "wrong layout"
    UNCORRECTED = "uncorrected"


FAULTS = frozenset(
    (
        Verdict.NOT_FINITE,
        Verdict.FORGOTTEN,
        Verdict.CONSTANT,
        Verdict.DUPLICATED,
        Verdict.WRONG_LAYOUT,
        Verdict.UNCORRECTED,
    )
)
"""The verdicts on which the command's exit status is 1."""


@dataclass(frozen=True, slots=True)
class Gains:
    """The std divided by that of He, Glorot and LeCun."""

    he: float
    glorot: float
    lecun: float


@dataclass(frozen=True, slots=True)
class Audited:
    """What is known of a tensor.

    `laws` are the laws that the values are consistent with: one if the verdict is CONSISTENT,
    several if it is UNDECIDED. It is also UNDECIDED with one law or none, if the values are too
    few to tell the distributions apart. `explanation` says in words what the verdict means here.
    `reading` is the meaning of the axes by which `fans` and `gains` are counted; all are None if
    there are none.
    """

    tensor: Stored
    role: Role
    summary: Summary
    sha256: str
    verdict: Verdict
    explanation: str
    laws: tuple[Candidate, ...] = ()
    reading: Reading | None = None
    fans: Fans | None = None
    gains: Gains | None = None

    @property
    def is_fault(self) -> bool:
        """Whether the verdict is a fault."""
        return self.verdict in FAULTS


Advance = Callable[[int], object]
"""It is called with the number of bytes that were read."""


def audit(
    tensors: Sequence[Stored], layout: str | None = None, advance: Advance = lambda count: None
) -> list[Audited]:
    """Audit each tensor, then compare their digests. Raises AuditError for unreadable values.

    `layout` is the name of a framework, or letters (`service.audit.readings`).
    """
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    depths = _depths(shapes)
    audited = []
    for tensor in tensors:
        around = Around(_fan_in_of_bias(tensor.name, shapes), depths.get(_texts(tensor.name)))
        audited.append(audit_tensor(tensor, layout, around, advance))
    return _with_duplicates(audited)


@dataclass(frozen=True, slots=True)
class Around:
    """What the other tensors of a checkpoint tell about one.

    `fan_in` is that of the weight that a bias belongs to. `depth` is the number of tensors whose
    names differ from this one's in numbers alone, such as h.0.fc.weight to h.11.fc.weight.
    """

    fan_in: int | None = None
    depth: int | None = None


ALONE = Around()


def audit_tensor(
    tensor: Stored,
    layout: str | None = None,
    around: Around = ALONE,
    advance: Advance = lambda count: None,
) -> Audited:
    """Audit one tensor. Raises AuditError for unreadable values."""
    summary, digest = statistics(tensor, advance)
    readings = readings_of(tensor.name, tensor.shape, layout)
    found = Audited(tensor, readings.role, summary, digest, Verdict.UNDECIDED, "")
    decided = _of_values(found) or _of_laws(found, readings, around)
    laws = tuple(law.led_by(readings.framework) for law in decided.laws)
    return _with_fans(replace(decided, laws=laws), readings)


def statistics(tensor: Stored, advance: Advance) -> tuple[Summary, str]:
    """The summary of a tensor's values, and the SHA-256 of their bytes in C order.

    The edges of the histogram are chosen by the first piece, with room for farther values.
    """
    digest, tally = hashlib.sha256(), Tally()
    for number, piece in enumerate(tensor.raw()):
        values = tensor.values(piece)
        if number == 0:
            tally = Tally(_edges(values))
        tally.update(values)
        digest.update(piece)
        advance(len(piece))
    return tally.summary(), digest.hexdigest()


def _of_values(found: Audited) -> Audited | None:
    """The verdict if the values alone decide it."""
    tensor, summary = found.tensor, found.summary
    if not summary.count:
        return _decided(found, Verdict.EMPTY, "it has no element")
    if summary.nan or summary.inf:
        explanation = (
            f"{summary.nan} NaN and {summary.inf} infinities among {summary.count} elements"
        )
        return _decided(found, Verdict.NOT_FINITE, explanation)
    if not tensor.is_float:
        return _decided(found, Verdict.NOT_FLOAT, f"{tensor.dtype} has no initial law")
    if summary.min == summary.max:
        return _of_constant(found, summary.min or 0.0)
    return None


def _of_constant(found: Audited, value: float) -> Audited:
    vector = found.role is not Role.WEIGHT or _is_vector(found.tensor.shape)
    if found.tensor.count == 1:
        return _decided(found, Verdict.EXPECTED_CONSTANT, f"one element, {value:.6g}")
    if value == 0:
        if found.role is Role.SCALE or not vector:
            what = "a scale" if found.role is Role.SCALE else "a weight"
            return _decided(found, Verdict.FORGOTTEN, f"all zeros, and it is {what}")
        return _decided(found, Verdict.EXPECTED_CONSTANT, "zeros, as expected of a bias")
    if vector:
        return _decided(found, Verdict.EXPECTED_CONSTANT, f"all elements are {value:.6g}")
    return _decided(found, Verdict.CONSTANT, f"all elements are {value:.6g}, and it is a weight")


def _of_laws(found: Audited, readings: Readings, around: Around) -> Audited:
    """The verdict by the laws that the statistics are consistent with."""
    levels = two_levels(found.summary)
    if levels is not None:
        names = level_names(found.tensor.shape, readings.right, levels)
        share = f"{levels.count} of {found.summary.count} elements are {levels.value:.6g}"
        meant = f": {', '.join(names)}" if names else ""
        return _decided(found, Verdict.EXPECTED_CONSTANT, f"{share}, the others are 0{meant}")
    if found.summary.finite < FEWEST:
        return _decided(found, Verdict.UNDECIDED, f"fewer than {FEWEST} elements decide nothing")
    laws = _consistent(found, _candidates(found, readings, around))
    likely = [law for law in laws if is_near(law, found.summary, found.tensor.dtype)]
    if likely and not _is_rare(likely):
        return _of_found(found, laws)
    others = _consistent(found, candidates_of(found.tensor.shape, readings.wrong, usual=True))
    if others and laws and not _is_rare(laws):
        return _of_found(found, [*laws, *others])
    if others:
        return _of_wrong_layout(found, others)
    if laws:
        return _of_found(found, laws)
    return _without_law(found)


def _candidates(found: Audited, readings: Readings, around: Around) -> tuple[Candidate, ...]:
    if found.role is Role.WEIGHT and readings.right:
        return candidates_of(found.tensor.shape, readings.right, around.depth)
    return bias_candidates(found.tensor.shape, around.fan_in)


def _consistent(found: Audited, candidates: tuple[Candidate, ...]) -> list[Candidate]:
    """The candidates that the tensor is consistent with; an orthogonal one rules out the others."""
    laws = [each for each in candidates if is_consistent(each, found.summary, found.tensor.dtype)]
    orthogonal = [each for each in laws if each.distribution == "orthogonal"]
    error = half_unit(found.tensor.dtype)
    proved = [each for each in orthogonal if is_orthogonal(found.tensor, each.std, error)]
    if proved:
        return proved
    return [each for each in laws if each.distribution != "orthogonal"]


def _is_rare(laws: list[Candidate]) -> bool:
    """Whether only frameworks other than PyTorch, Keras, Flax and JAX have these laws."""
    schemes = [name.partition("&")[0] for law in laws for name in law.names]
    return all("." in name and name.partition(".")[0] not in USUAL_FAMILIES for name in schemes)


def _of_found(found: Audited, laws: list[Candidate]) -> Audited:
    told = replace(found, laws=tuple(laws))
    classes = _other_classes(found, laws)
    if len(laws) > 1 or classes:
        near = [f"{len(laws)} laws are near each other"] if len(laws) > 1 else []
        also = [_may_be(classes)] if classes else []
        explanation = "; ".join((*near, *also, "more elements would decide"))
        return _decided(told, Verdict.UNDECIDED, explanation)
    target = laws[0].target
    if target is not None:
        explanation = (
            f"std is {laws[0].std / target:.3g} of {target:.6g}, which was meant: the truncation "
            "was not corrected"
        )
        return _decided(told, Verdict.UNCORRECTED, explanation)
    law = laws[0]
    explanation = f"{law.distribution.replace('_', ' ')} with std {law.std:.6g}"
    return _decided(told, Verdict.CONSISTENT, explanation)


def _other_classes(found: Audited, laws: Sequence[Candidate]) -> tuple[str, ...]:
    """The distributions that so few values may have as well as those of the laws.

    An orthogonal matrix is proved by its rows, however small it is.
    """
    having = {law.distribution for law in laws}
    if "orthogonal" in having:
        return ()
    classes = clean_classes(found.summary, found.tensor.dtype)
    return tuple(each for each in classes if each not in having)


def _may_be(classes: Sequence[str]) -> str:
    return f"the values may also be {_one_of(classes)}"


def _of_wrong_layout(found: Audited, others: list[Candidate]) -> Audited:
    told = replace(found, laws=tuple(others))
    reading = others[0].reading
    letters = "" if reading is None else reading.letters
    explanation = f"std is that of {others[0].names[0]} with the fans of {letters}"
    if len(letters) == 2:
        explanation += ", or with mode=fan_out"
    classes = _other_classes(found, others[:1])
    if classes:
        explanation += f"; {_may_be(classes)}; more elements would decide"
        return _decided(told, Verdict.UNDECIDED, explanation)
    return _decided(told, Verdict.WRONG_LAYOUT, explanation)


def _without_law(found: Audited) -> Audited:
    classes = clean_classes(found.summary, found.tensor.dtype)
    if not classes:
        return _decided(found, Verdict.TRAINED, "the values have none of the usual distributions")
    explanation = f"{_one_of(classes)} with std {found.summary.std:.6g}, which no scheme means here"
    if len(classes) > 1:
        explanation += "; more elements would decide"
        return _decided(found, Verdict.UNDECIDED, explanation)
    return _decided(found, Verdict.NO_KNOWN_LAW, explanation)


def _one_of(classes: Sequence[str]) -> str:
    """The distributions in words."""
    *firsts, last = (name.replace("_", " ") for name in classes)
    return f"{', '.join(firsts)} or {last}" if firsts else last


def _decided(found: Audited, verdict: Verdict, explanation: str) -> Audited:
    return replace(found, verdict=verdict, explanation=explanation)


def _with_fans(found: Audited, readings: Readings) -> Audited:
    """The fans and gains by the meaning of the found law, or by the first one."""
    own = [law.reading for law in found.laws if law.reading in readings.right]
    reading = next(iter((*own, *readings.right)), None)
    fans = None if reading is None else reading.fans(found.tensor.shape)
    if reading is None or fans is None:
        return found
    std, gains = found.summary.std, None
    if std is not None and fans.fan_in > 0 and fans.fan_out > 0:
        gains = Gains(
            he=std / sqrt(2 / fans.fan_in),
            glorot=std / sqrt(2 / (fans.fan_in + fans.fan_out)),
            lecun=std / sqrt(1 / fans.fan_in),
        )
    return replace(found, reading=reading, fans=fans, gains=gains)


def _with_duplicates(audited: list[Audited]) -> list[Audited]:
    """The same with a verdict for equal tensors that are not constant."""
    first: dict[tuple[str, str, tuple[int, ...]], list[int]] = {}
    for number, each in enumerate(audited):
        if each.verdict in _MAY_BE_EQUAL or each.summary.count < 2:
            continue
        key = each.sha256, each.tensor.dtype, each.tensor.shape
        first.setdefault(key, []).append(number)
    for equal in first.values():
        if len(equal) > 1:
            for number in equal:
                other = audited[equal[0] if number != equal[0] else equal[1]].tensor.name
                explanation = f"equal to {other}, element by element"
                audited[number] = _decided(audited[number], Verdict.DUPLICATED, explanation)
    return audited


_MAY_BE_EQUAL = (
    Verdict.EXPECTED_CONSTANT,
    Verdict.CONSTANT,
    Verdict.FORGOTTEN,
    Verdict.NOT_FINITE,
    Verdict.NOT_FLOAT,
    Verdict.EMPTY,
)


def _is_vector(shape: tuple[int, ...]) -> bool:
    """Whether at most one axis is longer than 1."""
    return sum(extent > 1 for extent in shape) < 2


def _texts(name: str) -> tuple[str, ...]:
    """The parts of a name between its numbers."""
    return tuple(_NUMBER.split(name))


_NUMBER = re.compile(r"(?<![A-Za-z0-9])[0-9]+(?![A-Za-z0-9])")


def _depths(shapes: dict[str, tuple[int, ...]]) -> dict[tuple[str, ...], int]:
    """How many names have the same texts and one number, where a network may be so deep."""
    counts = Counter(_texts(name) for name in shapes if len(_texts(name)) == 2)
    return {texts: count for texts, count in counts.items() if 1 < count <= MOST_DEPTH}


def _fan_in_of_bias(name: str, shapes: dict[str, tuple[int, ...]]) -> int | None:
    """The fan_in of the weight beside a bias, as PyTorch counts it for the bias."""
    if not name.endswith("bias"):
        return None
    weight = shapes.get(name.removesuffix("bias") + "weight", ())
    return prod(weight[1:]) if len(weight) > 1 else None


def _edges(values: npt.NDArray[Any]) -> Edges | None:
    """The edges of a histogram by the first values: an eighth wider than they are.

    None if they are all equal, if none is finite, or if the width of a bin is not finite or is 0.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    margin = (high / 8 - low / 8) / 2
    edges = Edges(low - margin, high + margin, BINS)
    width = (edges.high - edges.low) / BINS
    return edges if margin > 0 and width > 0 and isfinite(width) else None
