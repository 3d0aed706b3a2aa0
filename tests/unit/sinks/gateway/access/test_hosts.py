"""Names by which the gateway may be asked."""

import pytest

from sinks.gateway.access.hosts import check_host, host_in
from sinks.gateway.errors import NotAllowed

ALLOWED = frozenset(map(host_in, ("Presence.test", "[::1]", "10.0.0.1:8096")))


@pytest.mark.parametrize(
    "host",
    ["presence.test", "PRESENCE.test:8096", "presence.test:", "[::1]:80", "[::1]", "10.0.0.1:8096"],
)
def test_named_hosts_are_allowed_with_any_port_unless_one_is_named(host: str) -> None:
    check_host(host, ALLOWED)


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.test", "presence.test.evil.test", "xpresence.test", "10.0.0.1", "10.0.0.1:80",
     "presence.test:80:80", "presence.test@evil.test", "[::2]"],
)  # fmt: skip
def test_others_are_refused(host: str | None) -> None:
    check_host(host, frozenset())
    with pytest.raises(NotAllowed) as caught:
        check_host(host, ALLOWED)
    assert caught.value.status == 421


@pytest.mark.parametrize("text", ["", "*", "*.test", "http://x.test", "x.test/", "a b", "x:y", "@"])
def test_what_is_no_host_is_no_setting(text: str) -> None:
    with pytest.raises(ValueError, match="no host"):
        host_in(text)
