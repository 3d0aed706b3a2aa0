"""Which REGISTERs are written in short: those that change nothing but a binding's times."""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.vocabulary import (
    Cause,
    ContactForm,
    RegistrationKind,
    Source,
    Transport,
)
from streams import models
from streams.folds.connection_owner import OWNER_RENEWAL
from streams.folds.refresh import Refresh, lay
from streams.folds.registration import fold_registration
from streams.folds.short_refresh import short_refresh
from streams.folds.tombstones import connection_key
from streams.models import EdgeConnection, EndedBinding, NodeState, Session
from tests.unit.fold_events import AOR, moment, refreshed, registered

KEY = "fs1|sip:1001@10.0.0.7:5061;transport=tcp"
HOUR = timedelta(hours=1)
EAST = timezone(timedelta(hours=2))


def _read(event: RegistrationEvent) -> Any:
    """As the streams read it from Kafka."""
    return models.decode(RegistrationEvent, codec.encode(event))


def _event(seq: int = 9, **more: Any) -> Any:
    return _read(refreshed(seq, **{"expires_at": moment(seq) + HOUR, "user_agent": "one", **more}))


def _session(**more: Any) -> Any:
    """Of a phone over TCP, registered at 1 s and written in batch 5."""
    session = Session(aor=AOR)
    fields = {"expires_at": moment(1) + HOUR, "user_agent": "one", **more}
    fold_registration(session, _read(registered(1, **fields)))
    session.batch = 5
    return models.decode(Session, models.encode(session))


def _ended(key: str, **more: Any) -> Callable[[Any], None]:
    def change(session: Any) -> None:
        session.ended[key] = EndedBinding(
            node="fs1", boot="boot-a", seq=0, at=moment(0), cause=Cause.EXPIRED, event="e", **more
        )

    return change


def _binding(**values: Any) -> Callable[[Any], None]:
    def change(session: Any) -> None:
        for name, value in values.items():
            setattr(session.bindings[KEY], name, value)

    return change


def _check(session: Any, event: Any, node: Any = None) -> Refresh | None:
    """The refresh; if there is one, it makes of the session what the ordinary rules make of it."""
    ordinary, short = deepcopy(session), deepcopy(session)
    refresh = short_refresh(short, event, node)
    assert short == session, "nothing is changed by asking"
    if refresh is not None:
        refresh = models.decode(Refresh, models.encode(refresh))
        lay(short, refresh)
        result = fold_registration(ordinary, event)
        assert (result.changed, result.change, result.fence) == (True, None, None)
        assert result.owner is None
        assert models.encode(short) == models.encode(ordinary)
    return refresh


PLAIN: list[dict[str, Any]] = [
    {},
    {"transport": Transport.UDP},
    {"cookie": 7},
    {"path": "<sip:edge;lr>", "received": Address(ip="10.0.0.9", port=5)},
    {"registrar": "internal"},
    {"expires_at": None},
    {"cseq": 3},
    {"call_id": None},
    {"transport": Transport.WSS, "contact_form": ContactForm.TRUNCATED},
]


@pytest.mark.parametrize("fields", PLAIN)
@pytest.mark.parametrize("kind", [RegistrationKind.REGISTERED, RegistrationKind.REFRESHED])
def test_a_register_that_only_renews_is_written_in_short(
    fields: dict[str, Any], kind: RegistrationKind
) -> None:
    session, event = _session(**fields), _event(**fields)
    event.kind = kind
    assert _check(session, event) is not None


def test_a_connection_without_an_address_has_no_owner_to_announce() -> None:
    session, event = _session(), _event()
    session.bindings[KEY].remote = event.remote = session.bindings[KEY].owned_at = None
    assert _check(session, event) is not None


def test_refreshes_are_laid_one_over_the_other() -> None:
    session = _session(cseq=1)
    for seq in (5, 6, 90):
        refresh = _check(session, _event(seq, cseq=seq))
        assert refresh is not None
        lay(session, refresh)
    assert (session.bindings[KEY].cseq, session.batch) == (90, 5)
    assert _check(session, _event(90, cseq=90)) is None


@pytest.mark.parametrize("expires", [None, 3600, 7200])
def test_a_refresh_that_is_not_applied_yet_counts_as_one_that_is(expires: int | None) -> None:
    fields = {"expires_at": None} if expires is None else {}
    session = _session(**fields)
    expires_at = None if expires is None else moment(5 + expires)
    laid = short_refresh(session, _event(5, expires_at=expires_at))
    assert laid is not None
    applied = deepcopy(session)
    lay(applied, laid)
    for seq in (4, 5, 6):
        for event in (
            _event(seq, expires_at=expires_at),
            _event(seq),
            _event(seq, expires_at=None),
        ):
            expected = short_refresh(applied, event)
            assert short_refresh(session, event, laid=laid) == expected
    assert short_refresh(session, _event(6, expires_at=expires_at), laid=laid) is not None
    session.batch += 1  # it was written since, and the refresh is void
    assert short_refresh(session, _event(4), laid=laid) == short_refresh(session, _event(4))


def test_the_registrars_table_as_read_with_it_ends_nothing_else() -> None:
    """With one binding there is no other that the table may lack."""
    event = _event(remaining=["sip:1001@10.0.0.7:5061;transport=tcp"], replaces_call_id=True)
    assert _check(_session(), event) is not None


