"""Own expiry: bindings whose registrar reports no expiry."""

from datetime import timedelta

from schemas.vocabulary import (
    Cause,
)
from streams.folds.expiry import fold_expiry
from tests.unit.fold_events import (
    apply,
    moment,
    registered,
    shown,
)


def test_own_expiry_runs_on_the_nodes_clock() -> None:
    session, _ = apply(registered(1, expires_at=moment(60)))
    assert fold_expiry(session, "fs1", moment(94), timedelta(seconds=35)).changed is False
    assert fold_expiry(session, "fs2", moment(999), timedelta(seconds=35)).changed is False
    result = fold_expiry(session, "fs1", moment(95), timedelta(seconds=35))
    assert result.change is not None
    assert result.change.cause is Cause.EXPIRED
    assert session.bindings == {}


def test_binding_without_expiry_never_expires_by_itself() -> None:
    session, _ = apply(registered(1))
    assert fold_expiry(session, "fs1", moment(10**7), timedelta(seconds=35)).changed is False


def test_a_refresh_after_own_expiry_brings_the_binding_back() -> None:
    session, _ = apply(registered(1, expires_at=moment(60)))
    fold_expiry(session, "fs1", moment(95), timedelta(seconds=35))
    _, published = apply(registered(2, at=96), session=session)
    assert shown(published) == ["online registered"]
