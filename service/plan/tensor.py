"""A resolved and checked spec: one record of everything that the response depends on.

It does not depend on the spelling of the request, except for `spec`.
"""

from dataclasses import dataclass
from functools import lru_cache
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
    """A tensor in a format.

    `blocks` follow each other along O; most tensors have one. `head` are the bytes before the
    values. `uses_words` says whether the bytes depend on the seed. `all_equal` says whether all
    elements have one value, so that the order does not matter. An empty slice uses no words.
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
        """The first block's law. All blocks have the same kind of draw, distribution and mode."""
        return self.blocks[0].law

    @property
    def empty(self) -> bool:
        """Whether the whole tensor has no element."""
        return 0 in self.spec.shape

    @property
    def length(self) -> int:
        """The bytes of head and values; 0 in a format without values."""
        if FORMATS[self.format].head is None:
            return 0
        return len(self.head) + self.placement.lattice.size * DTYPES[self.spec.dtype].itemsize


SPECS_KEPT = 64
"""The number of specs whose laws are cached. To find a canonical spec, about ten specs are tried,
some twice. A certificate does this for each format. A spec of 64 blocks takes about 60 KiB."""


def resolve(spec: Spec, format_name: str) -> Tensor:
    """The tensor of this spec in a format.

    Raises ImpossibleError if it cannot be issued, and UnreadableError for a layout that is neither
    letters nor a framework.
    """
    placement, blocks = _placed(spec)
    refuse_pair(FORMATS[format_name], DTYPES[spec.dtype], placement.fortran)
    _refuse_values(spec)
    size = placement.lattice.size
    return Tensor(
        spec=spec,
        format=format_name,
        placement=placement,
        scheme=scheme_of(spec, placement),
        blocks=blocks,
        head=head_of(spec, format_name, placement),
        uses_words=size > 0 and any(block.law.draw.uses_words for block in blocks),
        all_equal=size == 0 or (len(blocks) == 1 and blocks[0].law.draw.all_equal),
    )


@lru_cache(maxsize=SPECS_KEPT)
def _placed(spec: Spec) -> tuple[Placement, tuple[BlockLaw, ...]]:
    """The placement and the laws, which do not depend on the format. Errors are not cached."""
    placement = place(spec)
    return placement, laws_of(spec, placement)


@lru_cache(maxsize=SPECS_KEPT)
def _refuse_values(spec: Spec) -> None:
    """Refuse values that the dtype cannot represent. Errors are not cached."""
    _, blocks = _placed(spec)
    for block in blocks:
        _refuse_values_of(spec, block.law)


def _refuse_values_of(spec: Spec, law: Law) -> None:
    """Refuse values of a block that the dtype cannot represent.

    An empty tensor has no values. Its statistics must still be finite, since JSON has no infinity.
    """
    if 0 not in spec.shape:
        refuse_out_of_range(law.draw, spec.dtype)
        return
    numbers = (law.mean, law.std, law.limit, law.low, law.high)
    if not all(isfinite(number) for number in numbers if number is not None):
        problem = Problem(
            "dtype", "the std or a bound is infinite in float64", "make the values smaller"
        )
        raise ImpossibleError("overflows_dtype", problem)


def head_of(spec: Spec, format_name: str, placement: Placement) -> bytes:
    """The bytes before the values. They contain the name in a format that stores names."""
    head = FORMATS[format_name].head
    if head is None:
        return b""
    return head(DTYPES[spec.dtype], placement.shape, placement.fortran, spec.name)


def renamed_head(tensor: Tensor, name: str) -> bytes:
    """The bytes before the values if the tensor has another name.

    Raises ImpossibleError (`reserved_name`) for a name that the format reserves.
    """
    written = FORMATS[tensor.format]
    if written.head is None or not written.stores_name:
        return tensor.head
    placement = tensor.placement
    return written.head(DTYPES[tensor.spec.dtype], placement.shape, placement.fortran, name)
