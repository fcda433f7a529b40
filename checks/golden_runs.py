"""Request the golden runs from a running service and compare the SHA-256 of each.

python -m checks.golden_runs http://127.0.0.1:8000
"""

import hashlib
import json
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

PATH = Path(__file__).parent.parent / "tests" / "golden" / "stream-v1.json"
SCHEMES = {
    "Constant": "constant",
    "SymmetricUniform": "uniform",
    "UniformBetween": "uniform",
    "Normal": "normal",
    "SymmetricTruncatedNormal": "truncated_normal",
    "TruncatedNormalBetween": "truncated_normal",
}
PARAMETERS = ("value", "mean", "std", "low", "high")
BEYOND_URLS = (("std", 1e-6), ("mean", 0.1))
"""Constants of draws that no URL can request. With std 1e-6 every value is 0 in float8, which is
refused. With mean 0.1 the bounds in sigma, computed from decimals, are not exactly the vector's."""


def askable(case: dict[str, Any]) -> bool:
    """Whether a URL gives this run."""
    constants = case["constants"]
    return not any(constants.get(name) == number.hex() for name, number in BEYOND_URLS)


def target(case: dict[str, Any]) -> str:
    """The path and query of a run: the last elements of a bias that ends where the run does."""
    start = int(case["start"])
    stop = start + int(case["count"])
    fields = {
        "shape": stop,
        "layer": "bias",
        "scheme": SCHEMES[case["draw"]],
        **_parameters(case["constants"]),
        "seed": case["seed"],
        "name": case["name"],
        "dtype": case["dtype"],
        "slice": f"{start}:{stop}",
    }
    return f"/v1/weights.raw?{urlencode(fields)}"


def _parameters(constants: dict[str, str]) -> dict[str, float | str]:
    numbers = {name: float.fromhex(text) for name, text in constants.items()}
    if "limit" in numbers:
        return {"low": -numbers["limit"], "high": numbers["limit"]}
    known: dict[str, float | str] = {name: numbers[name] for name in PARAMETERS if name in numbers}
    # The std in a vector is that of the normal distribution before truncation.
    return known | {"std_kind": "parent"} if {"std", "low"} <= numbers.keys() else known


def fault(connection: HTTPConnection, case: dict[str, Any]) -> str | None:
    """The problem of the response for a run; None if the digest is right."""
    connection.request("GET", target(case))
    with connection.getresponse() as response:
        body = response.read()
    if response.status != 200:
        return f"{response.status} {target(case)}: {body[:300]!r}"
    if hashlib.sha256(body).hexdigest() != case["sha256"]:
        return f"other bytes: {target(case)}"
    return None


def main(origin: str) -> int:
    """Print every problem and the number of runs. Returns 1 for a problem or without a run."""
    cases = json.loads(PATH.read_text(encoding="utf-8"))["cases"]
    asked = [case for case in cases if askable(case)]
    connection = HTTPConnection(urlsplit(origin).netloc, timeout=60)
    faults = [found for case in asked if (found := fault(connection, case))]
    print(*faults, f"{len(asked)} golden runs over HTTP, {len(faults)} wrong", sep="\n")
    return 1 if faults or not asked else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
