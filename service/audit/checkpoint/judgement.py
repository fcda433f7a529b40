"""The verdict on one tensor: by its values alone, or by the laws that they are consistent with."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isclose

from service.audit.checkpoint.neighbours import ACCIDENT, SPAN, Neighbours
from service.audit.checkpoint.verdicts import Audited, Verdict
from service.audit.laws.candidates import (
    Candidate,
    bias_candidates,
    candidates_of,
    distinct,
    is_well_known,
    orthogonal_of,
    plain_orthogonal,
    variants_of,
)
from service.audit.laws.consistency import (
    FEWEST,
    LIKELY_ERRORS,
    TORCH_BOUND,
    clean_classes,
    distance,
    half_unit,
    has_planted_zeros,
    outliers,
    possible,
    window,
    without,
)
from service.audit.laws.levels import level_names, two_levels
from service.audit.laws.readings import Readings, Role, is_vector
from service.audit.laws.tables import table_of
from service.audit.laws.variants import CUTS
from service.audit.tally import Summary

CLEARLY_BETTER = 4.0
"""The difference of two squared distances, in standard errors, at which the nearer law is e^2 times
as likely as the other one."""

MISREAD_ACCIDENT = 0.1
"""The largest probability with which any std is near one of the laws of another layout. Where it is
larger, a wrong layout is not stated."""

CUT_SLACK = 0.1
"""The relative error of a bound in units of the measured std."""

SAME_STD = 1e-3
"""The relative difference of the std of an orthogonal matrix from that of its shape and gain."""

ZERO_ON_PURPOSE = re.compile(
    r"(?:^|[./])(?:wpe|pos|positions?)(?=$|[./](?:weight|embeddings?)$)|"
    r"lora_(embedding_)?b|pos\w*_?emb\w*|(cls|dist|mask|class)_token|ada_?ln|adaptive|zero_conv|"
    r"zero_init|zero_proj|rel\w*_pos\w*|rezero|resweight|skip_?gain|final_layer(?!_?norm)|"
    r"heads\.head",
    re.IGNORECASE,
)
"""Weights that begin with zeros: LoRA's second factor, positions, class tokens, the modulation and
the last layer of DiT, ControlNet's convolutions, relative positions, ReZero's factors and the last
layer of torchvision's ViT."""


def judged(found: Audited, readings: Readings, neighbours: Neighbours) -> Audited:
    """The same with its verdict and its laws."""
    return _by_values(found, has_layout=bool(readings.right)) or _by_laws(
        found, readings, neighbours
    )


def _by_values(found: Audited, *, has_layout: bool) -> Audited | None:
    """The verdict if the values alone decide it."""
    tensor, summary = found.tensor, found.summary
    if not summary.count:
        return found.decided(Verdict.EMPTY, "it has no element")
    if summary.nan or summary.inf:
        kinds = [f"{summary.nan} NaN"] if summary.nan else []
        if summary.inf:
            kinds.append(f"{summary.inf} infinit{'y' if summary.inf == 1 else 'ies'}")
        explanation = f"{' and '.join(kinds)} among {summary.count} elements"
        return found.decided(Verdict.NOT_FINITE, explanation)
    if not tensor.is_float:
        return found.decided(Verdict.NOT_FLOAT, f"{tensor.dtype} has no initial law")
    if summary.min == summary.max:
        return _of_constant(found, summary.min or 0.0, has_layout=has_layout)
    if found.role.is_statistic:
        return found.decided(Verdict.TRAINED, "a running statistic that has seen data")
    return None


def _of_constant(found: Audited, value: float, *, has_layout: bool) -> Audited:
    weight = found.role is Role.WEIGHT and (has_layout or not is_vector(found.tensor.shape))
    expected = Verdict.EXPECTED_CONSTANT
    if found.tensor.count == 1:
        return found.decided(expected, f"one element, {value:.6g}")
    if value:
        explanation = f"all elements are {value:.6g}"
        if weight:
            return found.decided(Verdict.CONSTANT, f"{explanation}, and it is a weight")
        return found.decided(expected, explanation)
    purpose = ZERO_ON_PURPOSE.search(found.tensor.name) if weight else None
    if purpose is not None:
        return found.decided(expected, f"zeros, as usual for {purpose[0]}")
    if weight or found.role in (Role.SCALE, Role.VARIANCE):
        return found.decided(Verdict.FORGOTTEN, f"all zeros, and it is a {found.role.value}")
    return found.decided(expected, "zeros, as expected of a bias")


