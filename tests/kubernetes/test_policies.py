"""The NetworkPolicies, evaluated: who reaches whom."""

import copy
from typing import Any

import pytest

from tests.kubernetes.rendering import DEPLOY, JOBS, Object, only, pods, render

DNS = {
    "namespace": {"kubernetes.io/metadata.name": "kube-system"},
    "labels": {"k8s-app": "kube-dns"},
}
STRANGER = {"namespace": {"kubernetes.io/metadata.name": "default"}, "labels": {"app": "stranger"}}
OUTSIDE = {"namespace": {"kubernetes.io/metadata.name": "other"}, "labels": {}}


def pod(objects: list[Object], name: str) -> Object:
    """A pod of a Deployment or Job, as policies see it."""
    namespace = only(objects, "Namespace")["metadata"]
    labels = namespace["labels"] | {"kubernetes.io/metadata.name": namespace["name"]}
    return {"namespace": labels, "labels": pods(objects)[name]["metadata"]["labels"]}


def reaches(
    objects: list[Object], source: Object, target: Object, port: int, protocol: str = "TCP"
) -> bool:
    """Whether the policies let a connection through: out of the source, and into the target.

    Policies add up: a pod that some policy selects for a direction may do what one of them allows.
    https://kubernetes.io/docs/concepts/services-networking/network-policies/
    """
    policies = [each for each in objects if each["kind"] == "NetworkPolicy"]
    return _may(policies, source, target, "Egress", (port, protocol)) and _may(
        policies, target, source, "Ingress", (port, protocol)
    )


def _may(
    policies: list[Object], own: Object, other: Object, direction: str, port: tuple[int, str]
) -> bool:
    name = own["namespace"]["kubernetes.io/metadata.name"]
    about = [
        each["spec"]
        for each in policies
        if each["metadata"]["namespace"] == name
        and direction in each["spec"]["policyTypes"]
        and _selects(each["spec"]["podSelector"], own["labels"])
    ]
    rules = [rule for spec in about for rule in spec.get(direction.lower(), [])]
    peers = {"Egress": "to", "Ingress": "from"}[direction]
    return not about or any(
        _port_in(rule.get("ports"), port) and _peer_in(rule.get(peers), own, other)
        for rule in rules
    )


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _port_in(ports: list[Object] | None, port: tuple[int, str]) -> bool:
    return ports is None or port in [(each["port"], each.get("protocol", "TCP")) for each in ports]


def _peer_in(peers: list[Any] | None, own: Object, other: Object) -> bool:
    """Without a selector of namespaces, a peer is in the policy's own."""
    if peers is None:
        return True
    for peer in peers:
        assert peer.keys() <= {"podSelector", "namespaceSelector"}
        if "namespaceSelector" in peer:
            near = _selects(peer["namespaceSelector"], other["namespace"])
        else:
            near = own["namespace"] == other["namespace"]
        if near and _selects(peer.get("podSelector", {}), other["labels"]):
            return True
    return False


@pytest.fixture
def objects() -> list[Object]:
    """Those of the service and those of the fetching Job, as in one cluster."""
    return [*render(DEPLOY), *render(JOBS / "fetch")]


def test_only_the_front_reaches_the_replicas(objects: list[Object]) -> None:
    """On the one port."""
    replica, front = pod(objects, "fanin-replicas"), pod(objects, "fanin-front")
    worker = pod(objects, "tensor")
    assert reaches(objects, front, replica, 8000)
    assert not reaches(objects, front, replica, 22)
    for other in (replica, worker, STRANGER, DNS):
        assert not reaches(objects, other, replica, 8000)


def test_everybody_reaches_the_front(objects: list[Object]) -> None:
    """Pods of other namespaces, and the workers that fetch."""
    front = pod(objects, "fanin-front")
    for source in (STRANGER, pod(objects, "tensor")):
        assert reaches(objects, source, front, 8080)
        assert not reaches(objects, source, front, 9000)


def test_the_front_reaches_nothing_else(objects: list[Object]) -> None:
    """It asks the DNS of the cluster for the replicas' addresses."""
    front = pod(objects, "fanin-front")
    assert reaches(objects, front, DNS, 53, "UDP")
    assert reaches(objects, front, DNS, 53, "TCP")
    assert not reaches(objects, front, STRANGER, 53, "UDP")
    assert not reaches(objects, front, OUTSIDE, 443)


def test_replicas_reach_nothing(objects: list[Object]) -> None:
    """Not the DNS either: Fanin opens no connection."""
    replica = pod(objects, "fanin-replicas")
    for target, port in ((DNS, 53), (STRANGER, 80), (pod(objects, "fanin-front"), 8080)):
        assert not reaches(objects, replica, target, port)


@pytest.mark.parametrize(("folder", "job"), [("make", "tensor"), ("model", "model")])
def test_a_worker_that_makes_its_share_is_alone(folder: str, job: str) -> None:
    """No connection to it and none from it."""
    objects = [*render(DEPLOY), *render(JOBS / folder)]
    worker, front = pod(objects, job), pod(objects, "fanin-front")
    assert not reaches(objects, worker, front, 8080)
    assert not reaches(objects, worker, DNS, 53, "UDP")
    assert not reaches(objects, STRANGER, worker, 80)


def test_a_worker_that_fetches_reaches_the_front_alone(objects: list[Object]) -> None:
    """And the DNS, for the front's address."""
    worker = pod(objects, "tensor")
    assert reaches(objects, worker, DNS, 53, "UDP")
    assert not reaches(objects, worker, pod(objects, "fanin-replicas"), 8000)
    assert not reaches(objects, worker, OUTSIDE, 443)
    assert not reaches(objects, STRANGER, worker, 80)


@pytest.mark.parametrize("removed", ["deny", "fanin-replicas", "fanin-front"])
def test_each_policy_makes_a_difference(objects: list[Object], removed: str) -> None:
    """Negative control: without it somebody is reached, or is not."""
    fewer = [
        each
        for each in copy.deepcopy(objects)
        if (each["kind"], each["metadata"]["name"]) != ("NetworkPolicy", removed)
    ]
    replica, front = pod(objects, "fanin-replicas"), pod(objects, "fanin-front")
    pairs = [(front, replica, 8000), (STRANGER, front, 8080), (replica, STRANGER, 80)]
    assert any(reaches(fewer, *pair) != reaches(objects, *pair) for pair in pairs)
