"""Events of nodes in any order: late, read again, of a process that has ended since.

FreeSWITCH stamps its events by a clock that stands still for 20 ms; a heartbeat's time reads on.
So its SHUTDOWN may bear an earlier time than the last heartbeat.
"""

from datetime import timedelta

import pytest

from schemas import topics
from schemas.internal import NodeChange
from schemas.vocabulary import NodeKind, Transport
from tests.unit.fold_events import (
    AOR,
    listed,
    listing_ended,
    node_change,
    refreshed,
    registered,
)
from tests.unit.pipeline import Pipeline

SECOND = timedelta(seconds=1)
UP, HEARTBEAT, LOST = NodeKind.UP, NodeKind.HEARTBEAT, NodeKind.LOST
DOWN, UNWATCHED, GAP = NodeKind.DOWN, NodeKind.UNWATCHED, NodeKind.GAP
ONLINE = ["online registered"]


def _feed_nodes(pipeline: Pipeline, *changes: NodeChange) -> None:
    for change in changes:
        pipeline.feed(topics.NODE_CHANGES, [(change.node, change)])


def _feed(pipeline: Pipeline, *events: object) -> None:
    pipeline.feed(topics.REGISTRATIONS, [(AOR, event) for event in events])


def _with_a_phone(transport: Transport = Transport.TCP) -> Pipeline:
    pipeline = Pipeline()
    _feed_nodes(pipeline, node_change(UP, 0))
    _feed(pipeline, registered(1, transport=transport))
    return pipeline


def _list(pipeline: Pipeline, seq: int, at: float) -> None:
    """A listing of the node that began at `at`, with the one phone."""
    whole = listing_ended(seq, "s", at=at)
    whole.aor = None
    _feed(pipeline, listed(seq, "s", at=at), whole)


class TestShutdown:
    """No later event of its process makes a binding reachable."""

    @pytest.mark.parametrize(
        "events",
        [
            pytest.param([(DOWN, 5.98)], id="before the last heartbeat by its time"),
            pytest.param([(LOST, 6), (DOWN, 5.98)], id="and read once the lease had run out"),
            pytest.param([(DOWN, 5.98), (LOST, 6)], id="and another worker saw the lease run out"),
            pytest.param(
                [(DOWN, 7), (GAP, 7.5), (HEARTBEAT, 8)], id="others' events come after it"
            ),
        ],
    )
    def test_ends_what_the_process_had(self, events: list[tuple[NodeKind, float]]) -> None:
        pipeline = _with_a_phone(Transport.UDP)
        _feed_nodes(
            pipeline, node_change(HEARTBEAT, 6), *(node_change(kind, at) for kind, at in events)
        )
        _feed(pipeline, refreshed(2, at=5.9, transport=Transport.UDP))
        assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]
        assert pipeline.dead_letters == []

    @pytest.mark.parametrize(
        "back",
        [
            pytest.param(node_change(UP, 9), id="it was only not read, and reports UP"),
            pytest.param(node_change(HEARTBEAT, 9, "boot-b"), id="the next one's UP was lost"),
        ],
    )
    def test_is_over_with_an_event_of_a_running_process(self, back: NodeChange) -> None:
        pipeline = _with_a_phone()
        _feed_nodes(pipeline, node_change(DOWN, 8), back)
        _feed(pipeline, registered(2, at=10, boot=back.boot))
        assert pipeline.changes("1001")[1:] == ["offline node-lost", *ONLINE]


def test_node_without_node_events_is_lost_too() -> None:
    """Its producer published nothing but its phone's register before the machine died."""
    pipeline = Pipeline()
    _feed(pipeline, registered(1))
    _feed_nodes(pipeline, node_change(LOST, 6))
    assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]


def test_stop_of_a_producer_beside_a_lost_node_restores_no_user() -> None:
    """The switch hangs; somebody stops its pod, and the producer reports its shutdown in order."""
    pipeline = _with_a_phone(Transport.UDP)
    _feed_nodes(
        pipeline, node_change(HEARTBEAT, 6), node_change(LOST, 6), node_change(UNWATCHED, 12)
    )
    assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]
    _feed_nodes(pipeline, node_change(HEARTBEAT, 60))
    assert pipeline.changes("1001")[2:] == ["online node-restored"]


def test_next_process_may_be_known_only_by_its_producers_stop() -> None:
    """Its UP was lost. An event of the one before, read only now, is of a connection that ended."""
    pipeline = _with_a_phone()
    stop = node_change(UNWATCHED, 20, "boot-b")
    _feed_nodes(pipeline, node_change(HEARTBEAT, 6), node_change(LOST, 6), stop)
    _feed(pipeline, refreshed(2, at=5.9))
    assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]
    _feed(pipeline, registered(1, at=19, boot="boot-b"))
    assert pipeline.changes("1001")[2:] == ONLINE


