"""A thousand generated calls with lost, late and doubled events, over restarts, end right."""

from collections import defaultdict
from datetime import timedelta

import pytest

from calls.fold.book import CallBook
from schemas import codec
from schemas.call import CallEvent
from schemas.call_record import CallLeg, CallRecord
from schemas.internal import NodeState
from schemas.vocabulary import CallKind, CallState, HungUpBy
from tests.unit.calls.folding import NOW, START, event
from tests.unit.calls.generated import EDGE, NODES, PARTITIONS, Generator, Made, delivered

CALLS = 1_000
LISTED, DEAD, SILENT = NODES  # what ends the calls whose end was lost, by their node
PRESUMED = {
    LISTED: "missing-from-snapshot",
    EDGE: "missing-from-snapshot",
    DEAD: "node-lost",
    SILENT: "end-lost",
}
OVER = 2_000.0  # seconds after the start: every call has ended
LIMITS = {"unanswered": timedelta(minutes=15), "answered": timedelta(hours=12)}


class Topic:
    """rollcall.call-records, compacted: what a new start restores."""

    def __init__(self) -> None:
        self.records: dict[str, CallRecord] = {}

    def write(self, book: CallBook) -> None:
        for record in book.records():
            known = self.records.get(record.id)
            assert known is None or record.version > known.version
            self.records[record.id] = codec.decode(CallRecord, codec.encode(record))

    def restored(self) -> CallBook:
        book = CallBook(PARTITIONS)
        for record in self.records.values():
            book.restore(codec.decode(CallRecord, codec.encode(record)), NOW)
        return book

    @property
    def calls(self) -> list[CallRecord]:
        return [record for record in self.records.values() if record.merged_into is None]


def partition(one: CallEvent) -> int:
    return sum((one.aor or one.leg or "").encode()) % PARTITIONS


def end_lost_ones(book: CallBook) -> None:
    for node in (LISTED, EDGE):
        mark = {"at": START + timedelta(seconds=OVER), "snapshot": node}
        for kind in (CallKind.SNAPSHOT_BEGAN, CallKind.SNAPSHOT_ENDED):
            for number in range(PARTITIONS):
                book.read_call(event(kind, 0, None, node, **mark), number, NOW)
    lost = NodeState(boot="boot", at=START + timedelta(seconds=OVER), lost=True)
    book.read_node(DEAD, lost, NOW)
    book.end_silent(NOW + timedelta(hours=13), **LIMITS)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_thousand_calls_end_right(seed: int) -> None:
    generator = Generator(seed)
    made = [generator.call(number) for number in range(CALLS)]
    sent = delivered(made, generator.random)
    assert len(sent) > 8 * CALLS
    topic, book = Topic(), CallBook(PARTITIONS)
    restarts = set(generator.random.sample(range(len(sent)), 12))
    committed = 0
    for number, (_, one) in enumerate(sent):
        book.read_call(one, partition(one), NOW)
        if generator.random.random() < 0.05:
            topic.write(book)
            if generator.random.random() < 0.5:
                committed = number + 1
        if number in restarts:  # killed: what was not committed is read again
            book = topic.restored()
            for _, again in sent[committed : number + 1]:
                book.read_call(again, partition(again), NOW)
    topic.write(book)
    end_lost_ones(book)
    topic.write(book)

    check(made, [one for _, one in sent], topic.calls)
    gone = book.forget_ended(NOW + timedelta(days=2), timedelta(hours=1))
    assert set(gone) == set(topic.records)
    assert not book.calls
    assert len(book._index) == 0
    assert not book._merged


def check(made: list[Made], sent: list[CallEvent], records: list[CallRecord]) -> None:
    """Exactly the calls that were made, as far as their events were delivered."""
    by_leg = {(leg.node, leg.leg): record for record in records for leg in record.legs}
    arrived: dict[tuple[str, str], list[CallEvent]] = defaultdict(list)
    for one in sent:
        arrived[one.node, one.leg or ""].append(one)
    assert sum(len(record.legs) for record in records) == len(arrived)
    seen: set[str] = set()
    for number, call in enumerate(made):
        keys = [key for key in call.legs if key in arrived]
        found = {by_leg[key].id: by_leg[key] for key in keys}
        # Only the caller's leg joins a dialog of the edge and the legs behind it.
        is_joined = any(leg == f"a{number}" for _, leg in keys)
        assert len(found) == (1 if is_joined else len({node == EDGE for node, _ in keys}))
        assert not found.keys() & seen
        seen |= found.keys()
        for record in found.values():
            check_call(record, arrived)
    assert len(seen) == len(records)
    assert len(records) < 1.01 * len(made)


def check_call(record: CallRecord, arrived: dict[tuple[str, str], list[CallEvent]]) -> None:
    assert record.state is CallState.ENDED
    assert record.ended is not None
    for leg in record.legs:
        events = arrived[leg.node, leg.leg]
        kinds = {one.kind: one for one in events}
        if ends := [one for one in events if one.kind is CallKind.ENDED]:
            first = min(ends, key=lambda one: one.at)
            assert (leg.ended, leg.cause, leg.presumed) == (first.at, first.cause, False)
            sides = {one.hung_up_by for one in ends if one.hung_up_by}
            assert leg.hung_up_by is (sides.pop() if sides else None)
            codes = {one.status_code for one in ends if one.status_code}
            assert leg.status_code == (codes.pop() if codes else None)
        else:
            assert (leg.cause, leg.presumed) == (_presumed(leg, record), True)
        answer = kinds.get(CallKind.ANSWERED)
        assert leg.answered == (answer.at if answer else None)
        assert leg.digits == len({one.id for one in events if one.kind is CallKind.DTMF})
        held = {one.id for one in events if one.kind is CallKind.HELD}
        assert sum(change.held for change in leg.holds) == len(held)
    shown = [leg for leg in record.legs if leg.answered] or record.legs
    by = any(leg.ended_by or leg.hung_up_by for leg in shown)
    assert record.hung_up_by is (HungUpBy.CALLER if by else None)
    assert record.started == min(one.at for key in keys(record) for one in arrived[key])
    assert set(record.users) == {one.aor for key in keys(record) for one in arrived[key]}


def _presumed(leg: CallLeg, record: CallRecord) -> str:
    """Of a leg whose end was lost: at the edge, the switch's end of the same dialog counts."""
    is_known = any(
        other.node != leg.node
        and other.sip_call_id == leg.sip_call_id
        and other.answered is not None
        and not other.presumed
        for other in record.legs
    )
    return "dialog-ended" if is_known else PRESUMED[leg.node]


def keys(record: CallRecord) -> list[tuple[str, str]]:
    return [(leg.node, leg.leg) for leg in record.legs]
