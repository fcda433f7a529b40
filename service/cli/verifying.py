"""The command `verify`: compare what a server or a file has with the tensor computed here."""

import os
import random
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from service.chunks import TensorBody
from service.cli.options import Once
from service.cli.output import FAILED, REFUSED, complain, printed
from service.cli.parser import LineParser, complain_of, whole_number
from service.cli.partial import Interval, is_regular_or_absent, merged
from service.cli.progress import progress_bar
from service.cli.remote import RefusedError, Remote, RemoteError, WrongAnswerError, http_url, plain
from service.errors import FaninError
from service.fields import parse_query
from service.plan import Plan, plan
from service.plan.canonical import PATH
from service.plan.tag import tensor_tag
from service.settings import MOST_BYTES
from service.wire.formats import FORMATS

_DESCRIPTION = (
    "Compute ranges of a tensor and compare them with what a URL serves, through any proxy or "
    "cache; or compare a file, for which no server is asked. The exit status is 1 if a byte, a "
    "length, a range or an entity tag differs."
)

_RANGES = 16
_RETRIES = 8
_MOST_RANGE_BYTES = 65536
_SEAM = 2**20
"""Caches and servers join their pieces at multiples of this many bytes."""

_FILE_PART_BYTES = 2**24

_ANY_SERVER = "http://127.0.0.1"
"""Completes a URL that is only a path. A comparison with a file asks no server."""


class DifferenceError(Exception):
    """What is served is not the tensor. The text says where the first difference is."""


def verify(arguments: list[str]) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    choice = secrets.randbelow(2**32) if options.choice is None else options.choice
    try:
        if options.file is not None and not is_regular_or_absent(Path(options.file)):
            complain(f"{options.file} is not a regular file")
            return REFUSED
        is_path = options.file is not None and options.url.startswith("/")
        tensor = _planned(_ANY_SERVER + options.url if is_path else options.url)
        length = tensor.tensor.length
        if options.file is not None and options.ranges is None:
            _compare_file(options.file, tensor, _whole(length))
            return printed(f"all {length} bytes agree\n".encode())
        ranges = _chosen(tensor, options.ranges or _RANGES, random.Random(choice))
        if options.file is not None:
            _compare_file(options.file, tensor, ranges)
        else:
            _compare_served(options.url, tensor, ranges)
    except FaninError as error:
        complain_of(error.problems)
        return REFUSED
    except RefusedError as error:
        complain(str(error))
        return REFUSED
    except (DifferenceError, RemoteError) as error:
        complain(str(error))
        return FAILED
    except OSError as error:
        complain(f"{options.file}: {error.strerror or error}")
        return FAILED
    again = f"--choice {choice} chooses these ranges again"
    return printed(f"{_agreement(ranges, length)} ({again})\n".encode())


def _parser() -> LineParser:
    parser = LineParser("verify", _DESCRIPTION)
    parser.add_argument(
        "url",
        metavar="URL",
        help="a tensor's URL, which must have a seed. With --file, its path and query are enough",
    )
    parser.add_argument(
        "--file",
        action=Once,
        metavar="FILE",
        help="compare this file, all of it unless --ranges is given",
    )
    parser.add_argument(
        "--ranges",
        action=Once,
        type=whole_number(1, 10**6),
        metavar="COUNT",
        help="how many ranges to compare. Up to five fixed ones, at the first bytes, the last "
        "bytes and the end of the head, are always compared, also if COUNT is less "
        f"[default: {_RANGES}]",
    )
    parser.add_argument(
        "--choice",
        action=Once,
        type=whole_number(0, 2**64 - 1),
        metavar="NUMBER",
        help="the seed of the choice of ranges, which is random by default and is printed",
    )
    return parser


def _planned(url: str) -> Plan:
    """The plan of the tensor at a URL; raises RefusedError and FaninError.

    The size of a tensor is not limited, since only parts of it are computed.
    """
    parts = http_url(url)
    path, _, format_name = (parts.path or "").rpartition(".")
    if not path.endswith(PATH) or FORMATS.get(format_name, FORMATS["json"]).head is None:
        formats = ", ".join(name for name, each in FORMATS.items() if each.head is not None)
        raise RefusedError(f"the path of the URL must end in {PATH}. and one of {formats}")
    found = plan(parse_query((parts.query or "").encode()), format_name, max_bytes=MOST_BYTES)
    if found.needs_seed:
        raise RefusedError("each request for a URL without a seed gets other bytes; add &seed=")
    return found


def _chosen(found: Plan, count: int, chooser: random.Random) -> list[Interval]:
    """`count` ranges in order, or as many as are always compared.

    These are the first byte, the last one, the last bytes up to an odd place, the head without
    its first byte, and the end of the head with the first values. Half of the others lie across a
    multiple of _SEAM.
    """
    length, head = found.tensor.length, len(found.tensor.head)
    always = [(0, 1), (length - 1, length), (length - 13, length), (1, head + 3), (head - 3, head)]
    clipped = [Interval(max(start, 0), min(stop, length)) for start, stop in always]
    ranges = [each for each in dict.fromkeys(clipped) if each.start < each.stop]
    while ranges and len(ranges) < count:
        size = chooser.randint(1, min(_MOST_RANGE_BYTES, length))
        start = chooser.randint(0, length - size)
        seams = (length - 1) // _SEAM
        if seams and chooser.random() < 0.5:
            seam = _SEAM * chooser.randint(1, seams)
            start = min(seam - chooser.randint(0, size), length - size)
        ranges.append(Interval(start, start + size))
    return sorted(ranges)


