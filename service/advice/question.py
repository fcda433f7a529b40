"""The question: the spec of a tensor, and what a recommendation needs to know of its layer.

Scheme fields in a question are the client's own choice. It is compared with the recommendation.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from service.advice.roles import REPLACEMENTS as ROLE_REPLACEMENTS
from service.advice.roles import ROLES
from service.fields import Spec, types
from service.fields.parsing import json_members, read_members
from service.fields.syntax import split_query
from service.fields.text import record_reader, word_reader
from service.initializers.activations import ACTIVATIONS, find_activation

NORMALIZATIONS = ("none", "batch", "layer", "rms", "group")
RESIDUALS = ("none", "pre_norm", "post_norm", "branch_norm", "norm_free")
POSITIONS = ("first", "branch_first", "branch_last", "hidden", "output")

_NORMALIZATIONS = {
    **{"batchnorm": "batch", "bn": "batch", "layernorm": "layer", "ln": "layer"},
    **{"rmsnorm": "rms", "groupnorm": "group", "gn": "group", "false": "none"},
    **{"instance": "group", "instancenorm": "group"},
}
_RESIDUALS = {
    **dict.fromkeys(("pre", "preln", "prelayernorm", "preactivation"), "pre_norm"),
    **dict.fromkeys(("post", "postln", "postlayernorm"), "post_norm"),
    **dict.fromkeys(("normalizationfree", "nonorm", "unnormalised", "fixup"), "norm_free"),
    **dict.fromkeys(("resnet", "zerogamma", "normlast"), "branch_norm"),
    "false": "none",
}
_POSITIONS = {
    **dict.fromkeys(("input", "stem"), "first"),
    **dict.fromkeys(("middle", "inner"), "hidden"),
    **dict.fromkeys(("last", "final", "head", "classifier", "logits"), "output"),
    **dict.fromkeys(("blockfirst", "branchin"), "branch_first"),
    **dict.fromkeys(("blocklast", "branchout", "residual"), "branch_last"),
}


_InputActivation = Annotated[
    str | None,
    BeforeValidator(record_reader(lambda word: find_activation(word).name)),
    types.one_of(ACTIVATIONS),
]
_Normalization = Annotated[
    str | None,
    BeforeValidator(word_reader("normalization", NORMALIZATIONS, _NORMALIZATIONS, "fields")),
    types.one_of(NORMALIZATIONS),
]
_Residual = Annotated[
    str | None,
    BeforeValidator(word_reader("residual", RESIDUALS, _RESIDUALS, "fields")),
    types.one_of(RESIDUALS),
]
_Position = Annotated[
    str | None,
    BeforeValidator(word_reader("position", POSITIONS, _POSITIONS, "fields")),
    types.one_of(POSITIONS),
]
_Role = Annotated[
    str | None,
    BeforeValidator(word_reader("role", ROLES, ROLE_REPLACEMENTS, "fields")),
    types.one_of(ROLES),
]


class Question(Spec):
    """The description of a layer. A field that was not given has its default."""

    model_config = ConfigDict(title="Question")

    input_activation: _InputActivation = Field(
        default=None,
        description=(
            "The activation whose output the layer reads. By default linear for the first layer, "
            "behind layer or rms normalization, and for an output layer with sigmoid or softmax; "
            "otherwise `activation`."
        ),
        examples=["relu"],
    )
    normalization: _Normalization = Field(
        default=None,
        description=(
            "The network's normalization. `layer` and `rms` stand directly before the layer, in a "
            "residual block before the first one of a branch; `batch` and `group` stand between a "
            "layer and its activation. By default none, or that of the block."
        ),
        examples=["batch"],
    )
    residual: _Residual = Field(
        default=None,
        description=(
            "How a residual block is built: x + f(norm(x)) is pre_norm, norm(x + f(x)) post_norm, "
            "x + norm(f(x)) branch_norm, x + f(x) norm_free. By default there is none."
        ),
        examples=["pre_norm"],
    )
    position: _Position = Field(
        default=None,
        description=(
            "Where the layer is: the network's first or output layer, the first or last layer of a "
            "residual branch, or any other, which is hidden. By default hidden, or in a residual "
            "block the first of a branch."
        ),
        examples=["output"],
    )
    role: _Role = Field(
        default=None,
        description=(
            "Which weight of a known block the layer is. It stands for layer, position, "
            "input_activation and parts; in a Transformer's block also for residual=pre_norm and "
            "normalization=layer."
        ),
        examples=["mlp_down"],
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
