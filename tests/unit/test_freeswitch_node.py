"""What the producer knows of its node: repeats, clock, process, turning points."""

from datetime import UTC, datetime, timedelta

from producers.freeswitch.duplicates import Duplicates
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.node_clock import NodeClock
from producers.freeswitch.switch import Switch
from producers.freeswitch.translation import SUBSCRIPTION
from schemas.vocabulary import NodeKind
from tests.unit.freeswitch_capture import NAMES, switch_events

AT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def test_no_capture_repeats_itself() -> None:
    for name in NAMES:
        duplicates = Duplicates()
        assert all(duplicates.is_new(e.boot, e.seq) for e in switch_events(name))
        assert not any(duplicates.is_new(e.boot, e.seq) for e in switch_events(name))


def test_memory_of_repeats_is_bounded() -> None:
    duplicates = Duplicates(limit=3)
    assert [duplicates.is_new("b", seq) for seq in (1, 2, 3, 2, 4, 1, 2)] == [
        True, True, True, False, True, True, True,
    ]  # fmt: skip


class _Time:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_the_nodes_clock_reads_on_from_its_last_event() -> None:
    elapsed = _Time()
    clock = NodeClock(elapsed=elapsed, local=lambda: AT)
    assert clock.now() == AT, "no event yet: the local clock"
    clock.saw(AT - timedelta(hours=1))
    elapsed.seconds += 5
    assert clock.now() == AT - timedelta(minutes=59, seconds=55)


def test_the_nodes_clock_is_not_turned_back_by_ticks_but_by_the_node() -> None:
    elapsed = _Time()
    clock = NodeClock(elapsed=elapsed, local=lambda: AT)
    clock.saw(AT)
    elapsed.seconds += 5
    clock.saw(AT + timedelta(seconds=4.98))
    assert clock.now() == AT + timedelta(seconds=5)
    clock.saw(AT - timedelta(minutes=1))
    assert clock.now() == AT - timedelta(minutes=1)


def _event(boot: str = "b1", seq: int = 1) -> SwitchEvent:
    return SwitchEvent(
        {
            "Core-UUID": boot,
            "Event-Sequence": str(seq),
            "Event-Date-Timestamp": "1795500366296512",
            "FreeSWITCH-Switchname": "vm",
        }
    )


def _kinds(switch: Switch) -> list[NodeKind]:
    return [record.event.kind for record in switch.announce()]


def test_up_once_a_connection_and_a_gap_when_it_came_back() -> None:
    switch = Switch(None)
    assert _kinds(switch) == [], "neither name nor process known"
    switch.saw(_event())
    assert _kinds(switch) == [NodeKind.UP]
    assert _kinds(switch) == []
    switch.lost("closed")
    switch.lost("refused")
    marks = switch.announce()
    assert [record.event.kind for record in marks] == [NodeKind.GAP, NodeKind.UP]
    assert marks[0].event.reason == "closed"


def test_a_new_process_is_up_without_a_gap_and_counts_anew() -> None:
    switch = Switch("east")
    switch.saw(_event(seq=900))
    switch.saw(_event(seq=895))
    assert switch.seq == 900
    assert switch.announce()[0].key == "east"
    switch.lost("closed")
    switch.saw(_event(boot="b2", seq=3))
    (up,) = switch.announce()
    assert (up.event.kind, up.event.boot, up.event.seq) == (NodeKind.UP, "b2", 3)


def test_a_switch_that_went_down_stays_down_until_its_next_process() -> None:
    switch = Switch(None)
    switch.saw(_event())
    switch.announce()
    switch.down = True
    switch.lost("goodbye")
    switch.saw(_event(seq=2))
    assert _kinds(switch) == []
    assert not switch.lives
    switch.saw(_event(boot="b2"))
    assert _kinds(switch) == [NodeKind.UP]


def test_challenges_and_noise_are_not_subscribed() -> None:
    words = SUBSCRIPTION.split()
    assert words[:2] == ["event", "json"]
    assert words.index("CUSTOM") < words.index("sofia::register")
    assert not {"ALL", "sofia::pre_register", "sofia::register_attempt", "CHANNEL_STATE"} & {*words}
