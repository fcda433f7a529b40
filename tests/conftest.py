"""Settings of pytest and Hypothesis for the whole suite; no fixtures."""

import hypothesis
import pytest

from tests.long import LONG
from tests.needs import require

# The same examples every run, and no deadline: the first call of a kernel compiles it.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("fixed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of `LONG`, so that `make quick` can leave them out."""
    for item in items:
        if item.nodeid.partition("[")[0].startswith(LONG):
            item.add_marker(pytest.mark.long)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        require(marker.args)
