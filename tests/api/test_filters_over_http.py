""" "How do I get a filter that finds an X, or edges?": the answer is fetched and meets a picture.

The picture is filtered in plain loops, by cross-correlation.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.application import ask, ready
from tests.server import Address

Array = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def filters(address: Address, query: str, *shape: int) -> Array:
    """The kernel of a request, with the axes O, I, H and W."""
    answer = ask(address, f"/v1/weights.raw?shape={','.join(map(str, shape))}&{query}")
    assert answer.status == 200, answer.body
    return np.frombuffer(answer.body, np.float32).reshape(shape).astype(np.float64)


def correlated(image: Array, kernels: Array) -> Array:
    """The response of each output, where the kernel fits; image is (I, H, W)."""
    outputs, inputs, height, width = kernels.shape
    rows, columns = image.shape[1] - height + 1, image.shape[2] - width + 1
    found = np.zeros((outputs, rows, columns))
    for o in range(outputs):
        for i in range(inputs):
            for y in range(rows):
                for x in range(columns):
                    part = image[i, y : y + height, x : x + width]
                    found[o, y, x] += float((kernels[o, i] * part).sum())
    return found


def largest(response: Array) -> tuple[int, int]:
    """The row and the column of the largest response, which is the only one."""
    assert (response == response.max()).sum() == 1
    row, column = np.unravel_index(int(response.argmax()), response.shape)
    return int(row), int(column)


def strokes() -> Array:
    """Lines of 5 pixels in the dark: an X at (12, 4), a plus, a square and single diagonals."""
    image = np.zeros((24, 24))
    for k in range(5):
        image[12 + k, 4 + k] = image[12 + k, 8 - k] = 1.0
        image[2 + k, 6] = image[4, 4 + k] = 1.0
        image[2 + k, 14 + k] = 1.0
        image[10 + k, 20 - k] = 1.0
        image[18, 14 + k] = image[22, 14 + k] = image[18 + k, 14] = image[18 + k, 18] = 1.0
    return image


def test_cross_finds_the_x(address: Address) -> None:
    """Its corner is where the response is largest: all nine pixels. Nothing else has more than 5.

    Negative control: a filter of ones has as much at the plus, and most at the square.
    """
    image = strokes()
    found = correlated(image[np.newaxis], filters(address, "scheme=cross", 1, 1, 5, 5))[0]
    assert largest(found) == (12, 4)
    assert found[12, 4] == 9
    assert np.sort(found.ravel())[-2] <= 5
    ones = correlated(image[np.newaxis], filters(address, "scheme=box", 1, 1, 5, 5))[0]
    assert ones[12, 4] == ones[2, 4] == 9
    assert largest(ones) == (18, 14)


def test_without_an_x_cross_finds_none(address: Address) -> None:
    """Negative control: the picture with the X taken out."""
    image = strokes()
    image[12:17, 4:9] = 0.0
    found = correlated(image[np.newaxis], filters(address, "scheme=cross", 1, 1, 5, 5))[0]
    assert found.max() <= 5


def step(columns: bool) -> Array:
    """Dark, and bright from column (or row) 7 on."""
    image = np.zeros((12, 12))
    image[:, 7:] = 1.0
    return image if columns else image.T


@pytest.mark.parametrize(("scheme", "height"), [("sobel", 4.0), ("prewitt", 3.0)])
def test_a_derivative_finds_its_edge_and_no_other(
    address: Address, scheme: str, height: float
) -> None:
    """x responds to a vertical edge, on its two sides, and y to a horizontal one.

    It is positive because the picture becomes brighter to the right, or downwards. Negative
    control: the other variant does not see the edge.
    """
    x = filters(address, f"scheme={scheme}", 1, 1, 3, 3)
    y = filters(address, f"scheme={scheme}&variant=y", 1, 1, 3, 3)
    vertical, horizontal = step(columns=True)[np.newaxis], step(columns=False)[np.newaxis]
    expected = np.zeros((10, 10))
    expected[:, 5:7] = height
    assert np.array_equal(correlated(vertical, x)[0], expected)
    assert np.array_equal(correlated(horizontal, y)[0], expected.T)
    assert not correlated(vertical, y).any()
    assert not correlated(horizontal, x).any()
    assert np.array_equal(correlated(1.0 - vertical, x)[0], -expected)


@pytest.mark.parametrize("variant", ["axes", "all"])
def test_a_laplacian_finds_edges_of_every_direction(address: Address, variant: str) -> None:
    """Both sides of an edge, and nothing on a slope or in the even."""
    laplacian = filters(address, f"scheme=laplacian&variant={variant}", 1, 1, 3, 3)
    for image in (step(columns=True), step(columns=False)):
        found = correlated(image[np.newaxis], laplacian)[0]
        edge = np.zeros((12, 12), np.bool_)
        edge[:, 6:8] = True
        edge = edge if image[0, -1] > image[-1, 0] else edge.T
        assert np.array_equal(found != 0, edge[1:-1, 1:-1])
    slope = np.add.outer(np.arange(12.0), 2 * np.arange(12.0))
    assert not correlated(slope[np.newaxis], laplacian).any()


def test_a_gabor_bank_tells_the_direction_of_stripes(address: Address) -> None:
    """Output o answers most to waves along pi o / O. x and y both fall, so waves turn alike."""
    bank = filters(address, "scheme=gabor&normalise=l2", 4, 1, 9, 9)
    y, x = np.mgrid[0:17, 0:17].astype(np.float64)
    for o in range(4):
        angle = np.pi * o / 4
        waves = np.cos(2 * np.pi / 4 * (x * np.cos(angle) + y * np.sin(angle)))
        energy = (correlated(waves[np.newaxis], bank) ** 2).mean(axis=(1, 2))
        assert int(energy.argmax()) == o
        assert np.sort(energy)[-2] < energy[o] / 4


def test_a_blur_keeps_the_brightness_and_spreads_a_spot(address: Address) -> None:
    """With normalise=sum a Gaussian and a box add up to 1."""
    spot = np.zeros((1, 9, 9))
    spot[0, 4, 4] = 1.0
    for query in ("scheme=gaussian_filter&sigma=0.8&normalise=sum", "scheme=box&normalise=sum"):
        blurred = correlated(spot, filters(address, query, 1, 1, 5, 5))
        assert blurred.sum() == pytest.approx(1.0, abs=1e-6)
        assert blurred.max() < 0.3


def test_each_and_all_channels(address: Address) -> None:
    """`all` sees the mean of the channels in every output, and `each` one channel in its own."""
    picture = np.stack([step(columns=True), np.zeros((12, 12)), 0.5 * step(columns=True)])
    mean = correlated(picture, filters(address, "scheme=sobel", 2, 3, 3, 3))
    alone = correlated(picture, filters(address, "scheme=sobel&channels=each", 3, 3, 3, 3))
    one = filters(address, "scheme=sobel", 1, 1, 3, 3)
    singles = [correlated(channel[np.newaxis], one)[0] for channel in picture]
    assert np.abs(mean - sum(singles) / 3).max() < 1e-6
    assert np.array_equal(mean[0], mean[1])
    assert np.array_equal(alone, np.stack(singles))
    depthwise = filters(address, "scheme=sobel&layer=depthwise_conv2d", 3, 1, 3, 3)
    assert np.array_equal(depthwise, np.repeat(one, 3, axis=0))


def test_flux_needs_the_kernel_reversed(address: Address) -> None:
    """Its `Conv` convolves: with the order of index that the page names, it finds the same edge.

    Negative control: without it the sign is wrong.
    """
    x = filters(address, "scheme=sobel", 1, 1, 3, 3)
    image = step(columns=True)[np.newaxis]

    def convolved(kernels: Array) -> Array:
        return correlated(image, kernels[:, :, ::-1, ::-1])

    assert np.array_equal(convolved(x[:, :, ::-1, ::-1]), correlated(image, x))
    assert np.array_equal(convolved(x), -correlated(image, x))


@pytest.mark.parametrize("layout", ["HWIO", "OHWI", "WHIO", "IOHW"])
def test_the_layout_moves_axes_and_no_value(address: Address, layout: str) -> None:
    """x stays the axis W in every framework's letters."""
    extents = {"O": 2, "I": 1, "H": 3, "W": 5}
    query = f"scheme=sobel&layout={layout}"
    moved = filters(address, query, *(extents[letter] for letter in layout))
    back = moved.transpose([layout.index(letter) for letter in "OIHW"])
    assert np.array_equal(back, filters(address, "scheme=sobel", 2, 1, 3, 5))


