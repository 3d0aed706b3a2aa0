"""One call as the gateway keeps it: its record as it is in Kafka, and what lists and the board read
of it (pure)."""

from datetime import datetime

import msgspec

from schemas.call_record import CallRecord
from schemas.codec import decode
from schemas.vocabulary import CallState, HungUpBy


class StoredCall(msgspec.Struct, eq=False, gc=False):
    """`value` is the record; times are seconds since the epoch.

    `calling` and `called` name the parties as far as known: an AOR, else what the source has of it,
    as a telephone number. `users` are all that take part, also those who joined later.
    """

    id: str
    version: int
    users: tuple[str, ...]
    calling: str | None
    called: str | None
    state: CallState
    started: float
    answered: float | None
    ended: float | None
    cause: str | None
    hung_up_by: HungUpBy | None
    at_risk: bool
    nodes: tuple[str, ...]
    value: bytes

    @property
    def is_open(self) -> bool:
        return self.state is not CallState.ENDED


def stored_call(value: bytes) -> StoredCall | str:
    """The call of a record; of one that became a part of another call, that one's id.

    Raises InvalidRecord.
    """
    record = decode(CallRecord, value)
    if record.merged_into is not None:
        return record.merged_into
    return StoredCall(
        record.id,
        record.version,
        tuple(dict.fromkeys((*record.users, *record.joined))),
        record.caller or _number_of_caller(record),
        record.callee or record.dialled or next(iter(record.users), None),
        record.state,
        record.started.timestamp(),
        _seconds(record.answered),
        _seconds(record.ended),
        record.cause,
        record.hung_up_by,
        record.at_risk,
        tuple(record.nodes),
        value,
    )


def _number_of_caller(record: CallRecord) -> str | None:
    """Of a caller who is no user: as the callee's server names it."""
    legs = (leg for leg in record.legs if leg.aor is not None and leg.aor == record.callee)
    return next((leg.peer for leg in legs if leg.peer), None)


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