def _whole(length: int) -> Iterator[Interval]:
    for start in range(0, length, _FILE_PART_BYTES):
        yield Interval(start, min(start + _FILE_PART_BYTES, length))


def _agreement(ranges: list[Interval], length: int) -> str:
    """What has been compared. Bytes that several ranges share count once."""
    size = sum(each.stop - each.start for each in merged(ranges))
    rest = "; the rest was not compared" if size < length else ""
    return f"{len(ranges)} ranges, {size} of {length} bytes, agree{rest}"


def _compare_served(url: str, found: Plan, ranges: list[Interval]) -> None:
    """Compare what a URL serves; raises DifferenceError and RemoteError."""
    length, tag = found.tensor.length, tensor_tag(found.url, found.drafts)
    with Remote(url, retries=_RETRIES, connections=1, notify=complain) as remote:
        served = remote.describe()
        if served.length != length:
            raise DifferenceError(f"{served.length} bytes are served, not {length}")
        if served.tag != tag:
            other = "another tensor, or a draft of another release"
            raise DifferenceError(f"the ETag is {plain(served.tag)}, not {tag}: {other}")
        _compare(found, ranges, lambda part: remote.part(part.start, part.stop, served))


def _compare_file(name: str, found: Plan, ranges: Iterable[Interval]) -> None:
    """Compare a file; raises DifferenceError and OSError."""
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size != found.tensor.length:
            raise DifferenceError(f"{name} has {size} bytes, not {found.tensor.length}")
        read = partial(_read, file.fileno())
        with progress_bar(size) as advance:
            _compare(found, ranges, read, advance)


def _read(descriptor: int, part: Interval) -> bytes:
    return os.pread(descriptor, part.stop - part.start, part.start)


@dataclass(slots=True)
class _Comparison:
    """What was found in the ranges so far.

    `values` counts the bytes after the head that were compared, `wrong` those that differ.
    `any_values_agree` says whether a range with such bytes agrees.
    """

    head: int
    count: int = 0
    agreed: int = 0
    first: str = ""
    head_differs: bool = False
    any_values_agree: bool = False
    values: int = 0
    wrong: int = 0

    def add(self, part: Interval, served: bytes, computed: bytes) -> None:
        """Compare the bytes of a range."""
        if len(served) != len(computed):
            self.add_fault(part, f"{len(served)} bytes are there")
            return
        a, b = np.frombuffer(served, np.uint8), np.frombuffer(computed, np.uint8)
        differ = a != b
        of_values = differ[max(self.head - part.start, 0) :]
        self.count += 1
        self.values += of_values.size
        self.wrong += int(np.count_nonzero(of_values))
        if not differ.any():
            self.agreed += 1
            self.any_values_agree |= of_values.size > 0
        elif not self.first:
            place = int(np.argmax(differ))
            self.head_differs = part.start + place < self.head
            self.first = f"byte {part.start + place}: {a[place]:#04x}, not {b[place]:#04x}"

    def add_fault(self, part: Interval, fault: str) -> None:
        """Note that the bytes of a range could not be compared."""
        self.count += 1
        self.first = self.first or f"in bytes {part.start}-{part.stop - 1}: {fault}"

    def difference(self) -> DifferenceError | None:
        """The error that tells the first difference and its probable cause, if there is one.

        A wrong bit can make the only range differ. Another seed changes most bytes of all values.
        """
        if not self.first:
            return None
        lines = [
            f"{self.agreed} of {self.count} ranges agree; the first difference is {self.first}"
        ]
        if self.head_differs:
            lines.append("the head differs: another shape, dtype or format")
        elif not self.any_values_agree and 2 * self.wrong > self.values:
            lines.append("no range of values agrees: probably another seed, name or scheme")
        return DifferenceError("\n".join(lines))


def _compare(
    found: Plan,
    ranges: Iterable[Interval],
    read: Callable[[Interval], bytes],
    advance: Callable[[int], object] = lambda count: None,
) -> None:
    """Compare what `read` returns for each range; raises DifferenceError."""
    body = TensorBody(found)
    comparison = _Comparison(len(found.tensor.head))
    for part in ranges:
        try:
            served = read(part)
        except WrongAnswerError as error:
            comparison.add_fault(part, str(error))
        else:
            comparison.add(part, served, _computed(body, part))
        advance(part.stop - part.start)
    difference = comparison.difference()
    if difference is not None:
        raise difference


def _computed(body: TensorBody, part: Interval) -> bytes:
    wanted = body.part(part.start, part.stop)
    memory = np.empty(wanted.chunk_bytes, np.uint8)
    return b"".join(bytes(wanted.chunk(index, memory)) for index in range(wanted.chunk_count))
