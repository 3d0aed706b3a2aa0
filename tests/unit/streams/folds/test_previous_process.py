"""Events of a process that are read when its end is known."""

from schemas.internal import NodeState
from schemas.session import Session
from streams.folds.previous_process import fold_after_end
from tests.unit.stories import AOR, fold, moment, registered


class TestReadAfterTheEnd:
    """What a process reported last, read when its end is known."""

    STATE = NodeState(boot="boot-a", at=moment(9), down=True)

    def test_it_has_ended_with_it(self) -> None:
        session = Session(aor=AOR)
        result = fold_after_end(session, registered(1), self.STATE, fold)
        assert (result.changed, result.fence, result.change) == (True, "node-is-down", None)
        (grave,) = session.ended.values()
        assert (session.bindings, grave.cause) == ({}, "node-lost")

    def test_of_a_restart_nothing_is_said_to_be_down(self) -> None:
        session = Session(aor=AOR)
        state = NodeState(boot="boot-b", at=moment(9))
        result = fold_after_end(session, registered(1), state, fold)
        assert (result.changed, result.fence) == (True, None)
        (grave,) = session.ended.values()
        assert grave.cause == "node-restarted"
