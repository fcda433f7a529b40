"""One call of /calibrate without HTTP: the step of LSUV, and what is said about a measurement."""

import json
import math
import re
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from service.calibration import Calibration, calibrate, parse_measurement_json
from service.errors import FaninError, ImpossibleError, UnreadableError
from service.initializers.schemes import SCHEMES

URL = "/v1/weights.npy?shape=64,64&scheme=orthogonal&seed=7&name=fc1.weight"


def call(**members: Any) -> Calibration:
    """The answer to a body with these members, for the tensor at URL unless they have another."""
    tensor = {} if "shape" in members or "weights_url" in members else {"weights_url": URL}
    body = json.dumps(tensor | {"measured_variance": 2.0} | members).encode()
    return calibrate(parse_measurement_json(body), max_bytes=2**40)


def refusal(**members: Any) -> FaninError:
    with pytest.raises(FaninError) as refused:
        call(**members)
    return refused.value


def codes(answer: Calibration) -> list[str]:
    return [warning.code for warning in answer.warnings]


def test_a_step_divides_the_weights_by_the_std_of_the_output() -> None:
    """Mishkin and Matas 2015, algorithm 1: W / sqrt(Var). Seed, name and format stay."""
    answer = call(measured_variance=2.0, measured_mean=0.01)
    assert (answer.verdict, answer.done) == ("corrected", False)
    assert answer.old == {"gain": 1.0}
    assert answer.new == {"gain": 0.707107}
    assert answer.factor == 0.707107
    assert answer.std == pytest.approx(0.707107 / 8, rel=1e-12)
    assert answer.weights_url == URL.replace("&seed", "&gain=0.707107&seed")
    assert [paper.where for paper in answer.references] == ["ICLR 2016, arXiv:1511.06422"]
    assert answer.warnings == ()


@pytest.mark.parametrize(("variance", "target"), [(4.0, 1.0), (1.0, 0.25), (1e-9, 1.0), (3.0, 7.5)])
def test_the_factor_is_the_root_of_target_over_measured(variance: float, target: float) -> None:
    """A linear output then has the target's variance, to six digits of the factor."""
    answer = call(measured_variance=variance, target_variance=target)
    assert answer.new["gain"] ** 2 * variance == pytest.approx(target, rel=1e-5)


@pytest.mark.parametrize(
    ("variance", "tolerance", "step", "verdict"),
    [
        (1.099, 0.1, 0, "within_tolerance"),
        (0.901, 0.1, 3, "within_tolerance"),
        (1.101, 0.1, 0, "corrected"),
        (0.899, 0.1, 9, "corrected"),
        (0.899, 0.1, 10, "step_limit"),
        (0.899, 0.1, 11, "step_limit"),
        (1.0, 0.1, 10, "within_tolerance"),
        (1.099, 0.01, 0, "corrected"),
    ],
)
def test_it_goes_on_while_the_paper_does(
    variance: float, tolerance: float, step: int, verdict: str
) -> None:
    """While |Var - 1| >= tolerance and t < 10. A layer that is done keeps its tensor."""
    answer = call(measured_variance=variance, tolerance=tolerance, step=step)
    assert answer.verdict == verdict
    assert answer.done == (verdict != "corrected") == (answer.next is None)
    assert (answer.weights_url == URL) == answer.done
    assert (answer.old == answer.new) == answer.done


def test_the_tolerance_is_relative_to_the_target() -> None:
    """A target of 0.01 is not met by 0.05, which is within 0.1 of it."""
    assert call(measured_variance=0.05, target_variance=0.01).verdict == "corrected"
    assert call(measured_variance=0.0105, target_variance=0.01).verdict == "within_tolerance"


def test_next_is_the_next_call() -> None:
    """With the new measurement added. The limits are those of the first call."""
    first = call(measured_variance=3.0, target_variance=2.0, tolerance=0.05, most_steps=4)
    assert first.next is not None
    second = call(**first.next, measured_variance=2.5)
    assert (second.step, second.most_steps, second.tolerance) == (1, 4, 0.05)
    assert second.old == first.new
    assert second.target_variance == 2.0


def test_each_verdict_says_what_to_do() -> None:
    """One sentence with its numbers."""
    assert "measure the same output again" in call().proceed
    assert "with step 4" in call(step=3).proceed
    assert "go on with the next layer" in call(measured_variance=1.05).proceed
    stopped = call(step=10).proceed
    assert "after 10 corrections" in stopped
    assert "bias" in stopped
    assert "constant input" in stopped


def test_fields_are_an_alternative_to_the_url() -> None:
    """The same tensor, in the first format that can carry it."""
    fields = {"shape": [64, 64], "scheme": "orthogonal", "seed": "7", "name": "fc1.weight"}
    assert call(**fields) == call()
    assert call(**fields, dtype="bfloat16").weights_url.startswith("/v1/weights.safetensors?")


