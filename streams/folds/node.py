"""Session fold, node changes: what a node's silence, end, restart or return means for its users.

Pure. Fenced by boot: what the node's next process confirmed already is not touched.
"""

from datetime import datetime

from schemas.vocabulary import CallState, Cause, NodeKind, Source, Transport
from streams.folds import devices, edge_loss, edges
from streams.folds.binding_end import cut_off, end_binding
from streams.folds.call import end_leg
from streams.folds.outcome import Change, FoldResult, merged
from streams.folds.visible_change import changed_from
from streams.models import Binding, Event, NodeChange, NodeState, Session

# Believed of a silent node whatever their time: the clock of its SHUTDOWN may have stood still, and
# of a silence only the time of the last word is known.
_ENDS = frozenset({NodeKind.DOWN, NodeKind.LOST})


def fold_node_state(state: NodeState | None, change: NodeChange, now: datetime) -> NodeState | None:
    """The node's state after a change; None if the change is older than what is known.

    `now` is the worker's clock: while a node is lost its own does not tell the time.
    """
    if state is not None and change.at < state.at and change.boot != state.boot:
        return None
    if (
        state is not None
        and (state.lost or state.unwatched)
        and change.kind not in _ENDS
        and change.at <= state.at
    ):
        return None  # said before it fell silent, and read again
    is_same = state is not None and state.boot == change.boot
    if state is not None and state.lost and is_same and change.kind is NodeKind.UNWATCHED:
        return None  # its producer stops beside it: that is no word of the node's own
    at = max(state.at, change.at) if state else change.at
    new = NodeState(boot=change.boot, at=at, changed=now)
    if state is not None:
        new.gap, new.gap_at, new.stale = state.gap, state.gap_at, state.stale
        new.gap_from = state.gap_from
        new.listed_at = state.listed_at
    if change.kind is NodeKind.DOWN:
        new.down = True
    elif change.kind is NodeKind.LOST:
        if state is not None and (not is_same or state.at > change.at or state.down):
            return None  # it has said something since
        new.lost = True
    else:
        new.down = bool(state and state.down and is_same and change.kind is not NodeKind.UP)
        new.unwatched = change.kind is NodeKind.UNWATCHED
    if change.kind is NodeKind.GAP and not (new.listed_at and change.at <= new.listed_at):
        if new.gap is None:
            new.gap_from = state.at if state is not None else None
        new.gap, new.gap_at = new.gap or now, change.at
    return new


def fold_staleness(session: Session, node: str, at: datetime, *, stale: bool) -> FoldResult:
    """The node's events up to `at` may be missing, and no listing comes; or one has come since."""
    before = devices.shown(session)
    evidence = []
    for binding in session.bindings.values():
        if binding.node == node and binding.confirmed_at <= at and binding.stale != stale:
            binding.stale = stale
            evidence.append(binding.event)
    if not evidence:
        return FoldResult()
    cause = Cause.NODE_UNCERTAIN if stale else Cause.NODE_CERTAIN
    return changed_from(before, session, Change(cause, at, evidence[:16]))


def fold_node_change(session: Session, change: NodeChange) -> FoldResult:
    """What a node's DOWN, or else its UP with a new boot, ends of this session."""
    event = _as_event(change)
    results = []
    for key, binding in list(session.bindings.items()):
        if _has_left_it(binding, change):
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
            # A restart ends every connection. A binding over UDP, or whose client's connection
            # ends at an edge, may well live on in the registrar's database: the snapshot that
            # follows decides.
            results.append(end_binding(session, key, event, Cause.NODE_RESTARTED))
    for leg_id, leg in list(session.calls.items()):
        if leg.node != change.node or leg.since > change.at:
            continue
        if change.kind is NodeKind.DOWN:
            results.append(end_leg(session, leg_id, event, Cause.NODE_LOST))
        elif leg.boot != change.boot:
            results.append(end_leg(session, leg_id, event, Cause.NODE_RESTARTED))
    return merged(results)


def _has_left_it(behind: Binding, change: NodeChange) -> bool:
    """Whether its client's connection was at the edge that has ended or started anew."""
    known = behind.edge_connection
    if known is None or known.node != change.node:
        return False
    if behind.registered_at is not None and behind.registered_at > change.at:
        return False  # over another one: the next listing shows it
    if change.kind is NodeKind.DOWN and known.boot == change.boot:
        return True
    return known.boot != change.boot and known.at <= change.at


def fold_node_lost(session: Session, change: NodeChange) -> FoldResult:
    """The node's lease ran out: what is there is kept, but out of reach."""
    return _set_lost(session, change, Cause.NODE_LOST, lost=True)


def fold_node_back(session: Session, change: NodeChange) -> FoldResult:
    """The same process is heard of again: what it held, it holds."""
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
        result.change = Change(cause, change.at, evidence[:16])
    return result


def _is_of(binding: Binding, change: NodeChange) -> bool:
    """Whether the process that the change is about had the binding, if only from one before it."""
    return binding.boot == change.boot or binding.confirmed_at <= change.at


def legs_shown(session: Session) -> list[tuple[str, CallState]]:
    """What subscribers see of the calls."""
    return [
        (leg_id, leg.state)
        for leg_id, leg in session.calls.items()
        if leg.state is not CallState.TRYING and not leg.node_lost
    ]


def _as_event(change: NodeChange) -> Event:
    # Later than everything of that boot; another boot is told apart by the clock.
    source, at = Source.STREAMS, change.at
    return Event(id=change.id, source=source, node=change.node, boot=change.boot, seq=0, at=at)
