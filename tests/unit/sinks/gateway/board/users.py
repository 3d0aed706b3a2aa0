"""Messages of users in chosen states, as the gateway reads them."""

from datetime import UTC, datetime, timedelta

from schemas.codec import encode
from schemas.presence import Presence, PresenceBinding
from schemas.vocabulary import Cause, Status
from sinks.gateway.message import Message, presence_message

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANN, BOB, EVE = "sip:ann@one.test", "sip:bob@one.test", "sip:eve@two.test"


def binding(
    node: str = "fs1",
    *,
    agent: str | None = "Yealink T46",
    edge: str | None = None,
    suspect: bool = False,
    stale: bool = False,
) -> PresenceBinding:
    return PresenceBinding(
        node=node,
        contact="sip:1@192.0.2.7",
        user_agent=agent,
        edge=edge,
        suspect=suspect,
        stale=stale,
        since=AT,
    )


def record(
    aor: str,
    version: int = 1,
    *bindings: PresenceBinding,
    status: Status | None = None,
    cause: Cause | None = None,
    at: datetime | None = None,
) -> Presence:
    """Online with bindings, offline without."""
    return Presence(
        aor=aor,
        version=version,
        status=status or (Status.ONLINE if bindings else Status.OFFLINE),
        reachable=bool(bindings),
        cause=cause or (Cause.REGISTERED if bindings else Cause.CONNECTION_CLOSED),
        at=at or AT + timedelta(seconds=version),
        bindings=list(bindings),
        calls=[],
        evidence=[f"{aor}/{version}"],
    )


def message(presence: Presence, at: float | None = None) -> Message:
    """`at`: when it was written to Kafka, seconds since the epoch; None: when its cause was."""
    return presence_message(encode(presence), presence.at.timestamp() if at is None else at)
