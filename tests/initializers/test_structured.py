"""Structured schemes: what a convolution does with them, slices, statistics and refusals."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from service.chunks import TensorBody
from service.errors import ImpossibleError
from service.fields import parse_query
from service.initializers.schemes import SCHEMES
from service.plan import Plan, plan

Array = npt.NDArray[np.float64]


def planned(request: str) -> Plan:
    return plan(parse_query(f"{request}&dtype=float64".encode()), "raw", max_bytes=2**62)


def served(request: str) -> Array:
    """The values of a request in float64."""
    made = planned(request)
    flat = np.frombuffer(b"".join(map(bytes, TensorBody(made).chunks())), np.float64)
    return flat.reshape(made.tensor.placement.shape)


def convolved(image: Array, kernels: Array, groups: int, centre: tuple[int, ...]) -> Array:
    """Cross-correlation with zeros around, in which the kernel's centre lies on the pixel.

    image is (I, H, W), kernels (O, I / groups, H, W).
    """
    outputs, inputs, height, width = kernels.shape
    above, left = centre
    rows, columns = image.shape[1:]
    wide = np.pad(image, ((0, 0), (above, height), (left, width)))
    found = np.zeros((outputs, rows, columns))
    for o in range(outputs):
        for i in range(inputs):
            channel = o // (outputs // groups) * inputs + i
            for y in range(height):
                for x in range(width):
                    part = wide[channel, y : y + rows, x : x + columns]
                    found[o] += kernels[o, i, y, x] * part
    return found


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (3, 5), (4, 4), (2, 5)])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("scheme", ["identity", "dirac"])
def test_a_convolution_passes_its_input_on(
    scheme: str, groups: int, kernel: tuple[int, int]
) -> None:
    """Times gain, with odd and even kernels of which element k // 2 lies on the pixel.

    Negative control: with the other middle of an even kernel the picture moves.
    """
    shape = f"{4},{4 // groups},{kernel[0]},{kernel[1]}"
    kernels = served(f"shape={shape}&groups={groups}&scheme={scheme}&gain=1.5")
    image = np.arange(4 * 6 * 7, dtype=np.float64).reshape(4, 6, 7) + 1.0
    centre = (kernel[0] // 2, kernel[1] // 2)
    assert np.array_equal(convolved(image, kernels, groups, centre), 1.5 * image)
    other = tuple((k - 1) // 2 for k in kernel)
    moved = not np.array_equal(convolved(image, kernels, groups, other), 1.5 * image)
    assert moved == (other != centre)


def test_identity_of_more_axes() -> None:
    """Copies of a matrix, blocks of outputs, a depthwise kernel and a transposed convolution."""
    copies = served("shape=3,4,5&layout=EOI&scheme=identity")
    assert np.array_equal(copies, np.stack([np.eye(4, 5)] * 3))
    heads = served("shape=2,3,6&layout=OOI&scheme=identity")
    assert np.array_equal(heads.reshape(6, 6), np.eye(6))
    blocks = served("shape=6,2,1,3&scheme=identity&parts=2,3,1")
    rows = np.concatenate([np.eye(2, 2), np.eye(3, 2), np.eye(1, 2)])
    assert np.array_equal(blocks[:, :, 0, 1], rows)
    assert blocks.sum() == rows.sum()
    depthwise = served("shape=3,3,5,1&layer=depthwise_conv2d&layout=keras&scheme=identity")
    assert np.array_equal(depthwise[1, 1], np.ones((5, 1)))
    assert depthwise.sum() == 5
    transposed = served("shape=6,3,1,1&layer=conv_transpose2d&groups=2&scheme=dirac")
    assert np.array_equal(transposed[:, :, 0, 0], np.concatenate([np.eye(3)] * 2))


def test_bilinear_interpolates() -> None:
    """A transposed convolution with stride 2 makes a straight slope of a slope, away from its ends.

    Negative control: a kernel of ones makes steps.
    """
    kernel = served("shape=1,1,4,4&scheme=bilinear")[0, 0]
    rows = np.arange(6.0)

    def grown(kernel: Array) -> Array:
        found = np.zeros((14, 14))
        for y in range(6):
            for x in range(6):
                found[2 * y : 2 * y + 4, 2 * x : 2 * x + 4] += kernel * (rows[y] + 3 * rows[x])
        return found[4:10, 4:10]

    assert np.allclose(np.diff(grown(kernel), axis=0), 0.5, atol=1e-15)
    assert np.allclose(np.diff(grown(kernel), axis=1), 1.5, atol=1e-15)
    assert not np.allclose(np.diff(grown(np.ones((4, 4))), axis=0), 0.5)


@pytest.mark.parametrize("shape", [(5, 5), (3, 6), (6, 3), (1, 1)])
def test_a_causal_mask_is_numpy_s_tri(shape: tuple[int, int]) -> None:
    request = f"shape={shape[0]},{shape[1]}&scheme=causal_mask"
    assert np.array_equal(served(request), np.tri(*shape))
    assert np.array_equal(served(f"{request}&layout=IO"), np.tri(*shape[::-1]).T)


@pytest.mark.parametrize("variant", ["interleaved", "halves", "grid", "mae"])
def test_positions_may_have_a_first_axis_of_extent_1(variant: str) -> None:
    """The values are those of the table without it, and slices are cut from the whole."""
    query = f"&scheme=sinusoidal_positions&variant={variant}"
    whole = served(f"shape=1,16,24{query}")
    assert whole.shape == (1, 16, 24)
    assert np.array_equal(whole[0], served(f"shape=16,24{query}"))
    part = served(f"shape=1,16,24{query}&slice=0:1,3:9,5:20")
    assert np.array_equal(part, whole[:, 3:9, 5:20])


@pytest.mark.parametrize(
    "request_",
    [
        *(
            f"shape={n},{n}&scheme=dct&variant=type{kind}"
            for n in (2, 7, 64)
            for kind in range(1, 5)
        ),
    ],
)
def test_cosine_transforms_are_orthonormal(request_: str) -> None:
    """Type 1 is symmetric and its own inverse; the others have orthonormal rows."""
    w = served(request_)
    gram = np.einsum("ik,jk->ij", w, w)
    assert np.abs(gram - np.eye(len(w))).max() < 1e-14


NEW = (
    *("identity", "dirac", "bilinear", "causal_mask", "sinusoidal_positions", "stft", "dct"),
    *("rotary_frequencies", "alibi_slopes", "mel_filter_bank", "sobel", "prewitt", "laplacian"),
    *("gaussian_filter", "box", "cross", "gabor", "literal"),
)

REQUESTS = (
    *(f"{SCHEMES[name].example}&scheme={name}" for name in NEW),
    "shape=6,4,3,3&scheme=identity&gain=0.3&parts=2",
    "shape=4,4,4,4&scheme=bilinear",
    "shape=9,8&scheme=sinusoidal_positions&variant=grid&base=500",
    "shape=9,8&scheme=sinusoidal_positions&variant=halves",
    "shape=4,4,3,3&scheme=sobel&channels=each&normalise=l2",
    "shape=4,2,3,3&scheme=gabor&channels=each&normalise=l1&groups=2",
    "shape=33,1,64&layout=OIW&scheme=stft&variant=imag&window=blackman",
    "shape=5,9&scheme=dct",
    "shape=9,5&scheme=dct&variant=type3",
    "shape=20,33&scheme=mel_filter_bank&variant=htk&normalise=none&layout=IO",
)


@pytest.mark.parametrize("request_", REQUESTS)
def test_mean_and_std_are_those_of_the_values(request_: str) -> None:
    """And so are the outermost values: none lies beyond them, and there is no -0."""
    values, law = served(request_), planned(request_).tensor.law
    assert law.std is not None
    assert law.mean == pytest.approx(float(values.mean()), rel=1e-12, abs=1e-15)
    assert law.std == pytest.approx(float(values.std()), rel=1e-12, abs=1e-15)
    draw: Any = law.draw
    assert draw.low <= values.min() <= values.max() <= draw.high
    assert not np.signbit(values[values == 0]).any()


@pytest.mark.parametrize("request_", REQUESTS)
def test_slices_and_orders_are_cut_from_the_whole(request_: str) -> None:
    """Every element has its value wherever a slice begins, and in column-major order."""
    whole = served(request_)
    items = [f"{extent // 3}:{extent - extent // 4}" for extent in whole.shape]
    cut = tuple(slice(extent // 3, extent - extent // 4) for extent in whole.shape)
    part = served(f"{request_}&slice={','.join(items)}")
    assert part.tobytes() == np.ascontiguousarray(whole[cut]).tobytes()
    fortran = served(f"{request_}&order=F")
    assert fortran.ravel().tolist() == whole.ravel(order="F").tolist()


FAR = (
    (f"shape={2**20},{2**20},3,3&scheme=identity", f"{2**20 - 2}:,{2**20 - 2}:,1:2,1:2"),
    (f"shape={2**20},{2**20},3,3&scheme=dirac&gain=2", f"{2**20 - 2}:,{2**20 - 2}:,1:2,1:2"),
    (f"shape={2**30},{2**12}&scheme=sinusoidal_positions", f"{2**30 - 2}:,:2"),
    (f"shape={2**28},{2**29}&scheme=causal_mask", f"{2**28 - 1}:,{2**28 - 1}:{2**28 + 1}"),
    (f"shape={2**28},{2**29}&scheme=dct", f"{2**28 - 1}:,-2:"),
    (f"shape={2**26},2,{2**26}&layout=OEW&scheme=stft&window=none", f"{2**26 - 1}:,1:,-2:"),
    (f"shape={2**25},{2**25},3,3&scheme=sobel", "-1:,-1:,:,2:"),
)


@pytest.mark.parametrize(("request_", "part"), FAR)
def test_far_slices_of_huge_tensors(request_: str, part: str) -> None:
    """The values are computed with integers and in the formula's own words."""
    values = served(f"{request_}&slice={part}").ravel()
    name = request_.partition("scheme=")[2].partition("&")[0]
    if name == "sinusoidal_positions":
        expected = [f(p) for p in (2**30 - 2, 2**30 - 1) for f in (math.sin, math.cos)]
    elif name == "dct":
        k, size = 2**28 - 1, 2**29
        turns = [(k * (2 * n + 1)) % (4 * size) / (4 * size) for n in (size - 2, size - 1)]
        expected = [math.sqrt(2 / size) * math.cos(2 * math.pi * turn) for turn in turns]
    elif name == "stft":
        parts = 2 * (2**26 - 1)
        turns = [((2**26 - 1) * t) % parts / parts for t in (2**26 - 2, 2**26 - 1)]
        expected = [math.cos(2 * math.pi * turn) for turn in turns]
    else:
        expected = {
            "identity": [1.0, 0.0, 0.0, 1.0],
            "dirac": [2.0, 0.0, 0.0, 2.0],
            "causal_mask": [1.0, 0.0],
            "sobel": [each / 2**25 for each in (1, 2, 1)],
        }[name]
    assert np.abs(values - np.array(expected)).max() < 1e-12


