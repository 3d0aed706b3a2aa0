"""What asking an OpenSIPS and a Kamailio has in common: the location table, and addresses.

A pure proxy has no location table. Each process of the server is asked for one only once, because
an unknown command is an error in the server's log.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from operate.audit.listing import Peer
from producers.sip_proxy.errors import MiRefused
from producers.sip_proxy.mi import Mi
from producers.uri_addresses import canonical_ip

# What the management interfaces answer to an unknown command (mi/mi.h, jsonrpcs_mod.c; 2.4).
_NO_SUCH_COMMAND = ("method not found", "unknown command", "unknown mi command")


class LocationTable:
    """Asks for all contacts, unless this process of the server is known to have no table."""

    def __init__(self, mi: Mi, command: str, process: Callable[[Mi], str]) -> None:
        """`process` identifies a process of the server, by its start time."""
        self._mi = mi
        self._command = command
        self._process = process
        self._without: str | None = None  # the process without a table

    def ask(self) -> Any | None:
        """The reply, None where the server has no location table. Raises MiError."""
        if self._without is not None and self._without == self._process(self._mi):
            return None
        self._without = None
        try:
            return self._mi.call(self._command)
        except MiRefused as error:
            if not any(text in str(error).lower() for text in _NO_SUCH_COMMAND):
                raise
            self._without = self._process(self._mi)
            return None


def answer_to(mi: Mi, command: str) -> Any | None:
    """The answer; None where the server does not have the command, or no TCP to list."""
    try:
        return mi.call(command)
    except MiRefused:
        return None


def peers_of(texts: Iterable[str]) -> frozenset[Peer]:
    """The addresses in texts like `127.0.0.1:46002`, `[::1]:46002` and `::1:46002`."""
    return frozenset(peer for text in texts if (peer := _peer(text)) is not None)


def _peer(text: Any) -> Peer | None:
    host, _, port = str(text).rpartition(":")
    ip = canonical_ip(host)
    return (ip, int(port)) if ip is not None and port.isdecimal() else None


def own_ends(listed: Any, kernel: Iterable[Peer]) -> frozenset[Peer]:
    """The server's ends of its connections, by OpenSIPS' or Kamailio's list, and by the kernel."""
    rows = listed.get("Connections") if isinstance(listed, dict) else listed
    found = {*kernel}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            text = row.get("Local") or f"{row.get('dst_ip')}:{row.get('dst_port')}"
            if (peer := _peer(text)) is not None:
                found.add(peer)
    return frozenset(found)


def host_of(url: str | None) -> str | None:
    """The host in a URL, an IP address in canonical form; None without a URL."""
    name = urlsplit(url).hostname if url else None
    return (canonical_ip(name) or name) if name else None
