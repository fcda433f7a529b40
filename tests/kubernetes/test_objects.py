"""The objects fit together: names, ports, labels, settings, times, memory and security."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from service import __version__
from service.api.app import create_app
from service.server.serving import GRACE_SECONDS
from service.settings import Settings, load_settings, unknown_variables, variable
from tests.kubernetes.rendering import (
    DEPLOY,
    JOBS,
    KUSTOMIZATIONS,
    NAMESPACE,
    Object,
    bytes_in,
    only,
    pods,
    render,
    settings,
)
from tests.server import running, until

WORKED = (JOBS / "make", JOBS / "fetch", JOBS / "model")
"""The folders of the Jobs."""

MIB = 2**20
GIB = 2**30

COMPILING_BYTES = 450 * MIB
"""Measured memory of a ready server that compiled its kernels; docker-compose.yml has it, too."""

COMPILING_SECONDS = 50
"""Processor time for all kernels, on the slowest machine it was measured on."""

STREAM_BYTES, AWKWARD_STREAMS, AWKWARD_BYTES = 3 * MIB, 4, 48 * MIB
"""Memory for a large answer; docs/robustness.md."""

DIGESTED_BYTES = 10 * MIB
"""Of a stream whose answer has a digest: 8 MiB of content and the chunks."""

MATRIX_BYTES = 1536 * MIB
"""Memory for orthogonal matrices in one process; docs/architecture.md."""


@pytest.fixture
def objects() -> list[Object]:
    return render(DEPLOY)


def replicas(objects: list[Object]) -> tuple[Object, Object]:
    """The pod of the replicas, and its container."""
    pod = pods(objects)["fanin-replicas"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def given(monkeypatch: pytest.MonkeyPatch, objects: list[Object]) -> Settings:
    """The settings that a replica reads from its environment."""
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)
    for name, text in settings(objects, replicas(objects)[1]).items():
        monkeypatch.setenv(name, text)
    return load_settings()


def test_there_is_what_the_page_lists(objects: list[Object]) -> None:
    """Each kind and name once, all in one namespace."""
    found = {(each["kind"], each["metadata"]["name"]) for each in objects}
    assert found == {
        ("Namespace", "fanin"),
        ("NetworkPolicy", "deny"),
        ("ConfigMap", "fanin-settings"),
        ("Deployment", "fanin-replicas"),
        ("Service", "fanin-replicas"),
        ("HorizontalPodAutoscaler", "fanin-replicas"),
        ("PodDisruptionBudget", "fanin-replicas"),
        ("NetworkPolicy", "fanin-replicas"),
        ("ConfigMap", "front-configuration"),
        ("Deployment", "fanin-front"),
        ("Service", "fanin"),
        ("PodDisruptionBudget", "fanin-front"),
        ("NetworkPolicy", "fanin-front"),
    }
    assert len(found) == len(objects)
    namespaces = {each["metadata"].get("namespace") for each in objects}
    assert namespaces == {None, "fanin"}


def unmatched(objects: list[Object]) -> list[str]:
    """What selects no pod: Services, budgets and Deployments; by kind and name."""
    labels = [pod["metadata"]["labels"] for pod in pods(objects).values()]
    found = []
    for each in objects:
        selector = each.get("spec", {}).get("selector")
        if each["kind"] in ("Service", "PodDisruptionBudget", "Deployment"):
            wanted = selector.get("matchLabels", selector)
            if sum(wanted.items() <= each.items() for each in labels) != 1:
                found.append(f"{each['kind']} {each['metadata']['name']}")
    return found


def test_each_selector_matches_one_pod(objects: list[Object]) -> None:
    """A Deployment matches its own, and nothing matches the pods of both."""
    assert unmatched(objects) == []
    for name, pod in pods(objects).items():
        selector = only(objects, "Deployment", name)["spec"]["selector"]["matchLabels"]
        assert selector == pod["metadata"]["labels"]


def test_a_selector_that_matches_nothing_is_found(objects: list[Object]) -> None:
    """Negative control."""
    only(objects, "Service", "fanin")["spec"]["selector"] = {"app.kubernetes.io/name": "fanin"}
    only(objects, "PodDisruptionBudget", "fanin-front")["spec"]["selector"] = {
        "matchLabels": {"app.kubernetes.io/name": "funnel"}
    }
    assert unmatched(objects) == ["Service fanin", "PodDisruptionBudget fanin-front"]


def unknown_ports(objects: list[Object]) -> list[str]:
    """Ports of Services and probes that the container does not name."""
    found = []
    for owner, pod in pods(objects).items():
        (container,) = pod["spec"]["containers"]
        named = {port["name"] for port in container["ports"]}
        probes = {
            name: (probe.get("httpGet") or probe["tcpSocket"])["port"]
            for name, probe in container.items()
            if name.endswith("Probe")
        }
        services = {
            each["metadata"]["name"]: port["targetPort"]
            for each in objects
            if each["kind"] == "Service"
            and each["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
            for port in each["spec"]["ports"]
        }
        wanted = probes | services
        found += [f"{owner} {name}" for name, port in wanted.items() if port not in named]
    return found


def test_services_and_probes_name_ports_of_the_container(objects: list[Object]) -> None:
    """All by name, so a port stands once."""
    assert unknown_ports(objects) == []
    container = replicas(objects)[1]
    container["ports"][0]["name"] = "web"
    assert unknown_ports(objects) == [
        "fanin-replicas startupProbe",
        "fanin-replicas readinessProbe",
        "fanin-replicas livenessProbe",
        "fanin-replicas fanin-replicas",
    ]


def test_every_variable_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    """The server can read all of them, and listens where the Service sends requests."""
    _, container = replicas(objects)
    names = settings(objects, container)
    assert names.keys() <= {variable(name) for name in Settings.model_fields}
    assert unknown_variables(names) == []
    assert unknown_variables([*names, "FANIN_PROT"]) != []
    found = given(monkeypatch, objects)
    assert found.host == "0.0.0.0"
    assert found.port == container["ports"][0]["containerPort"]
    headless = only(objects, "Service", "fanin-replicas")["spec"]
    assert headless["clusterIP"] == "None"
    # The address of a pod is asked, so no port is translated.
    assert headless["ports"][0]["port"] == found.port


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda folder: folder.name)
def test_no_service_becomes_a_variable(folder: Path) -> None:
    """Kubernetes would set FANIN_PORT to tcp://... for the Service fanin."""
    for pod in pods(render(folder)).values():
        assert pod["spec"]["enableServiceLinks"] is False
        assert pod["spec"]["automountServiceAccountToken"] is False


