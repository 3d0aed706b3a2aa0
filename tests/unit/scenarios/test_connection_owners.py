"""Whose connection is it? What is announced of a binding, so that its connection's end finds it."""

from dataclasses import replace
from typing import Any

import pytest

from schemas import topics
from schemas.codec import encode
from schemas.connection import ConnectionEvent, connection_id
from schemas.origin import Address
from schemas.vocabulary import ConnectionKind, Source, Transport
from streams.batches.session_batch import SessionBatch
from streams.folds.connection_loss import fold_loss
from streams.folds.registration import fold_registration
from streams.models import Session
from tests.unit.edge_events import behind, same
from tests.unit.fold_events import AOR, listed, loss, moment, refreshed, registered
from tests.unit.pipeline import Consumed, Pipeline


def _closed(port: int, at: float) -> ConnectionEvent:
    """The kernel's report; the registrar beside it asked for no cookie."""
    remote = Address(ip="10.0.0.7", port=port)
    return ConnectionEvent(
        id=f"fs1/kernel/{port}-{at}",
        source=Source.SOCKETS,
        node="fs1",
        boot="kernel",
        seq=round(at * 1e6),
        at=moment(at),
        kind=ConnectionKind.CLOSED,
        connection=connection_id("fs1", remote),
        transport=Transport.TCP,
        remote=remote,
    )


@pytest.mark.parametrize(
    "before",
    [
        pytest.param({"port": 5062}, id="of another port"),
        pytest.param({"transport": Transport.UDP}, id="over UDP"),
    ],
)
def test_the_connection_that_a_refresh_came_over_takes_the_binding(before: dict[str, Any]) -> None:
    first, again = same(registered(1, **before)), same(refreshed(2))
    pipeline = Pipeline()
    pipeline.feed(topics.REGISTRATIONS, [(AOR, first), (AOR, again)])
    assert pipeline.online() == {"1001": [5061]}
    end = _closed(5061, at=9)
    pipeline.feed(topics.CONNECTIONS, [(end.connection, end)])
    assert pipeline.changes("1001")[-1] == "offline connection-closed"
    assert pipeline.dead_letters == []


def test_the_proxys_connection_to_the_registrar_has_no_owner() -> None:
    """Thousands of users are behind it, and its end does not concern them."""
    assert fold_registration(Session(aor=AOR), behind(1)).owner is None


def test_event_read_again_announces_its_owner_again() -> None:
    """A worker may have died when the session was durable, and the owner was not."""
    session = Session(aor=AOR)
    first, second, quiet = (
        registered(1, cookie=7),
        registered(2, port=5062, cookie=8),
        refreshed(3, port=5062, cookie=8),
    )
    first_result = [fold_registration(session, event).owner for event in (first, second)]
    again = [fold_registration(session, event) for event in (first, second)]
    assert [result.owner for result in again] == first_result
    assert not any(result.changed for result in again)
    owners = [fold_registration(session, event).owner for event in (quiet, quiet, second)]
    assert owners == [None, None, None]  # it announced none, and the other is not the last report


def test_row_read_again_announces_its_owner_again() -> None:
    session = Session(aor=AOR)
    row = listed(9, "s1")
    first_result, again = fold_registration(session, row), fold_registration(session, row)
    assert first_result.owner is not None
    assert again.owner == first_result.owner
    assert not again.changed


def test_crash_before_the_owner_is_published_does_not_hide_the_end() -> None:
    pipeline, event = Pipeline(), same(registered(1))
    swallowed = SessionBatch(pipeline.state, pipeline.now)
    swallowed.fold(topics.REGISTRATIONS, [Consumed(AOR.encode(), encode(event))])
    written = [record.topic for record in swallowed.finish().state]
    assert topics.SESSIONS in written  # that much was durable
    pipeline.feed(topics.REGISTRATIONS, [(AOR, event)])
    end = _closed(5061, at=9)
    pipeline.feed(topics.CONNECTIONS, [(end.connection, end)])
    assert pipeline.changes("1001")[-1] == "offline connection-closed"


def test_claimed_connection_ends_no_binding() -> None:
    """A producer that was started again asks the kernel about the listed row, and it denies it."""
    claimed = registered(1, transport_claimed=True)
    row = listed(5, "s1", at=5, connection_gone=True)
    denial = _closed(5061, at=5)
    pipeline = Pipeline()
    pipeline.feed(topics.REGISTRATIONS, [(AOR, claimed), (AOR, row)])
    pipeline.feed(topics.CONNECTIONS, [(denial.connection, denial)])
    assert pipeline.changes("1001") == ["online registered"]
    again = refreshed(7)  # this time over TCP, and the connection is gone
    later = _closed(5061, at=9)
    pipeline.feed(topics.REGISTRATIONS, [(AOR, again)])
    pipeline.feed(topics.CONNECTIONS, [(later.connection, later)])
    assert pipeline.changes("1001")[-1] == "offline connection-closed"


def test_late_end_by_the_kernel_ends_a_binding_that_seemed_to_claim_it() -> None:
    """The registration was read before the kernel had reported its connection's end."""
    end = replace(_closed(5061, at=2), cookie=77)
    pipeline = Pipeline()
    pipeline.feed(topics.REGISTRATIONS, [(AOR, registered(1, transport_claimed=True))])
    pipeline.feed(topics.CONNECTIONS, [(end.connection, end)])
    assert pipeline.changes("1001")[-1] == "offline connection-closed"


def test_claim_survives_a_repeated_announcement() -> None:
    """An end of before took the owner away, not what is known of the transport."""
    session = Session(aor=AOR)
    fold_registration(session, registered(1, transport_claimed=True))
    again = fold_loss(session, loss(9, source=Source.SOCKETS, at=0.5, cookie=5)).owner
    assert getattr(again, "transport_claimed", None) is True
