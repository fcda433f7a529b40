"""Tables of sines, exponentials and logarithms have the bits of docs/drafts in other code.

The formulas are written here once more from the pages, with the reference of the elementary
functions, and in JavaScript (clients/node/stream-v1/tables.mjs).
"""

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from service.chunks import TensorBody
from service.fields import parse_query
from service.plan import plan
from service.stream.logarithm import logarithm_pair
from service.stream.reference import elementary

SCRIPT = Path(__file__).parent.parent.parent / "clients" / "node" / "check-tables.mjs"

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def served(request: str) -> Array:
    """The values of a request in float64, flat."""
    made = plan(parse_query(f"{request}&dtype=float64".encode()), "raw", max_bytes=2**30)
    return np.frombuffer(b"".join(map(bytes, TensorBody(made).chunks())), np.float64)


def cells(rows: int, columns: int) -> tuple[Integers, Integers]:
    """The row and the column of each element of a table."""
    numbers = np.arange(rows * columns)
    return numbers // columns, numbers % columns


def one(function: Callable[[Array], Array], x: float) -> float:
    """A function of one number."""
    return float(function(np.array([x]))[0])


def interleaved(rows: int, width: int, base: float) -> Array:
    p, c = cells(rows, width)
    angle = p * elementary.powers(base, -(2 * (c // 2)) / float(width))
    return np.where(c % 2 == 0, elementary.sin(angle), elementary.cos(angle))


def in_parts(rows: int, width: int, base: float, parts: int, steps: int) -> Array:
    row, c = cells(rows, width)
    side = math.isqrt(rows)
    part, i = c // (width // parts), c % (width // parts)
    p = row if parts == 2 else np.where(part < 2, row % side, row // side)
    angle = p * elementary.powers(base, -i / float(steps))
    return np.where(part % 2 == 0, elementary.sin(angle), elementary.cos(angle))


def rotary(length: int, base: float) -> Array:
    return elementary.powers(base, -np.arange(length) / float(length))


def alibi(heads: int) -> Array:
    m = 1 << (heads.bit_length() - 1)
    s = [2 * (h + 1) if h < m else 2 * (h - m) + 1 for h in range(heads)]
    return elementary.powers(2.0, -4 * np.array(s) / float(m))


def gaussian(extent: int, sigma: float) -> Array:
    u = np.arange(extent) - (extent - 1) / 2
    profile = elementary.exp(-(u * u) / (2.0 * sigma * sigma))
    values = (profile[:, np.newaxis] * profile).ravel()
    return values / math.fsum(values.tolist())


def gabor(
    outputs: int, extent: int, sigma: float, wavelength: float, aspect: float, phase: float
) -> Array:
    o, tap = cells(outputs, extent * extent)
    x, y = (extent - 1) / 2 - tap % extent, (extent - 1) / 2 - tap // extent
    c, s = elementary.cos_turns(o, 2 * outputs), elementary.sin_turns(o, 2 * outputs)
    a, b = x * c + y * s, y * c - x * s
    m = sigma / aspect
    u, v = -0.5 / (sigma * sigma), -0.5 / (m * m)
    envelope = elementary.exp(u * a * a + v * b * b)
    wave = elementary.cos(float.fromhex("0x1.921fb54442d18p+2") / wavelength * a + phase)
    return envelope * wave + 0.0


def stft(
    frequencies: int, samples: int, imaginary: bool, periodic: bool, a: float, b: float, c: float
) -> Array:
    """A density. The layout is OIW."""
    f, t = cells(frequencies, samples)
    parts, n = 2 * (frequencies - 1), samples if periodic else samples - 1
    z = -elementary.sin_turns(f * t, parts) if imaginary else elementary.cos_turns(f * t, parts)
    v = (a - b * elementary.cos_turns(t, n)) + c * elementary.cos_turns(2 * t, n)
    return z * v / math.sqrt(math.fsum((v * v)[:samples].tolist())) + 0.0


def dct(rows: int, columns: int) -> Array:
    k, n = cells(rows, columns)
    waves = math.sqrt(2 / columns) * elementary.cos_turns(k * (2 * n + 1), 4 * columns)
    return np.where(k == 0, math.sqrt(1 / columns), waves)


def mel(bands: int, bins: int, rate: float, low: float, high: float, htk: bool) -> Array:
    """With areas of 1."""

    def place(f: float) -> float:
        if htk:
            return one(elementary.log1p, f / 700)
        if f < 1000:
            return f * 15 / 1000
        return 15 + 27 * one(elementary.log, f / 1000) / one(elementary.log, 6.4)

    def hertz(m: float) -> float:
        if htk:
            return 700 * one(elementary.expm1, m)
        if m < 15:
            return m * 1000 / 15
        return 1000 * one(lambda x: elementary.powers(6.4, x), (m - 15) / 27)

    step = (place(high) - place(low)) / (bands + 1)
    e = [hertz(place(low) + j * step) for j in range(bands + 2)]
    values = []
    for r in range(bands):
        for b in range(bins):
            f = b * (rate * 0.5) / (bins - 1)
            rising, falling = (f - e[r]) / (e[r + 1] - e[r]), (e[r + 2] - f) / (e[r + 2] - e[r + 1])
            values.append(max(min(rising, falling), 0.0) * (2 / (e[r + 2] - e[r])))
    return np.array(values)


POSITIONS = "scheme=sinusoidal_positions&layer=embedding"
BLACKMAN = "window=blackman&periodic=true"

CASES: dict[str, tuple[str, tuple[float, ...], Callable[..., Array]]] = {
    f"shape=300,24&{POSITIONS}": ("interleaved", (300, 24, 10000.0), interleaved),
    f"shape=300,24&{POSITIONS}&variant=halves": ("inParts", (300, 24, 10000.0, 2, 11), in_parts),
    f"shape=196,24&{POSITIONS}&variant=grid&base=500": (
        "inParts",
        (196, 24, 500.0, 4, 5),
        in_parts,
    ),
    f"shape=196,24&{POSITIONS}&variant=mae": ("inParts", (196, 24, 10000.0, 4, 6), in_parts),
    "shape=64&scheme=rotary_frequencies&base=500000": ("rotary", (64, 500000.0), rotary),
    "shape=71&scheme=alibi_slopes": ("alibi", (71,), alibi),
    "shape=9,9&layout=HW&scheme=gaussian_filter&sigma=1.7&normalise=sum": (
        "gaussian",
        (9, 1.7),
        gaussian,
    ),
    "shape=12,1,11,11&scheme=gabor&sigma=2.3&wavelength=5.1&aspect=0.6&phase=0.3": (
        *("gabor", (12, 11, 2.3, 5.1, 0.6, 0.3)),
        gabor,
    ),
    "shape=33,1,70&layout=OIW&scheme=stft": ("stft", (33, 70, 0, 0, 0.5, 0.5, 0.0), stft),
    f"shape=33,1,64&layout=OIW&scheme=stft&variant=imag&{BLACKMAN}": (
        *("stft", (33, 64, 1, 1, 0.42, 0.5, 0.08)),
        stft,
    ),
    "shape=20,40&scheme=dct": ("dct", (20, 40), dct),
    "shape=20,129&scheme=mel_filter_bank&low_frequency=20": (
        *("mel", (20, 129, 16000.0, 20.0, 8000.0, 0)),
        mel,
    ),
    "shape=20,129&scheme=mel_filter_bank&variant=htk&sample_rate=22050": (
        *("mel", (20, 129, 22050.0, 0.0, 11025.0, 1)),
        mel,
    ),
}
"""A request; the name of its formula in JavaScript, what it takes, and the formula here."""


@pytest.mark.parametrize("request_", CASES)
def test_the_reference_gives_the_same_bits(request_: str) -> None:
    """The kernels compute what the pages say with the functions of the reference."""
    _, numbers, formula = CASES[request_]
    expected, values = formula(*numbers), served(request_)
    assert expected.tobytes() == values.tobytes()
    assert len(set(values.tolist())) > 8


def test_another_bit_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a sine that is one place too large changes the bits of the table."""
    request_ = f"shape=300,24&{POSITIONS}"
    sine = elementary.sin
    monkeypatch.setattr(elementary, "sin", lambda x: np.nextafter(sine(x), 2.0))
    _, numbers, formula = CASES[request_]
    assert formula(*numbers).tobytes() != served(request_).tobytes()


def in_node(cases: list[dict[str, object]], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the client's own comparison on a file of cases."""
    path = folder / "cases.json"
    path.write_text(json.dumps(cases), encoding="utf-8")
    command = ["node", str(SCRIPT), str(path)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=60)


@pytest.mark.needs("node")
def test_node_gives_the_same_bits(tmp_path: Path) -> None:
    """A third implementation. Negative control: one wrong bit is found, and its table named."""
    bases = (10000.0, 500.0, 500000.0, 2.0, 6.4)
    logarithms = {f"{base:g}": logarithm_pair(base) for base in bases}
    cases: list[dict[str, object]] = [
        {
            "name": name,
            "numbers": numbers,
            "logarithms": logarithms,
            "values": [f"{bits:016x}" for bits in served(request_).view(np.uint64).tolist()],
        }
        for request_, (name, numbers, _) in CASES.items()
    ]
    checked = in_node(cases, tmp_path)
    assert (checked.returncode, checked.stdout) == (0, f"{len(cases)} tables, 0 differ\n")
    values = cases[3]["values"]
    assert isinstance(values, list)
    values[5] = f"{int(values[5], 16) ^ 1:016x}"
    checked = in_node(cases, tmp_path)
    assert checked.returncode == 1
    assert checked.stdout.startswith("inParts: element 5: ")
    assert checked.stdout.endswith(f"{len(cases)} tables, 1 differ\n")
