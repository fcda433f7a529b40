"""Whole tensors of sequence models have equal bits in the service, in plain NumPy and in Node.

The NumPy twin is made of the reference's uniform variates and elementary functions. The Node twin
shares no code with either.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from service.stream.address import Address, stream_of
from service.stream.draws import Elementwise, SymmetricUniform, UniformBetween
from service.stream.reference import elementary
from service.stream.reference.elements import values_of
from tests.initializers.issuing import Values, issued

SCRIPT = Path(__file__).parent / "sequence_tables.mjs"
SEED, NAME, COUNT, COLUMNS, UNITS = 7, "layers.0", 3001, 256, 750

PLACES = np.arange(COLUMNS, dtype=np.float64)
UNIT = SymmetricUniform(1.0)


def drawn(draw: Elementwise, start: int = 0, count: int = COUNT) -> Values:
    """The reference's variates from an element number on, in float64."""
    numbers = np.arange(start, start + count)
    values = values_of(draw, "float64", Address(SEED, stream_of(NAME)), numbers)
    return values.astype(np.float64)


def shares() -> Values:
    return np.maximum(0.5 + 0.5 * drawn(UNIT), 2.0**-54)


def squares(inner: float, outer: float) -> Values:
    a = inner * inner
    return np.minimum(shares() * (outer * outer - a) + a, 1.0 - 2.0**-53)


def step_bias() -> Values:
    ends = UniformBetween(
        float.fromhex("-0x1.ba18a998fffap+2"), float.fromhex("-0x1.26bb1bbb55515p+1")
    )
    dt = np.maximum(elementary.exp(drawn(ends)), 1e-4)
    return dt + elementary.log(0.0 - elementary.expm1(0.0 - dt))


def inverse_frequency() -> Values:
    odd = 2.0 * PLACES + 1.0
    return (2.0 * COLUMNS - odd) / odd * (2.0 * COLUMNS / np.pi)


def chrono() -> Values:
    forget = elementary.log(drawn(UniformBetween(1.0, 783.0), UNITS, UNITS))
    return np.concatenate([0.0 - forget, forget, np.zeros(2 * UNITS)])


def recurrence() -> Values:
    a = 0.9 * 0.9
    radii = shares() * (0.999 * 0.999 - a) + a + 1e-8
    return elementary.log(elementary.expm1(-0.5 * elementary.log(radii)))


TWINS: dict[str, tuple[int, Callable[[], Values]]] = {
    "mamba_a_log": (COLUMNS, lambda: elementary.log(PLACES + 1.0)),
    "s4d_log_decay&variant=real": (COLUMNS, lambda: elementary.log(PLACES + 1.0)),
    "s4d_frequency": (COLUMNS, lambda: PLACES * np.pi),
    "s4d_frequency&variant=inv": (COLUMNS, inverse_frequency),
    "hippo_legs_b": (COLUMNS, lambda: np.sqrt(2.0 * PLACES + 1.0)),
    "retnet_decays": (
        COLUMNS,
        lambda: elementary.log1p(0.0 - elementary.powers(2.0, -5.0 - PLACES)) + 0.0,
    ),
    "retnet_decays&variant=plain": (
        COLUMNS,
        lambda: 1.0 - elementary.powers(2.0, -5.0 - PLACES),
    ),
    "mamba_dt_bias": (COUNT, step_bias),
    "mamba2_a_log": (COUNT, lambda: elementary.log(drawn(UniformBetween(1.0, 16.0)))),
    "lru_nu_log": (COUNT, lambda: elementary.log(-0.5 * elementary.log(squares(0.0, 1.0)))),
    "lru_theta_log": (COUNT, lambda: elementary.log(shares() * 6.28)),
    "lru_gamma_log": (COUNT, lambda: 0.5 * elementary.log1p(0.0 - squares(0.0, 1.0))),
    "lru_nu_log&r_min=0.9&r_max=0.999": (
        COUNT,
        lambda: elementary.log(-0.5 * elementary.log(squares(0.9, 0.999))),
    ),
    "rg_lru_lambda": (COUNT, recurrence),
    "chrono_bias&parts=4&period=784": (4 * UNITS, chrono),
}
"""The elements of each tensor, and the NumPy twin of it."""


def served(scheme: str) -> Values:
    return issued(f"shape={TWINS[scheme][0]}&scheme={scheme}&seed={SEED}&name={NAME}")


@pytest.mark.parametrize("scheme", TWINS)
def test_the_service_has_the_bits_of_plain_numpy(scheme: str) -> None:
    """-0 is not +0 here."""
    assert served(scheme).tobytes() == TWINS[scheme][1]().tobytes()


@pytest.mark.needs("node")
def test_the_service_has_the_bits_of_node() -> None:
    """All tensors. Negative control: another name has other bits, except for tables."""
    command = ["node", str(SCRIPT)]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=60)
    found = json.loads(run.stdout)
    assert set(found) == set(TWINS)
    for scheme, digits in found.items():
        assert [f"{bits:016x}" for bits in served(scheme).view(np.uint64).tolist()] == digits
    other = issued(f"shape={COUNT}&scheme=mamba_dt_bias&seed={SEED}&name=other")
    assert [f"{bits:016x}" for bits in other.view(np.uint64).tolist()] != found["mamba_dt_bias"]
