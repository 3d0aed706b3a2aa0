"""Refreshes as records: small, and valid over the very write that they were made over."""

from copy import deepcopy
from typing import Any

import pytest

from streams import models
from streams.folds.refresh import Refresh, expiry, lay, made_of, renewed
from streams.folds.registration import fold_registration
from streams.models import Session
from tests.unit.fold_events import AOR, moment, refreshed, registered


def _session() -> Any:
    session = Session(aor=AOR)
    fold_registration(session, registered(10))
    session.batch = 5
    return models.decode(Session, models.encode(session))


def _made(seq: int = 11, opened_by: str = "fs1/boot-a/10", **more: Any) -> Refresh:
    return made_of(refreshed(seq, **more), 5, opened_by)


def test_it_takes_some_fifty_bytes() -> None:
    refresh = _made(123_456, expires_at=moment(123_456 + 3600), cseq=123_456)
    assert len(models.encode(refresh)) < 60
    assert models.decode(Refresh, models.encode(refresh)) == refresh


@pytest.mark.parametrize(
    ("opened_by", "kept"),
    [
        ("fs1/boot-a/10", 11),
        ("fs1/boot-a/9", 11),
        ("fs1/boot-b/10", "fs1/boot-a/11"),
        ("fs1/boot-a", "fs1/boot-a/11"),
        ("11", "fs1/boot-a/11"),
    ],
)
def test_the_id_is_the_opening_events_beginning_and_the_sequence_where_it_can(
    opened_by: str, kept: int | str
) -> None:
    refresh, session = _made(opened_by=opened_by), _session()
    assert refresh.event == kept
    (binding,) = session.bindings.values()
    binding.opened_by = opened_by
    lay(session, refresh)
    assert binding.event == "fs1/boot-a/11"


def test_an_id_that_does_not_end_with_the_sequence_is_kept_whole() -> None:
    event = refreshed(11)
    event.id = "fs1/boot-a/11/1"
    assert made_of(event, 5, "fs1/boot-a/10").event == "fs1/boot-a/11/1"


@pytest.mark.parametrize("lasts", [None, 0, 3600, -5])
def test_the_expiry_is_kept_from_the_refresh_on(lasts: int | None) -> None:
    expires = None if lasts is None else moment(11 + lasts)
    refresh, session = _made(expires_at=expires), _session()
    assert expiry(refresh) == expires
    lay(session, refresh)
    (binding,) = session.bindings.values()
    assert binding.expires_at == expires
    assert (binding.confirmed_at, binding.registered_at) == (moment(11), moment(11))


@pytest.mark.parametrize("change", ["written since", "another binding", "none", "renewed since"])
def test_it_changes_no_session_but_its_own(change: str) -> None:
    session, refresh = _session(), _made()
    (key,) = session.bindings
    if change == "written since":
        session.batch = 6
    elif change == "another binding":
        session.bindings["fs2|x"] = deepcopy(session.bindings[key])
    elif change == "none":
        session.bindings.clear()
    else:
        session.bindings[key].seq = 11
    before = deepcopy(session)
    assert renewed(session, refresh) is None
    lay(session, refresh)
    assert session == before
