"""Event → row: one pure function a topic, from the decoded record to the row of its table."""

from schemas.call import CallEvent
from schemas.connection import ConnectionEvent
from schemas.dead_letter import DeadLetter
from schemas.node import NodeEvent
from schemas.registration import RegistrationEvent
from sinks.clickhouse.rows import (
    CallRow,
    ConnectionRow,
    DeadLetterRow,
    Delivery,
    NodeRow,
    RegistrationRow,
)
from sinks.clickhouse.unsigned import optional, unsigned


def registration(event: RegistrationEvent, read: Delivery) -> RegistrationRow:
    """A row of `registrations`. Raises InvalidRecord."""
    remote, received = event.remote, event.received
    return RegistrationRow(
        topic=read.topic,
        partition=read.partition,
        offset=read.offset,
        published_at=read.published_at,
        id=event.id,
        source=event.source,
        node=event.node,
        boot=event.boot,
        seq=unsigned("seq", event.seq, 64),
        at=event.at,
        kind=event.kind,
        aor=event.aor or "",
        contact=event.contact,
        contact_form=event.contact_form,
        binding=event.binding,
        remaining=event.remaining or [],
        table_read=event.remaining is not None,
        table_at=event.table_at,
        replaces_call_id=event.replaces_call_id,
        call_id=event.call_id,
        cseq=optional("cseq", event.cseq, 32),
        expires_at=event.expires_at,
        expired_due=event.expired_due,
        transport=event.transport,
        transport_claimed=event.transport_claimed,
        remote_ip=remote.ip if remote else None,
        remote_port=unsigned("remote.port", remote.port, 16) if remote else None,
        cookie=optional("cookie", event.cookie, 64),
        connection_gone=event.connection_gone,
        path=event.path,
        received_ip=received.ip if received else None,
        received_port=unsigned("received.port", received.port, 16) if received else None,
        registrar=event.registrar,
        user_agent=event.user_agent,
        reason=event.reason,
        status_code=optional("status_code", event.status_code, 16),
        snapshot=event.snapshot,
    )


def connection(event: ConnectionEvent, read: Delivery) -> ConnectionRow:
    """A row of `connections`. Raises InvalidRecord."""
    local = event.local
    return ConnectionRow(
        topic=read.topic,
        partition=read.partition,
        offset=read.offset,
        published_at=read.published_at,
        id=event.id,
        source=event.source,
        node=event.node,
        boot=event.boot,
        seq=unsigned("seq", event.seq, 64),
        at=event.at,
        kind=event.kind,
        connection=event.connection,
        transport=event.transport,
        remote_ip=event.remote.ip,
        remote_port=unsigned("remote.port", event.remote.port, 16),
        local_ip=local.ip if local else None,
        local_port=unsigned("local.port", local.port, 16) if local else None,
        cookie=optional("cookie", event.cookie, 64),
        reason=event.reason,
    )


def call(event: CallEvent, read: Delivery) -> CallRow:
    """A row of `calls`. Raises InvalidRecord."""
    return CallRow(
        topic=read.topic,
        partition=read.partition,
        offset=read.offset,
        published_at=read.published_at,
        id=event.id,
        source=event.source,
        node=event.node,
        boot=event.boot,
        seq=unsigned("seq", event.seq, 64),
        at=event.at,
        kind=event.kind,
        aor=event.aor or "",
        leg=event.leg,
        call=event.call,
        sip_call_id=event.sip_call_id,
        direction=event.direction,
        peer=event.peer,
        other_leg=event.other_leg,
        correlation=event.correlation,
        transfer=event.transfer,
        ended_by=event.ended_by,
        hung_up_by=event.hung_up_by,
        state=event.state,
        cause=event.cause,
        status_code=optional("status_code", event.status_code, 16),
        digit=event.digit,
        duration_ms=optional("duration_ms", event.duration_ms, 64),
        snapshot=event.snapshot,
    )


def node(event: NodeEvent, read: Delivery) -> NodeRow:
    """A row of `nodes`. Raises InvalidRecord."""
    return NodeRow(
        topic=read.topic,
        partition=read.partition,
        offset=read.offset,
        published_at=read.published_at,
        id=event.id,
        source=event.source,
        node=event.node,
        boot=event.boot,
        seq=unsigned("seq", event.seq, 64),
        at=event.at,
        kind=event.kind,
        version=event.version,
        uptime_seconds=event.uptime_seconds,
        reason=event.reason,
    )


def dead_letter(letter: DeadLetter, read: Delivery) -> DeadLetterRow:
    """A row of `dead_letters`. Raises InvalidRecord."""
    return DeadLetterRow(
        topic=read.topic,
        partition=read.partition,
        offset=read.offset,
        published_at=read.published_at,
        id=read.id or read.origin,
        at=letter.at,
        source=letter.source,
        reason=letter.reason,
        field=letter.field,
        payload=letter.payload,
        size=unsigned("size", letter.size, 64),
    )
