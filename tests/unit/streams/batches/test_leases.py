"""Leases by themselves: which node is lost, when, and which event restores it."""

from datetime import timedelta

import pytest

from schemas.node import NodeEvent
from schemas.vocabulary import NodeKind
from streams.batches.leases import Leases
from streams.models import NodeState
from tests.unit.fold_events import moment
from tests.unit.pipeline import NOW
from tests.unit.scenarios.test_node_leases import node_event

UP, HEARTBEAT, UNWATCHED = NodeKind.UP, NodeKind.HEARTBEAT, NodeKind.UNWATCHED
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def _leases(*events: NodeEvent) -> Leases:
    leases = Leases(5 * SECOND, 300 * SECOND)
    for event in events:
        leases.renew(0, event, NOW)
    return leases


def _lost(leases: Leases, seconds: float) -> list[str]:
    return [lease.node for lease in leases.expire(NOW + seconds * SECOND)]


def test_worker_that_takes_over_awaits_no_node_that_is_down_or_lost() -> None:
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


def test_event_from_before_the_producers_stop_does_not_shorten_the_lease() -> None:
    """Read again by a worker that takes over."""
    leases = _leases(node_event(HEARTBEAT, 8), node_event(UNWATCHED, 9), node_event(HEARTBEAT, 8))
    assert _lost(leases, 299) == []
    assert _lost(leases, 301) == ["fs1"]


@pytest.mark.parametrize("again", [HEARTBEAT, UNWATCHED])
def test_event_from_before_the_loss_does_not_restore_the_node(again: NodeKind) -> None:
    leases = _leases(node_event(UP, 0), node_event(again, 9))
    assert _lost(leases, 301) == ["fs1"]
    assert not leases.renew(0, node_event(again, 9), NOW + 302 * SECOND)
    assert _lost(leases, 999) == []


def test_clock_that_was_set_back_loses_no_node() -> None:
    leases = _leases(node_event(HEARTBEAT, 100))
    leases.renew(0, node_event(HEARTBEAT, 40), NOW + 4 * SECOND)
    assert _lost(leases, 6) == []


def test_first_event_after_a_producers_stop_restores_the_node() -> None:
    leases = _leases(node_event(UP, 0), node_event(UNWATCHED, 9))
    assert leases.renew(0, node_event(UP, 12), NOW)
    assert not leases.renew(0, node_event(HEARTBEAT, 13), NOW)
    assert _lost(leases, 6) == ["fs1"]  # by the ordinary lease again


def test_stop_of_a_producer_beside_a_lost_node_restores_no_user() -> None:
    leases = _leases(node_event(UP, 0))
    assert _lost(leases, 6) == ["fs1"]
    assert not leases.renew(0, node_event(UNWATCHED, 9), NOW + 9 * SECOND)
    assert _lost(leases, 999) == []  # it was published already
    assert leases.renew(0, node_event(UP, 12), NOW + 1000 * SECOND)


def test_next_process_is_awaited_though_only_its_producers_stop_was_reported() -> None:
    leases = _leases(node_event(UP, 0))
    assert _lost(leases, 6) == ["fs1"]
    assert not leases.renew(0, node_event(UNWATCHED, 9, boot="boot-b"), NOW)
    assert _lost(leases, 301) == ["fs1"]


def test_node_known_by_its_producers_stop_has_the_longer_lease() -> None:
    leases = _leases(node_event(UNWATCHED, 9))
    assert _lost(leases, 299) == []
    assert _lost(leases, 301) == ["fs1"]


def test_only_time_without_kafka_is_excused() -> None:
    leases = _leases(node_event(UP, 0, "fs1"))
    leases.renew(1, node_event(UP, 0, "fs2"), NOW)
    leases.suspend(NOW + 4 * SECOND, [1, 2])
    assert _lost(leases, 6) == ["fs1"]
    assert _lost(leases, 10) == ["fs2"]


def test_an_excuse_is_not_taken_back_by_a_shorter_one() -> None:
    """Producers need ten seconds to be read again once Kafka is back."""
    leases = _leases(node_event(UP, 0))
    leases.suspend(NOW + 10 * SECOND)
    leases.suspend(NOW + 1 * SECOND, [0])
    assert _lost(leases, 14) == []
    assert _lost(leases, 16) == ["fs1"]


def test_a_worker_keeps_what_it_still_reads() -> None:
    leases = _leases(node_event(UP, 0))
    assert (leases.has_begun(0), leases.has_begun(1)) == (True, False)
    leases.retain([0, 1])
    assert _lost(leases, 6) == ["fs1"]
    leases.retain([1])
    assert not leases.has_begun(0)
    assert _lost(leases, DAY.total_seconds()) == []
