"""Settings: where they come from, what they may be, and what is said of one that is no good."""

import pytest
from pydantic import ValidationError

from service import settings
from service.settings import (
    Settings,
    SettingsError,
    load_settings,
    unknown_variables,
    variable,
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


def test_defaults_are_those_of_the_readme() -> None:
    """A process told nothing listens on loopback only."""
    assert load_settings().model_dump() == {
        "host": "127.0.0.1",
        "port": 8000,
        "workers": 1,
        "max_bytes": 2**44,
        "max_streams": 64,
        "threads": 0,
        "drain_seconds": 5.0,
        "log_level": "warning",
    }


def test_the_environment_replaces_a_default_and_an_option_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FANIN_PORT counts; --port counts more; an option that is not given does not."""
    monkeypatch.setenv("FANIN_PORT", "9000")
    monkeypatch.setenv("FANIN_WORKERS", "2")
    assert load_settings().port == 9000
    settings = load_settings(port="9001", workers=None)
    assert (settings.port, settings.workers) == (9001, 2)


def test_settings_do_not_change() -> None:
    """What a process was told at its start stays."""
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_an_empty_variable_is_the_default(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A compose file gives one for `${FANIN_THREADS:-}`."""
    monkeypatch.setenv(variable(name), "")
    assert load_settings() == Settings()


@pytest.mark.parametrize("text", ["WARNING", "Warning", "warning"])
def test_a_level_has_any_case(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Python writes levels in capitals."""
    monkeypatch.setenv("FANIN_LOG_LEVEL", text)
    assert load_settings().log_level == "warning"


@pytest.mark.parametrize(
    ("workers", "threads", "expected"),
    [("1", "0", 8), ("3", "0", 2), ("9", "0", 1), ("1", "5", 5), ("3", "5", 5)],
)
def test_the_cores_are_divided_among_the_processes(
    monkeypatch: pytest.MonkeyPatch, workers: str, threads: str, expected: int
) -> None:
    """Each has at least one thread. FANIN_THREADS is the number of each process."""
    monkeypatch.setattr(settings, "available_cores", lambda: 8)
    assert load_settings(workers=workers, threads=threads).stream_threads == expected


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("FANIN_PROT", "FANIN_PORT"),
        ("FANIN_THREAD", "FANIN_THREADS"),
        ("fanin_loglevel", "FANIN_LOG_LEVEL"),
        ("FANIN_STREAMS", "FANIN_MAX_STREAMS"),
        ("FANIN_", "FANIN_PORT"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest(name: str, nearest: str) -> None:
    """A line for each, in order."""
    [line] = unknown_variables([name, "PATH", "FANIN_HOST", "fanin_port", "FANINX"])
    assert line.startswith(f"{name} is not a setting")
    assert line.endswith(nearest)
    assert len(unknown_variables(["FANIN_A", "FANIN_B"])) == 2


def test_the_variables_of_kubernetes_are_not_named() -> None:
    """It sets them for a service called fanin. Its FANIN_PORT is a URL, which is refused."""
    names = ["FANIN_SERVICE_HOST", "FANIN_SERVICE_PORT", "FANIN_SERVICE_PORT_HTTP"]
    names += ["FANIN_PORT_8000_TCP", "FANIN_PORT_8000_TCP_ADDR", "FANIN_PORT_8000_TCP_PROTO"]
    assert unknown_variables(names) == []
    with pytest.raises(SettingsError, match="enableServiceLinks: false"):
        load_settings(port="tcp://10.0.0.1:8000")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "x"),
        ("port", "65536"),
        ("port", "-1"),
        ("workers", "0"),
        ("max_bytes", str(2**60 + 1)),
        ("max_streams", "0"),
        ("threads", "-1"),
        ("log_level", "loud"),
        ("drain_seconds", "-1"),
        ("drain_seconds", "nan"),
        ("drain_seconds", "1e9"),
    ],
)
def test_a_bad_value_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """It names the setting, its value and its variable."""
    monkeypatch.setenv(f"FANIN_{name.upper()}", text)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    line = str(refused.value)
    assert "\n" not in line
    assert line.startswith(f"{name}: ")
    assert repr(text) in line
    assert f"FANIN_{name.upper()}" in line


def test_each_bad_value_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two mistakes are told at once."""
    monkeypatch.setenv("FANIN_PORT", "x")
    monkeypatch.setenv("FANIN_WORKERS", "x")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert len(str(refused.value).splitlines()) == 2
