"""One user's explanation from Kafka: find their part of the log, fold it again, assemble it."""

from collections.abc import Iterator
from datetime import datetime

from operate.explain.assembly import compose
from operate.explain.explanation import Explanation
from operate.explain.reading import find, read, read_by_time
from operate.explain.records import Logged, Span
from operate.explain.refold import retell
from operate.explain.time_expressions import Moment
from operate.presence_log import UnknownUser
from runtime.kafka import KafkaSettings
from runtime.settings import load
from schemas import topics
from streams import models
from streams.consumed import SESSION_SOURCES
from streams.models import Presence, Session
from streams.settings import StreamsSettings


def explanation(
    kafka: KafkaSettings, aor: str, moment: Moment | None, since: datetime | None, now: datetime
) -> Explanation:
    """Of the user at `moment` (None: `now`). The log is read from `since` on, if given."""
    at = moment.at if moment is not None else None
    # Their ends at one moment, or what comes meanwhile would look like a contradiction.
    presences, sessions = find(kafka, (topics.PRESENCE, topics.SESSIONS), aor, None, at)
    presence = _published(kafka, presences, aor)
    record = _session(kafka, sessions, aor) if at is None else None

    def read_from(first: datetime | None) -> tuple[list[Span], Iterator[Logged]]:
        found = find(kafka, SESSION_SOURCES, aor, first, at)
        return found, read_by_time(kafka, found)

    retelling, spans = retell(
        aor, load(StreamsSettings), read_from, since=since, until=at or now, record=record
    )
    if not retelling.account.records and presence is None and record is None:
        raise UnknownUser(_unknown(aor, moment, spans))
    return compose(
        retelling,
        spans,
        at=at or now,
        is_now=at is None,
        assumed=moment.assumed if moment is not None else "",
        presence=presence,
        record=record,
    )


def _unknown(aor: str, moment: Moment | None, spans: list[Span]) -> str:
    when = f" by {moment.at:%Y-%m-%d %H:%M:%S}Z" if moment is not None else ""
    if all(span.complete for span in spans):
        never = "had not registered" if moment is not None else "has never registered"
        return f"{aor} {never}{when}"
    if any(span.skipped for span in spans):
        return f"what was read of the log tells nothing of {aor}{when}: ask without --since"
    oldest = min((span.oldest for span in spans if span.oldest is not None), default=None)
    begins = f"it begins {oldest:%Y-%m-%d %H:%M:%S}Z" if oldest is not None else "it is empty"
    return f"the log tells nothing of {aor}{when}: {begins}, and what came before is gone"


def _published(kafka: KafkaSettings, span: Span, aor: str) -> tuple[Presence, datetime] | None:
    """The last presence record of the user there, and when it was published.

    Compaction removes a record only for a later one: what is found was the last one then.
    """
    last: tuple[Presence, datetime] | None = None
    for record in _of_user(kafka, span, aor):
        presence = models.decode(Presence, record.value or b"")
        if last is None or presence.version >= last[0].version:
            last = presence, record.produced
    return last


def _session(kafka: KafkaSettings, span: Span, aor: str) -> Session | None:
    last = None
    for record in _of_user(kafka, span, aor):
        last = record
    return models.decode(Session, last.value or b"") if last is not None else None


def _of_user(kafka: KafkaSettings, span: Span, aor: str) -> Iterator[Logged]:
    key = aor.encode()
    return (r for r in read(kafka, span) if r.key == key and r.value is not None)
