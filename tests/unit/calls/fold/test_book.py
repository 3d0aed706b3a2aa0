"""Call book: which legs are one call, and what ends a call whose end no event reports."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from calls.fold.book import CallBook
from calls.fold.joining import MAX_LEGS
from calls.fold.summary import summarise
from schemas.call import CallEvent
from schemas.call_record import CallRecord
from schemas.codec import decode, encode
from schemas.internal import NodeState
from schemas.presence import Presence, PresenceCall
from schemas.vocabulary import (
    CallKind,
    CallState,
    Cause,
    Direction,
    HungUpBy,
    LegEndedBy,
    Status,
)
from tests.unit.calls.folding import (
    ALICE,
    BOB,
    CAROL,
    NOW,
    START,
    calls_of,
    event,
    folded,
    last,
)

A: dict[str, Any] = {
    "call": "a",
    "aor": ALICE,
    "direction": Direction.OUTGOING,
    "sip_call_id": "a@phone",
    "peer": "bob",
}
B: dict[str, Any] = {
    "leg": "b",
    "call": "a",
    "aor": BOB,
    "direction": Direction.INCOMING,
    "sip_call_id": "b@switch",
}
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def answered_call() -> list[CallEvent]:
    # The end of a B leg names the leg itself as the call.
    ended = {"cause": "NORMAL_CLEARING"}
    return [
        event(CallKind.TRYING, 1, **A),
        event(CallKind.TRYING, 2, **B),
        event(CallKind.RINGING, 3, **B),
        event(CallKind.ANSWERED, 4, **B),
        event(CallKind.ANSWERED, 5, **A),
        event(CallKind.BRIDGED, 6, **A, other_leg="b"),
        event(CallKind.ENDED, 7, **(B | {"call": "b"}), **ended, ended_by=LegEndedBy.SERVER),
        event(CallKind.ENDED, 8, **A, **ended, ended_by=LegEndedBy.PARTY),
    ]


def view(record: CallRecord) -> bytes:
    """All of a record but its id and version."""
    copy = decode(CallRecord, encode(record))
    copy.id, copy.version = "", 0
    return encode(copy)


def book_of(*events: CallEvent) -> CallBook:
    book = CallBook(1)
    for one in events:
        book.read_call(one, 0, NOW)
    return book


def only(book: CallBook) -> CallRecord:
    (record,) = calls_of(book)
    return record


def at(seconds: float) -> Any:
    return START + timedelta(seconds=seconds)


def test_two_legs_are_one_call() -> None:
    (record,) = folded(answered_call())
    assert (record.call_id, record.call, record.node) == ("a@phone", "a", "fs-1")
    assert (record.caller, record.callee, record.users) == (ALICE, BOB, [ALICE, BOB])
    assert (record.started, record.ringing, record.answered, record.ended) == (
        at(1),
        at(3),
        at(5),
        at(8),
    )
    assert (record.state, record.cause) == (CallState.ENDED, "NORMAL_CLEARING")
    assert (record.hung_up_by, record.forks) == (HungUpBy.CALLER, 1)
    assert [leg.leg for leg in record.legs] == ["a", "b"]


def test_no_order_and_no_repeat_changes_the_record() -> None:
    expected = view(folded(answered_call())[0])
    for count, shuffled in enumerate(permutations(answered_call())):
        if count % 97 == 0:
            (record,) = folded([*shuffled, *shuffled])
            assert view(record) == expected


def test_a_call_is_live_while_one_leg_is() -> None:
    record = only(book_of(*answered_call()[:-1]))
    assert (record.state, record.ended, record.hung_up_by) == (CallState.ANSWERED, None, None)


def test_a_record_that_did_not_change_is_not_given_again() -> None:
    book = book_of(*answered_call())
    first = only(book)
    for one in answered_call():
        book.read_call(one, 0, NOW)
    assert list(book.records()) == []
    book.read_call(event(CallKind.DTMF, 9, **A), 0, NOW)
    assert only(book).version == first.version + 1


def edge_call() -> list[CallEvent]:
    """As FreeSWITCH behind an OpenSIPS sees it, and OpenSIPS its two dialogs."""
    front = {"node": "edge", "call": "k1", "sip_call_id": "a@phone"}
    back = {"node": "edge", "call": "k2", "sip_call_id": "b@switch"}
    outgoing, incoming = Direction.OUTGOING, Direction.INCOMING
    return [
        *answered_call(),
        event(CallKind.RINGING, 2, "k1/caller", aor=ALICE, direction=outgoing, **front),
        event(CallKind.RINGING, 2, "k1/callee", aor=BOB, direction=incoming, **front),
        event(CallKind.RINGING, 3, "k2/callee", aor=BOB, direction=incoming, **back),
        event(CallKind.ENDED, 8, "k1/caller", status_code=200, **front),
        event(CallKind.ENDED, 8, "k1/callee", status_code=200, **front),
        event(CallKind.ENDED, 9, "k2/callee", **back),
    ]


def test_a_call_across_an_edge_is_one_record_though_it_has_two_dialogs() -> None:
    (record,) = folded(edge_call())
    assert record.nodes == ["fs-1", "edge"]
    assert record.users == [ALICE, BOB]
    assert (record.forks, record.status_code, record.ended) == (1, 200, at(9))
    (back,) = folded(reversed(edge_call()))
    assert view(back) == view(record)


def test_dialogs_that_a_b2bua_joins_later_become_one_record() -> None:
    book = book_of(
        event(CallKind.RINGING, 1, "k1", node="edge", sip_call_id="a@phone"),
        event(CallKind.RINGING, 2, "k2", node="edge", sip_call_id="b@switch"),
    )
    first, second = sorted(last(book).values(), key=lambda r: r.started)
    book.read_call(event(CallKind.TRYING, 3, **A), 0, NOW)
    book.read_call(event(CallKind.TRYING, 4, **B), 0, NOW)
    records = last(book)
    assert records[second.id].merged_into == first.id
    assert records[second.id].version == second.version + 1
    assert len(records[first.id].legs) == 4
    assert list(book.records()) == []
    assert set(book.forget_ended(NOW + HOUR, MINUTE)) == {second.id}  # the call itself lives


def test_correlation_joins_dialogs_that_share_nothing_else() -> None:
    (record,) = folded(
        [
            event(CallKind.TRYING, 1, "k1", node="edge", sip_call_id="1", correlation="x"),
            event(CallKind.TRYING, 2, "k2", node="other", sip_call_id="2", correlation="x"),
        ]
    )
    assert record.nodes == ["edge", "other"]


@pytest.mark.parametrize(("pause", "calls"), [(20, 1), (60, 2)])
def test_a_call_id_that_is_used_again_later_is_another_call(pause: int, calls: int) -> None:
    """A challenged INVITE comes again at once; a client that reuses Call-IDs calls later."""
    book = book_of(
        event(CallKind.ENDED, 1, "k1", sip_call_id="same", status_code=407),
        event(CallKind.RINGING, 1 + pause, "k2", sip_call_id="same"),
        event(CallKind.ENDED, 2 + pause, "k2", sip_call_id="same", status_code=200),
    )
    assert len(calls_of(book)) == calls


def test_a_leg_that_has_ended_stays_ended_unless_its_id_begins_again() -> None:
    book = book_of(*answered_call())
    book.read_call(event(CallKind.ANSWERED, 90, **A), 0, NOW)
    assert only(book).state is CallState.ENDED
    again = A | {"sip_call_id": "another@phone"}
    for one in (event(CallKind.TRYING, 100, **again), event(CallKind.ANSWERED, 101, **again)):
        book.read_call(one, 0, NOW)
    second = only(book)
    assert (second.state, second.started, len(second.legs)) == (CallState.ANSWERED, at(100), 1)
    new = restored(book)
    new.read_call(event(CallKind.ENDED, 110, **again), 0, NOW)
    assert only(new).started == at(100)
    assert len(new.calls) == 2


def test_an_attended_transfer_is_one_record() -> None:
    """Bob consults Carol on a second leg, and hands Alice over to her."""
    consult = {"call": "b2", "aor": BOB, "direction": Direction.OUTGOING, "sip_call_id": "b2@phone"}
    carol = {"call": "b2", "aor": CAROL, "direction": Direction.INCOMING, "sip_call_id": "c@switch"}
    moved = {"cause": "ATTENDED_TRANSFER"}
    book = book_of(
        *answered_call()[:6],
        event(CallKind.HELD, 10, **B),
        event(CallKind.TRYING, 11, "b2", **consult),
        event(CallKind.TRYING, 12, "c", **carol),
        event(CallKind.ANSWERED, 13, "c", **carol),
        event(CallKind.ANSWERED, 13, "b2", **consult),
    )
    assert len(calls_of(book)) == 2
    for one in (
        event(CallKind.BRIDGED, 20, **A, other_leg="c"),
        event(CallKind.ENDED, 21, **B, **moved),
        event(CallKind.ENDED, 21, "b2", **consult, **moved),
        event(CallKind.ENDED, 30, "c", **carol, cause="NORMAL_CLEARING", ended_by="party"),
        event(CallKind.ENDED, 30, **A, cause="NORMAL_CLEARING", ended_by="server"),
    ):
        book.read_call(one, 0, NOW)
    record = only(book)
    assert (record.users, record.joined) == ([ALICE, BOB], [CAROL])
    assert [(t.kind, t.by) for t in record.transfers] == [("attended", BOB)]
    assert (record.holds, record.hung_up_by, record.state) == (1, HungUpBy.CALLEE, "ended")


def test_a_pick_up_names_who_took_the_call() -> None:
    taker = {"aor": CAROL, "direction": Direction.OUTGOING, "sip_call_id": "c@phone"}
    record = only(
        book_of(
            *answered_call()[:3],
            event(CallKind.TRYING, 5, "c", call="c", **taker),
            event(CallKind.ANSWERED, 6, "c", call="c", **taker),
            event(CallKind.BRIDGED, 6, "c", call="c", **taker, other_leg="a"),
            event(CallKind.ENDED, 7, **B, cause="PICKED_OFF"),
        )
    )
    assert record.pick_up is not None
    assert (record.callee, record.joined) == (CAROL, [CAROL])
    assert (record.pick_up.by, record.pick_up.rang, record.pick_up.at) == (CAROL, BOB, at(7))


def test_where_many_meet_is_not_one_call() -> None:
    book = CallBook(1)
    for number in range(MAX_LEGS + 50):
        leg = {"leg": f"m{number}", "call": f"m{number}", "other_leg": "agent"}
        book.read_call(event(CallKind.BRIDGED, number, **leg), 0, NOW)
    assert max(len(record.legs) for record in calls_of(book)) <= MAX_LEGS + 1


# -- ends that no event reports -------------------------------------------------------------------
def test_a_call_whose_node_died_ends_with_node_lost_and_lives_when_it_is_back() -> None:
    book = book_of(*answered_call()[:6])
    lost = NodeState(boot="boot", at=at(6), lost=True)
    book.read_node("fs-1", lost, NOW)
    record = only(book)
    assert (record.state, record.cause, record.ended) == (CallState.ENDED, "node-lost", at(6))
    assert all(leg.presumed for leg in record.legs)
    book.read_node("fs-1", NodeState(boot="boot", at=at(9)), NOW)
    assert only(book).state is CallState.ANSWERED


def test_calls_of_an_earlier_process_have_ended() -> None:
    book = CallBook(1)
    book.read_node("fs-1", NodeState(boot="boot-2", at=at(60)), NOW)
    for one in answered_call()[:6]:  # read only after the restart is known
        book.read_call(one, 0, NOW)
    assert only(book).cause == "node-lost"
    newer = event(CallKind.ANSWERED, 90, "n", boot="boot-3")  # its start is not read yet
    book.read_call(newer, 0, NOW)
    assert only(book).state is CallState.ANSWERED


def test_a_dialog_that_ended_at_its_other_end_has_ended_at_the_proxy_too() -> None:
    """OpenSIPS does not report the end of a dialog whose BYE it does not match."""
    unreported = edge_call()[:11]
    (record,) = folded(unreported)
    assert (record.state, record.cause) == (CallState.ENDED, "NORMAL_CLEARING")
    assert {leg.cause for leg in record.legs if leg.node == "edge"} == {"dialog-ended"}
    (late,) = folded(edge_call())
    assert not any(leg.presumed for leg in late.legs)


def test_a_fork_that_loses_does_not_end_the_proxys_dialog() -> None:
    front = {"node": "edge", "call": "k1", "sip_call_id": "a@phone"}
    lost = A | {"node": "fs-2", "leg": "x", "call": "x"}
    (record,) = folded(
        [
            event(CallKind.RINGING, 1, "k1/caller", aor=ALICE, **front),
            event(CallKind.RINGING, 2, **lost),
            event(CallKind.ENDED, 3, **lost, cause="LOSE_RACE"),
        ]
    )
    assert record.state is CallState.RINGING


def test_a_loss_ends_only_the_legs_of_its_node() -> None:
    book = book_of(*edge_call()[:3], edge_call()[8])
    book.read_node("edge", NodeState(boot="boot", at=at(20), lost=True), NOW)
    record = only(book)
    assert record.state is CallState.RINGING
    assert {leg.node for leg in record.legs if leg.ended} == {"edge"}


def listing(began: float, *legs: str, partitions: int = 1) -> list[tuple[CallEvent, int]]:
    place: dict[str, Any] = {"at": at(began), "snapshot": f"s-{began}"}
    row = CallKind.SNAPSHOT_ROW
    return [
        *((event(CallKind.SNAPSHOT_BEGAN, 0, None, **place), p) for p in range(partitions)),
        *((event(row, 0, leg, state=CallState.ANSWERED, **place), 0) for leg in legs),
        *((event(CallKind.SNAPSHOT_ENDED, 0, None, **place), p) for p in range(partitions)),
    ]


def test_a_leg_that_a_complete_listing_does_not_show_has_ended() -> None:
    book = book_of(*answered_call()[:6])
    for one, partition in listing(60, "b"):
        book.read_call(one, partition, NOW)
    record = only(book)
    assert {leg.leg: leg.cause for leg in record.legs} == {"a": "missing-from-snapshot", "b": None}
    assert record.state is CallState.ANSWERED
    for one, partition in listing(120):
        book.read_call(one, partition, NOW)
    record = only(book)
    assert (record.state, record.ended) == (CallState.ENDED, at(120))


@pytest.mark.parametrize("began", [5.0, 7.9])
def test_a_listing_from_just_after_an_event_does_not_end_its_leg(began: float) -> None:
    book = book_of(*answered_call()[:6])
    for one, partition in listing(began):
        book.read_call(one, partition, NOW)
    assert only(book).state is CallState.ANSWERED


def test_a_listing_counts_once_its_marks_were_read_from_every_partition() -> None:
    marks = listing(60, partitions=2)
    for left_out in marks[-2:]:
        book = CallBook(2)
        book.read_call(event(CallKind.ANSWERED, 1, **A), 0, NOW)
        for one, partition in marks:
            if (one, partition) != left_out:
                book.read_call(one, partition, NOW)
        assert only(book).state is CallState.ANSWERED
    book = CallBook(2)
    book.read_call(event(CallKind.ANSWERED, 1, **A), 0, NOW)
    for one, partition in marks:
        book.read_call(one, partition, NOW)
    assert only(book).state is CallState.ENDED


def test_busy_never_sticks_also_without_a_listing() -> None:
    limits = {"unanswered": timedelta(minutes=10), "answered": timedelta(hours=12)}
    ringing, talking = book_of(*answered_call()[:3]), book_of(*answered_call()[:6])
    for book in (ringing, talking):
        assert book.end_silent(NOW + 9 * MINUTE, **limits) == 0
    assert ringing.end_silent(NOW + 11 * MINUTE, **limits) == 1
    assert ringing.forget_ended(NOW + 11 * MINUTE, MINUTE) == []  # its record comes first
    assert talking.end_silent(NOW + 11 * MINUTE, **limits) == 0
    assert talking.end_silent(NOW + 13 * HOUR, **limits) == 1
    for book in (ringing, talking):
        record = only(book)
        assert (record.state, record.cause) == (CallState.ENDED, "end-lost")


def test_a_listed_call_lasts_as_long_as_it_is_listed() -> None:
    book = book_of(*answered_call()[:6])
    for one, partition in listing(60, "a", "b"):
        book.read_call(one, partition, NOW + 13 * HOUR)
    assert book.end_silent(NOW + 14 * HOUR, timedelta(minutes=10), timedelta(hours=12)) == 0


# -- risk -----------------------------------------------------------------------------------------
def presence(*, reachable: bool, media_lost: bool = False) -> Presence:
    leg = PresenceCall(
        node="fs-1",
        leg="b",
        call="a",
        state=CallState.ANSWERED,
        since=START,
        media_lost=media_lost,
    )
    return Presence(
        aor=BOB,
        version=2,
        status=Status.ON_THE_PHONE if reachable else Status.OFFLINE,
        reachable=reachable,
        cause=Cause.CONNECTION_RESET,
        at=START,
        bindings=[],
        calls=[leg],
        evidence=[],
    )


def test_a_call_is_at_risk_while_a_partys_connection_or_media_is_lost() -> None:
    book = book_of(*answered_call()[:6])
    assert book.read_presence(presence(reachable=False))
    record = only(book)
    assert (record.at_risk, record.state) == (True, CallState.ANSWERED)
    assert [leg.at_risk for leg in record.legs] == [False, True]
    other = presence(reachable=False)
    other.cause = Cause.CALL_HELD  # of a user who is not reachable all the same
    assert book.read_presence(other)
    assert list(book.records()) == []
    assert book.read_presence(presence(reachable=True))
    assert not only(book).at_risk
    assert book.read_presence(presence(reachable=True, media_lost=True))
    assert only(book).at_risk
    for one in answered_call()[6:]:
        book.read_call(one, 0, NOW)
    assert not only(book).at_risk


def test_a_loss_that_is_read_before_the_call_is_to_be_read_again() -> None:
    assert not CallBook(1).read_presence(presence(reachable=False))
    assert CallBook(1).read_presence(presence(reachable=True))


# -- a new start ----------------------------------------------------------------------------------
def restored(book: CallBook) -> CallBook:
    """A new one of all records of the book, as its topic has them."""
    new = CallBook(1)
    for call in book.calls.values():
        record = summarise(call)
        record.version = max(1, call.version)
        new.restore(decode(CallRecord, encode(record)), NOW)
    return new


@pytest.mark.parametrize("at_event", range(1, 14))
def test_a_new_start_goes_on_from_the_records(at_event: int) -> None:
    events = edge_call()
    whole, first = CallBook(1), CallBook(1)
    for one in events:
        whole.read_call(one, 0, NOW)
    for one in events[:at_event]:
        first.read_call(one, 0, NOW)
    last(first)
    second = restored(first)
    assert list(second.records()) == []
    for one in events[max(0, at_event - 3) :]:  # the last were not committed
        second.read_call(one, 0, NOW)
    (left,) = second.calls.values()
    (right,) = whole.calls.values()
    assert encode(sorted(left.legs.items())) == encode(sorted(right.legs.items()))


def test_a_crash_between_the_records_of_a_merge_is_healed() -> None:
    book = book_of(
        event(CallKind.RINGING, 1, "k1", node="edge", sip_call_id="a@phone"),
        event(CallKind.RINGING, 2, "k2", node="edge", sip_call_id="b@switch"),
    )
    before = last(book)
    book.read_call(event(CallKind.TRYING, 3, **A), 0, NOW)
    book.read_call(event(CallKind.TRYING, 4, **B), 0, NOW)
    (survivor,) = [r for r in last(book).values() if r.merged_into is None]
    for order in permutations([*(r for r in before.values() if r.id != survivor.id), survivor]):
        healed = CallBook(1)
        for record in order:
            healed.restore(record, NOW)
        records = last(healed)
        assert list(healed.calls) == [survivor.id]
        assert [r.merged_into for r in records.values() if r.merged_into] == [survivor.id]


def test_forgotten_calls_leave_nothing_behind() -> None:
    book = book_of(*answered_call())
    record = only(book)
    assert book.forget_ended(NOW + MINUTE, HOUR) == []
    assert book.forget_ended(NOW + 2 * HOUR, HOUR) == [record.id]
    assert not book.calls
    assert len(book._index) == 0


def dialog(key: str, call_id: str, end: float, by: HungUpBy | None) -> list[CallEvent]:
    """An answered dialog of an edge, whose caller is Alice; it saw from which side the end came."""
    side = {"call": key, "aor": ALICE, "direction": Direction.OUTGOING, "sip_call_id": call_id}
    return [
        event(CallKind.ANSWERED, 4, f"{key}/caller", "edge", **side),
        event(CallKind.ENDED, int(end), f"{key}/caller", "edge", **side, hung_up_by=by),
    ]


def test_a_proxy_shows_who_hung_up_where_no_server_does() -> None:
    for by in (HungUpBy.CALLER, HungUpBy.CALLEE, HungUpBy.SERVER, None):
        assert only(book_of(*dialog("d", "a@phone", 9, by))).hung_up_by is by


def test_an_end_of_a_switch_counts_before_what_a_proxy_saw() -> None:
    """A switch that ends a call sends a BYE in each dialog: a proxy sees the callee hang up."""
    ended = {"cause": "ALLOTTED_TIMEOUT", "ended_by": LegEndedBy.SERVER}
    book = book_of(
        *dialog("d", A["sip_call_id"], 9, HungUpBy.CALLEE),
        *answered_call()[:6],
        event(CallKind.ENDED, 9, **B, **ended),
        event(CallKind.ENDED, 9, **A, **ended),
    )
    assert only(book).hung_up_by is HungUpBy.SERVER


def test_what_a_proxy_answered_itself_is_no_refusal_of_the_callee() -> None:
    """The edge gives up on a dead client with 408; the switch takes that for the client's."""
    edge = B | {"leg": "e/callee", "node": "edge", "call": "e"}
    refused = {"cause": "RECOVERY_ON_TIMER_EXPIRE", "ended_by": LegEndedBy.PARTY}
    for by, expected in ((HungUpBy.SERVER, HungUpBy.SERVER), (None, HungUpBy.CALLEE)):
        book = book_of(
            *answered_call()[:2],
            event(CallKind.TRYING, 2, **edge),
            event(CallKind.ENDED, 8, **edge, hung_up_by=by, status_code=408),
            event(CallKind.ENDED, 8, **B, **refused),
            event(CallKind.ENDED, 9, **A, ended_by=LegEndedBy.SERVER),
        )
        assert only(book).hung_up_by is expected


def test_a_server_between_two_dialogs_has_ended_both() -> None:
    """Of an unwatched server: its two dialogs share the correlation."""
    first = dialog("d", "one@phone", 9, HungUpBy.CALLEE)
    second = dialog("e", "two@server", 9, HungUpBy.CALLER)
    for one in (*first, *second):
        one.correlation = "same"
    assert only(book_of(*first, *second)).hung_up_by is HungUpBy.SERVER
