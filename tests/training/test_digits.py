"""A network that reads digits trains from the recommended weights, and not from those warned of.

Six hidden layers of 64 ReLU units, trained by plain gradient descent. `-s` prints the accuracies.
"""

import gzip
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from service.advice import Recommendation, parse_question_query, recommend
from tests.training.drawing import Array, weights

DATA = Path(__file__).parent / "data" / "digits.csv.gz"
SHA_256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"

PIXELS, UNITS, CLASSES, HIDDEN = 64, 64, 10, 6
TRAINED_ON = 1400
EPOCHS, BATCH, RATE = 10, 50, 0.1

SHAPES = [(UNITS, PIXELS), *[(UNITS, UNITS)] * (HIDDEN - 1), (CLASSES, UNITS)]
PLACES = [
    "activation=relu&position=first",
    *["activation=relu"] * (HIDDEN - 1),
    "activation=softmax&input_activation=relu&position=output",
]

CHANCE = 0.2
"""Twice the share of the most frequent digit. Who has learned nothing stays below it."""


@cache
def digits() -> tuple[Array, Array]:
    """Pictures with mean 0 and variance 1 over all pixels, and their digits, in a fixed order."""
    packed = DATA.read_bytes()
    assert hashlib.sha256(packed).hexdigest() == SHA_256
    table = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",")
    table = table[np.random.default_rng(0).permutation(len(table))]
    pictures = table[:, :PIXELS]
    return (pictures - pictures.mean()) / pictures.std(), table[:, PIXELS]


def advised(layer: int, own: str = "") -> Recommendation:
    """What /recommend says about a layer; `own` are scheme fields that it is compared with."""
    rows, columns = SHAPES[layer]
    query = f"shape={rows},{columns}&layer=dense&depth={HIDDEN + 1}&{PLACES[layer]}{own}"
    return recommend(parse_question_query(query.encode()), max_bytes=2**30)


@cache
def recommended() -> tuple[Array, ...]:
    """The recommended weights of all layers."""
    return tuple(
        weights(f"layers.{layer}.weight", advised(layer).weights_url.partition("?")[2])
        for layer in range(len(SHAPES))
    )


def accuracy(change: Callable[[Array], Array], rate: float) -> float:
    """The share of 397 unseen digits that are read after training from changed weights.

    The gradient of a network that explodes is infinite or NaN, and so are its weights then.
    """
    pictures, labels = digits()
    ws = [change(w) for w in recommended()]
    bs = [np.zeros(len(w)) for w in ws]
    order = np.random.default_rng(1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for _ in range(EPOCHS):
            for chosen in order.permutation(TRAINED_ON).reshape(-1, BATCH):
                _step(ws, bs, pictures[chosen], labels[chosen].astype(int), rate)
        read = _layers(ws, bs, pictures[TRAINED_ON:])[-1].argmax(axis=1)
    return float((read == labels[TRAINED_ON:]).mean())


def _layers(ws: list[Array], bs: list[Array], x: Array) -> list[Array]:
    """The pictures, the output of each hidden layer after ReLU, and the logits."""
    found = [x]
    for w, b in zip(ws[:-1], bs[:-1], strict=True):
        found.append(np.maximum(found[-1] @ w.T + b, 0))
    return [*found, found[-1] @ ws[-1].T + bs[-1]]


def _step(ws: list[Array], bs: list[Array], x: Array, labels: Array, rate: float) -> None:
    """One step of gradient descent on the cross entropy."""
    *inputs, logits = _layers(ws, bs, x)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    along = shares / shares.sum(axis=1, keepdims=True)
    along[np.arange(len(x)), labels] -= 1
    along /= len(x)
    for layer in reversed(range(len(ws))):
        weight, bias = along.T @ inputs[layer], along.sum(axis=0)
        along = (along @ ws[layer]) * (inputs[layer] > 0)
        ws[layer] -= rate * weight
        bs[layer] -= rate * bias


def test_it_trains_from_the_recommended_weights() -> None:
    """At least 95 of 100 unseen digits are read. The advice warns of a missing name at most."""
    read = accuracy(np.copy, RATE)
    print(f"digits: {read:.3f} from the recommended weights")
    assert read > 0.95
    assert {warning.code for warning in advised(1).warnings} <= {"name_missing"}


@pytest.mark.parametrize("rate", [RATE, 10 * RATE, RATE / 10])
def test_it_learns_nothing_from_zeros(rate: float) -> None:
    """No gradient passes a layer of zeros. The advice warns of it: `symmetry`."""
    read = accuracy(np.zeros_like, rate)
    print(f"digits: {read:.3f} from zeros at rate {rate:g}")
    assert read < CHANCE
    answer = advised(1, "&scheme=zeros")
    assert "symmetry" in [warning.code for warning in answer.warnings]


def test_it_does_not_train_from_a_std_30_times_too_large() -> None:
    """At the rate that suits the recommended weights it learns nothing, and at none does it well.

    The advice compares: 30 times the std is 900 times the variance in each layer.
    """
    read = accuracy(lambda w: 30 * w, RATE)
    others = {rate: accuracy(lambda w: 30 * w, rate) for rate in 10.0 ** np.arange(-2, -14, -1)}
    best = max(others, key=others.__getitem__)
    print(
        f"digits: {read:.3f} from 30 times the std, at best {others[best]:.3f} at rate {best:.0e}"
    )
    assert read < CHANCE
    assert others[best] < 0.9
    compared = advised(1, f"&std={30 * advised(1).std!r}").compared
    assert compared is not None
    assert compared.ratio == pytest.approx(30, rel=1e-12)
    assert compared.per_layer_factor == pytest.approx(900, rel=1e-12)
    assert compared.after_depth == pytest.approx(900.0 ** (HIDDEN + 1), rel=1e-9)
