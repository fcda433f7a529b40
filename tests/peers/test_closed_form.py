"""Presets whose peer is not run here, against its formula, written once more in NumPy.

The formulas are from the files that the records cite. Shapes are in the peer's own order of axes.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest

from service.initializers.schemes import SCHEMES
from tests.peers.comparison import Array, asked, differences, issued

Shape = tuple[int, ...]
Draw = Callable[[Shape], Array]

RANDOM = np.random.Generator(np.random.PCG64(20))

MATRIX = (160, 240)
CONV = (3, 3, 32, 64)
OUT_FIRST = (64, 32, 3, 3)


def normal(shape: Shape, std: float, mean: float = 0.0) -> Array:
    return (RANDOM.standard_normal(shape) * std + mean).astype(np.float32)


def uniform(shape: Shape, low: float, high: float) -> Array:
    return RANDOM.uniform(low, high, shape).astype(np.float32)


def cut(shape: Shape, std: float, low: float, high: float) -> Array:
    """A normal drawn again wherever it is outside the values low and high."""
    values = RANDOM.standard_normal(shape) * std
    while (outside := (values < low) | (values > high)).any():
        values[outside] = RANDOM.standard_normal(int(outside.sum())) * std
    return values.astype(np.float32)


def orthogonal(shape: Shape, gain: float = 1.0) -> Array:
    """QR with the signs of the diagonal, the last axis being the columns."""
    rows, columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(RANDOM.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(np.float32)


def sparse(shape: Shape, sparsity: float, std: float = 0.01) -> Array:
    """Flux: the first rows of each column are 0, and then each column is shuffled."""
    values = normal(shape, std)
    values[: math.ceil(min(1.0, sparsity) * shape[0])] = 0.0
    return RANDOM.permuted(values, axis=0)


def flux_fans(shape: Shape) -> tuple[int, int]:
    """nfan: (in, out) of out x in; of other shapes the last two axes times the rest."""
    if len(shape) == 2:
        return shape[1], shape[0]
    kernel = math.prod(shape[:-2])
    return kernel * shape[-2], kernel * shape[-1]


def flux_glorot(shape: Shape) -> Array:
    """(rand - 1/2) sqrt(24 / (fan_in + fan_out))."""
    width = math.sqrt(24.0 / sum(flux_fans(shape)))
    return uniform(shape, -width / 2.0, width / 2.0)


def flux_identity(shape: Shape) -> Array:
    """weights[cld(d, 2)..., i, i] = 1, where Julia counts from 1."""
    weights = np.zeros(shape, np.float32)
    centre = tuple(-(-extent // 2) - 1 for extent in shape[:-2])
    for i in range(min(shape[-2:])):
        weights[(*centre, i, i)] = 1.0
    return weights


def dl4j(*fans: float) -> dict[str, Draw]:
    """The random schemes of WeightInitUtil for these fans, as functions of the shape."""
    fan_in, fan_out = fans
    average = (fan_in + fan_out) / 2.0

    def within(limit: float) -> Draw:
        return lambda shape: uniform(shape, -limit, limit)

    def of(std: float) -> Draw:
        return lambda shape: normal(shape, std)

    return {
        "relu": of(math.sqrt(2.0 / fan_in)),
        "relu_uniform": within(math.sqrt(6.0 / fan_in)),
        "sigmoid_uniform": within(4.0 * math.sqrt(6.0 / (fan_in + fan_out))),
        "uniform": within(1.0 / math.sqrt(fan_in)),
        "lecun_uniform": within(3.0 / math.sqrt(fan_in)),
        "xavier": of(math.sqrt(2.0 / (fan_in + fan_out))),
        "xavier_uniform": within(math.sqrt(6.0) / math.sqrt(fan_in + fan_out)),
        "lecun_normal": of(1.0 / math.sqrt(fan_in)),
        "normal": of(1.0 / math.sqrt(fan_in)),
        "xavier_fan_in": of(1.0 / math.sqrt(fan_in)),
        "xavier_legacy": lambda shape: normal(shape, 1.0 / math.sqrt(shape[0] + shape[1])),
        "var_scaling_normal_fan_in": of(1.0 / math.sqrt(fan_in)),
        "var_scaling_normal_fan_out": of(1.0 / math.sqrt(fan_out)),
        "var_scaling_normal_fan_avg": of(1.0 / math.sqrt(average)),
        "var_scaling_uniform_fan_in": within(3.0 / math.sqrt(fan_in)),
        "var_scaling_uniform_fan_out": within(3.0 / math.sqrt(fan_out)),
        "var_scaling_uniform_fan_avg": within(3.0 / math.sqrt(average)),
    }


DL4J: dict[str, tuple[Shape, tuple[float, float], str]] = {
    # dense: nIn x nOut
    "dense": (MATRIX, (160, 240), ""),
    # ConvolutionParamInitializer: fanOut is divided by the stride
    "conv": (OUT_FIRST, (32 * 9, 64 * 9 / 6), "&stride=2,3"),
    # DeconvolutionParamInitializer: in x out x kernel, and fanOut is divided, too
    "transposed": (OUT_FIRST, (64 * 9, 32 * 9 / 4), "&layer=conv_transpose2d&stride=2"),
    # DepthwiseConvolutionParamInitializer: kernel x in x multiplier, all inputs counted
    "depthwise": ((3, 3, 512, 4), (512 * 9, 4 * 9), "&layer=depthwise_conv2d"),
    # LSTMParamInitializer passes the hidden units and the sum of inputs and hidden units
    "recurrent": ((160, 240), (60, 220), "&layer=recurrent&fan_in=60&fan_out=220"),
}
"""A shape of each layer, the fans that its ParamInitializer passes, and the request's fields."""


