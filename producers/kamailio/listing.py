"""Readers of what the server lists by JSON-RPC: contacts, TCP connections, dialogs.

Pure. A listing of another form raises ListingUnreadable as a whole: nothing is concluded from it.
"""

from typing import Any, NamedTuple

from producers.sip_proxy.call_records import ListedDialog
from producers.sip_proxy.errors import ListingUnreadable
from producers.sip_proxy.listing import table_name
from producers.uri_addresses import canonical_ip
from schemas.origin import Address

_UNSET = "[not set]"


class ListedContact(NamedTuple):
    """One contact of `ul.dump`; fields without a value are left out."""

    table: str
    aor: str
    fields: dict[str, Any]


def read_contacts(reply: Any) -> dict[str, list[ListedContact]]:
    """`ul.dump`: location table → its contacts."""
    tables: dict[str, list[ListedContact]] = {}
    for domain in _nested(reply, "Domains", "Domain"):
        table = table_name(domain, "Domain")
        rows = tables.setdefault(table, [])
        for user in _nested(domain, "AoRs", "Info"):
            aor = _text(user, "AoR")
            rows += [_listed(table, aor, row) for row in _nested(user, "Contacts", "Contact")]
    return tables


def read_user(reply: Any, table: str) -> list[ListedContact]:
    """`ul.lookup` of one user in `table`."""
    aor = _text(reply, "AoR")
    return [_listed(table, aor, row) for row in _nested(reply, "Contacts", "Contact")]


def read_connections(reply: Any) -> dict[int, Address]:
    """`core.tcp_list`: Kamailio's id of each live connection → the peer's address."""
    found = {}
    for row, (ip, port) in _connections(reply):
        number = row.get("id")
        if not isinstance(number, int):
            raise ListingUnreadable("core.tcp_list: a connection without id")
        if 0 < port <= 65535:
            found[number] = Address(ip=ip, port=port)
    return found


def read_ends(reply: Any) -> dict[tuple[str, int], int]:
    """`core.tcp_list`: the peer of each live connection → the server's port."""
    found = {}
    for row, peer in _connections(reply):
        own = row.get("dst_port")
        if not isinstance(own, int):
            raise ListingUnreadable("core.tcp_list: a connection without the server's port")
        if 0 < peer[1] <= 65535:
            found[peer] = own
    return found


def read_dialogs(reply: Any) -> list[ListedDialog]:
    """`dlg.list`."""
    found = []
    for row in _list(reply, "dlg.list"):
        call_id, caller, callee = (_text(row, n) for n in ("call-id", "from_uri", "to_uri"))
        number, state = row.get("h_id"), row.get("state")
        if not isinstance(number, int) or not isinstance(state, int):
            raise ListingUnreadable("dlg.list: a dialog without h_id or state")
        found.append(ListedDialog(call_id, str(number), caller or None, callee or None, state))
    return found


def _connections(reply: Any) -> list[tuple[dict[str, Any], tuple[str, int]]]:
    """Each row of `core.tcp_list` with its peer."""
    found = []
    for row in _list(reply, "core.tcp_list"):
        ip, port = canonical_ip(_text(row, "src_ip")), row.get("src_port")
        if ip is None or not isinstance(port, int):
            raise ListingUnreadable("core.tcp_list: a connection without the peer's address")
        found.append((row, (ip, port)))
    return found


def _listed(table: str, aor: str, row: dict[str, Any]) -> ListedContact:
    fields = {name: value for name, value in row.items() if value != _UNSET}
    return ListedContact(table, aor, fields)


def _list(reply: Any, command: str) -> list[Any]:
    if not isinstance(reply, list):
        raise ListingUnreadable(f"{command}: no list but {type(reply).__name__}")
    return reply


def _nested(parent: Any, name: str, each: str) -> list[dict[str, Any]]:
    """`{name: [{each: {…}}, …]}`: the inner objects."""
    rows = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(rows, list):
        raise ListingUnreadable(f"ul.dump: no list of {name}")
    inner = [row.get(each) if isinstance(row, dict) else None for row in rows]
    found = [row for row in inner if isinstance(row, dict)]
    if len(found) != len(inner):
        raise ListingUnreadable(f"ul.dump: no complete list of {name}")
    return found


def _text(row: Any, name: str) -> str:
    value = row.get(name) if isinstance(row, dict) else None
    if not isinstance(value, str):
        raise ListingUnreadable(f"{name} is missing")
    return value