def test_a_literal_kernel_is_laid_row_by_row(address: Address) -> None:
    """Scharr's filter, from the query and from JSON."""
    kernel = [-3, 0, 3, -10, 0, 10, -3, 0, 3]
    text = ",".join(map(str, kernel))
    found = filters(address, f"scheme=literal&kernel={text}", 1, 1, 3, 3)
    assert found.ravel().tolist() == kernel
    fields = {"shape": [1, 1, 3, 3], "scheme": "literal", "kernel": kernel, "format": "raw"}
    headers = {"Content-Type": "application/json"}
    posted = ask(address, "/v1/weights", "POST", headers, json.dumps(fields).encode())
    assert np.frombuffer(posted.body, np.float32).tolist() == kernel


REFUSED = [
    ("shape=8,4&scheme=sobel", "shape", "shape=8,8,3,3&scheme=sobel"),
    ("shape=8,4,3&scheme=box", "shape", "shape=8,4,3&scheme=box&layout=OIW"),
    ("shape=8,1,4,3&scheme=sobel", "shape", "shape=8,1,3,3&scheme=sobel"),
    ("shape=8,1,33,33&scheme=prewitt", "shape", "shape=8,1,3,3&scheme=prewitt"),
    ("shape=8,1,5,5&scheme=laplacian", "shape", "shape=8,1,3,3&scheme=laplacian"),
    ("shape=8,1,3,5&scheme=cross", "shape", "shape=8,1,3,3&scheme=cross"),
    ("shape=1,1,99,99&scheme=box", "shape", "shape=1,1,3,3&scheme=box"),
    ("shape=8,1,3,3,3&scheme=gabor", "shape", "shape=8,8,3,3&scheme=gabor"),
    ("shape=8,1,3&layout=OIW&scheme=cross", "shape", "shape=8,8,3,3&scheme=cross"),
    ("shape=8,1,3,3&scheme=sobel&variant=z", "variant", "shape=8,1,3,3&scheme=sobel&variant=x"),
    ("shape=3,2,3,3&scheme=box&channels=each", "channels", "shape=3,2,3,3&scheme=box"),
    ("shape=1,1,3,3&scheme=sobel&normalise=sum", "normalise", "normalise=l1"),
    ("shape=1,1,3,3&scheme=box&normalise=area", "normalise", "normalise=l1"),
    (
        "shape=1,1,3,3&scheme=literal&kernel=1,2",
        "kernel",
        "shape=1,1,1,2&scheme=literal&kernel=1,2",
    ),
    ("shape=1,1,1,2&scheme=literal&kernel=1,1e200", "kernel", "kernel=1,1"),
    ("shape=1,1,3,3&scheme=gaussian_filter&sigma=0", "sigma", "sigma=0.1"),
    ("shape=1,1,3,3&scheme=gabor&wavelength=0", "wavelength", "wavelength=0.01"),
    ("shape=1,1,3,3&scheme=gabor&aspect=-1", "aspect", "aspect=0.001"),
    ("shape=1,1,3,3&scheme=gabor&phase=1e7", "phase", "phase=1000000"),
    ("shape=2000,1,9,9&scheme=gabor&normalise=l2", "normalise", "shape=2000,1,9,9&scheme=gabor"),
]
"""A request, the field that is refused, and what its hint says: fields, or the whole request."""


@pytest.mark.parametrize(("query", "field", "followed"), REFUSED)
def test_what_is_impossible_is_refused_with_a_way_out(
    address: Address, query: str, field: str, followed: str
) -> None:
    """422 names the field, and the hint, once followed, is accepted."""
    answer = ask(address, f"/v1/weights.raw?{query}")
    assert answer.status == 422, answer.body
    told: dict[str, Any] = json.loads(answer.body)
    assert [problem["field"] for problem in told["errors"]] == [field]
    if not followed.startswith("shape="):
        name = followed.partition("=")[0]
        kept = [item for item in query.split("&") if not item.startswith(f"{name}=")]
        followed = "&".join([*kept, followed])
    assert ask(address, f"/v1/weights.raw?{followed}").status == 200
