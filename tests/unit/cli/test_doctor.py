"""`rollcall doctor`: every section that will be used is checked, once, and what it names."""

import socket
from pathlib import Path

import pytest

from cli.sections import _MODELS, used_sections
from runtime.unknown_settings import SECTIONS
from tests.unit.cli.running import run

# A value that is wrong, for each section.
WRONG = {
    "audit": ("NODES", '["x"]'),
    "calls": ("KEEP", "x"),
    "clickhouse": ("BATCH_ROWS", "0"),
    "dialling": ("RATE", "0"),
    "forget": ("WAIT", "-1"),
    "freeswitch": ("PORT", "x"),
    "gateway": ("PORT", "x"),
    "kafka": ("PARTITIONS", "0"),
    "kamailio": ("EVAPI", "nowhere"),
    "mrcp": ("PORT", "x"),
    "opensips": ("CONNECTIONS_MAX", "x"),
    "publisher": ("SPOOL_MAX_BYTES", "-1"),
    "reference_user_center": ("PORT", "x"),
    "rtpengine": ("NG", "nowhere"),
    "sockets": ("PORTS", '["x"]'),
    "streams": ("BATCH_RECORDS", "0"),
    "user_center": ("BATCH_MAX", "0"),
}
NODES = {
    f"ROLLCALL_{kind}_NODE": "node"
    for kind in ("FREESWITCH", "KAMAILIO", "MRCP", "OPENSIPS", "RTPENGINE", "SOCKETS")
} | {"ROLLCALL_MRCP_LOG": "/nowhere"}


def test_every_section_has_a_model() -> None:
    assert tuple(_MODELS) == SECTIONS == tuple(WRONG)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_configured_section_is_used(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ("kamailio" in used_sections()) is False
    name, value = WRONG[section]
    monkeypatch.setenv(f"ROLLCALL_{section.upper()}_{name}", value)
    assert used_sections()[section].section == section


def test_each_wrong_section_is_named_once_with_its_variable(tmp_path: Path) -> None:
    wrong = {f"ROLLCALL_{s.upper()}_{name}": value for s, (name, value) in WRONG.items()}
    status, out, err, _ = run(tmp_path, "doctor", **NODES, **wrong)
    assert (status, err) == (1, "")
    for section, (name, _) in WRONG.items():
        lines = [line for line in out.splitlines() if f" {section}.{name.lower()}" in line]
        assert len(lines) == 1, out
        assert lines[0].startswith("failed  settings: ")
        assert f"ROLLCALL_{section.upper()}_{name}" in lines[0]
    # Nothing is asked by settings that are wrong.
    assert "Kafka" not in out
    assert not [line for line in out.splitlines() if line.startswith("ok      settings")]


def test_each_configured_source_is_asked_once(closed_address: str, tmp_path: Path) -> None:
    host, port = closed_address.split(":")
    with socket.socket(type=socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        ng = f"127.0.0.1:{mute.getsockname()[1]}"
        status, out, err, _ = run(
            tmp_path,
            "doctor",
            **NODES,
            ROLLCALL_KAFKA_BOOTSTRAP_SERVERS=closed_address,
            ROLLCALL_FREESWITCH_HOST=host,
            ROLLCALL_FREESWITCH_PORT=port,
            ROLLCALL_OPENSIPS_MI_URL=f"http://{closed_address}/mi",
            ROLLCALL_KAMAILIO_EVAPI=closed_address,
            ROLLCALL_RTPENGINE_NG=ng,
            ROLLCALL_USER_CENTER_URL=f"http://{closed_address}/presence",
            ROLLCALL_USER_CENTER_SECRET="whsec_" + "A" * 32,
            ROLLCALL_CLICKHOUSE_URL=f"http://{closed_address}",
        )
    assert (status, err) == (1, "")
    lines = out.splitlines()
    asked = ("Kafka", "ClickHouse", "user center", "event socket", "OpenSIPS", "Kamailio")
    for name in (*asked, "MRCP server's log", "rtpengine"):
        assert len([line for line in lines if line.startswith(f"failed  {name}: ")]) == 1, out
    assert len([line for line in lines if "kernel's sockets: " in line]) == 1


@pytest.mark.parametrize("kind", ["a file", "not writable"])
def test_a_folder_of_data_that_cannot_be_used_is_named(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    folder = "a-file/spool" if kind == "a file" else "/proc/spool"
    status, out, _, _ = run(tmp_path, "doctor", ROLLCALL_PUBLISHER_SPOOL_FOLDER=folder)
    assert status == 1
    assert "→ set publisher.spool_folder to a folder of a disk with room" in out
