"""The lines of code of a recommendation, run here and now by the frameworks that they are for.

Every kind of line of a framework runs, and draws what Fanin draws: tests/peers/comparison.py says
how close. Of 131,072 values the std is compared to 1 %. The digits of the numbers are compared in
tests/advice/test_equivalents.py.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from service.advice.context import context_of
from service.advice.equivalents import FRAMEWORKS, RUN_WITH
from service.advice.question import parse_question_query
from service.initializers.layers import LAYERS
from tests.advice.asking import asked as recommended
from tests.advice.test_equivalents import target_for
from tests.peers.comparison import Array, differences
from tests.peers.environment import draw, mlx_python, peers_python, tfjs_folder, torch_python

pytestmark = pytest.mark.slow

MATRIX, KERNEL = "shape=256,512", "shape=64,32,3,3"

SCALED = "scheme=variance_scaling&gain=1.5335304411955353"

FUSED = {
    "shape=48,16&scheme=orthogonal&parts=3": (3, "shape=16,16&scheme=orthogonal"),
    "shape=512,128&parts=4&scheme=orthogonal": (4, "shape=128,128&scheme=orthogonal"),
}
"""Requests for several orthogonal matrices, their number, and the request for one."""

SCHEMES = [
    f"{MATRIX}&scheme=zeros",
    f"{MATRIX}&scheme=ones",
    f"{MATRIX}&scheme=constant&value=0.3",
    *(
        f"{MATRIX}&{scheme}&distribution={distribution}"
        for scheme in (
            "scheme=variance_scaling&gain=1&mode=fan_in",
            "scheme=variance_scaling&gain=1&mode=fan_avg",
            "scheme=variance_scaling&gain=1.4142135623730951&mode=fan_in",
            "scheme=variance_scaling&gain=1.4142135623730951&mode=fan_out",
            "scheme=variance_scaling&activation=leaky_relu&negative_slope=0.5",
            f"{SCALED}&mode=fan_in",
            f"{SCALED}&mode=fan_out",
            f"{SCALED}&mode=fan_avg",
        )
        for distribution in ("normal", "uniform", "truncated_normal")
    ),
    *(
        f"{KERNEL}&{SCALED}&mode={mode}&distribution=uniform"
        for mode in ("fan_in", "fan_out", "fan_avg")
    ),
    f"{MATRIX}&scheme=normal&std=1",
    f"{MATRIX}&scheme=normal&std=0.02&mean=0.1",
    f"{MATRIX}&scheme=uniform&low=-0.1&high=0.3",
    f"{MATRIX}&scheme=uniform&low=-0.07&high=0.07",
    f"{MATRIX}&scheme=truncated_normal&std=0.02",
    f"{MATRIX}&scheme=truncated_normal&std=0.02&mean=0.1",
    f"{MATRIX}&scheme=truncated_normal&std=0.02&bounds=-1,3",
    "shape=24,40&scheme=orthogonal",
    "shape=40,24&scheme=orthogonal&gain=1.5",
    "shape=16,4,3,3&scheme=orthogonal&gain=1.5",
    *list(FUSED)[:1],
    "shape=24,40&scheme=identity",
    "shape=24,24&scheme=identity",
    "shape=24,24&scheme=identity&gain=0.5",
    "shape=16,4,3,3&scheme=dirac",
    "shape=16,4,3,4&scheme=dirac&groups=2",
]
"""Schemes as if they were recommended: together they have every kind of line."""

QUESTIONS = [
    f"{MATRIX}&activation=gelu",
    f"{MATRIX}&input_activation=gelu&residual=pre_norm&position=branch_last&depth=24",
    f"{MATRIX}&activation=tanh&residual=pre_norm&position=branch_last&depth=12",
    f"{MATRIX}&activation=relu&residual=pre_norm&position=branch_last&depth=12&distribution=uniform",
    "shape=768,256&activation=linear&parts=3",
    f"{KERNEL}&layer=conv_transpose2d&stride=2&activation=relu",
    "shape=64,8,3,3&groups=4&activation=linear",
    "shape=1024,1,5,5&layer=depthwise_conv2d&activation=relu",
    "shape=256,64,8&layer=conv1d&activation=silu",
    "shape=1000,64&layer=embedding",
    "shape=512,128&layer=recurrent&parts=4",
]
"""Recommendations, with fans that not every framework counts."""


@dataclass(frozen=True, slots=True)
class Written:
    """A line: its code, the request for the same weights, and its axes in the line's own order.

    `kind` is that of the line, None for a question's.
    """

    framework: str
    code: str
    query: str
    axes: tuple[int, ...]
    kind: tuple[str | None, str] | None

    @property
    def shape(self) -> list[int]:
        """The shape in the framework's own layout."""
        shape = shape_of(self.query)
        return [shape[axis] for axis in self.axes]


def lines_of(framework: str) -> Iterator[Written]:
    """The lines of a framework for all schemes and questions that it can draw."""
    for query in SCHEMES:
        target = target_for(query)
        written = FRAMEWORKS[framework].line(target)
        if written is not None:
            line, code = written
            kind = (target.kind, line.name)
            yield Written(framework, code, query, axes_of(framework, query), kind)
    for query in QUESTIONS:
        answer = recommended(query)
        told = answer.equivalents[framework].code
        if told is not None:
            request = answer.weights_url.partition("?")[2]
            yield Written(framework, told, request, axes_of(framework, query), None)


