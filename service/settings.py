"""What a process may be told at its start: one frozen record, read once and passed in.

Each setting is also an environment variable, FANIN_ and its name in capitals.
"""

import os
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

ENVIRONMENT_PREFIX = "FANIN_"

MOST_BYTES = 2**60
"""Beyond it not even the elements of a one-byte dtype can be counted."""


class Settings(BaseSettings):
    """Every setting with its default, which the environment replaces."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True)

    host: str = Field(
        default="127.0.0.1",
        description="The address to listen on, or a name: all of its addresses.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Its port; 0 is any free one.")
    workers: int = Field(default=1, ge=1, le=256, description="Processes that share the port.")
    max_bytes: int = Field(
        default=2**44, ge=1, le=MOST_BYTES, description="How large a tensor may be."
    )
    max_streams: int = Field(
        default=64, ge=1, description="Large answers in flight at a time, for each process."
    )
    threads: int = Field(
        default=0, ge=0, le=1024, description="Threads that make values; 0 is one for each core."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="The least serious record to log."
    )

    @property
    def stream_threads(self) -> int:
        """What `threads` comes to on this machine."""
        return self.threads or os.cpu_count() or 1

    def environment(self) -> dict[str, str]:
        """The variables from which another process reads these settings again."""
        return {variable(name): str(value) for name, value in self.model_dump().items()}


class SettingsError(ValueError):
    """Settings nobody can use; the text has a line for each."""


def load_settings(**options: str | None) -> Settings:
    """The environment's settings, replaced by the `options` that are not None.

    Raises SettingsError.
    """
    given: dict[str, Any] = {name: text for name, text in options.items() if text is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_line(fault) for fault in error.errors())) from None


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def _line(fault: Any) -> str:
    name = str(fault["loc"][0])
    return f"{name}: {fault['msg']} (got {str(fault['input'])[:40]!r}; see {variable(name)})"