def dl4j_cases() -> dict[str, tuple[Shape, Draw]]:
    cases: dict[str, tuple[Shape, Draw]] = {
        "dl4j.zero": (MATRIX, lambda shape: np.zeros(shape, np.float32)),
        "dl4j.ones": (MATRIX, lambda shape: np.ones(shape, np.float32)),
        "dl4j.identity": ((24, 24), lambda shape: np.eye(*shape, dtype=np.float32)),
    }
    for layer, (shape, fans, fields) in DL4J.items():
        for name, drawn in dl4j(*fans).items():
            # The one scheme without fans does not take them.
            if not (layer == "recurrent" and name == "xavier_legacy"):
                cases[f"dl4j.{name}{fields}#{layer}"] = shape, drawn
    return cases


def flux_cases() -> dict[str, tuple[Shape, Draw]]:
    def root(numerator: float, shape: Shape) -> float:
        return math.sqrt(numerator / flux_fans(shape)[0])

    cases: dict[str, tuple[Shape, Draw]] = {
        "flux.zeros32": (MATRIX, lambda shape: np.zeros(shape, np.float32)),
        "flux.ones32": (MATRIX, lambda shape: np.ones(shape, np.float32)),
        "flux.rand32": (MATRIX, lambda shape: uniform(shape, 0.0, 1.0)),
        "flux.randn32": (MATRIX, lambda shape: normal(shape, 1.0)),
        "flux.truncated_normal": (MATRIX, lambda shape: cut(shape, 1.0, -2.0, 2.0)),
        "flux.truncated_normal&std=0.5&low=-0.3&high=0.7": (
            MATRIX,
            lambda shape: cut(shape, 0.5, -0.3, 0.7),
        ),
        "flux.identity_init": ((24, 40), lambda shape: np.eye(*shape, dtype=np.float32)),
        "flux.identity_init&gain=2#tall": (
            (40, 24),
            lambda shape: 2.0 * np.eye(*shape, dtype=np.float32),
        ),
        "flux.identity_init#odd": ((3, 3, 2, 3), flux_identity),
        "flux.identity_init#even": ((4, 3, 3, 2), flux_identity),
        "flux.identity_init&layer=conv_transpose2d&groups=2": ((2, 3, 2, 4), flux_identity),
        "flux.identity_init&layer=conv1d": ((4, 2, 2), flux_identity),
        "flux.orthogonal": (MATRIX, orthogonal),
        "flux.orthogonal#conv": ((3, 3, 16, 32), orthogonal),
        "flux.embedding": ((64, 500), lambda shape: normal(shape, 1.0)),
        "flux.dense": (MATRIX, flux_glorot),
        "flux.lstm_cell.wi": ((256, 128), flux_glorot),
        "flux.lstm_cell.wh": ((256, 64), flux_glorot),
        "flux.gru_cell.wi": ((192, 128), flux_glorot),
        "flux.gru_cell.wh": ((192, 64), flux_glorot),
        "flux.rnn_cell.wi": ((256, 128), flux_glorot),
        "flux.rnn_cell.wh": ((128, 128), flux_glorot),
    }
    shapes: dict[str, Shape] = {"": MATRIX, "#conv": CONV}
    for suffix, shape in shapes.items():
        cases[f"flux.glorot_uniform{suffix}"] = shape, flux_glorot
        cases[f"flux.glorot_normal{suffix}"] = (
            shape,
            lambda shape: normal(shape, math.sqrt(2.0 / sum(flux_fans(shape)))),
        )
        cases[f"flux.kaiming_normal{suffix}"] = shape, lambda shape: normal(shape, root(2.0, shape))
        cases[f"flux.kaiming_uniform{suffix}"] = (
            shape,
            lambda shape: uniform(shape, -root(6.0, shape), root(6.0, shape)),
        )
    cases["flux.lecun_normal"] = MATRIX, lambda shape: cut(shape, root(1.0, shape), -2.0, 2.0)
    # One input: the cut at 2 is one at two standard deviations, and it is not corrected.
    cases["flux.lecun_normal#narrow"] = (2000, 1), lambda shape: cut(shape, 1.0, -2.0, 2.0)
    kernels: dict[int, Shape] = {1: (3, 64, 128), 2: CONV, 3: (3, 3, 3, 16, 32)}
    for axes, shape in kernels.items():
        cases[f"flux.conv{axes}d"] = shape, flux_glorot
        cases[f"flux.conv_transpose{axes}d"] = shape, flux_glorot
    return cases


