"""For random questions: the weights_url can be fetched and gives the recommended tensor."""

import json
from urllib.parse import urlencode

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.advice.question import NORMALIZATIONS, POSITIONS, RESIDUALS
from service.advice.roles import ROLES
from service.dtypes import DTYPES
from service.errors import FaninError
from service.initializers.activations import ACTIVATIONS
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.schemes import AUTO, SCHEMES
from tests.advice.asking import asked, fetched

NUMBERS = st.sampled_from(["0", "1", "0.02", "-1", "2", "1e-5", "1e200", "1e-300", "0.005"])
COUNTS = st.sampled_from(["1", "2", "3", "4"])
FIELDS = {
    "layer": st.sampled_from(list(LAYERS)),
    "layout": st.sampled_from([*FRAMEWORKS, "HWIO", "EOI", "IO"]),
    "groups": COUNTS,
    "parts": COUNTS,
    "stride": COUNTS,
    "fan_in": COUNTS,
    "fan_out": COUNTS,
    "activation": st.sampled_from(list(ACTIVATIONS)),
    "input_activation": st.sampled_from(list(ACTIVATIONS)),
    "negative_slope": NUMBERS,
    "scheme": st.sampled_from([AUTO, *SCHEMES]),
    "mode": st.sampled_from(["fan_in", "fan_out", "fan_avg"]),
    "distribution": st.sampled_from(["normal", "uniform", "truncated_normal"]),
    "gain": NUMBERS,
    "std": NUMBERS,
    "value": NUMBERS,
    "seed": st.integers(0, 2**64 - 1).map(str),
    "name": st.text("aé&=% /", max_size=6),
    "dtype": st.sampled_from(list(DTYPES)),
    "order": st.sampled_from("CF"),
    "normalization": st.sampled_from(NORMALIZATIONS),
    "residual": st.sampled_from(RESIDUALS),
    "position": st.sampled_from(POSITIONS),
    "role": st.sampled_from(list(ROLES)),
    "branches": COUNTS,
    "branch_layers": COUNTS,
    "base_fan_in": COUNTS,
    "depth": st.sampled_from(["1", "12", "30", "10000"]),
}


@st.composite
def queries(draw: st.DrawFn) -> str:
    """Questions of a few fields each, most of which have an answer."""
    shape = draw(st.lists(st.integers(1, 64), min_size=1, max_size=5))
    chosen = draw(st.sets(st.sampled_from(sorted(FIELDS)), max_size=7))
    fields = {field: draw(FIELDS[field]) for field in sorted(chosen)}
    return urlencode({"shape": ",".join(map(str, shape)), **fields})


@settings(max_examples=600)
@given(queries())
def test_the_weights_url_is_of_what_was_recommended(query: str) -> None:
    """It names a scheme, has the same statistics, and is canonical apart from a missing seed."""
    try:
        answer = asked(query)
    except FaninError:
        assume(False)
    planned = fetched(answer.weights_url)
    facts = planned.facts
    assert "scheme=auto" not in answer.weights_url
    assert (facts.std, facts.mean, facts.limit) == (answer.std, answer.mean, answer.limit)
    assert (facts.scheme, facts.gain) == (answer.scheme, answer.gain)
    assert (planned.url or "").replace("&seed=1", "", "seed=" not in answer.weights_url) == (
        answer.weights_url
    )
    json.dumps(answer.as_dict(), allow_nan=False)
