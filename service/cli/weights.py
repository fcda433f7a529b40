"""`weights`: one tensor to a file, without a server."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from service.chunks import TensorBody
from service.cli.files import STANDARD_OUTPUT, opened
from service.cli.parser import FAILED, REFUSED, complain, complain_of, usable_settings
from service.cli.words import Wish, read_wish
from service.errors import FaninError, Problem, UnreadableError
from service.initializers.words import unknown_word
from service.plan.issuing import Issue, issue
from service.spec import parse_words
from service.wire.formats import FORMATS

_DEFAULT_FORMAT = "npy"


def write_weights(arguments: list[str]) -> int:
    """Do what the arguments ask for; the exit status."""
    wish = read_wish(arguments)
    max_bytes = usable_settings().max_bytes
    try:
        issued = issue(parse_words(wish.words), _form(wish), max_bytes=max_bytes)
    except FaninError as error:
        complain_of(error.problems)
        return REFUSED
    if issued.drawn:
        complain(f"seed {issued.plan.spec.seed} was drawn: the same again is {issued.url}")
    try:
        _write(issued, wish.output)
    except OSError as error:
        complain(f"{wish.output}: {error.strerror or error}")
        return FAILED
    return 0


def _form(wish: Wish) -> str:
    """The format named, or that of the file's suffix."""
    if wish.form is not None:
        if wish.form not in FORMATS:
            raise unknown_word("format", wish.form, FORMATS, {}, "--help")
        return wish.form
    suffix = PurePath(wish.output).suffix
    if wish.output == STANDARD_OUTPUT:
        return _DEFAULT_FORMAT
    for form in FORMATS.values():
        if form.suffix == suffix:
            return form.name
    message = f"no format has files that end in {suffix!r}" if suffix else "the file has no suffix"
    hint = f"add --format, one of {', '.join(FORMATS)}"
    raise UnreadableError("missing_field", Problem("format", message, hint))


def _write(issued: Issue, output: str) -> None:
    with opened(output) as stream:
        if issued.plan.format == "json":
            stream.write(issued.certificate())
            return
        body = TensorBody(issued.plan)
        for chunk in _shown(body.chunks(), body.length):
            stream.write(chunk)


def _shown(chunks: Iterable[memoryview], length: int) -> Iterator[memoryview]:
    """The same chunks, with a progress bar if a person is watching."""
    if not sys.stderr.isatty():
        yield from chunks
        return
    from tqdm import tqdm

    with tqdm(total=length, unit="B", unit_scale=True, unit_divisor=1024) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk))
