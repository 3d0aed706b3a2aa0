"""Session fold, words of a process that has ended since: what it told of ended with it.

Pure. A node's events and its turning points come by different topics, in either order.
"""

from collections.abc import Callable
from typing import Any

from schemas.vocabulary import Cause, NodeKind
from streams import devices
from streams.node_fold import fold_node_change, legs_shown
from streams.state import NodeChange, NodeState, Session
from streams.verdict import Change, Verdict


def is_late(event: Any, node: NodeState) -> bool:
    """Whether an earlier process than the node's present one said it."""
    return bool(node.boot != event.boot and event.at <= node.at)


def fold_after_restart(
    session: Session, event: Any, node: NodeState, fold: Callable[[Session, Any], Verdict]
) -> Verdict:
    """Apply a late event by its own rule, then the restart that it does not know of.

    Both, for what stands behind an edge must know that its edge's binding has been and ended.
    """
    before = devices.shown(session), legs_shown(session)
    told = fold(session, event)
    restart = NodeChange(
        id=f"{event.id}/restarted", kind=NodeKind.UP, node=event.node, boot=node.boot, at=node.at
    )
    if not fold_node_change(session, restart).changed:
        return told
    verdict = Verdict(changed=True)
    if before != (devices.shown(session), legs_shown(session)):
        verdict.change = Change(Cause.NODE_RESTARTED, event.at, [event.id])
    return verdict
