"""The files of the web page, plain and gzipped, as the package has them."""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from service.plan.tag import entity_tag

_STATIC = files("service.page") / "static"
_VENDOR = files("service.page") / "vendor"

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
}
_OTHER = "text/plain; charset=utf-8"
"""The media type of licences."""

_EDITION_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes as they are sent, with their entity tag."""

    body: bytes
    tag: str

    @classmethod
    def of(cls, body: bytes) -> "Sent":
        """These bytes. Making the tag takes half a millisecond for a megabyte."""
        return cls(body, entity_tag(body))


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file with its media type, plain and compressed by gzip."""

    media_type: str
    plain: Sent
    compressed: Sent

    @classmethod
    def of(cls, name: str, plain: bytes, compressed: bytes | None = None) -> "PageFile":
        """The file of this name; without `compressed` its content is compressed here."""
        media_type = _MEDIA_TYPES.get(name.rpartition(".")[2], _OTHER)
        small = compressed or gzip.compress(plain, mtime=0)
        return cls(media_type, Sent.of(plain), Sent.of(small))


@cache
def own_files() -> Mapping[str, PageFile]:
    """The styles, scripts and pictures by name, without the HTML."""
    return {
        each.name: PageFile.of(each.name, each.read_bytes())
        for each in sorted(_STATIC.iterdir(), key=lambda each: each.name)
        if not each.name.endswith(".html")
    }


@cache
def edition() -> str:
    """A part of the paths of `own_files` that changes whenever one of them does."""
    digest = sha256()
    for name, file in own_files().items():
        digest.update(f"{name}\0{len(file.plain.body)}\0".encode() + file.plain.body)
    return digest.hexdigest()[:_EDITION_CHARACTERS]


@cache
def vendored_files() -> Mapping[tuple[str, str], PageFile]:
    """The third-party files by folder and name. The folder has the package's version."""
    return dict(_vendored())


def template(name: str) -> str:
    """The text of an HTML template."""
    return (_STATIC / name).read_text(encoding="utf-8")


def _vendored() -> Iterator[tuple[tuple[str, str], PageFile]]:
    for folder in _VENDOR.iterdir():
        if folder.is_dir():
            for file in folder.iterdir():
                if not file.name.endswith(".gz"):
                    yield (folder.name, file.name), _vendored_file(folder, file)


def _vendored_file(folder: Traversable, file: Traversable) -> PageFile:
    compressed = (folder / f"{file.name}.gz").read_bytes()
    return PageFile.of(file.name, file.read_bytes(), compressed)
