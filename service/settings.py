"""The settings of a process: one frozen record, read at the start and passed on.

Each setting is also an environment variable: FANIN_ followed by its name in capitals.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.cores import available_cores

ENVIRONMENT_PREFIX = "FANIN_"

MOST_BYTES = 2**60
"""The largest `max_bytes`: 2^58 elements, the most that a tensor can have, of 4 bytes each."""

_OF_KUBERNETES = re.compile("FANIN_(SERVICE_(HOST|PORT)|PORT_[0-9]+)(_.*)?")
"""Variables that Kubernetes sets in the containers of a namespace with a service called fanin.

It sets FANIN_PORT as well, to `tcp://` and the address of the service.
"""


class Settings(BaseSettings):
    """Every setting with its default. An environment variable replaces the default.

    An empty variable counts as absent: a compose file may set one, by `${FANIN_THREADS:-}`.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_ignore_empty=True, frozen=True
    )

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
        description="The number of large answers that all processes together send at a time.",
    )
    threads: int = Field(
        default=0,
        ge=0,
        le=1024,
        description=(
            "The threads of each process that compute values. 0 divides the cores among the "
            "processes, and a quota of the cgroup limits the number of cores."
        ),
    )
    drain_seconds: float = Field(
        default=5.0,
        ge=0.0,
        le=3600.0,
        allow_inf_nan=False,
        description=(
            "For how many seconds the server accepts connections after SIGTERM. The readiness "
            "probe fails meanwhile, so that load balancers send requests to other servers."
        ),
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning",
        description="The lowest level of log records to write. Case does not count.",
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @property
    def stream_threads(self) -> int:
        """The threads of a process that compute values, at least 1."""
        return self.threads or max(1, available_cores() // self.workers)


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


def unknown_variables(names: Iterable[str]) -> list[str]:
    """A line for each of these environment variables that begins with FANIN_ and is no setting.

    Variables that Kubernetes sets for a service called fanin are left out.
    """
    known = [variable(name) for name in Settings.model_fields]
    unknown = sorted(
        name
        for name in names
        if name.upper().startswith(ENVIRONMENT_PREFIX)
        and name.upper() not in known
        and not _OF_KUBERNETES.fullmatch(name)
    )
    return [f"{name[:80]} is not a setting; try {_nearest(name, known)}" for name in unknown]


def _nearest(name: str, known: list[str]) -> str:
    return difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)[0]


def _line(fault: Any) -> str:
    name, text = str(fault["loc"][0]), str(fault["input"])
    line = f"{name}: {fault['msg']} (got {text[:40]!r}; see {variable(name)})"
    if name == "port" and text.startswith("tcp://"):
        line += "; Kubernetes sets it for a service called fanin: set enableServiceLinks: false"
    return line
