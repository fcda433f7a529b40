"""The check that keeps libm, BLAS and loose compiling out of the numbers, and that it can fail."""

from pathlib import Path

import pytest

from checks.arithmetic import Refusal, main, refusals

ROOT = Path(__file__).resolve().parent.parent

REFUSED = [
    ("import math\ny = math.exp(x)", "math.exp"),
    ("from math import log", "math.log"),
    ("import math as exact\ny = exact.cos(x)", "math.cos"),
    ("import math\ny = getattr(math, 'exp')(x)", "math as a value"),
    ("import cmath", "import cmath"),
    ("import numpy as np\ny = np.sin(x)", "numpy.sin"),
    ("import numpy as np\ny = np.asarray(np.exp(x))", "numpy.exp"),
    ("import numpy as np\ny = np.sum(x)", "numpy.sum"),
    ("import numpy as np\ny = np.add.reduce(x)", "numpy.add.reduce"),
    ("import numpy as np\ny = np.asarray(x).sum()", ".sum()"),
    ("y = x.astype(float).mean()", ".mean()"),
    ("import numpy as np\ny = np.dot(x, x)", "numpy.dot"),
    ("import numpy as np\ny = np.linalg.norm(x)", "numpy.linalg.norm"),
    ("import numpy as np\ny = np.random.default_rng(0)", "numpy.random.default_rng"),
    ("import numpy.linalg", "import numpy.linalg"),
    ("from numpy.linalg import norm", "numpy.linalg.norm"),
    ("from numpy import *", "numpy.*"),
    ("import random", "import random"),
    ("from scipy import special", "scipy.special"),
    ("import statistics", "import statistics"),
    ("y = eval('x')", "eval"),
    ("y = x @ x", "@"),
    ("x @= y", "@"),
    ("x **= 2", "**"),
    ("y = x ** 2", "**"),
    ("y = 2.0 ** n", "**"),
    ("y = 2 ** 0.5", "**"),
    ("y = 0.1 ** 2", "**"),
    ("y = 10 ** -3", "**"),
    ("y = pow(x, 2)", "pow"),
    ("y = sum(x)", "sum"),
    ("y = sum(abs(v) for v in x)", "sum"),
    ("from numba import njit\nf = njit(fastmath=True)(g)", "fastmath"),
    ("from numba import njit\nf = njit(**{'fastmath': True})(g)", "'fastmath'"),
    ("from numba import njit\nf = njit(parallel=True)(g)", "parallel"),
    ("from numba import cfunc", "numba.cfunc"),
]

ACCEPTED = [
    "import math\ny = math.sqrt(x) * x + x / x - x",
    "from math import prod\ny = (prod(x) << 3) // 5 % 7",
    "import numpy as np\ny = np.empty(3, np.float32)\ny[:] = np.sqrt(x)",
    "import numpy.typing as npt\ny: npt.NDArray[int]",
    "import decimal\ny = float(decimal.Decimal.from_float(x).ln())",
    "from numba import njit, uint32\nf = njit(nogil=True, cache=True)(g)",
    "y = 2**64 + 2.0**-32 + 10**3",
    "y = sum(letter in 'DHW' for letter in x) + sum(int(v) for v in x)",
    "y = draw.std * draw.mean",
]


@pytest.mark.parametrize(("source", "what"), REFUSED)
def test_inexact_arithmetic_is_refused(source: str, what: str) -> None:
    """Each way to a number that may differ elsewhere is found, and named."""
    (refusal,) = refusals(source)
    assert refusal.what.startswith(what)


@pytest.mark.parametrize("source", ACCEPTED)
def test_exact_arithmetic_is_accepted(source: str) -> None:
    """What rounds the same everywhere needs no permission."""
    assert refusals(source) == []


def test_the_numbers_are_exact() -> None:
    """Nothing in the floors that make the numbers is refused."""
    assert main([str(ROOT / "service" / floor) for floor in ("initializers", "stream")]) == 0


def test_what_is_told_after_rounding_is_exact() -> None:
    """The module that sums up the rounded distribution stands above those floors, and keeps to
    the same operations: its numbers are equal on every machine."""
    source = ROOT / "service" / "plan" / "rounded.py"
    assert refusals(source.read_text(encoding="utf-8")) == []


def test_a_refusal_says_where_and_what() -> None:
    """A refusal carries its line and the name to look at."""
    found = refusals("import numpy as np\n\ny = np.exp(x)\n")
    assert found == [Refusal(3, "numpy.exp: not known to be exact")]


def test_reading_nothing_is_a_failure(tmp_path: Path) -> None:
    """A moved folder cannot turn the check into one that always passes."""
    assert main([str(tmp_path)]) == 1
