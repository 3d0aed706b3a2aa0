"""Session fold, node changes: what a node's end or restart takes with it.

Pure. Fenced by boot: what the node's next process confirmed already is not touched.
"""

from schemas.vocabulary import Cause, NodeKind, Source, Transport
from streams.call_fold import end_leg
from streams.endings import end_binding
from streams.state import Event, NodeChange, NodeState, Session
from streams.verdict import Verdict, merged


def fold_node_state(state: NodeState | None, change: NodeChange) -> NodeState | None:
    """The node's state after a change; None if the change is older than what is known."""
    if state is not None and change.at < state.at and change.boot != state.boot:
        return None
    at = max(state.at, change.at) if state else change.at
    if change.kind is NodeKind.DOWN:
        return NodeState(boot=change.boot, at=at, down=True)
    down = bool(
        state and state.down and state.boot == change.boot and change.kind is not NodeKind.UP
    )
    return NodeState(boot=change.boot, at=at, down=down)


def fold_node_change(session: Session, change: NodeChange) -> Verdict:
    """What a node's DOWN, or its UP with a new boot, ends of this session."""
    event = _as_event(change)
    verdicts = []
    for key, binding in list(session.bindings.items()):
        if binding.node != change.node:
            continue
        if change.kind is NodeKind.DOWN and (
            binding.boot == change.boot or binding.confirmed_at <= change.at
        ):
            verdicts.append(end_binding(session, key, event, Cause.NODE_LOST))
        elif (
            change.kind is NodeKind.UP
            and binding.boot != change.boot
            and binding.confirmed_at <= change.at
            and binding.transport not in (None, Transport.UDP)
        ):
            # A restart ends every connection. A binding over UDP may well live on in the
            # registrar's database: the snapshot that follows decides.
            verdicts.append(end_binding(session, key, event, Cause.NODE_RESTARTED))
    for leg_id, leg in list(session.calls.items()):
        if leg.node != change.node or leg.since > change.at:
            continue
        if change.kind is NodeKind.DOWN:
            verdicts.append(end_leg(session, leg_id, event, Cause.NODE_LOST))
        elif change.kind is NodeKind.UP and leg.boot != change.boot:
            verdicts.append(end_leg(session, leg_id, event, Cause.NODE_RESTARTED))
    return merged(verdicts)


def _as_event(change: NodeChange) -> Event:
    # Later than everything of that boot; another boot is told apart by the clock.
    return Event(
        id=change.id,
        source=Source.STREAMS,
        node=change.node,
        boot=change.boot,
        seq=0,
        at=change.at,
    )
