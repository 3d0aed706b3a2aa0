"""Every recorded switch through `rollcall replay`: the real producer, a real broker, the folds.

The printed changes must be what the clients did, and `rollcall who` must print the last of them.
"""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from local.replay.esl_recording import read_capture
from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.presence import Presence
from tests.capture_truth import CAPTURES, EXPECTED
from tests.integration.rollcall_process import rollcall
from tests.replaying import changes, epoch, final, into, lines, recorded_times, user
from tests.stages import StageProcess

# The switch's hangup causes by the SIP status of the answer.
CAUSES = {
    200: {"NORMAL_CLEARING"},
    404: {"NO_ROUTE_DESTINATION"},
    480: {"NO_ANSWER", "USER_NOT_REGISTERED"},
    486: {"USER_BUSY"},
    487: {"ORIGINATOR_CANCEL"},
    603: {"CALL_REJECTED"},
}
# The switch's event time lags by up to 20 ms; the client's own clock adds its scheduling.
NEAR = 0.06


@pytest.fixture
def streams(tmp_path: Path, kafka: KafkaSettings) -> Iterator[KafkaSettings]:
    """A running streams worker; its cluster and namespace."""
    with StageProcess("streams.stage", tmp_path, kafka):
        yield kafka


def source(name: str) -> str:
    return f"freeswitch={CAPTURES / name}.json"


@pytest.mark.parametrize("name", EXPECTED)
def test_subscriber_sees_what_the_clients_did(
    name: str, tmp_path: Path, streams: KafkaSettings
) -> None:
    began = time.time()
    done = rollcall(
        "replay", source(name), *into(streams), "--json", folder=tmp_path, kafka=streams
    )
    ended = time.time()
    records = lines(done)
    assert changes(records) == {u: seen for u, seen in EXPECTED[name].items() if seen}
    for aor in {record["aor"] for record in records}:
        versions = [record["version"] for record in records if record["aor"] == aor]
        assert versions == list(range(1, len(versions) + 1))
    for line in done.stdout.splitlines():
        codec.validate(Presence, line.encode())

    # Times are the recorded ones, moved by one constant: the recording ends now.
    at_source = recorded_times(CAPTURES / f"{name}.json")
    proof = [(r["evidence"][0].partition("/")[2], epoch(r["at"])) for r in records]
    shifts = [at - at_source[event] for event, at in proof]
    if shifts:
        assert max(shifts) - min(shifts) < 1e-4
        assert began < read_capture(CAPTURES / f"{name}.json")[-1].at / 1e6 + shifts[0] < ended

    who = lines(rollcall("who", "--json", folder=tmp_path, kafka=streams))
    assert final(who) == final(records)
    assert len(who) == len(final(records))


def test_call_records_agree_with_what_the_phones_did(
    tmp_path: Path, streams: KafkaSettings
) -> None:
    done = rollcall(
        "replay",
        source("calls"),
        *into(streams),
        "--calls",
        "--json",
        folder=tmp_path,
        kafka=streams,
    )
    records = {record["call_id"]: record for record in lines(done)}
    truth = [json.loads(t) for t in (CAPTURES / "calls.truth.jsonl").read_text().splitlines()]
    calls = [call for call in truth if "code" in call and call.get("call_id") and "frm" in call]
    assert len(calls) == 14
    created = _creation_times()
    for call in calls:
        record = records[call["call_id"]]
        assert record["state"] == "ended"
        users = [user(aor) for aor in record["users"]]
        assert users[0] == call["frm"]
        # Only the dialed user is in the call; an extension or an unknown number is no user.
        assert set(users[1:]) <= {call["to"]}
        assert bool(users[1:]) == (call["to"] in ("1002", "1003", "1004"))
        _check_times(record, call, shift=epoch(record["started"]) - created[record["call"]])
        assert record["cause"] in CAUSES[call["code"]], call
        if record["status_code"]:
            assert record["status_code"] == call["code"], call


def _creation_times() -> dict[str, float]:
    """The recorded time of each leg's creation."""
    events = (json.loads(f.body) for f in read_capture(CAPTURES / "calls.json") if f.name)
    return {
        e["Unique-ID"]: int(e["Event-Date-Timestamp"]) / 1e6
        for e in events
        if e["Event-Name"] == "CHANNEL_CREATE"
    }


def _check_times(record: dict[str, Any], call: dict[str, Any], shift: float) -> None:
    """The record's times against the caller's clock, which was the switch's."""
    ended = call.get("end_at") or call["t"]
    truth = {"started": call["t0"], "answered": call.get("answer_at"), "ended": ended}
    for name, moment in truth.items():
        found = record[name] and epoch(record[name]) - shift
        if moment is None:
            assert found is None, (name, call)
        else:
            assert found == pytest.approx(moment, abs=NEAR), (name, call)


