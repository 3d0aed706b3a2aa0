"""Session fold, own expiry: bindings that are overdue, and whose registrar reports no expiry.

Pure. Time is the *node's* clock, read from its events: no binding expires because its node is
silent, or because the log is read late.
"""

from datetime import datetime, timedelta

from schemas.vocabulary import Cause, Source
from streams.folds.binding_end import end_binding
from streams.folds.outcome import FoldResult, merged
from streams.models import Binding, Event, Session


def due(binding: Binding, slack: timedelta) -> datetime | None:
    """When, on its node's clock, the binding is dropped here.

    `slack`: how late the registrar itself may drop it.
    """
    return binding.expires_at + slack if binding.expires_at else None


def fold_expiry(session: Session, node: str, node_time: datetime, slack: timedelta) -> FoldResult:
    """End this user's bindings on `node` that are overdue at `node_time`."""
    results = []
    for key, binding in list(session.bindings.items()):
        when = due(binding, slack)
        if binding.node == node and when is not None and when <= node_time:
            event = Event(
                id=f"{binding.event}/overdue",
                source=Source.STREAMS,
                node=node,
                boot=binding.boot,
                seq=binding.seq,
                at=when,
            )
            results.append(end_binding(session, key, event, Cause.EXPIRED))
    return merged(results)