def axes_of(framework: str, query: str) -> tuple[int, ...]:
    """The axes of a weight in the order of the framework's layout; as they are if it has none."""
    weight = context_of(parse_question_query(query.encode())).weight
    column = {"pytorch": "torch", "jax": "flax"}.get(framework, framework)
    own = LAYERS[weight.layer or "dense"].letters.get(column, "")
    if sorted(own) != sorted(weight.letters):
        return tuple(range(len(weight.shape)))
    return tuple(weight.letters.index(letter) for letter in own)


def shape_of(query: str) -> list[int]:
    """The shape of a request."""
    return list(map(int, query.partition("shape=")[2].partition("&")[0].split(",")))


Releases = dict[str, str]


def _by_python(python: Path, lines: Path) -> tuple[Releases, list[Array]]:
    out = lines.with_suffix(".npz")
    draw([str(python), "-m", "tests.peers.run_lines", str(lines), str(out)])
    with np.load(out) as arrays:
        numbers = sorted((name for name in arrays.files if name.isdigit()), key=int)
        releases = {name: str(arrays[name]) for name in set(arrays.files) - set(numbers)}
        return releases, [cast(Array, arrays[number]) for number in numbers]


def _by_node(modules: Path, lines: Path) -> tuple[Releases, list[Array]]:
    script = Path(__file__).parent / "tfjs" / "run_lines.mjs"
    out = lines.with_suffix(".out")
    draw(["node", str(script), str(modules), str(lines), str(out)])
    made = json.loads(out.read_text(encoding="utf-8"))
    values = made.pop("values")
    return made, [np.frombuffer(base64.b64decode(each), np.float32) for each in values]


Run = Callable[[Path], tuple[Releases, list[Array]]]

ENVIRONMENTS: dict[str, tuple[tuple[str, ...], Run]] = {
    "torch": (("pytorch",), lambda lines: _by_python(torch_python(), lines)),
    "jax": (("keras", "jax", "flax"), lambda lines: _by_python(peers_python(), lines)),
    "mlx": (("mlx",), lambda lines: _by_python(mlx_python(), lines)),
    "node": (("tfjs",), lambda lines: _by_node(tfjs_folder() / "node_modules", lines)),
}
"""The frameworks of each environment, and what runs the lines of a file there."""

BY_HAND = ("node", "torch")
"""What CI leaves to `make peers`: it installs no npm, and a wheel of torch is 190 MB."""

NEEDS_NPM = pytest.mark.needs("node", "npm")


@pytest.mark.parametrize(
    "environment",
    [
        *(pytest.param(name, marks=pytest.mark.ci) for name in ENVIRONMENTS if name not in BY_HAND),
        "torch",
        pytest.param("node", marks=NEEDS_NPM),
    ],
)
def test_every_kind_of_line_draws_what_is_told(environment: str, tmp_path: Path) -> None:
    """In the release that is told.

    Mean, std, ends, distribution, singular values; equal values where none is random.
    """
    frameworks, run = ENVIRONMENTS[environment]
    written = [line for framework in frameworks for line in lines_of(framework)]
    for framework in frameworks:
        lines = FRAMEWORKS[framework].lines
        kinds = {(kind, line.name) for kind, each in lines.items() for line in each}
        ours = (line for line in written if line.framework == framework)
        assert {line.kind for line in ours if line.kind is not None} == kinds
    path = tmp_path / "lines.json"
    listed = [
        {"framework": line.framework, "code": line.code, "shape": line.shape} for line in written
    ]
    path.write_text(json.dumps(listed), encoding="utf-8")
    releases, arrays = run(path)
    assert releases == {framework: RUN_WITH[framework] for framework in frameworks}
    drawn = [
        (line, np.transpose(array.reshape(line.shape), np.argsort(line.axes)))
        for line, array in zip(written, arrays, strict=True)
    ]
    found = {(line.code, line.query): _differences(line.query, array) for line, array in drawn}
    assert {line: each for line, each in found.items() if each} == {}
    _check_that_a_wrong_one_would_be_found({line.query: array for line, array in drawn})


def _differences(query: str, array: Array) -> list[str]:
    """What differs from the request's tensor; of fused orthogonal parts, each for itself."""
    if query not in FUSED:
        return differences(array, query)
    parts, one = FUSED[query]
    return [each for part in np.split(array, parts) for each in differences(part, one)]


def _check_that_a_wrong_one_would_be_found(drawn: dict[str, Array]) -> None:
    """Negative control: a gain 2 % wider, another fan, and another distribution."""
    query = f"{MATRIX}&{SCALED}&mode=fan_in&distribution=normal"
    for wrong in (
        query.replace("1.5335304411955353", "1.5642"),
        query.replace("fan_in", "fan_avg"),
        query.replace("=normal", "=truncated_normal"),
    ):
        assert differences(drawn[query], wrong) != [], wrong


def test_every_release_that_is_told_runs_here() -> None:
    """No release is named of a framework whose lines no test runs."""
    ran = {framework for frameworks, _ in ENVIRONMENTS.values() for framework in frameworks}
    assert set(RUN_WITH) == ran
