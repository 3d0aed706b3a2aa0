"""Session fold, replaced bindings: what the registrar's own table no longer holds has ended.

Pure. A registrar replaces or drops contacts without an event of its own (one contact a user,
`max_contacts`, the same instance from another address). Its table, as read with or after an event,
decides: RegistrationEvent.remaining. Every rule that ends bindings by the table ends them here.
"""

from schemas.vocabulary import Cause, RegistrationKind
from streams.folds.binding_end import end_binding
from streams.folds.ordering import UNKNOWN_SEQ, binding_key
from streams.folds.outcome import FoldResult, merged
from streams.models import Binding, RegistrationEvent, Session

_CAUSES = {
    RegistrationKind.UNREGISTERED: Cause.UNREGISTERED,
    RegistrationKind.WILDCARD: Cause.UNREGISTERED,
    RegistrationKind.EXPIRED: Cause.EXPIRED,
}


def end_replaced(session: Session, event: RegistrationEvent) -> FoldResult:
    """End the user's bindings at the event's registrar that its table no longer held.

    A binding that was confirmed after the table was read stays.
    """
    kept = None
    if event.remaining is not None:
        kept = {binding_key(event.node, identity) for identity in event.remaining}
    own = binding_key(event.node, event.binding) if event.binding is not None else None
    cause = _CAUSES.get(event.kind, Cause.REPLACED)
    return merged(
        end_unlisted(session, key, event)
        if event.kind is RegistrationKind.SNAPSHOT_ENDED
        else end_binding(session, key, event, cause)
        for key, binding in list(session.bindings.items())
        if key != own
        and _is_there(binding, event)
        and (
            key not in kept
            if kept is not None
            else binding.call_id is not None and binding.call_id == event.call_id
        )
        and _was_confirmed_before(binding, event)
    )


def end_unlisted(session: Session, key: str, end: RegistrationEvent) -> FoldResult:
    """End a binding that a listing did not show; as closed if the registrar had reported that, and
    a confirmation by the kernel or a listing was awaited."""
    reported = session.bindings[key].closing
    if reported is None:
        return end_binding(session, key, end, Cause.MISSING_FROM_SNAPSHOT)
    result = end_binding(session, key, end, Cause.CONNECTION_CLOSED, inferred=True)
    if result.change is not None:
        result.change.evidence.insert(0, reported)
    return result


def _is_there(binding: Binding, event: RegistrationEvent) -> bool:
    """Whether the event's registrar is the one that holds the binding."""
    return binding.node == event.node and (
        event.registrar is None or binding.registrar in (None, event.registrar)
    )


def _was_confirmed_before(binding: Binding, event: RegistrationEvent) -> bool:
    """Whether the registrar's table, as it was read, could have shown the binding."""
    if event.table_at is not None and binding.confirmed_at > event.table_at:
        return False
    if binding.boot == event.boot and event.seq != UNKNOWN_SEQ:
        return binding.seq <= event.seq
    return binding.confirmed_at <= event.at
