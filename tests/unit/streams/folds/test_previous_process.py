"""Events of a process that are read when its end is known."""

from schemas.internal import NodeState
from schemas.session import Session
from streams.folds.previous_process import fold_after_end
from tests.unit.fold_events import AOR, fold, moment, registered


class TestReadAfterTheEnd:
    """What a process reported last, read when its end is known."""

    STATE = NodeState(boot="boot-a", at=moment(9), down=True)

    def test_it_has_ended_with_it(self) -> None:
        session = Session(aor=AOR)
        result = fold_after_end(session, registered(1), self.STATE, fold)
        assert (result.changed, result.fence, result.change) == (True, "node-is-down", None)
        (tombstone,) = session.ended.values()
        assert (session.bindings, tombstone.cause) == ({}, "node-lost")

    def test_restart_does_not_mark_the_node_down(self) -> None:
        session = Session(aor=AOR)
        state = NodeState(boot="boot-b", at=moment(9))
        result = fold_after_end(session, registered(1), state, fold)
        assert (result.changed, result.fence) == (True, None)
        (tombstone,) = session.ended.values()
        assert tombstone.cause == "node-restarted"
