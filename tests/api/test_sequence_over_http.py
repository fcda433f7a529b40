"""Recurrent layers and state spaces over real sockets: gates, recipes of the page, certificates."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from checks.write_reference import DRAFTS_PATH
from service.initializers.schemes import SCHEMES
from service.initializers.schemes.gates import SCHEMES as GATES
from service.initializers.schemes.linear_recurrence import SCHEMES as RECURRENCES
from service.initializers.schemes.mamba import SCHEMES as MAMBA
from service.initializers.schemes.state_space import SCHEMES as SPACES
from tests.application import Answer, ask, problem, ready
from tests.server import Address

PAGE = (DRAFTS_PATH.parent / "drafts" / "sequence.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"`(\S*scheme=\S*shape=\S+)`", PAGE)
NEW = [scheme.name for scheme in (*GATES, *RECURRENCES, *MAMBA, *SPACES)]
H, INPUTS = 32, 20


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def get(address: Address, query: str, form: str = "npy") -> Answer:
    answer = ask(address, f"/v1/weights.{form}?{query}")
    assert answer.status == 200, answer.body
    return answer


def array(address: Address, query: str) -> npt.NDArray[np.float64]:
    loaded: npt.NDArray[Any] = np.load(io.BytesIO(get(address, query).body))
    return loaded.astype(np.float64)


@pytest.mark.parametrize("gates", [3, 4])
def test_every_gate_has_an_orthogonal_matrix(address: Address, gates: int) -> None:
    """U^T U = 1 for each gate, in torch's layout and in Keras'. Without parts it is not so."""
    query = f"scheme=orthogonal&seed=1&name=u&parts={gates}"
    torch = array(address, f"shape={gates * H},{H}&{query}")
    keras = array(address, f"shape={H},{gates * H}&layout=IO&{query}")
    assert (keras == torch.T).all()
    for block in np.split(torch, gates):
        assert np.abs(block.T @ block - np.eye(H)).max() < 1e-6
    whole = array(address, f"shape={gates * H},{H}&{query}".replace(f"&parts={gates}", ""))
    assert np.abs(whole[:H].T @ whole[:H] - np.eye(H)).max() > 0.1


def test_every_gate_has_the_fans_of_its_own(address: Address) -> None:
    """Glorot's limit is sqrt(6 / (inputs + H)), not that of 4 H outputs."""
    query = f"shape={4 * H},{INPUTS}&scheme=glorot_uniform&seed=1&name=w&parts=4"
    told = json.loads(get(address, query, "json").body)
    assert (told["fan_in"], told["fan_out"]) == (INPUTS, H)
    limit = (6.0 / (INPUTS + H)) ** 0.5
    values = array(address, query)
    assert 0.98 * limit < np.abs(values).max() <= limit


@pytest.mark.parametrize(("torch", "other"), [("ifgo", "iofc"), ("ifgo", "foig")])
def test_another_order_of_gates_permutes_the_blocks(
    address: Address, torch: str, other: str
) -> None:
    """ONNX's order of the forget gate's bias is torch's with its blocks moved."""
    asked = f"shape={4 * H}&parts=4&scheme=forget_gate_bias&gates="
    one = np.split(array(address, asked + torch), 4)
    two = np.split(array(address, asked + other), 4)
    letters = other.replace("c", "g")
    assert all((two[at] == one[torch.index(letter)]).all() for at, letter in enumerate(letters))
    assert any((a != b).any() for a, b in zip(one, two, strict=True))


def test_the_certificate_tells_of_each_gate(address: Address) -> None:
    """chrono: the law of each block, and that of all values together."""
    query = f"shape={4 * H}&parts=4&scheme=chrono_bias&period=50&seed=1&name=b"
    told = json.loads(get(address, query, "json").body)
    means = [block["mean"] for block in told["blocks"]]
    assert means[0] == -means[1] < 0 == means[2] == means[3]
    assert (told["status"], told["low"], told["high"]) == ("draft", -told["high"], told["high"])
    assert told["mean"] == 0
    values = array(address, query)
    assert abs(values.std() - told["std"]) < 0.2
    assert get(address, query).headers["weights-status"] == "draft"


@pytest.mark.parametrize("gates", ["ifgo", "ofgi"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float8_e5m2"])
def test_rounding_is_told_of_the_blocks_where_it_is_known(
    address: Address, gates: str, dtype: str
) -> None:
    """It is known of the zeros, not of the logarithms, and so not of the whole tensor."""
    query = f"shape={4 * H}&parts=4&scheme=chrono_bias&period=50&seed=1&gates={gates}"
    told = json.loads(get(address, f"{query}&dtype={dtype}", "json").body)
    known = [block["rounded"] is not None for block in told["blocks"]]
    assert known == [letter in "go" for letter in gates]
    assert told["rounded"] is None


def test_gates_that_are_not_the_parts_are_refused(address: Address) -> None:
    """With the number to write, which is accepted."""
    refused = ask(address, "/v1/weights.npy?shape=96&scheme=forget_gate_bias&gates=ifo")
    assert refused.status == 422
    assert problem(refused)["errors"][0]["hint"] == "write parts=3"
    get(address, "shape=96&scheme=forget_gate_bias&gates=ifo&parts=3")


@pytest.mark.parametrize("query", RECIPES)
def test_a_recipe_of_the_page_is_served(address: Address, query: str) -> None:
    """As it stands there, with a seed."""
    assert np.isfinite(array(address, f"{query}&seed=1")).all()


def test_the_page_has_recipes() -> None:
    """Negative control of the search for them."""
    assert len(RECIPES) >= 10
    assert any("std=0.001" in query for query in RECIPES)


@pytest.mark.parametrize("name", NEW)
def test_the_example_of_a_record_is_served(address: Address, name: str) -> None:
    """In every format that has its dtype, and told in the listing."""
    query = f"{SCHEMES[name].example}&scheme={name}&seed=1"
    for form in ("npy", "raw", "safetensors", "json"):
        get(address, query, form)


def test_a_recurrent_network_of_the_recipes_keeps_its_input(address: Address) -> None:
    """An IRNN: h = relu(W x + U h + b) with U = 1 and b = 0 sums what it was given."""
    u = array(address, f"scheme=identity&shape={H},{H}")
    w = array(address, f"scheme=normal&std=0.001&shape={H},{INPUTS}&seed=1")
    x = np.ones(INPUTS)
    h = np.maximum(w @ x, 0.0)
    later = h
    for _ in range(1000):
        later = np.maximum(u @ later, 0.0)
    assert (later == h).all()
    assert h.max() > 0
