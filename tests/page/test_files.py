"""The files of the pages over HTTP: encodings, tags, caching and policies."""

import gzip
import re
from collections.abc import Iterator

import pytest

from service.api.encodings import prefers_gzip
from service.page import edition, own_files, vendored_files
from service.page.documents import front
from tests.application import ask, serving
from tests.server import Address

D3 = "/vendor/d3@7.9.2/d3.min.js"
STYLES = f"/page/{edition()}/page.css"
IMMUTABLE = "public, max-age=31536000, immutable"
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving(warm_up=lambda: None) as address:
        yield address


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/propagate?width=64&depth=5", D3, STYLES]
)
def test_a_file_is_compressed_if_that_is_accepted(address: Address, path: str) -> None:
    """Each encoding has the same content and a tag of its own. Caches are told of the choice."""
    plain = ask(address, path)
    small = ask(address, path, headers={"Accept-Encoding": "gzip, deflate"})
    assert (plain.status, small.status) == (200, 200)
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body
    assert len(small.body) < len(plain.body)
    assert plain.headers["vary"] == small.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != small.headers["etag"]
    for answer, accepted in ((plain, {}), (small, {"Accept-Encoding": "gzip"})):
        held = {"If-None-Match": answer.headers["etag"]}
        again = ask(address, path, headers=accepted | held)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["cache-control"] == answer.headers["cache-control"]
        assert again.headers["vary"] == "Accept-Encoding"
    head = ask(address, path, "HEAD")
    assert head.body == b""
    assert head.headers["content-length"] == plain.headers["content-length"]
    refused = ask(address, path, headers={"If-Match": '"another"'})
    assert refused.status == 412


@pytest.mark.parametrize(
    ("path", "caching"),
    [
        ("/", "no-cache"),
        ("/docs", "no-cache"),
        ("/openapi.json", "no-cache"),
        (D3, IMMUTABLE),
        (STYLES, IMMUTABLE),
    ],
)
def test_only_versioned_paths_are_immutable(address: Address, path: str, caching: str) -> None:
    """HTML is asked for anew, so a new release has new files at once."""
    answer = ask(address, path)
    assert answer.headers["cache-control"] == caching
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_policies_are_those_of_the_design(address: Address) -> None:
    """The page runs its own scripts only. The explorer has pictures in its styles as well."""
    assert ask(address, "/").headers["content-security-policy"] == POLICY
    explorer = ask(address, "/docs").headers["content-security-policy"]
    assert explorer == f"{POLICY}; img-src 'self' data:"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        (D3, "text/javascript; charset=utf-8"),
        (STYLES, "text/css; charset=utf-8"),
        (f"/page/{edition()}/main.mjs", "text/javascript; charset=utf-8"),
        (f"/page/{edition()}/icon.svg", "image/svg+xml; charset=utf-8"),
        ("/vendor/d3@7.9.2/LICENSE", "text/plain; charset=utf-8"),
    ],
)
def test_a_file_has_its_media_type(address: Address, path: str, media_type: str) -> None:
    """Browsers refuse a script of another type under nosniff."""
    assert ask(address, path).headers["content-type"] == media_type


def test_files_of_another_edition_are_todays_and_are_not_kept(address: Address) -> None:
    """While replicas are replaced a browser may have the HTML of another release."""
    other = ask(address, "/page/000000000000/page.css")
    assert other.body == ask(address, STYLES).body
    assert other.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        f"/page/{edition()}/nothing.css",
        f"/page/{edition()}/page.html",
        f"/page/{edition()}",
        "/vendor/d3@7.9.2/nothing.js",
        "/vendor/d3@7.9.1/d3.min.js",
        "/vendor/d3@7.9.2/d3.min.js.gz",
        "/vendor/packages.json",
        "/vendor/../pyproject.toml",
        "/vendor/d3@7.9.2/..%2F..%2Fstatic%2Fpage.html",
        "/docs/nothing",
    ],
)
def test_nothing_else_is_served(address: Address, path: str) -> None:
    """Files are looked up in a table, not on the disk."""
    assert ask(address, path).status == 404


@pytest.mark.parametrize("query", ["?shape=3", "?x=%FF", "?" + "a=1&" * 500, "?name=%3Cscript%3E"])
def test_any_query_has_the_same_page(address: Address, query: str) -> None:
    """The page's scripts read the query. It is never written into the HTML."""
    assert ask(address, f"/{query}").body == ask(address, "/").body


