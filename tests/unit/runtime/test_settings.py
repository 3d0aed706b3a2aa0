"""Settings that no stage reads are refused, with the nearest right name."""

import importlib
import pkgutil
from pathlib import Path

import pytest
from pydantic import Field

from runtime import logs
from runtime.kafka import KafkaSettings, SecurityProtocol
from runtime.settings import BadSettings, StageSettings, load
from runtime.unknown_settings import SECTIONS

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ROLLCALL_SETTINGS", raising=False)
    monkeypatch.chdir(tmp_path)


def refused(match: str) -> None:
    with pytest.raises(BadSettings, match=match):
        load(KafkaSettings)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("ROLLCALL_KAFKA_BOOTSTRAP_SERVER", "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS"),
        ("ROLLCALL_KAFKA_PARTITION", "ROLLCALL_KAFKA_PARTITIONS"),
        ("ROLLCALL_STREAM_INSTANCE", "ROLLCALL_STREAMS_…"),
        ("ROLLCALL_HTTPPORT", "ROLLCALL_HTTP_PORT"),
        ("ROLLCALL_LOGLEVEL", "ROLLCALL_LOG_LEVEL"),
    ],
)
def test_a_misspelt_variable(monkeypatch: pytest.MonkeyPatch, variable: str, meant: str) -> None:
    monkeypatch.setenv(variable, "1")
    refused(f"^{variable} is no setting: do you mean {meant}\\?$")


def test_a_variable_that_is_like_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_Q", "1")
    refused("^ROLLCALL_Q is no setting: one of .*ROLLCALL_HTTP_HOST")


def test_another_stages_setting_is_that_stages_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_GATEWAY_PORTT", "1")
    monkeypatch.setenv("ROLLCALL_TEST_FREESWITCH", "/somewhere")
    assert load(KafkaSettings).partitions == 4


def test_a_nested_field(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nested(StageSettings):
        section = "kafka"
        hosts: dict[str, str] = Field(default_factory=dict)

    monkeypatch.setenv("ROLLCALL_KAFKA_HOSTS__ONE", "two")
    assert load(Nested).hosts == {"one": "two"}
    monkeypatch.setenv("ROLLCALL_KAFKA_HOST__ONE", "two")
    with pytest.raises(BadSettings, match="do you mean ROLLCALL_KAFKA_HOSTS"):
        load(Nested)


def test_an_unknown_section(tmp_path: Path) -> None:
    (tmp_path / "rollcall.toml").write_text("[kafak]\npartitions = 3\n")
    refused(r"rollcall.toml: \[kafak\] is no section: do you mean kafka\?$")


def test_an_unknown_field_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "rollcall.toml").write_text("[kafka]\npartition = 3\n")
    refused(r"^kafka\.partition: ")


def test_a_file_that_is_named_and_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROLLCALL_SETTINGS", str(tmp_path / "none.toml"))
    refused(r"^ROLLCALL_SETTINGS=.*none\.toml: no such file$")


def test_every_section_of_the_stages_is_known() -> None:
    for package in (
        "calls",
        "dialling",
        "local",
        "operate",
        "producers",
        "runtime",
        "sinks",
        "streams",
    ):
        folder = ROOT / package
        for module in pkgutil.walk_packages([str(folder)], f"{package}."):
            if module.name.endswith(("settings", "runtime.kafka")):
                importlib.import_module(module.name)
    ours = [s for s in StageSettings.__subclasses__() if not s.__module__.startswith("test")]
    assert {settings.section for settings in ours} == set(SECTIONS)


@pytest.mark.parametrize("text", ["sasl_ssl", "SASL_SSL", "Sasl_Ssl"])
def test_a_security_protocol_in_any_capitals(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Faust and librdkafka read the same one."""
    monkeypatch.setenv("ROLLCALL_KAFKA_SECURITY_PROTOCOL", text)
    settings = load(KafkaSettings)
    assert settings.security_protocol is SecurityProtocol.SASL_SSL
    assert settings.client()["security.protocol"] == "SASL_SSL"


def test_a_security_protocol_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_KAFKA_SECURITY_PROTOCOL", "tls")
    refused(r"^kafka\.security_protocol: .*'PLAINTEXT', 'SSL'")


def test_a_log_level_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_LOG_LEVEL", "chatty")
    with pytest.raises(BadSettings, match=r"^ROLLCALL_LOG_LEVEL='CHATTY' is no level: "):
        logs.configure("test")