def test_the_url_may_be_completed_by_fields() -> None:
    """The URL of a recommendation that was asked for without a seed, and the tensor's seed."""
    bare = "/v1/weights.raw?shape=64,64&scheme=he_normal&name=w"
    assert refusal(weights_url=bare).reason == "no_seed"
    answer = call(weights_url=bare, seed=5)
    query = parse_qs(urlsplit(answer.weights_url).query)
    assert answer.weights_url.startswith("/v1/weights.raw?")
    assert (query["seed"], query["name"], query["gain"]) == (["5"], ["w"], ["1"])
    twice = refusal(weights_url=URL, seed=5)
    assert (twice.reason, twice.problems[0].field) == ("duplicate_field", "seed")


def test_any_spelling_of_a_tensor_is_read() -> None:
    """A name in percent-escapes and a layout by its framework come out canonical."""
    spelled = "/v1/weights.npy?name=fc1%2eweight&seed=7&scheme=orthogonal&shape=64,64&layout=torch"
    assert call(weights_url=spelled) == call()


@pytest.mark.parametrize(
    ("members", "reason", "field", "hint"),
    [
        ({"measured_variance": 0}, "dead_output", "measured_variance", "whether the samples"),
        ({"measured_variance": -1}, "out_of_range", "measured_variance", "(output - mean)^2"),
        ({"measured_variance": math.nan}, "malformed_number", "measured_variance", "overflowed"),
        ({"measured_variance": math.inf}, "malformed_number", "measured_variance", "in order"),
        ({"measured_variance": "nan"}, "malformed_number", "measured_variance", "overflowed"),
        ({"measured_mean": -math.inf}, "malformed_number", "measured_mean", "overflowed"),
        ({"measured_variance": None}, "missing_field", "measured_variance", "measured_variance="),
        ({"measured_variance": [1]}, "malformed_number", "measured_variance", "write a number"),
        ({"measured_variance": 1e-320}, "overflows_dtype", "measured_variance", "in order from"),
        ({"measured_variance": 1e300}, "vanishes_in_dtype", "measured_variance", "in order from"),
        ({"target_variance": 0}, "out_of_range", "target_variance", "write 1, or fetch"),
        ({"target_variance": -1}, "out_of_range", "target_variance", "from 1e-12 to"),
        ({"tolerance": 0}, "out_of_range", "tolerance", "from 0.0001 to 0.5"),
        ({"tolerance": 1}, "out_of_range", "tolerance", "from 0.0001 to 0.5"),
        ({"step": -1}, "out_of_range", "step", "from 0 to 1000"),
        ({"step": 1.5}, "malformed_number", "step", "integer from 0"),
        ({"most_steps": 0}, "out_of_range", "most_steps", "from 1 to 1000"),
        ({"mesured_variance": 1}, "unknown_field", "mesured_variance", "measured_variance"),
        ({"weights_url": "/v1/weights.npy"}, "bad_weights_url", "weights_url", "has a query"),
        ({"weights_url": "/v1/weights?shape=4"}, "bad_weights_url", "weights_url", ".npy?"),
        ({"weights_url": "/recommend?shape=4,4"}, "bad_weights_url", "weights_url", "an answer"),
        ({"weights_url": URL + "#top"}, "bad_weights_url", "weights_url", "%23"),
        ({"weights_url": URL + "é"}, "bad_weights_url", "weights_url", "percent-encode"),
        ({"weights_url": 5}, "malformed_text", "weights_url", "as a string"),
        ({"weights_url": URL + "&shape=4"}, "duplicate_field", "weights_url", "URL, give it once"),
        ({"weights_url": URL + "&slice=0:99,:"}, "impossible_slice", "weights_url", "in the URL, "),
        ({"weights_url": None, "shape": [0, 5], "seed": 1}, "nothing_to_scale", "shape", "above 0"),
        ({"weights_url": URL + "&%zz=4"}, "malformed_query", "", "%25"),
        ({"weights_url": "/v1/weights.npy?shap=4,4"}, "unknown_field", "weights_url", "shape"),
        (
            {"weights_url": "/v1/weights.npy?shape=8,8&scheme=zeros"},
            "nothing_to_scale",
            "scheme",
            "scheme=variance_scaling",
        ),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    members: dict[str, Any], reason: str, field: str, hint: str
) -> None:
    """With the field and a hint that says what to look at or to write."""
    refused = refusal(**members)
    assert (refused.reason, refused.problems[0].field) == (reason, field)
    assert hint in refused.problems[0].hint


def test_another_host_is_refused_with_the_part_that_is_read() -> None:
    """No other host is asked. The hint can be copied."""
    refused = refusal(weights_url=f"https://example.org:8000{URL}")
    assert refused.reason == "bad_weights_url"
    left = refused.problems[0].hint.partition(": ")[2]
    assert call(weights_url=left) == call()


@pytest.mark.parametrize("body", [b"", b"[]", b"NaN", b'{"measured_variance": 1, "seed": NaN}'])
def test_a_body_that_is_no_measurement_is_refused(body: bytes) -> None:
    """NaN is read as far as its field can be named, and never as a number."""
    with pytest.raises(UnreadableError):
        parse_measurement_json(body)


@pytest.mark.parametrize(
    ("mean", "variance", "shape", "warned"),
    [
        (0.0, 1.0, [64, 64], False),
        (0.49, 1.0, [64, 64], False),
        (0.51, 1.0, [64, 64], True),
        (-0.51, 1.0, [64, 64], True),
        (0.051, 0.01, [64, 64], True),
        (0.051, 1.0, [64, 64], False),
        (1.9, 1.0, [4, 64], False),
        (2.1, 1.0, [4, 64], True),
        (None, 1.0, [64, 64], False),
    ],
)
def test_a_mean_far_from_0_is_warned_of(
    mean: float | None, variance: float, shape: list[int], warned: bool
) -> None:
    """Beyond half a std, and beyond 4 / sqrt(units) of it, which few units reach by chance."""
    answer = call(
        shape=shape,
        scheme="normal",
        seed=1,
        name="w",
        measured_mean=mean,
        measured_variance=variance,
    )
    assert ("mean_far_from_zero" in codes(answer)) == warned


def test_a_third_measurement_outside_is_warned_of() -> None:
    """A linear layer without bias needs one correction, and one more for another batch."""
    assert "correction_inexact" not in codes(call(step=1))
    assert "correction_inexact" in codes(call(step=2))
    assert "correction_inexact" in codes(call(step=10))
    assert "correction_inexact" not in codes(call(step=2, measured_variance=1.0))


def test_a_std_of_subnormal_numbers_is_warned_of() -> None:
    """2^-14 is float16's least normal number. The old std was normal."""
    fields = {"shape": [64, 64], "scheme": "normal", "std": 1e-4, "seed": 1, "name": "w"}
    small = call(**fields, dtype="float16", measured_variance=4.0)
    assert small.std == 5e-5
    assert "subnormal_std" in codes(small)
    assert "subnormal_std" not in codes(call(**fields, dtype="float32", measured_variance=4.0))
    assert "subnormal_std" not in codes(call(**fields, dtype="float16", measured_variance=1.0))


def test_the_warnings_of_the_tensor_are_repeated() -> None:
    """As wherever a tensor is described."""
    assert codes(call(weights_url=URL.replace("&name=fc1.weight", ""))) == ["name_missing"]


@pytest.mark.parametrize("scheme", ["zeros", "sobel", "constant&value=2"])
def test_the_hint_for_a_tensor_without_scale_can_be_followed(scheme: str) -> None:
    """Both schemes that it names are calibrated."""
    url = f"/v1/weights.npy?shape=3,3&layer=dense&seed=1&name=w&scheme={scheme}"
    if scheme == "sobel":
        url = "/v1/weights.npy?shape=2,1,3,3&layer=conv2d&seed=1&name=w&scheme=sobel"
    hint = refusal(weights_url=url).problems[0].hint
    named = re.findall(r"scheme=(\w+)", hint)
    assert len(named) == 2
    for other in named:
        assert call(weights_url=re.sub(r"scheme=.*", f"scheme={other}", url)).verdict == "corrected"


STRANGE: list[Any] = [
    *(0, 1, -1, 1.7, 0.1, 10, 1e300, 1e-300, 5e-324, 2**70, 10**400, math.nan, -math.inf),
    *("1", "nan", "", "x", "é", "\ud800", "float16", "gelu", "F", None, True, [1], {}, [[[1]]]),
]


def test_no_measurement_breaks_it() -> None:
    """400 bodies with strange members: an answer whose next call is settled, or a refusal."""
    random = Random(3)
    own = ["measured_variance", "measured_mean", "target_variance", "tolerance", "step"]
    fields = [*own, "most_steps", "weights_url", "dtype", "slice", "order", "gain", "std", "seed"]
    settled = 0
    for _ in range(400):
        scheme = random.choice(list(SCHEMES))
        tensor = f"{SCHEMES[scheme].example}&scheme={scheme}&seed=1&name=w"
        body: dict[str, Any] = {"weights_url": f"/v1/weights.npy?{tensor}"}
        body["measured_variance"] = 10 ** random.uniform(-9, 9)
        body |= {field: random.choice(STRANGE) for field in fields if random.random() < 0.04}
        try:
            answer = calibrate(parse_measurement_json(json.dumps(body).encode()), max_bytes=2**40)
        except FaninError:
            continue
        assert answer.as_json()
        if answer.next is not None:
            again = call(**answer.next, measured_variance=answer.target_variance)
            assert (again.verdict, again.weights_url) == ("within_tolerance", answer.weights_url)
            assert again.old == answer.new
            settled += 1
    assert settled > 100


def test_size_is_limited() -> None:
    """As for every plan."""
    body = json.dumps({"weights_url": URL, "measured_variance": 2.0}).encode()
    with pytest.raises(ImpossibleError) as refused:
        calibrate(parse_measurement_json(body), max_bytes=1000)
    assert refused.value.reason == "too_large"


@pytest.mark.parametrize("member", ['"shape": [NaN, 4]', '"shape": NaN', '"target_variance": NaN'])
def test_nan_is_read_in_measurements_alone(member: str) -> None:
    """Elsewhere it is no JSON, as in every other body."""
    body = f'{{"measured_variance": 2.0, {member}}}'.encode()
    with pytest.raises(FaninError) as refused:
        parse_measurement_json(body)
    assert refused.value.reason == "malformed_json"