REFUSED = [
    ("shape=8&scheme=identity", "shape=64,64&scheme=identity"),
    ("shape=8,4,3&scheme=identity", "shape=8,4,3&scheme=identity&layout=OIW"),
    ("shape=8,4,3,3&scheme=identity&groups=2&parts=2", "shape=8,4,3,3&scheme=identity&groups=2"),
    ("shape=8,4&scheme=dirac", "shape=8,8,3,3&scheme=dirac"),
    ("shape=8,4,3,3&scheme=dirac&gain=-1", "shape=8,4,3,3&scheme=dirac&gain=1"),
    ("shape=8,8,4&layout=OIW&scheme=bilinear", "shape=3,3,4,4&scheme=bilinear"),
    ("shape=8,8,4,3&scheme=bilinear", "shape=3,3,4,4&scheme=bilinear"),
    ("shape=8,4,4,4&scheme=bilinear", "shape=3,3,4,4&scheme=bilinear"),
    ("shape=8,1,4,4&scheme=bilinear", "shape=8,1,4,4&scheme=bilinear&groups=8"),
    (
        "shape=8,1,4,4&scheme=bilinear&layer=conv_transpose2d",
        "shape=8,1,4,4&scheme=bilinear&layer=conv_transpose2d&groups=8",
    ),
    ("shape=8&scheme=causal_mask", "shape=16,16&scheme=causal_mask"),
    ("shape=8,7&scheme=sinusoidal_positions", "shape=8,6&scheme=sinusoidal_positions"),
    (
        "shape=9,6&scheme=sinusoidal_positions&variant=grid",
        "shape=9,4&scheme=sinusoidal_positions&variant=grid",
    ),
    (
        "shape=8,8&scheme=sinusoidal_positions&variant=mae",
        "shape=4,8&scheme=sinusoidal_positions&variant=mae",
    ),
    (
        "shape=1,9,7&scheme=sinusoidal_positions",
        "shape=1,9,6&scheme=sinusoidal_positions",
    ),
    (
        "shape=1,8,8&scheme=sinusoidal_positions&variant=mae",
        "shape=1,4,8&scheme=sinusoidal_positions&variant=mae",
    ),
    ("shape=2,9,8&scheme=sinusoidal_positions", "shape=18,8&scheme=sinusoidal_positions"),
    (
        f"shape={2**30 + 1},8&scheme=sinusoidal_positions",
        f"shape={2**30},8&scheme=sinusoidal_positions",
    ),
    ("shape=8,8&scheme=sinusoidal_positions&base=0.5", "shape=8,8&scheme=sinusoidal_positions"),
    ("shape=8,8&scheme=rotary_frequencies", "shape=8&scheme=rotary_frequencies"),
    ("shape=8&scheme=rotary_frequencies&base=1e40", "shape=8&scheme=rotary_frequencies&base=1e30"),
    ("shape=8,8&scheme=alibi_slopes", "shape=8&scheme=alibi_slopes"),
    ("shape=9,2,16&layout=OIW&scheme=stft", "shape=9,1,16&layout=OIW&scheme=stft"),
    ("shape=1,1,16&layout=OIW&scheme=stft", "shape=129,1,256&layout=OIW&scheme=stft"),
    ("shape=9,1,2&layout=OIW&scheme=stft", "shape=9,1,2&layout=OIW&scheme=stft&periodic=true"),
    (
        f"shape=9,1,{2**17}&layout=OIW&scheme=stft",
        f"shape=9,1,{2**17}&layout=OIW&scheme=stft&scaling=none",
    ),
    (
        "shape=9,1,16&layout=OIW&scheme=stft&window=none&periodic=true",
        "shape=9,1,16&layout=OIW&scheme=stft&window=none",
    ),
    ("shape=9,8&scheme=dct", "shape=8,8&scheme=dct"),
    ("shape=8,9&scheme=dct&variant=type3", "shape=8,8&scheme=dct&variant=type3"),
    ("shape=1,1&scheme=dct&variant=type1", "shape=2,2&scheme=dct&variant=type1"),
    ("shape=8,1&scheme=mel_filter_bank", "shape=80,201&scheme=mel_filter_bank"),
    ("shape=8,33&scheme=mel_filter_bank&normalise=l1", "shape=8,33&scheme=mel_filter_bank"),
    (
        "shape=8,33&scheme=mel_filter_bank&high_frequency=9000",
        "shape=8,33&scheme=mel_filter_bank&high_frequency=8000",
    ),
    (
        "shape=8,33&scheme=mel_filter_bank&low_frequency=-1",
        "shape=8,33&scheme=mel_filter_bank&low_frequency=0",
    ),
    (
        "shape=8,33&scheme=mel_filter_bank&low_frequency=8000",
        "shape=8,33&scheme=mel_filter_bank",
    ),
]
"""A request that is refused, and the one that its hint leads to."""


