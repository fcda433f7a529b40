"""What the files of deploy/ say: read, and judged by gixy."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.server import connection
from tests.application import ask
from tests.folders import let_others_reach
from tests.front.nginx import DEPLOYED, nginx, replaced
from tests.front.origins import Reply, origin
from tests.peers.environment import python_with
from tests.process import ROOT

CONFIGURATION = DEPLOYED.read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOYED.parent / "docker-compose.yml").read_text())
ROOT_COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
UPSTREAMS = sorted(DEPLOYED.parent.rglob("upstream.conf"))

OWN = {"ports", "build", "deploy"}
"""What a replica behind nginx has of its own."""


def gixy(configuration: Path) -> "subprocess.CompletedProcess[str]":
    """Gixy on a file and on what it includes. Its environment is build/gixy-venv."""
    python = python_with("gixy-venv", ROOT / "checks" / "gixy.txt")
    command = [python.with_name("gixy"), configuration]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def placed(folder: Path, text: str) -> Path:
    """The configuration in a folder, beside the deployed upstream.conf."""
    (folder / "upstream.conf").write_text((DEPLOYED.parent / "upstream.conf").read_text())
    (folder / "nginx.conf").write_text(text)
    return folder / "nginx.conf"


@pytest.mark.slow
@pytest.mark.ci
def test_gixy_finds_nothing() -> None:
    """In the file as it is."""
    done = gixy(DEPLOYED)
    assert (done.returncode, "No issues found" in done.stdout) == (0, True), done.stdout


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("Host $host_of_request;\n    proxy", "Host $http_host;\n    proxy", "host_spoofing"),
        ("listen 8080;", "listen 8080;\nreturn 301 https://$host$uri;", "http_splitting"),
    ],
)
def test_gixy_finds_what_is_wrong(tmp_path: Path, old: str, new: str, found: str) -> None:
    """Negative control: one line is spoiled."""
    done = gixy(placed(tmp_path, replaced(CONFIGURATION, old, new)))
    assert f"[{found}]" in done.stdout, done.stdout


def test_nothing_is_written_elsewhere() -> None:
    """The root of a container is read-only, but for these two folders and its output."""
    directives = re.sub(r"#.*", "", CONFIGURATION)
    paths = set(re.findall(r"(?:^|\s)(/[a-z][^\s;]*)", directives))
    written = {path for path in paths if not path.startswith(("/livez", "/v1/", "/.front/"))}
    assert written == {
        "/dev/stdout",
        "/tmp/nginx.pid",
        *(f"/tmp/{name}" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
        "/var/cache/nginx/slices",
    }


@pytest.mark.needs("nginx")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_runs_without_root(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As nobody, who owns the two folders and nothing else."""
    folder = tmp_path_factory.mktemp("nobody")
    let_others_reach(folder)
    with (
        origin(lambda _: Reply(200, {}, b"whole")) as behind,
        nginx([behind.address], folder, user="nobody") as front,
    ):
        assert ask(front.address, "/x").body == b"whole"
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in front.processes()}
        assert 0 not in owners


@pytest.mark.parametrize("path", UPSTREAMS, ids=lambda path: str(path.relative_to(DEPLOYED.parent)))
def test_every_list_of_replicas_has_what_the_front_needs(path: Path) -> None:
    """Kept connections, and no replica that is put aside because it had no room once."""
    text = re.sub(r"#.*", "", path.read_text())
    [block] = re.findall(r"upstream replicas \{(.*?)\}", text, re.DOTALL)
    assert re.search(r"\bkeepalive \d+;", block)
    assert re.search(r"\bzone \w+ \d+k;", block)
    servers = re.findall(r"\bserver ([^;]*);", block)
    assert servers
    assert all("max_fails=0" in each.split() for each in servers)


def test_the_front_is_published_on_this_machine_only() -> None:
    """And the replicas are not published at all."""
    assert list(COMPOSE["services"]) == ["fanin", "front"]
    assert COMPOSE["services"]["front"]["ports"] == ["127.0.0.1:${FRONT_PORT:-8080}:8080"]
    assert "ports" not in COMPOSE["services"]["fanin"]
    assert COMPOSE["services"]["fanin"]["deploy"] == {"replicas": "${FANIN_REPLICAS:-3}"}


def test_a_replica_is_as_confined_as_a_single_server() -> None:
    """Both compose files say the same of it."""

    def common(service: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in service.items() if name not in OWN}

    replica = COMPOSE["services"]["fanin"]
    assert common(replica) == common(ROOT_COMPOSE["services"]["fanin"])
    assert (DEPLOYED.parent / replica["build"]).resolve() == ROOT


def test_the_front_is_as_confined_as_a_replica() -> None:
    """It may write to its cache as well."""
    front, replica = COMPOSE["services"]["front"], COMPOSE["services"]["fanin"]
    for name in ("read_only", "tmpfs", "ulimits", "logging", "cap_drop", "security_opt", "restart"):
        assert front[name] == replica[name], name
    assert "privileged" not in front
    writable = [each for each in front["volumes"] if not each.endswith(":ro")]
    assert writable == ["cache:/var/cache/nginx"]
    files = [each.split(":")[0] for each in front["volumes"] if each.endswith(":ro")]
    assert all((DEPLOYED.parent / each).is_file() for each in files)


def test_the_front_has_its_own_times_and_files_in_the_container() -> None:
    """It may open as many files as it says, and has as long to end as it takes."""
    front = COMPOSE["services"]["front"]
    [files] = re.findall(r"worker_rlimit_nofile (\d+);", CONFIGURATION)
    assert front["ulimits"]["nofile"]["hard"] == int(files)
    [seconds] = re.findall(r"worker_shutdown_timeout (\d+)s;", CONFIGURATION)
    assert int(front["stop_grace_period"].removesuffix("s")) > int(seconds)
    assert front["stop_signal"] == "SIGQUIT"


def test_clients_have_the_deadlines_of_the_service() -> None:
    """A front with shorter ones would cut what a replica would serve."""
    for directive, seconds in {
        "client_header_timeout": connection.HEAD_SECONDS,
        "client_body_timeout": connection.BODY_SECONDS,
        "send_timeout": connection.SEND_SECONDS,
        "keepalive_timeout": connection.KEEP_ALIVE_SECONDS,
    }.items():
        assert re.search(rf"\b{directive} {seconds:g}s;", CONFIGURATION), directive
