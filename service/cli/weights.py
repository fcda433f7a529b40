"""`weights`: one tensor to a file, without a server."""

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from service.chunks import TensorBody
from service.cli.files import STANDARD_OUTPUT, opened
from service.cli.parser import (
    FAILED,
    REFUSED,
    complain,
    complain_of,
    usable_settings,
    with_options,
)
from service.cli.signals import ended_by_exceptions
from service.cli.words import Wish, read_wish
from service.errors import FaninError, Problem, UnreadableError
from service.fields import parse_words
from service.initializers.words import unknown_word
from service.plan.issuing import Issue, issue
from service.wire.formats import FORMATS

_DEFAULT_FORMAT = "npy"


def write_weights(arguments: list[str]) -> int:
    """Do what the arguments ask for; the exit status."""
    wish = read_wish(arguments)
    max_bytes = usable_settings().max_bytes
    if os.path.isdir(wish.output):
        complain(f"{wish.output} is a folder")
        return REFUSED
    try:
        issued = issue(parse_words(wish.words), _form(wish), max_bytes=max_bytes)
    except FaninError as error:
        complain_of(error.problems)
        return REFUSED
    try:
        with ended_by_exceptions():
            _write(issued, wish.output)
    except OSError as error:
        complain(f"{wish.output}: {error.strerror or error}")
        return FAILED
    for warning in issued.plan.warnings:
        complain(f"{warning.code}: {with_options(warning.message)}")
    if issued.drawn:
        seed = issued.plan.spec.seed
        complain(f"seed {seed} was drawn; the same again: {_command(wish, seed)}, or {issued.url}")
    return 0


def _form(wish: Wish) -> str:
    """The format named, or that of the file's suffix; they may not say different things."""
    suffix = PurePath(wish.output).suffix
    ending = {form.suffix: form.name for form in FORMATS.values()}.get(suffix)
    if wish.form is None:
        return ending or _unsaid_form(wish.output, suffix)
    if wish.form not in FORMATS:
        raise unknown_word("format", wish.form, FORMATS, {}, "fields")
    if ending not in (None, wish.form):
        message = f"{wish.output} ends as a file of format {ending}, and --format says {wish.form}"
        problem = Problem("format", message, "leave --format out, or rename the file")
        raise UnreadableError("conflicting_fields", problem)
    return wish.form


def _unsaid_form(output: str, suffix: str) -> str:
    if output == STANDARD_OUTPUT:
        return _DEFAULT_FORMAT
    message = f"no format has files that end in {suffix!r}" if suffix else "the file has no suffix"
    hint = f"add --format, one of {', '.join(FORMATS)}"
    raise UnreadableError("missing_field", Problem("format", message, hint))


def _command(wish: Wish, seed: int | None) -> str:
    """What to type for the same bytes."""
    words = wish.words | {"seed": str(seed)}
    options = [f"--{field.replace('_', '-')}={text}" for field, text in words.items()]
    form = [] if wish.form is None else [f"--format={wish.form}"]
    return shlex.join(["python", "-m", "service", "weights", *options, *form, "-o", wish.output])


def _write(issued: Issue, output: str) -> None:
    with opened(output) as stream:
        if issued.plan.format == "json":
            stream.write(issued.certificate())
            return
        body = TensorBody(issued.plan).in_larger_chunks()
        for chunk in _shown(body.chunks(), body.length):
            stream.write(chunk)


def _shown(chunks: Iterable[memoryview], length: int) -> Iterator[memoryview]:
    """The same chunks, with a progress bar if a person is watching."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from chunks
        return
    from tqdm import tqdm

    with tqdm(total=length, unit="B", unit_scale=True, unit_divisor=1024) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk))
