"""Session fold, pings: a client that no longer answers the registrar's OPTIONS, or answers again.

Pure. The binding stays in the registrar's table; it is unreachable while its pings are lost.
"""

from schemas.fences import Fence
from schemas.vocabulary import Cause, RegistrationKind
from streams.folds.ordering import binding_key, is_newer
from streams.folds.outcome import Change, FoldResult, rejected
from streams.models import RegistrationEvent, Session


def fold_ping(session: Session, event: RegistrationEvent) -> FoldResult:
    """Apply a ping-lost or ping-restored event."""
    if event.binding is None:
        return rejected(Fence.NO_BINDING_NAMED)
    binding = session.bindings.get(binding_key(event.node, event.binding))
    if binding is None:
        return rejected(Fence.NO_SUCH_BINDING)
    lost = event.kind is RegistrationKind.PING_LOST
    if not is_newer(event, binding.boot, max(binding.seq, binding.ping_seq), binding.confirmed_at):
        return rejected(Fence.OLDER_THAN_BINDING)
    binding.ping_seq = event.seq
    if binding.ping_lost == lost:
        return FoldResult(changed=True)
    binding.ping_lost = lost
    cause = Cause.PING_LOST if lost else Cause.PING_RESTORED
    return FoldResult(changed=True, change=Change(cause, event.at, [event.id, binding.event]))
