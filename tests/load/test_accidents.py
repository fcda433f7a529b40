"""Processes that end under load, places for downloads, and mixed clients."""

import pytest

from tests.load import accidents

pytestmark = pytest.mark.slow


def test_a_killed_worker_costs_no_request() -> None:
    """The other worker answers, and the new one takes connections only when it is ready."""
    assert accidents.worker_killed(seconds=6.0).faults == []


def test_a_killed_parent_leaves_the_port() -> None:
    """Its workers end with it, and the port is free."""
    assert accidents.parent_killed().faults == []


def test_places_of_a_killed_worker_come_back() -> None:
    """Within a second, with 32 downloads in flight."""
    assert accidents.places_back().faults == []


@pytest.mark.ci
def test_mixed_clients_get_the_right_bytes() -> None:
    """For ten seconds; `make load` does so for two minutes."""
    assert accidents.mixed(seconds=10.0).faults == []


def test_control_a_wrong_byte_is_found() -> None:
    """Negative control: some digests are wrong."""
    faults = accidents.mixed(seconds=5.0, spoil=True).faults
    assert any("another digest" in fault for fault in faults)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_loses_no_request(workers: int) -> None:
    """Each request is answered, or its connection is refused once the server has ended."""
    assert accidents.stopped_under_load(workers=workers).faults == []


def test_as_many_downloads_as_places_are_answered() -> None:
    """40 on two workers, however unevenly connections come to them."""
    assert accidents.places_for_all().faults == []


def test_whoever_reads_nothing_loses_the_place() -> None:
    """64 clients that read nothing hold all places. Another client gets one when they are cut."""
    assert accidents.places_not_read().faults == []
