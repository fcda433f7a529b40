"""Elementary functions: accurate against mpmath, and with equal bits wherever they are computed."""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import pytest

from checks import elementary_digests, elementary_polynomials
from checks.elementary_digests import Sample, samples
from checks.write_reference import DRAFTS_PATH
from service.stream import elementary, elementary_literals
from service.stream.logarithm import logarithm_pair
from service.stream.reference import elementary as reference

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "clients" / "node" / "check-elementary.mjs"

TOLERANCE = 0.8
"""Units in the last place. The largest error that was found in 10^5 points is 0.75."""

NAMES = ("exp", "expm1", "log", "log1p", "sin", "cos", "sin_turns", "cos_turns", "powers")


def exact(sample: Sample) -> Iterator[Any]:
    """The values of a sample in mpmath, at the precision in force."""
    points = sample.points.tolist()
    if sample.name.endswith("_turns"):
        function = mpmath.sinpi if sample.name == "sin_turns" else mpmath.cospi
        parts = int(sample.parameter or 0)
        # Python's % and mpmath's sinpi keep 0, 1 and 1/2 exact.
        return (function(mpmath.mpf(2 * (n % parts)) / parts) for n in points)
    if sample.name == "powers":
        base = mpmath.mpf(sample.parameter)
        return (mpmath.power(base, mpmath.mpf(e)) for e in points)
    one: Callable[[Any], Any] = getattr(mpmath, sample.name)
    return (one(mpmath.mpf(x)) for x in points)


def errors(sample: Sample, values: npt.NDArray[np.float64]) -> list[float]:
    """|value - exact| of each point, in units in the last place of the exact value."""
    with mpmath.workprec(240):
        pairs = zip(values.tolist(), exact(sample), strict=True)
        return [float(abs(mpmath.mpf(v) - e) / unit(e)) for v, e in pairs]


def unit(x: Any) -> Any:
    """The distance of neighbouring float64 numbers at x."""
    exponent = mpmath.frexp(abs(x))[1] if x else -1074
    return mpmath.ldexp(1, max(exponent - 53, -1074))


def finite(sample: Sample) -> Sample:
    """The sample without -infinity."""
    if sample.points.dtype != np.float64:
        return sample
    return Sample(sample.name, sample.points[np.isfinite(sample.points)], sample.parameter)


@pytest.mark.parametrize("name", NAMES)
def test_values_are_accurate(name: str) -> None:
    """The first points of the long sample below, and those where a branch changes."""
    for sample in samples(3000):
        if sample.name == name:
            assert max(errors(finite(sample), finite(sample).values())) <= TOLERANCE, sample


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_values_are_accurate_at_many_points(name: str) -> None:
    """10^5 points of each function, by which the page states the largest errors."""
    found = [
        max(errors(finite(sample), finite(sample).values()))
        for sample in samples(100_000)
        if sample.name == name
    ]
    print(f"{name}: {max(found):.3f} units in the last place")
    assert max(found) <= TOLERANCE


