"""Media → row: the record's fields, its streams as an array of named tuples."""

from schemas.media import MediaEvent, MediaStream
from sinks.clickhouse.rows import Delivery, MediaRow, StreamCell
from sinks.clickhouse.unsigned import optional, unsigned


def media(event: MediaEvent, read: Delivery) -> MediaRow:
    """A row of `media`. Raises InvalidRecord."""
    return MediaRow(
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
        call_id=event.call_id,
        tags=event.tags,
        streams=[_stream(s) for s in event.streams],
        created_at=event.created_at,
        last_packet_at=event.last_packet_at,
        reason=event.reason,
        tag=event.tag,
        digit=event.digit,
        duration_ms=optional("duration_ms", event.duration_ms, 64),
    )


def _stream(stream: MediaStream) -> StreamCell:
    return StreamCell(
        tag=stream.tag,
        index=unsigned("streams.index", stream.index, 32),
        type=stream.type,
        codec=stream.codec,
        ssrc=optional("streams.ssrc", stream.ssrc, 32),
        packets=unsigned("streams.packets", stream.packets, 64),
        bytes=unsigned("streams.bytes", stream.bytes, 64),
        errors=unsigned("streams.errors", stream.errors, 64),
        last_packet_at=stream.last_packet_at,
        heard_lost=optional("streams.heard_lost", stream.heard_lost, 64),
        heard_loss_percent=stream.heard_loss_percent,
        heard_jitter_ms=stream.heard_jitter_ms,
        heard_mos=stream.heard_mos,
        heard_mos_lowest=stream.heard_mos_lowest,
        round_trip_ms=stream.round_trip_ms,
        heard_reports=optional("streams.heard_reports", stream.heard_reports, 64),
    )
