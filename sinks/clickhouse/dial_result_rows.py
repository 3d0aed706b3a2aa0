"""Result of a dialled call → row: its fields, how long the connection took, and all of it."""

from schemas.codec import encode
from schemas.dialling import DialResult
from schemas.vocabulary import DialOutcome
from sinks.clickhouse.rows import Delivery, DialResultRow
from sinks.clickhouse.unsigned import unsigned


def dial_result(result: DialResult, read: Delivery) -> DialResultRow:
    """A row of `dial_results`. Raises InvalidRecord."""
    return DialResultRow(
        topic=read.topic,
        partition=read.partition,
        offset=read.offset,
        published_at=read.published_at,
        key=result.key,
        call=result.call,
        client=result.client,
        asked_at=result.asked_at,
        at=result.at,
        state=result.state,
        outcome=result.outcome or "",
        cause=result.cause,
        aor=result.user or "",
        gateway=result.gateway or "",
        number=result.number,
        node=result.node or "",
        digits=unsigned("digits", result.digits, 32),
        digits_sent=unsigned("digits_sent", result.digits_sent, 32),
        digits_confirmed=unsigned("digits_confirmed", result.digits_confirmed, 32),
        attempts=unsigned("attempts", result.attempts, 32),
        connect_seconds=_connect_seconds(result),
        record=encode(result).decode(),
    )


def _connect_seconds(result: DialResult) -> float | None:
    """From the start of the call to its last step: the answer to the digits, or the bridge."""
    if result.outcome is not DialOutcome.CONNECTED or not result.timeline:
        return None
    return max(step.after_ms for step in result.timeline) / 1000
