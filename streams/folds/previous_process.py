"""Session fold, words of a process that has ended since: what it told of ended with it.

Pure. A node's events and its turning points come by different topics, in either order.
"""

from collections.abc import Callable
from typing import Any

from schemas.fences import Fence
from schemas.vocabulary import Cause, NodeKind
from streams.folds import devices
from streams.folds.node import fold_node_change, legs_shown
from streams.folds.outcome import Change, FoldResult
from streams.models import NodeChange, NodeState, Session


def is_late(event: Any, node: NodeState) -> bool:
    """Whether an earlier process than the node's present one said it."""
    return bool(node.boot != event.boot and event.at <= node.at)


def has_ended(event: Any, node: NodeState) -> bool:
    """Whether the process that said it is known to have stopped since, and no other one to run."""
    return bool(node.down and node.boot == event.boot)


def fold_after_end(
    session: Session, event: Any, node: NodeState, fold: Callable[[Session, Any], FoldResult]
) -> FoldResult:
    """Apply a late event by its own rule, then the end or restart that it does not know of.

    Both, for what stands behind an edge must know that its edge's binding has been and ended, and
    an edge that its registrar's has.
    """
    before = devices.shown(session), legs_shown(session)
    told = fold(session, event)
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
        return told
    result = FoldResult(changed=True, fence=Fence.NODE_IS_DOWN if is_down else None)
    if before != (devices.shown(session), legs_shown(session)):
        result.change = Change(cause, event.at, [event.id])
    return result
