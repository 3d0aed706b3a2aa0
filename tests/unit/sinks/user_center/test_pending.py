"""Pending states and delivered versions, without the lock (with it: test_backlog.py)."""

from sinks.user_center.assignment import Assignment
from sinks.user_center.pending import DeliveredVersions, PendingState, PendingStates


def test_a_state_behind_a_request_is_ready_after_it() -> None:
    states, partition = PendingStates(), Assignment(0)
    first, second = (PendingState(partition, n, "a", n, b"{}") for n in (1, 2))
    assert states.add(first) is None
    assert states.take(10) == [first]
    assert states.add(second) is None
    assert (states.ready, len(states)) == (0, 1)
    states.release(first)
    assert states.take(10) == [second]


def test_an_older_state_is_superseded_itself() -> None:
    states, partition = PendingStates(), Assignment(0)
    newer, older = (PendingState(partition, n, "a", 9 - n, b"{}") for n in (1, 2))
    states.add(newer)
    assert states.add(older) is older
    assert states.take(10) == [newer]
    assert states.add(older) is older


def test_versions_are_kept_of_the_users_served_last() -> None:
    delivered, partition = DeliveredVersions(2), Assignment(0)
    states = [PendingState(partition, offset, aor, 1, b"{}") for offset, aor in enumerate("abc")]
    for state in states:
        delivered.add(state)
    assert [delivered.has(state) for state in states] == [False, True, True]
    assert not delivered.has(PendingState(partition, 3, "c", 2, b"{}"))
