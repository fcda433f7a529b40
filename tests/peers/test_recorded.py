"""Presets of JAX against the weights that JAX 0.10.2 drew once, in data/jax-0.10.2.npz.

The file has 37 x 101 and 3 x 3 x 3 x 16 values of each initializer, with key 1. The names are those
of tests/peers/draw.py. It needs no framework, so `make quick` has this test. The samples are small:
std is compared to about 5 %, and test_live.py compares it to 1 %.
"""

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from tests.peers.comparison import Array, asked, differences

with np.load(Path(__file__).parent / "data" / "jax-0.10.2.npz") as arrays:
    RECORDED = {name: cast(Array, arrays[name]) for name in arrays.files}


@pytest.mark.parametrize("name", RECORDED)
def test_a_preset_draws_what_jax_drew(name: str) -> None:
    """Same mean, std, bounds, kurtosis and distribution."""
    query = asked(RECORDED[name].shape, name.partition("#")[0])
    assert differences(RECORDED[name], query) == []


@pytest.mark.parametrize("name", [name for name in RECORDED if name.endswith("_normal")])
@pytest.mark.parametrize("wrong", ["&std_kind=parent", "&gain=2", "&mode=fan_out"])
def test_a_wrong_one_would_be_found(name: str, wrong: str) -> None:
    """Negative control: another std of at least 10 %."""
    assert differences(RECORDED[name], asked(RECORDED[name].shape, name + wrong)) != []
