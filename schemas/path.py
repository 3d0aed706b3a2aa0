"""A stored Path value (RFC 3327): the edge that the client is connected to, and the client there.

Pure. Each proxy puts its own URI on top (§5.1), so the last one is nearest to the client. Proxies
note the client's address in it as `received` (Kamailio's and OpenSIPS' path modules,
`use_received`).
"""

import re
from urllib.parse import unquote

from schemas.sip_uri import MalformedUri, SipUri, parse_uri

_RECEIVED = re.compile(r';received="?[^;>"]*(?:;transport=([A-Za-z]+))?', re.IGNORECASE)


def nearest(path: str) -> SipUri | None:
    """The URI of the edge that the client is connected to; None where it is no URI."""
    try:
        return parse_uri(_last(path))
    except MalformedUri:
        return None


def _last(path: str) -> str:
    begin = path.rfind("<")
    last = path[begin + 1 :].partition(">")[0] if begin >= 0 else path.rpartition(",")[2]
    return last.strip()


def received(edge: SipUri) -> str | None:
    """The URI in the edge's `received` parameter, unescaped; None where it has none."""
    return unquote(edge.parameters.get("received") or "").strip('"') or None


def received_transport(path: str) -> str | None:
    """The transport between client and edge in lower case; None where the path does not show it.

    The path modules write none for UDP. FreeSWITCH keeps the value unescaped once more than it was,
    so that the transport stands behind the address.
    """
    found = _RECEIVED.search(unquote(_last(path)))
    return (found[1] or "udp").lower() if found is not None else None


def is_named(path: str, hosts: set[str]) -> bool:
    """Whether the path's edge is one of these `host:port` or `host`."""
    edge = nearest(path)
    if edge is None:
        return False
    return edge.host in hosts or f"{edge.host}:{edge.port or 5060}" in hosts
