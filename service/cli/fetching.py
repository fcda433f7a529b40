"""The command `fetch`: download a tensor in parts, several at a time, and continue a download."""

import os
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path

from service.cli.options import Once
from service.cli.output import FAILED, REFUSED, STANDARD_OUTPUT, complain
from service.cli.parser import LineParser, whole_number
from service.cli.partial import (
    BusyError,
    Interval,
    PartialFile,
    irregular_file,
    part_of,
    partial_file,
)
from service.cli.progress import complain_above_bar, on_terminal, progress_bar
from service.cli.remote import Description, RefusedError, Remote, RemoteError, plain
from service.cli.signals import ended_by_signals

_DESCRIPTION = (
    "Download a tensor with parallel range requests. Each answer is checked. A download that was "
    "interrupted continues when the command is repeated, also from another server."
)
_EPILOG = (
    "URL must be that of a format with ranges: .npy, .safetensors or .raw. On a terminal, standard "
    "error shows the progress, and at the end the bytes and seconds. Elsewhere nothing is printed "
    "unless there is a warning, a retry with a wait, a download to continue or an error."
)

PART_BYTES = 2**22
"""The size of a part. Caches and chunks have 1 MiB, and a server sends the digest of 8 MiB."""

_CONNECTIONS = 4
_RETRIES = 8


def fetch(arguments: list[str]) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    output: str = options.output
    if output == STANDARD_OUTPUT:
        complain("parts arrive in any order, so -o must be a file; curl writes to standard output")
        return REFUSED
    connections = options.connections or _CONNECTIONS
    retries = _RETRIES if options.retries is None else options.retries
    target = Path(os.path.realpath(output))
    try:
        irregular = irregular_file(target)
        if irregular is not None:
            complain(f"{irregular} is not a regular file")
            return REFUSED
        began = time.monotonic()
        with Remote(
            options.url, retries=retries, connections=connections, notify=complain_above_bar
        ) as remote:
            fetched = _fetch(remote, target, connections)
        if on_terminal():
            seconds = time.monotonic() - began
            complain(f"{output} is complete: {fetched} bytes were fetched in {seconds:.1f} s")
    except RefusedError as error:
        complain(str(error))
        return REFUSED
    except RemoteError as error:
        complain(f"{error}{_kept(target)}")
        return FAILED
    except OSError as error:
        # If another process has the file, the bytes that are there are not this one's.
        kept = "" if isinstance(error, BusyError) else _kept(target)
        complain(f"{output}: {error.strerror or error}{kept}")
        return FAILED
    return 0


def _parser() -> LineParser:
    parser = LineParser("fetch", _DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("url", metavar="URL", help="a tensor's URL, which must have a seed")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        action=Once,
        metavar="FILE",
        help="the file to write. An existing file is replaced when all bytes are written, also if "
        "it is complete already: it is not compared. Until then the bytes are in FILE.fanin-part",
    )
    parser.add_argument(
        "--connections",
        action=Once,
        type=whole_number(1, 64),
        metavar="COUNT",
        help=f"how many parts to request at a time [default: {_CONNECTIONS}]",
    )
    parser.add_argument(
        "--retries",
        action=Once,
        type=whole_number(0, 1000),
        metavar="COUNT",
        help=f"how often to repeat a request, with growing waits [default: {_RETRIES}]",
    )
    return parser


def _kept(target: Path) -> str:
    """The end of a message: what the next run can use."""
    return f"; {_ADVICE}" if part_of(target).exists() else ""


_ADVICE = "what has arrived is kept, and the same command continues"


def _fetch(remote: Remote, target: Path, connections: int) -> int:
    """Download the tensor to `target`, and return how many bytes were missing.

    Raises RemoteError and OSError.
    """
    description = remote.describe()
    with (
        partial_file(target, description.tag, description.length) as file,
        ended_by_signals(last_line=f"stopped; {_ADVICE}"),
    ):
        if file.other:
            complain("the unfinished download is of another tensor; it is discarded")
        elif file.kept:
            complain(f"continuing: {file.kept} of {file.length} bytes are here")
        _fetch_missing(remote, description, file, connections)
        file.replace_target()
    if description.warnings:
        warnings = plain(description.warnings)
        complain(f"the server warns: {warnings}; the .json of this URL says more")
    return file.length - file.kept


def _fetch_missing(
    remote: Remote, description: Description, file: PartialFile, connections: int
) -> None:
    """Download what is missing, `connections` parts at a time."""

    def fetched(part: Interval) -> Interval:
        file.write(part.start, remote.part(part.start, part.stop, description))
        return part

    parts = file.missing(PART_BYTES)
    with (
        ThreadPoolExecutor(connections) as threads,
        progress_bar(file.length, file.kept) as advance,
    ):
        waiting: set[Future[Interval]] = set()
        try:
            while True:
                free = connections - len(waiting)
                waiting |= {threads.submit(fetched, part) for part in islice(parts, free)}
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    part = future.result()
                    file.complete(part)
                    advance(part.stop - part.start)
        finally:
            # After a failure the other threads need not wait for their retries.
            remote.stop()
