"""Call records for tests of what the gateway knows of calls."""

from datetime import UTC, datetime, timedelta

from schemas.call_record import CallLeg, CallMedia, CallRecord, CallTransfer
from schemas.codec import encode
from schemas.vocabulary import CallState, Direction, TransferKind
from sinks.gateway.calls.stored import StoredCall, stored_call

START = datetime(2026, 1, 1, tzinfo=UTC)


def record(number: int, caller: str, callee: str, **fields: object) -> CallRecord:
    """A call that began so many seconds after the start, answered 5 s later."""
    started = START + timedelta(seconds=number)
    legs = [
        CallLeg(
            node="fs1",
            leg=f"{number}-{direction}",
            boot="b",
            call=f"{number}",
            seq=1,
            aor=aor,
            direction=direction,
            sip_call_id=f"{number}@192.0.2.7",
            correlation=f"corr-{number}",
            peer="+49301234",
            started=started,
            latest=started,
            event=f"fs1/b/{number}",
        )
        for aor, direction in ((caller, Direction.OUTGOING), (callee, Direction.INCOMING))
    ]
    given: dict[str, object] = {
        "id": f"call-{number}",
        "version": 1,
        "call_id": f"{number}@192.0.2.7",
        "call": f"{number}",
        "node": "fs1",
        "nodes": ["fs1"],
        "users": [caller, callee],
        "caller": caller,
        "callee": callee,
        "dialled": "7002",
        "state": CallState.ANSWERED,
        "started": started,
        "answered": started + timedelta(seconds=5),
        "legs": legs,
        "media": [CallMedia(node="rtpe", call_id=f"{number}@192.0.2.7", mos=4.1)],
        "transfers": [
            CallTransfer(at=started, kind=TransferKind.BLIND, target="7003", by=callee),
        ],
    }
    return CallRecord(**(given | fields))  # type: ignore[arg-type]  # of several types


def ended(number: int, caller: str, callee: str, **fields: object) -> CallRecord:
    """The same, ended a minute after its start."""
    at = START + timedelta(seconds=number + 60)
    given: dict[str, object] = {"state": CallState.ENDED, "ended": at, "version": 2}
    return record(number, caller, callee, **(given | fields))


def stored(one: CallRecord) -> StoredCall:
    found = stored_call(encode(one))
    assert isinstance(found, StoredCall)
    return found
