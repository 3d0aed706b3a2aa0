"""Events of one client's connection, for fold tests."""

from typing import Any

from schemas import topics
from schemas.connection import ConnectionEvent, connection_id
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.vocabulary import ConnectionKind, Source, Transport
from streams.folds.registration import fold_registration
from streams.models import ConnectionOwner, Session
from tests.unit.fold_events import AOR, moment, registered
from tests.unit.pipeline import Pipeline

REMOTE = Address(ip="10.0.0.7", port=5061)


def reported(
    kind: ConnectionKind, at: float, *, source: Source = Source.SOCKETS, **more: Any
) -> ConnectionEvent:
    """Of the connection from port 5061. The kernel's sequence is in microseconds."""
    boot = "kernel" if source is Source.SOCKETS else "boot-a"
    return ConnectionEvent(
        id=f"fs1/{boot}/{kind}-{at}",
        source=source,
        node="fs1",
        at=moment(at),
        kind=kind,
        connection=connection_id("fs1", REMOTE),
        transport=Transport.TCP,
        remote=REMOTE,
        **{"boot": boot, "seq": round(at * 1e6), **more},
    )


def closed(at: float, **more: Any) -> ConnectionEvent:
    return reported(ConnectionKind.CLOSED, at, **more)


def reset(at: float, **more: Any) -> ConnectionEvent:
    return reported(ConnectionKind.RESET, at, **more)


def denied(at: float) -> ConnectionEvent:
    """A listing that began then had the client, and the kernel knows no such connection."""
    return closed(at, reason="gone when listed")


def feed(
    *events: ConnectionEvent | RegistrationEvent, pipeline: Pipeline | None = None
) -> Pipeline:
    pipeline = pipeline or Pipeline()
    for event in events:
        if isinstance(event, ConnectionEvent):
            pipeline.feed(topics.CONNECTIONS, [(event.connection, event)])
        else:
            pipeline.feed(topics.REGISTRATIONS, [(AOR, event)])
    # What two joins publish to each other without end stops here as a record that is refused.
    assert pipeline.dead_letters == []
    return pipeline


def owner(seq: int, **more: Any) -> ConnectionOwner:
    """What the streams announce of the user's REGISTER over that connection."""
    announced = fold_registration(Session(aor=AOR), registered(seq, **more)).owner
    assert isinstance(announced, ConnectionOwner)
    return announced
