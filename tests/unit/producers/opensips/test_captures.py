"""Every recorded OpenSIPS capture through intake and streams, against its ground truth.

The truth is what the SIP clients did (`notes.md`), written out here as the changes a subscriber
must see. Datagram and stream of one recording must come to the same. Where usrloc's own events
lack something, a comment names it: MI, the kernel and the script supply that.
"""

import gzip
import json
from pathlib import Path

import pytest

from schemas.topics import CALLS, CONNECTIONS, NODES, REGISTRATIONS
from schemas.vocabulary import CallKind, NodeKind, RegistrationKind
from tests.unit.opensips_capture import CAPTURES, EDGES, Play, rows

ON, OFF, LOST = "online registered", "offline unregistered", "offline connection-closed"
RING, TALK, DONE = "ringing call-ringing", "on-the-phone call-answered", "online call-ended"
# Accounting names the users of a failed call only with its final answer: it rang until just now.
FAILED = [ON, RING, DONE, OFF]
# A CDR comes after the BYE: without MI or E_ROLLCALL_CALL no user is on the phone.
UNNAMED = [ON, OFF]
THREE_DEVICES = [ON, ON, "online unregistered", ON, "online unregistered", OFF]

EXPECTED: dict[str, dict[str, list[str]]] = {
    "reg_udp": {"alice": THREE_DEVICES},
    "reg_tcp": {"alice": THREE_DEVICES},
    "expiry": {"dave": [ON, ON, "online expired", "offline expired"]},
    "expiry_after_refresh": {"dave": [ON, "offline expired"]},
    # NAT rebinding, then a reboot: the peer's address changes under one contact.
    "nat_received": {"natbob": [ON, ON, ON, OFF]},
    "ping_timeout": {"pinguser": [ON, "offline ping-lost"]},
    "pike": {},
    "misc_status": {},
    "tcp_kill9": {"carol": [ON, LOST]},
    "tcp_kill9_removed": {"carol": [ON, LOST]},
    "tcp_kill9_ping": {"pingkill": [ON, LOST]},
    "tcp_rst": {"carol": [ON, LOST]},
    "tcp_rst_latency": {"carol": [ON, LOST] * 5},
    "tcp_idle_close": {"dave": [ON, LOST]},
    "stream_reliable_noack": {"frank": [ON, OFF]},
    "writeback_unregister": {
        "alice": [ON],
        "bob": [ON, OFF],
        "carol": [ON],
        "dave": [ON, "offline expired"],
        "erin": [ON, OFF],
    },
    "ul_dump": {
        "alice": [ON, ON, "online unregistered", OFF],
        "natbob": [ON, OFF],
        "erin": [ON, "offline expired"],
    },
    "call_busy": {"alice": FAILED, "bob": FAILED},
    "call_busy_oldacc": {"oldalice": FAILED, "bob": FAILED},
    "call_cancel": {"alice": FAILED, "bob": FAILED},
    "call_noanswer": {"alice": FAILED, "bob": FAILED},
    # Refused before it rang.
    "call_declined": {"alice": UNNAMED, "bob": UNNAMED},
    "call_dead_callee": {"alice": UNNAMED, "bob": UNNAMED},
    "call_nouser": {"alice": UNNAMED},
    "call_oldacc": {"oldalice": [ON, TALK, DONE, OFF], "bob": [ON, TALK, DONE, OFF]},
    "call_caller_hangup": {"alice": UNNAMED, "bob": UNNAMED},
    "call_callee_hangup": {"alice": UNNAMED, "bob": UNNAMED},
    "call_bye_unanswered": {"alice": UNNAMED, "bob": UNNAMED},
    "call_dlg_timeout": {"shortalice": UNNAMED, "bob": UNNAMED},
    "call_tcp_udp": {"alice": UNNAMED, "bob": UNNAMED},
    "v24_reg_udp": {"alice": THREE_DEVICES},
    "v24_reg_tcp": {"alice": THREE_DEVICES},
    "v24_expiry": {"dave": [ON, ON, "online expired", "offline expired"]},
    "v24_nat_received": {"natbob": [ON, ON, ON, OFF]},
    "v24_hostile_headers": {f"host{n}": [ON, OFF] for n in range(6)},
    "v24_ul_dump": {"alice": [ON, ON, "online unregistered", OFF], "natbob": [ON, OFF]},
    "v24_call_busy": {"alice": FAILED, "bob": FAILED},
    "v24_call_oldacc": {"oldalice": [ON, TALK, DONE, OFF], "bob": [ON, TALK, DONE, OFF]},
    "v24_call_caller_hangup": {"alice": UNNAMED, "bob": UNNAMED},
}
# The two sides of these recordings hold different events.
EXPECTED_OF_ONE: dict[str, dict[str, list[str]]] = {
    "pn_refresh.datagram": {"pnuser": [ON, "offline expired"]},
    "stream_down.datagram": {"frank": [ON, OFF]},
    "stream_down.stream": {"frank": [ON, OFF]},
    "kafka_down.datagram": {"alice": [ON]},
    "kafka_down.stream": {"alice": [ON]},
    "virtual_failover.stream": {"frank": [ON, OFF]},
    # The failover's datagrams hold neither the first nor the last event of frank.
    "virtual_failover.datagram": {"frank": [ON]},
    # Between the two registrations alice's contact was gone, and no event reports it.
    "restart_nodb.datagram": {"alice": [ON, OFF]},
    "restart_nodb.stream": {"alice": [ON, OFF]},
    # usrloc lists carol for as long as her contact lasts; that her connection is dead only MI
    # (list_tcp_conns), the kernel or a producer that saw her register knows.
    "restart_sigterm.datagram": {"alice": [ON], "carol": [ON]},
    "restart_sigterm.stream": {"alice": [ON], "carol": [ON]},
    "restart_status.datagram": {"alice": [ON], "carol": [ON, "offline node-restarted"]},
    "restart_status.stream": {"alice": [ON], "carol": [ON, "offline node-restarted"]},
}
FILES = [
    *(
        (f"{name}.{kind}", truth)
        for name, truth in EXPECTED.items()
        for kind in ("datagram", "stream")
    ),
    *EXPECTED_OF_ONE.items(),
]


