"""The command `weights`: write one tensor to a file, without a server."""

import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from service.chunks import TensorBody
from service.cli.files import opened
from service.cli.options import TensorOptions, read_tensor_options
from service.cli.output import FAILED, REFUSED, STANDARD_OUTPUT, complain
from service.cli.parser import complain_of, usable_settings, with_options
from service.cli.progress import progress_bar
from service.errors import FaninError, Problem, UnreadableError
from service.fields import parse_words
from service.initializers.unknown_words import unknown_word
from service.plan import Plan, seeded_plan
from service.wire.formats import FORMATS

_DEFAULT_FORMAT = "npy"


def write_weights(arguments: list[str]) -> int:
    """Run the command and return its exit status."""
    options = read_tensor_options(arguments)
    max_bytes = usable_settings().max_bytes
    if os.path.isdir(options.output):
        complain(f"{options.output} is a folder")
        return REFUSED
    try:
        plan = seeded_plan(parse_words(options.fields), _format_name(options), max_bytes=max_bytes)
    except FaninError as error:
        complain_of(error.problems)
        return REFUSED
    try:
        _write(plan, options.output)
    except OSError as error:
        complain(f"{options.output}: {error.strerror or error}")
        return FAILED
    for warning in plan.warnings:
        complain(f"{warning.code}: {with_options(warning.message)}")
    for draft in plan.drafts:
        complain(f"{draft.field} {draft.name} is a draft: a later release may change its bytes")
    if plan.drawn:
        seed = plan.spec.seed
        same = f"{_command(options, seed)}, or {plan.url}"
        complain(f"seed {seed} was drawn at random; for the same bytes: {same}")
    return 0


def _format_name(options: TensorOptions) -> str:
    """The format that the option or the file's suffix names.

    Raises UnreadableError if they name different formats, or if neither names one.
    """
    suffix = PurePath(options.output).suffix
    by_suffix = {each.suffix: each.name for each in FORMATS.values()}.get(suffix)
    name = options.format_name
    if name is None:
        return by_suffix or _default_format(options.output, suffix)
    if name not in FORMATS:
        raise unknown_word("format", name, FORMATS, {}, "fields")
    if by_suffix not in (None, name):
        message = f"{options.output} has the suffix of format {by_suffix}, but --format is {name}"
        problem = Problem("format", message, "leave --format out, or rename the file")
        raise UnreadableError("conflicting_fields", problem)
    return name


def _default_format(output: str, suffix: str) -> str:
    """npy for standard output; raises UnreadableError for a file, whose suffix names no format."""
    if output == STANDARD_OUTPUT:
        return _DEFAULT_FORMAT
    message = f"no format has the suffix {suffix!r}" if suffix else "the file has no suffix"
    hint = f"add --format, one of {', '.join(FORMATS)}"
    raise UnreadableError("missing_field", Problem("format", message, hint))


def _command(options: TensorOptions, seed: int | None) -> str:
    """The command for the same bytes."""
    fields = options.fields | {"seed": str(seed)}
    given = [f"--{field.replace('_', '-')}={text}" for field, text in fields.items()]
    if options.format_name is not None:
        given.append(f"--format={options.format_name}")
    return shlex.join(["python", "-m", "service", "weights", *given, "-o", options.output])


def _write(plan: Plan, output: str) -> None:
    with opened(output) as stream:
        if plan.tensor.format == "json":
            stream.write(plan.certificate_text())
            return
        body = TensorBody(plan).in_larger_chunks()
        for chunk in _shown(body.chunks(), body.length):
            stream.write(chunk)


def _shown(chunks: Iterable[memoryview], length: int) -> Iterator[memoryview]:
    """The same chunks; shows a progress bar if standard error is a terminal."""
    with progress_bar(length) as advance:
        for chunk in chunks:
            yield chunk
            advance(len(chunk))
