"""The HTML of the page and of the explorer. Its lists of choices have the names of the tables."""

from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from string import Template

from service.advice import Question
from service.advice.question import NORMALIZATIONS
from service.advice.rationale import EXAMPLE_DEPTH
from service.advice.roles import ROLES
from service.dtypes import DTYPES
from service.fields import FIELDS
from service.initializers.activations import ACTIVATIONS
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.layouts import THREE_AXIS_LAYOUTS
from service.initializers.schemes import SCHEMES
from service.page.files import PageFile, edition, template
from service.propagation import Stack

_NAMES_OF_FRAMEWORKS = {
    "torch": "PyTorch",
    "keras": "Keras",
    "flax": "Flax",
    "flux": "Flux",
    "burn": "Burn",
    "candle": "candle",
    "mlx": "MLX",
    "tfjs": "TensorFlow.js",
    "onnx": "ONNX",
}

_DEFAULT_DTYPE = "float32"
"""The dtype that the page shows if none is given."""


@cache
def front() -> PageFile:
    """The page at `/`."""
    return _filled(
        "page.html",
        frameworks=_options({name: _NAMES_OF_FRAMEWORKS.get(name, name) for name in FRAMEWORKS}),
        layers=_options({name: name for name in LAYERS}),
        three_axes=_options(
            {each.letters: f"{each.letters}: {each.weight}" for each in THREE_AXIS_LAYOUTS}
        ),
        # Typed letters choose the first name that begins with them: tanh before tanhshrink.
        activations=_options({name: name for name in sorted(ACTIVATIONS)}),
        dtypes=_options({name: name for name in DTYPES if name != _DEFAULT_DTYPE}),
        normalizations=_options({name: name for name in NORMALIZATIONS}),
        roles=_options({name: name for name in ROLES}),
        schemes=_options(dict.fromkeys(SCHEMES, "")),
        tensor_fields=_words(FIELDS),
        advice_fields=_words(name for name in Question.model_fields if name not in FIELDS),
        stack_fields=_words(Stack.model_fields),
        example_depth=str(EXAMPLE_DEPTH),
    )


@cache
def explorer() -> PageFile:
    """The page at `/docs`: Swagger UI for the OpenAPI document."""
    return _filled("explorer.html")


def _filled(name: str, **parts: str) -> PageFile:
    text = Template(template(name)).substitute(parts, edition=edition())
    return PageFile.of(name, text.encode())


def _options(labels: Mapping[str, str]) -> str:
    """An option for each value; an empty label means that the value is its own label."""
    return "".join(
        f'<option value="{escape(value)}">{escape(label)}</option>'
        for value, label in labels.items()
    )


def _words(names: Iterable[str]) -> str:
    return escape(" ".join(names))
