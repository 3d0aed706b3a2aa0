"""Whose request it is, where proxies pass it on."""

import pytest

from sinks.gateway.limits.proxies import Proxies

TRUSTED = Proxies(["10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", ["198.51.100.9"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.9"], "198.51.100.9"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.9"], "198.51.100.9"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.9, 10.0.0.2"], "198.51.100.9"),
        ("10.0.0.1", ["10.0.0.3,10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.9, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["x" * 10_000], "10.0.0.1"),
        ("2001:db8::1", ["2001:DB9::0:7"], "2001:db9::7"),
        ("", ["198.51.100.9"], ""),
    ],
)
def test_the_last_address_that_is_none_of_a_proxy_counts(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert TRUSTED.client(peer, forwarded) == client
    assert Proxies().client(peer, forwarded) == peer
