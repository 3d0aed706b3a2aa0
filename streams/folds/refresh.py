"""Refreshes: what a REGISTER that shows nothing new changes in a session, as a record of its own.

Pure. The session stays as it was last written, and the record is laid over it: `lay` gives the
session that the event has made. Which events are kept so is in streams/folds/short_refresh.py.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from streams.models import RegistrationEvent, Session

_EPOCH, _MICROSECOND = datetime.fromtimestamp(0, UTC), timedelta(microseconds=1)


class Refresh(Struct, array_like=True, gc=False):
    """What the last of some refreshes changed in a session's only binding.

    `batch` is that of the session's write: the record is valid over that very write. `at` is in
    microseconds since 1970, and `lasts` from there to the expiry. `event` is the id, or a number:
    then the id is so many characters of `opened_by`, and the sequence.
    """

    batch: int
    seq: int
    at: int
    lasts: int | None
    cseq: int | None
    event: int | str


def made_of(event: RegistrationEvent, batch: int, opened_by: str) -> Refresh:
    """The record of a REGISTER, over the session written in `batch`. Its times are in UTC.

    `opened_by`: of the binding that it renews.
    """
    return Refresh(
        batch=batch,
        seq=event.seq,
        at=(event.at - _EPOCH) // _MICROSECOND,
        lasts=None if event.expires_at is None else (event.expires_at - event.at) // _MICROSECOND,
        cseq=event.cseq,
        event=_short_id(event.id, event.seq, opened_by),
    )


def _short_id(event: str, seq: int, opened_by: str) -> int | str:
    """Ids are of one form for each source, so the beginning is mostly that of `opened_by`."""
    number = str(seq)
    beginning = event[: -len(number)]
    if event.endswith(number) and opened_by.startswith(beginning):
        return len(beginning)
    return event


def renewed(session: Any, refresh: Refresh) -> Any:
    """The binding that the record renews; None if the session was written since.

    `session`: Session, or the part of one in streams/batches/indexed.py.
    """
    if refresh.batch != session.batch or len(session.bindings) != 1:
        return None
    (binding,) = session.bindings.values()
    return binding if binding.seq < refresh.seq else None


def expiry(refresh: Refresh) -> datetime | None:
    """When the renewed binding expires."""
    if refresh.lasts is None:
        return None
    return _EPOCH + timedelta(microseconds=refresh.at + refresh.lasts)


def lay(session: Session, refresh: Refresh) -> None:
    """Apply the record to the session that it was made over; it changes no other."""
    binding = renewed(session, refresh)
    if binding is None:
        return
    binding.seq, binding.cseq = refresh.seq, refresh.cseq
    binding.confirmed_at = binding.registered_at = _EPOCH + timedelta(microseconds=refresh.at)
    binding.expires_at = expiry(refresh)
    known = refresh.event
    is_whole = isinstance(known, str)
    binding.event = known if is_whole else f"{binding.opened_by[:known]}{refresh.seq}"
