"""Where each node takes SIP: by the setting `gateway.nodes`, else by the node's own name (pure)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote

from schemas.sip_uri import MalformedUri, parse_uri

_TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
# A name that can be resolved: most clusters name nodes by their hosts.
_is_host = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*").fullmatch


@dataclass(frozen=True, slots=True)
class NextHop:
    """A URI without a user: `sip:HOST[:PORT][;transport=…]`."""

    uri: str
    # As the value of a Route header, loose (RFC 3261 §20.34); percent-encoded for a dial string.
    route: str = field(init=False)
    encoded: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "route", f"<{self.uri};lr>")
        object.__setattr__(self, "encoded", quote(self.uri, safe=""))


def next_hop_in(text: str) -> NextHop:
    """A node's address from the settings; the scheme may be missing.

    Raises ValueError with what is wrong: no host, a user, or a parameter other than `transport`.
    """
    try:
        uri = parse_uri(text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}")
    except MalformedUri as error:
        raise ValueError(str(error)) from error
    if uri.user is not None:
        raise ValueError("it has a user part: only HOST, PORT and transport")
    transport = (uri.parameters.get("transport") or "").lower()
    if set(uri.parameters) - {"transport"} or "?" in text:
        raise ValueError("it has a parameter other than transport")
    if "transport" in uri.parameters and transport not in _TRANSPORTS:
        raise ValueError(f"its transport is none of {', '.join(_TRANSPORTS)}")
    port = f":{uri.port}" if uri.port is not None else ""
    end = f";transport={transport}" if transport else ""
    return NextHop(f"{uri.scheme}:{uri.host}{port}{end}")


class Addresses:
    """The next hop of each node; of one of its registrars, where `NODE/REGISTRAR` is set."""

    def __init__(self, known: Mapping[str, NextHop]) -> None:
        self._known = dict(known)

    def find(self, node: str, registrar: str | None) -> NextHop | None:
        """None where the node is not set, and its name is none that can be resolved."""
        found = self._known.get(f"{node}/{registrar}") or self._known.get(node)
        return found if found is not None else _by_name(node)


@lru_cache(1024)
def _by_name(node: str) -> NextHop | None:
    return NextHop(f"sip:{node.lower()}") if _is_host(node) else None
