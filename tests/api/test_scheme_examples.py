"""Every entry of /schemes: its example URL, as a client without any other knowledge asks for it."""

import io
import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import numpy as np
import numpy.typing as npt
import pytest
from openapi_schema_validator import OAS31Validator

from service.initializers.schemes import SCHEMES
from tests.application import ask, post, ready
from tests.filling import distinct
from tests.server import Address

Array = npt.NDArray[np.float64]

SIGMAS = 5
"""A right mean or std is further away than this in 1 of 1.7 million draws. Seeds are fixed."""


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.fixture(scope="module")
def entries(address: Address) -> dict[str, Any]:
    """The entries of /schemes by name."""
    return {entry["name"]: entry for entry in json.loads(ask(address, "/schemes").body)["schemes"]}


@pytest.fixture(scope="module")
def parameters(address: Address) -> dict[str, OAS31Validator]:
    """A validator for each field of a query, from the OpenAPI document."""
    listed = json.loads(ask(address, "/openapi.json").body)["components"]["parameters"]
    return {name: OAS31Validator(each["schema"]) for name, each in listed.items()}


def loaded(address: Address, url: str) -> npt.NDArray[Any]:
    """The array of a .npy file, which is as long as its header says."""
    answer = ask(address, url)
    assert answer.status == 200, answer.body
    assert int(answer.headers["content-length"]) == len(answer.body)
    array: npt.NDArray[Any] = np.load(io.BytesIO(answer.body), allow_pickle=False)
    return array


def told(address: Address, url: str) -> Any:
    """The certificate of a .npy URL."""
    answer = ask(address, url.replace(".npy?", ".json?"))
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def faults(values: Array, facts: Any) -> Iterator[str]:
    """How the values contradict the certificate."""
    if list(values.shape) != facts["shape"]:
        yield f"shape {values.shape}"
    flat = values.astype(np.float64).ravel()
    scale = float(np.abs(flat).max()) * 2.0**-22
    random, mean, std = facts["seed"] is not None, facts["mean"], facts["std"]
    if mean is not None:
        error = SIGMAS * standard_error(flat, std) if random else 0.0
        if abs(flat.mean() - mean) > error + scale:
            yield f"mean {flat.mean()} is not {mean} +- {error}"
    if mean is not None and std is not None:
        squares = (flat - mean) ** 2
        error = SIGMAS * float(squares.std()) / math.sqrt(effective(flat)) if random else 0.0
        if abs(squares.mean() - std**2) > error + scale * (std + scale):
            yield f"variance {squares.mean()} is not {std**2} +- {error}"
    low, high, limit = facts["low"], facts["high"], facts["limit"]
    ends = [(low, flat.min() < (low or 0.0) - scale), (high, flat.max() > (high or 0.0) + scale)]
    ends += [(limit, np.abs(flat).max() > (limit or 0.0) + scale)]
    yield from (f"{end} is passed" for end, passed in ends if end is not None and passed)


def effective(flat: Array) -> int:
    """The number of independent values: equal ones are copies, as those of ICNR."""
    return max(1, np.unique(flat).size) if flat.size > 1 else 1


def standard_error(flat: Array, std: float | None) -> float:
    """Of the mean: by the std told, or by that of the values if none is."""
    return (std if std is not None else float(flat.std())) / math.sqrt(effective(flat))


@pytest.mark.parametrize("name", SCHEMES)
def test_an_example_is_answered_with_what_its_certificate_says(
    address: Address, entries: dict[str, Any], name: str
) -> None:
    """Bounds hold; mean and std agree within five standard errors, or exactly without words."""
    url = entries[name]["example_url"]
    facts = told(address, url)
    assert list(faults(loaded(address, url), facts)) == []
    assert facts["scheme"] == name
    assert facts["status"] == entries[name]["status"]
    assert facts["access"] == entries[name]["access"]
    assert ("&seed=1&name=w" in url) == (facts["seed"] is not None)


@pytest.mark.parametrize("name", distinct())
def test_a_slice_of_an_example_is_that_part_of_it(
    address: Address, entries: dict[str, Any], name: str
) -> None:
    """Its first rows, as a URL with one field more."""
    url = entries[name]["example_url"]
    whole = loaded(address, url)
    rows = min(3, whole.shape[0])
    part = loaded(address, f"{url}&slice=" + ",".join([f":{rows}", *[":"] * (whole.ndim - 1)]))
    assert part.dtype == whole.dtype
    assert np.array_equal(part, whole[:rows])


@pytest.mark.parametrize("name", SCHEMES)
def test_the_schemas_accept_an_example(
    address: Address, entries: dict[str, Any], parameters: dict[str, OAS31Validator], name: str
) -> None:
    """As a query by the OpenAPI document, and as JSON by the schema of the scheme and by POST."""
    fields = dict(parse_qsl(entries[name]["example_url"].partition("?")[2], strict_parsing=True))
    schema = json.loads(ask(address, f"/schemes/{name}").body)["schema"]
    jsonschema.Draft202012Validator(schema).validate(fields)
    assert [field for field in fields if not fits(parameters[field], fields[field])] == []
    answer = post(address, json.dumps(fields).encode())
    assert answer.status == 200
    assert answer.body == ask(address, entries[name]["example_url"]).body


def fits(validator: OAS31Validator, text: str) -> bool:
    """Whether a value of a query fits: as a number, as text, or as an array of items."""
    items = text.split(",")
    readings: list[Any] = [text, items]
    try:
        numbers = [json.loads(item) for item in items]
        readings += [numbers[0], numbers]
    except ValueError:
        pass
    return any(validator.is_valid(reading) for reading in readings)


def test_other_values_would_be_noticed(address: Address, entries: dict[str, Any]) -> None:
    """Negative control: values a little too large, shifted, or beyond a bound."""
    url = entries["glorot_uniform"]["example_url"]
    values, facts = loaded(address, url), told(address, url)
    assert list(faults(values * 1.02, facts)) != []
    assert list(faults(values + 0.01 * facts["std"] * SIGMAS, facts)) != []
    assert any("passed" in each for each in faults(values * 1.001, facts))
    url = entries["identity"]["example_url"]
    assert list(faults(loaded(address, url) * 1.00001, told(address, url))) != []
