"""The entry point: python -m service COMMAND.

The syntax of this module is old, so that an old Python can print the version error.
"""

import os
import sys
from collections.abc import Callable
from functools import partial

if sys.version_info < (3, 11):  # noqa: UP036 - reached by an older Python
    sys.exit("Fanin needs Python 3.11 or newer; this is " + sys.version.split()[0])

USAGE = """usage: python -m service COMMAND [option ...]

commands:
  serve        run the HTTP server
  weights      write one tensor to a file
  model        write the files of a whole model
  fetch        download a tensor from a server, in parts, and continue after an interruption
  verify       compare what a server sends, or a file, with the tensor computed here
  audit        say what the weights of a checkpoint were initialized with, and what is wrong
  recommend    recommend how to initialize a layer
  propagate    follow variances and gradients through a stack of layers
  schemes      list or search the schemes, or describe one
  activations  list the activations with their gains
  layers       list the layers with the letters of their axes
  dtypes       list the element types
  recipes      list the families of models that have a recipe
  openapi      print the OpenAPI document

python -m service COMMAND --help lists the options of a command. python -m service --version prints
the version.
"""


def main(arguments: list[str]) -> int:
    """Run a command and return the exit status: 0 success, 1 failure, 2 invalid arguments."""
    # NumPy multiplies matrices in simulations alone. More threads for that would take the cores
    # from the threads that compute tensors.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from service.cli.output import FAILED, complain
    from service.cli.signals import ended_by_signals

    command = COMMANDS.get(arguments[0]) if arguments else None
    try:
        if command is _serve:
            return command(arguments[1:])
        with ended_by_signals():
            return _answer(arguments) if command is None else command(arguments[1:])
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "service":
            raise
        reason = " ".join(str(error).split())
        complain(f"{reason}: run `make install`, which installs requirements.txt")
        return FAILED
    except KeyboardInterrupt:
        return 130


def _answer(arguments: list[str]) -> int:
    """Handle arguments that name no command: print the usage or the version, or refuse them."""
    from service.cli.output import REFUSED, complain, printed

    if arguments[:1] in (["-h"], ["--help"]):
        return printed(USAGE.encode())
    if arguments[:1] in (["-V"], ["--version"]):
        return printed(version().encode())
    if arguments:
        complain(f"there is no command {arguments[0][:40]!r}")
    complain(USAGE.rstrip())
    return REFUSED


def version() -> str:
    """The number of the release, and the edition of the stream."""
    from service import __version__
    from service.stream.edition import EDITION

    return f"fanin {__version__} (stream {EDITION})\n"


def _serve(arguments: list[str]) -> int:
    import time
    from contextlib import ExitStack

    began = time.monotonic()

    from service.cli.output import complain
    from service.cli.serving import read_settings
    from service.server.listening import listen, origin
    from service.settings import unknown_variables

    settings = read_settings(arguments)
    for line in unknown_variables(os.environ):
        complain(line)
    try:
        listeners = listen(settings.host, settings.port)
    except OSError as error:
        where = f"{settings.host} port {settings.port}"
        complain(f"cannot listen on {where}: {error.strerror or error}")
        return 1
    with ExitStack() as opened:
        for listener in listeners:
            opened.enter_context(listener)
        from service.server.workers import serve

        return serve(settings, listeners, GREETING.format(origin=origin(listeners[0])), began)


GREETING = (
    "Fanin listens on {origin}; try: curl --fail --retry 100 -o w.npy "
    "'{origin}/v1/weights.npy?shape=64,3,7,7&scheme=he_normal&seed=42&name=conv1.weight'"
)


def _weights(arguments: list[str]) -> int:
    from service.cli.weights import write_weights

    return write_weights(arguments)


def _model(arguments: list[str]) -> int:
    from service.cli.model import write_model

    return write_model(arguments)


def _fetch(arguments: list[str]) -> int:
    from service.cli.fetching import fetch

    return fetch(arguments)


def _verify(arguments: list[str]) -> int:
    from service.cli.verifying import verify

    return verify(arguments)


def _audit(arguments: list[str]) -> int:
    from service.cli.audit import audit_checkpoint

    return audit_checkpoint(arguments)


def _recommend(arguments: list[str]) -> int:
    from service.cli.recommending import print_recommendation

    return print_recommendation(arguments)


def _propagate(arguments: list[str]) -> int:
    from service.cli.propagating import print_propagation

    return print_propagation(arguments)


def _listing(name: str, arguments: list[str]) -> int:
    from service.cli.listings import print_listing

    return print_listing(name, arguments)


def _schemes(arguments: list[str]) -> int:
    from service.cli.listings import print_schemes

    return print_schemes(arguments)


def _openapi(arguments: list[str]) -> int:
    from service.api.app import create_app
    from service.cli.output import printed
    from service.cli.parser import LineParser, usable_settings
    from service.wire.json_text import json_bytes

    LineParser("openapi", "Print the OpenAPI document.").parse_args(arguments)
    return printed(json_bytes(create_app(usable_settings()).openapi()))


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "serve": _serve,
    "weights": _weights,
    "model": _model,
    "fetch": _fetch,
    "verify": _verify,
    "audit": _audit,
    "recommend": _recommend,
    "propagate": _propagate,
    "schemes": _schemes,
    "activations": partial(_listing, "activations"),
    "layers": partial(_listing, "layers"),
    "dtypes": partial(_listing, "dtypes"),
    "recipes": partial(_listing, "recipes"),
    "openapi": _openapi,
}

if __name__ == "__main__":
    from service.cli.output import reserve_standard_descriptors

    reserve_standard_descriptors()
    sys.exit(main(sys.argv[1:]))
