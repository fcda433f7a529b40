"""The audit of a tensor and of a checkpoint: statistics, consistent laws and a verdict for each."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from service.audit.checkpoint.judgement import judged
from service.audit.checkpoint.neighbours import ALONE, Company, Neighbours, compared
from service.audit.checkpoint.verdicts import Audited, Gains, Verdict
from service.audit.files.stored import Stored
from service.audit.laws.consistency import half_unit
from service.audit.laws.orthogonality import GramTest, Orthogonal
from service.audit.laws.readings import Readings, readings_of
from service.audit.tally import Edges, Summary, Tally

BINS = 64
"""The bins of a tensor's histogram."""

Advance = Callable[[int], object]
"""It is called with the number of bytes that were read."""


def audit(
    tensors: Sequence[Stored], layout: str | None = None, advance: Advance = lambda count: None
) -> list[Audited]:
    """Audit each tensor, then compare their verdicts. Raises AuditError for unreadable values.

    `layout` is the name of a framework, or letters (`service.audit.laws.readings`).
    """
    company = Company({tensor.name: tensor.shape for tensor in tensors})
    return compared(
        audit_tensor(tensor, layout, company.neighbours(tensor.name), advance) for tensor in tensors
    )


def audit_tensor(
    tensor: Stored,
    layout: str | None = None,
    neighbours: Neighbours = ALONE,
    advance: Advance = lambda count: None,
) -> Audited:
    """Audit one tensor. Raises AuditError for unreadable values."""
    summary, digest, orthogonal = statistics(tensor, advance)
    readings = readings_of(tensor.name, tensor.shape, layout)
    found = Audited(
        tensor, readings.role, summary, digest, Verdict.UNDECIDED, "", orthogonal=orthogonal
    )
    decided = judged(found, readings, neighbours)
    laws = tuple(law.led_by(readings.framework) for law in decided.laws)
    return _with_fans(replace(decided, laws=laws), readings)


def statistics(tensor: Stored, advance: Advance) -> tuple[Summary, str, Orthogonal | None]:
    """The summary of a tensor's values, the SHA-256 of their bytes in C order, and the Gram test.

    The edges of the histogram are chosen by the first piece, with room for farther values.
    """
    digest, tally = hashlib.sha256(), Tally()
    gram = GramTest(tensor.shape if tensor.is_float else ())
    for number, piece in enumerate(tensor.raw()):
        values = tensor.values(piece)
        if number == 0:
            tally = Tally(_edges(values))
        tally.update(values)
        gram.update(values)
        digest.update(piece)
        advance(len(piece))
    return tally.summary(), digest.hexdigest(), gram.result(half_unit(tensor.dtype))


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
