"""ZerO against the product that defines it, with explicit Hadamard matrices."""

import math
from fractions import Fraction

import numpy as np
import pytest

from service.initializers.schemes.zero_hadamard import surplus_of_ones
from tests.initializers.issued import Array, law, laws, refusal, url, values
from tests.test_hints import check, of_query


def sylvester(size: int) -> Array:
    """The Hadamard matrix of a power of two, by doubling: H, H over H, -H."""
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def authors(outputs: int, inputs: int) -> Array:
    """ZerO_Init_on_matrix: eye(m, p) @ hadamard(p) / 2^(q/2) @ eye(p, n), or eye(m, n)."""
    if outputs <= inputs:
        return np.eye(outputs, inputs)
    q = math.ceil(math.log2(outputs))
    scaled = sylvester(2**q) * math.sqrt(Fraction(1, 2**q))
    return np.eye(outputs, 2**q) @ scaled @ np.eye(2**q, inputs)


SIZES = [(4, 2), (8, 4), (8, 1), (16, 15), (64, 3), (5, 3), (39, 38), (100, 7), (2, 1), (1, 1)]
WIDE = [(3, 3), (3, 8), (1, 5)]


@pytest.mark.parametrize(("outputs", "inputs"), [*SIZES, *WIDE])
def test_the_matrix_is_the_authors(outputs: int, inputs: int) -> None:
    """To the bit in float64."""
    drawn = values(f"shape={outputs},{inputs}&scheme=zero_hadamard")
    assert np.array_equal(drawn, authors(outputs, inputs))


@pytest.mark.parametrize(("outputs", "inputs"), [(4, 2), (8, 8), (256, 100), (1024, 1), (7, 64)])
def test_every_singular_value_is_1(outputs: int, inputs: int) -> None:
    """Where the outputs are a power of two, or at most as many as the inputs."""
    singular = np.linalg.svd(
        values(f"shape={outputs},{inputs}&scheme=zero_hadamard"), compute_uv=False
    )
    assert singular == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("outputs", "inputs", "least"), [(784, 512, 0.5**0.5), (12, 3, 0.75**0.5), (39, 38, 2**-2.5)]
)
def test_other_outputs_lose_some(outputs: int, inputs: int, least: float) -> None:
    """Negative control, and what the page says: none is above 1, and the least one is known."""
    singular = np.linalg.svd(
        values(f"shape={outputs},{inputs}&scheme=zero_hadamard"), compute_uv=False
    )
    assert singular.max() <= 1 + 1e-12
    assert singular.min() == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize(
    ("shape", "layout", "centre"),
    [
        ("8,4,3,3", "OIHW", np.s_[:, :, 1, 1]),
        ("8,4,4,2", "OIHW", np.s_[:, :, 2, 1]),
        ("8,4,5", "OIW", np.s_[:, :, 2]),
        ("8,4,3,5,2", "OIDHW", np.s_[:, :, 1, 2, 1]),
    ],
)
def test_a_kernel_has_the_matrix_in_its_centre(
    shape: str, layout: str, centre: tuple[slice | int, ...]
) -> None:
    """At k // 2 of every axis; it is 0 everywhere else."""
    drawn = values(f"shape={shape}&layout={layout}&scheme=zero_hadamard")
    assert np.array_equal(drawn[centre], authors(8, 4))
    assert np.count_nonzero(drawn) == 32


def test_a_layout_permutes_the_values() -> None:
    """OIHW, HWIO and OHWI hold the same kernel."""
    torch = values("shape=8,4,3,3&scheme=zero_hadamard")
    keras = values("shape=3,3,4,8&layout=HWIO&scheme=zero_hadamard")
    mlx = values("shape=8,3,3,4&layout=OHWI&scheme=zero_hadamard")
    assert np.array_equal(torch.transpose(2, 3, 1, 0), keras)
    assert np.array_equal(torch.transpose(0, 2, 3, 1), mlx)


def test_repeated_axes_are_flattened() -> None:
    """Heads times head size are the outputs."""
    drawn = values("shape=2,4,3&layout=OOI&scheme=zero_hadamard")
    assert np.array_equal(drawn.reshape(8, 3), authors(8, 3))


def test_each_copy_and_each_block_has_a_matrix_of_its_own() -> None:
    """Copies along E, equal parts, and parts of different heights."""
    copies = values("shape=3,8,4&layout=EOI&scheme=zero_hadamard")
    assert all(np.array_equal(each, authors(8, 4)) for each in copies)
    equal = values("shape=16,4&parts=2&scheme=zero_hadamard")
    assert np.array_equal(equal, np.vstack([authors(8, 4)] * 2))
    mixed = values("shape=14,4&parts=8,4,2&scheme=zero_hadamard")
    assert np.array_equal(mixed, np.vstack([authors(8, 4), authors(4, 4), authors(2, 4)]))


