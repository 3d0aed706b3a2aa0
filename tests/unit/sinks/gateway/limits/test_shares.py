"""Open subscriptions by token and by address."""

import pytest

from sinks.gateway.access.identity import Identity
from sinks.gateway.errors import TooMany
from sinks.gateway.limits.settings import LimitSettings
from sinks.gateway.limits.shares import Shares

SHARES = LimitSettings(subscribers_per_token=2, connections_per_address=3)


def test_a_token_has_its_share_from_everywhere() -> None:
    shares = Shares(SHARES)
    for address in ("192.0.2.1", "192.0.2.2"):
        shares.add(Identity("ann", address=address))
    with pytest.raises(TooMany) as caught:
        shares.check(Identity("ann", address="192.0.2.3"))
    assert (caught.value.status, caught.value.reason) == (429, "token")
    shares.check(Identity("bob", address="192.0.2.1"))
    shares.remove(Identity("ann", address="192.0.2.1"))
    shares.check(Identity("ann", address="192.0.2.3"))


def test_an_address_has_its_share_of_all_tokens() -> None:
    shares = Shares(SHARES)
    for number in range(3):
        shares.add(Identity(f"{number}", address=f"2001:db8::{number}"))
    with pytest.raises(TooMany) as caught:
        shares.check(Identity("3", address="2001:db8::ff"))
    assert caught.value.reason == "address"
    shares.check(Identity("3", address="2001:db8:0:1::"))
