"""The command `recommend`: how to initialize a layer's weights, as text or as JSON."""

from service.advice import Question, parse_question_words, recommend
from service.cli.options import LISTED, add_fields, read_options
from service.cli.output import REFUSED, printed
from service.cli.parser import LineParser, complain_of, usable_settings
from service.cli.report import report, short_report
from service.errors import FaninError

_DESCRIPTION = "Recommend how to initialize a layer's weights, and say why."
_USAGE = "%(prog)s --shape 64,3,7,7 --activation relu --depth 30"


def print_recommendation(arguments: list[str]) -> int:
    """Print the recommendation for the arguments. Returns the exit status."""
    words = read_options(_parser(), arguments)
    as_json = words.pop("json", None) is not None
    written = report if words.pop("long", None) is not None else short_report
    max_bytes = usable_settings().max_bytes
    try:
        answer = recommend(parse_question_words(words), max_bytes=max_bytes)
    except FaninError as error:
        complain_of(error.problems, Question.model_fields)
        return REFUSED
    return printed(answer.as_json() if as_json else written(answer).encode())


def _parser() -> LineParser:
    parser = LineParser("recommend", _DESCRIPTION, _USAGE, LISTED)
    parser.add_argument(
        "--long", action="store_const", const="", help="print everything, not one screen"
    )
    parser.add_argument(
        "--json", action="store_const", const="", help="print the whole answer as JSON"
    )
    add_fields(parser, Question)
    return parser
