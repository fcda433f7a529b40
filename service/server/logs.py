"""Logging: records go to standard error, from the level of the settings on."""

import logging

from service.settings import Settings


def configure_logging(settings: Settings) -> None:
    """Write the records of all libraries from `settings.log_level` on, a line for each."""
    level = settings.log_level.upper()
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    # At level DEBUG, Numba logs pages about each kernel.
    logging.getLogger("numba").setLevel(logging.WARNING)
