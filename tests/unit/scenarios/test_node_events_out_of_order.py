"""Words of nodes in any order: late, read again, of a process that has ended since.

FreeSWITCH stamps its events by a clock that stands still for 20 ms; a heartbeat's time reads on.
So its SHUTDOWN may bear an earlier time than the last heartbeat.
"""

from datetime import timedelta

import pytest

from schemas import topics
from schemas.internal import NodeChange
from schemas.vocabulary import NodeKind, Transport
from tests.unit.pipeline import Pipeline
from tests.unit.stories import (
    AOR,
    listed,
    listing_ended,
    node_change,
    refreshed,
    registered,
)

SECOND = timedelta(seconds=1)
UP, HEARTBEAT, LOST = NodeKind.UP, NodeKind.HEARTBEAT, NodeKind.LOST
DOWN, UNWATCHED, GAP = NodeKind.DOWN, NodeKind.UNWATCHED, NodeKind.GAP
ONLINE = ["online registered"]


def _say(pipeline: Pipeline, *changes: NodeChange) -> None:
    for change in changes:
        pipeline.feed(topics.NODE_CHANGES, [(change.node, change)])


def _tell(pipeline: Pipeline, *events: object) -> None:
    pipeline.feed(topics.REGISTRATIONS, [(AOR, event) for event in events])


def _with_a_phone(transport: Transport = Transport.TCP) -> Pipeline:
    pipeline = Pipeline()
    _say(pipeline, node_change(UP, 0))
    _tell(pipeline, registered(1, transport=transport))
    return pipeline


def _list(pipeline: Pipeline, seq: int, at: float) -> None:
    """A listing of the node that began at `at`, with the one phone."""
    whole = listing_ended(seq, "s", at=at)
    whole.aor = None
    _tell(pipeline, listed(seq, "s", at=at), whole)


class TestShutdown:
    """After it nothing that its process still says of a phone makes that reachable."""

    @pytest.mark.parametrize(
        "words",
        [
            pytest.param([(DOWN, 5.98)], id="before the last heartbeat by its time"),
            pytest.param([(LOST, 6), (DOWN, 5.98)], id="and read once the lease had run out"),
            pytest.param([(DOWN, 5.98), (LOST, 6)], id="and another worker saw the lease run out"),
            pytest.param([(DOWN, 7), (GAP, 7.5), (HEARTBEAT, 8)], id="others' words come after it"),
        ],
    )
    def test_ends_what_the_process_had(self, words: list[tuple[NodeKind, float]]) -> None:
        pipeline = _with_a_phone(Transport.UDP)
        _say(pipeline, node_change(HEARTBEAT, 6), *(node_change(kind, at) for kind, at in words))
        _tell(pipeline, refreshed(2, at=5.9, transport=Transport.UDP))
        assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]
        assert pipeline.dead_letters == []

    @pytest.mark.parametrize(
        "back",
        [
            pytest.param(node_change(UP, 9), id="it was only not heard, and says it is there"),
            pytest.param(node_change(HEARTBEAT, 9, "boot-b"), id="the next one's UP was lost"),
        ],
    )
    def test_is_over_with_the_word_of_one_that_lives(self, back: NodeChange) -> None:
        pipeline = _with_a_phone()
        _say(pipeline, node_change(DOWN, 8), back)
        _tell(pipeline, registered(2, at=10, boot=back.boot))
        assert pipeline.changes("1001")[1:] == ["offline node-lost", *ONLINE]


def test_of_a_node_nobody_told_of_the_silence_counts_too() -> None:
    """Its producer said nothing but its phone's register before the machine died."""
    pipeline = Pipeline()
    _tell(pipeline, registered(1))
    _say(pipeline, node_change(LOST, 6))
    assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]


def test_a_producer_that_stops_beside_a_silent_node_brings_nobody_back() -> None:
    """The switch hangs; somebody stops its pod, and the producer says goodbye in order."""
    pipeline = _with_a_phone(Transport.UDP)
    _say(pipeline, node_change(HEARTBEAT, 6), node_change(LOST, 6), node_change(UNWATCHED, 12))
    assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]
    _say(pipeline, node_change(HEARTBEAT, 60))
    assert pipeline.changes("1001")[2:] == ["online node-restored"]


def test_the_next_process_may_be_known_by_its_producers_stop_alone() -> None:
    """Its UP was lost. A word of the one before, read only now, is of a connection that ended."""
    pipeline = _with_a_phone()
    stop = node_change(UNWATCHED, 20, "boot-b")
    _say(pipeline, node_change(HEARTBEAT, 6), node_change(LOST, 6), stop)
    _tell(pipeline, refreshed(2, at=5.9))
    assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]
    _tell(pipeline, registered(1, at=19, boot="boot-b"))
    assert pipeline.changes("1001")[2:] == ONLINE