def test_the_probes_ask_what_the_service_answers(objects: list[Object]) -> None:
    """A real server is asked for each path; a path that does not exist is 404 (control)."""
    _, container = replicas(objects)
    paths = {
        name: probe["httpGet"]["path"]
        for name, probe in container.items()
        if name.endswith("Probe")
    }
    assert paths == {
        "startupProbe": "/readyz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/livez",
    }
    with (
        running(create_app(Settings(), warm_up=lambda: None)) as address,
        httpx2.Client(base_url=address.url) as client,
    ):
        assert until(lambda: client.get("/readyz").status_code == 200)
        assert {client.get(path).status_code for path in paths.values()} == {200}
        assert client.get("/healthz").status_code == 404


def test_a_cold_start_is_waited_for(objects: list[Object]) -> None:
    """With the processors of the limit, kernels may take three times as long as measured."""
    _, container = replicas(objects)
    probe = container["startupProbe"]
    allowed = probe["periodSeconds"] * probe["failureThreshold"]
    assert allowed >= 3 * COMPILING_SECONDS / float(container["resources"]["limits"]["cpu"])


def test_the_grace_period_is_longer_than_the_drain(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    """The server ends by itself before it is killed, and no hook delays its SIGTERM."""
    pod, container = replicas(objects)
    drain = given(monkeypatch, objects).drain_seconds
    assert pod["terminationGracePeriodSeconds"] >= drain + GRACE_SECONDS + 5
    assert "lifecycle" not in container


def test_the_drain_is_longer_than_an_address_is_remembered(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    """The cluster's DNS remembers it for 5 s (CoreDNS's kubernetes plugin), and nginx for 5 s."""
    upstream = only(objects, "ConfigMap", "front-configuration")["data"]["upstream.conf"]
    assert "valid=5s" in upstream
    assert given(monkeypatch, objects).drain_seconds >= 5 + 5 + 1


def test_the_front_ends_after_its_hook(objects: list[Object]) -> None:
    """Downloads have most of the grace period."""
    pod = pods(objects)["fanin-front"]["spec"]
    hook = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= hook + 60


def test_the_memory_is_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    """The limit allows everything at once. The request is without digests and matrices."""
    pod, container = replicas(objects)
    (volume,) = pod["volumes"]
    streams = given(monkeypatch, objects).max_streams * STREAM_BYTES
    streams += AWKWARD_STREAMS * (AWKWARD_BYTES - STREAM_BYTES)
    # A volume of memory counts as the container's memory.
    usual = COMPILING_BYTES + streams + bytes_in(volume["emptyDir"]["sizeLimit"])
    resources = container["resources"]
    assert usual <= bytes_in(resources["requests"]["memory"]) <= usual + 128 * MIB
    digested = given(monkeypatch, objects).max_streams * (DIGESTED_BYTES - STREAM_BYTES)
    needed = usual + digested + MATRIX_BYTES
    assert needed <= bytes_in(resources["limits"]["memory"]) <= needed + GIB // 4


def test_the_autoscaler_sets_the_number_of_replicas(objects: list[Object]) -> None:
    """By the processor time, of which a request is needed; nobody else sets the number."""
    scaler = only(objects, "HorizontalPodAutoscaler")["spec"]
    target = scaler["scaleTargetRef"]
    deployment = only(objects, target["kind"], target["name"])
    assert deployment["apiVersion"] == target["apiVersion"]
    assert "replicas" not in deployment["spec"]
    (metric,) = scaler["metrics"]
    assert metric["resource"]["name"] == "cpu"
    assert "cpu" in replicas(objects)[1]["resources"]["requests"]
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]


def test_a_rollout_and_a_drain_keep_replicas(objects: list[Object]) -> None:
    """A new pod is ready before an old one ends, and one pod of each kind is evicted at a time."""
    for name in pods(objects):
        strategy = only(objects, "Deployment", name)["spec"]["strategy"]["rollingUpdate"]
        assert strategy == {"maxUnavailable": 0, "maxSurge": 1}
        assert only(objects, "PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1
    assert only(objects, "Deployment", "fanin-front")["spec"]["replicas"] >= 2


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda folder: folder.name)
def test_every_image_has_a_version(folder: Path) -> None:
    """Ours has that of the service."""
    for pod in pods(render(folder)).values():
        (container,) = pod["spec"]["containers"]
        name, _, tag = container["image"].rpartition(":")
        assert name
        assert tag != "latest"
        if name.endswith("fanin"):
            assert tag == __version__


RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}


