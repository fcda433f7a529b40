"""docs/schemes.md has a section and a picture of every scheme, which shows its values."""

import re
import zlib
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import pytest

from checks import pictures
from checks.needs import NEEDS
from checks.pictures import BOTTOM, FOLDER, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Picture
from checks.schemes_page import PATH, page
from service import listings
from service.fields import parse_query
from service.initializers.schemes import SCHEMES, family_of
from service.listings import headings
from tests.filling import distinct

COMMITTED = PATH.read_text(encoding="utf-8")

MOST_BYTES = 1_500_000
"""The most that all pictures may weigh: everybody who clones the project gets them."""

Colours = npt.NDArray[np.float64]


def test_the_committed_page_is_the_generated_one() -> None:
    """Equal to the character; `make reference` writes it anew."""
    assert page() == COMMITTED


def test_a_scheme_more_or_less_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without the last scheme the page is another."""
    monkeypatch.delitem(SCHEMES, list(SCHEMES)[-1])
    assert page() != COMMITTED


def test_every_scheme_has_one_section_with_its_picture() -> None:
    """By its heading, and nothing else has a section."""
    assert sorted(re.findall(r"^### `(.+)`$", COMMITTED, re.MULTILINE)) == sorted(SCHEMES)
    shown = re.findall(r"^!\[.*\]\(schemes/(.+)\.png\)$", COMMITTED, re.MULTILINE)
    assert sorted(shown) == sorted(SCHEMES)


def github_anchor(heading: str) -> str:
    """Lower case, hyphens for spaces, and no other punctuation than `-` and `_`."""
    kept = (c for c in heading.lower() if c.isalnum() or c in "-_ ")
    return "".join(kept).replace(" ", "-")


def test_every_link_has_its_heading() -> None:
    """No two headings have one anchor, for GitHub would number the second one."""
    headings = re.findall(r"^##+ (.+)$", COMMITTED, re.MULTILINE)
    anchors = [github_anchor(heading) for heading in headings]
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r"\]\(#([^)]+)\)", COMMITTED)) <= set(anchors)


def test_the_contents_are_the_headings_of_schemes() -> None:
    """In their order, after the two headings that are not of schemes."""
    links = re.findall(r"^- \[.+\]\(#(.+)\)$", COMMITTED, re.MULTILINE)
    titles = re.findall(r"^## (.+)$", COMMITTED, re.MULTILINE)
    assert titles[:2] == ["What do you need?", "How to read this page"]
    assert links == [github_anchor(title) for title in titles[2:]]


def test_every_family_has_a_heading_and_no_heading_has_one_scheme() -> None:
    """No heading is the name of a module. A row in service/listings/headings.py gives another."""
    groups = listings.under_headings(SCHEMES.values())
    assert [title for title, schemes in groups.items() if len(schemes) < 2] == []
    modules = {family_of(name).replace("_", " ").capitalize() for name in SCHEMES}
    assert not modules & set(groups)


def test_a_family_without_a_row_has_its_own_name_as_heading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control of the test above."""
    monkeypatch.delitem(headings._TITLES, "zero_hadamard")
    groups = listings.under_headings(SCHEMES.values())
    assert [scheme.name for scheme in groups["Zero hadamard"]] == ["zero_hadamard"]


@pytest.mark.parametrize(("need", "schemes"), NEEDS)
def test_a_need_leads_to_schemes_and_fields_that_exist(need: str, schemes: str) -> None:
    """Each word in backticks is a scheme, a path, or a field that reads its value."""
    words = re.findall("`([^`]+)`", schemes)
    fields = [word for word in words if "=" in word]
    names = [word for word in words if "=" not in word and not word.startswith("/")]
    assert [name for name in names if name not in SCHEMES] == []
    assert names or fields
    for field in fields:
        assert parse_query(f"shape=3,3&{field}".encode())
    row = next(line for line in COMMITTED.splitlines() if line.startswith(f"| {need} |"))
    assert all(f"[`{name}`](#{github_anchor(name)})" in row for name in names)


def test_the_needs_are_the_first_thing_on_the_page() -> None:
    """Each need once, and each kind of scheme that is not a framework's is needed by someone."""
    assert COMMITTED.startswith("# Schemes\n\n## What do you need?\n\n| need | scheme |\n")
    needs = [need for need, _ in NEEDS]
    assert len(set(needs)) == len(needs) >= 40
    told = " ".join(schemes for _, schemes in NEEDS)
    for title, schemes in listings.under_headings(SCHEMES.values()).items():
        assert any(f"`{scheme.name}`" in told for scheme in schemes), title


@pytest.mark.parametrize(
    "word", ["ViT", "vision", "attention", "fine-tun", "audio", "an X", "edges", "upsampling"]
)
def test_words_that_people_look_for_are_among_the_needs(word: str) -> None:
    """Most of them are in no summary of a scheme."""
    assert any(word in need for need, _ in NEEDS)