def _by_laws(found: Audited, readings: Readings, neighbours: Neighbours) -> Audited:
    levels = _of_levels(found, readings)
    if levels is not None:
        return levels
    if found.orthogonal is not None:
        return _of_orthogonal(found, readings, found.orthogonal.gain)
    zeros, summary = found.summary.zeros, found.summary
    if not clean_classes(summary, found.tensor.dtype):
        table = table_of(found.tensor.shape, summary)
        if table is not None:
            return found.decided(Verdict.EXPECTED_CONSTANT, f"the values of {table}")
    if has_planted_zeros(summary, found.tensor.dtype):
        # A row of padding, or a sparse matrix.
        note = f"{zeros} of {summary.count} elements are 0"
        return _of_others(found, readings, neighbours, without(summary, 0.0, zeros), note)
    value, count = outliers(summary)
    if count:
        note = f"{count} of {summary.count} elements {'is' if count == 1 else 'are'} {value:.6g}"
        if value == TORCH_BOUND:
            note += ", the bound of trunc_normal_, which its older releases draw by a fault"
        return _of_others(found, readings, neighbours, without(summary, value, count), note)
    return _of_distribution(found, readings, neighbours)


def _of_others(
    found: Audited, readings: Readings, neighbours: Neighbours, others: Summary, note: str
) -> Audited:
    """The verdict on the values that are not of one kind, with a note on those that are."""
    decided = _of_distribution(replace(found, summary=others), readings, neighbours)
    of_others = "the law is that of the others" if decided.laws else None
    told = "; ".join(filter(None, (note, of_others, decided.note)))
    return replace(decided, summary=found.summary, note=told)


def _of_levels(found: Audited, readings: Readings) -> Audited | None:
    """The verdict on a tensor of zeros and one other value."""
    levels = two_levels(found.summary)
    if levels is None:
        return None
    tensor = found.tensor
    names = level_names(tensor.shape, tensor.dtype, found.sha256, readings.right, levels)
    share = f"{levels.count} of {found.summary.finite} elements are {levels.value:.6g}"
    explanation = f"{share}, the others are 0"
    if names:
        explanation += f": {', '.join(names)}"
    elif found.role is Role.WEIGHT and not is_vector(tensor.shape):
        return found.decided(Verdict.NO_KNOWN_LAW, f"{explanation}, which no scheme means here")
    return found.decided(Verdict.EXPECTED_CONSTANT, explanation)


def _of_orthogonal(found: Audited, readings: Readings, gain: float) -> Audited:
    """The verdict on a tensor that passed the Gram test."""
    assert found.orthogonal is not None
    rms = found.summary.rms or 0.0
    shape = found.tensor.shape
    of_shape = orthogonal_of(shape, readings.right, gain)
    laws = [law for law in of_shape if isclose(law.std, rms, rel_tol=_slack(found))]
    law = distinct(laws)[0] if laws else plain_orthogonal(rms, gain)
    what, note = "orthogonal", None
    if found.orthogonal.of_blocks:
        what, note = "orthogonal blocks", "each block of the matrix is orthogonal"
    told = replace(found, laws=(law,), note=note)
    return told.decided(Verdict.CONSISTENT, f"{what} with gain {gain:.6g}")


def _slack(found: Audited) -> float:
    return SAME_STD + half_unit(found.tensor.dtype)


@dataclass(frozen=True, slots=True)
class _Fit:
    """A law that the values are consistent with, and the distance of its std in standard errors."""

    law: Candidate
    errors: float


@dataclass(frozen=True, slots=True)
class _Fits:
    """What fits a tensor.

    `usual` are the laws of well-known schemes without further fields, with the right meanings of
    the axes. `varied` are those of rare schemes, and of other gains and stds. `misread` are usual
    laws with the letters of another framework. `classes` are the distributions of an unknown std.
    `tried` and `tried_misread` are the numbers of laws that were compared.
    """

    usual: list[_Fit]
    varied: list[_Fit]
    misread: list[_Fit]
    classes: tuple[Candidate, ...]
    tried: int
    tried_misread: int


def _fits_of(found: Audited, readings: Readings, neighbours: Neighbours) -> _Fits:
    shape = found.tensor.shape
    classes = clean_classes(found.summary, found.tensor.dtype)
    if found.role is Role.WEIGHT and readings.right:
        schemes = candidates_of(shape, readings.right, neighbours.depth)
    else:
        schemes = bias_candidates(shape, neighbours.fan_ins)
    distributions = _distributions(found, classes)
    usual = [law for law in schemes if is_well_known(law)]
    rare = [law for law in schemes if not is_well_known(law)]
    varied = [law for each in distributions for law in variants_of(shape, readings.right, each)] + [
        law for law in rare if law.distribution in distributions
    ]
    misread = candidates_of(shape, readings.wrong, usual=True)
    return _Fits(
        usual=_fitting(found, usual),
        varied=_fitting(found, varied, exact=True),
        misread=_fitting(found, misread),
        classes=classes,
        tried=len(varied),
        tried_misread=sum(law.distribution in distributions for law in misread),
    )


