"""Session fold, connections that a registrar says it lost: which binding hung on it?

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
    """The registrar says that the connection of a binding closed, or of some with this Call-ID.

    FreeSWITCH (sofia_reg.c, reason=socket-disconnection) names no binding, and also says it when
    the client has registered over another connection since, or when a proxy's closed. Where the
    kernel watches (a cookie on the binding) only the kernel is believed, or the targeted snapshot
    that the producer takes. Else the oldest such binding ended: inferred, and that settles it.
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
    if _already_told(session, event):
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


def _already_told(session: Session, event: RegistrationEvent) -> bool:
    """Whether a connection's end already took a binding of this Call-ID; if so, claim it."""
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