def unrestricted(pod: Object) -> Iterator[str]:
    """The controls of the Pod Security Standard "restricted" that a pod does not keep.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield name
    security = pod["securityContext"]
    if security.get("runAsNonRoot") is not True or security.get("runAsUser") == 0:
        yield "runAsNonRoot"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "seccompProfile"
    for volume in pod["volumes"]:
        if not volume.keys() - {"name"} <= RESTRICTED_VOLUMES:
            yield f"volume {volume['name']}"
    for container in pod["containers"]:
        own = container["securityContext"]
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            yield "allowPrivilegeEscalation"
        if own.get("capabilities") != {"drop": ["ALL"]}:
            yield "capabilities"
        # The standard does not ask for this one; nothing of ours writes outside of a volume.
        if own.get("readOnlyRootFilesystem") is not True:
            yield "readOnlyRootFilesystem"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield "hostPort"


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda folder: folder.name)
def test_every_pod_is_restricted(folder: Path) -> None:
    """The namespace refuses any other."""
    labels = only(render(NAMESPACE), "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in pods(render(folder)).values():
        assert list(unrestricted(pod["spec"])) == []


def _as_root(pod: Object) -> None:
    pod["securityContext"]["runAsUser"] = 0


def _any_call(pod: Object) -> None:
    del pod["securityContext"]["seccompProfile"]


def _the_nodes_files(pod: Object) -> None:
    pod["volumes"][0] = {"name": "tmp", "hostPath": {"path": "/tmp"}}


def _a_capability(pod: Object) -> None:
    pod["containers"][0]["securityContext"]["capabilities"]["add"] = ["SYS_ADMIN"]


def _more_rights(pod: Object) -> None:
    del pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (_as_root, "runAsNonRoot"),
        (_any_call, "seccompProfile"),
        (_the_nodes_files, "volume tmp"),
        (_a_capability, "capabilities"),
        (_more_rights, "allowPrivilegeEscalation"),
    ],
)
def test_a_pod_that_is_not_restricted_is_found(
    objects: list[Object], spoil: Callable[[Object], None], found: str
) -> None:
    """Negative control."""
    pod = copy.deepcopy(replicas(objects)[0])
    spoil(pod)
    assert list(unrestricted(pod)) == [found]


def test_what_is_written_lies_in_a_volume() -> None:
    """Every container has /tmp, and every volume is mounted."""
    for folder in KUSTOMIZATIONS:
        for pod in pods(render(folder)).values():
            (container,) = pod["spec"]["containers"]
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert mounts["tmp"] == "/tmp"
            assert mounts.keys() == {volume["name"] for volume in pod["spec"]["volumes"]}


def test_the_jobs_name_a_claim_that_exists() -> None:
    """Every worker of a Job writes to the same volume."""
    for folder in WORKED:
        objects = render(folder)
        ((volume, *_),) = (each["spec"]["volumes"] for each in pods(objects).values())
        name = volume["persistentVolumeClaim"]["claimName"]
        assert only(objects, "PersistentVolumeClaim")["metadata"]["name"] == name


@pytest.mark.parametrize("name", ["make", "fetch", "model"])
def test_no_job_contains_the_namespace(name: str) -> None:
    """`kubectl delete -k` of a Job would delete the service with it. All lies in that namespace."""
    objects = render(JOBS / name)
    assert "Namespace" not in {each["kind"] for each in objects}
    namespace = only(render(NAMESPACE), "Namespace")["metadata"]["name"]
    assert {each["metadata"]["namespace"] for each in objects} == {namespace}


def test_the_job_of_a_model_shares_no_object_with_that_of_a_tensor() -> None:
    """Both may run at the same time. Those of a tensor share all (control)."""
    model, make, fetch = (
        {(each["kind"], each["metadata"]["name"]) for each in render(JOBS / name)}
        for name in ("model", "make", "fetch")
    )
    assert not model & make
    assert make <= fetch


def test_no_job_shares_an_object_with_the_service() -> None:
    """The same danger, for every other object. The namespace's own ones are shared (control)."""

    def identities(folder: Path) -> set[tuple[str, str]]:
        return {(each["kind"], each["metadata"]["name"]) for each in render(folder)}

    for folder in WORKED:
        assert not identities(DEPLOY) & identities(folder)
    assert identities(DEPLOY) & identities(NAMESPACE) == identities(NAMESPACE)
