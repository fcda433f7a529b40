"""docs/calibrate.md: its loop is run as it stands, and its tables are those of the code."""

import re
import subprocess
import sys
from pathlib import Path

from service.calibration import Calibration
from service.calibration.measurement import MEASURED_FIELDS
from service.calibration.warnings import WARNINGS
from tests.application import ready

PAGE = (Path(__file__).parents[2] / "docs" / "calibrate.md").read_text(encoding="utf-8")
DOCUMENTED = "http://127.0.0.1:8000"


def test_the_loop_brings_each_layer_to_variance_1() -> None:
    """Eight lines are printed, each with a variance within 0.1 of 1."""
    (lines,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert lines.count(DOCUMENTED) == 1
    with ready() as address:
        command = [sys.executable, "-c", lines.replace(DOCUMENTED, address.url)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == [str(layer) for layer in range(8)]
    assert {row[1] for row in rows} == {"within_tolerance"}
    assert all(abs(float(row[-1]) - 1) < 0.1 for row in rows)


def test_every_member_and_every_code_is_on_the_page() -> None:
    """Those of the request, of the answer and of the warnings."""
    request = set(MEASURED_FIELDS)
    answer = set(Calibration.__dataclass_fields__) - {"scheme", "references"}
    for word in (request | answer) | set(WARNINGS):
        assert f"`{word}`" in PAGE, word