def test_the_files_are_those_of_the_schemes() -> None:
    """`make gallery` draws what is missing and deletes what no scheme needs."""
    files = sorted(FOLDER.iterdir())
    assert [path.name for path in files] == sorted(f"{name}.png" for name in SCHEMES)
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES


@pytest.mark.parametrize("name", SCHEMES)
def test_a_picture_is_of_what_its_scheme_gives_today(name: str) -> None:
    """A whole PNG file of the right size, with the digest of the values that the scheme gives."""
    picture = pictures.picture_of(name)
    assert pictures.stored_digest(name) == picture.digest()
    assert colours_of(name).shape == (HEIGHT, WIDTH, 3)


def test_a_picture_of_another_scheme_would_be_noticed() -> None:
    """Negative control: digests differ if values differ, and only then."""
    pairs = [("he_normal", "he_uniform"), ("identity", "orthogonal"), ("zeros", "ones")]
    for one, other in pairs:
        assert pictures.stored_digest(one) != pictures.picture_of(other).digest()
    with pytest.raises(ValueError, match="checksum"):
        pictures.chunks_of(pictures.path_of("zeros").read_bytes().replace(b"IDAT", b"IDAX"))


def colours_of(name: str) -> Colours:
    """The pixels of a scheme's file, shape (height, width, 3), read without an image library."""
    chunks = pictures.chunks_of(pictures.path_of(name).read_bytes())
    width, height = (int.from_bytes(chunks[b"IHDR"][at : at + 4], "big") for at in (0, 4))
    depth, colour_type, *_, interlaced = chunks[b"IHDR"][8:]
    assert (colour_type, interlaced) == (3, 0), "a palette, not interlaced"
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any(), "no row is filtered"
    bits = np.unpackbits(rows[:, 1:], axis=1)[:, : width * depth]
    numbers = bits.reshape(height, width, depth) @ (1 << np.arange(depth)[::-1])
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    return palette[numbers].astype(np.float64)


def agreement(colours: Colours, picture: Picture) -> float:
    """The correlation of what the pixels show with the values: heights, places or colours."""
    red, blue = colours[TOP:BOTTOM, LEFT:RIGHT, 0], colours[TOP:BOTTOM, LEFT:RIGHT, 2]
    height, width = red.shape
    if picture.kind == "matrix":
        rows, columns = picture.values.shape
        # The frame covers the outermost pixels.
        down = ((np.arange(2, height - 2) + 0.5) * rows / height).astype(int)
        across = ((np.arange(2, width - 2) + 0.5) * columns / width).astype(int)
        return correlation((red - blue)[2:-2, 2:-2], picture.values[np.ix_(down, across)])
    painted = blue - red > 60
    if picture.kind == "histogram":
        counts, _ = picture.counts()
        return correlation(painted.sum(axis=0), np.repeat(counts, width // counts.size))
    # The curve begins and ends 1/52 of the width from the frame.
    shares = np.clip((np.arange(width) + 0.5) / width * 1.04 - 0.02, 0, 1)
    numbers = np.rint(shares * (picture.values.size - 1)).astype(int)
    drawn = painted.any(axis=0)
    rows = np.arange(height)[:, np.newaxis]
    depths = (painted * rows).sum(axis=0)[drawn] / painted.sum(axis=0)[drawn]
    return correlation(-depths, picture.values[numbers[drawn]])


def correlation(seen: npt.ArrayLike, values: npt.ArrayLike) -> float:
    """Pearson's; 1 where both are constant."""
    a, b = np.ravel(seen).astype(np.float64), np.ravel(values).astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    if not a.any() and not b.any():
        return 1.0
    return float((a @ b) / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("name", distinct())
def test_the_pixels_show_the_values(name: str) -> None:
    """Heights of bars, colours of cells and places of a curve follow the values.

    The correlation is not 1, because the lines at the mean and the bounds hide bars, colours are
    few, cells end between pixels, and a curve has a width.
    """
    assert agreement(colours_of(name), pictures.picture_of(name)) > 0.7


def test_pixels_of_other_values_would_be_noticed() -> None:
    """Negative control: other matrices of the same shape, and another distribution."""
    for one, other in [("identity", "orthogonal"), ("orthogonal", "identity")]:
        assert agreement(colours_of(one), pictures.picture_of(other)) < 0.3
    assert agreement(colours_of("sparse"), pictures.picture_of("he_normal")) < 0.7


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="only `make gallery` installs it")
@pytest.mark.parametrize("name", ["he_normal", "truncated_normal", "identity", "orthogonal"])
def test_a_picture_drawn_anew_has_the_same_digest(name: str) -> None:
    """What is drawn stores the digest; pixels may differ between machines."""
    from checks.write_gallery import drawn

    picture = pictures.picture_of(name)
    stored = pictures.chunks_of(drawn(picture))[b"tEXt"]
    assert stored == f"{pictures.DIGEST_KEY}\0{picture.digest()}".encode()