@pytest.mark.parametrize(("request_", "followed"), REFUSED)
def test_an_impossible_request_is_refused_with_a_hint_that_works(
    request_: str, followed: str
) -> None:
    """What the hint names stands in the followed request, which is accepted."""
    with pytest.raises(ImpossibleError) as refused:
        planned(request_)
    (problem,) = refused.value.problems
    changed = set(followed.split("&")) - set(request_.split("&"))
    for item in changed:
        name, _, value = item.partition("=")
        if name == "shape":
            extents = value.split(",")
            assert all(extent in problem.hint for extent in extents), problem.hint
        else:
            assert item in problem.hint or problem.hint.startswith(("leave", f"write {value}"))
    planned(followed)


POSSIBLE = (0, "scheme_axes", "scheme_field", "conflicting_fields")
"""No value, or the reason for which an empty kernel or frame is refused."""


@pytest.mark.parametrize("name", NEW)
def test_an_empty_tensor_is_empty(name: str) -> None:
    """An extent of 0 is served where the shape is possible, and refused otherwise."""
    example = SCHEMES[name].example
    shape = example.partition("&")[0].removeprefix("shape=").split(",")
    for axis in range(len(shape)):
        extents = [*shape[:axis], "0", *shape[axis + 1 :]]
        request = example.replace(",".join(shape), ",".join(extents), 1)
        assert outcome(f"{request}&scheme={name}") in POSSIBLE, request


def outcome(request: str) -> int | str:
    """The number of values, or the reason of a refusal."""
    try:
        return served(request).size
    except ImpossibleError as refused:
        return refused.reason


@pytest.mark.parametrize("word", ["gaussian", "edges", "rope", "mel", "tril", "scharr"])
def test_other_words_lead_to_them(word: str) -> None:
    """`gaussian` stays the normal distribution, beside the filter."""
    meant = {
        "gaussian": "normal or gaussian_filter",
        "edges": "sobel or laplacian",
        "rope": "rotary_frequencies",
        "mel": "mel_filter_bank",
        "tril": "causal_mask",
        "scharr": "sobel or literal",
    }
    with pytest.raises(Exception, match="is not known") as refused:
        parse_query(f"shape=1,1,3,3&scheme={word}".encode())
    error: Any = refused.value
    assert error.problems[0].hint == f"write {meant[word]}"
