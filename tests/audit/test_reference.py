"""`--like` with URLs of every kind, and with servers that refuse, hang and drip."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from urllib3 import Timeout

from service.audit.files import npy
from service.cli import connections, remote
from service.cli.audit import audit_checkpoint
from tests.application import ask, ready
from tests.fronts import Front, serving
from tests.server import Address

TENSOR = "shape=64,3,7,7&scheme=he_normal&seed=42&name=conv1.weight"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.fixture
def path(tmp_path: Path) -> str:
    np.save(tmp_path / "w.npy", np.random.default_rng(1).normal(size=(40, 30)))
    return str(tmp_path / "w.npy")


def refused(capfd: pytest.CaptureFixture[str], path: str, url: str) -> list[str]:
    """The lines of standard error, and nothing else was printed."""
    assert audit_checkpoint([path, "--like", url]) == 2
    said, complained = capfd.readouterr()
    assert said == ""
    return complained.splitlines()


def test_the_url_of_raw_values_is_refused_with_what_works(
    tmp_path: Path, address: Address, capfd: pytest.CaptureFixture[str]
) -> None:
    """The message says what to write, and that is equal."""
    content = ask(address, f"/v1/weights.npy?{TENSOR}").body
    (tmp_path / "w.npy").write_bytes(content)
    url = f"{address.url}/v1/weights.raw?{TENSOR}"
    (said,) = refused(capfd, str(tmp_path / "w.npy"), url)
    assert said.endswith("tells no shape and dtype; write .npy or .safetensors for .raw")
    followed = url.replace(".raw", ".npy")
    assert audit_checkpoint([str(tmp_path / "w.npy"), "--layout=torch", "--like", followed]) == 0


@pytest.mark.parametrize(
    "target",
    ["", "/", "/recommend?shape=64,64", "/v1/weights.json?shape=3,3", "/v1/weights?seed=1"],
)
def test_the_url_of_something_else(
    path: str, address: Address, capfd: pytest.CaptureFixture[str], target: str
) -> None:
    """One line, which says what the option takes. No request is made."""
    (said,) = refused(capfd, path, address.url + target)
    assert said.endswith("or that of a model, which ends in its token")


def test_what_a_server_refuses_is_told(
    path: str, address: Address, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line for each problem, and for a wrong token also what the option takes."""
    lines = refused(capfd, path, f"{address.url}/v1/weights.npy?shape=6x&scheme=he_norml")
    assert [line.partition(":")[0] for line in lines] == ["shape", "scheme"]
    lines = refused(capfd, path, f"{address.url}/v1/models/abc")
    assert "/v1/models/abc/ has no model.safetensors: token: " in lines[0]
    assert lines[1].startswith("--like takes a URL")


@contextmanager
def index_server(content: bytes, seconds: float = 0.0) -> Iterator[str]:
    """The URL of an index, whose body arrives a byte at a time if there are seconds for it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(OSError):
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    time.sleep(seconds)

        def log_message(self, *arguments: object) -> None:
            """Nothing is logged."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/model.safetensors.index.json"
        server.shutdown()


def test_an_index_without_a_tensor(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is equal to nothing."""
    with index_server(b'{"weight_map": {}}') as url:
        (said,) = refused(capfd, path, url)
    assert said == f"{url} has no tensor"


def test_fortran_order_of_a_server(
    tmp_path: Path,
    address: Address,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is equal to the other order. A large array is refused, and the hint is followed."""
    (tmp_path / "w.npy").write_bytes(ask(address, f"/v1/weights.npy?{TENSOR}").body)
    url = f"{address.url}/v1/weights.npy?{TENSOR}&order=F"
    arguments = [str(tmp_path / "w.npy"), "--layout=torch", "--like", url]
    assert audit_checkpoint(arguments) == 0
    assert "all tensors are equal" in capfd.readouterr().out
    monkeypatch.setattr(npy, "MOST_KEPT_BYTES", 1000)
    assert audit_checkpoint(arguments) == 2
    assert "; ask for order=C, which has the same values" in capfd.readouterr().err
    assert audit_checkpoint([*arguments[:-1], url.replace("order=F", "order=C")]) == 0


def test_a_server_that_refuses_connections(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is given up after three retries, and each wait is told: 1 s and 2 s."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    lines = refused(capfd, path, f"http://{server}/w.npy")
    assert time.monotonic() - began < 10
    assert lines == [
        f"{server} refuses connections; trying again in 1 s",
        f"{server} refuses connections; trying again in 2 s",
        f"given up after 3 retries: {server} refuses connections",
    ]


def test_a_server_that_sends_nothing(
    path: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait is told, and the server is asked once."""
    monkeypatch.setattr(remote, "_TOLD_AFTER", 0.1)
    monkeypatch.setattr(remote, "_TIMEOUT", Timeout(connect=1, read=0.5))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = f"127.0.0.1:{listening.getsockname()[1]}"
        began = time.monotonic()
        lines = refused(capfd, path, f"http://{server}/w.npy")
    assert 0.5 <= time.monotonic() - began < 5
    assert lines == [
        f"waiting for {server}; it is given up after 60 s without progress",
        f"given up: {server} answers too slowly",
    ]


def test_a_server_that_drips(
    path: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes arrive all the time, and the answer never begins."""
    monkeypatch.setattr(remote, "_TOLD_AFTER", 0.1)
    monkeypatch.setattr(connections, "SECONDS", 0.5)
    front = Front(b"", target="/w.npy", head_fault="drip_head")
    began = time.monotonic()
    with serving(front) as url:
        lines = refused(capfd, path, url)
    assert time.monotonic() - began < 8
    assert lines[-1] == f"given up: {url.split('/')[2]} answers too slowly"
    assert len(lines) == 2


def test_the_body_of_an_index_that_drips(
    path: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head is there at once, and the wait for the rest is told as well."""
    monkeypatch.setattr(remote, "_TOLD_AFTER", 0.1)
    monkeypatch.setattr(connections, "SECONDS", 0.5)
    with index_server(b"{}" * 15, 0.1) as url:
        lines = refused(capfd, path, url)
    server = url.split("/")[2]
    assert lines == [
        f"waiting for {server}; it is given up after 60 s without progress",
        f"{server} answers too slowly",
    ]
