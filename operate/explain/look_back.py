"""With `--since`, reads further back where that is needed to name what ended a binding.

Pure. A registrar may remove a binding's row long after its end. Reading from a time between the two
would show the removal as the end.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from operate.explain.narrative import Narrative
from operate.explain.records import LogRecord, Span
from operate.explain.refolding import Refolding
from streams.models import Session
from streams.settings import StreamsSettings

# Records reach Kafka after they happened, but the clocks of node and broker may differ.
_CLOCK_DIFFERENCE = timedelta(minutes=1)
_BEGINNING = datetime.fromtimestamp(0, UTC) + _CLOCK_DIFFERENCE

# Reads from a time on, or everything: the spans, and their records merged.
Read = Callable[[datetime | None], tuple[list[Span], Iterable[LogRecord]]]


def refold(
    aor: str,
    settings: StreamsSettings,
    read: Read,
    *,
    since: datetime | None,
    until: datetime,
    record: Session | None = None,
) -> tuple[Refolding, list[Span]]:
    """Fold the user's log from `since` on, and before it as far as remembered ends need it.

    The spans returned are those from `since` on. `record` is the session as last written, for an
    explanation of now.
    """
    spans, records = read(since)
    refolding = Refolding(aor, settings)
    refolding.fold_all(records, until)
    session = record or refolding.session
    if since is None or session is None:
        return refolding, spans
    first = _needed_from(session, refolding.narrative)
    if first is None or first >= since:
        return refolding, spans
    refolding = Refolding(aor, settings, since)
    refolding.fold_all(read(first - _CLOCK_DIFFERENCE)[1], until)
    return refolding, spans


def _needed_from(session: Session, narrative: Narrative) -> datetime | None:
    """When the first binding whose end is not in the narrative was last confirmed.

    Where a binding was not known when it ended, that time is not known either: the whole log is
    needed.
    """
    return min(
        (
            tombstone.last_at or _BEGINNING
            for key, tombstone in session.ended.items()
            if key not in narrative.ends or not narrative.ends[key].known
        ),
        default=None,
    )
