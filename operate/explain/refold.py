"""With `--since`: what ended before that is read all the same, to name what ended it.

Pure. A registrar may drop a binding's row long after its end; read from between the two, that row's
end would be taken for the binding's.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from operate.explain.folding import Retelling
from operate.explain.narrative import Account
from operate.explain.records import Logged, Span
from streams.models import Session
from streams.settings import StreamsSettings

# Records come to Kafka later than they happened, but the clocks of node and broker may differ.
_CLOCKS = timedelta(minutes=1)
_BEGINNING = datetime.fromtimestamp(0, UTC) + _CLOCKS

# From a time on, or all there is: the spans, and their records merged.
Read = Callable[[datetime | None], tuple[list[Span], Iterable[Logged]]]


def retell(
    aor: str,
    settings: StreamsSettings,
    read: Read,
    *,
    since: datetime | None,
    until: datetime,
    record: Session | None = None,
) -> tuple[Retelling, list[Span]]:
    """The user's log from `since` on, and of before it what the ends that are remembered need.

    The spans are those from `since` on. `record`: the session as last written, if that is asked.
    """
    spans, records = read(since)
    retelling = Retelling(aor, settings)
    retelling.take_all(records, until)
    session = record or retelling.session
    if since is None or session is None:
        return retelling, spans
    first = _needed_from(session, retelling.account)
    if first is None or first >= since:
        return retelling, spans
    retelling = Retelling(aor, settings, since)
    retelling.take_all(read(first - _CLOCKS)[1], until)
    return retelling, spans


def _needed_from(session: Session, account: Account) -> datetime | None:
    """When the first of the bindings whose ends are not known was confirmed last.

    Of one that was not known when its end came, nobody knows that either: the log's beginning.
    """
    return min(
        (
            grave.last_at or _BEGINNING
            for key, grave in session.ended.items()
            if key not in account.ends or not account.ends[key].known
        ),
        default=None,
    )
