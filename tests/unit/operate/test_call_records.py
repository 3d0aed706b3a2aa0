"""Call records: legs are combined, in whatever order their events come."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from operate.call_records import CallBook
from schemas.call import CallEvent
from schemas.vocabulary import CallKind, CallState, Direction, Source

START = datetime(2026, 1, 1, tzinfo=UTC)
ALICE, BOB = "sip:alice@example.test", "sip:bob@example.test"


def event(kind: CallKind, seq: int, leg: str = "a", **fields: Any) -> CallEvent:
    """One event of a leg, `seq` seconds after the start of all."""
    return CallEvent(
        id=f"fs-1/boot/{seq}",
        source=Source.FREESWITCH,
        node="fs-1",
        boot="boot",
        seq=seq,
        at=START + timedelta(seconds=seq),
        kind=kind,
        leg=leg,
        **fields,
    )


def records(*events: CallEvent) -> list[dict[str, Any]]:
    book = CallBook()
    book.apply(events)
    return book.records()


def answered_call() -> list[CallEvent]:
    a = {"aor": ALICE, "direction": Direction.OUTGOING, "sip_call_id": "a@phone"}
    b = {"aor": BOB, "direction": Direction.INCOMING, "sip_call_id": "b@switch"}
    return [
        event(CallKind.TRYING, 1, "a", call="a", **a),
        event(CallKind.TRYING, 2, "b", call="a", **b),
        event(CallKind.RINGING, 3, "b", call="a", **b),
        event(CallKind.ANSWERED, 4, "b", call="a", **b),
        event(CallKind.ANSWERED, 5, "a", call="a", **a),
        # The end of a B leg names the leg itself as the call.
        event(CallKind.ENDED, 6, "b", call="b", cause="NORMAL_CLEARING", **b),
        event(CallKind.ENDED, 7, "a", call="a", cause="NORMAL_CLEARING", **a),
    ]


def test_two_legs_are_one_call_with_the_first_legs_sip_call_id() -> None:
    (record,) = records(*answered_call())
    assert record["call_id"] == "a@phone"
    assert record["users"] == [ALICE, BOB]
    assert record["state"] == CallState.ENDED
    assert record["started"] == "2026-01-01T00:00:01Z"
    assert record["answered"] == "2026-01-01T00:00:05Z"
    assert record["ended"] == "2026-01-01T00:00:07Z"
    assert record["cause"] == "NORMAL_CLEARING"
    assert [leg["leg"] for leg in record["legs"]] == ["a", "b"]


def test_order_between_partitions_does_not_matter() -> None:
    events = answered_call()
    a, b = [e for e in events if e.leg == "a"], [e for e in events if e.leg == "b"]
    assert records(*a, *b) == records(*b, *a) == records(*events)


def test_order_within_a_leg_does_not_matter() -> None:
    events = answered_call()
    expected = records(*events)
    a, b = [e for e in events if e.leg == "a"], [e for e in events if e.leg == "b"]
    for shuffled in permutations(b):
        assert records(*a, *shuffled) == expected


def test_repeat_changes_nothing() -> None:
    events = answered_call()
    assert records(*events, *events) == records(*events)


def test_late_event_does_not_reopen_an_ended_leg() -> None:
    (record,) = records(event(CallKind.ENDED, 2, call="a"), event(CallKind.RINGING, 1, call="a"))
    assert record["state"] == CallState.ENDED
    assert record["legs"][0]["state"] == CallState.ENDED


def test_leg_with_only_an_end_is_a_call() -> None:
    (record,) = records(event(CallKind.ENDED, 1, call="a", aor=ALICE, cause="CALL_REJECTED"))
    assert (record["users"], record["cause"]) == ([ALICE], "CALL_REJECTED")
    assert record["answered"] is None


def test_call_is_live_while_one_leg_is() -> None:
    (record,) = records(*answered_call()[:-1])
    assert record["state"] == CallState.ANSWERED
    assert record["ended"] is None


def test_hold_and_resume_follow_each_other() -> None:
    events = [
        event(CallKind.ANSWERED, 1, call="a"),
        event(CallKind.HELD, 2, call="a"),
        event(CallKind.RESUMED, 3, call="a"),
    ]
    assert records(*events[:2])[0]["state"] == CallState.HELD
    assert records(*events)[0]["state"] == CallState.ANSWERED


def test_marks_of_a_listing_are_not_legs() -> None:
    mark = event(CallKind.SNAPSHOT_BEGAN, 1)
    mark.leg = None
    assert records(mark) == []
