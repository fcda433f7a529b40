"""What presets of the frameworks from Keras to Deeplearning4j refuse and warn about."""

from typing import cast

import numpy as np
import pytest

from service.errors import ImpossibleError
from service.fields import parse_query
from service.plan import plan
from tests.following import Request, followed
from tests.peers.comparison import Array, asked, issued

FAULT = "framework_fault"


def values(shape: tuple[int, ...], scheme: str) -> Array:
    """The tensor of a scheme, with fields behind its name."""
    (tensor,) = issued(asked(shape, scheme))[1]
    return cast(Array, tensor)


def codes(query: str) -> set[str]:
    """The codes of the warnings of a request."""
    made = plan(parse_query(f"{query}&seed=1&name=a".encode()), "raw", max_bytes=2**30)
    return {warning.code for warning in made.warnings}


@pytest.mark.parametrize(
    ("repeats", "does_not"),
    [
        ("shape=3,3,64,1&scheme=keras.depthwise_conv2d", "&fan_in=9"),
        ("shape=3,3,64,1&scheme=tfjs.separable_conv2d.depthwise_kernel", "&fan_in=9"),
        ("shape=64,32&scheme=tfjs.glorot_normal", "&std_kind=corrected"),
        ("shape=64,32&scheme=tfjs.variance_scaling", "&distribution=uniform"),
        ("shape=64,32&scheme=dl4j.lecun_uniform", "&gain=1"),
    ],
)
def test_a_fault_is_told_where_it_is_repeated(repeats: str, does_not: str) -> None:
    """The same request with the field that mends it has no such warning."""
    assert FAULT in codes(repeats)
    assert FAULT not in codes(repeats + does_not)


def test_a_bound_of_zero_is_told() -> None:
    """TensorFlow.js takes 0 for a missing bound, and other bounds as they are."""
    assert FAULT in codes("shape=64,32&scheme=tfjs.random_uniform&low=0")
    assert FAULT not in codes("shape=64,32&scheme=tfjs.random_uniform")
    assert FAULT not in codes("shape=64,32&scheme=tfjs.random_uniform&low=-1&high=1")


def test_a_kernel_of_one_input_has_no_depthwise_fault() -> None:
    """Keras then counts the one input that there is."""
    assert FAULT not in codes("shape=3,3,1,8&scheme=keras.depthwise_conv2d")


REFUSED = [
    ({"shape": "3,3,8,4", "layer": "conv_transpose2d", "scheme": "keras.orthogonal"}, "shape"),
    ({"shape": "3,3,8,4", "layer": "depthwise_conv2d", "scheme": "keras.orthogonal"}, "shape"),
    ({"shape": "8", "scheme": "keras.orthogonal"}, "layout"),
    ({"shape": "8,4,2", "scheme": "keras.identity"}, "shape"),
    ({"shape": "10", "scheme": "keras.lstm.bias"}, "shape"),
    ({"shape": "8,4", "scheme": "jax.uniform", "high": "-1"}, "high"),
    ({"shape": "8,4", "scheme": "jax.uniform", "high": "0"}, "high"),
    ({"shape": "8,4", "scheme": "jax.constant"}, "value"),
    ({"shape": "8,4", "scheme": "keras.random_uniform", "low": "1"}, "low"),
    ({"shape": "8,4", "scheme": "flux.sparse_init", "sparsity": "-1"}, "sparsity"),
    ({"shape": "8,4,2", "scheme": "flux.sparse_init", "sparsity": "0.5"}, "shape"),
    ({"shape": "8,4", "scheme": "torch.sparse"}, "sparsity"),
    ({"shape": "8,4", "scheme": "mlx.sparse", "sparsity": "1"}, "sparsity"),
    ({"shape": "8,4,3,3", "scheme": "mlx.orthogonal"}, "shape"),
    ({"shape": "8,4,3,3", "layer": "conv_transpose2d", "scheme": "torch.orthogonal"}, "shape"),
    ({"shape": "8,4", "scheme": "torch.dirac"}, "shape"),
    ({"shape": "3,3,8,4", "scheme": "jax.delta_orthogonal"}, "shape"),
    ({"shape": "8,4,2", "scheme": "flux.identity_init"}, "shape"),
    ({"shape": "8,4", "layer": "recurrent", "scheme": "dl4j.xavier"}, "fan_in"),
]


