"""A check beside those of Schemathesis: why a request that fits the document may be 400."""

import re
from typing import Any

import schemathesis

BEYOND_SCHEMA = {
    "bad_layout": "D, H or W twice",
    "conflicting_fields": "two fields",
    "duplicate_field": "members of a config that are given twice",
    "malformed_range": "the braces in the name of a tensor",
    "malformed_token": "the digest of a token",
    "other_edition": "the recipe of a token",
    "token_not_canonical": "the text of a token",
    "unknown_word": "the architecture of a manifest",
    "malformed_text": "the bytes of a name, or a letter of gates twice",
    "missing_field": "a member that is null, or width and shape of a query",
    "out_of_range": "the magnitude of a text",
    "scheme_field": "two fields",
}
"""The reasons of a 400 that no schema can say, and what they depend on."""

EXACT = {
    *("depth", "decoder_depth", "branches", "branch_layers", "layer_index", "factor", "seed"),
    *("groups", "classes", "width", "repeat", "tokens", "step", "most_steps"),
}
"""Single integers. The document has their limits, so they are never out of range."""

MODEL_FILE = "/v1/models/{token}/{file}"

WHOLE_FLOAT = re.compile(r"'-?[0-9]+(\.0)?([eE][+-]?[0-9]+)?' is not an integer")
"""JSON Schema takes 5.0 for an integer. The service does not, so that a value has one spelling."""


@schemathesis.check
def refused_for_what_no_schema_says(ctx: Any, response: Any, case: Any) -> None:
    """Fail if a request that fits the document is 400 for another reason."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.body, dict) and case.body.get("weights_url") is not None:
        return  # The query within this text has all the faults that a query can have.
    if response.status_code == 400 and response.request.method != "HEAD":
        answer = response.json()
        keys = answer["reason"] == "unknown_field" and answer["errors"][0]["field"] == "keys"
        if keys and case.operation.path == MODEL_FILE:
            return  # `keys` is for files of tensors, and not for the index and the config.
        known = answer["reason"] in BEYOND_SCHEMA or WHOLE_FLOAT.search(answer["detail"])
        exact = answer["reason"] == "out_of_range" and answer["errors"][0]["field"] in EXACT
        told = f"{answer['reason']}: the document should have said so"
        assert known, told
        assert not exact, told
