"""Leg fold: whatever order a leg's events come in, and however often."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from calls.fold.leg import count_once, fold_leg, new_leg, presume_end
from schemas.call import CallEvent
from schemas.call_record import CallLeg
from schemas.codec import encode
from schemas.vocabulary import CallKind, CallState, LegEndedBy
from tests.unit.calls.folding import ALICE, START, event


def leg_of(*events: CallEvent) -> CallLeg:
    leg = new_leg(events[0], "a")
    for one in events:
        fold_leg(leg, one)
    return leg


def state(*events: CallEvent) -> CallState:
    return leg_of(*events).state


def progress() -> list[CallEvent]:
    return [
        event(CallKind.TRYING, 1, call="call", aor=ALICE),
        event(CallKind.RINGING, 2, call="call"),
        event(CallKind.ANSWERED, 3, call="call"),
        event(CallKind.ENDED, 4, call="a", cause="NORMAL_CLEARING", ended_by=LegEndedBy.PARTY),
    ]


def test_order_does_not_matter() -> None:
    expected = leg_of(*progress())
    assert (expected.call, expected.state, expected.cause) == (
        "call",
        CallState.ENDED,
        "NORMAL_CLEARING",
    )
    for shuffled in permutations(progress()):
        assert encode(leg_of(*shuffled)) == encode(expected)


def test_repeat_changes_nothing() -> None:
    assert encode(leg_of(*progress(), *progress())) == encode(leg_of(*progress()))


def test_late_event_does_not_reopen_a_leg() -> None:
    assert state(event(CallKind.ENDED, 2), event(CallKind.RINGING, 3)) is CallState.ENDED


def test_hold_and_resume_follow_each_other_by_sequence() -> None:
    answered, held, resumed = (
        event(kind, seq)
        for seq, kind in enumerate((CallKind.ANSWERED, CallKind.HELD, CallKind.RESUMED), 1)
    )
    assert state(answered, held) is CallState.HELD
    assert state(answered, held, resumed) is CallState.ANSWERED
    assert state(answered, resumed, held) is CallState.ANSWERED


def test_a_digit_counts_once() -> None:
    digits = [event(CallKind.DTMF, seq) for seq in (2, 3, 2, 4, 3)]
    assert leg_of(event(CallKind.ANSWERED, 1), *digits).digits == 3
    assert leg_of(*digits).digit_seqs == [2, 3, 4]


def test_more_digits_than_are_kept_count_once() -> None:
    seqs: list[int] = []
    assert sum(count_once(seqs, seq) for seq in [*range(400), *range(400)]) == 400


@pytest.mark.parametrize(
    ("listed", "after", "expected"),
    [
        (CallState.ANSWERED, 1.0, CallState.HELD),  # may be of before the hold
        (CallState.ANSWERED, 60.0, CallState.ANSWERED),  # the end of the hold was lost
    ],
)
def test_a_listing_corrects_a_hold_whose_end_was_lost(
    listed: CallState, after: float, expected: CallState
) -> None:
    row = event(CallKind.SNAPSHOT_ROW, 0, state=listed, snapshot="s")
    row.at = START + timedelta(seconds=2 + after)
    assert state(event(CallKind.ANSWERED, 1), event(CallKind.HELD, 2), row) is expected


def test_a_listing_shows_an_answer_that_was_lost_and_never_goes_back() -> None:
    def row(listed: CallState) -> CallEvent:
        return event(CallKind.SNAPSHOT_ROW, 9, state=listed, snapshot="s", call="other")

    leg = leg_of(event(CallKind.RINGING, 1, call="call"), row(CallState.ANSWERED))
    assert (leg.state, leg.call, leg.started) == (
        CallState.ANSWERED,
        "call",
        START + timedelta(seconds=1),
    )
    assert state(event(CallKind.ANSWERED, 1), row(CallState.RINGING)) is CallState.ANSWERED


def test_a_presumed_end_is_taken_back_by_a_later_event_and_replaced_by_a_reported_one() -> None:
    def presumed() -> CallLeg:
        leg = leg_of(event(CallKind.ANSWERED, 1))
        presume_end(leg, "node-lost", START + timedelta(seconds=5))
        return leg

    late, later, end = presumed(), presumed(), presumed()
    fold_leg(late, event(CallKind.RINGING, 2))
    assert (late.state, late.cause) == (CallState.ENDED, "node-lost")
    fold_leg(later, event(CallKind.HELD, 6))
    assert (later.state, later.ended, later.cause) == (CallState.HELD, None, None)
    fold_leg(end, event(CallKind.ENDED, 4, cause="NORMAL_CLEARING"))
    assert (end.state, end.presumed, end.cause) == (CallState.ENDED, False, "NORMAL_CLEARING")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("1795500481:id:bl_xfer:1002/default/XML", [("blind", "1002/default/XML")]),
        ("1795500481:id:att_xfer:1001@a/1002@b", [("attended", "1001@a/1002@b")]),
        ("1795500481:id:uuid_br:leg", []),
        ("soon:id:bl_xfer:1002", []),
        ("99999999999:id:bl_xfer:1002", []),
        ("nothing", []),
    ],
)
def test_transfers_are_read_from_the_servers_own_note(source: str, found: list[Any]) -> None:
    transferred = event(CallKind.BRIDGED, 2, transfer=source)
    leg = leg_of(event(CallKind.ANSWERED, 1), transferred, transferred)
    assert [(t.kind, t.target) for t in leg.transfers] == found
