"""The audit of a spec: its very values, computed chunk by chunk, beside what they should be."""

from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from math import prod

import numpy as np

from service.audit.definition import defined_bytes
from service.audit.spec.expectation import Expectation, edges_of_all, expectation_of
from service.audit.spec.explanation import explained
from service.audit.spec.verdict import Bin, Statistics, Verdict, compared, exactly
from service.audit.tally import Edges, Tally
from service.audit.values import decoded
from service.chunks import TensorBody
from service.errors import ImpossibleError, Problem
from service.fields import Spec, write_value
from service.fields.axes import Interval
from service.plan import Plan
from service.plan.placement import resolve_slice
from service.plan.tag import tensor_tag
from service.wire.json_text import json_bytes

MOST_ELEMENTS = 2**26
"""The most elements of an audit. A thread computes and counts them in several seconds."""

PIECE_BYTES = 2**20
"""The bytes that are decoded and counted at a time."""


@dataclass(frozen=True, slots=True)
class SpecAudit:
    """The answer, as JSON has it.

    `verdict` is `inconsistent` if an entry is not consistent. `explanation` says why, in words, and
    `inconsistencies` names all such entries. `url` is the canonical URL of the values in format
    raw, `etag` their entity tag, `elements` their number and `sha256` the digest of their bytes.
    `deterministic`: no random word is used, so the values must be equal to their definition.
    `expected_sha256` is the digest of that, and None for other tensors.
    """

    verdict: Verdict
    explanation: str
    inconsistencies: tuple[str, ...]
    url: str
    etag: str
    dtype: str
    elements: int
    deterministic: bool
    sha256: str
    expected_sha256: str | None
    statistics: Statistics
    histogram: tuple[Bin, ...]

    def as_json(self) -> bytes:
        """The answer in UTF-8."""
        return json_bytes(asdict(self))


def refuse_many_elements(spec: Spec) -> None:
    """Check that the slice has at most MOST_ELEMENTS elements.

    Raises ImpossibleError (`too_large`), whose hint is a slice that works, and `impossible_slice`
    for one outside the tensor.
    """
    intervals = resolve_slice(spec.slice, spec.shape)
    elements = prod(stop - start for start, stop in intervals)
    if elements <= MOST_ELEMENTS:
        return
    smaller: list[Interval] = []
    size = elements
    for start, stop in intervals:
        # Each axis keeps what the limit leaves for it, beginning with the first one.
        size //= stop - start
        kept = min(stop - start, max(1, MOST_ELEMENTS // size))
        size *= kept
        smaller.append((start, start + kept))
    message = f"{elements} elements are too many for an audit; the limit is {MOST_ELEMENTS}"
    hint = f"write slice={write_value('slice', tuple(smaller))}"
    raise ImpossibleError("too_large", Problem("slice", message, hint))


def compile_loops() -> None:
    """Compile the loops that count values, which takes seconds the first time on a machine."""
    for dtype in (np.float32, np.float64):
        Tally(Edges(0.0, 1.0, 1)).update(np.zeros(1, dtype))


class SpecAuditor:
    """Takes the bytes of a planned tensor in format raw, in their order, in pieces of any size."""

    def __init__(self, plan: Plan) -> None:
        """Compute the expectation, which takes up to a second; nothing is drawn.

        The plan must have a seed if it needs one.
        """
        self._plan = plan
        self._tensor = plan.tensor
        self._position = 0
        self._digest, self._defined_digest = sha256(), sha256()
        self._expectation: Expectation | None = None
        edges = None
        if self._tensor.uses_words:
            self._expectation = expectation_of(self._tensor)
            edges = self._expectation.edges
        elif self._tensor.length:
            edges = edges_of_all(self._tensor)
        self._tally, self._defined = Tally(edges), Tally(edges)

    @cached_property
    def body(self) -> TensorBody:
        """The bytes to take."""
        return TensorBody(self._plan)

    def take(self, chunk: memoryview) -> None:
        """Count the next bytes: whole elements."""
        # A decoded value may take four times its bytes, and the chunk may be a whole matrix.
        for start in range(0, len(chunk), PIECE_BYTES):
            self._take_piece(chunk[start : start + PIECE_BYTES])

    def _take_piece(self, piece: memoryview) -> None:
        dtype = self._tensor.spec.dtype
        values = decoded(np.frombuffer(piece, np.uint8), dtype)
        self._digest.update(piece)
        self._tally.update(values)
        start, self._position = self._position, self._position + values.size
        if self._expectation is None:
            for part in defined_bytes(self._tensor, start, self._position):
                self._defined_digest.update(part)
                self._defined.update(decoded(np.frombuffer(part, np.uint8), dtype))

    def answer(self) -> SpecAudit:
        """The answer, after the last byte."""
        found, expectation = self._tally.summary(), self._expectation
        sha, defined_sha = self._digest.hexdigest(), None
        if expectation is None:
            defined_sha = self._defined_digest.hexdigest()
            statistics, bins = exactly(found, self._defined.summary())
        else:
            statistics, bins = compared(found, expectation)
        wrong = [
            name
            for name in ("mean", "std", "zeros", "min", "max")
            if not getattr(statistics, name).consistent
        ]
        if not all(each.consistent for each in bins):
            wrong.append("histogram")
        if found.finite < found.count:
            wrong.append("not_finite")
        if defined_sha is not None and sha != defined_sha:
            wrong.append("sha256")
        inconsistencies = tuple(wrong)
        deterministic = expectation is None
        return SpecAudit(
            verdict="inconsistent" if wrong else "consistent",
            explanation=explained(
                found, statistics, bins, inconsistencies, deterministic=deterministic
            ),
            inconsistencies=inconsistencies,
            url=self._plan.url,
            etag=tensor_tag(self._plan.url, self._plan.drafts),
            dtype=self._tensor.spec.dtype,
            elements=found.count,
            deterministic=deterministic,
            sha256=sha,
            expected_sha256=defined_sha,
            statistics=statistics,
            histogram=bins,
        )
