"""Pending states and delivered versions, without the lock (with it: test_backlog.py)."""

from sinks.user_center.assignment import Assignment
from sinks.user_center.pending import DeliveredVersions, PendingState, PendingStates


def test_a_state_behind_a_request_is_ready_after_it() -> None:
    states, partition = PendingStates(), Assignment(0)
    first, second = (PendingState(partition, n, "a", n, b"{}") for n in (1, 2))
    assert states.add(first) == []
    assert states.take(10) == [first]
    assert states.add(second) == []
    assert (states.ready, len(states)) == (0, 1)
    states.release(first)
    assert states.take(10) == [second]


def test_an_older_state_is_superseded_itself() -> None:
    states, partition = PendingStates(), Assignment(0)
    newer, older = (PendingState(partition, n, "a", 9 - n, b"{}") for n in (1, 2))
    states.add(newer)
    assert states.add(older) == [older]
    assert states.take(10) == [newer]
    assert states.add(older) == [older]


def test_versions_are_kept_of_the_users_served_last() -> None:
    delivered, partition = DeliveredVersions(2), Assignment(0)
    states = [PendingState(partition, offset, aor, 1, b"{}") for offset, aor in enumerate("abc")]
    for state in states:
        delivered.add(state)
    assert [delivered.has(state) for state in states] == [False, True, True]
    assert not delivered.has(PendingState(partition, 3, "c", 2, b"{}"))


def test_a_user_is_forgotten_between_the_states_around_it() -> None:
    states, partition = PendingStates(), Assignment(0)
    sent, waiting, new, newer = (
        PendingState(partition, offset, "a", version, b"{}")
        for offset, version in ((1, 7), (2, 8), (4, 1), (5, 2))
    )
    gone = PendingState(partition, 3, "a", 0, b"{}", forgets=True)
    states.add(sent)
    assert states.take(10) == [sent]
    states.add(waiting)
    assert states.add(gone) == [waiting]
    assert states.add(new) == []
    assert states.add(newer) == [new]
    assert states.renew(sent) is gone  # a retry sends what is newest before the user's new life
    assert states.renew(gone) is gone
    states.release(gone)
    assert states.take(10) == [newer]


def test_what_comes_after_a_forgotten_user_waits_for_it() -> None:
    states, partition = PendingStates(), Assignment(0)
    old, new = (PendingState(partition, offset, "a", 1, b"{}") for offset in (1, 3))
    gone = PendingState(partition, 2, "a", 0, b"{}", forgets=True)
    assert states.add(old) == []
    assert states.add(gone) == [old]
    assert states.add(new) == []
    assert states.take(10) == [gone]
    assert states.take(10) == []
    states.release(gone)
    assert states.take(10) == [new]


def test_versions_of_a_forgotten_user_begin_again() -> None:
    delivered, partition = DeliveredVersions(2), Assignment(0)
    delivered.add(PendingState(partition, 1, "a", 7, b"{}"))
    gone = PendingState(partition, 2, "a", 0, b"{}", forgets=True)
    assert not delivered.has(gone)
    delivered.add(gone)
    assert not delivered.has(PendingState(partition, 3, "a", 1, b"{}"))
