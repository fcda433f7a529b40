"""The certificate: what is to be known of a tensor, in JSON, without any of its values."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from service.errors import ImpossibleError
from service.fields import write_value
from service.plan.canonical import canonical_tensor, canonical_url
from service.plan.drafts import drafts_of
from service.plan.facts import facts_of
from service.plan.rounded import rounded
from service.plan.tensor import Tensor
from service.plan.warnings import PlanWarning
from service.stream.address import stream_of
from service.stream.edition import EDITION
from service.wire.formats import FORMATS


def certificate_of(tensor: Tensor, warnings: tuple[PlanWarning, ...]) -> dict[str, Any]:
    """Facts, sizes and URLs of a tensor whose spec is canonical.

    `rounded` is what rounding makes of the values, None of an empty tensor. `shape` is the written
    part of `whole_shape`. The seed is a string, since JSON has no safe number above 2^53, and the
    stream's number is hexadecimal; both are None where no random word is used.
    """
    spec, placement, drafts = tensor.spec, tensor.placement, drafts_of(tensor.spec)
    return {
        "stream": EDITION,
        "status": "draft" if drafts else "frozen",
        "drafts": [str(draft) for draft in drafts],
        **asdict(facts_of(tensor)),
        "rounded": None if tensor.empty else asdict(rounded(tensor.drawing, spec.dtype)),
        "dtype": spec.dtype,
        "shape": list(placement.shape),
        "order": "F" if placement.fortran else "C",
        "whole_shape": list(spec.shape),
        "slice": write_value("slice", spec.slice) if spec.slice else None,
        "elements": placement.lattice.size,
        "name": spec.name,
        "seed": str(spec.seed) if tensor.random and spec.seed is not None else None,
        "stream_id": f"{stream_of(spec.name):016x}" if tensor.random else None,
        "formats": dict(_formats(tensor)),
        "warnings": [asdict(warning) for warning in warnings],
        "references": [asdict(reference) for reference in tensor.recipe.scheme.references],
    }


def _formats(tensor: Tensor) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each format that can carry the tensor: its canonical URL, and its length in bytes."""
    for written, format_ in FORMATS.items():
        try:
            other = canonical_tensor(tensor.spec, written)
            settled = other.spec.seed is not None or not other.random
            url = canonical_url(other) if settled else None
        except ImpossibleError:
            continue
        yield written, {"url": url, "bytes": None if format_.head is None else other.length}