@pytest.mark.parametrize(("fields", "field"), REFUSED)
def test_a_refusal_names_its_field_and_its_hint_helps(fields: dict[str, str], field: str) -> None:
    """No request that a hint leads to is refused for the same reason."""
    request = Request(fields)
    error = request.refusal()
    assert isinstance(error, ImpossibleError)
    problem = error.problems[0]
    assert problem.field == field
    ways = followed(problem, request)
    assert ways, problem.hint
    for way in ways:
        again = way.refusal()
        assert again is None or again.problems[0].field != problem.field, (problem, way, again)


@pytest.mark.parametrize(
    ("scheme", "shape"),
    [
        ("keras.lstm.recurrent_kernel", (16, 64)),
        ("keras.lstm.kernel", (16, 64)),
        ("keras.identity", (16, 64)),
        ("flux.lstm_cell.wi", (64, 16)),
        ("jax.glorot_normal", (16, 64)),
        ("jax.delta_orthogonal", (3, 3, 16, 64)),
        ("torch.orthogonal", (64, 4, 3, 3)),
        ("torch.dirac", (64, 16, 3, 3)),
        ("torch.sparse&sparsity=0.5", (64, 16)),
        ("flux.identity_init", (3, 3, 16, 64)),
    ],
)
def test_parts_make_no_difference(scheme: str, shape: tuple[int, ...]) -> None:
    """These frameworks do not see that a weight is fused."""
    assert np.array_equal(values(shape, scheme), values(shape, f"{scheme}&parts=4"))


def test_the_gates_of_flax_have_matrices_of_their_own() -> None:
    """Four kernels of one gate each, written as one tensor."""
    fused = values((16, 64), "flax.lstm_cell.recurrent_kernel&parts=4")
    for gate in np.split(fused, 4, axis=1):
        assert np.allclose(gate.T @ gate, np.eye(16), atol=1e-6)
    one = values((16, 64), "flax.lstm_cell.recurrent_kernel")
    assert not np.allclose(one[:, :16].T @ one[:, :16], np.eye(16), atol=0.1)


@pytest.mark.parametrize(
    ("scheme", "own", "other", "axes"),
    [
        ("keras.conv2d_transpose", (3, 3, 8, 4), "IOHW", (3, 2, 0, 1)),
        ("keras.orthogonal&layer=conv2d", (3, 3, 4, 8), "OIHW", (3, 2, 0, 1)),
        ("flux.conv2d", (3, 5, 4, 8), "OIHW", (3, 2, 1, 0)),
        ("flux.embedding", (4, 8), "EO", (1, 0)),
        ("torch.orthogonal", (8, 4, 3, 3), "HWIO", (2, 3, 1, 0)),
        ("torch.sparse&sparsity=0.5", (8, 4), "IO", (1, 0)),
        ("mlx.sparse&sparsity=0.5", (8, 4), "IO", (1, 0)),
        ("flux.identity_init", (4, 4, 2, 3), "OIHW", (3, 2, 1, 0)),
    ],
)
def test_a_layout_permutes_the_array(
    scheme: str, own: tuple[int, ...], other: str, axes: tuple[int, ...]
) -> None:
    """The values belong to the axes' letters, so another order of the axes is a transpose."""
    shape = tuple(own[axis] for axis in axes)
    there = values(shape, f"{scheme}&layout={other}")
    assert np.array_equal(values(own, scheme).transpose(axes), there)


def test_keras_has_the_stft_of_the_scheme() -> None:
    """Under Keras's letters."""
    fields = "&variant=imag&window=hamming&periodic=true"
    theirs = values((16, 1, 9), f"keras.stft{fields}")
    assert np.array_equal(theirs, values((16, 1, 9), f"stft&layout=WIO{fields}"))


@pytest.mark.parametrize("scheme", ["torch.orthogonal", "paddle.orthogonal", "burn.orthogonal"])
def test_the_rows_of_a_stack_are_its_first_axis(scheme: str) -> None:
    """Three axes have no letters. torch's rows are the first one, and Keras's columns the last."""
    rows = values((6, 2, 5), scheme).reshape(6, 10)
    assert np.allclose(rows @ rows.T, np.eye(6), atol=1e-6)
    columns = values((2, 5, 6), "keras.orthogonal").reshape(10, 6)
    assert np.allclose(columns.T @ columns, np.eye(6), atol=1e-6)