@pytest.mark.parametrize(("file", "truth"), FILES, ids=[file for file, _ in FILES])
def test_capture_gives_the_expected_presence(file: str, truth: dict[str, list[str]]) -> None:
    play = Play().play(CAPTURES / file)
    seen = {presence.aor for presence in play.pipeline.published}
    assert {aor[4:].partition("@")[0] for aor in seen} == set(truth)
    for user, changes in truth.items():
        assert play.pipeline.changes(user) == changes
    assert not play.pipeline.dead_letters
    assert not play.collector.dead_letters


def test_every_capture_is_tested() -> None:
    tested = {file for file, _ in FILES}
    elsewhere = {
        f"kafka{what}.{kind}" for what in ("", "_evroute") for kind in ("datagram", "stream")
    }
    beside = {"pn_refresh.stream"}  # ends before the contact does
    found = {path.name for kind in ("datagram", "stream") for path in CAPTURES.glob(f"*.{kind}")}
    assert found == tested | elsewhere | beside


def test_restart_is_published_once_whatever_shows_it() -> None:
    for kind, boots in (("stream", 2), ("datagram", 1)):
        play = Play().play(CAPTURES / f"restart_status.{kind}")
        ups = [event for event in play.events(NODES) if event.kind is NodeKind.UP]
        assert len({event.boot for event in ups}) == len(ups) == boots
        # The dead connection's contact is not registered again when the server reads it back.
        carol = [e for e in play.events(REGISTRATIONS) if e.aor == "sip:carol@127.0.0.1"]
        assert [event.kind for event in carol] == [RegistrationKind.REGISTERED]


def test_contacts_lost_in_a_restart_are_a_gap() -> None:
    gaps = [
        event
        for event in Play().play(CAPTURES / "restart_nodb.datagram").events(NODES)
        if event.kind is NodeKind.GAP
    ]
    assert len(gaps) == 1


@pytest.mark.parametrize("name", ["kafka", "kafka_evroute"])
def test_hundreds_of_users_end_in_the_state_of_their_last_event(name: str) -> None:
    """100 users register, refresh and unregister without waiting: usrloc orders them as it will."""
    datagram, stream = (Play().play(CAPTURES / f"{name}.{kind}") for kind in ("datagram", "stream"))
    assert datagram.pipeline.online() == stream.pipeline.online()
    last = {
        event.aor.removeprefix("sip:").partition("@")[0]: event.kind
        for event in datagram.events(REGISTRATIONS)
    }
    gone = RegistrationKind.UNREGISTERED
    assert set(datagram.pipeline.online()) == {
        user for user, kind in last.items() if kind is not gone
    }


def test_stream_is_read_on_after_an_object_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "slow.stream"
    file.write_bytes(gzip.decompress((CAPTURES / "stream_slow_reader.stream.gz").read_bytes()))
    play = Play().play(file)
    assert play.intake.events == 1814  # notes.md: whole objects
    # The object cut off is completed on the next connection, where its rest comes alone.
    reasons = {reason for reason, _ in play.collector.dead_letters}
    assert reasons <= {"cut off by the end of the connection", "an object cut off in the middle"}
    assert reasons
    assert any(event.kind is NodeKind.GAP for event in play.events(NODES))


def test_infrastructure_events_become_node_events() -> None:
    reasons = [event.reason for event in Play().play(CAPTURES / "pike.datagram").events(NODES)]
    assert reasons == ["E_PIKE_BLOCKED ip=127.0.0.1"]
    play = Play().play(CAPTURES / "misc_status.datagram")
    kinds = {event.reason.partition(" ")[0] for event in play.events(NODES)}
    assert kinds == {"E_LOAD_BALANCER_STATUS", "E_RTPENGINE_STATUS", "E_DISPATCHER_STATUS"}


