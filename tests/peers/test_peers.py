"""Presets against what their frameworks made: torch, timm, MLX and Paddle.

tests/peers/data has values that `checks/write_peer_values.py` wrote, with the versions. With the
environment variable FANIN_PEER_VALUES, a directory, the values there are compared instead. `make
peers-more` writes those of MLX and Paddle anew. Where `make bench` has installed torch, it is asked
anew, too.
"""

import hashlib
import json
import math
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.initializers.schemes import SCHEMES
from tests.peers.cases import CASES
from tests.peers.comparison import Array, differences, issued
from tests.peers.environment import draw, torch_python

COMMITTED = Path(__file__).parent / "data"

DATA = Path(os.environ.get("FANIN_PEER_VALUES", COMMITTED))

OURS = 16
"""The tensors of ours that are one sample; a peer's has up to 1,024 values."""

WRITTEN = [(peer, number) for peer in CASES for number in range(len(CASES[peer]))]


@cache
def written(peer: str, folder: Path = DATA) -> tuple[dict[str, Any], list[Array]]:
    """What the peer has made: the head of its file, and the values of each case.

    Values that are the whole tensor have the shape of the request.
    """
    about = json.loads((folder / f"{peer}.json").read_text(encoding="utf-8"))
    with np.load(folder / f"{peer}.npz") as arrays:
        values = [arrays[str(n)] for n in range(len(arrays.files))]
    shapes = (shape_of(case.query) for case in CASES[peer])
    return about, [
        each.reshape(shape) if each.size == math.prod(shape) else each
        for each, shape in zip(values, shapes, strict=True)
    ]


def case_name(peer: str, number: int) -> str:
    """A short name of a case for the report."""
    return CASES[peer][number].query


@pytest.mark.parametrize(
    ("peer", "number"), WRITTEN, ids=[case_name(peer, number) for peer, number in WRITTEN]
)
def test_a_preset_is_what_its_peer_makes(peer: str, number: int) -> None:
    """Equal values of a deterministic one; else equal std, kurtosis, ends and distribution."""
    about, values = written(peer)
    case = CASES[peer][number]
    assert about["cases"][number]["query"] == case.query, "write the values anew"
    assert differences(values[number], case.query, OURS) == []


def shape_of(query: str) -> list[int]:
    """The shape of a request."""
    return list(map(int, query.partition("shape=")[2].partition("&")[0].split(",")))


@pytest.mark.parametrize("peer", CASES)
def test_the_shapes_are_the_peers_own(peer: str) -> None:
    """A request has the axes in the order in which the peer stores them."""
    about, _ = written(peer)
    for case, listed in zip(CASES[peer], about["cases"], strict=True):
        assert math.prod(shape_of(case.query)) == math.prod(listed["shape"])
        assert case.scheme.endswith(".bias") or shape_of(case.query) == listed["shape"], case.query


NOT_HERE = {
    "timm.init_weights_vit_timm.bias",
}
"""Presets without a case: a bias of zeros that a function of a whole model sets."""


@pytest.mark.parametrize("peer", CASES)
def test_every_preset_of_a_peer_has_a_case(peer: str) -> None:
    """One that is never compared would be a guess."""
    asked = {case.scheme for case in CASES[peer]}
    presets = {name for name in SCHEMES if name.startswith(f"{peer}.")}
    assert presets - asked - NOT_HERE == set()
    assert asked <= presets


RANDOM = [
    (peer, number)
    for peer, number in WRITTEN
    if SCHEMES[CASES[peer][number].scheme].distribution not in ("constant", "deterministic")
]


@pytest.mark.parametrize(("peer", "number"), RANDOM)
@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_wrong_gain_would_be_seen(peer: str, number: int, factor: float) -> None:
    """Negative control: the peer's values, a fifth narrower or a quarter wider."""
    query, theirs = CASES[peer][number].query, written(peer)[1][number]
    middle = issued(query, OURS)[0].mean or 0.0
    assert differences(middle + (theirs - middle) * factor, query, OURS) != []


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("shape=40,26&scheme=torch.kaiming_normal&activation=tanh", "&gain=1.2"),
        ("shape=72,24&scheme=torch.multihead_attention", "&fan_out=24"),
        ("shape=16,8,3,3&scheme=torch.conv2d&groups=4", "&fan_in=288"),
        ("shape=40,26&scheme=torch.kaiming_uniform&activation=leaky_relu", "&negative_slope=0.8"),
        ("shape=16,8,3,3&scheme=paddle.conv2d&groups=4", "&fan_in=72"),
        ("shape=40,26&scheme=mlx.he_normal", "&gain=1.4142135623730951"),
        ("shape=40,26&scheme=torch.kaiming_normal&negative_slope=1.5", "&mode=fan_out"),
        ("shape=16,2,3,3&scheme=torch.orthogonal&gain=1.5", "&layout=IOHW"),
        ("shape=40,20&scheme=torch.sparse&sparsity=0.33", "&layout=IO"),
        ("shape=40,20&scheme=mlx.sparse&sparsity=0.33", "&mean=0.2"),
    ],
)
def test_a_preset_with_another_number_is_not_its_peer(query: str, wrong: str) -> None:
    """Negative control: a wrong gain, slope, mode or fan."""
    peer = query.partition("scheme=")[2].partition(".")[0]
    number = next(n for n, case in enumerate(CASES[peer]) if case.query == query)
    theirs = written(peer)[1][number]
    assert differences(theirs, query, OURS) == []
    assert differences(theirs, query + wrong, OURS) != []


