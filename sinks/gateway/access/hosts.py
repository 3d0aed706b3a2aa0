"""The names by which the gateway may be asked: `Host` is checked against a list (pure).

A page can give its own name the gateway's address (DNS rebinding); browsers then send that name.
"""

import re
from collections.abc import Set

from sinks.gateway.errors import NotAllowed

_is_host = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::\d{1,5})?"
).fullmatch


def host_in(text: str) -> str:
    """A host as it is compared: `name`, `name:port`, `[::1]`. Raises ValueError."""
    host = text.lower()
    if not _is_host(host):
        raise ValueError("it is no host: a name or an address, with a port or without")
    return host


def check_host(host: str | None, allowed: Set[str]) -> None:
    """Raises NotAllowed, 421: not one of the hosts `allowed` (host_in). One named without a port is
    allowed with any. An empty set allows all."""
    if not allowed:
        return
    given = (host or "").lower()
    name = re.sub(r":\d*$", "", given)
    if given not in allowed and name not in allowed:
        raise NotAllowed(
            "a host that gateway.allowed_hosts does not name", status=421, reason="host"
        )