class TestReadAgain:
    """A worker that takes over may read the last words again."""

    def test_a_silence_of_before_the_return_is_over(self) -> None:
        pipeline = _with_a_phone()
        words = [node_change(kind, at) for kind, at in ((UP, 0), (HEARTBEAT, 6), (LOST, 6))]
        words.append(node_change(HEARTBEAT, 12))
        _say(pipeline, *words[1:])
        before = [*ONLINE, "offline node-lost", "online node-restored"]
        assert pipeline.changes("1001") == before
        _say(pipeline, *words)
        assert pipeline.changes("1001") == before

    @pytest.mark.parametrize("last", [HEARTBEAT, UNWATCHED])
    def test_what_was_said_before_the_silence_does_not_end_it(self, last: NodeKind) -> None:
        pipeline = _with_a_phone()
        words = [node_change(HEARTBEAT, 5), node_change(last, 6)]
        _say(pipeline, *words, node_change(LOST, 6), node_change(UP, 0), *words)
        assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]

    def test_a_stopped_producer_is_still_stopped(self) -> None:
        """So a worker that takes over gives its node the longer lease."""
        pipeline = _with_a_phone()
        _say(pipeline, node_change(HEARTBEAT, 6), node_change(UNWATCHED, 9))
        _say(pipeline, node_change(HEARTBEAT, 6))
        pipeline.leases.begin(0, pipeline.state.nodes.items(), pipeline.now)
        pipeline.wait(60 * SECOND)
        assert pipeline.changes("1001") == ONLINE
        _say(pipeline, node_change(HEARTBEAT, 80))
        pipeline.leases.begin(0, pipeline.state.nodes.items(), pipeline.now)
        pipeline.wait(60 * SECOND)
        assert pipeline.changes("1001") == [*ONLINE, "offline node-lost"]


class TestNextProcess:
    def test_ends_the_connections_of_the_one_before_it(self) -> None:
        pipeline = _with_a_phone()
        _say(pipeline, node_change(HEARTBEAT, 6), node_change(UP, 9, "boot-b"))
        assert pipeline.changes("1001") == [*ONLINE, "offline node-restarted"]

    def test_is_not_lost_with_the_one_before_it_though_the_clock_was_set_back(self) -> None:
        """The machine started anew; who tells of the silence is a worker that was slow."""
        pipeline = _with_a_phone(Transport.UDP)
        _say(pipeline, node_change(UP, 99, "boot-b"), node_change(LOST, 100))
        _tell(pipeline, registered(1, at=99.5, boot="boot-b", transport=Transport.UDP))
        assert pipeline.changes("1001") == ONLINE
        assert pipeline.online() == {"1001": [5061]}

    @pytest.mark.parametrize("kind", [UP, HEARTBEAT, DOWN])
    def test_nothing_the_one_before_it_said_is_about_it(self, kind: NodeKind) -> None:
        pipeline = Pipeline()
        _say(pipeline, node_change(UP, 9, "boot-b"))
        _tell(pipeline, registered(1, at=8, boot="boot-b"))  # by a clock that stands still
        _say(pipeline, node_change(kind, 8.5))
        _tell(pipeline, refreshed(2, at=8.7, boot="boot-b"))
        assert pipeline.changes("1001") == ONLINE


class TestGap:
    """Words may be missing: a listing of after that makes up for it, and else users are told."""

    def test_of_before_the_listing_is_over_though_read_after_it(self) -> None:
        """Also for who came just before, whom the listing need not show."""
        pipeline = _with_a_phone()
        whole = listing_ended(5, "s", at=1.8)
        whole.aor = None
        _tell(pipeline, whole)
        _say(pipeline, node_change(HEARTBEAT, 4), node_change(GAP, 1.5))
        pipeline.wait(11 * SECOND)
        assert pipeline.changes("1001") == ONLINE

    @pytest.mark.parametrize(
        "at",
        [
            pytest.param(20, id="long after"),
            pytest.param(5.98, id="and before the last heartbeat by its time"),
        ],
    )
    def test_of_after_the_listing_is_told(self, at: float) -> None:
        pipeline = _with_a_phone()
        _list(pipeline, 5, at=3)
        _say(pipeline, node_change(HEARTBEAT, 6), node_change(GAP, at))
        pipeline.wait(11 * SECOND)
        assert pipeline.changes("1001") == [*ONLINE, "online node-uncertain"]

    def test_is_not_over_with_a_listing_that_had_begun_before_it(self) -> None:
        pipeline = _with_a_phone()
        _say(pipeline, node_change(GAP, 5))
        _list(pipeline, 5, at=4)
        pipeline.wait(11 * SECOND)
        assert pipeline.changes("1001") == [*ONLINE, "online node-uncertain"]
        _list(pipeline, 9, at=20)
        assert pipeline.changes("1001")[2:] == ["online found-in-snapshot"]

    def test_users_are_told_though_one_follows_the_other(self) -> None:
        pipeline = _with_a_phone()
        for at in (2, 8):
            _say(pipeline, node_change(GAP, at))
            pipeline.wait(6 * SECOND)
        assert pipeline.changes("1001") == [*ONLINE, "online node-uncertain"]
