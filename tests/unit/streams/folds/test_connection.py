"""Ends of connections and who hung on them: which end is whose, and which is remembered.

The ends come by another topic than the registrations: a worker may read either minutes late.
"""

import pytest

from schemas import topics
from schemas.connection import ConnectionEvent
from schemas.internal import ConnectionOwner, ConnectionState
from schemas.origin import Address
from schemas.vocabulary import Cause, ConnectionKind, Source, Transport
from streams.folds.connection import fold_end, fold_owner
from tests.unit.connection_events import closed, denied, feed, owner, reported, reset
from tests.unit.fold_events import AOR, moment, refreshed, registered
from tests.unit.pipeline import Pipeline

HOUR = 3600


class TestRegistrationsReadLate:
    """The connection has long ended, by all that the kernel reported, when its REGISTER is read."""

    def test_it_ended_as_the_kernel_saw_it_whatever_listings_asked_since(self) -> None:
        """Each minute the registrar lists the dead client, and the kernel knows nothing of it."""
        minutes = [denied(60.0 * minute) for minute in range(1, 6)]
        late = feed(reset(2, cookie=7), *minutes, registered(1, cookie=7))
        assert late.changes("1001") == ["online registered", "offline connection-reset"]

    def test_what_a_listing_showed_is_not_forgotten_for_the_ports_next_client(self) -> None:
        """The end of the first was lost while the watcher was down; the next one's is reported."""
        late = feed(denied(60), closed(70, cookie=8), registered(50, cookie=7))
        assert late.changes("1001")[-1] == "offline connection-closed"

    @pytest.mark.parametrize("again", [[], [60]], ids=["once", "with an old listing read again"])
    def test_of_many_listings_the_last_one_counts(self, again: list[float]) -> None:
        repeated = [denied(at) for at in again]
        late = feed(denied(60), denied(120), *repeated, registered(90, cookie=7))
        assert late.changes("1001")[-1] == "offline connection-closed"

    def test_end_by_the_server_outlives_a_listing_that_had_begun_before(self) -> None:
        """By the clock the REGISTER may be later than the question; the server's count knows."""
        ended = reset(5, source=Source.OPENSIPS, seq=9)
        late = feed(ended, denied(4.5), registered(8, at=4, cookie=7))
        assert late.changes("1001")[-1] == "offline connection-reset"


class TestServersOwnWord:
    """It has no cookie: the server's own sequence shows what came first."""

    def test_it_ends_what_was_registered_just_before(self) -> None:
        both = registered(8, at=4, cookie=7), reset(4.5, source=Source.OPENSIPS, seq=9)
        for events in (both, both[::-1]):
            assert feed(*events).changes("1001")[-1] == "offline connection-reset"

    def test_it_ends_nothing_that_was_registered_in_the_same_tick_after_it(self) -> None:
        both = reset(4, source=Source.FREESWITCH, seq=8), registered(9, at=4)
        for events in (both, both[::-1]):
            assert feed(*events).online() == {"1001": [5061]}

    def test_after_its_restart_it_counts_anew(self) -> None:
        both = registered(50), reset(100, source=Source.FREESWITCH, boot="boot-b", seq=3)
        for events in (both, both[::-1]):
            assert feed(*events).changes("1001")[-1] == "offline connection-reset"


class TestKernelsNo:
    """The kernel is asked about a row of a listing after that began."""

    def test_what_was_registered_as_the_listing_began_is_another_connection(self) -> None:
        """From the same port, and by the registrar's clock, which lags, before the question."""
        both = denied(60), registered(1, at=59.99, cookie=9)
        for events in (both, both[::-1]):
            assert feed(*events).online() == {"1001": [5061]}

    def test_its_own_row_has_no_cookie_and_ends(self) -> None:
        """The kernel does not know it either: asked at its REGISTER it knew none."""
        both = denied(60), registered(1, at=60)
        for events in (both, both[::-1]):
            assert feed(*events).changes("1001")[-1] == "offline connection-closed"


def test_end_is_published_to_an_owner_once() -> None:
    """The kernel reports it, and the server; and later the port's next connection ends."""
    state = ConnectionState()
    fold_owner(state, owner(1))
    assert len(fold_end(state, closed(2, cookie=7))) == 1
    assert fold_end(state, closed(2.1, source=Source.OPENSIPS, seq=2)) == []
    assert fold_end(state, closed(60, cookie=8)) == []


def test_a_connection_that_opened_has_not_ended() -> None:
    opened = reported(ConnectionKind.OPENED, 2, cookie=7)
    pipeline = feed(registered(1), opened, refreshed(3, cookie=7))
    assert pipeline.changes("1001") == ["online registered"]


