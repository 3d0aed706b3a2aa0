"""Explains one user from Kafka: find their part of the log, fold it again, assemble the result."""

from collections.abc import Iterator
from datetime import datetime

from operate.call_log import present_calls
from operate.explain.assembly import assemble
from operate.explain.explanation import Explanation
from operate.explain.look_back import refold
from operate.explain.reading import find, read, read_by_time
from operate.explain.records import LogRecord, Span
from operate.explain.time_expressions import ParsedTime
from operate.presence_log import UnknownUser
from runtime.kafka import KafkaSettings
from runtime.settings import load
from schemas import topics
from streams import models
from streams.consumed import SESSION_SOURCES
from streams.folds.refresh import Refresh, lay
from streams.models import Presence, Session
from streams.settings import StreamsSettings
from streams.tables.overlays import overlay_key


def explain(
    kafka: KafkaSettings, aor: str, time: ParsedTime | None, since: datetime | None, now: datetime
) -> Explanation:
    """Explain the user at `time` (None means `now`); read the log from `since` on, if given.

    Raises UnknownUser, BadSettings, KafkaUnavailable, KafkaMisconfigured, TopicReplaced.
    """
    at = time.at if time is not None else None
    # Both ends are taken at once: what is written between two looks would be a contradiction.
    presences, sessions = find(kafka, (topics.PRESENCE, topics.SESSIONS), aor, None, at)
    presence = _published(kafka, presences, aor)
    record = _session(kafka, sessions, aor) if at is None else None

    def read_from(first: datetime | None) -> tuple[list[Span], Iterator[LogRecord]]:
        found = find(kafka, SESSION_SOURCES, aor, first, at)
        return found, read_by_time(kafka, found)

    refolding, spans = refold(
        aor, load(StreamsSettings), read_from, since=since, until=at or now, record=record
    )
    if not refolding.narrative.records and presence is None and record is None:
        raise UnknownUser(_unknown(aor, time, spans))
    return assemble(
        refolding,
        spans,
        at=at or now,
        is_now=at is None,
        assumed=time.assumed if time is not None else "",
        presence=presence,
        record=record,
        calls=present_calls(kafka, aor),
    )


def _unknown(aor: str, time: ParsedTime | None, spans: list[Span]) -> str:
    when = f" by {time.at:%Y-%m-%d %H:%M:%S}Z" if time is not None else ""
    if all(span.complete for span in spans):
        never = "had not registered" if time is not None else "has never registered"
        return f"{aor} {never}{when}"
    if any(span.skipped for span in spans):
        return f"no event of {aor}{when} in what was read of the log: try without --since"
    oldest = min((span.oldest for span in spans if span.oldest is not None), default=None)
    begins = f"it begins {oldest:%Y-%m-%d %H:%M:%S}Z" if oldest is not None else "it is empty"
    return f"no event of {aor}{when} in the log: {begins}, older records are deleted"


def _published(kafka: KafkaSettings, span: Span, aor: str) -> tuple[Presence, datetime] | None:
    """The user's last presence record in the span, and when it was published.

    Compaction removes a record only for a later one, so the last one found was the last then too.
    """
    last: tuple[Presence, datetime] | None = None
    for record in _of_user(kafka, span, aor):
        presence = models.decode(Presence, record.value or b"")
        if last is None or presence.version >= last[0].version:
            last = presence, record.produced
    return last


def _session(kafka: KafkaSettings, span: Span, aor: str) -> Session | None:
    """The session as last written, with the last refresh laid over it."""
    key, session, refresh = aor.encode(), None, None
    for record in read(kafka, span):
        if record.value is not None and record.key == key:
            session = record.value
        elif record.value is not None and record.key == overlay_key(key):
            refresh = record.value
    if session is None:
        return None
    found: Session = models.decode(Session, session)
    if refresh is not None:
        lay(found, models.decode(Refresh, refresh))
    return found


def _of_user(kafka: KafkaSettings, span: Span, aor: str) -> Iterator[LogRecord]:
    key = aor.encode()
    return (r for r in read(kafka, span) if r.key == key and r.value is not None)
