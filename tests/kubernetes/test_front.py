"""nginx.conf suits the pod of the front: its port, its writable folders and the replicas' name."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.kubernetes.rendering import DEPLOY, Object, bytes_in, only, pods, render

TOKEN = re.compile(r"""#.*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\$\{|[^\s{};#])+""")


def directives(text: str) -> Iterator[list[str]]:
    """The words of each directive of an nginx configuration, whichever block it is in."""
    words: list[str] = []
    for token in TOKEN.findall(text):
        if token in ("{", "}", ";"):
            if words:
                yield words
            words = []
        elif not token.startswith("#"):
            words.append(token.strip("\"'"))


def values(text: str, name: str) -> list[list[str]]:
    """What follows the name of a directive, each time it is given."""
    return [words[1:] for words in directives(text) if words[0] == name]


@pytest.fixture
def objects() -> list[Object]:
    return render(DEPLOY)


def files(objects: list[Object]) -> dict[str, str]:
    data: dict[str, str] = only(objects, "ConfigMap", "front-configuration")["data"]
    return data


def container(objects: list[Object]) -> Object:
    (found,) = pods(objects)["fanin-front"]["spec"]["containers"]
    spec: Object = found
    return spec


def test_the_one_nginx_conf_is_used(objects: list[Object]) -> None:
    """The map has the bytes of deploy/nginx.conf, and nginx is told to read them."""
    assert files(objects)["nginx.conf"] == (DEPLOY / "nginx.conf").read_text()
    mounts = {mount["name"]: mount for mount in container(objects)["volumeMounts"]}
    assert mounts["configuration"]["mountPath"] == "/etc/fanin"
    volumes = {volume["name"]: volume for volume in pods(objects)["fanin-front"]["spec"]["volumes"]}
    assert volumes["configuration"]["configMap"]["name"] == "front-configuration"
    assert container(objects)["command"][:3] == ["nginx", "-c", "/etc/fanin/nginx.conf"]


def test_nginx_listens_on_the_port_of_the_pod(objects: list[Object]) -> None:
    """A port that an ordinary user may listen on."""
    (port,) = container(objects)["ports"]
    listens = {words[0] for words in values(files(objects)["nginx.conf"], "listen")}
    assert str(port["containerPort"]) in listens
    assert port["containerPort"] >= 1024


def misplaced(text: str, mounts: list[str]) -> list[str]:
    """The paths that nginx writes and that lie in none of the folders."""
    names = ("pid", "lock_file", "proxy_cache_path", "client_body_temp_path", "proxy_temp_path")
    paths = [words[0] for name in names for words in values(text, name)]
    return [
        path
        for path in paths
        if not any(PurePosixPath(path).is_relative_to(each) for each in mounts)
    ]


def test_nginx_writes_into_volumes_only(objects: list[Object]) -> None:
    """All else is read-only. Without a `pid` of its own nginx would write below /var/run."""
    text = files(objects)["nginx.conf"]
    mounts = container(objects)["volumeMounts"]
    writable = [mount["mountPath"] for mount in mounts if not mount.get("readOnly")]
    assert misplaced(text, writable) == []
    assert len(values(text, "pid")) == 1
    for name in ("client_body_temp_path", "proxy_temp_path", "proxy_cache_path"):
        assert values(text, name), name
    for words in values(text, "error_log"):
        assert words[0] in ("stderr", "/dev/stderr")
    for words in values(text, "access_log"):
        assert words[0] in ("off", "/dev/stdout")
    # The command says it; nginx refuses a second one.
    assert values(text, "daemon") == []
    assert values(text, "user") == []


def test_a_misplaced_file_is_found() -> None:
    """Negative control; comments, quotes and blocks are read as nginx reads them."""
    text = 'pid "/run/nginx.pid"; # pid /tmp/x;\nhttp { proxy_cache_path /var/cache/a levels=1:2; }'
    assert misplaced(text, ["/tmp", "/var/cache"]) == ["/run/nginx.pid"]
    assert misplaced(text, ["/run", "/var/cach"]) == ["/var/cache/a"]


def nginx_bytes(size: str) -> int:
    """A size as nginx writes it, such as 16m or 1g."""
    return int(size[:-1]) << {"k": 10, "m": 20, "g": 30}[size[-1].lower()]


def test_the_cache_fits_into_its_volume(objects: list[Object]) -> None:
    """Kubernetes evicts a pod whose volume is too full. nginx exceeds `max_size` for seconds."""
    caches = values(files(objects)["nginx.conf"], "proxy_cache_path")
    sizes = [word.partition("=")[2] for words in caches for word in words if "max_size=" in word]
    assert len(sizes) == len(caches)
    volumes = {volume["name"]: volume for volume in pods(objects)["fanin-front"]["spec"]["volumes"]}
    limit = bytes_in(volumes["cache"]["emptyDir"]["sizeLimit"])
    assert sum(map(nginx_bytes, sizes)) <= 0.75 * limit


def test_the_upstream_is_the_headless_service(objects: list[Object]) -> None:
    """nginx.conf includes the file and passes requests to the name that the file defines."""
    text, upstream = files(objects)["nginx.conf"], files(objects)["upstream.conf"]
    assert ["upstream.conf"] in values(text, "include")
    ((name,),) = values(upstream, "upstream")
    assert [f"http://{name}"] in [words[:1] for words in values(text, "proxy_pass")]
    ((address, *options),) = values(upstream, "server")
    service = only(objects, "Service", "fanin-replicas")
    (port,) = service["spec"]["ports"]
    metadata = service["metadata"]
    host = f"{metadata['name']}.{metadata['namespace']}.svc.cluster.local"
    assert address == f"{host}:{port['port']}"
    # Without `resolve` nginx would keep the addresses of its start, and it needs a shared zone.
    # `max_fails=0`: one 503 would put a replica aside for 10 s otherwise.
    assert options == ["resolve", "max_fails=0"]
    assert len(values(upstream, "zone")) == 1


def test_another_replica_is_asked_after_a_503(objects: list[Object]) -> None:
    """And after a connection that fails."""
    conditions = values(files(objects)["nginx.conf"], "proxy_next_upstream")
    assert any({"error", "http_503"} <= set(words) for words in conditions)


def test_the_image_knows_resolve(objects: list[Object]) -> None:
    """nginx has it since 1.27.3."""
    version = container(objects)["image"].rpartition(":")[2].partition("-")[0]
    assert tuple(map(int, version.split("."))) >= (1, 27, 3)
