"""The certificate: a tensor's facts, sizes and URLs, as JSON carries them."""

import json
import math
from typing import Any

from service.fields import parse_query
from service.plan import plan
from service.stream.edition import EDITION

MOST = 2**44


def certificate(query: str) -> dict[str, Any]:
    """The certificate of a query, after a round trip through JSON."""
    found = plan(parse_query(query.encode()), "json", max_bytes=MOST).certificate()
    loaded: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False))
    return loaded


SLICED = (
    "shape=5,5,3,8&layout=HWIO&scheme=he_normal&seed=18446744073709551615"
    "&name=conv%2Fkernel&order=F&slice=:2,:,:,:"
)

TOLD = {
    "stream": EDITION,
    "status": "frozen",
    "drafts": [],
    "scheme": "he_normal",
    "distribution": "normal",
    "layout": "HWIO",
    "fan_in": 75,
    "fan_out": 200,
    "mode": "fan_in",
    "gain": 1.4142135623730951,
    "mean": 0.0,
    "std": 0.16329931618554522,
    "limit": None,
    "low": None,
    "high": None,
    "bounds": None,
    "parent_std": None,
    "rounded": {
        "mean": 0.0,
        "std": 0.163299,
        "zeros": 0.0,
        "distinct": None,
        "lowest": -1.1045085191726685,
        "highest": 1.1045085191726685,
    },
    "dtype": "float32",
    "shape": [2, 5, 3, 8],
    "order": "F",
    "whole_shape": [5, 5, 3, 8],
    "slice": ":2,:,:,:",
    "elements": 240,
    "cost": {"blocks": 78, "ratio": 1.3, "advice": None},
    "name": "conv/kernel",
    "seed": "18446744073709551615",
    "stream_id": "b109ddcb4d69a0eb",
    "formats": {
        "npy": {"url": f"/v1/weights.npy?{SLICED}", "bytes": 1088},
        "raw": {"url": f"/v1/weights.raw?{SLICED}", "bytes": 960},
        "json": {"url": f"/v1/weights.json?{SLICED}", "bytes": None},
    },
    "warnings": [],
    "access": "elementwise",
    "blocks": [],
}


def test_a_certificate_tells_everything_but_the_values() -> None:
    """Written out for a slice of one tensor; the references have a test of their own."""
    told = certificate(
        "shape=5,5,3,8&layout=keras&seed=18446744073709551615&name=conv/kernel"
        "&activation=relu&slice=0:2,:,:,:&order=F"
    )
    assert [reference["year"] for reference in told.pop("references")] == [2015]
    assert told == TOLD


def test_a_reference_can_be_looked_up() -> None:
    """Title, authors, year and place of each paper behind the scheme."""
    (reference,) = certificate("shape=8,4&scheme=glorot_normal&seed=1")["references"]
    assert reference["authors"] == ["X. Glorot", "Y. Bengio"]
    assert set(reference) == {"title", "authors", "year", "where"}


def test_only_formats_that_can_carry_the_tensor_are_named() -> None:
    """bfloat16 in the three that know it; a reserved key in the two that have none."""
    assert set(certificate("shape=8,4&seed=1&dtype=bfloat16")["formats"]) == {
        "safetensors",
        "raw",
        "json",
    }
    assert set(certificate("shape=8,4&seed=1&name=__metadata__")["formats"]) == {
        "npy",
        "raw",
        "json",
    }


def test_a_constant_has_a_name_and_no_seed() -> None:
    """What no random word reaches is not said to depend on one."""
    told = certificate("shape=8&name=bias&seed=5")
    assert (told["name"], told["seed"], told["stream_id"]) == ("bias", None, None)
    assert told["formats"]["npy"]["url"] == "/v1/weights.npy?shape=8&scheme=zeros"
    assert told["formats"]["safetensors"]["url"].endswith("scheme=zeros&name=bias")


def test_without_a_seed_there_are_facts_but_no_urls() -> None:
    """The distribution is settled before the seed is."""
    told = certificate("shape=8,4&name=a")
    assert told["std"] == math.sqrt(1 / 6)
    assert told["seed"] is None
    assert told["formats"]["npy"] == {"url": None, "bytes": 256}


def test_warnings_are_told() -> None:
    """Code and message, as in the header's table."""
    (warning,) = certificate("shape=8,4&layer=dense&seed=1")["warnings"]
    assert warning["code"] == "name_missing"
    assert "add name=" in warning["message"]


def test_any_plan_has_a_certificate() -> None:
    """The bytes' own plan tells the same as the certificate's."""
    spec = parse_query(b"shape=8,4&seed=1&name=a&scheme=truncated_normal&bounds=-1,2")
    bytes_plan = plan(spec, "safetensors", max_bytes=MOST)
    assert bytes_plan.certificate() == plan(spec, "json", max_bytes=MOST).certificate()