def test_two_switches_at_once_do_not_affect_each_other(
    tmp_path: Path, streams: KafkaSettings
) -> None:
    names = ("reg_udp", "reg_tcp_multi")
    done = rollcall(
        *(
            "replay",
            *map(source, names),
            "--node",
            "fs-1",
            "--node",
            "fs-2",
            *into(streams),
            "--json",
        ),
        folder=tmp_path,
        kafka=streams,
    )
    records = lines(done)
    assert changes(records) == EXPECTED["reg_udp"] | EXPECTED["reg_tcp_multi"]
    for record in records:
        node = "fs-1" if user(record["aor"]) in EXPECTED["reg_udp"] else "fs-2"
        assert {binding["node"] for binding in record["bindings"]} <= {node}
        assert all(evidence.startswith(f"{node}/") for evidence in record["evidence"])


def test_user_on_two_switches_is_online_while_either_has_a_binding(
    tmp_path: Path, streams: KafkaSettings
) -> None:
    one = ("replay", source("restart_after"), "--node", "fs-1", *into(streams), "--json")
    lines(rollcall(*one, folder=tmp_path, kafka=streams))
    # The same users come and go on another node.
    other = ("replay", source("options_ping"), "--node", "fs-2", *into(streams), "--json")
    seen = changes(lines(rollcall(*other, folder=tmp_path, kafka=streams)))
    assert seen["1001"] == ["online registered", "online unregistered"]
    assert seen["1002"] == ["online registered", "online ping-lost"]
    assert seen["1003"] == ["online registered", "offline ping-lost"]
    who = final(lines(rollcall("who", "--json", folder=tmp_path, kafka=streams)))
    reachable = {user(aor): [b["node"] for b in p["bindings"]] for aor, p in who.items()}
    assert reachable == {"1001": ["fs-1"], "1002": ["fs-1"], "1003": []}


def test_same_recording_again_changes_nothing(tmp_path: Path, streams: KafkaSettings) -> None:
    """A repeat has the same event ids, so nothing in it is new, whatever its times are moved to."""
    replay = ("replay", source("reg_udp"), *into(streams), "--json")
    once = lines(rollcall(*replay, folder=tmp_path, kafka=streams))
    done = rollcall(*replay, folder=tmp_path, kafka=streams)
    again = lines(done)
    who = lines(rollcall("who", "--json", folder=tmp_path, kafka=streams))
    assert [(p["aor"], p["status"]) for p in who] == [
        (aor, last["status"]) for aor, last in sorted(final(once).items())
    ]
    assert changes(again) == {}
    assert "events played before are known" in done.stderr


def test_recorded_pace_gives_the_same_changes(tmp_path: Path, streams: KafkaSettings) -> None:
    began = datetime.now().timestamp()
    done = rollcall(
        "replay",
        source("reg_blind"),
        "--speed",
        "2",
        *into(streams),
        "--json",
        folder=tmp_path,
        kafka=streams,
    )
    assert datetime.now().timestamp() - began > 2.2  # 4.5 s were recorded
    assert changes(lines(done)) == EXPECTED["reg_blind"]


def test_a_call_whose_result_only_the_mrcp_server_has(
    tmp_path: Path, streams: KafkaSettings
) -> None:
    """Bridged, and without fire_asr_events: the switch alone reports the hangup."""
    name = CAPTURES.parent / "speech" / "fs_bridge_nofire"
    found = {}
    for node, more in (("fs-1", ()), ("fs-2", (f"mrcp={name}.mrcp",))):
        sources = (f"freeswitch={name}.esl.json", *more)
        (call,) = lines(
            rollcall(
                *("replay", *sources, "--node", node, *into(streams), "--calls", "--json"),
                folder=tmp_path,
                kafka=streams,
            )
        )
        (found[node],) = call["speech"]
    alone, both = found["fs-1"], found["fs-2"]
    assert (alone["cause"], alone["results"], alone["requests"]) == ("hangup", 0, [])
    assert (both["cause"], both["results"]) == ("success", 1)
    assert both["latency"] == pytest.approx(0.470, abs=0.001)
    (request,) = both["requests"]
    assert (request["node"], request["latency"]) == ("fs_bridge_nofire-mrcp", both["latency"])


def test_speech_of_a_call_and_a_killed_server(tmp_path: Path, streams: KafkaSettings) -> None:
    speech = CAPTURES.parent / "speech"
    names = ("fs_pds_success", "fs_pds_server_killed", "fs_speak")
    sources = [f"freeswitch={speech / name}.esl.json" for name in names]
    nodes = [option for node in ("fs-1", "fs-2", "fs-3") for option in ("--node", node)]
    done = rollcall("replay", *sources, *nodes, "--calls", "--json", folder=tmp_path, kafka=streams)
    found = {call["node"]: call["speech"] for call in lines(done)}
    (heard,), (killed,), (spoken,) = (found[node] for node in ("fs-1", "fs-2", "fs-3"))
    assert (heard["kind"], heard["cause"], heard["server"]) == (
        "recogniser",
        "success",
        "local-mrcp2",
    )
    assert heard["latency"] == pytest.approx(0.470, abs=0.02)  # as on the control connection
    assert (killed["cause"], killed["latency"]) == ("server-lost", None)
    assert epoch(killed["ended"]) - epoch(killed["started"]) == pytest.approx(2.86, abs=0.01)
    assert (spoken["kind"], spoken["cause"]) == ("synthesiser", "normal")
