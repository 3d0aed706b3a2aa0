"""Node state: the process of a node that is known, and whether it is down, lost or unwatched.

Pure. Kept in every partition. What a change of it means for the node's users is in
streams/folds/node.py.
"""

from datetime import datetime

from schemas.vocabulary import NodeKind
from streams.models import NodeChange, NodeState

# These count for a silent node whatever their time: the clock of its SHUTDOWN may have stood still,
# and for a silence only the time of the last event is known.
_ENDS = frozenset({NodeKind.DOWN, NodeKind.LOST})


def fold_node_state(state: NodeState | None, change: NodeChange, now: datetime) -> NodeState | None:
    """The node's state after a change; None if the change is older than what is known.

    `now` is the worker's clock: while a node is lost its own clock is not read.
    """
    if state is not None and change.at < state.at and change.boot != state.boot:
        return None
    if (
        state is not None
        and (state.lost or state.unwatched)
        and change.kind not in _ENDS
        and change.at <= state.at
    ):
        return None  # of before the silence, and read again
    is_same = state is not None and state.boot == change.boot
    if state is not None and state.lost and is_same and change.kind is NodeKind.UNWATCHED:
        return None  # the node's producer stopped, which proves nothing about the node
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
            return None  # a later event of the node is known
        new.lost = True
    else:
        new.down = bool(state and state.down and is_same and change.kind is not NodeKind.UP)
        new.unwatched = change.kind is NodeKind.UNWATCHED
    if change.kind is NodeKind.GAP and not (new.listed_at and change.at <= new.listed_at):
        if new.gap is None:
            new.gap_from = state.at if state is not None else None
        new.gap, new.gap_at = new.gap or now, change.at
    return new
