"""The command `model`: write the files of a whole model, without a server."""

import argparse
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.cli.files import opened
from service.cli.model_files import RECORDS, FolderWriter
from service.cli.options import Once
from service.cli.output import FAILED, REFUSED, complain, printed
from service.cli.parser import LineParser, complain_of, usable_settings
from service.cli.partial import BusyError, irregular_file
from service.cli.progress import on_terminal
from service.cli.signals import ended_by_signals
from service.cores import available_cores
from service.errors import FaninError, Problem, UnreadableError
from service.models.listing import PATH, model_url, other_files, summary
from service.models.manifest import MOST_MANIFEST_BYTES, Manifest, parse_manifest
from service.models.planning import ModelFile, ModelPlan, plan_model
from service.models.store import ModelStore, OtherTokenError
from service.models.token import token_of
from service.plan.planning import DRAWN_BELOW
from service.wire.json_text import json_bytes

_DESCRIPTION = (
    "Write the files of a whole model: the same bytes as from /v1/models. Without -o, print its "
    "files, totals and warnings as JSON, as POST /v1/models answers."
)
_USAGE = "%(prog)s MANIFEST [-o DIR] [--shard K/N] [--resume]"
_EPILOG = (
    "A file has its name only when it is complete; until then its bytes are in NAME.fanin-part. "
    "DIR/.fanin has a record of each complete file, which --resume reads. Remove it when the model "
    "is complete, if you like."
)

_STANDARD_INPUT = "-"
_MOST_WORKERS = 10**6

_URL = re.compile(rf"(?:https?://[^/]+)?{PATH}/([^/?#]+)/?")
_TOKEN = re.compile("[A-Za-z0-9_-]{16,}")

_MODEL_FILE = re.compile(r"model(-[0-9]+-of-[0-9]+)?\.safetensors(\.index\.json)?")
"""Files that loaders look for by their names."""

_ADVICE = "what is written is kept, and --resume continues"


@dataclass(frozen=True, slots=True)
class Share:
    """The files that worker `worker` of `workers` writes, counted from 1: each `workers`th."""

    worker: int = 1
    workers: int = 1

    def of(self, files: Sequence[ModelFile]) -> Sequence[ModelFile]:
        """The files of this worker."""
        return files[self.worker - 1 :: self.workers]


class _RefusedError(Exception):
    """The command cannot be carried out as it is written. The text is one line for the user."""


def write_model(arguments: list[str]) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    settings = usable_settings()
    try:
        manifest = _manifest(options.manifest, settings.max_bytes)
        drawn = manifest.seed is None
        if drawn:
            _refuse_without_seed(options)
            manifest = manifest.model_copy(update={"seed": secrets.randbelow(DRAWN_BELOW)})
        plan = plan_model(manifest, max_bytes=settings.max_bytes)
        if options.output is None:
            return _print_summary(plan, options)
        share = options.shard or Share()
        _refuse_single(plan, share)
    except FaninError as error:
        complain_of(error.problems, ())
        return REFUSED
    except _RefusedError as error:
        complain(str(error))
        return REFUSED
    except OSError as error:
        complain(f"{options.manifest}: {error.strerror or error}")
        return FAILED
    _say(plan, drawn=drawn)
    threads = settings.threads or available_cores()
    return _written(plan, options.output, share, threads, resume=options.resume)


def _parser() -> LineParser:
    parser = LineParser("model", _DESCRIPTION, _USAGE, _EPILOG)
    parser.add_argument(
        "manifest",
        metavar="MANIFEST",
        help="a JSON file; - is standard input. Or the token of a model, or its URL, of which only "
        "the token is read",
    )
    parser.add_argument(
        "-o",
        "--output",
        action=Once,
        metavar="DIR",
        help="the folder to write to. It is made if there is none. Files of the model that are "
        "there are replaced",
    )
    parser.add_argument(
        "--shard",
        action=Once,
        type=_share,
        metavar="K/N",
        help="write the share of worker K of N: the files K, K + N, and so on. Worker 1 also "
        "writes the index and the config. Needs max_shard_size and seed in the manifest",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the unfinished files of the same model, and keep the complete ones",
    )
    return parser


def _share(text: str) -> Share:
    """A reader of K/N, for argparse."""
    found = re.fullmatch("([0-9]{1,7})/([0-9]{1,7})", text)
    if found is not None and 1 <= int(found[1]) <= int(found[2]) <= _MOST_WORKERS:
        return Share(int(found[1]), int(found[2]))
    message = f"{text[:40]!r} is not K/N with K from 1 to N and N at most {_MOST_WORKERS}"
    raise argparse.ArgumentTypeError(message)


def _manifest(source: str, max_bytes: int) -> Manifest:
    """The manifest of a file, of standard input, or of a token.

    Raises FaninError, _RefusedError for a token that is not canonical, and OSError.
    """
    token = None if source == _STANDARD_INPUT or os.path.exists(source) else _token(source)
    if token is None:
        return parse_manifest(_content(source))
    try:
        return ModelStore(max_bytes).model(token).plan.manifest
    except OtherTokenError as error:
        right = model_url(error.token)
        if error.edition:
            message = f"the token is of another edition of the recipe; the present one is {right}"
        else:
            message = f"the token is not canonical; the right one is {right}"
        raise _RefusedError(message) from None


def _token(source: str) -> str | None:
    """The token in a word of the command line, None if it must be a file."""
    url = _URL.fullmatch(source)
    if url is not None:
        return url[1]
    return source if _TOKEN.fullmatch(source) else None


