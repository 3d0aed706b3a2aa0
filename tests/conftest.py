"""What every test needs: no settings of the machine it runs on."""

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither the user's settings file nor their environment must decide a test."""
    for name in list(os.environ):
        if name.startswith("ROLLCALL_TEST_"):
            continue  # what the tests themselves are told
        if name.startswith(("ROLLCALL_", "KAFKA_", "OTEL_")):
            monkeypatch.delenv(name)
    nothing = tmp_path_factory.getbasetemp() / "empty.toml"
    nothing.touch()
    monkeypatch.setenv("ROLLCALL_SETTINGS", str(nothing))