@pytest.mark.slow
def test_the_torch_that_is_installed_makes_the_same(tmp_path: Path) -> None:
    """The same comparison with fresh values."""
    draw([str(torch_python()), "-m", "checks.write_peer_values", "torch", str(tmp_path)])
    _, values = written("torch", tmp_path)
    found = {
        case.query: differences(each, case.query, OURS)
        for case, each in zip(CASES["torch"], values, strict=True)
    }
    assert {query: each for query, each in found.items() if each} == {}


PARITY: dict[str, str] = {
    "uniform/64x32": "shape=64,32&scheme=torch.uniform&low=-1&high=1",
    "normal/64x32": "shape=64,32&scheme=torch.normal",
    "kaiming_uniform_relu/64x32": "shape=64,32&scheme=torch.kaiming_uniform&activation=relu",
    "kaiming_normal_fanout/64x32": (
        "shape=64,32&scheme=torch.kaiming_normal&activation=relu&mode=fan_out"
    ),
    "xavier_uniform/64x32": "shape=64,32&scheme=torch.xavier_uniform",
    "xavier_normal/64x32": "shape=64,32&scheme=torch.xavier_normal",
    "trunc_normal/64x32": "shape=64,32&scheme=torch.trunc_normal&std=0.02",
    "module/Linear/weight": "shape=64,32&scheme=torch.linear",
    "module/Linear/bias": "shape=64&fan_in=32&scheme=torch.linear.bias",
    "module/Conv2d/weight": "shape=16,3,3,3&scheme=torch.conv2d",
    "module/Conv2d/bias": "shape=16&fan_in=27&scheme=torch.conv2d.bias",
    "module/Conv2d_groups/weight": "shape=16,2,3,3&scheme=torch.conv2d&groups=2",
    "module/ConvTranspose2d/weight": "shape=8,4,3,3&scheme=torch.conv_transpose2d",
    "module/ConvTranspose2d/bias": "shape=4&fan_in=36&scheme=torch.conv_transpose2d.bias",
    "module/Embedding/weight": "shape=100,16&scheme=torch.embedding",
    "module/LSTM/weight_ih_l0": "shape=48,8&scheme=torch.lstm",
    "module/LSTM/weight_hh_l0": "shape=48,12&scheme=torch.lstm",
    "module/LSTM/bias_ih_l0": "shape=48&scheme=torch.lstm.bias",
    "module/LSTM/bias_hh_l0": "shape=48&scheme=torch.lstm.bias",
    "module/MHA/in_proj_weight": "shape=48,16&scheme=torch.multihead_attention",
    "module/MHA/in_proj_bias": "shape=48&scheme=torch.multihead_attention.bias",
    "module/MHA/out_proj.weight": "shape=16,16&scheme=torch.multihead_attention.out_proj",
    "module/MHA/out_proj.bias": "shape=16&scheme=torch.multihead_attention.bias",
}
"""The request for each whole tensor of parity-torch.npz, whose cases have `/seed0` at the end."""


@pytest.mark.parametrize("name", PARITY)
def test_a_whole_tensor_of_torch_is_one_of_its_preset(name: str) -> None:
    """Tensors that others drew with torch 2.13.0 on another machine, with their digests."""
    case = f"{name}/seed0"
    about = json.loads((COMMITTED / "parity-torch.json").read_text(encoding="utf-8"))
    listed = next(each for each in about["cases"] if each["id"] == case)
    with np.load(COMMITTED / "parity-torch.npz") as arrays:
        tensor = arrays[case.replace("/", "|")]
    assert hashlib.sha256(tensor.tobytes()).hexdigest() == listed["sha256"]
    assert list(tensor.shape) == shape_of(PARITY[name])
    assert differences(tensor, PARITY[name], OURS) == []
