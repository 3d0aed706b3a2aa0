"""Dumps and exact queries, answered by this host's kernel."""

import pytest

from producers.sockets import netlink, netlink_requests
from producers.sockets.kernel import Kernel
from tests.unit.producers.sockets.conftest import Pair


@pytest.mark.parametrize("others", [[], [1], [1, 2], list(range(1, 120))])
def test_the_kernel_shows_only_the_ports_asked_for(others: list[int], pair: Pair) -> None:
    _, _, local, _ = pair
    kernel = Kernel()
    for ports in ([local.port, *others], [*others, local.port]):
        shown = kernel.dump(netlink_requests.of_ports(ports))
        assert {s.local_port for s in shown} - set(others) == {local.port}
        assert {s.state for s in shown} >= {netlink.LISTEN, netlink.ESTABLISHED}
    kernel.close()


def test_a_dead_connection_is_not_found_by_its_cookie(pair: Pair) -> None:
    _, _, local, remote = pair
    family, ends = netlink.ends_of(local, remote)
    kernel = Kernel()
    living = kernel.exact(family, ends)
    assert living is not None
    assert kernel.exact(family, ends, living.cookie) == living
    assert kernel.exact(family, ends, living.cookie + 1_000_000) is None
    kernel.close()