def test_the_html_names_files_that_exist() -> None:
    """Scripts, styles and pictures of both pages; every module of the page is loaded early."""
    html = front().plain.body.decode()
    named = re.findall(r'(?:href|src)="/(page|vendor)/([^/"]+)/([^"]+)"', html)
    assert len(named) > 10
    for kind, folder, name in named:
        if kind == "page":
            assert (folder, name in own_files()) == (edition(), True)
        else:
            assert (folder, name) in vendored_files()
    modules = {name for name in own_files() if name.endswith(".mjs")} - {"explorer.mjs"}
    preloaded = set(re.findall(r'modulepreload" href="/page/\w+/([^"]+)"', html))
    assert preloaded == modules


MOST_BYTES = 300_000
"""What the first view may take over the wire."""

HEAD = 500
"""More than the head of any answer takes."""


def test_the_first_view_is_small(address: Address) -> None:
    """The HTML, the files that it names, and the answers to the questions of its scripts.

    A browser counts the same bytes in tests/page/test_reach.py.
    """
    html = front().plain.body.decode()
    files = re.findall(r'(?:href|src)="(/(?:page|vendor)/[^"]+)"', html)
    layer = "shape=64,3,7,7&layout=torch&layer=conv2d&activation=relu"
    stack = "/propagate?width=147&depth=10&activation=relu"
    rivals = ("", "&scheme=glorot_normal", "&scheme=lecun_normal", "&scheme=torch.linear")
    paths = [
        "/",
        *set(files),
        f"/recommend?{layer}&depth=10&seed=42&name=conv1.weight",
        f"/v1/weights.json?{layer}&seed=42&name=conv1.weight",
        *(f"{stack}{rival}" for rival in rivals),
    ]
    answers = [ask(address, path, headers={"Accept-Encoding": "gzip"}) for path in paths]
    assert {answer.status for answer in answers} == {200}
    values = 4 * 64 * 3 * 7 * 7
    sizes = [len(answer.body) + HEAD for answer in answers] + [values + HEAD]
    assert 150_000 < sum(sizes) <= MOST_BYTES


def test_no_script_makes_html_of_text() -> None:
    """Text is set as text. No module has a function that reads HTML or runs a text."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment"
        r"|setHTML|DOMParser|srcdoc|\beval\b|new Function"
    )
    scripts = {name: file.plain.body.decode() for name, file in own_files().items()}
    assert [name for name, text in scripts.items() if forbidden.search(text)] == []
    assert forbidden.search("place.innerHTML = name")


@pytest.mark.parametrize(
    ("value", "preferred"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("br, gzip;q=0.5", True),
        (" , gzip , ", True),
        ("gzip \t;\tQ=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=1.0", True),
        ("gzip;q=1.", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("br", False),
    ],
)
def test_accept_encoding_is_read_as_the_standard_says(value: str | None, preferred: bool) -> None:
    """RFC 9110, section 12.5.3."""
    assert prefers_gzip(value) == preferred


@pytest.mark.parametrize(
    ("value", "preferred"),
    [
        ("gzip;q=0.5, identity;q=0.5", True),
        ("gzip;q=0.5, identity;q=0.6", False),
        ("identity;q=0.6, gzip;q=0.5", False),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=0.5, identity;q=0", True),
        ("gzip;q=0.5, *;q=0.8", False),
        ("gzip;q=0.5, *;q=0.8, identity;q=0.1", True),
        ("identity;q=0.5, *", True),
        ("identity, *;q=0.5", False),
    ],
)
def test_the_larger_weight_wins(value: str, preferred: bool) -> None:
    """RFC 9110, sections 12.4.2 and 12.5.3: `*` stands for identity too."""
    assert prefers_gzip(value) == preferred


@pytest.mark.parametrize(
    "value",
    [
        "gzip;q=1.5",
        "gzip;q=1.001",
        "gzip;q=2",
        "gzip;q=-1",
        "gzip;q=0.1234",
        "gzip;q=.5",
        "gzip;q=x",
        "gzip;q=",
        "gzip;q",
        "gzip;",
        "gzip;q = 1",
        "gzip;q=1;q=0",
        "gzip;level=9",
        "gzip q=0, *",
        "gzip;q=1.5, *",
        "br;q=7, gzip",
        "gzip, gzip;q=0",
        "x-gzip;q=0, gzip",
        "gzip;q=\u0661",
    ],
)
def test_a_malformed_weight_means_the_plain_file(value: str) -> None:
    """So do weights that contradict each other. Every client can read the plain file."""
    assert not prefers_gzip(value)


def test_the_plain_page_has_moved(address: Address) -> None:
    """/docs/plain is the page without scripts, which has all paths."""
    answer = ask(address, "/docs/plain")
    assert answer.status == 200
    assert b"<script" not in answer.body
    assert b"/v1/weights.npy" in answer.body
