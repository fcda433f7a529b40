"""Settings of pytest and Hypothesis for the whole suite; no fixtures."""

import hypothesis
import pytest

from tests.needs import require

# The same examples every run, and no deadline: the first call of a kernel compiles it.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("fixed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        require(marker.args)