def test_calls_have_their_dialogs_status_and_duration() -> None:
    play = Play().play(CAPTURES / "call_caller_hangup.datagram")
    calls = play.events(CALLS)
    assert [(c.kind, c.aor) for c in calls] == [
        (CallKind.RINGING, None),
        (CallKind.ANSWERED, None),
        (CallKind.ENDED, None),
        (CallKind.ENDED, "sip:alice@127.0.0.1"),
        (CallKind.ENDED, "sip:bob@127.0.0.1"),
        (CallKind.ENDED, None),
    ]
    assert len({c.call for c in calls}) == 1
    assert {c.sip_call_id for c in calls} == {"call-alice-cb1cf4b187"}
    assert (calls[-1].duration_ms, calls[-1].status_code) == (2001, 200)
    assert [c.peer for c in calls[-3:]] == ["bob", "alice", None]


def test_call_named_by_the_script_is_published_from_its_beginning() -> None:
    """E_ROLLCALL_CALL of docs/opensips.md, raised at the INVITE, in the same recording."""
    play, named = Play(), False
    for row in rows(CAPTURES / "call_caller_hangup.datagram"):
        if "E_DLG" in row["text"] and not named:
            named = True
            parameters = {
                **json.loads(row["text"])["params"],
                "caller": "sip:alice@127.0.0.1",
                "callee": "sip:bob@127.0.0.1",
            }
            message = {"jsonrpc": "2.0", "method": "E_ROLLCALL_CALL", "params": parameters}
            play.datagram(row["t"] - 0.001, json.dumps(message).encode())
        play.datagram(row["t"], row["text"].encode())
    assert play.pipeline.changes("alice") == [ON, RING, TALK, DONE, OFF]
    assert play.pipeline.changes("bob") == [ON, RING, TALK, DONE, OFF]


def dialog_event(number: str, old: int, new: int) -> bytes:
    parameters = {"db_id": number, "callid": "c", "from_tag": "t", "old_state": old}
    message = {"method": "E_DLG_STATE_CHANGED", "params": {**parameters, "new_state": new}}
    return json.dumps({"jsonrpc": "2.0", **message}).encode()


def test_an_invite_that_was_challenged_and_comes_again_is_a_dialog_of_its_own() -> None:
    """The same Call-ID and From tag (RFC 3261 §22.2), another number of the server's."""
    play = Play()
    steps = (("1", 1, 5), ("2", 1, 2), ("1", 1, 5), ("2", 2, 4), ("2", 4, 5))
    for at, (number, old, new) in enumerate(steps):
        play.datagram(1_795_500_000.0 + at, dialog_event(number, old, new))
    calls = play.events(CALLS)
    assert [c.kind for c in calls] == [
        *(CallKind.ENDED, CallKind.RINGING, CallKind.ANSWERED, CallKind.ENDED),
    ]
    assert len({c.leg for c in calls}) == 2
    assert {c.sip_call_id for c in calls} == {"c"}


def test_events_of_an_ended_dialog_that_come_late_begin_none() -> None:
    play = Play()
    for at, (old, new) in enumerate(((1, 5), (1, 2))):
        play.datagram(1_795_500_000.0 + at, dialog_event("1", old, new))
    assert [c.kind for c in play.events(CALLS)] == [CallKind.ENDED]


EDGE_NAMES = sorted(path.stem for path in EDGES.glob("*.datagram"))


@pytest.mark.parametrize("name", EDGE_NAMES)
def test_edge_publishes_registrations_with_their_connection(name: str) -> None:
    """Every REGISTER that a client logged as accepted, and every end of its connection."""
    play = Play(node="edge").play(EDGES / f"{name}.datagram")
    assert not play.collector.dead_letters
    truth = rows(EDGES / f"{name}.truth.jsonl")
    clients = {row["client"] for row in truth if row.get("client")}
    published = play.events(REGISTRATIONS)
    assert {f"{e.remote.ip}:{e.remote.port}" for e in published} == clients
    ends = play.events(CONNECTIONS)
    # Those of the proxy to the registrar are none of a client's.
    assert {f"{e.remote.ip}:{e.remote.port}" for e in ends} <= clients
    assert len(ends) == len({e.connection for e in ends})


@pytest.mark.parametrize("name", ["A_kill9", "AU_kill9", "AN_kill9", "A_fin", "B0_fin", "B1_rst"])
def test_lost_client_of_an_edge_is_offline_at_once(name: str) -> None:
    play = Play(node="edge").play(EDGES / f"{name}.datagram")
    (user,) = {presence.aor for presence in play.pipeline.published}
    assert play.pipeline.changes(user[4:].partition("@")[0]) == [ON, LOST]
