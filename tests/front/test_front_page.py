"""docs/front.md: its commands run as they stand, with nginx and two replicas on free ports."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from getpass import getuser
from pathlib import Path

import pytest

from tests.application import ask
from tests.front.fleet import Fleet
from tests.front.nginx import DEPLOYED, nginx
from tests.process import ROOT
from tests.server import Address, until

pytestmark = [pytest.mark.needs("nginx"), pytest.mark.needs("curl")]

PAGE = (ROOT / "docs" / "front.md").read_text(encoding="utf-8")
REPLICAS, NGINX, HIT = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(CDN,) = re.findall(r"^ *```bash\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
PORTS = ("8000", "8001", "8080")
TARGET = "/v1/weights.npy?shape=2048,1024&scheme=he_normal&seed={}&name=page"


def free_ports() -> dict[str, str]:
    """A free port for each of the page."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        return {
            port: str(probe.getsockname()[1]) for port, probe in zip(PORTS, probes, strict=True)
        }


def placed(lines: str, ports: dict[str, str]) -> str:
    """The lines with other ports. `listen 8080;` is what deploy/nginx.conf has, so it stays."""
    for old, new in ports.items():
        lines = re.sub(rf"(127\.0\.0\.1:|--port ){old}\b", rf"\g<1>{new}", lines)
    return lines


def started(stack: ExitStack, command: list[str], folder: Path) -> "subprocess.Popen[bytes]":
    """A process that is ended with the stack."""
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    stack.callback(process.communicate, timeout=30)
    stack.callback(process.terminate)
    return process


def answers(address: Address, path: str) -> bool:
    try:
        return ask(address, path).status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """The page, followed: the folder, and the ports."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "deploy").mkdir()
    shutil.copy(DEPLOYED, folder / "deploy")
    ports = free_ports()
    with ExitStack() as stack:
        for line in placed(REPLICAS, ports).splitlines():
            python, *words = shlex.split(line.removesuffix(" &"))
            assert python == "python"
            started(stack, [sys.executable, *words], ROOT)
        lines = placed(NGINX, ports).replace("\nnginx ", "\nexec nginx ")
        if os.geteuid() == 0:
            # The workers of root's nginx belong to nobody, who may not read a test's folder.
            lines = lines.replace("daemon off;", f"daemon off; user {getuser()};")
        process = started(stack, ["sh", "-ec", lines], folder)
        # Both replicas, as a request that one of them refused may not be stored.
        addresses = [Address("127.0.0.1", int(port)) for port in ports.values()]
        assert until(lambda: all(answers(each, "/readyz") for each in addresses), 120), (
            process.poll()
        )
        yield folder, ports


def test_nginx_without_docker(followed: tuple[Path, dict[str, str]]) -> None:
    """Its files are in its folder, and it listens on this machine only."""
    folder, ports = followed
    files = {path.name for path in (folder / "front").iterdir()}
    assert {"nginx.conf", "upstream.conf", "cache", "nginx.pid", "access.log"} <= files
    text = (folder / "front" / "nginx.conf").read_text()
    assert f"listen 127.0.0.1:{ports['8080']};" in text
    assert " /tmp/" not in text


def test_a_hit_is_seen(followed: tuple[Path, dict[str, str]]) -> None:
    """At the canonical URL, and at no other (control)."""
    folder, ports = followed
    lines = placed(HIT, ports)
    done = subprocess.run(["sh", "-c", lines], cwd=folder, capture_output=True, check=True)
    assert done.stdout == b"Cache-Status: front; fwd=miss\r\nCache-Status: front; hit\r\n"
    (line,) = (each for each in lines.splitlines() if each.startswith("canonical="))
    other = lines.replace(line, 'canonical="$url"')
    done = subprocess.run(["sh", "-c", other], cwd=folder, capture_output=True, check=False)
    assert done.stdout == b""
    # A URL that is canonical already has no Content-Location.
    query = "shape=64,32&scheme=he_normal&seed=42&name=already"
    already = re.sub(r"\?shape=[^']*'", f"?{query}'", lines)
    done = subprocess.run(["sh", "-c", already], cwd=folder, capture_output=True, check=True)
    assert done.stdout.endswith(b"hit\r\n")


def test_the_two_requests_for_a_cdn(fleet: Fleet, tmp_path: Path) -> None:
    """The front stands for a CDN."""
    lines = f"canonical='{fleet.address.url}{TARGET.format(1)}'\n{CDN}"
    done = subprocess.run(["bash", "-c", lines], cwd=tmp_path, capture_output=True, check=True)
    assert b"Cache-Status: front; hit" in done.stdout
    assert done.stdout.endswith(b"same\n")


@pytest.mark.parametrize(
    ("command", "stored"),
    [
        ("curl -s -r 5-9 -o {file} {url}", {True}),
        ("python -m service fetch {url} -o {file}", {True}),
        ("python -m service verify {url} --ranges 2", {True}),
        ("curl -s -o {file} {url}", {False}),
        ("head -c 9 /dev/zero > {file}; curl -s -C - -o {file} {url}", {False}),
        pytest.param(
            "aria2c -q -x4 -s4 -k1M -d / -o {file} {url}",
            {True, False},
            marks=pytest.mark.needs("aria2c"),
        ),
    ],
)
def test_which_clients_use_the_cache(
    fleet: Fleet, tmp_path: Path, command: str, stored: set[bool]
) -> None:
    """By the log of nginx: `cache` is empty for what goes past the cache. HEAD always does."""
    target = TARGET.format(sum(command.encode()))
    lines = command.format(url=shlex.quote(fleet.address.url + target), file=tmp_path / "w.npy")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(["sh", "-c", lines], cwd=ROOT, env=os.environ | {"PATH": path}, check=True)

    def found() -> set[bool]:
        lines = [each for each in fleet.front.log() if each["target"] == target]
        return {each["cache"] != "" for each in lines if each["method"] == "GET"}

    assert until(lambda: found() == stored), found()


def test_a_front_without_replicas_says_so(tmp_path: Path) -> None:
    """502 and 400 differ in what they say."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with nginx([Address("127.0.0.1", port)], tmp_path) as front:
        answer = ask(front.address, "/readyz")
        assert answer.status == 502
        assert b'"detail":"no replica answers the front"' in answer.body
        refused = ask(front.address, "/x", headers={"Host": "a b"})
        assert refused.status == 400
        assert b'"detail":"the front refuses this request"' in refused.body


def test_a_socket_is_no_access_log(tmp_path: Path) -> None:
    """What systemd gives as standard output; nginx cannot open it by its name."""
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ access_log /dev/stdout; }}\n"
    )
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = ["nginx", "-e", "stderr", "-t", "-c", str(tmp_path / "nginx.conf")]
        done = subprocess.run(command, stdout=theirs.fileno(), stderr=subprocess.PIPE, check=False)
        assert done.returncode != 0
        assert b"/dev/stdout" in done.stderr
