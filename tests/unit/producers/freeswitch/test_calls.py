"""Calls in the captures against what the phones really did."""

from typing import Any

import pytest

from producers.freeswitch import translation
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from schemas.topics import CALLS, NODES
from schemas.vocabulary import CallKind, Direction, LegEndedBy, NodeKind
from tests.unit.freeswitch_capture import MARGIN, of_topic, switch_events, translated, truth

DOMAIN = "sip.example.test"
# What the switch calls the end of a call whose caller was answered with this code.
CAUSES = {
    200: "NORMAL_CLEARING",
    404: "NO_ROUTE_DESTINATION",
    486: "USER_BUSY",
    487: "ORIGINATOR_CANCEL",
    603: "CALL_REJECTED",
}


def _ends() -> dict[str, Any]:
    return {e.sip_call_id: e for e in of_topic("calls", CALLS) if e.kind is CallKind.ENDED}


CALLS_MADE = [e for e in truth("calls") if e["what"].endswith("-end") and e.get("frm")]


@pytest.mark.parametrize("call", CALLS_MADE, ids=lambda call: call["what"])
def test_the_callers_leg_ends_as_the_caller_recorded_it(call: dict[str, Any]) -> None:
    end = _ends()[call["call_id"]]
    assert end.aor == f"sip:{call['frm']}@{DOMAIN}"
    assert end.direction is Direction.OUTGOING
    assert end.peer == call["to"]
    if call["code"] in CAUSES:
        assert end.cause == CAUSES[call["code"]]
    if "answer_at" in call:
        talked = (call["end_at"] - call["answer_at"]) * 1000
        assert end.duration_ms == pytest.approx(talked, abs=100)
    else:
        assert end.duration_ms is None
    if end.status_code is not None:
        assert end.status_code == call["code"]


def test_every_leg_begins_and_ends_once_in_one_call_of_one_user() -> None:
    legs: dict[tuple[str, int], list[Any]] = {}
    generation: dict[str, int] = {}
    for event in of_topic("calls", CALLS):
        if event.kind is CallKind.TRYING:  # the recorder used one UUID for several legs
            generation[event.leg] = generation.get(event.leg, 0) + 1
        legs.setdefault((event.leg, generation[event.leg]), []).append(event)
    assert len(legs) == 35
    for events in legs.values():
        kinds = [event.kind for event in events]
        assert (kinds[0], kinds[-1]) == (CallKind.TRYING, CallKind.ENDED)
        assert kinds.count(CallKind.ENDED) == 1
        assert len({(e.aor, e.call, e.direction) for e in events}) == 1


def test_forked_branches_are_legs_of_one_call() -> None:
    caller = next(
        e for e in of_topic("calls", CALLS) if e.sip_call_id == "878bbe3490d9a89d@probe-call"
    )
    branches = [
        e
        for e in of_topic("calls", CALLS)
        if e.call == caller.leg and e.leg != caller.leg and e.kind is CallKind.ENDED
    ]
    assert {e.cause for e in branches} == {"LOSE_RACE", "NORMAL_CLEARING"}
    assert {e.aor for e in branches} == {f"sip:1002@{DOMAIN}"}


def test_click_to_call_keeps_the_first_legs_user() -> None:
    """The switch overwrites dialed_user of 1001's leg with 1002 when it dials on."""
    first = [
        e
        for e in of_topic("calls", CALLS)
        if e.sip_call_id == "3e657141-6270-1240-b2bb-c622d7a70ca8"
    ]
    assert {e.aor for e in first} == {f"sip:1001@{DOMAIN}"}
    assert first[-1].kind is CallKind.ENDED


def test_a_leg_without_its_first_event_is_known_by_its_presence_id() -> None:
    late = [
        event
        for event in switch_events("calls", "CHANNEL_HANGUP_COMPLETE")
        if event.text("variable_sip_call_id") == "3e657141-6270-1240-b2bb-c622d7a70ca8"
    ]
    (record,) = translation.translate(late[0], Context("n", MARGIN))
    assert record.key == f"sip:1001@{DOMAIN}"


def test_a_loopback_leg_has_no_user() -> None:
    legs = {
        event.text("Unique-ID")
        for event in switch_events("calls", "CHANNEL_CREATE")
        if (event.text("Channel-Name") or "").startswith("loopback/")
    }
    nobodys = [r for r in translated("calls") if r.topic is CALLS and r.event.aor is None]
    assert nobodys
    assert {record.event.leg for record in nobodys} <= legs
    assert all(record.key == record.event.leg for record in nobodys)


def test_a_trunks_leg_has_no_user() -> None:
    headers = dict(switch_events("calls", "CHANNEL_CREATE")[0].headers)
    headers["variable_sip_gateway_name"] = "carrier"
    (record,) = translation.translate(SwitchEvent(headers), Context("n", MARGIN))
    assert record.event.aor is None


def test_digits_are_masked() -> None:
    digits = [e for e in of_topic("calls", CALLS) if e.kind is CallKind.DTMF]
    assert [e.digit for e in digits] == [None] * 5
    assert [e.duration_ms for e in digits] == [120, 120, 120, 250, 250]


def test_digits_in_clear_where_a_use_is_named() -> None:
    context = Context("n", MARGIN, digits_in_clear=True)
    events = [translation.translate(e, context)[0].event for e in switch_events("calls", "DTMF")]
    assert "".join(e.digit for e in events) == "42#56"


def test_hold_and_resume() -> None:
    kinds = [e.kind for e in of_topic("calls", CALLS) if e.leg and e.leg.startswith("1111")]
    held = kinds.index(CallKind.HELD)
    assert kinds[held : held + 2] == [CallKind.HELD, CallKind.RESUMED]


def test_a_refused_invite_ends_what_never_began() -> None:
    (end,) = of_topic("reg_authfail", CALLS)
    assert (end.kind, end.cause) == (CallKind.ENDED, "CALL_REJECTED")


def test_shutdown_is_down_with_its_reason() -> None:
    last = of_topic("restart_before", NODES)[-1]
    assert (last.kind, last.reason) == (NodeKind.DOWN, "System Shutting Down")


def test_the_end_of_a_leg_names_which_end_ended_it() -> None:
    by = {call["call_id"]: call["ended_by"] for call in CALLS_MADE if "ended_by" in call}
    assert len(by) > 5
    for call_id, who in by.items():
        expected = LegEndedBy.PARTY if who == "self" else LegEndedBy.SERVER
        assert _ends()[call_id].ended_by is expected


def test_a_transfer_and_what_the_servers_hand_on_are_on_the_events() -> None:
    transferred = [e.transfer for e in of_topic("calls", CALLS) if e.transfer]
    assert any(":bl_xfer:1002/default/XML" in transfer for transfer in transferred)
    (created,) = switch_events("calls", "CHANNEL_CREATE")[:1]
    named = SwitchEvent({**created.headers, "variable_sip_h_X-Rollcall-Call": "c-1"})
    (record,) = translation.translate(named, Context(None, MARGIN))
    assert record.event.correlation == "c-1"
