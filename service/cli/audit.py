"""The command `audit`: what a checkpoint's weights were initialized with, and what is wrong."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from service.audit.audit import audit
from service.audit.checkpoint import opened_checkpoint
from service.audit.likeness import Difference, differences
from service.audit.page import audit_page, described, named
from service.audit.records import audit_record
from service.audit.sources import AuditError
from service.audit.stored import Stored
from service.audit.verdicts import Audited, Verdict
from service.cli.audit_reference import opened_reference
from service.cli.files import opened
from service.cli.options import Once
from service.cli.output import FAILED, REFUSED, complain, printed
from service.cli.parser import LineParser, complain_of
from service.cli.progress import progress_bar
from service.cli.remote import RemoteError
from service.errors import FaninError
from service.initializers.layers import FRAMEWORKS
from service.initializers.layouts import layer_of_letters, resolve_letters
from service.models.html import shown_name
from service.wire.json_text import json_bytes

_DESCRIPTION = (
    "Read the tensors of a checkpoint and say for each which initializers its values are "
    "consistent with. The exit status is 0 if there is no fault, 1 if a tensor has a fault or "
    "differs from --like, and 2 if the files cannot be read."
)
_EPILOG = (
    "Faults: NaN or infinity, weights of zeros or of one value, two equal tensors, the std of "
    "another layout, and the std of a truncation that was not corrected. docs/audit.md says how "
    "they are found."
)

MOST_NAMES = 2
"""The most names of a law in the table."""


def audit_checkpoint(arguments: list[str]) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        _check_layout(options.layout)
        with ExitStack() as stack:
            tensors = stack.enter_context(opened_checkpoint(Path(options.file)))
            others = None
            if options.like is not None:
                others = stack.enter_context(opened_reference(options.like))
            audited, found = _audited(tensors, others, options.layout)
    except FaninError as error:
        complain_of(error.problems)
        return REFUSED
    except (AuditError, RemoteError) as error:
        complain(shown_name(str(error)))
        return REFUSED
    except OSError as error:
        complain(f"{options.file}: {error.strerror or error}")
        return REFUSED
    if options.html is not None:
        try:
            with opened(options.html) as stream:
                stream.write(audit_page(options.file, audited, found))
        except OSError as error:
            complain(f"{options.html}: {error.strerror or error}")
            return REFUSED
    text = json_bytes(audit_record(audited, found)) if options.json else _text(audited, found)
    status = printed(text)
    return status or (FAILED if found or any(each.is_fault for each in audited) else 0)


def _parser() -> LineParser:
    parser = LineParser("audit", _DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a .safetensors, .npz or .npy file, a directory of them, or a .index.json of shards",
    )
    parser.add_argument(
        "--layout",
        action=Once,
        metavar="LAYOUT",
        help=f"{', '.join(FRAMEWORKS)}, or letters such as OIHW for tensors with as many axes. By "
        "default the names of tensors tell it, or the layouts of PyTorch, Keras and Flax are tried",
    )
    parser.add_argument(
        "--like",
        action=Once,
        metavar="URL",
        help="compare with the tensor or the model at this URL of a running server, or with a file",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--html", action=Once, metavar="FILE", help="write a page, which needs no other file"
    )
    return parser


def _check_layout(layout: str | None) -> None:
    """Raise FaninError for a layout that is neither a framework nor the letters of a layer."""
    if layout is None or layout in FRAMEWORKS:
        return
    resolve_letters(layout, layer_of_letters(layout), len(layout))


def _audited(
    tensors: list[Stored], others: list[Stored] | None, layout: str | None
) -> tuple[list[Audited], list[Difference] | None]:
    """The audit, and the differences from another checkpoint if there is one."""
    size = sum(tensor.count * tensor.itemsize for tensor in tensors)
    with progress_bar(size if others is None else 2 * size) as advance:
        audited = audit(tensors, layout, advance)
        found = None if others is None else list(differences(tensors, others, advance))
    return audited, found


_NUMBERS = ("std", "/He", "/Glorot", "/LeCun")
_COLUMNS = ("tensor", "shape", "fans", *_NUMBERS, "verdict", "law or explanation")
"""A column such as /He is the std divided by He's."""

_WIDEST_NAME = 48


def _text(audited: Sequence[Audited], found: Sequence[Difference] | None) -> bytes:
    """The table for a terminal, then the differences, then the number of both."""
    rows = [_COLUMNS, *(_row(each) for each in audited)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    lines = [_line(row, widths) for row in rows]
    if found is not None:
        lines.append("")
        lines += [described(each) for each in found] or ["all tensors are equal to the others"]
    faults = sum(each.is_fault for each in audited)
    count = f"{len(audited)} tensor{'' if len(audited) == 1 else 's'}"
    lines += ["", f"{count}, {faults or 'no'} fault{'' if faults == 1 else 's'}"]
    if found:
        lines[-1] += f", {len(found)} difference{'' if len(found) == 1 else 's'}"
    return ("\n".join(lines) + "\n").encode()


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        text.rjust(width) if column in _NUMBERS else text.ljust(width)
        for text, width, column in zip(row, widths, _COLUMNS, strict=False)
    ]
    return "  ".join((*cells, row[-1])).rstrip()


def _row(audited: Audited) -> tuple[str, ...]:
    fans, gains, summary = audited.fans, audited.gains, audited.summary
    ratios = (None,) * 3 if gains is None else (gains.he, gains.glorot, gains.lecun)
    return (
        _short(shown_name(audited.tensor.name)),
        "x".join(map(str, audited.tensor.shape)) or "scalar",
        "-" if fans is None else f"{fans.fan_in:g},{fans.fan_out:g}",
        *(("-" if number is None else f"{number:.4g}") for number in (summary.std, *ratios)),
        audited.verdict.value,
        _told(audited),
    )


def _told(audited: Audited) -> str:
    """The laws, the explanation of a fault, or both if the values do not decide."""
    if audited.is_fault or not audited.laws:
        return audited.explanation
    laws = [named(law, MOST_NAMES) for law in audited.laws]
    if audited.verdict is Verdict.UNDECIDED:
        laws.append(audited.explanation)
    return "; ".join(laws)


def _short(name: str) -> str:
    """The name, or its beginning and end."""
    if len(name) <= _WIDEST_NAME:
        return name
    half = (_WIDEST_NAME - 3) // 2
    return f"{name[:half]}...{name[-half:]}"
