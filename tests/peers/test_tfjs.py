"""Each preset of TensorFlow.js against weights that it draws here and now, in Node."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from service.initializers.schemes import SCHEMES
from tests.peers.comparison import Array, asked, differences
from tests.peers.environment import draw, tfjs_folder

pytestmark = [pytest.mark.slow, pytest.mark.needs("node", "npm")]

SCRIPT = Path(__file__).parent / "tfjs" / "draw.mjs"

Drawn = dict[str, Array]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """The arrays of TensorFlow.js by what follows `scheme=`."""
    path = tmp_path_factory.mktemp("tfjs") / "drawn.json"
    draw(["node", str(SCRIPT), str(tfjs_folder() / "node_modules"), str(path)])
    listed = json.loads(path.read_text(encoding="utf-8"))
    return {
        each["name"]: np.frombuffer(base64.b64decode(each["values"]), np.float32).reshape(
            each["shape"]
        )
        for each in listed
    }


def test_every_preset_is_drawn(drawn: Drawn) -> None:
    """A preset that the script forgets would be compared with nothing."""
    compared = {name.partition("#")[0].partition("&")[0] for name in drawn}
    assert compared == {name for name in SCHEMES if name.startswith("tfjs.")}


def test_a_preset_draws_what_tensorflow_js_draws(drawn: Drawn) -> None:
    """Same mean, std, bounds, kurtosis and distribution; equal values where none is random."""
    found = {
        name: differences(array, asked(array.shape, name.partition("#")[0]))
        for name, array in drawn.items()
    }
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("tfjs.glorot_normal", "keras.glorot_normal"),  # corrected
        ("tfjs.dense", "tfjs.dense&std_kind=corrected"),
        ("tfjs.random_uniform&low=0", "uniform&low=0&high=0.05"),
        ("tfjs.lstm.bias", "keras.lstm.bias"),
        ("tfjs.lstm.recurrent_kernel", "orthogonal&layout=IO&parts=4"),
        ("tfjs.conv2d_transpose", "tfjs.conv2d_transpose&mode=fan_in"),
    ],
)
def test_a_wrong_preset_would_be_found(drawn: Drawn, name: str, wrong: str) -> None:
    """Negative control: a cut with another std, another bound, another fan, other matrices."""
    assert differences(drawn[name], asked(drawn[name].shape, wrong)) != []
