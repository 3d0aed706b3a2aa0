"""What one record shows of all that one event ended: why, when, and by which events."""

import pytest

from schemas import topics
from schemas.vocabulary import CallKind, NodeKind
from tests.unit.fold_events import AOR, apply, call, moment, node_change, registered, shown
from tests.unit.pipeline import Pipeline

DOWN = node_change(NodeKind.DOWN, 9)


def test_evidence_is_the_nodes_end_and_each_binding_and_call_it_ended() -> None:
    """A call that was only being tried is no evidence: nobody saw it."""
    first, second = registered(1), registered(2, port=5062, call_id="two")
    answered = call(CallKind.ANSWERED, 3)
    _, published = apply(first, second, call(CallKind.TRYING, 4, "tried"), answered, DOWN)
    assert shown(published)[-1] == "offline node-lost"
    assert published[-1].evidence == [DOWN.id, first.id, second.id, answered.id]


def test_evidence_of_many_bindings_is_bounded() -> None:
    many = [registered(n, port=6000 + n, call_id=f"{n}@phone") for n in range(1, 31)]
    _, published = apply(*many, node_change(NodeKind.DOWN, 99))
    assert len(published[-1].evidence) == 16


@pytest.mark.parametrize("expiries", [(40, 60), (60, 40)])
def test_time_of_bindings_that_expire_together_is_the_last_ones(
    expiries: tuple[int, int],
) -> None:
    """Until then the user could be reached. 35 s: the registrar's own sweep is waited for."""
    pipeline = Pipeline()
    for seq, expiry in enumerate(expiries, start=1):
        place = registered(seq, port=5060 + seq, call_id=f"{seq}@phone", expires_at=moment(expiry))
        pipeline.feed(topics.REGISTRATIONS, [(AOR, place)])
    pipeline.feed(topics.NODE_CHANGES, [("fs1", node_change(NodeKind.HEARTBEAT, 500))])
    assert pipeline.changes("1001")[-1] == "offline expired"
    assert pipeline.published[-1].at == moment(60 + 35)
