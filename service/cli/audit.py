"""The command `audit`: what a checkpoint's weights were initialized with, and what is wrong."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from service.audit.checkpoint.audit import audit
from service.audit.checkpoint.overview import fitted_count, not_fitted
from service.audit.checkpoint.page import audit_page
from service.audit.checkpoint.records import audit_json
from service.audit.checkpoint.verdicts import Audited
from service.audit.files.checkpoint import left_out, opened_checkpoint
from service.audit.files.likeness import Difference, differences
from service.audit.files.sources import AuditError
from service.audit.files.stored import Stored
from service.cli.audit_reference import opened_reference
from service.cli.audit_text import audit_text
from service.cli.files import opened
from service.cli.options import Once
from service.cli.output import FAILED, REFUSED, complain, printed, terminal_width
from service.cli.parser import LineParser, complain_of
from service.cli.progress import progress_bar
from service.cli.remote import RemoteError
from service.errors import FaninError
from service.initializers.layers import FRAMEWORKS
from service.initializers.layouts import layer_of_letters, resolve_letters
from service.models.html import shown_name

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


def audit_checkpoint(arguments: list[str]) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    if len(options.file) > 1:
        complain("give one FILE; for several files, give a directory that has no other ones")
        return REFUSED
    (file,) = options.file
    if "://" in file:
        complain(f"{shown_name(file)}: FILE must be a file or a directory; --like takes a URL")
        return REFUSED
    try:
        _check_layout(options.layout)
        with ExitStack() as stack:
            tensors = stack.enter_context(opened_checkpoint(Path(file)))
            others = None
            if options.like is not None:
                others = stack.enter_context(opened_reference(options.like))
            audited, found = _audited(tensors, others, options.layout)
        _tell_of_files(Path(file))
    except FaninError as error:
        complain_of(error.problems)
        return REFUSED
    except AuditError as error:
        complain(shown_name(str(error)))
        return REFUSED
    except RemoteError as error:
        complain("\n".join(map(shown_name, str(error).splitlines())))
        return REFUSED
    except OSError as error:
        complain(f"{file}: {error.strerror or error}")
        return REFUSED
    like = "" if options.like is None else shown_name(options.like)
    if options.html is not None:
        try:
            with opened(options.html) as stream:
                stream.write(audit_page(file, audited, found, like))
        except OSError as error:
            complain(f"{options.html}: {error.strerror or error}")
            return REFUSED
    if options.layout is not None:
        _tell_of_layout(audited, options.layout)
    if options.json:
        text = audit_json(audited, found, options.layout)
    else:
        text = audit_text(
            audited,
            found,
            every=options.all,
            faults=options.faults,
            like=like,
            width=terminal_width(),
        )
    status = printed(text)
    return status or (FAILED if found or any(each.is_fault for each in audited) else 0)


def _parser() -> LineParser:
    parser = LineParser("audit", _DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        "file",
        nargs="+",
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
    parser.add_argument(
        "--all",
        action="store_true",
        help="a row for each tensor; otherwise tensors are one row if only numbers in their names "
        "differ, such as those of equal layers",
    )
    parser.add_argument("--faults", action="store_true", help="print only the rows of faults")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--html", action=Once, metavar="FILE", help="write a page, which needs no other file"
    )
    return parser


def _tell_of_files(path: Path) -> None:
    """Say which files of a directory were not read because of its index."""
    others = left_out(path)
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        complain(
            shown_name(
                f"{path}: the files of the index were read, but not {others[0].name}{more}; give "
                "that file as FILE to audit it"
            )
        )


def _tell_of_layout(audited: Sequence[Audited], layout: str) -> None:
    """Say how many weights the option tells nothing about."""
    others = not_fitted(audited, layout)
    if not others:
        return
    fitted, first = fitted_count(audited, layout), others[0].tensor
    shape = "x".join(map(str, first.shape))
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    axes = "" if layout in FRAMEWORKS else f"; it is for weights with {len(layout)} axes"
    complain(
        f"--layout {layout} fits {fitted or 'none'} of {fitted + len(others)} weights: not "
        f"{shown_name(first.name)} ({shape}){more}{axes}"
    )


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
