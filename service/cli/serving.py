"""The options of `serve`: settings, which replace the environment's."""

from service.cli.parser import LineParser, usable_settings
from service.settings import Settings, variable

_OPTIONS = ("host", "port", "workers")


def read_settings(arguments: list[str]) -> Settings:
    """The settings of the environment and these arguments; exits if they are no good."""
    parser = LineParser("serve", "Answer HTTP until a signal ends it.")
    for name in _OPTIONS:
        field = Settings.model_fields[name]
        text = f"{field.description} [{variable(name)}, or {field.default}]"
        parser.add_argument(f"--{name}", help=text, metavar=name.upper())
    return usable_settings(**vars(parser.parse_args(arguments)))
