"""Speech → row: the record's fields."""

from schemas.speech import SpeechEvent
from sinks.clickhouse.rows import Delivery, SpeechRow
from sinks.clickhouse.unsigned import unsigned


def speech(event: SpeechEvent, read: Delivery) -> SpeechRow:
    """A row of `speech`. Raises InvalidRecord."""
    return SpeechRow(
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
        session=event.session,
        resource=event.resource,
        aor=event.aor or "",
        leg=event.leg,
        channel=event.channel,
        call=event.call,
        engine=event.engine,
        server=event.server,
        started_at=event.started_at,
        input_started_at=event.input_started_at,
        result_at=event.result_at,
        results=unsigned("results", event.results, 32),
        ended_at=event.ended_at,
        cause=event.cause,
        latency=event.latency,
        text=event.text,
    )
