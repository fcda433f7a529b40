"""The image and the compose file: what they say, read; and both of them run for real."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from service.__main__ import COMMANDS
from service.server.serving import GRACE_SECONDS
from service.settings import Settings, variable

ROOT = Path(__file__).resolve().parent.parent
VARIABLES = {variable(name) for name in Settings.model_fields}

Stage = list[tuple[str, str]]
"""Instructions and what follows them."""


def stages() -> list[Stage]:
    """What comes before the first FROM of the Dockerfile, and each stage."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: list[Stage] = [[]]
    for line in filter(None, text.replace("\\\n", "").splitlines()):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            found.append([])
        found[-1].append((instruction, rest.strip()))
    return found


def every(stage: Stage, instruction: str) -> list[str]:
    return [rest for name, rest in stage if name == instruction]


def environment(stage: Stage) -> dict[str, str]:
    pairs = [pair for rest in every(stage, "ENV") for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def health_check() -> tuple[dict[str, str], list[str]]:
    """Its options, and its command."""
    (text,) = every(stages()[-1], "HEALTHCHECK")
    options, _, command = text.partition(" CMD ")
    return dict(re.findall(r"--([a-z-]+)=(\S+)", options)), json.loads(command)


def compose() -> dict[str, Any]:
    """The one service of the compose file."""
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    service: dict[str, Any] = document["services"]["fanin"]
    assert list(document["services"]) == ["fanin"]
    return service


def test_two_stages_stand_on_one_base_that_can_be_replaced() -> None:
    """What is compiled in the first runs in the second, and on a supported Python."""
    before, first, second = stages()
    assert every(first, "FROM") == ["${BASE} AS build"]
    assert every(second, "FROM") == ["${BASE}"]
    (argument,) = every(before, "ARG")
    version = re.fullmatch(r"BASE=python:(3\.\d+)-slim", argument)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version is not None
    assert version[1] in SpecifierSet(project["requires-python"])


def test_the_page_says_how_to_pin_the_digest_of_the_base() -> None:
    """Docker is asked for the digest of a tag, which is then given to the build."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    commands = "\n".join(re.findall(r"^  ```sh\n(.*?)^  ```$", text, re.MULTILINE | re.DOTALL))
    assert ".RepoDigests" in commands
    assert "docker build --build-arg BASE=" in commands


def test_the_image_holds_only_what_the_first_stage_made() -> None:
    """Nothing is installed in the second stage, nor copied from anywhere else."""
    image = stages()[-1]
    assert every(image, "RUN") == []
    assert every(image, "COPY") == [
        "--from=build /opt/venv /opt/venv",
        "--from=build /opt/fanin /opt/fanin",
    ]


def test_the_image_serves_without_a_shell_and_without_a_name() -> None:
    """A signal reaches Python itself, and the uid is a number that a rule can tell from root's."""
    image = stages()[-1]
    (command,) = every(image, "CMD")
    assert json.loads(command) == ["python", "-m", "service", "serve"]
    assert "serve" in COMMANDS
    (user,) = every(image, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_the_settings_of_the_image_exist() -> None:
    """It listens to every address, on the port it exposes, and sets nothing unknown."""
    image = stages()[-1]
    settings = {name: text for name, text in environment(image).items() if "FANIN" in name}
    assert settings == {"FANIN_HOST": "0.0.0.0", "FANIN_PORT": "8000"}
    assert settings.keys() <= VARIABLES
    assert every(image, "EXPOSE") == ["8000"]


def test_caches_are_looked_for_where_the_build_filled_them() -> None:
    """Machine code and byte code."""
    _, first, second = stages()
    assert environment(first).items() <= environment(second).items()
    assert environment(first).keys() == {"NUMBA_CACHE_DIR", "PYTHONPYCACHEPREFIX"}


def test_the_build_fills_the_caches() -> None:
    """What it runs to that end is Python that runs here as well."""
    (code,) = re.findall(r"python -c '([^']+)'", " ".join(every(stages()[1], "RUN")))
    assert "warm_up()" in code
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


class Probed(BaseHTTPRequestHandler):
    """Ready or not, as the server that holds it says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, Replica)
        self.send_response(self.server.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


class Replica(HTTPServer):
    status = 200


@contextmanager
def replica(status: int) -> Iterator[str]:
    """Something that answers /readyz with `status`: its port."""
    with Replica(("127.0.0.1", 0), Probed) as server:
        server.status = status
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


def health(port: str, host: str = "0.0.0.0") -> int:
    """The exit status of the health check; a proxy in the environment must not matter."""
    variables = {"FANIN_HOST": host, "FANIN_PORT": port, "http_proxy": "http://127.0.0.1:1"}
    command = [sys.executable, *health_check()[1][1:]]
    return subprocess.run(command, env=os.environ | variables, capture_output=True).returncode


@pytest.mark.parametrize(("status", "found"), [(200, 0), (503, 1)])
def test_the_health_check_asks_whether_it_is_ready(status: int, found: int) -> None:
    """0 is healthy and 1 is not, as Docker reads exit statuses."""
    with replica(status) as port:
        assert health(port) == found


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "localhost"])
def test_the_health_check_follows_host_and_port(host: str) -> None:
    """Those of the settings; another address of the loopback network is not asked (control)."""
    with replica(200) as port:
        assert health(port, host) == 0
        assert health(port, "127.0.0.2") == 1


def test_the_health_check_is_rare_and_light() -> None:
    """Twice a minute, without the packages of the environment."""
    options, command = health_check()
    assert int(options["interval"].removesuffix("s")) >= 30
    assert command[:3] == ["python", "-S", "-c"]
    heavy = f"import sys; sys.argv = ['']; {command[3].partition(';')[0]}; print(len(sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", heavy], capture_output=True, check=True)
    assert int(done.stdout) < 80


def test_what_does_not_answer_is_unhealthy() -> None:
    """Negative control: nobody listens."""
    with replica(200) as port:
        pass
    assert health(port) == 1


def test_compose_publishes_on_this_machine_only() -> None:
    """The port inside is the image's; the one outside may be chosen."""
    assert compose()["ports"] == ["127.0.0.1:${FANIN_PORT:-8000}:8000"]


def test_compose_allows_nothing() -> None:
    """No writing, no capabilities, no way to more of them, and bounded memory."""
    service = compose()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"] == "3g"
    assert "privileged" not in service


def test_compose_bounds_files_processes_memory_and_log() -> None:
    """Connections are files; /tmp runs nothing; the log is rotated."""
    service = compose()
    assert service["ulimits"] == {"nofile": {"soft": 16384, "hard": 16384}}
    assert service["pids_limit"] == 256
    (temporary,) = service["tmpfs"]
    assert set(temporary.removeprefix("/tmp:").split(",")) == {
        "size=16m",
        "noexec",
        "nosuid",
        "nodev",
    }
    assert service["logging"]["driver"] == "json-file"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


def hashed_pins() -> dict[str, list[str]]:
    """The requirements of the image, each with its hashes."""
    text = (ROOT / "requirements-image.txt").read_text().replace("\\\n", "")
    rows = [row.split(" --hash=sha256:") for row in text.splitlines()]
    return {pin.strip(): [digest.strip() for digest in digests] for pin, *digests in rows}


def test_the_image_has_the_pins_of_the_service_with_hashes() -> None:
    """pip refuses a file of another hash. There is one for each Python and each machine."""
    pins = (ROOT / "requirements.txt").read_text().splitlines()
    found = hashed_pins()
    assert sorted(found) == sorted(pins)
    for pin, digests in found.items():
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests), pin
    # Five Pythons on two machines; NumPy has two pins, of which one is for one Python.
    for name, count in {"llvmlite": 10, "numba": 10, "httptools": 10, "pydantic_core": 10}.items():
        (digests,) = (found[pin] for pin in found if pin.startswith(f"{name}=="))
        assert len(digests) == len(set(digests)) >= count, name
    (install,) = (rest for rest in every(stages()[1], "RUN") if "pip install" in rest)
    assert "--require-hashes -r /tmp/requirements-image.txt" in install


def test_compose_has_a_thread_for_each_processor_it_is_granted() -> None:
    """And every variable it sets is a setting."""
    service = compose()
    assert service["environment"] == {"FANIN_THREADS": str(service["cpus"])}
    assert service["environment"].keys() <= VARIABLES


def test_compose_and_the_image_check_health_alike() -> None:
    """Both files have the same command and the same times."""
    options, command = health_check()
    found = compose()["healthcheck"]
    assert found.pop("test") == ["CMD", *command]
    assert found == {name.replace("-", "_"): text for name, text in options.items()}


def test_compose_lets_answers_end() -> None:
    """It kills later than the service stops by itself."""
    needed = GRACE_SECONDS + Settings.model_fields["drain_seconds"].default
    assert int(compose()["stop_grace_period"].removesuffix("s")) > needed


def test_the_build_is_given_what_it_copies_and_nothing_else() -> None:
    """Neither .git nor an environment of this machine can get into an image."""
    rows = (ROOT / ".dockerignore").read_text().splitlines()
    first, *others = [row for row in rows if not row.startswith("#")]
    copied = [rest.split()[0] for rest in every(stages()[1], "COPY")]
    assert first == "*"
    assert [row[1:] for row in others if row.startswith("!")] == copied


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.needs("buildah", "podman", "runc", "debootstrap", "curl")
@pytest.mark.skipif(
    os.geteuid() != 0 and os.environ.get("CI") != "true",
    reason="the script mounts what only root may",
)
def test_the_image_does_what_the_service_does() -> None:
    """Built, run read-only as a stranger and by compose: golden runs, health, SIGTERM."""
    command = ["checks/container.sh"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHON": sys.executable}, check=True)
