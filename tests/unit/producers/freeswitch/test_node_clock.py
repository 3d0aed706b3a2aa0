"""The node's clock, read on from its events."""

from datetime import UTC, datetime, timedelta

from producers.freeswitch.node_clock import NodeClock

AT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


class _Time:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_the_nodes_clock_reads_on_from_its_last_event() -> None:
    elapsed = _Time()
    clock = NodeClock(elapsed=elapsed, local=lambda: AT)
    assert clock.now() == AT, "no event yet: the local clock"
    clock.observe(AT - timedelta(hours=1))
    elapsed.seconds += 5
    assert clock.now() == AT - timedelta(minutes=59, seconds=55)


def test_the_nodes_clock_is_not_turned_back_by_ticks_but_by_the_node() -> None:
    elapsed = _Time()
    clock = NodeClock(elapsed=elapsed, local=lambda: AT)
    clock.observe(AT)
    elapsed.seconds += 5
    clock.observe(AT + timedelta(seconds=4.98))
    assert clock.now() == AT + timedelta(seconds=5)
    clock.observe(AT - timedelta(minutes=1))
    assert clock.now() == AT - timedelta(minutes=1)
