"""Ask for a recommendation with a query, as a client would."""

import numpy as np
from numpy.typing import NDArray

from service.advice import Recommendation, parse_question_query, recommend
from service.chunks import TensorBody
from service.fields import parse_query
from service.plan import Plan, plan

Array = NDArray[np.float64]

MOST = 2**44


def asked(query: str) -> Recommendation:
    """The recommendation for a query."""
    return recommend(parse_question_query(query.encode()), max_bytes=MOST)


def fetched(url: str) -> Plan:
    """The plan of a weights_url, with seed 1 if it has none."""
    path, _, query = url.partition("?")
    spec = parse_query(query.encode())
    if spec.seed is None:
        spec = parse_query(f"{query}&seed=1".encode())
    return plan(spec, path.rpartition(".")[2], max_bytes=MOST)


def weights(url: str) -> Array:
    """The float32 tensor at a weights_url."""
    planned = fetched(url)
    body = b"".join(map(bytes, TensorBody(planned).chunks()))
    values = np.frombuffer(body[len(planned.tensor.head) :], np.float32)
    return values.reshape(planned.tensor.placement.shape).astype(np.float64)


def codes(recommendation: Recommendation) -> list[str]:
    """The codes of its warnings, without those of a missing name and a missing layer."""
    unsaid = ("name_missing", "layer_guessed")
    return [each.code for each in recommendation.warnings if each.code not in unsaid]
