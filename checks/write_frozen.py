"""Append to tests/golden/frozen-v1.json all that determines the bytes of /v1: `make vectors`.

The file has constants, tables, digests of the golden vectors, and responses whose bytes the
reference computes. An entry never changes. The script does not write a file in which one differs.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from checks.append_only import Document, write
from checks.frozen_requests import REQUESTS
from checks.frozen_tables import tables
from service.fields import parse_query
from service.plan import Plan, seeded_plan
from service.plan.tag import tensor_tag
from service.plan.tensor import Tensor
from service.plan.work import elements_of_an_output
from service.stream.address import Address, stream_of
from service.stream.draws import Elements
from service.stream.reference.elements import bytes_of
from service.stream.sources.index import element_numbers

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
PATH = GOLDEN / "frozen-v1.json"
VECTORS = GOLDEN / "stream-v1.json"
MAX_BYTES = 2**44


def document() -> Document:
    """The sections of the file, from the current code."""
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
    """The expected response to a GET: canonical URL, ETag and the SHA-256 of the whole body."""
    form, _, query = request.partition("?")
    plan = seeded_plan(parse_query(query.encode()), form, max_bytes=MAX_BYTES)
    return {
        "target": f"/v1/weights.{request}",
        "canonical": plan.url,
        "etag": tensor_tag(plan.url, plan.drafts),
        "sha256": hashlib.sha256(reference_file(plan)).hexdigest(),
    }


def reference_file(plan: Plan) -> bytes:
    """The head, and the values that the reference computes."""
    tensor = plan.tensor
    elements = element_numbers(tensor.placement.lattice)
    address = Address(plan.spec.seed or 0, stream_of(plan.spec.name))
    return tensor.head + b"".join(
        bytes_of(tensor.blocks[block].law.draw, plan.spec.dtype, address, elements[start:stop])
        for block, start, stop in _runs(tensor, elements)
    )


def _runs(tensor: Tensor, elements: Elements) -> Iterator[tuple[int, int, int]]:
    """Runs of elements in one block: the block's number, start and stop."""
    edges = np.cumsum([block.outputs for block in tensor.blocks])
    blocks = np.zeros(len(elements), np.int64)
    if len(edges) > 1:
        inner = elements_of_an_output(tensor.placement.letters or "", tensor.spec.shape)
        outputs = elements // inner % edges[-1]
        blocks = np.searchsorted(edges, outputs, side="right").astype(np.int64)
    ends = [*(np.flatnonzero(np.diff(blocks)) + 1).tolist(), len(blocks)]
    start = 0
    for stop in ends:
        if stop > start:
            yield int(blocks[start]), start, stop
        start = stop


if __name__ == "__main__":
    write(PATH, document())
