"""Real nginx on deploy/nginx.conf, in which ports, paths and replicas are replaced."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.application import ask
from tests.process import ROOT, children
from tests.server import Address, free_port, until

DEPLOYED = ROOT / "deploy" / "nginx.conf"
STOP_SECONDS = 10.0

Edit = Callable[[str], str]
"""Makes another configuration from the deployed one, for a negative control."""


@dataclass(frozen=True, slots=True)
class Front:
    """A running nginx."""

    process: "subprocess.Popen[str]"
    address: Address
    folder: Path

    def log(self) -> list[dict[str, Any]]:
        """The lines of the access log so far."""
        return [json.loads(line) for line in self.access_log().splitlines()]

    def access_log(self) -> str:
        """The text of the access log so far."""
        return (self.folder / "access.log").read_text()

    def error_log(self) -> str:
        """What nginx has written to standard error so far."""
        return (self.folder / "error.log").read_text()

    def processes(self) -> list[int]:
        """The ids of the master, of the workers and of those that look after the cache."""
        return [self.process.pid, *children(self.process.pid)]


@contextmanager
def nginx(
    replicas: Iterable[Address], folder: Path, edit: Edit = str, user: str | None = None
) -> Iterator[Front]:
    """nginx before these replicas while the block runs; its cache is empty at the start.

    `folder` exists and is empty. `user` is whom nginx is started as, which only root can choose.
    """
    port = free_port()
    (folder / "cache").mkdir()
    (folder / "upstream.conf").write_text(upstream(replicas))
    (folder / "nginx.conf").write_text(edit(placed(DEPLOYED.read_text(), port, folder)))
    directives = "daemon off;"
    if user is not None:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user)
    elif os.geteuid() == 0:
        # The workers of root's nginx belong to nobody, who may not read a test's folder.
        directives += f" user {getuser()};"
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", directives]
    with (
        (folder / "error.log").open("w") as errors,
        subprocess.Popen(command, stdout=errors, stderr=errors, text=True, user=user) as process,
    ):
        front = Front(process, Address("127.0.0.1", port), folder)
        try:
            assert until(lambda: _is_alive(front), 30), front.error_log()
            yield front
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            finally:
                process.kill()
                print(front.error_log(), file=sys.stderr)


def placed(text: str, port: int, folder: Path) -> str:
    """The configuration with this port, and with all files in this folder."""
    assert " /tmp/" in text
    text = text.replace(" /tmp/", f" {folder}/")
    text = replaced(text, "listen 8080;", f"listen 127.0.0.1:{port};")
    text = text.replace("/dev/stdout", str(folder / "access.log"))
    return replaced(text, " /var/cache/nginx/", f" {folder}/cache/")


def replaced(text: str, old: str, new: str) -> str:
    """The text with `old` replaced, which it has exactly once."""
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    return text.replace(old, new)


def all_slices(text: str) -> str:
    """The configuration that asks for all slices that nginx wants, whatever the range is."""
    return replaced(text, '"$is_asked_for $cut_slice"', '"1 $cut_slice"')


def upstream(replicas: Iterable[Address]) -> str:
    """An upstream.conf with these replicas, and with the other directives of the deployed one."""
    servers = "".join(f"server {each.host}:{each.port} max_fails=0;\n" for each in replicas)
    return f"upstream replicas {{\nzone replicas 64k;\n{servers}keepalive 64;\n}}\n"


def _is_alive(front: Front) -> bool:
    assert front.process.poll() is None, front.error_log()
    try:
        return ask(front.address, "/livez").status == 200
    except (OSError, HTTPException):
        return False