def tf_cases() -> dict[str, tuple[Shape, Draw]]:
    def unit_scaling(shape: Shape) -> Array:
        limit = math.sqrt(3.0 / math.prod(shape[:-1]))
        return uniform(shape, -limit, limit)

    return {
        "tf.zeros_initializer": (MATRIX, lambda shape: np.zeros(shape, np.float32)),
        "tf.ones_initializer": (MATRIX, lambda shape: np.ones(shape, np.float32)),
        "tf.constant_initializer": (MATRIX, lambda shape: np.zeros(shape, np.float32)),
        "tf.random_uniform_initializer": (MATRIX, lambda shape: uniform(shape, -0.05, 0.05)),
        "tf.random_normal_initializer": (MATRIX, lambda shape: normal(shape, 0.05)),
        "tf.truncated_normal_initializer": (MATRIX, lambda shape: cut(shape, 1.0, -2.0, 2.0)),
        "tf.uniform_unit_scaling_initializer": (MATRIX, unit_scaling),
        "tf.uniform_unit_scaling_initializer#conv": (CONV, unit_scaling),
        "tf.orthogonal_initializer": (MATRIX, orthogonal),
        "tf.identity_initializer": ((24, 40), lambda shape: np.eye(*shape, dtype=np.float32)),
    }


CASES = dl4j_cases() | flux_cases() | tf_cases()
"""A shape and the peer's formula by what follows `scheme=`. What stands behind # tells cases
apart."""


@pytest.mark.parametrize("name", CASES)
def test_a_preset_draws_what_the_formula_draws(name: str) -> None:
    """Same mean, std, bounds, kurtosis and distribution; equal values where none is random."""
    shape, drawn = CASES[name]
    assert differences(drawn(shape), asked(shape, name.partition("#")[0])) == []


def test_sparse_init_has_its_zeros_in_columns() -> None:
    """As many in each column as Flux has, and the rest is normal."""
    for shape, layer in ((MATRIX, "dense"), ((64, 500), "embedding")):
        theirs, query = sparse(shape, 0.77), asked(shape, "flux.sparse_init&sparsity=0.77")
        law, ours = issued(f"{query}&layer={layer}")
        assert np.array_equal((ours[0] == 0).sum(axis=0), (theirs == 0).sum(axis=0))
        assert differences(theirs, f"{query}&layer={layer}") == []
        assert law.std == pytest.approx(0.01 * math.sqrt(1 - math.ceil(0.77 * shape[0]) / shape[0]))


def test_every_preset_is_compared() -> None:
    """Biases and scales, which are zeros and ones by name, are left out."""
    compared = {name.partition("#")[0].partition("&")[0] for name in CASES} | {"flux.sparse_init"}
    random = {
        name
        for name, scheme in SCHEMES.items()
        if name.split(".")[0] in ("tf", "flux", "dl4j")
        and (scheme.preset is None or scheme.preset.layer not in ("bias", "scale"))
    }
    assert compared == random


@pytest.mark.parametrize("name", [name for name in SCHEMES if name.split(".")[0] == "flux"])
def test_biases_and_scales_of_flux_are_zeros_and_ones(name: str) -> None:
    """Flux's create_bias makes zeros, and the norms' scale is ones."""
    scheme = SCHEMES[name]
    if scheme.preset is not None and scheme.preset.layer in ("bias", "scale"):
        value = 1.0 if name.endswith(".scale") else 0.0
        assert differences(np.full((192,), value, np.float32), asked((192,), name)) == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("dl4j.lecun_uniform#dense", "lecun_uniform&layout=IO"),
        ("dl4j.sigmoid_uniform#dense", "dl4j.xavier_uniform"),
        ("dl4j.xavier&stride=2,3#conv", "dl4j.xavier"),
        ("dl4j.xavier&layer=conv_transpose2d&stride=2#transposed", "dl4j.xavier&stride=2"),
        ("dl4j.xavier_legacy&stride=2,3#conv", "dl4j.xavier&stride=2,3"),
        ("flux.lecun_normal#narrow", "lecun_normal&layout=OI"),
        ("flux.identity_init#even", "identity&layout=WHIO"),
        ("flux.kaiming_normal", "keras.he_normal&layout=OI"),
        ("flux.kaiming_normal#conv", "flux.kaiming_normal&mode=fan_out"),
        ("flux.lstm_cell.wi", "flux.lstm_cell.wi&fan_out=64"),
        ("flux.truncated_normal", "tf.random_normal_initializer&std=1"),
        ("tf.truncated_normal_initializer", "tf.truncated_normal_initializer&std_kind=corrected"),
    ],
)
def test_a_wrong_preset_would_be_found(name: str, wrong: str) -> None:
    """Negative control: another gain, fan, stride or cut."""
    shape, drawn = CASES[name]
    assert differences(drawn(shape), asked(shape, wrong)) != []
