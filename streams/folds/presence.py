"""Presence fold: (session, change) -> the next presence record, or none.

Pure. Precedence of `status`: calls, then bindings. Without a live binding only a call that was
answered counts, and not as reachable: a phone whose connection died in it sends no hangup.
"""

from datetime import datetime, timedelta

from schemas.vocabulary import CallState, Cause, Status
from streams.folds import devices
from streams.folds.outcome import Change
from streams.models import Loss, Presence, PresenceBinding, PresenceCall, Session

_CALL_STATUS = (
    (frozenset({CallState.ANSWERED}), Status.ON_THE_PHONE),
    (frozenset({CallState.RINGING, CallState.EARLY}), Status.RINGING),
    (frozenset({CallState.HELD}), Status.HELD),
)
_TALKING = (
    (CallState.ANSWERED, Status.ON_THE_PHONE),
    (CallState.HELD, Status.HELD),
)
# After these the client is not expected back in a moment: no grace.
_SIGN_OFFS = frozenset({Cause.UNREGISTERED, Cause.EXPIRED, Cause.ADMINISTRATIVE})


def fold_presence(
    session: Session, change: Change, grace: timedelta, now: datetime
) -> Presence | None:
    """Advance the session's public part by a change; None if the user was never published.

    A user who never had a binding is not published: calls alone make no presence. For `grace` after
    a loss `status` stays online, so that a page refresh or a change of network does not flap;
    `reachable` changes at once. In a call there is none: the call is shown. `now` is the worker's
    clock.
    """
    bindings = devices.shown(session)
    status, reachable = effective(session, bindings)
    if session.version == 0 and not reachable:
        return None
    is_over = session.grace_until is not None and session.grace_until <= now
    if reachable or change.cause in _SIGN_OFFS or (is_over and session.status is not Status.ONLINE):
        session.grace_until, session.loss = None, None
    elif session.reachable and grace and status is Status.OFFLINE:
        session.grace_until = now + grace
        session.loss = Loss(cause=change.cause, at=change.at, evidence=change.evidence)
    if session.grace_until is not None and status is Status.OFFLINE:
        status = Status.ONLINE
    session.version += 1
    session.status, session.reachable = status, reachable
    session.cause, session.evidence = change.cause, change.evidence
    session.at = _not_before(session, change.at)
    return _record(session, change.cause, session.at, bindings)


def end_grace(session: Session, now: datetime) -> Presence | None:
    """The record after the grace, with the loss as its cause, if it is over at `now`."""
    if session.grace_until is None or session.grace_until > now:
        return None
    if (
        session.loss is not None and session.status is Status.ONLINE
    ):  # a call may have ended meanwhile, which is not the cause
        loss = session.loss
        session.cause, session.evidence = loss.cause, loss.evidence
        session.at = _not_before(session, loss.at)
    session.grace_until, session.loss = None, None
    was, (session.status, _) = session.status, effective(session, devices.shown(session))
    if session.status is was:  # a call was answered meanwhile, and is shown
        return None
    session.version += 1
    return current(session)


def _not_before(session: Session, at: datetime) -> datetime:
    """`at`, but no earlier than the version before.

    An edge and the registrar behind it report one REGISTER by two clocks, in either order.
    """
    return at if session.at is None else max(session.at, at)


def effective(session: Session, bindings: list[PresenceBinding]) -> tuple[Status, bool]:
    """(`status` for people, `reachable` for routing) of a session with these live bindings."""
    states = {leg.state for leg in session.calls.values() if not leg.node_lost}
    if not bindings:
        talking = (status for state, status in _TALKING if state in states)
        return next(talking, Status.OFFLINE), False
    for having, status in _CALL_STATUS:
        if states & having:
            return status, True
    return Status.ONLINE, True


def current(session: Session) -> Presence | None:
    """The presence record as last published; None if never."""
    if session.cause is None or session.at is None:
        return None
    return _record(session, session.cause, session.at, devices.shown(session))


def _record(
    session: Session, cause: Cause, at: datetime, bindings: list[PresenceBinding]
) -> Presence:
    calls = [
        PresenceCall(
            node=leg.node,
            leg=leg_id,
            call=leg.call,
            sip_call_id=leg.sip_call_id,
            direction=leg.direction,
            peer=leg.peer,
            state=leg.state,
            media_lost=leg.media is not None and leg.media.timed_out,
            since=leg.since,
        )
        for leg_id, leg in sorted(session.calls.items(), key=lambda item: item[1].since)
        if leg.state is not CallState.TRYING and not leg.node_lost
    ]
    return Presence(
        aor=session.aor,
        version=session.version,
        status=session.status,
        reachable=session.reachable,
        cause=cause,
        at=at,
        bindings=bindings,
        calls=calls,
        evidence=session.evidence,
    )
