"""Leases by themselves: who is told lost, when, and by whose word somebody is back."""

from datetime import timedelta

import pytest

from schemas.node import NodeEvent
from schemas.vocabulary import NodeKind
from streams.batches.leases import Leases
from streams.models import NodeState
from tests.unit.pipeline import NOW
from tests.unit.scenarios.test_node_leases import node_said
from tests.unit.stories import moment

UP, HEARTBEAT, UNWATCHED = NodeKind.UP, NodeKind.HEARTBEAT, NodeKind.UNWATCHED
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def _leases(*said: NodeEvent) -> Leases:
    leases = Leases(5 * SECOND, 300 * SECOND)
    for event in said:
        leases.renew(0, event, NOW)
    return leases


def _lost(leases: Leases, seconds: float) -> list[str]:
    return [lease.node for lease in leases.expire(NOW + seconds * SECOND)]


def test_who_takes_over_awaits_nobody_who_said_goodbye_or_is_lost_already() -> None:
    leases = _leases()
    known = {
        "gone": NodeState(boot="b", at=moment(0), down=True),
        "lost": NodeState(boot="b", at=moment(0), lost=True),
        "stopped": NodeState(boot="b", at=moment(0), unwatched=True),
        "there": NodeState(boot="b", at=moment(0)),
    }
    leases.begin(0, known.items(), NOW)
    assert _lost(leases, 6) == ["there"]
    assert _lost(leases, 301) == ["stopped"]


def test_what_a_node_said_before_its_producer_stopped_does_not_shorten_its_lease() -> None:
    """Read again by a worker that takes over."""
    leases = _leases(node_said(HEARTBEAT, 8), node_said(UNWATCHED, 9), node_said(HEARTBEAT, 8))
    assert _lost(leases, 299) == []
    assert _lost(leases, 301) == ["fs1"]


@pytest.mark.parametrize("again", [HEARTBEAT, UNWATCHED])
def test_what_a_node_said_before_it_fell_silent_does_not_bring_it_back(again: NodeKind) -> None:
    leases = _leases(node_said(UP, 0), node_said(again, 9))
    assert _lost(leases, 301) == ["fs1"]
    assert not leases.renew(0, node_said(again, 9), NOW + 302 * SECOND)
    assert _lost(leases, 999) == []


def test_a_clock_that_was_set_back_is_no_silence() -> None:
    leases = _leases(node_said(HEARTBEAT, 100))
    leases.renew(0, node_said(HEARTBEAT, 40), NOW + 4 * SECOND)
    assert _lost(leases, 6) == []


def test_the_first_word_after_a_stopped_producers_last_brings_the_node_back() -> None:
    leases = _leases(node_said(UP, 0), node_said(UNWATCHED, 9))
    assert leases.renew(0, node_said(UP, 12), NOW)
    assert not leases.renew(0, node_said(HEARTBEAT, 13), NOW)
    assert _lost(leases, 6) == ["fs1"]  # by the ordinary lease again


def test_a_producer_that_stops_beside_a_silent_node_brings_nobody_back() -> None:
    leases = _leases(node_said(UP, 0))
    assert _lost(leases, 6) == ["fs1"]
    assert not leases.renew(0, node_said(UNWATCHED, 9), NOW + 9 * SECOND)
    assert _lost(leases, 999) == []  # it was told already
    assert leases.renew(0, node_said(UP, 12), NOW + 1000 * SECOND)


def test_the_next_process_is_awaited_though_only_its_producers_stop_was_told() -> None:
    leases = _leases(node_said(UP, 0))
    assert _lost(leases, 6) == ["fs1"]
    assert not leases.renew(0, node_said(UNWATCHED, 9, boot="boot-b"), NOW)
    assert _lost(leases, 301) == ["fs1"]


def test_whose_producers_stop_is_the_first_that_is_heard_has_the_longer_lease_too() -> None:
    leases = _leases(node_said(UNWATCHED, 9))
    assert _lost(leases, 299) == []
    assert _lost(leases, 301) == ["fs1"]


def test_only_what_could_not_be_heard_is_excused() -> None:
    leases = _leases(node_said(UP, 0, "fs1"))
    leases.renew(1, node_said(UP, 0, "fs2"), NOW)
    leases.suspend(NOW + 4 * SECOND, [1, 2])
    assert _lost(leases, 6) == ["fs1"]
    assert _lost(leases, 10) == ["fs2"]


def test_an_excuse_is_not_taken_back_by_a_shorter_one() -> None:
    """Producers need ten seconds to be heard again once Kafka is back."""
    leases = _leases(node_said(UP, 0))
    leases.suspend(NOW + 10 * SECOND)
    leases.suspend(NOW + 1 * SECOND, [0])
    assert _lost(leases, 14) == []
    assert _lost(leases, 16) == ["fs1"]


def test_a_worker_keeps_what_it_still_reads() -> None:
    leases = _leases(node_said(UP, 0))
    assert (leases.has_begun(0), leases.has_begun(1)) == (True, False)
    leases.retain([0, 1])
    assert _lost(leases, 6) == ["fs1"]
    leases.retain([1])
    assert not leases.has_begun(0)
    assert _lost(leases, DAY.total_seconds()) == []
