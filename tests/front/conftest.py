"""Three replicas and the front before them, started once for all tests of this folder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.front.fleet import Fleet, fronted, gated_replicas
from tests.front.gates import Gate
from tests.front.nginx import Edit
from tests.needs import require


@pytest.fixture(scope="session")
def gates() -> Iterator[list[Gate]]:
    """A gate before each of three replicas, which are ready."""
    require(("nginx",))
    with gated_replicas() as gates:
        yield gates


@pytest.fixture(scope="session")
def fleet(gates: list[Gate], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """deploy/nginx.conf before three replicas. Each test asks for tensors of its own."""
    with fronted(gates, tmp_path_factory.mktemp("nginx")) as fleet:
        yield fleet


@pytest.fixture
def edited(
    gates: list[Gate], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Edit], Fleet]]:
    """Starts the same with another configuration, for a negative control."""
    with ExitStack() as stack:
        yield lambda edit: stack.enter_context(
            fronted(gates, tmp_path_factory.mktemp("nginx"), edit)
        )
