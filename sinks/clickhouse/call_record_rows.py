"""Call record → row: the record's fields, its legs and media in short, and the whole record."""

from collections.abc import Callable, Iterable

from schemas.call_record import CallRecord
from schemas.codec import encode
from sinks.clickhouse.rows import CallRecordRow, Delivery
from sinks.clickhouse.unsigned import optional, unsigned


def call_record(record: CallRecord, read: Delivery) -> CallRecordRow:
    """A row of `call_records`. Raises InvalidRecord."""
    media = record.media
    return CallRecordRow(
        topic=read.topic,
        partition=read.partition,
        offset=read.offset,
        published_at=read.published_at,
        id=record.id,
        version=unsigned("version", record.version, 64),
        merged_into=record.merged_into or "",
        call_id=record.call_id,
        call=record.call,
        node=record.node,
        nodes=record.nodes,
        users=record.users,
        joined=record.joined,
        caller=record.caller,
        callee=record.callee,
        dialled=record.dialled,
        state=record.state,
        started=record.started,
        ringing=record.ringing,
        early=record.early,
        answered=record.answered,
        ended=record.ended,
        cause=record.cause,
        status_code=optional("status_code", record.status_code, 16),
        hung_up_by=record.hung_up_by,
        at_risk=record.at_risk,
        holds=unsigned("holds", record.holds, 32),
        forks=unsigned("forks", record.forks, 32),
        transfers=unsigned("transfers", len(record.transfers), 32),
        picked_up=record.pick_up is not None,
        digits=unsigned("digits", record.digits, 32),
        mos=_worst(min, (one.mos for one in media)),
        loss_percent=_worst(max, (one.loss_percent for one in media)),
        jitter_ms=_worst(max, (one.jitter_ms for one in media)),
        round_trip_ms=_worst(max, (one.round_trip_ms for one in media)),
        media_timed_out=any(one.timed_out for one in media),
        speech=unsigned("speech", len(record.speech), 32),
        record=encode(record).decode(),
    )


def _worst(
    which: Callable[[Iterable[float]], float], figures: Iterable[float | None]
) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return which(known) if known else None
