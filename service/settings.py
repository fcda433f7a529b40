"""The settings of a process: one frozen record, read at the start and passed on.

Each setting is also an environment variable: FANIN_ followed by its name in capitals.
"""

import os
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

ENVIRONMENT_PREFIX = "FANIN_"

MOST_BYTES = 2**60
"""The largest `max_bytes`: 2^58 elements, the most that a tensor can have, of 4 bytes each."""


class Settings(BaseSettings):
    """Every setting with its default. An environment variable replaces the default."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True)

    host: str = Field(
        default="127.0.0.1",
        description="The address to listen on. A host name means all of its addresses.",
    )
    port: int = Field(
        default=8000, ge=0, le=65535, description="The port to listen on; 0 means any free port."
    )
    workers: int = Field(
        default=1, ge=1, le=256, description="The number of processes that share the port."
    )
    max_bytes: int = Field(
        default=2**44, ge=1, le=MOST_BYTES, description="The largest size of a tensor in bytes."
    )
    max_streams: int = Field(
        default=64,
        ge=1,
        description="The number of large answers that each process sends at a time.",
    )
    threads: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="Threads that compute values; 0 means one for each core.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="The lowest level of log records to write."
    )

    @property
    def stream_threads(self) -> int:
        """The number of threads: `threads`, or the number of cores if that is 0."""
        return self.threads or os.cpu_count() or 1

    def environment(self) -> dict[str, str]:
        """The environment variables from which a child process reads the same settings."""
        return {variable(name): str(value) for name, value in self.model_dump().items()}


class SettingsError(ValueError):
    """Invalid settings; the text has a line for each."""


def load_settings(**options: str | None) -> Settings:
    """The settings of the environment; an option that is not None replaces the setting of its name.

    Raises SettingsError.
    """
    given: dict[str, Any] = {name: text for name, text in options.items() if text is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_line(fault) for fault in error.errors())) from None


def variable(name: str) -> str:
    """The name of the environment variable for a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def _line(fault: Any) -> str:
    name = str(fault["loc"][0])
    return f"{name}: {fault['msg']} (got {str(fault['input'])[:40]!r}; see {variable(name)})"
