"""The schemes that a client looks for: by family, by framework or by words."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from service.fields.errors import FieldError, shown
from service.fields.parsing import read_members
from service.fields.syntax import split_query
from service.fields.text import read_text
from service.fields.types import one_of
from service.initializers.schemes import SCHEMES, Scheme, family_of

MOST_QUERY_CHARACTERS = 100
"""The most characters of `q`. The time of a search grows with the number of words."""

FAMILIES = tuple(dict.fromkeys(map(family_of, SCHEMES)))
"""Every family, in the order of the table of schemes. A framework is a family too."""

FRAMEWORKS = tuple(dict.fromkeys(name.partition(".")[0] for name in SCHEMES if "." in name))
"""Every framework that schemes are named after, in the order of the table of schemes."""


def _known_word(known: Collection[str], kind: str) -> Callable[[object], str]:
    """A reader of one of the `known` words. `kind` is what they are called, in the plural."""

    def read(value: object) -> str:
        word = read_text(value)
        if word not in known:
            hint = f"the {kind} are {', '.join(known)}"
            raise FieldError("unknown_word", f"{shown(word)} is not known", hint)
        return word

    return read


def _read_words(value: object) -> str:
    text = read_text(value)
    if not text.split():
        raise FieldError("empty_field", "no word is given", "write a word, such as edge")
    if len(text) > MOST_QUERY_CHARACTERS:
        message = f"longer than {MOST_QUERY_CHARACTERS} characters"
        raise FieldError("malformed_text", message, "write fewer words")
    return text


_Family = Annotated[
    str | None, BeforeValidator(_known_word(FAMILIES, "families")), one_of(FAMILIES)
]
_Framework = Annotated[
    str | None, BeforeValidator(_known_word(FRAMEWORKS, "frameworks")), one_of(FRAMEWORKS)
]
_Words = Annotated[
    str | None,
    BeforeValidator(_read_words),
    WithJsonSchema({"type": "string", "pattern": "\\S", "maxLength": MOST_QUERY_CHARACTERS}),
]


class SchemeFilter(BaseModel):
    """The conditions that a listed scheme meets. A field that is None sets no condition."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="SchemeFilter")

    family: _Family = Field(
        default=None,
        description="Only the schemes of this family, the member `family` of a scheme.",
        examples=["filters"],
    )
    framework: _Framework = Field(
        default=None,
        description="Only the schemes whose names begin with this framework and a dot.",
        examples=["torch"],
    )
    q: _Words = Field(
        default=None,
        description=(
            "Only the schemes that have every one of these words in the name, an alias, the "
            "summary, the formula or the title of a paper. A part of a word is enough, and case "
            f"does not count. At most {MOST_QUERY_CHARACTERS} characters."
        ),
        examples=["edge"],
    )


def parse_filter_query(query_string: bytes) -> SchemeFilter:
    """The filter in a URL's query; raises UnreadableError with a problem for each error."""
    return read_members(SchemeFilter, *split_query(query_string))


def parse_filter_words(words: Mapping[str, str]) -> SchemeFilter:
    """The filter in a shell's words; raises UnreadableError with a problem for each error."""
    return read_members(SchemeFilter, words.items(), [])


def matching(wanted: SchemeFilter) -> Iterator[Scheme]:
    """The schemes that meet every condition, in the order of the table of schemes."""
    words = set((wanted.q or "").casefold().split())
    for name, scheme in SCHEMES.items():
        if (
            wanted.family in (None, family_of(name))
            and (wanted.framework is None or name.startswith(f"{wanted.framework}."))
            and all(word in _searched_text(name) for word in words)
        ):
            yield scheme


@cache
def _searched_text(name: str) -> str:
    """All texts of a scheme that are searched, a line each. No word of a query has a newline."""
    scheme = SCHEMES[name]
    titles = (paper.title for paper in scheme.references)
    return "\n".join((name, *scheme.aliases, scheme.summary, scheme.formula, *titles)).casefold()
