"""What a registrar's own table no longer holds has ended, though no event reported it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import topics
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.session import Session
from schemas.vocabulary import Cause, Source, Transport
from schemas.vocabulary import RegistrationKind as Kind
from streams.folds.registration import fold_registration
from tests.unit.pipeline import Pipeline

_AT = datetime(2026, 11, 29, tzinfo=UTC)
_AOR = "sip:alice@example.test"


def event(seq: int, kind: Kind, binding: str | None = None, **fields: Any) -> RegistrationEvent:
    """Of second `seq`; the binding's contact is its identity."""
    given: dict[str, Any] = {
        "id": f"kam1/up-1/{seq}",
        "source": Source.KAMAILIO,
        "node": "kam1",
        "boot": "up-1",
        "seq": seq,
        "at": _AT + timedelta(seconds=seq),
        "kind": kind,
        "aor": _AOR,
        "binding": binding,
        "contact": binding,
        "call_id": binding,
        "registrar": "location",
        "transport": Transport.UDP,
        "remote": Address(ip="192.0.2.1", port=5060),
    }
    return RegistrationEvent(**given | fields)


def shown(*events: RegistrationEvent) -> list[str]:
    """The contacts that are shown after the events; no state between two is hidden."""
    pipeline = Pipeline()
    for one in events:
        pipeline.feed(topics.REGISTRATIONS, [(_AOR, one)])
    if not pipeline.published:
        return []
    return sorted(binding.contact for binding in pipeline.published[-1].bindings)


A = event(1, Kind.REGISTERED, "sip:a@h")


def test_the_second_device_replaces_the_first_at_once() -> None:
    assert shown(A, event(2, Kind.REGISTERED, "sip:b@h", remaining=["sip:b@h"])) == ["sip:b@h"]


def test_one_change_is_published_for_both() -> None:
    pipeline = Pipeline()
    b = event(2, Kind.REGISTERED, "sip:b@h", remaining=["sip:b@h"])
    for one in (A, b):
        pipeline.feed(topics.REGISTRATIONS, [(_AOR, one)])
    assert pipeline.changes("alice") == ["online registered", "online registered"]
    assert pipeline.published[-1].evidence == [b.id, A.id]


def test_what_the_table_holds_stays() -> None:
    b = event(2, Kind.REGISTERED, "sip:b@h", remaining=["sip:a@h", "sip:b@h"])
    assert shown(A, b) == ["sip:a@h", "sip:b@h"]


@pytest.mark.parametrize(
    "other",
    [
        event(1, Kind.REGISTERED, "sip:a@h", node="kam2"),
        event(1, Kind.REGISTERED, "sip:a@h", registrar="other"),
        event(3, Kind.REGISTERED, "sip:a@h"),  # delivered before, registered after
        event(1, Kind.REGISTERED, "sip:a@h", at=_AT + timedelta(seconds=1.9)),
    ],
    ids=["another-node", "another-table", "since", "while-it-was-read"],
)
def test_what_the_table_could_not_show_stays(other: RegistrationEvent) -> None:
    read = _AT + timedelta(seconds=1.5)
    b = event(2, Kind.REGISTERED, "sip:b@h", remaining=["sip:b@h"], table_at=read)
    assert shown(other, b) == ["sip:a@h", "sip:b@h"]


@pytest.mark.parametrize(
    "other",
    [
        event(9, Kind.REGISTERED, "sip:a@h", boot="up-0", at=A.at),
        event(1, Kind.REGISTERED, "sip:a@h", registrar=None),
    ],
    ids=["of-an-earlier-process", "of-no-table"],
)
def test_what_the_table_shows_no_more_is_gone(other: RegistrationEvent) -> None:
    read = _AT + timedelta(seconds=1.5)
    b = event(2, Kind.REGISTERED, "sip:b@h", remaining=["sip:b@h"], table_at=read)
    assert shown(other, b) == ["sip:b@h"]


def test_an_event_of_no_table_is_of_all() -> None:
    assert shown(A, event(2, Kind.REGISTERED, "sip:b@h", registrar=None, remaining=[])) == [
        "sip:b@h"
    ]


