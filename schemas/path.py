"""A stored Path value (RFC 3327): the edge that the client is connected to, and the client there.

Pure. Each proxy puts its own URI on top (§5.1), so the last one is nearest to the client. Proxies
note the client's address in it as `received` (Kamailio's and OpenSIPS' path modules,
`use_received`).
"""

from urllib.parse import unquote

from schemas.sip_uri import MalformedUri, SipUri, parse_uri


def nearest(path: str) -> SipUri | None:
    """The URI of the edge that the client is connected to; None where it is no URI."""
    begin = path.rfind("<")
    last = path[begin + 1 :].partition(">")[0] if begin >= 0 else path.rpartition(",")[2]
    try:
        return parse_uri(last.strip())
    except MalformedUri:
        return None


def received(edge: SipUri) -> str | None:
    """The URI in the edge's `received` parameter, unescaped; None where it has none."""
    return unquote(edge.parameters.get("received") or "").strip('"') or None


def received_transport(path: str) -> str | None:
    """The transport between client and edge in lower case; None where the path does not tell.

    The path modules write none for UDP.
    """
    edge = nearest(path)
    text = received(edge) if edge is not None else None
    if text is None:
        return None
    try:
        return (parse_uri(text).parameters.get("transport") or "udp").lower()
    except MalformedUri:
        return None


def is_named(path: str, hosts: set[str]) -> bool:
    """Whether the path's edge is one of these `host:port` or `host`."""
    edge = nearest(path)
    if edge is None:
        return False
    host = f"[{edge.host}]" if ":" in edge.host else edge.host
    return edge.host in hosts or host in hosts or f"{host}:{edge.port or 5060}" in hosts
