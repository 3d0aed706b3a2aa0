"""Session fold, node changes: what a node's silence, end, restart or return means for its users.

Pure. Fenced by boot: what the node's next process has confirmed is not changed. The node's own
state is in streams/folds/node_state.py.
"""

from datetime import datetime

from schemas.vocabulary import Cause, NodeKind, Source, Transport
from streams.folds import devices, edge_loss, edges
from streams.folds.binding_end import cut_off, end_binding
from streams.folds.call import end_leg, legs_shown
from streams.folds.outcome import MAX_EVIDENCE, Change, FoldResult, merged
from streams.folds.visible_change import changed_from
from streams.models import Binding, Event, NodeChange, Session


def fold_staleness(session: Session, node: str, at: datetime, *, stale: bool) -> FoldResult:
    """Mark the bindings of which events up to `at` may be missing as stale, or no longer stale."""
    before = devices.shown(session)
    evidence = []
    for binding in session.bindings.values():
        if binding.node == node and binding.confirmed_at <= at and binding.stale != stale:
            binding.stale = stale
            evidence.append(binding.event)
    if not evidence:
        return FoldResult()
    cause = Cause.NODE_UNCERTAIN if stale else Cause.NODE_CERTAIN
    return changed_from(before, session, Change(cause, at, evidence[:MAX_EVIDENCE]))


def fold_node_change(session: Session, change: NodeChange) -> FoldResult:
    """End what a node's DOWN ends of this session, or its UP with a new boot."""
    event = _as_event(change)
    results = []
    for key, binding in list(session.bindings.items()):
        if _is_at_ended_edge(binding, change):
            is_down = change.kind is NodeKind.DOWN
            cause = Cause.NODE_LOST if is_down else Cause.NODE_RESTARTED
            results.append(cut_off(session, key, event, cause))
        if binding.node != change.node:
            continue
        if change.kind is NodeKind.DOWN and _is_of(binding, change):
            results.append(end_binding(session, key, event, Cause.NODE_LOST))
        elif (
            binding.boot != change.boot
            and binding.confirmed_at <= change.at
            and binding.transport not in (None, Transport.UDP)
            and not edges.is_behind_edge(session, binding)
        ):
            # A restart ends every connection. A binding over UDP, or with a client behind an
            # edge, may be in the registrar's database: the snapshot that follows decides.
            results.append(end_binding(session, key, event, Cause.NODE_RESTARTED))
    for leg_id, leg in list(session.calls.items()):
        if leg.node != change.node or leg.since > change.at:
            continue
        if change.kind is NodeKind.DOWN:
            results.append(end_leg(session, leg_id, event, Cause.NODE_LOST))
        elif leg.boot != change.boot:
            results.append(end_leg(session, leg_id, event, Cause.NODE_RESTARTED))
    return merged(results)


def _is_at_ended_edge(behind: Binding, change: NodeChange) -> bool:
    """Whether its client's listed connection is at the edge that has ended or restarted."""
    known = behind.edge_connection
    if known is None or known.node != change.node:
        return False
    if behind.registered_at is not None and behind.registered_at > change.at:
        return False  # over another connection, which the next listing shows
    if change.kind is NodeKind.DOWN and known.boot == change.boot:
        return True
    return known.boot != change.boot and known.at <= change.at


def fold_node_lost(session: Session, change: NodeChange) -> FoldResult:
    """The node's lease ran out: its bindings and legs are kept, and are unreachable."""
    return _set_lost(session, change, Cause.NODE_LOST, lost=True)


def fold_node_back(session: Session, change: NodeChange) -> FoldResult:
    """The same process is heard from again: what it held is reachable again."""
    return _set_lost(session, change, Cause.NODE_RESTORED, lost=False)


def _set_lost(session: Session, change: NodeChange, cause: Cause, *, lost: bool) -> FoldResult:
    before, legs_before = devices.shown(session), legs_shown(session)
    evidence = [change.id]
    for binding in session.bindings.values():
        if binding.node == change.node and _is_of(binding, change) and binding.node_lost != lost:
            binding.node_lost = lost
            evidence.append(binding.event)
            edge_loss.recheck_behind(session, binding)
        known = binding.edge_connection
        if known is not None and known.node == change.node and known.boot == change.boot:
            edge_loss.apply_edge_silence(session, binding, lost=lost)
            evidence.append(binding.event)
    for leg in session.calls.values():
        if leg.node == change.node and leg.boot == change.boot and leg.node_lost != lost:
            leg.node_lost = lost
            evidence.append(leg.event)
    if len(evidence) == 1:
        return FoldResult()
    result = FoldResult(changed=True)
    if before != devices.shown(session) or legs_before != legs_shown(session):
        result.change = Change(cause, change.at, evidence[:MAX_EVIDENCE])
    return result


def _is_of(binding: Binding, change: NodeChange) -> bool:
    """Whether the process that the change is about had the binding, maybe from one before it."""
    return binding.boot == change.boot or binding.confirmed_at <= change.at


def _as_event(change: NodeChange) -> Event:
    # No sequence: it is later than everything of that boot, and the clock orders other boots.
    source, at = Source.STREAMS, change.at
    return Event(id=change.id, source=source, node=change.node, boot=change.boot, seq=0, at=at)
