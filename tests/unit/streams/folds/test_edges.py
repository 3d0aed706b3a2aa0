"""An edge's binding and the registrar's behind it: one device, whichever is reported first."""

from tests.unit.edge_events import PROXY, behind, bindings, edge, edge_lost
from tests.unit.fold_events import (
    apply,
    fold,
    loss,
    socket_closed,
)


def test_the_proxys_own_connection_takes_nobody_offline() -> None:
    session, published = apply(edge(1), behind(1))
    assert fold(session, socket_closed(5, node="fs1")).fence == "behind-an-edge"
    lost = loss(6, node="fs1")
    lost.remote = PROXY
    assert fold(session, lost).fence == "behind-an-edge"
    assert len(published) == 2


def test_a_client_behind_an_unknown_edge_hangs_on_its_path_too() -> None:
    session, _ = apply(behind(1))
    assert fold(session, socket_closed(5, node="fs1")).fence == "behind-an-edge"


def test_another_call_id_is_another_device() -> None:
    _, published = apply(edge(1), behind(1, call_id="other@phone"), edge_lost(2))
    assert bindings(published)[-1] == [("fs1", None, 5061)]
