"""Tensors of zeros and one other value, such as identities and the bias of an LSTM."""

from dataclasses import dataclass
from hashlib import sha256
from math import isclose, prod

from pydantic import ValidationError

from service.audit.definition import defined_bytes
from service.audit.laws.readings import Reading
from service.audit.tally import Summary
from service.errors import FaninError
from service.fields import Spec
from service.initializers.schemes import SCHEMES
from service.plan.laws import BlockLaw, laws_of
from service.plan.placement import place
from service.plan.tensor import resolve

MOST_ELEMENTS = 2**26
"""The elements of a tensor of which each is compared. In a larger one their numbers are."""


@dataclass(frozen=True, slots=True)
class TwoLevels:
    """`count` elements are `value`, and all others are 0."""

    value: float
    count: int
    of: int


def two_levels(summary: Summary) -> TwoLevels | None:
    """The levels of a tensor that has zeros and one other value; None if it has more values.

    If all n - zeros other elements are equal to the outermost value, mean and std are known.
    """
    low, high, mean, std = summary.min, summary.max, summary.mean, summary.std
    if None in (low, high, mean, std) or not 0 < summary.zeros < summary.finite:
        return None
    assert low is not None
    assert high is not None
    assert mean is not None
    assert std is not None
    value, count = high if low == 0 else low, summary.finite - summary.zeros
    if 0 not in (low, high):
        return None
    share = count / summary.finite
    expected = value * share, abs(value) * (share * (1 - share)) ** 0.5
    if isclose(mean, expected[0], rel_tol=1e-12) and isclose(std, expected[1], rel_tol=1e-9):
        return TwoLevels(value, count, summary.finite)
    return None


def level_names(
    shape: tuple[int, ...],
    dtype: str,
    digest: str,
    readings: tuple[Reading, ...],
    levels: TwoLevels,
) -> tuple[str, ...]:
    """The schemes whose values are these, element by element.

    `digest` is the SHA-256 of the bytes in this dtype. It is only compared with that of a scheme
    that has as many elements with the value.
    """
    meanings = readings or (Reading("bias", "O"),)
    found = (
        name
        for reading in meanings
        for name, scheme in SCHEMES.items()
        if scheme.distribution in ("constant", "deterministic") and scheme.sub_kernel is None
        if _has_levels(name, shape, reading, levels)
        if prod(shape) > MOST_ELEMENTS or _digest_of(name, shape, dtype, reading) == digest
    )
    return tuple(dict.fromkeys(found))


def _has_levels(name: str, shape: tuple[int, ...], reading: Reading, levels: TwoLevels) -> bool:
    try:
        spec = Spec(shape=shape, layer=reading.layer, layout=reading.letters, scheme=name)
        laws = laws_of(spec, place(spec))
    except (FaninError, ValidationError):
        return False
    share = _share(laws, levels.value)
    return share is not None and isclose(share * levels.of, levels.count, rel_tol=1e-9)


def _digest_of(name: str, shape: tuple[int, ...], dtype: str, reading: Reading) -> str:
    """The SHA-256 of the scheme's bytes."""
    spec = Spec(
        shape=shape, layer=reading.layer, layout=reading.letters, scheme=name, dtype=dtype, seed=0
    )
    tensor = resolve(spec, "raw")
    digest = sha256()
    for piece in defined_bytes(tensor, 0, prod(shape)):
        digest.update(piece)
    return digest.hexdigest()


def _share(laws: tuple[BlockLaw, ...], value: float) -> float | None:
    """The share of elements that are `value`; None if a law has others than this and 0."""
    total = sum(each.outputs for each in laws)
    found = 0.0
    for block in laws:
        levels = block.law.levels
        if block.law.distribution == "constant" and block.law.mean is not None:
            levels = ((block.law.mean, 1.0),)
        if levels is None or any(level not in (0.0, value) for level, _ in levels):
            return None
        found += sum(share for level, share in levels if level == value) * block.outputs / total
    return found
