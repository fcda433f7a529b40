"""Append to tests/golden/frozen-v1.json all that moves a byte of /v1: `make vectors`.

Constants, tables, digests of the golden vectors, and what requests are answered, whose bytes are
the reference's. An entry never changes: the script refuses to write a file in which one would.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from checks.append_only import Document, write
from checks.frozen_requests import REQUESTS
from checks.frozen_tables import tables
from service.api.headers import tensor_tag
from service.fields import parse_query
from service.plan import Plan
from service.plan.issuing import issue
from service.stream.address import Address, stream_of
from service.stream.bounds import outermost
from service.stream.reference.philox import wide_words, words
from service.stream.reference.rounding import clamped32, clamped64, encoded
from service.stream.reference.values import values32, values64

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
PATH = GOLDEN / "frozen-v1.json"
VECTORS = GOLDEN / "stream-v1.json"
MAX_BYTES = 2**44


def document() -> Document:
    """What the code says now, section by section."""
    return {
        "about": "All that moves a byte of /v1, frozen from release 0.1.0 on; docs/stream-v1.md",
        **tables(),
        **vector_digests(json.loads(VECTORS.read_text(encoding="utf-8"))),
        "requests": [answered(request) for request in REQUESTS],
    }


def vector_digests(vectors: Document) -> dict[str, list[str]]:
    """The SHA-256 of each golden vector as JSON with sorted keys and no blanks."""
    return {f"vectors, {key}": list(map(_digest, vectors[key])) for key in ("word_cases", "cases")}


def _digest(vector: Any) -> str:
    text = json.dumps(vector, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def answered(request: str) -> dict[str, str]:
    """What a GET is to answer: the canonical URL, the tag and the SHA-256 of the whole body."""
    form, _, query = request.partition("?")
    issued = issue(parse_query(query.encode()), form, max_bytes=MAX_BYTES)
    return {
        "target": f"/v1/weights.{request}",
        "canonical": issued.url,
        "etag": tensor_tag(issued),
        "sha256": hashlib.sha256(reference_file(issued.plan)).hexdigest(),
    }


def reference_file(plan: Plan) -> bytes:
    """Head and values as the reference makes them, block by block of those that are needed."""
    numbers = _element_numbers(plan)
    blocks, which = np.unique(numbers >> 2, return_inverse=True)
    address = Address(plan.spec.seed or 0, stream_of(plan.spec.name))
    low, high = outermost(plan.draw, plan.dtype)
    chosen = which.reshape(-1), numbers & 3
    if plan.dtype == "float64":
        wide = values64(plan.draw, wide_words(address, blocks.astype(np.uint64)))[chosen]
        return plan.head + encoded(clamped64(wide, low, high), plan.dtype)
    single = values32(plan.draw, words(address, blocks.astype(np.uint64)))[chosen]
    return plan.head + encoded(clamped32(single, low, high), plan.dtype)


def _element_numbers(plan: Plan) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The number in the stream of every element, in the order they are written."""
    numbers = np.full((), plan.lattice.offset, np.int64)
    for extent, stride in zip(plan.lattice.extents, plan.lattice.strides, strict=True):
        numbers = numbers[..., np.newaxis] + np.arange(extent, dtype=np.int64) * stride
    return numbers.reshape(-1)


if __name__ == "__main__":
    write(PATH, document())
