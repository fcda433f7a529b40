"""What the other tensors of a checkpoint tell about one."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import exp, isclose, lgamma, log, log1p, prod

from service.audit.checkpoint.verdicts import Audited, Verdict
from service.audit.laws.candidates import Candidate
from service.audit.laws.consistency import LIKELY_ERRORS, std_error, window
from service.fields.types import MOST_DEPTH

Shapes = Mapping[str, tuple[int, ...]]
"""The shapes of a checkpoint's tensors by name."""

Texts = tuple[str, ...]
"""The parts of a name between its numbers. Tensors of repeated layers have the same ones."""

_NUMBER = re.compile(r"(?<![A-Za-z0-9])[0-9]+(?![A-Za-z0-9])")

_BIAS = re.compile(r"(.*?)(\w*)bias")
"""A bias, what is before its name, and the beginning of its name, such as in_proj_."""

_EMBEDDING = re.compile(r"emb|wte|wpe|shared|token|vocab|lookup", re.IGNORECASE)
_HEAD = re.compile(r"head|decoder|proj_out|generator|output|logits|classifier", re.IGNORECASE)
"""Names of an embedding and of an output layer, which may have the same weight on purpose."""

_TABLE = re.compile(
    r"inv_freq|freqs|rotary|rope|a_log|alibi|slopes|mask|position_ids|relative_position_index|"
    r"(^|[._/])(pe|sin|cos|window)($|[._/])",
    re.IGNORECASE,
)
"""Names of tables that are computed, and so equal in all layers."""


SPAN = 3.0
"""The stds of weights are within a factor of about e^3."""

TRIED, TRIED_NUMBERS = 40, 12
"""About so many laws of other gains and stds are tried for a tensor, and so many plain numbers."""

ACCIDENT = 0.05
"""The largest probability with which a std that nobody meant is near one of the laws of other
gains. Where it is larger, such a law is not stated."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the other tensors tell before a tensor is read.

    `fan_ins` are the possible ones of the weight that a bias belongs to. `depth` is the number of
    tensors whose names differ from this one's in numbers alone, such as h.0.fc.weight to
    h.11.fc.weight.
    """

    fan_ins: tuple[int, ...] = ()
    depth: int | None = None


ALONE = Neighbours()


