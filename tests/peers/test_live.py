"""Each preset of Keras, JAX and Flax against weights that these frameworks draw here and now."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from service.initializers.schemes import SCHEMES
from tests.peers.comparison import Array, asked, differences
from tests.peers.environment import draw, peers_python

pytestmark = [pytest.mark.slow, pytest.mark.ci]

FRAMEWORKS = ("keras", "jax", "flax")

Drawn = dict[str, Array]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """The peers' arrays by what follows `scheme=`."""
    path: Path = tmp_path_factory.mktemp("peers") / "drawn.npz"
    draw([str(peers_python()), "-m", "tests.peers.draw", str(path)])
    with np.load(path) as arrays:
        return {name: cast(Array, arrays[name]) for name in arrays.files}


def scheme_of(name: str) -> str:
    """The preset with its fields, without what tells arrays of one request apart."""
    return name.partition("#")[0]


def test_every_preset_is_drawn(drawn: Drawn) -> None:
    """A preset that the script forgets would be compared with nothing."""
    compared = {scheme_of(name).partition("&")[0] for name in drawn}
    assert compared == {name for name in SCHEMES if name.split(".")[0] in FRAMEWORKS}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_preset_draws_what_its_peer_draws(drawn: Drawn, framework: str) -> None:
    """Same mean, std, bounds, kurtosis and distribution; equal values where none is random."""
    found = {
        name: differences(array, asked(array.shape, scheme_of(name)))
        for name, array in drawn.items()
        if name.startswith(f"{framework}.")
    }
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("keras.he_normal", "keras.lecun_normal"),  # another gain
        ("keras.he_normal", "keras.he_normal&gain=1.43"),  # 1.1 % more than sqrt(2)
        ("keras.he_normal", "keras.he_normal&std_kind=parent"),  # not corrected
        ("keras.he_normal", "he_normal&layout=IO"),  # not cut
        ("keras.glorot_uniform", "keras.glorot_uniform&mode=fan_in"),
        ("keras.random_uniform", "keras.random_uniform&high=0.0502"),
        ("keras.truncated_normal", "keras.truncated_normal&std_kind=corrected"),
        ("keras.depthwise_conv2d", "glorot_uniform&layer=depthwise_conv2d&layout=HWEO"),
        ("keras.conv2d", "he_uniform&layout=HWIO"),
        ("keras.lstm.kernel", "keras.lstm.kernel&fan_out=64"),  # the fan of one gate
        ("keras.lstm.recurrent_kernel", "orthogonal&layout=IO&parts=4"),  # one for each gate
        ("keras.lstm.bias", "ones"),
        ("keras.identity&gain=0.5#tall", "keras.identity"),
        ("jax.uniform", "jax.uniform&high=0.0101"),
        ("jax.uniform", "uniform&low=-0.01&high=0.01"),
        ("jax.normal", "jax.normal&std=0.0102"),
        ("jax.orthogonal", "jax.orthogonal&gain=1.001"),
        ("jax.orthogonal", "jax.lecun_normal"),
        ("jax.delta_orthogonal", "flux.identity_init"),
        ("jax.delta_orthogonal", "jax.delta_orthogonal&gain=1.001"),
        ("keras.stft&variant=imag&window=hamming", "keras.stft&variant=imag"),
        ("flax.dense", "flax.dense&std_kind=parent"),
        ("flax.embed", "normal&std=1"),
        ("flax.conv_transpose2d", "lecun_normal&layout=HWOI&distribution=truncated_normal"),
    ],
)
def test_a_wrong_preset_would_be_found(drawn: Drawn, name: str, wrong: str) -> None:
    """Negative control: a wrong gain, fan, cut, bound or matrix differs, most by little."""
    assert differences(drawn[name], asked(drawn[name].shape, wrong)) != []
