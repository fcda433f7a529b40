"""What the pictures of docs/schemes.md show, and the PNG files that show it.

A random scheme has a histogram of its example. A matrix is shown as one, each value as a colour,
and a table of one axis as a curve. A picture stores the digest of what it shows, so a test can tell
whether it is up to date without drawing it.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from service.chunks import TensorBody
from service.fields import parse_query
from service.initializers.layouts import LETTERS
from service.initializers.schemes import SCHEMES
from service.initializers.schemes.record import EXAMPLE
from service.plan import Plan, plan

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schemes"

WIDTH, HEIGHT = 240, 120
"""The size of every picture, in pixels."""

LEFT, RIGHT, TOP, BOTTOM = 8, 232, 8, 102
"""The area of the data in a picture, in pixels from the upper left corner."""

BINS = 56
"""The bins of a histogram: each is four pixels wide."""

DIGEST_KEY = "digest"
"""The keyword of the text in a PNG file that holds the digest."""

_SMALLER_EXAMPLE = "shape=32,64"
"""The matrix of a picture, where a larger one would have cells smaller than a pixel."""

_MOST_ROWS, _MOST_COLUMNS = 47, 112
"""The most cells of a picture of a matrix: each has at least two pixels along each axis."""

_ROWS, _ROWS_OF_FILTERS = "EO", "EIDH"
"""The letters whose axes are the rows of a picture, without and with an axis H. All other axes are
columns. So filters of two dimensions stand side by side."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Picture:
    """What a picture shows.

    `kind` is `histogram`, `matrix` or `curve`. `values` are those of the whole tensor, of the
    cells of the matrix, or of the points of the curve. `low`, `mean` and `high` are those of the
    certificate, or None if they are not known. `query` is the request for the tensor.
    """

    kind: str
    query: str
    values: Array
    low: float | None
    mean: float | None
    high: float | None

    def digest(self) -> str:
        """A hash of everything that the picture shows. Marks count with six digits."""
        marks = [mark and f"{mark:.6g}" for mark in (self.low, self.mean, self.high)]
        head = f"{self.kind} {self.values.shape} {marks}".encode()
        return hashlib.sha256(head + self.values.astype("<f8").tobytes()).hexdigest()

    def counts(self) -> tuple[npt.NDArray[np.int64], Array]:
        """The counts and the edges of the bins of the histogram."""
        ends = [float(self.values.min()), float(self.values.max())]
        margin = (ends[1] - ends[0]) / 20 or abs(ends[0]) / 2 or 1.0
        counts, edges = np.histogram(self.values, BINS, (ends[0] - margin, ends[1] + margin))
        return counts, edges


def picture_of(name: str) -> Picture:
    """What the picture of a scheme shows: its example, or a smaller matrix."""
    planned = _planned(name, SCHEMES[name].example)
    kind = _kind_of(planned)
    if kind == "matrix":
        planned = _planned(name, SCHEMES[name].example.replace(EXAMPLE, _SMALLER_EXAMPLE))
    body = b"".join(map(bytes, TensorBody(planned).chunks()))
    values = np.frombuffer(body, np.float32).astype(np.float64)
    if kind == "matrix":
        values = _cells(planned, values)
    facts = planned.facts
    query = planned.url.partition("?")[2]
    return Picture(kind, query, values, facts.low, facts.mean, facts.high)


def _planned(name: str, example: str) -> Plan:
    query = f"{example}&scheme={name}&seed=1&name=w"
    return plan(parse_query(query.encode()), "raw", max_bytes=2**30)


def _kind_of(planned: Plan) -> str:
    """A table or a matrix shows its values where they are; all else its distribution."""
    tensor = planned.tensor
    placed = tensor.scheme.access != "elementwise" or not (tensor.uses_words or tensor.all_equal)
    if not placed:
        return "histogram"
    return "matrix" if sum(extent > 1 for extent in tensor.spec.shape) > 1 else "curve"


def _cells(planned: Plan, values: Array) -> Array:
    """The tensor as a matrix: its first rows and columns.

    A tensor whose axes are all rows, such as an embedding, has the last one as columns.
    """
    letters, shape = planned.tensor.placement.letters or "", planned.spec.shape
    axes = sorted(range(len(shape)), key=lambda axis: LETTERS.index(letters[axis]))
    downwards = _ROWS_OF_FILTERS if "H" in letters else _ROWS
    rows = [axis for axis in axes if letters[axis] in downwards]
    columns = [axis for axis in axes if axis not in rows] or [rows.pop()]
    whole = values.reshape(shape).transpose(*rows, *columns)
    height = int(np.prod([shape[axis] for axis in rows]))
    return np.ascontiguousarray(whole.reshape(height, -1)[:_MOST_ROWS, :_MOST_COLUMNS])


def path_of(name: str) -> Path:
    """The file of a scheme's picture."""
    return FOLDER / f"{name}.png"


def chunks_of(png: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG file by their types; chunks of one type are joined.

    Raises ValueError if the file is not a PNG file, is cut off, or a checksum is wrong.
    """
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("no PNG file")
    found: dict[bytes, bytes] = {}
    at = 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        data = png[at + 8 : at + 8 + length]
        if png[at + 8 + length : at + 12 + length] != zlib.crc32(kind + data).to_bytes(4, "big"):
            raise ValueError(f"a wrong checksum in {kind!r}")
        found[kind] = found.get(kind, b"") + data
        at += 12 + length
    return found


def stored_digest(name: str) -> str | None:
    """The digest that the file of a scheme's picture stores; None without a file."""
    path = path_of(name)
    if not path.exists():
        return None
    keyword, _, text = chunks_of(path.read_bytes()).get(b"tEXt", b"").partition(b"\0")
    return text.decode() if keyword.decode() == DIGEST_KEY else None
