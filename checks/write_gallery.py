"""Draw the pictures of docs/schemes.md: `make gallery`.

It needs matplotlib, which the verb installs into an environment of its own. A picture is drawn only
if it is missing or shows something else than its scheme, so a machine with other fonts changes no
picture without a reason. Pictures without a scheme are deleted. `make reference` writes the page.
"""

import io

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from checks.pictures import (
    BOTTOM,
    DIGEST_KEY,
    FOLDER,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Picture,
    path_of,
    picture_of,
    stored_digest,
)
from service.initializers.schemes import SCHEMES

BLUE, RED, GREY = "#2b6cb0", "#c53030", "#718096"

_BELOW_AND_ABOVE = LinearSegmentedColormap.from_list("signed", ["#0000d0", "white", "#d00000"])
"""Linear in the value, with white in the middle."""

_DPI = 100
_COLOURS = 32
"""The colours of a PNG file: few, so that it is small."""


def drawn(picture: Picture) -> bytes:
    """The PNG file of a picture."""
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 5.5, "axes.linewidth": 0.5}):
        figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI)
        canvas = FigureCanvasAgg(figure)
        area = (LEFT / WIDTH, 1 - BOTTOM / HEIGHT, (RIGHT - LEFT) / WIDTH, (BOTTOM - TOP) / HEIGHT)
        _DRAWING[picture.kind](figure.add_axes(area), picture)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    info = PngInfo()
    info.add_text(DIGEST_KEY, picture.digest())
    file = io.BytesIO()
    colours = image.quantize(_COLOURS, dither=Image.Dither.NONE)
    colours.save(file, "PNG", optimize=True, pnginfo=info)
    return file.getvalue()


def _histogram(axes: Axes, picture: Picture) -> None:
    """The counts of the values, a line at the mean, and dashed lines at the bounds."""
    counts, edges = picture.counts()
    axes.stairs(counts, edges, fill=True, color=BLUE)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.05 * counts.max())
    for bound in (picture.low, picture.high):
        if bound is not None:
            axes.axvline(bound, color=GREY, linewidth=0.8, linestyle="--")
    if picture.mean is not None:
        axes.axvline(picture.mean, color=RED, linewidth=0.8)
    axes.set_yticks([])
    axes.tick_params(width=0.5, length=2, pad=1.5)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter("{x:.3g}")


def _curve(axes: Axes, picture: Picture) -> None:
    """The value of each element, by its number; the least and the largest are written."""
    axes.step(np.arange(picture.values.size), picture.values, color=BLUE, linewidth=1, where="mid")
    axes.margins(x=0.02, y=0.08)
    axes.set_xticks([])
    axes.set_yticks([])
    _write_ends(axes, picture)


def _matrix(axes: Axes, picture: Picture) -> None:
    """Each value as a colour: white is 0, red is above, blue is below."""
    largest = float(np.abs(picture.values).max()) or 1.0
    axes.imshow(
        picture.values,
        cmap=_BELOW_AND_ABOVE,
        vmin=-largest,
        vmax=largest,
        aspect="auto",
        interpolation="nearest",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    _write_ends(axes, picture)


def _write_ends(axes: Axes, picture: Picture) -> None:
    low, high = picture.values.min(), picture.values.max()
    axes.set_xlabel(f"from {low:.4g} to {high:.4g}", labelpad=2)


_DRAWING = {"histogram": _histogram, "curve": _curve, "matrix": _matrix}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.iterdir():
        if path.name not in {path_of(name).name for name in SCHEMES}:
            path.unlink()
    for name in SCHEMES:
        picture = picture_of(name)
        if stored_digest(name) != picture.digest():
            path_of(name).write_bytes(drawn(picture))
