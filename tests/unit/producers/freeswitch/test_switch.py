"""What the producer knows of its switch: name, process, and the node's marks."""

from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.switch import Switch
from schemas.vocabulary import NodeKind


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
    switch.observe(_event())
    assert _kinds(switch) == [NodeKind.UP]
    assert _kinds(switch) == []
    switch.lost("closed")
    switch.lost("refused")
    marks = switch.announce()
    assert [record.event.kind for record in marks] == [NodeKind.GAP, NodeKind.UP]
    assert marks[0].event.reason == "closed"


def test_a_new_process_is_up_without_a_gap_and_counts_anew() -> None:
    switch = Switch("east")
    switch.observe(_event(seq=900))
    switch.observe(_event(seq=895))
    assert switch.seq == 900
    assert switch.announce()[0].key == "east"
    switch.lost("closed")
    switch.observe(_event(boot="b2", seq=3))
    (up,) = switch.announce()
    assert (up.event.kind, up.event.boot, up.event.seq) == (NodeKind.UP, "b2", 3)


def test_a_switch_that_went_down_stays_down_until_its_next_process() -> None:
    switch = Switch(None)
    switch.observe(_event())
    switch.announce()
    switch.down = True
    switch.lost("goodbye")
    switch.observe(_event(seq=2))
    assert _kinds(switch) == []
    assert not switch.lives
    switch.observe(_event(boot="b2"))
    assert _kinds(switch) == [NodeKind.UP]
