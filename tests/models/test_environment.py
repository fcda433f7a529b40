"""The pins of the environments with transformers are whole, and agree with those of PyTorch."""

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.models.environment import RELEASES, TRIED, pins_of, transformers_python
from tests.peers.environment import ROOT, packages


def lines(release: str) -> list[str]:
    return [line for line in pins_of(release).read_text().splitlines() if line[0] != "#"]


@pytest.mark.parametrize("release", RELEASES)
def test_every_pin_is_exact_and_none_is_torchvision(release: str) -> None:
    for line in lines(release):
        requirement = Requirement(line)
        (specifier,) = requirement.specifier
        assert (specifier.operator, requirement.url) == ("==", None)
        assert requirement.name != "torchvision"


@pytest.mark.parametrize("release", RELEASES)
def test_the_shared_pytorch_is_the_pinned_one(release: str) -> None:
    """The environment finds PyTorch in build/peers-torch, so its pins must be the same."""
    shared = (ROOT / "checks" / "peers-torch.txt").read_text().splitlines()
    assert {line for line in shared if line[0] != "#"} <= set(lines(release))


@pytest.mark.slow
@pytest.mark.parametrize("release", TRIED)
def test_the_environment_has_just_what_is_pinned(release: str) -> None:
    pins = [Requirement(line) for line in lines(release)]
    wanted = {
        canonicalize_name(pin.name): pin.specifier
        for pin in pins
        if pin.marker is None or pin.marker.evaluate()
    }
    found = {
        canonicalize_name(name): version
        for name, version in packages(transformers_python(release)).items()
    }
    assert set(found) - {"pip"} == set(wanted)
    assert all(found[name] in specifier for name, specifier in wanted.items())