DIFFERENT: list[dict[str, Any]] = [
    {"kind": RegistrationKind.UNREGISTERED},
    {"kind": RegistrationKind.SNAPSHOT_ROW},
    {"kind": RegistrationKind.PING_LOST},
    {"binding": None},
    {"binding": "another"},
    {"node": "fs2"},
    {"boot": "boot-b"},
    {"call_id": "another@phone"},
    {"call_id": None},
    {"contact": "sip:1001@10.0.0.7:5061;transport=tcp;ob"},
    {"remote": Address(ip="10.0.0.7", port=5062)},
    {"remote": None},
    {"cookie": 8},
    {"transport": Transport.TLS},
    {"transport_claimed": True},
    {"registrar": "internal"},
    {"user_agent": "two"},
    {"path": "<sip:edge;lr>"},
    {"received": Address(ip="10.0.0.9", port=5)},
    {"source": Source.OPENSIPS},
    {"contact_form": ContactForm.TRUNCATED},
    {"seq": 1},
    {"seq": 0},
    {"expires_at": moment(1) + HOUR - timedelta(microseconds=1)},
    {"expires_at": None},
    {"at": moment(9).astimezone(EAST)},
    {"expires_at": (moment(9) + HOUR).astimezone(EAST)},
]


@pytest.mark.parametrize("fields", DIFFERENT, ids=str)
def test_what_differs_from_the_binding_takes_the_ordinary_rules(fields: dict[str, Any]) -> None:
    event = _event()
    for name, value in fields.items():
        setattr(event, name, value)
    assert _check(_session(), event) is None


def test_the_same_expiry_and_the_next_sequence_are_enough() -> None:
    event = _event(2, expires_at=moment(1) + HOUR)
    assert _check(_session(), event) is not None


EDGE = EdgeConnection(node="edge1", boot="boot-e", at=moment(0))
CHANGES: dict[str, Callable[[Any], None]] = {
    "ping lost": _binding(ping_lost=True),
    "ping lost before": _binding(ping_seq=1),
    "edge lost": _binding(edge_lost=True),
    "registrar lost": _binding(registrar_lost=True),
    "node lost": _binding(node_lost=True),
    "suspect": _binding(suspect=True),
    "stale": _binding(stale=True),
    "edge uncertain": _binding(edge_uncertain=True),
    "closing": _binding(closing="e"),
    "at an edge": _binding(edge_connection=EDGE),
    "never announced": _binding(owned_at=None),
    "announced long ago": _binding(owned_at=moment(9) - OWNER_RENEWAL),
    "without an expiry": _binding(expires_at=None),
    "a tombstone of it": _ended(KEY),
    "a tombstone of its connection": _ended(connection_key(KEY, Address(ip="10.0.0.7", port=5061))),
    "another binding": lambda session: session.bindings.update(other=session.bindings[KEY]),
    "none": lambda session: session.bindings.clear(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_marked_or_ended_takes_the_ordinary_rules(change: Callable[[Any], None]) -> None:
    session = _session()
    change(session)
    assert _check(session, _event()) is None


def test_a_tombstone_of_the_device_on_another_node_takes_the_ordinary_rules() -> None:
    session = _session()
    _ended("fs2|x", call_id="one@phone")(session)
    session.ended["fs2|x"].node = "fs2"
    assert _check(session, _event()) is None


def test_tombstones_of_other_bindings_do_not_matter() -> None:
    session = _session()
    _ended("fs1|x", call_id="another@phone")(session)
    _ended("fs2|x", call_id="another@phone")(session)
    session.ended["fs2|x"].node = "fs2"
    assert _check(session, _event()) is not None
    without = _event()
    without.remote = None
    session.bindings[KEY].remote = None
    assert _check(session, without) is not None


def test_an_owner_announced_just_within_its_renewal_is_known() -> None:
    session = _session()
    session.bindings[KEY].owned_at = moment(9) - OWNER_RENEWAL + timedelta(microseconds=1)
    assert _check(session, _event()) is not None


def _node(**more: Any) -> Any:
    return NodeState(**{"boot": "boot-a", "at": moment(0), **more})


@pytest.mark.parametrize(
    ("node", "is_short"),
    [
        (None, True),
        (_node(), True),
        (_node(unwatched=True, gap=moment(0)), True),
        (_node(boot="boot-b"), False),
        (_node(down=True), False),
        (_node(lost=True), False),
        (_node(stale=True), False),
    ],
    ids=str,
)
def test_the_nodes_present_process_must_be_well(node: Any, *, is_short: bool) -> None:
    assert (_check(_session(), _event(), node) is not None) == is_short


_TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(
    at=_TIMES,
    expires=st.none() | _TIMES,
    known=st.none() | _TIMES,
    seq=st.integers(0, 2**63 - 1),
    cseq=st.none() | st.integers(0, 2**32),
    id_=st.text(min_size=1, max_size=255),
    opened_by=st.text(min_size=1, max_size=255),
)
def test_any_times_numbers_and_ids_come_back(
    at: datetime,
    expires: datetime | None,
    known: datetime | None,
    seq: int,
    cseq: int | None,
    id_: str,
    opened_by: str,
) -> None:
    """Over UDP, where no owner is to be announced."""
    session, event = _session(transport=Transport.UDP), _event(transport=Transport.UDP)
    (binding,) = session.bindings.values()
    binding.opened_by, binding.expires_at = opened_by, known
    event.at, event.expires_at, event.seq, event.cseq, event.id = at, expires, seq, cseq, id_
    _check(session, event)
    event.id = f"{opened_by[: seq % 7]}{seq}"
    _check(session, event)
