"""Training falls from the weights of the Hub routes as from those that PyTorch draws itself.

`-s` prints the curves.
"""

import statistics
from typing import Any

import pytest

from tests.hub.clients.environment import run_script, variables
from tests.hub.clients.models import FAMILIES
from tests.models.environment import transformers_python
from tests.server import Address

pytestmark = [pytest.mark.slow, pytest.mark.ci]

REVISIONS = ("seed-42", "seed-42", "seed-7")
OWN = [{"seed": seed} for seed in range(6)]
"""The models that transformers initializes."""

WRONG = {"seed": 0, "initializer_range": 0.2}
"""Weights that are ten times as large."""

BLOCK = 20
"""The steps whose mean loss is one number of a curve."""

DEVIATIONS = 5.0
"""A number of a curve may be so many standard deviations of the 6 own runs from their mean. If it
is normal, 1 of 175 is farther away: Student's t of 5 degrees of freedom beyond 5 / sqrt(1 + 1 / 6).
The seeds are fixed, so the numbers change only with PyTorch's kernels."""

Curve = list[float]


@pytest.fixture(scope="module")
def runs(hub: Address, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What train_from_hub.py tells, with the run from wrong weights as `wrong`."""
    question = {
        "repo_id": FAMILIES["gpt2"].repo_id,
        "revisions": REVISIONS,
        "own": [*OWN, WRONG],
    }
    home = tmp_path_factory.mktemp("home")
    python = transformers_python("5")
    found = run_script(python, "train_from_hub", question, variables(home, hub.url))
    *own, wrong = found["own"]
    return {"hub": found["hub"], "own": own, "wrong": [wrong]}


def curve(run: dict[str, Any]) -> Curve:
    """The mean loss of each block of steps."""
    losses = run["losses"]
    return [
        statistics.mean(losses[start : start + BLOCK]) for start in range(0, len(losses), BLOCK)
    ]


def outside(run: dict[str, Any], own: list[dict[str, Any]]) -> list[int]:
    """The blocks in which a run is farther from the own runs than DEVIATIONS."""
    columns = zip(*map(curve, own), strict=True)
    return [
        block
        for block, (loss, losses) in enumerate(zip(curve(run), columns, strict=True))
        if abs(loss - statistics.mean(losses)) > DEVIATIONS * statistics.stdev(losses)
    ]


def test_it_learns_as_from_pytorchs_own_weights(runs: dict[str, list[dict[str, Any]]]) -> None:
    for name, each in runs.items():
        for run in each:
            print(name, " ".join(f"{loss:.3f}" for loss in curve(run)))
    for run in runs["hub"]:
        assert outside(run, runs["own"]) == []
        assert curve(run)[-1] < 0.5 * curve(run)[0]


def test_wrong_weights_would_be_found(runs: dict[str, list[dict[str, Any]]]) -> None:
    (wrong,) = runs["wrong"]
    assert len(outside(wrong, runs["own"])) == len(curve(wrong))


def test_one_seed_gives_one_run_to_the_bit(runs: dict[str, list[dict[str, Any]]]) -> None:
    first, again, other = runs["hub"]
    assert first == again
    assert other["begins"] != first["begins"]
    assert other["ends"] != first["ends"]
    assert other["losses"] != first["losses"]
