"""Where a listing stands in its switch's history: at the last event read, or at no known place.

FreeSWITCH's listings have no sequence of their own. A quiet switch is listed at that of the last
event; a producer that has just started has read none, and lists at 0.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import topics
from schemas.call import CallEvent
from schemas.registration import RegistrationEvent
from schemas.vocabulary import CallKind, CallState, RegistrationKind, Source, Transport
from tests.unit.pipeline import Pipeline

AOR, CONTACT, AT = "sip:1001@sip.test", "sip:1001@192.0.2.7:5060", datetime(2026, 1, 1, tzinfo=UTC)
ON, GONE = "online registered", "offline missing-from-snapshot"


class Switch:
    """One boot of one switch, and what of it was reported."""

    def __init__(self) -> None:
        self.pipeline = Pipeline()
        self._listings = 0

    def apply(self, kind: RegistrationKind, seq: int, at: float, **fields: Any) -> None:
        about: dict[str, Any] = {"aor": AOR, "contact": CONTACT, "binding": CONTACT, "call_id": "c"}
        origin = self._origin(f"{seq}", seq, at)
        event = RegistrationEvent(kind=kind, transport=Transport.UDP, **origin, **about, **fields)
        self.pipeline.feed(topics.REGISTRATIONS, [(AOR, event)])

    def list_bindings(self, seq: int, at: float, *, found: bool = True) -> None:
        self._listings += 1
        name = f"listing-{self._listings}"
        if found:
            self.apply(RegistrationKind.SNAPSHOT_ROW, seq, at, snapshot=name)
        origin = self._origin(f"{name}/ended", seq, at)
        ended = RegistrationEvent(kind=RegistrationKind.SNAPSHOT_ENDED, snapshot=name, **origin)
        self.pipeline.feed(topics.REGISTRATIONS, [("fs1", ended)])

    def call(self, kind: CallKind, seq: int, at: float, **fields: Any) -> None:
        origin = self._origin(f"call-{seq}-{at}", seq, at)
        event = CallEvent(kind=kind, aor=AOR, leg="leg", **origin, **fields)
        self.pipeline.feed(topics.CALLS, [(AOR, event)])

    def changes(self) -> list[str]:
        return self.pipeline.changes("1001")

    @staticmethod
    def _origin(name: str, seq: int, at: float) -> dict[str, Any]:
        time = AT + timedelta(seconds=at)
        where = {"source": Source.FREESWITCH, "node": "fs1", "boot": "b", "seq": seq, "at": time}
        return {"id": f"fs1/b/{name}/{at}", **where}


@pytest.mark.parametrize("seq", [100, 0, 105])
def test_listed_binding_stays(seq: int) -> None:
    switch = Switch()
    switch.apply(RegistrationKind.REGISTERED, 100, 0)
    for at in (10, 14, 314):
        switch.list_bindings(seq, at)
    assert switch.changes() == [ON]


@pytest.mark.parametrize("seq", [100, 0, 105])
def test_unlisted_binding_ends(seq: int) -> None:
    switch = Switch()
    switch.apply(RegistrationKind.REGISTERED, 100, 0)
    switch.list_bindings(seq, 10)
    switch.list_bindings(seq, 20, found=False)
    assert switch.changes() == [ON, GONE]


@pytest.mark.parametrize("seq", [100, 0, 105])
def test_binding_found_by_a_listing_stays(seq: int) -> None:
    switch = Switch()
    for at in (10, 14, 314):
        switch.list_bindings(seq, at)
    assert switch.changes() == ["online found-in-snapshot"]


def test_event_from_before_a_listing_is_not_newer_than_the_listing() -> None:
    """Read again after a crash, an older unregister must not end what was registered after it."""
    switch = Switch()
    switch.apply(RegistrationKind.UNREGISTERED, 90, -5)
    switch.apply(RegistrationKind.REGISTERED, 100, 0)
    switch.list_bindings(0, 10)
    switch.apply(RegistrationKind.UNREGISTERED, 90, -5)
    assert switch.changes() == [ON]


def test_event_from_before_a_listing_revives_no_unlisted_binding() -> None:
    switch = Switch()
    switch.apply(RegistrationKind.REGISTERED, 100, 0)
    switch.list_bindings(0, 10, found=False)
    switch.apply(RegistrationKind.REGISTERED, 100, 0)
    assert switch.changes() == [ON, GONE]
    switch.apply(RegistrationKind.REFRESHED, 101, 20)
    assert switch.changes() == [ON, GONE, ON]


def test_event_from_after_a_listing_is_newer() -> None:
    switch = Switch()
    switch.apply(RegistrationKind.REGISTERED, 100, 0)
    switch.list_bindings(0, 10)
    switch.apply(RegistrationKind.UNREGISTERED, 101, 20)
    assert switch.changes() == [ON, "offline unregistered"]


def test_listing_from_before_the_end_revives_no_binding() -> None:
    switch = Switch()
    switch.apply(RegistrationKind.REGISTERED, 100, 0)
    switch.apply(RegistrationKind.UNREGISTERED, 101, 11)
    switch.list_bindings(0, 10)
    assert switch.changes() == [ON, "offline unregistered"]


def test_listing_from_long_after_the_end_revives_it_against_older_events() -> None:
    switch = Switch()
    switch.apply(RegistrationKind.REGISTERED, 100, 0)
    switch.apply(RegistrationKind.UNREGISTERED, 101, 1)
    switch.list_bindings(0, 10)
    switch.apply(RegistrationKind.UNREGISTERED, 101, 1)
    assert switch.changes() == [ON, "offline unregistered", "online found-in-snapshot"]
    switch.apply(RegistrationKind.UNREGISTERED, 102, 20)
    assert switch.changes()[3:] == ["offline unregistered"]


def test_a_listed_hold_counts_and_an_older_one_does_not() -> None:
    switch = Switch()
    switch.apply(RegistrationKind.REGISTERED, 100, 0)
    switch.call(CallKind.ANSWERED, 110, 1)
    switch.call(CallKind.SNAPSHOT_ROW, 0, 10, state=CallState.HELD, snapshot="s")
    assert switch.changes()[-1] == "held call-held"
    switch.call(CallKind.RESUMED, 105, 0.5)
    assert switch.changes()[-1] == "held call-held"
    switch.call(CallKind.RESUMED, 111, 12)
    assert switch.changes()[-1] == "on-the-phone call-resumed"