class TestReadAgain:
    """A worker that takes over may read the last events again."""

    def test_loss_from_before_the_return_is_over(self) -> None:
        pipeline = _with_a_phone()
        events = [node_change(kind, at) for kind, at in ((UP, 0), (HEARTBEAT, 6), (LOST, 6))]
        events.append(node_change(HEARTBEAT, 12))
        _feed_nodes(pipeline, *events[1:])
        before = [*ONLINE, "offline node-lost", "online node-restored"]
        assert pipeline.changes("1001") == before
        _feed_nodes(pipeline, *events)
        assert pipeline.changes("1001") == before

    @pytest.mark.parametrize("last", [HEARTBEAT, UNWATCHED])
    def test_events_from_before_the_loss_do_not_end_it(self, last: NodeKind) -> None:
        pipeline = _with_a_phone()
        events = [node_change(HEARTBEAT, 5), node_change(last, 6)]
        _feed_nodes(pipeline, *events, node_change(LOST, 6), node_change(UP, 0), *events)
        assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]

    def test_a_stopped_producer_is_still_stopped(self) -> None:
        """So a worker that takes over gives its node the longer lease."""
        pipeline = _with_a_phone()
        _feed_nodes(pipeline, node_change(HEARTBEAT, 6), node_change(UNWATCHED, 9))
        _feed_nodes(pipeline, node_change(HEARTBEAT, 6))
        pipeline.leases.begin(0, pipeline.state.nodes.items(), pipeline.now)
        pipeline.wait(60 * SECOND)
        assert pipeline.changes("1001") == ONLINE
        _feed_nodes(pipeline, node_change(HEARTBEAT, 80))
        pipeline.leases.begin(0, pipeline.state.nodes.items(), pipeline.now)
        pipeline.wait(60 * SECOND)
        assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]


class TestNextProcess:
    def test_ends_the_connections_of_the_one_before_it(self) -> None:
        pipeline = _with_a_phone()
        _feed_nodes(pipeline, node_change(HEARTBEAT, 6), node_change(UP, 9, "boot-b"))
        assert pipeline.changes("1001") == [*ONLINE, "offline node-restarted"]

    def test_is_not_lost_with_the_one_before_it_though_the_clock_was_set_back(self) -> None:
        """The machine started anew; a slow worker reports the loss."""
        pipeline = _with_a_phone(Transport.UDP)
        _feed_nodes(pipeline, node_change(UP, 99, "boot-b"), node_change(LOST, 100))
        _feed(pipeline, registered(1, at=99.5, boot="boot-b", transport=Transport.UDP))
        assert pipeline.changes("1001") == ONLINE
        assert pipeline.online() == {"1001": [5061]}

    @pytest.mark.parametrize("kind", [UP, HEARTBEAT, DOWN])
    def test_node_events_of_the_previous_process_do_not_change_it(self, kind: NodeKind) -> None:
        pipeline = Pipeline()
        _feed_nodes(pipeline, node_change(UP, 9, "boot-b"))
        _feed(pipeline, registered(1, at=8, boot="boot-b"))  # by a clock that stands still
        _feed_nodes(pipeline, node_change(kind, 8.5))
        _feed(pipeline, refreshed(2, at=8.7, boot="boot-b"))
        assert pipeline.changes("1001") == ONLINE


class TestGap:
    """Events may be missing: a later listing corrects that, else users are marked."""

    def test_of_before_the_listing_is_over_though_read_after_it(self) -> None:
        """Also for who came just before, whom the listing need not show."""
        pipeline = _with_a_phone()
        whole = listing_ended(5, "s", at=1.8)
        whole.aor = None
        _feed(pipeline, whole)
        _feed_nodes(pipeline, node_change(HEARTBEAT, 4), node_change(GAP, 1.5))
        pipeline.wait(11 * SECOND)
        assert pipeline.changes("1001") == ONLINE

    @pytest.mark.parametrize(
        "at",
        [
            pytest.param(20, id="long after"),
            pytest.param(5.98, id="and before the last heartbeat by its time"),
        ],
    )
    def test_of_after_the_listing_is_published(self, at: float) -> None:
        pipeline = _with_a_phone()
        _list(pipeline, 5, at=3)
        _feed_nodes(pipeline, node_change(HEARTBEAT, 6), node_change(GAP, at))
        pipeline.wait(11 * SECOND)
        assert pipeline.changes("1001") == [*ONLINE, "online node-uncertain"]

    def test_is_not_over_with_a_listing_that_had_begun_before_it(self) -> None:
        pipeline = _with_a_phone()
        _feed_nodes(pipeline, node_change(GAP, 5))
        _list(pipeline, 5, at=4)
        pipeline.wait(11 * SECOND)
        assert pipeline.changes("1001") == [*ONLINE, "online node-uncertain"]
        _list(pipeline, 9, at=20)
        assert pipeline.changes("1001")[2:] == ["online found-in-snapshot"]

    def test_is_published_though_another_follows(self) -> None:
        pipeline = _with_a_phone()
        for at in (2, 8):
            _feed_nodes(pipeline, node_change(GAP, at))
            pipeline.wait(6 * SECOND)
        assert pipeline.changes("1001") == [*ONLINE, "online node-uncertain"]