def _content(source: str) -> bytes:
    """The text of a manifest.

    Raises UnreadableError for more than MOST_MANIFEST_BYTES, and OSError.
    """
    if source == _STANDARD_INPUT:
        if sys.stdin is None:
            raise OSError("standard input is closed")
        content = sys.stdin.buffer.read(MOST_MANIFEST_BYTES + 1)
    else:
        with open(source, "rb") as file:
            content = file.read(MOST_MANIFEST_BYTES + 1)
    if len(content) > MOST_MANIFEST_BYTES:
        message = f"the manifest has more than {MOST_MANIFEST_BYTES} bytes"
        hint = "use ranges in names, and rules for fields that many tensors share"
        raise UnreadableError("payload_too_large", Problem("", message, hint))
    return content


def _refuse_without_seed(options: argparse.Namespace) -> None:
    """Raises _RefusedError if other runs of the command must make the same model."""
    for name, given in (("--shard", options.shard), ("--resume", options.resume)):
        if given:
            message = 'needs "seed" in the manifest: without it, each run draws another one'
            raise _RefusedError(f"{name} {message}")


def _refuse_single(plan: ModelPlan, share: Share) -> None:
    """Raises _RefusedError if several workers would share one file."""
    if share.workers > 1 and len(plan.files) == 1:
        message = (
            f'the model is one file, which {share.workers} workers cannot share: add "max_shard_'
            'size": "1GB" to the manifest, or a smaller size'
        )
        raise _RefusedError(message)


def _print_summary(plan: ModelPlan, options: argparse.Namespace) -> int:
    """Print the answer of POST /v1/models. Raises ImpossibleError if the token is too long."""
    for name, given in (("--shard", options.shard), ("--resume", options.resume)):
        if given:
            raise _RefusedError(f"{name} needs -o DIR")
    return printed(json_bytes(summary(plan, token_of(plan.text))))


def _say(plan: ModelPlan, *, drawn: bool) -> None:
    """Print the seed if it was drawn, and the warnings, before anything is written."""
    for warning in plan.warnings:
        about = f" ({warning.tensors} tensors, first {warning.example})" if warning.example else ""
        complain(f"{warning.code}: {warning.message}{about}")
    if drawn:
        try:
            other = f", or give {model_url(token_of(plan.text))}"
        except FaninError:
            # A model that is written here may have a manifest that no URL can carry.
            other = ""
        seed = plan.seed
        complain(
            f'seed {seed} was drawn at random; for the same bytes add "seed": {seed} to the '
            f"manifest{other}"
        )


def _written(plan: ModelPlan, output: str, share: Share, threads: int, *, resume: bool) -> int:
    """Write the files of a share, and return the exit status."""
    files = share.of(plan.files)
    others = other_files(plan) if share.worker == 1 else {}
    if not files:
        count = len(plan.files)
        complain(
            f"worker {share.worker} of {share.workers} has nothing to write: the model has "
            f"{count} files"
        )
        return 0
    folder, began = Path(output), time.monotonic()
    try:
        _refuse_folder(plan, output, [*(each.name for each in files), *others])
        folder.mkdir(parents=True, exist_ok=True)
        if not resume:
            _refuse_without_space(folder, sum(each.length for each in files))
        with ended_by_signals(last_line=f"stopped; {_ADVICE}"):
            count = FolderWriter(plan, folder, threads, resume).write(files)
            for name, text in others.items():
                with opened(str(folder / name)) as stream:
                    stream.write(text)
    except _RefusedError as error:
        complain(str(error))
        return REFUSED
    except BusyError as error:
        complain(f"{output}: {error}")
        return FAILED
    except OSError as error:
        kept = f"; {_ADVICE}" if any(folder.glob("*.fanin-part")) else ""
        complain(f"{error.filename or output}: {error.strerror or error}{kept}")
        return FAILED
    if on_terminal():
        seconds = time.monotonic() - began
        complain(
            f"{output}: {len(files)} files are complete; {count} bytes were written in "
            f"{seconds:.1f} s"
        )
    return 0


def _refuse_without_space(folder: Path, needed: int) -> None:
    """Raises _RefusedError if the files are longer than the space that is free on the disk."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        message = f"the files have {needed} bytes, and {folder} has {free} bytes free"
        raise _RefusedError(f"{message}: name another folder, or write a share with --shard")


def _refuse_folder(plan: ModelPlan, output: str, names: Sequence[str]) -> None:
    """Raises _RefusedError if the files `names` cannot be written there, or would be misread."""
    folder = Path(output)
    if not folder.is_dir():
        if os.path.lexists(folder):
            raise _RefusedError(f"{output} is not a folder")
        return
    records = folder / RECORDS
    if os.path.lexists(records) and (records.is_symlink() or not records.is_dir()):
        raise _RefusedError(f"{records} is not a folder")
    for name in names:
        irregular = irregular_file(folder / name) or irregular_file(records / f"{name}.json")
        if irregular is not None:
            raise _RefusedError(f"{irregular} is not a regular file")
    ours = {*(each.name for each in plan.files), *other_files(plan)}
    for name in sorted(os.listdir(folder)):
        if _MODEL_FILE.fullmatch(name) and name not in ours:
            message = f"{output} has {name} of another model, which loaders would mix with this one"
            raise _RefusedError(f"{message}: remove it, or name another folder")