class Company:
    """The tensors of a checkpoint by name, before they are read."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._counts = Counter(texts for name in shapes if len(texts := _texts(name)) == 2)
        self._weights: dict[str, list[str]] = defaultdict(list)
        for name, shape in shapes.items():
            if len(shape) > 1:
                self._weights[_layer(name)].append(name)

    def neighbours(self, name: str) -> Neighbours:
        """What they tell about one of them."""
        count = self._counts[_texts(name)]
        depth = count if 1 < count <= MOST_DEPTH else None
        return Neighbours(self._fan_ins(name), depth)

    def _fan_ins(self, name: str) -> tuple[int, ...]:
        """The fan_ins of a bias of PyTorch: of the weight with its name, or of those of its layer.

        nn.Bilinear counts the second axis alone. A layer whose weight is parametrized, such as by
        weight normalization, has the weight under another name.
        """
        matched = _BIAS.fullmatch(name)
        if matched is None:
            return ()
        own = f"{matched[1]}{matched[2]}weight"
        names = [own] if own in self._shapes else self._weights.get(_layer(name), [])
        shapes = [self._shapes[each] for each in names]
        counts = [prod(shape[1:]) for shape in shapes if len(shape) > 1]
        counts += [shape[1] for shape in shapes if len(shape) == 3]
        return tuple(sorted({count for count in counts if count > 0}))


def _layer(name: str) -> str:
    """The name of the layer that a parameter belongs to."""
    return (
        name.partition(".parametrizations.")[0]
        if ".parametrizations." in name
        else (name.rpartition(".")[0].removesuffix(".parametrizations"))
    )


def _texts(name: str) -> Texts:
    return tuple(_NUMBER.split(name))


def compared(audited: Iterable[Audited]) -> list[Audited]:
    """The same, where the verdicts of the other tensors are taken into account."""
    found = _with_shared_variants(_with_repeated_zeros(list(audited)))
    return _with_duplicates(_with_fan_out(found))


def _with_repeated_zeros(audited: list[Audited]) -> list[Audited]:
    """Scales that are zeros in all of several blocks are so on purpose.

    Residual networks may begin as the identity (Goyal et al. 2017, 5.1).
    """
    groups: dict[Texts, list[int]] = defaultdict(list)
    for number, each in enumerate(audited):
        if each.role.value == "scale":
            groups[_texts(each.tensor.name)].append(number)
    for numbers in groups.values():
        if len(numbers) > 1 and all(
            audited[number].verdict is Verdict.FORGOTTEN for number in numbers
        ):
            explanation = f"zeros, as all {len(numbers)} scales of this name"
            for number in numbers:
                audited[number] = audited[number].decided(Verdict.EXPECTED_CONSTANT, explanation)
    return audited


def _with_shared_variants(audited: list[Audited]) -> list[Audited]:
    """A gain or std that several tensors have is no accident.

    It also explains a std better than a wrong layout does.
    """
    having: dict[str, list[tuple[Audited, Candidate]]] = defaultdict(list)
    for each in audited:
        laws = each.laws[:1] if each.verdict is Verdict.CONSISTENT else each.others
        for law in laws:
            for name in law.names:
                having[name].append((each, law))
    without_law = (each for each in audited if each.others or each.verdict is Verdict.NO_KNOWN_LAW)
    shapes = len({each.tensor.shape for each in without_law})
    shared = {
        name for name, pairs in having.items() if len(pairs) > 1 and _is_shared(pairs, shapes)
    }
    for number, each in enumerate(audited):
        found = [law for law in each.others if shared.intersection(law.names)]
        if len(found) == 1:
            kind = found[0].distribution.replace("_", " ")
            explanation = f"{kind} with std {found[0].std:.6g}, as in other tensors"
            told = replace(each, laws=(found[0],))
            audited[number] = told.decided(Verdict.CONSISTENT, explanation)
    return audited


def _is_shared(pairs: list[tuple[Audited, Candidate]], shapes: int) -> bool:
    """Whether tensors have a law together, and not by accident.

    Together their std is within three standard errors. Tensors with the same std count as one.
    `shapes` is the number of shapes without a usual law: the more there are, the more of them have
    a law by accident, by the binomial distribution.
    """
    counts: dict[float, int] = defaultdict(int)
    away = 0.0
    for each, law in pairs:
        assert each.summary.std is not None
        counts[law.std] += each.summary.finite
        away += each.summary.finite * (each.summary.std / law.std - 1)
    total = sum(counts.values())
    law = pairs[0][1]
    if abs(away / total) > LIKELY_ERRORS * std_error(law, total):
        return False
    if len(counts) == 1 < len({each.tensor.shape for each, _ in pairs}):
        # Tensors of several shapes that have one std have a plain number.
        return TRIED_NUMBERS * _share(law, total) <= ACCIDENT
    share = sum(_share(law, count) for count in counts.values()) / len(counts)
    return TRIED * _at_least(len(counts), max(shapes, len(counts)), share) <= ACCIDENT


def _share(law: Candidate, count: int) -> float:
    """The probability that any std is near that of a law with so many elements."""
    return min(1.0, window(law, count) / SPAN)


def _at_least(least: int, of: int, share: float) -> float:
    """The probability of `least` or more events of so many, each of which has this probability."""
    if share >= 1:
        return 1.0
    logs = (
        lgamma(of + 1)
        - lgamma(k + 1)
        - lgamma(of - k + 1)
        + k * log(share)
        + (of - k) * log1p(-share)
        for k in range(least, of + 1)
    )
    return sum(map(exp, logs))


def _with_fan_out(audited: list[Audited]) -> list[Audited]:
    """A dense layer with mode=fan_out is meant so, if the convolutions have it too.

    EfficientNet and MNASNet are such networks.
    """
    if not any(map(_is_of_fan_out, audited)):
        return audited
    for number, each in enumerate(audited):
        law = each.laws[0] if each.verdict is Verdict.WRONG_LAYOUT else None
        if law is not None and law.reading is not None and len(law.reading.letters) == 2:
            names = tuple(f"{name}&mode=fan_out" for name in law.names)
            told = replace(each, laws=(replace(law, names=names),))
            explanation = f"std {law.std:.6g}, with mode=fan_out as the convolutions"
            audited[number] = told.decided(Verdict.CONSISTENT, explanation)
    return audited


def _is_of_fan_out(audited: Audited) -> bool:
    """Whether a convolution has He's law with fan_out, and it is not one with fan_in as well."""
    law = audited.laws[0] if audited.verdict is Verdict.CONSISTENT else None
    if law is None or law.reading is None or not law.reading.layer.startswith("conv"):
        return False
    fans = law.reading.fans(audited.tensor.shape)
    if fans is None or not fans.fan_in or not fans.fan_out:
        return False
    same = (
        isclose(law.std**2, square, rel_tol=1e-3) for square in (2 / fans.fan_in, 1 / fans.fan_in)
    )
    return isclose(law.std**2, 2 / fans.fan_out, rel_tol=1e-3) and not any(same)


def _with_duplicates(audited: list[Audited]) -> list[Audited]:
    """The same with a verdict for equal tensors that are not constant."""
    first: dict[tuple[str, str, tuple[int, ...]], list[int]] = defaultdict(list)
    for number, each in enumerate(audited):
        if each.verdict not in _MAY_BE_EQUAL and each.summary.count > 1:
            first[each.sha256, each.tensor.dtype, each.tensor.shape].append(number)
    for equal in first.values():
        if len(equal) < 2:
            continue
        names = [audited[number].tensor.name for number in equal]
        why = _meant(names)
        for number in equal:
            each = audited[number]
            other = names[1] if each.tensor.name == names[0] else names[0]
            explanation = f"equal to {other}, element by element"
            if why is None:
                audited[number] = each.decided(Verdict.DUPLICATED, explanation)
            else:
                note = "; ".join(filter(None, (each.note, f"{explanation}: {why}")))
                audited[number] = replace(each, note=note)
    return audited


def _meant(names: list[str]) -> str | None:
    """Why the tensors of these names may be equal; None if they should not be."""
    if all(_TABLE.search(name) for name in names):
        return "a table"
    embeddings = [name for name in names if _EMBEDDING.search(name)]
    others = [name for name in names if name not in embeddings]
    return "tied" if embeddings and all(_HEAD.search(name) for name in others) else None


_MAY_BE_EQUAL = (
    Verdict.EXPECTED_CONSTANT,
    Verdict.CONSTANT,
    Verdict.FORGOTTEN,
    Verdict.NOT_FINITE,
    Verdict.NOT_FLOAT,
    Verdict.EMPTY,
)