def _distributions(found: Audited, classes: tuple[Candidate, ...]) -> tuple[str, ...]:
    """Those of the classes. Few values of a normal may also be of one that is cut beyond them."""
    names = [each.distribution for each in classes]
    summary, bound = found.summary, max(CUTS) * (1 + CUT_SLACK)
    outermost = max(abs(summary.min or 0.0), abs(summary.max or 0.0))
    if "normal" in names and outermost < bound * (summary.std or 0.0):
        names.append("truncated_normal")
    return tuple(dict.fromkeys(names))


def _fitting(found: Audited, laws: Iterable[Candidate], *, exact: bool = False) -> list[_Fit]:
    fits = []
    for law in possible(laws, found.summary, found.tensor.dtype):
        errors = distance(law, found.summary, found.tensor.dtype, exact=exact)
        if errors is not None:
            fits.append(_Fit(law, errors))
    return fits


def _of_distribution(found: Audited, readings: Readings, neighbours: Neighbours) -> Audited:
    """The verdict by the laws that the statistics are consistent with."""
    if found.summary.finite < FEWEST:
        explanation = f"too few elements to tell a law: at least {FEWEST} are needed"
        return found.decided(Verdict.UNDECIDED, explanation)
    fits = _fits_of(found, readings, neighbours)
    if _likely(fits.usual):
        return _of_usual(found, fits.usual, fits)
    if fits.misread and fits.usual:
        return _of_usual(found, [*fits.usual, *fits.misread], fits)
    if fits.misread and (_likely(fits.misread) or not _likely(fits.varied)):
        return _of_misread(found, fits)
    if fits.usual:
        return _of_usual(found, fits.usual, fits)
    if fits.varied:
        return _of_varied(found, fits)
    return _without_law(found, fits.classes)


def _likely(fits: list[_Fit]) -> list[_Fit]:
    return [fit for fit in fits if fit.errors <= LIKELY_ERRORS]


def _of_usual(found: Audited, usual: list[_Fit], fits: _Fits) -> Audited:
    """The verdict on a tensor that has a usual law.

    A law of another gain is one of the laws if it is clearly better, and else beside the nearest
    law: it can be neither excluded nor preferred. He's law with a slope is beside He's law.
    """
    nearest = min(fit.errors for fit in usual)
    laws = [fit.law for fit in usual]
    near = [_as_misread(fit.law) for fit in fits.misread if not any(map(fit.law.is_same, laws))]
    schemes = {name for law in laws for name in _schemes(law)}
    for fit in fits.varied:
        same = any(fit.law.is_same(law) for law in laws)
        better = fit.errors**2 + CLEARLY_BETTER < nearest**2
        known = nearest <= LIKELY_ERRORS and not schemes.isdisjoint(_schemes(fit.law))
        if same or (better and not known):
            laws.append(fit.law)
        else:
            near.append(fit.law)
    return _of_laws(found, _with_near(distinct(laws), near), fits.classes)


def _as_misread(law: Candidate) -> Candidate:
    """The law with names that tell the letters by which its fans are counted."""
    letters = "" if law.reading is None else law.reading.letters
    return replace(law, names=tuple(f"{name}&layout={letters}" for name in law.names))


def _of_varied(found: Audited, fits: _Fits) -> Audited:
    """The verdict on a tensor that has a law of another gain or std, and no usual one.

    Laws of one scheme that are near each other, such as He's with a slope of 0.2 or 0.25, are one
    law with another beside it.
    """
    lead, *others = sorted(fits.varied, key=lambda fit: fit.errors)
    laws, near = [lead.law], []
    for fit in others:
        is_rival = fit.errors**2 < lead.errors**2 + CLEARLY_BETTER
        if is_rival and _schemes(fit.law).isdisjoint(_schemes(lead.law)):
            laws.append(fit.law)
        else:
            near.append(fit.law)
    told = _of_laws(found, _with_near(tuple(laws), near), fits.classes)
    if len(laws) > 1:
        return replace(told, others=tuple(laws))
    accident = _accident(fits.tried, lead.law, found)
    if told.verdict is not Verdict.CONSISTENT or accident <= ACCIDENT:
        return told
    explanation = (
        f"{told.explanation}, which no scheme means by default; more elements would decide"
    )
    return replace(told, others=told.laws).decided(Verdict.UNDECIDED, explanation)


def _schemes(law: Candidate) -> set[str]:
    return {name.partition("&")[0] for name in law.names}


