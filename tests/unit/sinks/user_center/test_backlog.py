"""The backlog: one newest state a user, in order, and no position past an outstanding state."""

import threading

from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import integers, sampled_from

from sinks.user_center.assignment import Assignment
from sinks.user_center.backlog import Backlog
from sinks.user_center.pending import PendingState


def _partition(backlog: Backlog, number: int = 0) -> Assignment:
    backlog.assign([number])
    partition = backlog.assignment(number)
    assert partition is not None
    return partition


def _state(partition: Assignment, offset: int, aor: str, version: int) -> PendingState:
    return PendingState(partition, offset, aor, version, b"{}")


def test_newest_state_replaces_the_outdated_one() -> None:
    backlog = Backlog()
    partition = _partition(backlog)
    backlog.add(_state(partition, 0, "a", 1))
    backlog.add(_state(partition, 1, "b", 1))
    assert backlog.coalesced == 0
    backlog.add(_state(partition, 2, "a", 2))
    assert backlog.coalesced == 1
    assert [(w.aor, w.version) for w in backlog.take(10, 0)] == [("a", 2), ("b", 1)]


def test_position_stops_at_the_first_outstanding_state() -> None:
    backlog = Backlog()
    partition = _partition(backlog)
    for offset, aor in enumerate("abc"):
        backlog.add(_state(partition, offset, aor, 1))
    first, *rest = backlog.take(10, 0)
    backlog.complete(rest)
    assert backlog.positions() == {0: 0}
    backlog.complete([first])
    assert backlog.positions() == {0: 3}


def test_newer_state_waits_behind_the_one_in_a_request() -> None:
    backlog = Backlog()
    partition = _partition(backlog)
    backlog.add(_state(partition, 0, "a", 1))
    sent = backlog.take(1, 0)
    backlog.add(_state(partition, 1, "a", 2))
    assert backlog.take(1, 0) == []
    backlog.complete(sent)
    assert [w.version for w in backlog.take(1, 0)] == [2]


def test_retry_sends_the_newer_state_instead() -> None:
    backlog = Backlog()
    partition = _partition(backlog)
    backlog.add(_state(partition, 0, "a", 1))
    sent = backlog.take(1, 0)
    assert backlog.renew(sent) == sent
    assert backlog.coalesced == 0
    backlog.add(_state(partition, 1, "a", 2))
    renewed = backlog.renew(sent)
    assert [w.version for w in renewed] == [2]
    assert backlog.coalesced == 1
    assert backlog.positions() == {0: 1}
    backlog.complete(renewed)
    assert backlog.positions() == {0: 2}


def test_delivered_version_is_not_sent_again() -> None:
    backlog = Backlog()
    partition = _partition(backlog)
    backlog.add(_state(partition, 0, "a", 5))
    backlog.complete(backlog.take(1, 0))
    backlog.add(_state(partition, 1, "a", 5))
    backlog.add(_state(partition, 2, "a", 4))
    assert backlog.take(1, 0) == []
    assert backlog.positions() == {0: 3}


def test_revoked_partition_is_dropped_and_not_retried() -> None:
    backlog = Backlog()
    partition, kept = _partition(backlog, 0), _partition(backlog, 1)
    backlog.add(_state(partition, 0, "a", 1))
    backlog.add(_state(kept, 0, "k", 1))
    sent = backlog.take(2, 0)
    backlog.add(_state(partition, 1, "a", 2))
    backlog.add(_state(partition, 2, "b", 1))
    revoked = backlog.revoke([0])
    assert backlog.positions(revoked) == {0: 0}
    assert backlog.positions() == {1: 0}
    assert backlog.take(10, 0) == []
    assert [w.aor for w in backlog.renew(sent)] == ["k"]


def test_partition_assigned_again_starts_with_nothing_outstanding() -> None:
    backlog = Backlog()
    old = _partition(backlog)
    backlog.add(_state(old, 0, "a", 1))
    sent = backlog.take(1, 0)
    backlog.revoke([0])
    new = _partition(backlog)
    backlog.add(_state(new, 0, "a", 1))
    backlog.complete(sent)  # the old request ends only now
    assert backlog.positions() == {0: 0}
    assert [w.partition for w in backlog.take(1, 0)] == [new]


