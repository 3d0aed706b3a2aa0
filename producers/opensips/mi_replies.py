"""Readers of MI's answers about connections, dialogs and the server's start. Pure."""

import re
from typing import Any

from producers.sip_proxy.call_records import ListedDialog
from producers.sip_proxy.errors import ListingUnreadable
from producers.sip_proxy.listing import field_rows, field_text
from producers.uri_addresses import canonical_ip

_SPACES = re.compile(r"\s+")


def read_connections(reply: Any) -> set[str] | None:
    """Peers of `list_tcp_conns` (`127.0.0.1:46002`); None where the dialect is not readable.

    Raises ListingUnreadable when it is of the known form, but broken.
    """
    if not isinstance(reply, dict) or "Connections" not in reply:
        return None
    return {field_text(row, "Remote") for row in field_rows(reply, "Connections")}


def read_ends(reply: Any) -> dict[tuple[str, int], int] | None:
    """The peer of each connection of `list_tcp_conns` → the server's port; None where the dialect
    is not readable. Raises ListingUnreadable."""
    if not isinstance(reply, dict) or "Connections" not in reply:
        return None
    found = {}
    for row in field_rows(reply, "Connections"):
        ip, _, port = field_text(row, "Remote").rpartition(":")  # IPv6 has no brackets there
        own = field_text(row, "Local").rpartition(":")[2]
        address = canonical_ip(ip)
        if address is None or not port.isdecimal() or not own.isdecimal():
            raise ListingUnreadable("list_tcp_conns: a connection without its ends")
        found[(address, int(port))] = int(own)
    return found


def read_dialogs(reply: Any) -> list[dict[str, Any]]:
    """Rows of `dlg_list` (3.x): callid, caller_tag, from_uri, to_uri, state. ListingUnreadable."""
    if isinstance(reply, dict) and isinstance(reply.get("Dialog"), dict):
        return [reply["Dialog"]]
    return field_rows(reply, "Dialogs")


def listed_dialogs(reply: Any) -> list[ListedDialog]:
    """`dlg_list` of all dialogs. Raises ListingUnreadable."""
    return [_listed_dialog(row) for row in read_dialogs(reply)]


def read_start(reply: Any) -> str | None:
    """When the server started, as `uptime` writes it; None where the answer has no such field."""
    if isinstance(reply, str):
        found = re.search(r"^Up since:: ?(.+)$", reply, re.MULTILINE)
        return found[1].strip() if found else None
    if not isinstance(reply, dict):
        return None
    for name, value in reply.items():
        if _SPACES.sub("", name).lower() in ("upsince", "up_since", "up-since"):
            value = value[0] if isinstance(value, list) and value else value
            value = value.get("value") if isinstance(value, dict) else value
            return value if isinstance(value, str) else None
    return None


def _listed_dialog(row: dict[str, Any]) -> ListedDialog:
    state = row.get("state")
    if not isinstance(state, int):
        raise ListingUnreadable("a dialog without state")
    named = (row.get("from_uri"), row.get("to_uri"))
    caller, callee = (uri if isinstance(uri, str) and uri else None for uri in named)
    call_id, tag = field_text(row, "callid"), field_text(row, "caller_tag")
    return ListedDialog(call_id, tag, caller, callee, state)