def _with_near(laws: tuple[Candidate, ...], near: list[Candidate]) -> tuple[Candidate, ...]:
    """The laws, where each has the other gains whose std is nearest to its own."""
    beside: dict[int, list[Candidate]] = {}
    for other in near:
        nearest = min(range(len(laws)), key=lambda number: abs(laws[number].std - other.std))
        beside.setdefault(nearest, []).append(other)
    return tuple(
        replace(law, near=tuple(sorted(beside.get(number, ()), key=lambda each: each.std)))
        for number, law in enumerate(laws)
    )


def _of_laws(
    found: Audited, laws: tuple[Candidate, ...], classes: tuple[Candidate, ...]
) -> Audited:
    told, law = replace(found, laws=laws), laws[0]
    others = _other_classes(classes, laws)
    if len(laws) > 1 or others:
        near = [f"{len(laws)} laws are near each other"] if len(laws) > 1 else []
        also = [_may_be(others)] if others else []
        explanation = "; ".join((*near, *also, "more elements would decide"))
        return told.decided(Verdict.UNDECIDED, explanation)
    if law.target is not None:
        explanation = (
            f"std is {law.std / law.target:.3g} of {law.target:.6g}, which was meant: the "
            "truncation was not corrected"
        )
        return told.decided(Verdict.UNCORRECTED, explanation)
    told = replace(told, note=_note_on_truncation(law))
    return told.decided(Verdict.CONSISTENT, f"{_class_name(law)} with std {law.std:.6g}")


def _note_on_truncation(law: Candidate) -> str | None:
    """What is worth knowing of a truncated normal whose std before the truncation is the number."""
    parent = law.law.parent_std
    if not any("std_kind=parent" in name for name in law.names) or parent is None:
        return None
    return f"a normal with std {parent:.6g} that was cut: its std is {law.std / parent:.3g} of that"


def _other_classes(
    classes: tuple[Candidate, ...], laws: Sequence[Candidate]
) -> tuple[Candidate, ...]:
    """The distributions that so few values may have as well as those of the laws."""
    having = {law.distribution for law in laws}
    return tuple(each for each in classes if each.distribution not in having)


def _may_be(classes: Sequence[Candidate]) -> str:
    return f"the values may also be {_one_of(classes)}"


def _of_misread(found: Audited, fits: _Fits) -> Audited:
    """The verdict on a tensor that has a usual law by the letters of another framework."""
    laws = distinct(fit.law for fit in sorted(fits.misread, key=lambda fit: fit.errors))
    told = replace(found, laws=laws, others=tuple(fit.law for fit in fits.varied))
    letters = "" if laws[0].reading is None else laws[0].reading.letters
    explanation = f"std is that of {laws[0].names[0]} with the fans of {letters}"
    if len(letters) == 2:
        explanation += ", or with mode=fan_out"
    elif told.others:
        explanation += f", or that of {told.others[0].names[0]}"
    others = _other_classes(fits.classes, laws[:1])
    if others:
        explanation += f"; {_may_be(others)}; more elements would decide"
        return told.decided(Verdict.UNDECIDED, explanation)
    if _accident(fits.tried_misread, laws[0], found) > MISREAD_ACCIDENT:
        explanation += "; so few elements have such a std by accident too"
        return told.decided(Verdict.UNDECIDED, explanation)
    return told.decided(Verdict.WRONG_LAYOUT, explanation)


def _accident(tried: int, law: Candidate, found: Audited) -> float:
    """The probability that a std which nobody meant is near one of so many laws."""
    return tried * window(law, found.summary.finite) / SPAN


def _without_law(found: Audited, classes: tuple[Candidate, ...]) -> Audited:
    if not classes:
        return found.decided(Verdict.TRAINED, "the values have none of the usual distributions")
    mean = "" if classes[0].mean == 0 else f"mean {classes[0].mean:.6g} and "
    std = f"{mean}std {found.summary.std:.6g}"
    explanation = f"{_one_of(classes)} with {std}, which no scheme means here"
    if len(classes) > 1:
        explanation += "; more elements would decide"
        return found.decided(Verdict.UNDECIDED, explanation)
    return found.decided(Verdict.NO_KNOWN_LAW, explanation)


def _one_of(classes: Sequence[Candidate]) -> str:
    """The distributions in words."""
    *firsts, last = map(_class_name, classes)
    return f"{', '.join(firsts)} or {last}" if firsts else last


def _class_name(law: Candidate) -> str:
    """The distribution in words, with the bounds of a truncated normal if they are not 2."""
    name = law.distribution.replace("_", " ")
    bounds = law.law.bounds
    if law.distribution != "truncated_normal" or bounds is None or isclose(bounds[1], 2):
        return name
    return f"{name} (cut at {bounds[1]:.3g} standard deviations)"
