"""Presence → row: the record's fields, its bindings and calls as arrays of named tuples."""

from schemas.presence import Presence, PresenceBinding, PresenceCall
from sinks.clickhouse.rows import BindingCell, CallCell, Delivery, PresenceRow
from sinks.clickhouse.unsigned import unsigned


def presence(record: Presence, read: Delivery) -> PresenceRow:
    """A row of `presence_history`; ClickHouse itself keeps `presence` from it.

    Raises InvalidRecord.
    """
    return PresenceRow(
        topic=read.topic,
        partition=read.partition,
        offset=read.offset,
        published_at=read.published_at,
        aor=record.aor,
        version=unsigned("version", record.version, 64),
        status=record.status,
        reachable=record.reachable,
        cause=record.cause,
        at=record.at,
        bindings=[_binding(b) for b in record.bindings],
        calls=[_call(c) for c in record.calls],
        evidence=record.evidence,
    )


def _binding(binding: PresenceBinding) -> BindingCell:
    remote = binding.remote
    return BindingCell(
        node=binding.node,
        contact=binding.contact,
        transport=binding.transport,
        remote_ip=remote.ip if remote else None,
        remote_port=unsigned("bindings.remote.port", remote.port, 16) if remote else None,
        registrar=binding.registrar,
        user_agent=binding.user_agent,
        since=binding.since,
        edge=binding.edge,
        path=binding.path,
        suspect=binding.suspect,
        stale=binding.stale,
        contact_form=binding.contact_form,
    )


def _call(call: PresenceCall) -> CallCell:
    return CallCell(
        node=call.node,
        leg=call.leg,
        call=call.call,
        sip_call_id=call.sip_call_id,
        direction=call.direction,
        peer=call.peer,
        state=call.state,
        since=call.since,
        media_lost=call.media_lost,
    )
