"""A spec resolved and checked: everything its answer depends on, in one record.

It is the same for all spellings of a spec, but for the spec itself.
"""

from dataclasses import dataclass
from math import isfinite

from service.dtypes import DTYPES
from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.initializers.schemes import Law, Scheme
from service.plan.extremes import refuse_out_of_range
from service.plan.laws import BlockLaw, laws_of, scheme_of
from service.plan.placement import Placement, place
from service.wire.formats import FORMATS, refuse_pair


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a spec stands for in a format.

    `blocks` lie one after the other along O; most tensors have one. `uses_words` says whether a
    seed moves any byte, and `all_equal` whether all elements have one value, so that their order
    makes no difference. An empty part of a tensor uses no words.
    """

    spec: Spec
    format: str
    placement: Placement
    scheme: Scheme
    blocks: tuple[BlockLaw, ...]
    head: bytes
    uses_words: bool
    all_equal: bool

    @property
    def law(self) -> Law:
        """The first block's law: in what belongs to the scheme alone, blocks do not differ."""
        return self.blocks[0].law

    @property
    def empty(self) -> bool:
        """Whether the whole tensor has no element, so that there is no value to say anything of."""
        return 0 in self.spec.shape

    @property
    def length(self) -> int:
        """Bytes of head and values; 0 in a format that holds none."""
        if FORMATS[self.format].head is None:
            return 0
        return len(self.head) + self.placement.lattice.size * DTYPES[self.spec.dtype].itemsize


def resolve(spec: Spec, written: str) -> Tensor:
    """The tensor of this spec in the format `written`.

    Raises ImpossibleError, or UnreadableError for a layout that is no word, for whatever cannot
    be issued.
    """
    placement = place(spec)
    blocks = laws_of(spec, placement)
    refuse_pair(FORMATS[written], DTYPES[spec.dtype], placement.fortran)
    for block in blocks:
        _refuse_values(spec, block.law)
    size = placement.lattice.size
    return Tensor(
        spec=spec,
        format=written,
        placement=placement,
        scheme=scheme_of(spec, placement),
        blocks=blocks,
        head=head_of(spec, written, placement),
        uses_words=size > 0 and any(block.law.draw.uses_words for block in blocks),
        all_equal=size == 0 or (len(blocks) == 1 and blocks[0].law.draw.all_equal),
    )


def _refuse_values(spec: Spec, law: Law) -> None:
    """Refuse values that the dtype cannot hold.

    An empty tensor has no values, but its numbers have to be ones that a certificate can tell.
    """
    if 0 not in spec.shape:
        refuse_out_of_range(law.draw, spec.dtype)
        return
    numbers = (law.mean, law.std, law.limit, law.low, law.high)
    if not all(isfinite(number) for number in numbers if number is not None):
        problem = Problem(
            "dtype", "its std or a bound is infinite as a float64", "make the values smaller"
        )
        raise ImpossibleError("overflows_dtype", problem)


def head_of(spec: Spec, written: str, placement: Placement) -> bytes:
    """The bytes before the values, among them the name in a format that tells it."""
    head = FORMATS[written].head
    if head is None:
        return b""
    return head(DTYPES[spec.dtype], placement.shape, placement.fortran, spec.name)