@pytest.mark.parametrize(("seconds", "left"), [(-1, ["sip:a@h"]), (1, [])])
def test_where_the_sequence_is_not_known_time_decides(seconds: int, left: list[str]) -> None:
    """A listing whose producer has read nothing yet (ordering.UNKNOWN_SEQ)."""
    at = A.at + timedelta(seconds=seconds)
    assert shown(A, event(0, Kind.SNAPSHOT_ENDED, at=at, remaining=[], snapshot="s")) == left


def test_another_process_is_compared_by_time() -> None:
    later = event(1, Kind.REGISTERED, "sip:a@h", boot="up-2", at=A.at + timedelta(seconds=9))
    b = event(2, Kind.REGISTERED, "sip:b@h", remaining=["sip:b@h"])
    assert shown(later, b) == ["sip:a@h", "sip:b@h"]


def test_an_unregister_names_what_else_is_gone() -> None:
    b = event(2, Kind.REGISTERED, "sip:b@h")
    assert shown(A, b, event(3, Kind.UNREGISTERED, "sip:b@h", remaining=[])) == []
    assert shown(A, b, event(3, Kind.WILDCARD, remaining=["sip:a@h"])) == ["sip:a@h"]


def test_an_exact_listing_waits_for_nothing() -> None:
    """Listings of other kinds leave what was confirmed up to 2 s before."""
    later: dict[str, Any] = {"at": A.at + timedelta(milliseconds=10), "snapshot": "s"}
    assert shown(A, event(2, Kind.SNAPSHOT_ENDED, **later)) == ["sip:a@h"]
    assert shown(A, event(2, Kind.SNAPSHOT_ENDED, remaining=[], **later)) == []
    assert shown(A, event(2, Kind.SNAPSHOT_ENDED, remaining=["sip:a@h"], **later)) == ["sip:a@h"]


def test_a_call_id_of_one_binding_only() -> None:
    b = event(2, Kind.REGISTERED, "sip:b@h", call_id="sip:a@h", replaces_call_id=True)
    assert shown(A, b) == ["sip:b@h"]
    assert shown(A, event(2, Kind.REGISTERED, "sip:b@h", replaces_call_id=True)) == [
        "sip:a@h",
        "sip:b@h",
    ]


def test_no_call_id_is_no_call_id_of_another() -> None:
    nameless = event(1, Kind.REGISTERED, "sip:a@h", call_id=None)
    b = event(2, Kind.REGISTERED, "sip:b@h", call_id=None, replaces_call_id=True)
    assert shown(nameless, b) == ["sip:a@h", "sip:b@h"]


def test_what_was_replaced_is_not_revived_by_its_own_late_event() -> None:
    b = event(3, Kind.REGISTERED, "sip:b@h", remaining=["sip:b@h"])
    assert shown(A, b, event(2, Kind.REFRESHED, "sip:a@h")) == ["sip:b@h"]
    assert shown(A, b, event(4, Kind.REFRESHED, "sip:a@h")) == ["sip:a@h", "sip:b@h"]


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (Kind.REGISTERED, Cause.REPLACED),
        (Kind.REFRESHED, Cause.REPLACED),
        (Kind.SNAPSHOT_ENDED, Cause.MISSING_FROM_SNAPSHOT),
        (Kind.UNREGISTERED, Cause.UNREGISTERED),
        (Kind.EXPIRED, Cause.EXPIRED),
    ],
)
def test_the_cause_is_what_showed_it(kind: Kind, cause: Cause) -> None:
    session = Session(aor=_AOR)
    fold_registration(session, A)
    own = "sip:b@h" if kind is not Kind.SNAPSHOT_ENDED else None
    fold_registration(session, event(2, kind, own, remaining=[], snapshot="s"))
    ended = session.ended["kam1|sip:a@h"]
    assert (ended.cause, ended.event) == (cause, "kam1/up-1/2")


def test_within_one_process_the_sequence_decides_not_the_clock() -> None:
    """The clock was set back between the two, or forth."""
    back = {"at": _AT - timedelta(seconds=60)}
    assert shown(A, event(2, Kind.REGISTERED, "sip:b@h", remaining=["sip:b@h"], **back)) == [
        "sip:b@h"
    ]
