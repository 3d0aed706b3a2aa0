"""A registrar lists clients whose connection is gone, as the kernel knows: none comes online."""

from datetime import timedelta
from typing import Any

from schemas import topics
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.vocabulary import RegistrationKind as Kind
from schemas.vocabulary import Transport
from tests.unit.pipeline import Pipeline
from tests.unit.streams.folds.test_replaced_bindings import event

_AOR = "sip:alice@example.test"


def row(seq: int, **fields: Any) -> RegistrationEvent:
    """Of one contact over one TCP connection."""
    return event(seq, Kind.SNAPSHOT_ROW, "sip:a@h", transport=Transport.TCP, snapshot="s", **fields)


def statuses(*events: RegistrationEvent) -> list[str]:
    pipeline = Pipeline()
    for one in events:
        pipeline.feed(topics.REGISTRATIONS, [(_AOR, one)])
    return pipeline.changes("alice")


def test_a_dead_client_that_is_listed_is_never_shown() -> None:
    assert statuses(row(5, connection_gone=True)) == []
    assert statuses(row(5)) == ["online found-in-snapshot"]


def test_next_listing_does_not_revive_it() -> None:
    later = row(9, at=row(5).at + timedelta(seconds=300))
    assert statuses(row(5, connection_gone=True), later) == []


def test_its_own_register_revives_it() -> None:
    port = Address(ip="192.0.2.1", port=6060)
    back = event(9, Kind.REGISTERED, "sip:a@h", transport=Transport.TCP, remote=port, cookie=9)
    assert statuses(row(5, connection_gone=True), back) == ["online registered"]


def test_earlier_register_does_not_revive_it() -> None:
    before = event(4, Kind.REGISTERED, "sip:a@h", transport=Transport.TCP)
    assert statuses(row(5, connection_gone=True), before) == []


def test_known_binding_ends_by_the_end_of_its_connection_only() -> None:
    known = event(4, Kind.REGISTERED, "sip:a@h", transport=Transport.TCP, cookie=4)
    assert statuses(known, row(5, connection_gone=True)) == ["online registered"]
