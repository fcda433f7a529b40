"""The web page for people: its HTML, styles and scripts, and the third-party files it needs."""

from service.page.documents import explorer, front
from service.page.files import PageFile, Sent, edition, own_files, vendored_files

__all__ = ["PageFile", "Sent", "edition", "explorer", "front", "own_files", "vendored_files"]
