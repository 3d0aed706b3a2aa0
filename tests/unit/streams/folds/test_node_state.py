"""A node's own state: down, lost or unwatched."""

from schemas.vocabulary import NodeKind
from streams.folds.node_state import fold_node_state
from tests.unit.fold_events import node_change
from tests.unit.pipeline import NOW


def test_node_is_down_until_it_reports_up() -> None:
    down = fold_node_state(None, node_change(NodeKind.DOWN, 3), NOW)
    assert down is not None
    assert down.down
    beat = fold_node_state(down, node_change(NodeKind.HEARTBEAT, 4), NOW)
    assert beat is not None
    assert beat.down
    up = fold_node_state(beat, node_change(NodeKind.UP, 5), NOW)
    assert up is not None
    assert not up.down
    assert fold_node_state(up, node_change(NodeKind.DOWN, 1, boot="boot-0"), NOW) is None
