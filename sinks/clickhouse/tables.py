"""The table of each topic, and the row of each delivery."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas import topics
from schemas.codec import InvalidRecord, decode
from schemas.topic import Cleanup, Topic
from sinks.clickhouse import event_rows, rows
from sinks.clickhouse.call_record_rows import call_record
from sinks.clickhouse.derived.views import NAMES
from sinks.clickhouse.dial_result_rows import dial_result
from sinks.clickhouse.media_rows import media
from sinks.clickhouse.presence_rows import presence
from sinks.clickhouse.rows import Delivery, Row
from sinks.clickhouse.speech_rows import speech


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: written as `raw`, and read by the view `name`, which shows each row once."""

    name: str
    topic: Topic
    row: type[Row]
    translate: Callable[[Any, Delivery], Row]

    @property
    def raw(self) -> str:
        return f"{self.name}_raw"


TABLES = (
    Table(
        name="registrations",
        topic=topics.REGISTRATIONS,
        row=rows.RegistrationRow,
        translate=event_rows.registration,
    ),
    Table(
        name="connections",
        topic=topics.CONNECTIONS,
        row=rows.ConnectionRow,
        translate=event_rows.connection,
    ),
    Table(name="calls", topic=topics.CALLS, row=rows.CallRow, translate=event_rows.call),
    Table(name="nodes", topic=topics.NODES, row=rows.NodeRow, translate=event_rows.node),
    Table(name="media", topic=topics.MEDIA, row=rows.MediaRow, translate=media),
    Table(name="speech", topic=topics.SPEECH, row=rows.SpeechRow, translate=speech),
    Table(
        name="call_records",
        topic=topics.CALL_RECORDS,
        row=rows.CallRecordRow,
        translate=call_record,
    ),
    Table(
        name="dial_results",
        topic=topics.DIAL_RESULTS,
        row=rows.DialResultRow,
        translate=dial_result,
    ),
    Table(name="presence_history", topic=topics.PRESENCE, row=rows.PresenceRow, translate=presence),
    Table(
        name="dead_letters",
        topic=topics.DEAD_LETTERS,
        row=rows.DeadLetterRow,
        translate=event_rows.dead_letter,
    ),
)

# What analysts read: each table's view, and the present state kept by a materialized view.
VIEWS = (*(table.name for table in TABLES), "presence")
# All that they may ask: with what is joined and derived of those.
ASKED = (*VIEWS, "speech_sessions", *NAMES)


def to_row(table: Table, read: Delivery) -> Row | None:
    """The row of a delivery; None for a compacted topic's tombstone. Raises InvalidRecord."""
    if read.value is None:
        if table.topic.cleanup is Cleanup.COMPACT:
            return None
        raise InvalidRecord(None, "the record has no value")
    return table.translate(decode(table.topic.model, read.value), read)
