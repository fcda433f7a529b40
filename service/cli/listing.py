"""`schemes`, `activations`, `layers`, `dtypes`: the tables, printed to be read, or as JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service import listings
from service.cli import tables
from service.cli.files import printed
from service.cli.parser import REFUSED, LineParser, complain_of
from service.errors import FaninError
from service.initializers.schemes import find_scheme
from service.wire.json_text import json_bytes


@dataclass(frozen=True, slots=True)
class Listing:
    """A table: what it holds, as records for JSON, and as text."""

    description: str
    records: Callable[[], dict[str, Any]]
    text: Callable[[], str]


LISTINGS = {
    "schemes": Listing("List the schemes.", listings.schemes, tables.schemes),
    "activations": Listing("List the activations.", listings.activations, tables.activations),
    "layers": Listing("List the layers.", listings.layers, tables.layers),
    "dtypes": Listing("List the element types.", listings.dtypes, tables.dtypes),
}


def print_listing(name: str, arguments: list[str]) -> int:
    """Print the table called `name`, or of the schemes the one that is named; the exit status."""
    listing = LISTINGS[name]
    parser = LineParser(name, listing.description)
    if name == "schemes":
        parser.add_argument("scheme", nargs="?", metavar="NAME", help="all about one scheme")
    parser.add_argument("--json", action="store_true", help="print JSON, the same as over HTTP")
    wish = parser.parse_args(arguments)
    if getattr(wish, "scheme", None) is not None:
        return _print_scheme(wish.scheme, as_json=wish.json)
    return printed(json_bytes(listing.records()) if wish.json else listing.text().encode())


def _print_scheme(name: str, *, as_json: bool) -> int:
    try:
        record = listings.scheme(name)
        content = json_bytes(record) if as_json else tables.scheme(find_scheme(name)).encode()
    except FaninError as error:
        complain_of(error.problems)
        return REFUSED
    return printed(content)
