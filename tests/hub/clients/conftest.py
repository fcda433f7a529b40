"""Two processes of the service, started once for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.process import server
from tests.server import Address


@pytest.fixture(scope="session")
def hub() -> Iterator[Address]:
    """A process of the service that is ready."""
    with server() as running:
        running.wait_until_all_ready()
        yield running.address


@pytest.fixture(scope="session")
def replica() -> Iterator[Address]:
    """Another one."""
    with server() as running:
        running.wait_until_all_ready()
        yield running.address