def test_batch_is_due_when_full_or_when_its_oldest_state_is_old() -> None:
    now = 100.0
    backlog = Backlog(max_age_seconds=30, clock=lambda: now)
    partition = _partition(backlog)
    backlog.add(_state(partition, 0, "a", 1))
    now += 29
    assert backlog.take(2, 0) == []
    backlog.add(_state(partition, 1, "a", 2))  # newer, and as old as the one it supersedes
    now += 1
    assert [w.version for w in backlog.take(2, 0)] == [2]
    backlog.add(_state(partition, 2, "b", 1))
    backlog.add(_state(partition, 3, "c", 1))
    assert len(backlog.take(2, 0)) == 2


def test_waiting_deliverer_is_woken() -> None:
    backlog = Backlog()
    partition = _partition(backlog)
    taken: list[PendingState] = []
    thread = threading.Thread(target=lambda: taken.extend(backlog.take(1, 10)))
    thread.start()
    backlog.add(_state(partition, 0, "a", 1))
    thread.join(5)
    assert [w.aor for w in taken] == ["a"]


class AnyOrder(RuleBasedStateMachine):
    """Reader and two deliverers in any interleaving, against a plain model of the guarantees."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog()
        self.partition = _partition(self.backlog)
        self.records: list[tuple[str, int]] = []
        self.in_flight: list[list[PendingState]] = []
        self.delivered: dict[str, list[int]] = {}

    @rule(aor=sampled_from("abc"), version=integers(1, 9))
    def read(self, aor: str, version: int) -> None:
        self.backlog.add(_state(self.partition, len(self.records), aor, version))
        self.records.append((aor, version))

    @precondition(lambda self: len(self.in_flight) < 2)
    @rule(limit=integers(1, 3))
    def take(self, limit: int) -> None:
        if batch := self.backlog.take(limit, 0):
            in_flight = {w.aor for other in self.in_flight for w in other}
            assert not in_flight & {w.aor for w in batch}
            self.in_flight.append(batch)

    @precondition(lambda self: self.in_flight)
    @rule(first=sampled_from([0, -1]))
    def deliver(self, first: int) -> None:
        batch = self.in_flight.pop(first)
        self.backlog.complete(batch)
        for waiting in batch:
            self.delivered.setdefault(waiting.aor, []).append(waiting.version)

    @precondition(lambda self: self.in_flight)
    @rule(first=sampled_from([0, -1]))
    def fail(self, first: int) -> None:
        batch = self.in_flight.pop(first)
        self.in_flight.append(self.backlog.renew(batch))

    @invariant()
    def order_is_kept(self) -> None:
        for versions in self.delivered.values():
            assert versions == sorted(set(versions))

    @invariant()
    def nothing_committed_is_lost(self) -> None:
        position = self.backlog.positions().get(0, 0)
        newest: dict[str, int] = {}
        for aor, version in self.records[:position]:
            newest[aor] = max(version, newest.get(aor, 0))
        for aor, version in newest.items():
            rest = [v for a, v in self.records[position:] if a == aor]
            assert max([*self.delivered.get(aor, []), *rest], default=0) >= version

    @invariant()
    def one_state_waits_for_a_user(self) -> None:
        assert len(self.partition.outstanding) <= 2 * len({aor for aor, _ in self.records})

    def teardown(self) -> None:
        while self.in_flight:
            self.deliver(0)
        while batch := self.backlog.take(10, 0):
            self.in_flight.append(batch)
            self.deliver(0)
        assert self.backlog.positions().get(0, 0) == len(self.records)
        for aor in {aor for aor, _ in self.records}:
            assert self.delivered[aor][-1] == max(v for a, v in self.records if a == aor)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = hypothesis_settings(max_examples=100, deadline=None)
