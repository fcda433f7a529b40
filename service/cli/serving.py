"""The options of `serve`: settings that replace those of the environment."""

from service.cli.parser import LineParser, usable_settings
from service.settings import Settings, variable

_OPTIONS = ("host", "port", "workers")


def read_settings(arguments: list[str]) -> Settings:
    """The settings of the environment and of these arguments; exits if they are invalid."""
    parser = LineParser("serve", "Run the HTTP server until a signal ends it.")
    for name in _OPTIONS:
        field = Settings.model_fields[name]
        text = f"{field.description} [default: {variable(name)}, else {field.default}]"
        parser.add_argument(f"--{name}", help=text, metavar=name.upper())
    return usable_settings(**vars(parser.parse_args(arguments)))
