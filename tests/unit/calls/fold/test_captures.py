"""Every recording with calls gives exactly the calls that its clients made."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.call_record import CallRecord
from schemas.vocabulary import CallState, HungUpBy
from tests.unit import kamailio_capture
from tests.unit.calls.folding import edge, fold, freeswitch
from tests.unit.opensips_capture import EDGES, Play

CAPTURES = Path(__file__).parents[3] / "captures"
# A switch's event time is up to 20 ms early; a proxy's is the time of receipt.
NEAR = 0.06
ANSWERED, REFUSED, CANCELLED = 200, range(300, 700), 487


def truth(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def user(aor: str | None) -> str | None:
    return None if aor is None else aor.removeprefix("sip:").partition("@")[0]


def epoch(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def check(record: CallRecord, call: dict[str, Any], *, near: float = NEAR) -> None:
    """A call against what its caller saw, by the same clock."""
    assert record.state is CallState.ENDED
    times = {
        "started": call.get("t0") or call.get("t_invite"),
        "answered": call.get("answer_at"),
        "ended": call.get("end_at") or (call["t"] if "t0" in call else None),
    }
    for name, moment in times.items():
        found = epoch(getattr(record, name))
        if name == "answered" or moment is not None:
            assert found == (None if moment is None else pytest.approx(moment, abs=near)), name
    if record.status_code is not None:
        # A proxy makes 500 of a 503 from behind it (RFC 3261 §16.7).
        assert record.status_code in (call["code"], {500: 503}.get(call["code"]))


def test_each_call_of_a_switch_is_one_record_as_the_phones_saw_it() -> None:
    records = fold(freeswitch(CAPTURES / "freeswitch" / "calls.json"))
    by_id = {record.call_id: record for record in records}
    calls = [
        one
        for one in truth(CAPTURES / "freeswitch" / "calls.truth.jsonl")
        if "code" in one and one.get("call_id", "").endswith("@probe-call") and one.get("frm")
    ]
    assert len(calls) == 14
    for call in calls:
        record = by_id[call["call_id"]]
        check(record, call)
        assert user(record.caller) == record.users[0].split(":")[1].split("@")[0] == call["frm"]
        is_user = call["to"] in ("1002", "1003", "1004")
        assert user(record.callee) == (call["to"] if is_user else None)
        assert record.dialled == call["to"]
        if "ended_by" in call:
            expected = HungUpBy.CALLER if call["ended_by"] == "self" else HungUpBy.CALLEE
            is_by_switch = "tone" in call["what"]
            assert record.hung_up_by is (HungUpBy.SERVER if is_by_switch else expected)
    assert all(record.state is CallState.ENDED for record in records)
    assert sum(len(record.legs) for record in records) == 35  # all that the switch had
    assert len({record.id for record in records}) == len(records)


def test_a_queues_agent_has_joined_the_call() -> None:
    record = of_switch("callcenter-9700")
    assert [user(aor) for aor in record.users] == ["1001"]
    assert [user(aor) for aor in record.joined] == ["1002"]


def of_switch(what: str) -> CallRecord:
    (call,) = [
        one
        for one in truth(CAPTURES / "freeswitch" / "calls.truth.jsonl")
        if one.get("what") in (f"call-{what}-end", f"{what}-end")
    ]
    records = fold(freeswitch(CAPTURES / "freeswitch" / "calls.json"))
    return next(record for record in records if record.call_id == call["call_id"])


def test_a_forked_call_has_both_branches() -> None:
    record = of_switch("forked-to-two-devices")
    assert record.forks == 2
    assert sorted(leg.cause or "" for leg in record.legs if leg.direction == "incoming") == [
        "LOSE_RACE",
        "NORMAL_CLEARING",
    ]


def test_refused_and_cancelled_calls_name_who_ended_them() -> None:
    assert of_switch("busy").hung_up_by is HungUpBy.CALLEE
    assert of_switch("cancelled-by-caller").hung_up_by is HungUpBy.CALLER
    assert of_switch("no-answer-timeout-20s").hung_up_by is HungUpBy.SERVER


def test_digits_are_counted_and_never_shown() -> None:
    record = of_switch("play-and-get-digits")
    assert record.digits == 3  # an application took so many
    assert of_switch("echo-with-dtmf").digits == 0  # nobody did


def test_a_transferred_call_is_one_record_with_its_transfers() -> None:
    records = fold(freeswitch(CAPTURES / "freeswitch" / "calls.json"))
    (moved,) = [record for record in records if record.transfers]
    assert [(t.kind, t.target) for t in moved.transfers] == [
        ("blind", "1002/default/XML"),
        ("blind", "9196/default/XML"),
    ]


def test_a_held_call_counts_its_holds() -> None:
    records = fold(freeswitch(CAPTURES / "freeswitch" / "calls.json"))
    (held,) = [record for record in records if record.holds]
    assert (held.holds, user(held.users[0])) == (1, "1003")


def edge_calls() -> Iterator[Any]:
    for path in sorted(EDGES.glob("*_call*.truth.jsonl")):
        yield pytest.param(path, id=path.name.split(".")[0])


@pytest.mark.parametrize("path", [*edge_calls()])
def test_a_call_across_an_edge_is_one_record(path: Path) -> None:
    calls = [one for one in truth(path) if "code" in one and "@probe-call" in str(one["call_id"])]
    calls = [one for one in calls if one["what"] != "register"]
    records = fold(edge(path.name.split(".")[0]))
    assert {r.call_id for r in records} == {c["call_id"] for c in calls}
    assert len(records) == len(calls)
    for call in calls:
        record = next(r for r in records if r.call_id == call["call_id"])
        check(record, call)
        assert user(record.caller) == "1010"
        assert "edge" in record.nodes
        if call.get("ended_by") == "self":
            assert record.hung_up_by is HungUpBy.CALLER
        if call["code"] == ANSWERED:
            assert record.nodes[0] == "fs"
            assert set(record.nodes) == {"fs", "edge"}
            assert user(record.callee) == "1011"
            assert len({leg.sip_call_id for leg in record.legs}) == 2
            assert record.forks == 1


def opensips_calls() -> Iterator[Any]:
    for path in sorted((CAPTURES / "opensips").glob("*call_*.datagram")):
        for kind in ("datagram", "stream"):
            yield pytest.param(path.with_suffix(f".{kind}"), id=f"{path.stem}-{kind}")


# Who ended each call of OpenSIPS' recordings, as far as its events show it: with CDRs nothing shows
# who sent the BYE, nor that OpenSIPS itself did (call_dlg_timeout).
HUNG_UP = {
    "call_busy": HungUpBy.CALLEE,
    "call_busy_oldacc": HungUpBy.CALLEE,
    "call_bye_unanswered": None,
    "call_callee_hangup": None,
    "call_caller_hangup": None,
    "call_cancel": HungUpBy.CALLER,
    "call_dead_callee": HungUpBy.SERVER,
    "call_declined": HungUpBy.CALLEE,
    "call_dlg_timeout": None,
    "call_noanswer": HungUpBy.SERVER,
    "call_nouser": HungUpBy.SERVER,
    "call_oldacc": HungUpBy.CALLER,
    "call_tcp_udp": None,
}


@pytest.mark.parametrize("path", [*opensips_calls()])
def test_a_proxys_dialog_is_one_record(path: Path) -> None:
    notes = path.with_suffix("").with_suffix(".notes.md").read_text()
    made = re.search(r"\((\d+\.\d+)\) (\w+) INVITEs (\w+) .*?call-id ([\w-]+)", notes)
    final = re.search(r"\((\d+\.\d+)\) final response SIP/2.0 (\d{3})", notes)
    assert made is not None
    assert final is not None
    (record,) = fold(Play().play(path).collector.records)
    assert record.call_id == made[4]
    assert record.state is CallState.ENDED
    assert [user(aor) for aor in record.users] == [made[2], made[3]]
    assert (user(record.caller), user(record.callee)) == (made[2], made[3])
    assert record.hung_up_by is HUNG_UP[path.stem.removeprefix("v24_")]
    assert record.status_code == int(final[2])
    if int(final[2]) == ANSWERED:
        assert epoch(record.answered) == pytest.approx(float(final[1]), abs=NEAR)
    else:
        assert record.answered is None
        assert epoch(record.ended) == pytest.approx(float(final[1]), abs=NEAR)


@pytest.mark.parametrize("name", ["sc_sipp_call", "sc_sipp_dlglive", "sc_sipp_rtp"])
def test_a_kamailio_dialog_is_one_record(name: str) -> None:
    text = (CAPTURES / "kamailio" / f"{name}.jsonl").read_text()
    events = [row["ev"] for row in map(json.loads, text.splitlines()) if row["kind"] == "evapi"]
    start, end = (next(e for e in events if e.get("ev") == f"dialog:{w}") for w in ("start", "end"))
    (record,) = fold(kamailio_capture.Play().play(name).collector.records)
    assert record.call_id == start["callid"]
    assert [user(aor) for aor in record.users] == ["alice", "bob"]
    assert epoch(record.answered) == pytest.approx(start["t"], abs=0.001)
    assert epoch(record.ended) == pytest.approx(end["t"], abs=0.001)


def test_a_call_whose_switch_is_shut_down_ends_with_it() -> None:
    (record,) = fold(freeswitch(CAPTURES / "freeswitch" / "restart_before.json"))
    assert (record.state, record.cause) == (CallState.ENDED, "SYSTEM_SHUTDOWN")
    assert [user(aor) for aor in record.users] == ["1001", "1002"]


def speech_captures() -> Iterator[Any]:
    for path in sorted((CAPTURES / "speech").glob("*.esl.json")):
        yield pytest.param(path, id=path.name.split(".")[0])


@pytest.mark.parametrize("path", [*speech_captures()])
def test_a_call_with_speech_is_one_record_with_its_sessions(path: Path) -> None:
    began, *_, ended = truth(path.with_name(path.name.replace(".esl.json", ".truth.jsonl")))
    made = re.search(r"user (\d+) to (\d+)", began["do"])
    assert made is not None
    (record,) = fold(freeswitch(path, speech=True))
    assert (user(record.users[0]), record.dialled) == (made[1], made[2])
    assert epoch(record.ended) == pytest.approx(ended["t"], abs=1.0)
    assert all(session.ended is not None for session in record.speech)
