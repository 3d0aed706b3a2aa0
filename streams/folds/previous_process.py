"""Session fold, late events of a process that has ended: what they report ended with the process.

Pure. A node's events and the changes of its process come from different topics, in either order.
"""

from collections.abc import Callable
from typing import Any

from schemas.fences import Fence
from schemas.vocabulary import Cause, NodeKind
from streams.folds import devices
from streams.folds.call import legs_shown
from streams.folds.node import fold_node_change
from streams.folds.outcome import Change, FoldResult
from streams.models import NodeChange, NodeState, Session


def is_late(event: Any, node: NodeState) -> bool:
    """Whether the event is of an earlier process than the node's present one."""
    return bool(node.boot != event.boot and event.at <= node.at)


def has_ended(event: Any, node: NodeState) -> bool:
    """Whether the event's process is known to have stopped, and no other one to run."""
    return bool(node.down and node.boot == event.boot)


def fold_after_end(
    session: Session, event: Any, node: NodeState, fold: Callable[[Session, Any], FoldResult]
) -> FoldResult:
    """Apply a late event by its own rule, then the end or restart of its process.

    Both are needed: a binding behind an edge depends on the tombstone of the edge's binding, and an
    edge's binding on its registrar's.
    """
    before = devices.shown(session), legs_shown(session)
    result = fold(session, event)
    is_down = has_ended(event, node)
    kind, cause = (
        (NodeKind.DOWN, Cause.NODE_LOST) if is_down else (NodeKind.UP, Cause.NODE_RESTARTED)
    )
    end = NodeChange(
        id=f"{event.id}/ended",
        kind=kind,
        node=event.node,
        boot=node.boot,
        at=node.at,
    )
    if not fold_node_change(session, end).changed:
        return result
    result = FoldResult(changed=True, fence=Fence.NODE_IS_DOWN if is_down else None)
    if before != (devices.shown(session), legs_shown(session)):
        result.change = Change(cause, event.at, [event.id])
    return result
