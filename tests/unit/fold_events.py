"""Shorthands for fold tests: events of one made-up user, in the order of their seq."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.call import CallEvent
from schemas.internal import ConnectionLoss, NodeChange
from schemas.origin import Address
from schemas.presence import Presence
from schemas.registration import RegistrationEvent
from schemas.session import Session
from schemas.vocabulary import (
    CallKind,
    Cause,
    Direction,
    NodeKind,
    RegistrationKind,
    Source,
    Transport,
)
from streams.folds.call import fold_call
from streams.folds.connection_loss import fold_loss
from streams.folds.node import fold_node_back, fold_node_change, fold_node_lost
from streams.folds.outcome import FoldResult
from streams.folds.presence import fold_presence
from streams.folds.registration import fold_registration
from streams.folds.snapshot import fold_calls_listed, fold_registrations_listed
from streams.settings import NO_GRACE

AOR = "sip:1001@example.test"
START = datetime(2026, 1, 1, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def registration(
    kind: RegistrationKind,
    seq: int,
    *,
    port: int | None = 5061,
    at: float | None = None,
    node: str = "fs1",
    boot: str = "boot-a",
    transport: Transport = Transport.TCP,
    call_id: str = "one@phone",
    **more: Any,
) -> RegistrationEvent:
    """A registration event at `at` seconds (default: seq), from the phone at `port`."""
    contact = f"sip:1001@10.0.0.7:{port};transport={transport}" if port else None
    return RegistrationEvent(
        id=f"{node}/{boot}/{seq}",
        source=Source.FREESWITCH,
        node=node,
        boot=boot,
        seq=seq,
        at=moment(seq if at is None else at),
        kind=kind,
        aor=AOR,
        contact=contact,
        binding=contact,
        call_id=call_id,
        transport=transport if port else None,
        remote=Address(ip="10.0.0.7", port=port) if port else None,
        **more,
    )


def registered(seq: int, **more: Any) -> RegistrationEvent:
    return registration(RegistrationKind.REGISTERED, seq, **more)


def refreshed(seq: int, **more: Any) -> RegistrationEvent:
    return registration(RegistrationKind.REFRESHED, seq, **more)


def unregistered(seq: int, **more: Any) -> RegistrationEvent:
    return registration(RegistrationKind.UNREGISTERED, seq, **more)


def expired(seq: int, **more: Any) -> RegistrationEvent:
    return registration(RegistrationKind.EXPIRED, seq, **more)


def socket_closed(seq: int, **more: Any) -> RegistrationEvent:
    """FreeSWITCH's unregister with reason=socket-disconnection: no contact, no port."""
    return registration(RegistrationKind.CONNECTION_LOST, seq, port=None, **more)


def listed(seq: int, snapshot: str, **more: Any) -> RegistrationEvent:
    return registration(RegistrationKind.SNAPSHOT_ROW, seq, snapshot=snapshot, **more)


def listing_ended(seq: int, snapshot: str, **more: Any) -> RegistrationEvent:
    return registration(RegistrationKind.SNAPSHOT_ENDED, seq, port=None, snapshot=snapshot, **more)


def call(
    kind: CallKind,
    seq: int,
    leg: str | None = "leg-1",
    *,
    at: float | None = None,
    node: str = "fs1",
    **more: Any,
) -> CallEvent:
    """What happened to a leg at `at` seconds (default: seq); by itself it is its whole call."""
    return CallEvent(
        id=f"{node}/boot-a/{seq}",
        source=Source.FREESWITCH,
        node=node,
        boot="boot-a",
        seq=seq,
        at=moment(seq if at is None else at),
        kind=kind,
        aor=AOR,
        leg=leg,
        direction=Direction.INCOMING,
        **{"call": leg, **more},
    )


def loss(
    seq: int,
    *,
    port: int = 5061,
    node: str = "fs1",
    source: Source = Source.FREESWITCH,
    cookie: int | None = None,
    at: float | None = None,
    cause: Cause = Cause.CONNECTION_CLOSED,
) -> ConnectionLoss:
    return ConnectionLoss(
        id=f"{node}/{source}/{seq}",
        source=source,
        node=node,
        boot="kernel" if source is Source.SOCKETS else "boot-a",
        seq=seq,
        at=moment(seq if at is None else at),
        connection=f"{node}/10.0.0.7:{port}",
        aor=AOR,
        binding=f"{node}|sip:1001@10.0.0.7:{port};transport=tcp",
        cookie=cookie,
        remote=Address(ip="10.0.0.7", port=port),
        cause=cause,
    )


def kernel_closed(at: float, **more: Any) -> ConnectionLoss:
    """A loss that the kernel reports, by a sequence of its own."""
    return loss(1, at=at, source=Source.SOCKETS, **more)


def node_change(kind: NodeKind, at: float, boot: str = "boot-a", node: str = "fs1") -> NodeChange:
    return NodeChange(id=f"{node}/{boot}/{kind}", kind=kind, node=node, boot=boot, at=moment(at))


def fold(session: Session, event: Any) -> FoldResult:
    """The result of whichever fold the event belongs to."""
    if isinstance(event, RegistrationEvent):
        if event.kind is RegistrationKind.SNAPSHOT_ENDED:
            return fold_registrations_listed(session, event)
        return fold_registration(session, event)
    if isinstance(event, CallEvent):
        if event.kind is CallKind.SNAPSHOT_ENDED:
            return fold_calls_listed(session, event)
        return fold_call(session, event)
    if isinstance(event, ConnectionLoss):
        return fold_loss(session, event)
    if event.kind is NodeKind.LOST:
        return fold_node_lost(session, event)
    if event.kind is NodeKind.HEARTBEAT:  # of one that was lost
        return fold_node_back(session, event)
    return fold_node_change(session, event)


def apply(*events: Any, session: Session | None = None) -> tuple[Session, list[Presence]]:
    """The session after the events, and the presence records they published."""
    session = session or Session(aor=AOR)
    published = []
    for event in events:
        result = fold(session, event)
        if result.change:
            presence = fold_presence(session, result.change, NO_GRACE, moment(0))
            if presence is not None:
                published.append(presence)
    return session, published


def shown(published: list[Presence]) -> list[str]:
    """`status cause` of each record, for short expectations."""
    return [f"{presence.status} {presence.cause}" for presence in published]
