"""Files a user gives: recordings to replay, and the settings. Read, or refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.replay.esl_recording import read_capture
from local.replay.evapi_recording import RecordedLine, domain_of, read_kamailio
from local.replay.mrcp_recording import read_mrcp
from local.replay.netlink_recording import read_sockets, server_ports
from local.replay.ng_recording import read_ng
from local.replay.ng_state import NgState
from local.replay.opensips_recording import read_pieces
from local.replay.sources import parse_sources
from producers.freeswitch.settings import FreeSwitchSettings
from producers.sockets.settings import SocketsSettings
from runtime.kafka import KafkaSettings
from runtime.settings import BadSettings, StageSettings, load
from runtime.stage import Stage
from tests.fuzz.hostile import fuzzed, mutated, odd_json, scratch_folder, texts
from tests.unit.freeswitch_capture import CAPTURES
from tests.unit.mrcp_log import log_of

_FILE = scratch_folder() / "given"
_CAPTURE = (CAPTURES / "reg_blind.json").read_bytes()
_PIECE = {"t": 1795502444.2, "kind": "data", "conn": 1, "b64": "eyJ9"}
_SOCKET = {
    "t": 1795502444.2,
    "local": "192.0.2.1:5060",
    "remote": "[2001:db8::1]:4",
    "cookie": "10be",
    "state": "CLOSE",
}
_ROWS = [_PIECE, _SOCKET | {"remote": "192.0.2.9:40001"}, _SOCKET]


def _written(data: bytes) -> Path:
    _FILE.write_bytes(data)
    return _FILE


@fuzzed(200)
@given(mutated([_CAPTURE, _CAPTURE[:3000]]))
def test_any_file_is_a_recorded_switch_or_refused(data: bytes) -> None:
    try:
        frames = read_capture(_written(data))
    except ValueError:
        return
    for frame in frames:
        frame.bytes(1_000_000)


@fuzzed(60)
@given(mutated([b"1795502444000000 0 120\n1795502444100000 120 80\n# end\n"]))
def test_any_file_of_arrivals_is_read_or_refused(data: bytes) -> None:
    arrivals = _written(_CAPTURE).with_name("given.ts")
    arrivals.write_bytes(data)
    try:
        read_capture(_FILE)
    except ValueError:
        return
    finally:
        arrivals.unlink()


@fuzzed(300)
@given(st.lists(odd_json(_ROWS) | mutated([json.dumps(row).encode() for row in _ROWS]), max_size=3))
@example([b'{"t":1e400}'])
@example([b"[" * 20_000])
@example([b'{"t":1,"local":"192.0.2.1:99999","remote":"192.0.2.1:1","cookie":"1"}'])
@example([b'{"t":1,"local":"192.0.2.1:1","remote":"192.0.2.1:1","cookie":"-1"}'])
@example([b'{"t":"1","b64":"eyJ9"}'])  # a million times the text
def test_any_file_is_a_recording_or_refused(lines: list[bytes]) -> None:
    path = _written(b"\n".join(lines))
    read: list[Callable[[Path], Any]] = [read_pieces, read_sockets]
    for reader in read:
        try:
            found = reader(path)
        except ValueError:
            continue
        for one in found:
            assert isinstance(one.data, bytes)
            assert 0 <= one.received < 2**63
        if reader is read_sockets:
            server_ports(found)
        else:
            assert all(len(one.moved(10**6)) < 2 * len(one.data) + 100 for one in found)


_LINE = {"t": 1795502444.2, "kind": "evapi", "raw": '{"ev":"register","t":1795502444.1}'}
_LISTING = {"t": 1795502444.3, "kind": "rpc", "method": "ul.dump", "result": {"Domains": []}}
_NG_ROWS = [
    {
        "t": 1795502444.2,
        "request": {"command": command, "call-id": "a", "limit": 5},
        "response": {"result": "ok", "calls": ["a"], "created": 1795502444, "tags": {}} | more,
    }
    for command, more in (
        ("list", {}),
        ("query", {"SSRC": {"7": {"reported at": 1795502444}}}),
        ("statistics", {"statistics": {"totalstatistics": {"uptime": "70"}}}),
        ("delete", {}),
    )
]


@fuzzed(200)
@given(st.lists(odd_json([_LINE, _LISTING]), max_size=3))
@example([json.dumps(_LINE).encode(), b'{"t":1,"kind":"rpc","method":"m","error":{"code":5}}'])
@example([b'{"t":1,"kind":"evapi","raw":"\\ud800"}'])
def test_any_file_is_a_recorded_kamailio_or_refused(lines: list[bytes]) -> None:
    path = _written(b"\n".join(lines))
    try:
        frames = read_kamailio(path)
    except ValueError:
        return
    domain_of(path, frames)
    for frame in frames:
        assert 0 <= frame.received < 2**63
        if isinstance(frame, RecordedLine):
            assert len(frame.moved(10**6)) < 2 * len(frame.data) + 100


@fuzzed(200)
@given(st.lists(odd_json(_NG_ROWS), max_size=4))
@example([json.dumps(row).encode() for row in _NG_ROWS])
def test_any_file_is_a_recorded_rtpengine_or_refused(lines: list[bytes]) -> None:
    try:
        rounds = read_ng(_written(b"\n".join(lines)))
    except ValueError:
        return
    state = NgState(0)
    for shown in rounds:
        state.reached(shown, shown.received)
        json.dumps([state.listed(9), state.statistics(shown.received), state.queried("a")])


_CONNECTION = CAPTURES.parent / "speech" / "fs_pds_success.mrcp"
_CONNECTION_ROWS = [json.loads(row) for row in _CONNECTION.read_text().splitlines()]


@fuzzed(200)
@given(mutated([log_of(_CONNECTION), _CONNECTION.read_bytes()]))
@example(b"1970-01-01 00:00:00:000000 [INFO]   Receive MRCPv2 Data a [8 bytes]\nMRCP/2.0\n")
@example(b"\0\0x 2026-11-30 00:44:08:215311 a\n2026-11-30 00:44:08:215311 [INFO]   a\n")
@example(b'{"t": 4102444799, "dir": "c2s", "conn": "\\ud800", "b64": "TVJDUC8yLjA="}')
def test_any_file_is_a_recorded_mrcp_server_or_refused(data: bytes) -> None:
    _check_mrcp(data)


@fuzzed(200)
@given(st.lists(odd_json(_CONNECTION_ROWS), max_size=4))
def test_any_rows_are_recorded_control_connections_or_refused(lines: list[bytes]) -> None:
    _check_mrcp(b"\n".join(lines))


def _check_mrcp(data: bytes) -> None:
    try:
        entries = read_mrcp(_written(data))
    except ValueError:
        return
    for one in entries:
        assert len(one.moved(10**6)) < len(one.rest) + 100


def test_a_recording_is_named_by_the_user() -> None:
    _written(_CAPTURE)
    assert parse_sources([f"freeswitch={_FILE}"], [])[0].file == _FILE


_TOML = b"""
[kafka]
bootstrap_servers = "127.0.0.1:9092"
partitions = 4
[freeswitch]
profiles = ["internal"]
sip_ports = [5060]
expiry_margin_seconds = 60.0
[sockets]
node = "n"
ports = [5060, "5061/tls"]
"""
_SECTIONS: list[type[StageSettings]] = [KafkaSettings, FreeSwitchSettings, SocketsSettings]


def _load(section: type[StageSettings]) -> None:
    try:
        load(section)
    except BadSettings as error:
        assert len(str(error).splitlines()) < 20  # noqa: PT017 - most inputs raise nothing


def test_any_settings_file_is_loaded_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_SETTINGS", str(_FILE))

    @fuzzed(200)
    @given(mutated([_TOML]))
    @example(b"\xff")
    @example(b"kafka = 3")
    @example(b"[[kafka]]\n")
    @example(b"a = " + b"[" * 20_000)
    @example(b"[kafka]\npartitions = " + b"9" * 5000)
    def given_file(data: bytes) -> None:
        _written(data)
        for section in _SECTIONS:
            _load(section)

    given_file()
    monkeypatch.setenv("ROLLCALL_SETTINGS", str(_FILE.parent))
    with pytest.raises(BadSettings, match="cannot be read"):
        load(KafkaSettings)


def test_any_environment_is_loaded_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["KAFKA_PARTITIONS", "FREESWITCH_SIP_PORTS", "SOCKETS_PORTS", "FREESWITCH_PASSWORD"]

    @fuzzed(100)
    @given(st.sampled_from(names), texts(80).map(lambda text: text.replace("\0", "")))
    @example("SOCKETS_PORTS", "no list")
    @example("FREESWITCH_SIP_PORTS", "[" * 20_000)
    def given_value(name: str, value: str) -> None:
        with monkeypatch.context() as patched:
            patched.setenv(f"ROLLCALL_{name}", value)
            for section in _SECTIONS:
                _load(section)

    given_value()
    monkeypatch.setenv("ROLLCALL_HTTP_PORT", "http")
    with pytest.raises(BadSettings, match="no port"):
        Stage("fuzz").start()
