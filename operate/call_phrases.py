"""A call record in words: with whom, in which state, for how long, and who ended it (pure).

For `rollcall calls` and `rollcall explain` alike.
"""

from datetime import datetime, timedelta

from schemas.call_record import CallRecord
from schemas.vocabulary import CallState


def called(record: CallRecord) -> str | None:
    """Who was called: the callee, else what was dialled, else the first user there is."""
    return short(record.callee) or record.dialled or short(next(iter(record.users), None))


def with_whom(record: CallRecord, aor: str) -> str:
    """The call as one of its users has it: `calls bob@example.test`, `called by +49301`."""
    if aor == record.caller:
        return f"calls {short(record.callee) or record.dialled or 'an unknown number'}"
    leg = next((leg for leg in record.legs if leg.aor == aor and leg.peer), None)
    caller = short(record.caller) or (leg.peer if leg is not None else None)
    joined = ", joined later" if aor in record.joined else ""
    return f"called by {caller or 'an unknown caller'}{joined}"


def state(record: CallRecord) -> str:
    """`answered, at risk`."""
    return f"{record.state}, at risk" if record.at_risk else str(record.state)


def talked(record: CallRecord, now: datetime) -> str | None:
    """`2:05`, minutes and seconds from the answer to the end, or until now; None: no answer."""
    if record.answered is None:
        return None
    seconds = max(timedelta(0), (record.ended or now) - record.answered).total_seconds()
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes}:{seconds:02}"


def ended_by(record: CallRecord) -> str | None:
    """`callee, NORMAL_CLEARING`: who hung up, and why; None of a live call, or where neither is
    known."""
    if record.state is not CallState.ENDED:
        return None
    by = f"{record.hung_up_by}, " if record.hung_up_by else ""
    reason = record.cause or (str(record.status_code) if record.status_code else "")
    return f"{by}{reason}".removesuffix(", ") or None


def short(aor: str | None) -> str | None:
    """The AOR without its scheme."""
    return None if aor is None else aor.removeprefix("sip:")