def test_each_group_has_a_matrix_of_its_own() -> None:
    """A grouped convolution, a depthwise one, and a transposed one, which groups its inputs."""
    grouped = values("shape=16,4,1,1&groups=2&scheme=zero_hadamard")[:, :, 0, 0]
    assert np.array_equal(grouped, np.vstack([authors(8, 4)] * 2))
    depthwise = values("shape=6,1,3,3&layer=depthwise_conv2d&scheme=zero_hadamard")
    assert np.array_equal(depthwise[:, 0, 1, 1], np.ones(6))
    doubled = values("shape=6,1,3,3&layer=depthwise_conv2d&groups=3&scheme=zero_hadamard")
    assert np.array_equal(doubled[:, 0, 1, 1], np.full(6, math.sqrt(0.5)))
    transposed = values("shape=4,8,1,1&layer=conv_transpose2d&groups=2&scheme=zero_hadamard")[
        :, :, 0, 0
    ]
    assert np.array_equal(transposed.T, np.hstack([authors(8, 2)] * 2))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16", "float8_e4m3fn"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_slice_is_a_part_of_the_whole(dtype: str, order: str) -> None:
    """In every order and dtype; there is no seed in its URL."""
    asked = f"shape=32,5,3&layout=OIW&scheme=zero_hadamard&dtype={dtype}&order={order}"
    whole = values(asked)
    assert np.array_equal(whole[7:20, 1:4, 1:2], values(f"{asked}&slice=7:20,1:4,1:2"))
    assert "seed" not in url(asked)


def test_a_slice_of_a_giant_is_answered() -> None:
    """An index function needs no matrix: 2^40 outputs and 2^10 inputs."""
    asked = f"shape={2**40},{2**10}&scheme=zero_hadamard&slice={2**39 + 5}:{2**39 + 7},3:6"
    expected = [
        [
            (-1.0) ** bin((2**39 + 5 + row) & (3 + column)).count("1") * 2.0**-20
            for column in range(3)
        ]
        for row in range(2)
    ]
    assert np.array_equal(values(asked), expected)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 1), (5, 3), (8, 8), (39, 38), (100, 7)])
def test_the_balance_of_signs_is_counted(rows: int, columns: int) -> None:
    """Without the matrix, for any size."""
    matrix = sylvester(128)[:rows, :columns]
    assert surplus_of_ones(rows, columns) == int(matrix.sum())
    assert surplus_of_ones(columns, rows) == int(matrix.sum())


@pytest.mark.parametrize("shape", ["8,4", "39,38", "5,3,3", "3,8", "1,1", "2,1"])
def test_mean_std_and_levels_are_those_of_the_values(shape: str) -> None:
    """Of the whole tensor, counted here."""
    layout = "&layout=OIW" if shape.count(",") == 2 else ""
    found = law(f"shape={shape}{layout}&scheme=zero_hadamard")
    drawn = values(f"shape={shape}{layout}&scheme=zero_hadamard")
    assert found.mean == pytest.approx(float(drawn.mean()), abs=1e-15)
    assert found.std == pytest.approx(float(drawn.std()), abs=1e-15)
    assert (found.low, found.high) == (drawn.min(), drawn.max())
    assert found.levels is not None
    counted = {value: np.count_nonzero(drawn == value) / drawn.size for value in np.unique(drawn)}
    assert dict(found.levels) == pytest.approx(counted)


def test_no_zero_is_negative() -> None:
    """+0 around the centre of a kernel, for both draws."""
    for shape in ("8,4,3,3", "4,8,3,3"):
        drawn = values(f"shape={shape}&scheme=zero_hadamard")
        assert not np.signbit(drawn[drawn == 0]).any()


def test_empty_tensors_are_served() -> None:
    """Without outputs, without inputs, and without a kernel."""
    for shape in ("0,4", "4,0", "4,2,0"):
        layout = "&layout=OIW" if shape.count(",") == 2 else ""
        asked = f"shape={shape}{layout}&scheme=zero_hadamard"
        assert values(asked).size == 0
        assert [each.std for each in laws(asked)] == [None]


@pytest.mark.parametrize(
    ("query", "reason", "field"),
    [
        ("shape=8", "scheme_axes", "layout"),
        ("shape=scalar", "scheme_axes", "layout"),
        ("shape=8,4&layer=embedding", "scheme_axes", "layout"),
        ("shape=8,4,2", "scheme_axes", "layout"),
        ("shape=8,4,1,1&groups=2&parts=2", "conflicting_fields", "parts"),
        ("shape=8,4&gain=2", "scheme_field", "gain"),
    ],
)
def test_a_refusal_names_the_field_and_its_hint_works(query: str, reason: str, field: str) -> None:
    """Where there is no matrix, or none that is meant."""
    asked = f"{query}&scheme=zero_hadamard"
    found, problem = refusal(asked)
    assert (found, problem.field) == (reason, field)
    assert check(of_query(asked)) is not None
