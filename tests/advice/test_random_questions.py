"""2,000 random questions, seed 11: each answer is served, short, and does not repeat itself."""

import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from service.advice import Recommendation
from service.advice.question import NORMALIZATIONS, POSITIONS, RESIDUALS
from service.advice.roles import ROLES
from service.cli.report import report, short_report
from service.errors import FaninError
from service.initializers.activations import ACTIVATIONS
from tests.advice.asking import asked, fetched

QUESTIONS, SEED = 2_000, 11
EXTENTS = (1, 2, 3, 8, 16, 64, 96, 100, 128, 256, 768, 1024, 3072)
KERNELS = ((), (), (), (1, 1), (3, 3), (7, 7), (5,))
CHOSEN = ("he_normal", "zeros", "glorot_uniform", "lecun_normal", "orthogonal", "torch.linear")

OPTIONS: dict[str, tuple[float, tuple[object, ...]]] = {
    "activation": (0.8, tuple(ACTIVATIONS)),
    "input_activation": (0.2, tuple(ACTIVATIONS)),
    "normalization": (0.4, NORMALIZATIONS),
    "residual": (0.4, RESIDUALS),
    "position": (0.5, POSITIONS),
    "role": (0.35, tuple(ROLES)),
    "depth": (0.6, (1, 2, 3, 6, 12, 24, 50, 100, 1000)),
    "scheme": (0.2, CHOSEN),
    "std": (0.15, (0.001, 0.02, 0.1, 1)),
    "gain": (0.1, (0.5, 1, 1.6666667, 1.414)),
    "base_fan_in": (0.1, (64, 256)),
    "dtype": (0.1, ("float16", "bfloat16", "float8_e4m3fn")),
    "parts": (0.05, (2, 3, 4)),
    "distribution": (0.1, ("uniform", "normal", "truncated_normal")),
    "seed": (0.3, (1,)),
    "name": (0.5, ("h.0.weight",)),
}
"""How often a field is given, and its values."""


def question(drawn: random.Random) -> str:
    """A dense layer or a convolution in most, sometimes an embedding, a bias or a recurrent one."""
    rank = drawn.choice((1, 2, 2, 2, 2, 2))
    kernel = drawn.choice(KERNELS) if rank == 2 else ()
    shape = [drawn.choice(EXTENTS) for _ in range(rank)] + list(kernel)
    fields = {"shape": ",".join(map(str, shape))}
    if len(kernel) == 1:
        fields["layer"] = "conv1d"
    elif rank == 2 and not kernel and drawn.random() < 0.2:
        fields["layer"] = drawn.choice(("embedding", "recurrent"))
    for field, (share, values) in OPTIONS.items():
        if drawn.random() < share:
            fields[field] = str(drawn.choice(values))
    return "&".join(f"{field}={value}" for field, value in fields.items())


def answered() -> Iterator[tuple[str, Recommendation]]:
    """The first 2,000 of the random questions that have an answer."""
    drawn, left = random.Random(SEED), QUESTIONS
    while left:
        query = question(drawn)
        try:
            answer = asked(query)
        except FaninError:
            continue
        left -= 1
        yield query, answer


def sentences(answer: Recommendation) -> list[str]:
    """Everything that a person reads."""
    offered = [text for each in answer.alternatives for text in (each.what, each.when)]
    warned = [each.message for each in answer.warnings]
    return [answer.decision, *answer.rationale, *offered, *warned]


def faults(query: str, answer: Recommendation) -> Iterator[str]:
    """What is wrong with an answer."""
    facts = fetched(answer.weights_url).facts
    if (facts.scheme, facts.std, facts.mean or 0.0) != (answer.scheme, answer.std, answer.mean):
        yield "the URL has another tensor"
    if any(fetched(each.weights_url).facts.std != each.std for each in answer.alternatives):
        yield "an alternative's URL has another std"
    if len(answer.rationale) > 5 or len(answer.alternatives) > 4:
        yield "too much to read"
    if any(re.search(r"\w\)?\. [A-Z]", text) for text in (answer.decision, *answer.rationale)):
        yield "two sentences in one"
    if max(Counter(sentences(answer)).values()) > 1:
        yield "a sentence is repeated"
    if len(report(answer).splitlines()) >= 60:
        yield "the long report has 60 lines or more"
    if len(short_report(answer).splitlines()) > 24:
        yield "the short report is more than a screen"
    yield from contradictions(query, answer)


def contradictions(query: str, answer: Recommendation) -> Iterator[str]:
    """Alternatives that do not fit the layer. The client's own choice may be anything."""
    axes = query.partition("&")[0].count(",") + 1
    told = answer.understood
    may_be_zero = told.position in ("output", "branch_last") or axes == 1
    for each in answer.alternatives:
        if each.what.startswith("your own choice"):
            continue
        convolution = each.scheme in ("dirac", "gabor", "delta_orthogonal")
        if convolution and axes < 3:
            yield f"{each.scheme} for a dense layer"
        if each.scheme == "orthogonal" and axes > 2:
            yield "a flattened orthogonal matrix for a convolution"
        if each.scheme == "zeros" and not may_be_zero:
            yield "zeros that keep units equal"
        if each.scheme.startswith("he_") and told.input_activation == "selu":
            yield "He on SELU"
        if each.scheme.startswith("siren") and "sin" not in (
            told.input_activation,
            told.activation,
        ):
            yield "SIREN without a sine"


@pytest.mark.long
def test_two_thousand_answers_hold() -> None:
    """Each line of the report of faults names a question that can be asked again."""
    found = [(fault, query) for query, answer in answered() for fault in faults(query, answer)]
    assert found == []


def test_the_check_can_fail() -> None:
    """An answer with a repeated sentence, and a URL of another tensor."""
    answer = asked("shape=64,64&activation=relu")
    other = asked("shape=64,64&activation=tanh")
    changed = {field: getattr(answer, field) for field in answer.__slots__}
    changed |= {"rationale": (answer.decision,), "weights_url": other.weights_url}
    assert list(faults("shape=64,64", Recommendation(**changed))) == [
        "the URL has another tensor",
        "a sentence is repeated",
    ]
