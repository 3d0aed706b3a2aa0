"""Session fold, a registrar's report of a lost connection: which binding was on it.

Pure. OpenSIPS names the binding; FreeSWITCH names AOR and Call-ID only.
"""

from schemas.fences import Fence
from schemas.vocabulary import Cause, Transport
from streams.folds import edges
from streams.folds.binding_end import end_binding
from streams.folds.ordering import binding_key, is_newer
from streams.folds.outcome import FoldResult, rejected
from streams.folds.tombstones import CONNECTION_ENDS
from streams.models import RegistrationEvent, Session


def fold_connection_lost(session: Session, event: RegistrationEvent) -> FoldResult:
    """Apply the report that the connection of a binding, or of one with this Call-ID, was lost.

    FreeSWITCH (sofia_reg.c, reason=socket-disconnection) names no binding, and sends the event also
    after the client has registered over another connection, or when a proxy's connection closed.
    If the kernel watches the connection (the binding has a cookie), only the kernel's events count,
    or the user's snapshot that the producer takes. Else the oldest such binding ends: inferred.
    """
    if event.binding is not None:
        return _end_named(session, event, binding_key(event.node, event.binding))
    if any(tombstone.event == event.id for tombstone in session.ended.values()):
        return rejected(Fence.ALREADY_APPLIED)
    candidates = [
        (key, binding)
        for key, binding in session.bindings.items()
        if binding.node == event.node
        and binding.call_id == event.call_id
        and binding.transport is not Transport.UDP
        and is_newer(event, binding.boot, binding.seq, binding.confirmed_at)
    ]
    watched = [binding for _, binding in candidates if binding.cookie is not None]
    if watched:
        for binding in watched:
            binding.closing = event.id
        return FoldResult(changed=True, fence=Fence.KERNEL_DECIDES)
    if _is_end_known(session, event):
        return FoldResult(changed=True, fence=Fence.CONNECTION_END_KNOWN)
    if not candidates:
        return rejected(Fence.NO_SUCH_BINDING)
    candidates = [(k, b) for k, b in candidates if not edges.is_behind_edge(session, b)]
    if not candidates:
        return rejected(Fence.BEHIND_AN_EDGE)
    key, _ = min(candidates, key=lambda item: (item[1].since, item[1].seq))
    return end_binding(session, key, event, Cause.CONNECTION_CLOSED, inferred=True)


def _end_named(session: Session, event: RegistrationEvent, key: str) -> FoldResult:
    binding = session.bindings.get(key)
    if binding is None:
        return rejected(Fence.NO_SUCH_BINDING)
    if not is_newer(event, binding.boot, binding.seq, binding.confirmed_at):
        return rejected(Fence.OLDER_THAN_BINDING)
    return end_binding(session, key, event, Cause.CONNECTION_CLOSED)


def _is_end_known(session: Session, event: RegistrationEvent) -> bool:
    """Whether a connection's end has ended a binding of this Call-ID; each end counts once."""
    for tombstone in session.ended.values():
        if (
            tombstone.node == event.node
            and tombstone.call_id == event.call_id
            and tombstone.cause in CONNECTION_ENDS
            and not tombstone.inferred
        ):
            tombstone.call_id = None
            tombstone.event = event.id
            return True
    return False
