"""What is known of a tensor, and the verdicts that there are."""

from dataclasses import dataclass, replace
from enum import Enum

from service.audit.files.stored import Stored
from service.audit.laws.candidates import Candidate
from service.audit.laws.orthogonality import Orthogonal
from service.audit.laws.readings import Reading, Role
from service.audit.tally import Summary
from service.initializers.fans import Fans


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
    `note` is a remark that is no fault. `reading` is the meaning of the axes by which `fans` and
    `gains` are counted; all are None if there are none.

    `orthogonal` is the result of the Gram test, and `others` are laws that fit too, but are less
    likely than the verdict. Both are for the judgement.
    """

    tensor: Stored
    role: Role
    summary: Summary
    sha256: str
    verdict: Verdict
    explanation: str
    laws: tuple[Candidate, ...] = ()
    note: str | None = None
    reading: Reading | None = None
    fans: Fans | None = None
    gains: Gains | None = None
    orthogonal: Orthogonal | None = None
    others: tuple[Candidate, ...] = ()

    @property
    def is_fault(self) -> bool:
        """Whether the verdict is a fault."""
        return self.verdict in FAULTS

    def decided(self, verdict: Verdict, explanation: str) -> "Audited":
        """The same with a verdict."""
        return replace(self, verdict=verdict, explanation=explanation)