def hard_angles() -> npt.NDArray[np.float64]:
    """Of each power of 2 up to 2^29, numbers that are as near as any to multiples of pi / 2.

    k pi / 2 is next to a float64 if k is a denominator of a convergent of pi / 2 divided by the
    distance of neighbouring numbers.
    """
    found = []
    with mpmath.workprec(400):
        for exponent in range(30):
            distance = mpmath.ldexp(1, exponent - 52)
            ratio = mpmath.pi / 2 / distance
            x, before, k = ratio - mpmath.floor(ratio), 0, 1
            while k < 2 ** (exponent + 1):
                low, high = 2**exponent, 2 ** (exponent + 1)
                first = -(-low * 2 // (3 * k)) or 1
                found += [
                    float(mpmath.nint(multiple * k * ratio) * distance)
                    for multiple in (1, 2, first)
                    if low < multiple * k * mpmath.pi / 2 < high
                ]
                x = 1 / x
                part = int(mpmath.floor(x))
                x, before, k = x - part, k, part * k + before
    return np.array(found)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_angles_beside_multiples_of_a_quarter_turn(name: str) -> None:
    """Where nearly all digits cancel: some leave a rest below 2^-57."""
    points = hard_angles()
    sample = Sample(name, np.concatenate([points, -points]))
    values = sample.values()
    assert max(errors(sample, values)) <= TOLERANCE
    assert np.abs(values).min() < 2.0**-57


def test_exact_values_are_exact() -> None:
    """0, 1, -1, 1/2 and -1/2 of turns; exp(0), ln(1), and small whole powers."""
    n = np.arange(-48, 49)
    for parts in (12, 24, 12 * 99991, 12 * 2**49):
        sines = elementary.sin_turns(n * (parts // 12), parts)
        cosines = elementary.cos_turns(n * (parts // 12), parts)
        for values, shift in ((sines, 0), (cosines, 3)):
            for wanted, places in ((0.0, (0, 6)), (0.5, (1, 5)), (1.0, (3,))):
                place = (n + shift) % 12
                assert (values[np.isin(place, places)] == wanted).all()
                assert (values[np.isin(place - 6, places)] == -wanted).all()
            assert not np.signbit(values[values == 0]).any()
    assert elementary.exp(0.0) == 1.0
    assert elementary.log(1.0) == elementary.log1p(0.0) == elementary.expm1(0.0) == 0.0
    assert elementary.powers(10.0, np.arange(-2.0, 23.0)).tolist() == [
        float(f"1e{e}") for e in range(-2, 23)
    ]
    assert elementary.powers(3.7, [0.0, 1.0]).tolist() == [1.0, 3.7]


@pytest.mark.parametrize("parts", [7, 8, 360, 1000, 99991])
def test_turns_are_symmetric(parts: int) -> None:
    """sin is odd, cos is even, and an eighth of a turn has one sine and cosine."""
    n = np.arange(parts)
    sines, cosines = elementary.sin_turns(n, parts), elementary.cos_turns(n, parts)
    assert np.array_equal(elementary.sin_turns(-n, parts), -sines)
    assert np.array_equal(elementary.cos_turns(-n, parts), cosines)
    assert np.array_equal(elementary.sin_turns(n + 5 * parts, parts), sines)
    assert elementary.sin_turns(1, 8) == elementary.cos_turns(1, 8) == 2**0.5 / 2


def test_far_exponents() -> None:
    """The domain of the exponential has no lower end: subnormal numbers, then 0, or -1."""
    assert elementary.exp([-744.4400719213812, -746.0, -1e300, -np.inf]).tolist() == [
        5e-324,
        0,
        0,
        0,
    ]
    assert elementary.expm1([-60.0, -1e300, -np.inf]).tolist() == [-1, -1, -1]
    assert elementary.powers(10000.0, [-1e300, -90.0]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (elementary.exp, 709.1),
        (elementary.exp, np.nan),
        (elementary.expm1, 709.1),
        (elementary.expm1, np.nan),
        (elementary.log, 0.0),
        (elementary.log, -1.0),
        (elementary.log, np.inf),
        (elementary.log, np.nan),
        (elementary.log1p, -1.0),
        (elementary.log1p, np.inf),
        (elementary.sin, 2.0**30 + 1),
        (elementary.cos, -(2.0**30) - 1),
        (elementary.sin, np.nan),
        (lambda x: elementary.powers(10.0, x), 308.0),
        (lambda x: elementary.powers(x, 1.0), 0.0),
        (lambda x: elementary.powers(x, 1.0), np.inf),
        (lambda x: elementary.sin_turns(1, int(x)), 0.0),
        (lambda x: elementary.cos_turns(1, int(x)), 2.0**53 + 2),
    ],
)
def test_numbers_outside_the_domain_are_refused(function: Callable[[Any], Any], x: float) -> None:
    """Alone, and among others that are inside."""
    with pytest.raises(ValueError, match=r"takes|above 0|parts"):
        function(x)
    if function in (elementary.exp, elementary.log, elementary.sin):
        with pytest.raises(ValueError, match="takes"):
            function([0.5, x, 0.5])


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 1, 2)])
def test_any_shape_is_kept_and_the_argument_too(shape: tuple[int, ...]) -> None:
    """Read-only arrays and transposed ones are as good as others."""
    x = np.full(shape, 0.5).T
    x.flags.writeable = False
    values = elementary.exp(x)
    assert values.shape == x.shape
    assert values.dtype == np.float64
    assert (values == elementary.exp(0.5)).all()
    assert (x == 0.5).all()
    n = np.full(shape, 1).T
    n.flags.writeable = False
    assert elementary.sin_turns(n, 12).shape == n.shape
    order = np.arange(6.0).reshape(2, 3).T
    assert np.array_equal(elementary.log1p(order), elementary.log1p(order.copy()))


def test_reference_and_kernels_have_the_same_bits() -> None:
    """At every point of the sample."""
    for sample in samples(20_000):
        assert sample.values(reference).tobytes() == sample.values().tobytes(), sample


@pytest.mark.parametrize(
    ("literal", "name"),
    [("EXP", "exp"), ("EXP", "expm1"), ("SIN", "sin"), ("COS", "sin"), ("COS", "sin_turns")],
)
def test_another_coefficient_is_noticed(
    literal: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the last bit of the constant term changes bits, and 2^-44 the accuracy."""
    (sample, *_) = [s for s in samples() if s.name == name and s.parameter in (None, 99991)]
    first, *others = getattr(elementary_literals, literal)
    monkeypatch.setattr(elementary_literals, literal, (np.nextafter(first, 1.0), *others))
    assert sample.values(reference).tobytes() != sample.values().tobytes()
    monkeypatch.setattr(elementary_literals, literal, (first * (1 + 2.0**-44), *others))
    assert max(errors(finite(sample), finite(sample).values(reference))) > TOLERANCE


def test_the_coefficients_are_found_again() -> None:
    """To the bit, with the errors that the literals state."""
    stated = {"EXP": 1.9e-17, "SIN": 9.3e-18, "COS": 2.4e-18}
    with mpmath.workdps(elementary_polynomials.DIGITS):
        for fit in elementary_polynomials.fits():
            found = elementary_polynomials.coefficients(fit)
            assert found == getattr(elementary_literals, fit.name)
            assert elementary_polynomials.largest_error(fit, found, 100) < stated[fit.name]


def test_the_other_constants_are_what_they_stand_for() -> None:
    """The parts of ln 2 and of pi / 2 add up to the exact number, and products are exact."""
    parts = elementary_literals.HALF_PI_PARTS
    with mpmath.workprec(300):
        ln_2 = mpmath.mpf(elementary_literals.LN_2_HIGH) + elementary_literals.LN_2_LOW
        assert abs(ln_2 - mpmath.log(2)) < mpmath.ldexp(1, -101)
        half_pi = mpmath.mpf(elementary_literals.HALF_PI_HIGH) + elementary_literals.HALF_PI_LOW
        assert abs(half_pi - mpmath.pi / 2) < mpmath.ldexp(1, -108)
        assert abs(mpmath.fsum(parts) - mpmath.pi / 2) < mpmath.ldexp(1, -149)
        assert float(1 / mpmath.log(2)) == elementary_literals.ONE_OVER_LN_2
        assert float(2 / mpmath.pi) == elementary_literals.TWO_OVER_PI
    assert all(significant(part) <= 23 for part in parts[:4])
    assert significant(elementary_literals.LN_2_HIGH) <= 42


def significant(x: float) -> int:
    """The number of significant bits."""
    numerator, _ = x.as_integer_ratio()
    return (numerator // (numerator & -numerator)).bit_length()


def test_every_constant_stands_on_the_page() -> None:
    """With its value; R stands on the page of the stream, where a test of its own looks for it."""
    page = DRAFTS_PATH.read_text(encoding="utf-8")
    section = page[page.index("## Elementary functions") : page.index("## `identity`")]
    texts = re.findall(r"-?0x1(?:\.[0-9a-f]+)?p[+-]\d+", section)
    found = {float.fromhex(text) for text in texts} | {709.0, -746.0, -60.0, 2**27 + 1}
    found |= {2.0**n for n in map(int, re.findall(r"2\^(-?\d+)", section))}
    for name, value in vars(elementary_literals).items():
        if name.isupper():
            assert set(value if isinstance(value, tuple) else (value,)) <= found, name


def bits(values: npt.NDArray[np.float64]) -> list[str]:
    """The sixteen digits of the bits of each value."""
    return [f"{each:016x}" for each in values.view(np.uint64).tolist()]


def cases() -> list[dict[str, Any]]:
    """The sample as check-elementary.mjs reads it, with the kernels' values."""
    return [
        {
            "name": sample.name,
            "parameters": parameters(sample),
            "x": (
                list(map(str, sample.points.tolist()))
                if sample.name.endswith("_turns")
                else bits(sample.points)
            ),
            "values": bits(sample.values()),
        }
        for sample in samples()
    ]


def parameters(sample: Sample) -> list[str]:
    """The denominator of turns, and of a power the two parts of the logarithm of its base."""
    if sample.name == "powers":
        return bits(np.array(logarithm_pair(float(sample.parameter or 0))))
    return [] if sample.parameter is None else [str(sample.parameter)]


def in_node(given: list[dict[str, Any]], folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "cases.json"
    path.write_text(json.dumps(given), encoding="utf-8")
    command = ["node", str(SCRIPT), str(path)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=60)


@pytest.mark.needs("node")
def test_node_has_the_same_bits(tmp_path: Path) -> None:
    """A third implementation, in JavaScript. Negative control: one wrong bit is found."""
    given = cases()
    points = sum(len(case["x"]) for case in given)
    checked = in_node(given, tmp_path)
    assert checked.stdout == f"{points} points, 0 functions differ\n", checked.stderr
    given[3]["values"][7] = f"{int(given[3]['values'][7], 16) ^ 1:016x}"
    checked = in_node(given, tmp_path)
    assert checked.returncode == 1
    assert checked.stdout.startswith("log1p(")
    assert checked.stdout.endswith(f"{points} points, 1 functions differ\n")


def digests(**environment: str) -> list[str]:
    command = [sys.executable, "-m", "checks.elementary_digests"]
    variables = {**os.environ, **environment}
    done = subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.ci
def test_a_processor_without_vector_extensions_gives_the_same_bits() -> None:
    """Compiled for the generic CPU of this architecture."""
    assert digests(NUMBA_CPU_NAME="generic") == elementary_digests.lines()


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.needs("qemu-aarch64-static", "apt-get")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="emulates Arm on x86-64")
def test_an_arm_processor_gives_the_same_bits() -> None:
    """A 64-bit Arm CPython with its own NumPy and Numba, emulated."""
    command = ["checks/aarch64.sh", "checks/elementary_digests.py"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines() == elementary_digests.lines()
