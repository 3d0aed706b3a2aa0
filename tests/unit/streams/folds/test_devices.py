"""What presence shows of a device with bindings at an edge and behind it."""

from tests.unit.edge_events import PROXY, behind, bindings, client, edge
from tests.unit.fold_events import apply, listed


def test_one_register_is_one_device_whichever_report_comes_first() -> None:
    _, edge_first = apply(edge(1), behind(1))
    _, edge_last = apply(behind(1), edge(1))
    assert bindings(edge_first)[-1] == bindings(edge_last)[-1] == [("fs1", "edge1", 5061)]
    assert bindings(edge_last)[0] == [("fs1", None, 5061)]  # the Path names the client's address


def test_listing_behind_an_unwatched_edge_shows_the_clients_new_address() -> None:
    row = listed(60, "s", node="fs1")
    row.remote, row.path, row.received = PROXY, "<sip:edge1;lr>", client(5062)
    _, published = apply(behind(1), row)
    assert bindings(published) == [[("fs1", None, 5061)], [("fs1", None, 5062)]]
