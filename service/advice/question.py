"""The question: the spec of a tensor, and what a recommendation needs to know of its layer.

Scheme fields in a question are the client's own choice. It is compared with the recommendation.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from service.fields import Spec, types
from service.fields.parsing import json_members, read_members
from service.fields.syntax import split_query
from service.fields.text import record_reader, word_reader
from service.initializers.activations import ACTIVATIONS, find_activation

NORMALIZATIONS = ("none", "batch", "layer", "rms", "group")
RESIDUALS = ("none", "pre_norm", "post_norm")
POSITIONS = ("first", "hidden", "output")

_NORMALIZATIONS = {
    **{"batchnorm": "batch", "bn": "batch", "layernorm": "layer", "ln": "layer"},
    **{"rmsnorm": "rms", "groupnorm": "group", "gn": "group", "false": "none"},
}
_RESIDUALS = {
    **dict.fromkeys(("pre", "preln", "prelayernorm"), "pre_norm"),
    **dict.fromkeys(("post", "postln", "postlayernorm"), "post_norm"),
    "false": "none",
}
_POSITIONS = {
    **dict.fromkeys(("input", "stem"), "first"),
    **dict.fromkeys(("middle", "inner"), "hidden"),
    **dict.fromkeys(("last", "final", "head", "classifier", "logits"), "output"),
}


_InputActivation = Annotated[
    str | None,
    BeforeValidator(record_reader(lambda word: find_activation(word).name)),
    types.one_of(ACTIVATIONS),
]
_Normalization = Annotated[
    str,
    BeforeValidator(word_reader("normalization", NORMALIZATIONS, _NORMALIZATIONS, "fields")),
    types.one_of(NORMALIZATIONS),
]
_Residual = Annotated[
    str,
    BeforeValidator(word_reader("residual", RESIDUALS, _RESIDUALS, "fields")),
    types.one_of(RESIDUALS),
]
_Position = Annotated[
    str,
    BeforeValidator(word_reader("position", POSITIONS, _POSITIONS, "fields")),
    types.one_of(POSITIONS),
]


class Question(Spec):
    """The description of a layer. A field that was not given has its default."""

    model_config = ConfigDict(title="Question")

    input_activation: _InputActivation = Field(
        default=None,
        description=(
            "The activation whose output the layer reads. By default `activation`, but linear for "
            "the first layer and for an output layer with sigmoid or softmax."
        ),
        examples=["relu"],
    )
    normalization: _Normalization = Field(
        default="none",
        description="The normalization before or after the layer.",
        examples=["batch"],
    )
    residual: _Residual = Field(
        default="none",
        description=(
            "Where the normalization of a block is, if the layer adds to a residual stream."
        ),
        examples=["pre_norm"],
    )
    position: _Position = Field(
        default="hidden", description="Where in the network the layer is.", examples=["output"]
    )


def parse_question_query(query_string: bytes) -> Question:
    """The question in a URL's query; raises UnreadableError with a problem for each error."""
    return read_members(Question, *split_query(query_string))


def parse_question_words(words: Mapping[str, str]) -> Question:
    """The question in a shell's words; raises UnreadableError with a problem for each error."""
    return read_members(Question, words.items(), [])


def parse_question_json(body: bytes) -> Question:
    """The question in a JSON object; raises UnreadableError with a problem for each error."""
    return read_members(Question, json_members(body), [])
