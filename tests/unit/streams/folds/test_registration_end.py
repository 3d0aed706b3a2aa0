"""Ends that a registrar reports: unregistered, or dropped for one reason or another."""

from datetime import datetime

import pytest

from schemas.vocabulary import Cause
from tests.unit.fold_events import (
    apply,
    expired,
    moment,
    registered,
    shown,
)


@pytest.mark.parametrize(
    ("due", "cause"),
    [
        (moment(150), Cause.EXPIRED),
        (moment(4000), Cause.ADMINISTRATIVE),
        (moment(100), Cause.PING_LOST),
        (None, Cause.EXPIRED),  # the registrar does not report what it had stored
    ],
)
def test_why_a_registrar_dropped_a_binding(due: datetime | None, cause: Cause) -> None:
    _, published = apply(registered(1, expires_at=moment(150)), expired(2, at=180, expired_due=due))
    assert published[-1].cause == cause


@pytest.mark.parametrize(
    ("known", "expires", "ends"),
    [
        (5, 4, False),  # the row of the REGISTER before, under the same Call-ID
        (5, 5, True),
        (5, None, True),  # the registrar does not report it
        (None, 4, True),
    ],
)
def test_expiry_of_an_earlier_register_leaves_the_later_one(
    known: int | None, expires: int | None, ends: bool
) -> None:
    session, _ = apply(registered(1, cseq=known), expired(2, cseq=expires))
    assert bool(session.ended) == ends


def test_a_lower_cseq_of_another_call_id_is_no_earlier_register() -> None:
    session, _ = apply(registered(1, cseq=5, call_id=None), expired(2, cseq=4, call_id=None))
    assert session.ended


def test_an_expiry_a_little_early_is_an_expiry() -> None:
    """Registrars round: FreeSWITCH reports whole seconds."""
    _, published = apply(
        registered(1, expires_at=moment(150)), expired(2, at=180, expired_due=moment(148))
    )
    assert published[-1].cause is Cause.EXPIRED
    _, early = apply(
        registered(1, expires_at=moment(150)), expired(2, at=147, expired_due=moment(150))
    )
    assert early[-1].cause is Cause.EXPIRED


def test_an_expiry_of_another_registration_of_the_contact_ends_nothing() -> None:
    """Registrars with one database report each other's expiries."""
    _, published = apply(registered(1, call_id="b"), expired(2, call_id="a"))
    assert shown(published) == ["online registered"]
    for call_id in ("b", None):
        _, published = apply(registered(1, call_id="b"), expired(2, call_id=call_id))
        assert shown(published)[-1] == "offline expired"


def test_expiry_of_an_unknown_binding_rejects_an_older_register() -> None:
    _, published = apply(expired(5), registered(4))
    assert published == []


def test_expiry_ends_a_binding_with_unknown_call_id() -> None:
    _, published = apply(registered(1, call_id=None), expired(2))
    assert shown(published)[-1] == "offline expired"


@pytest.mark.parametrize(
    ("profile", "due", "expires", "ends"),
    [
        ("external", 100, 300, False),  # the row that the client left at the profile before
        ("external", 300, 300, True),
        ("external", 298, 300, True),  # registrars round
        ("external", None, 300, True),  # the registrar reports no expiry
        ("external", 100, None, True),
        ("internal", 100, 300, True),
        (None, 100, 300, True),
    ],
)
def test_expiry_of_an_older_row_at_another_registrar_ends_nothing(
    profile: str | None, due: float | None, expires: float | None, ends: bool
) -> None:
    registration = registered(
        1, registrar="internal", expires_at=None if expires is None else moment(expires)
    )
    old_row = expired(
        2, registrar=profile, expired_due=None if due is None else moment(due), at=100
    )
    session, _ = apply(registration, old_row)
    assert bool(session.ended) == ends


def test_expiry_at_a_registrar_ends_a_binding_of_an_unknown_registrar() -> None:
    session, _ = apply(
        registered(1, registrar=None, expires_at=moment(300)),
        expired(2, registrar="external", expired_due=moment(100)),
    )
    assert session.ended