def test_who_renews_often_does_not_push_out_who_renews_seldom() -> None:
    """A gateway's 200 lines, on one connection: half of them for an hour, half for a day."""
    lines = [f"line{number}" for number in range(200)]
    pipeline = Pipeline()
    for at, renewed in ((1, lines), *((7 * HOUR * n, lines[100:]) for n in range(1, 4))):
        records = []
        for line in renewed:
            event = registered(at, call_id=line)
            event.aor, event.contact = f"sip:{line}@example.test", f"sip:{line}@10.0.0.7:5061"
            event.binding = event.contact
            records.append((event.aor, event))
        pipeline.feed(topics.REGISTRATIONS, records)
    assert len(pipeline.online()) == 200
    feed(closed(23 * HOUR, cookie=7), pipeline=pipeline)
    assert pipeline.online() == {}


def test_kernels_denial_ends_no_binding_that_only_claims_its_transport() -> None:
    """There was no connection when the client registered either."""
    for claimed, lost in ((True, 0), (False, 1)):
        state = ConnectionState()
        fold_owner(state, owner(1, transport_claimed=claimed))
        assert len(fold_end(state, denied(60))) == lost


class TestSuspicion:
    def test_of_another_incarnation_reaches_no_owner(self) -> None:
        state = ConnectionState()
        fold_owner(state, owner(1, cookie=7))
        assert fold_end(state, reported(ConnectionKind.SUSPECT, 2, cookie=6)) == []
        assert fold_owner(state, owner(3, cookie=7)) == []

    def test_that_is_over_reaches_no_late_owner(self) -> None:
        state = ConnectionState()
        fold_end(state, reported(ConnectionKind.SUSPECT, 2, cookie=7))
        fold_end(state, reported(ConnectionKind.RECOVERED, 3, cookie=7))
        assert fold_owner(state, owner(1, cookie=7)) == []

    def test_of_who_ended_is_none_of_who_comes_from_that_port_next(self) -> None:
        pipeline = feed(
            registered(1),
            reported(ConnectionKind.SUSPECT, 2, cookie=7),
            reported(ConnectionKind.TIMED_OUT, 9, cookie=7),
            registered(20),
        )
        assert pipeline.changes("1001")[-2:] == [
            "offline connection-timed-out",
            "online registered",
        ]
        assert not pipeline.published[-1].bindings[0].suspect


def _owner(seq: int, cookie: int | None = None, aor: str = AOR) -> ConnectionOwner:
    return ConnectionOwner(
        id=f"fs1/boot-a/{seq}",
        source=Source.FREESWITCH,
        node="fs1",
        boot="boot-a",
        seq=seq,
        at=moment(seq),
        connection="fs1/10.0.0.7:5061",
        aor=aor,
        binding="fs1|b",
        cookie=cookie,
        remote=Address(ip="10.0.0.7", port=5061),
    )


def _end(
    seq: int, cookie: int | None = None, source: Source = Source.FREESWITCH
) -> ConnectionEvent:
    return ConnectionEvent(
        id=f"fs1/{source}/{seq}",
        source=source,
        node="fs1",
        boot="boot-a",
        seq=seq,
        at=moment(seq),
        kind=ConnectionKind.RESET,
        connection="fs1/10.0.0.7:5061",
        transport=Transport.TCP,
        remote=Address(ip="10.0.0.7", port=5061),
        cookie=cookie,
    )


def test_owner_and_end_meet_in_either_order() -> None:
    state = ConnectionState()
    assert fold_owner(state, _owner(1)) == []
    assert [loss.cause for loss in fold_end(state, _end(2))] == [Cause.CONNECTION_RESET]
    state = ConnectionState()
    assert fold_end(state, _end(2)) == []
    assert [loss.aor for loss in fold_owner(state, _owner(1))] == [AOR]


def test_an_end_is_about_its_incarnation_only() -> None:
    state = ConnectionState()
    fold_owner(state, _owner(3))
    assert fold_end(state, _end(2)) == []  # the port's last use
    state = ConnectionState()
    fold_owner(state, _owner(1, cookie=7))
    assert fold_end(state, _end(9, cookie=8, source=Source.SOCKETS)) == []
    assert len(fold_end(state, _end(9, cookie=7, source=Source.SOCKETS))) == 1


def test_every_owner_of_a_shared_connection_loses_it() -> None:
    state = ConnectionState()
    fold_owner(state, _owner(1, aor="sip:a@x"))
    fold_owner(state, _owner(2, aor="sip:b@x"))
    assert {loss.aor for loss in fold_end(state, _end(3))} == {"sip:a@x", "sip:b@x"}
