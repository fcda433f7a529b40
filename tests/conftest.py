"""Settings of pytest and Hypothesis for the whole suite; no fixtures."""

from pathlib import Path

import hypothesis
import pytest

from tests.alone import ALONE
from tests.long import LONG
from tests.needs import require

# The same examples every run, and no deadline: the first call of a kernel compiles it.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--round`, for tests/__main__.py. Without it all tests run."""
    parser.addoption(
        "--round",
        choices=["together", "alone"],
        help="run the tests of tests/alone.py alone, or the others together",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The second round reads only the files of its tests, unless the command line names files."""
    if config.getoption("round") != "alone" or config.args_source is config.ArgsSource.ARGS:
        return None
    files = {config.rootpath / beginning.partition("::")[0] for beginning in ALONE}
    # None leaves the decision to pytest.
    return None if collection_path.is_dir() or collection_path in files else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of `LONG`, so that `make quick` can leave them out; choose a round's tests."""
    for item in items:
        if _is_in(LONG, item):
            item.add_marker(pytest.mark.long)
    chosen = config.getoption("round")
    if chosen is not None:
        alone, together = list[pytest.Item](), list[pytest.Item]()
        for item in items:
            (alone if _is_in(ALONE, item) else together).append(item)
        items[:], left_out = (alone, together) if chosen == "alone" else (together, alone)
        config.hook.pytest_deselected(items=left_out)


def _is_in(beginnings: tuple[str, ...], item: pytest.Item) -> bool:
    return item.nodeid.partition("[")[0].startswith(beginnings)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        require(marker.args)
