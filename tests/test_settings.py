"""Settings: where they come from, what they may be, and what is said of one that is no good."""

import pytest
from pydantic import ValidationError

from service.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in Settings().environment():
        monkeypatch.delenv(variable, raising=False)


def test_defaults_are_those_of_the_readme() -> None:
    """A process told nothing listens on loopback only."""
    assert load_settings().model_dump() == {
        "host": "127.0.0.1",
        "port": 8000,
        "workers": 1,
        "max_bytes": 2**44,
        "max_streams": 64,
        "threads": 0,
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


def test_another_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers get theirs through the environment."""
    settings = load_settings(port="0", max_bytes="123", log_level="debug", host="::1")
    for variable, text in settings.environment().items():
        monkeypatch.setenv(variable, text)
    assert load_settings() == settings


def test_no_threads_are_as_many_as_cores() -> None:
    """0 stands for the machine's own number."""
    assert load_settings().stream_threads >= 1
    assert load_settings(threads="3").stream_threads == 3


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
