"""What the server lists by JSON-RPC: contacts (ul.dump), connections (core.tcp_list), dialogs.

Pure. A listing of another form is refused as a whole: nothing may be concluded from it.
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
    """Location table → its contacts. Raises ListingUnreadable."""
    tables: dict[str, list[ListedContact]] = {}
    for domain in _all(reply, "Domains", "Domain"):
        table = table_name(domain, "Domain")
        rows = tables.setdefault(table, [])
        for user in _all(domain, "AoRs", "Info"):
            aor = _text(user, "AoR")
            rows += [_listed(table, aor, row) for row in _all(user, "Contacts", "Contact")]
    return tables


def read_user(reply: Any, table: str) -> list[ListedContact]:
    """The rows of `ul.lookup` in `table`. Raises ListingUnreadable."""
    aor = _text(reply, "AoR")
    return [_listed(table, aor, row) for row in _all(reply, "Contacts", "Contact")]


def read_connections(reply: Any) -> dict[int, Address]:
    """Kamailio's id of each live connection → the peer's address. Raises ListingUnreadable."""
    if not isinstance(reply, list):
        raise ListingUnreadable(f"core.tcp_list: no list but {type(reply).__name__}")
    found = {}
    for row in reply:
        number, port = (row.get("id"), row.get("src_port")) if isinstance(row, dict) else (0, 0)
        ip = canonical_ip(_text(row, "src_ip"))
        if not isinstance(number, int) or not isinstance(port, int) or ip is None:
            raise ListingUnreadable("core.tcp_list: a connection without id or address")
        if 0 < port <= 65535:
            found[number] = Address(ip=ip, port=port)
    return found


def read_ends(reply: Any) -> dict[tuple[str, int], int]:
    """Of each live connection the peer, and the server's port. Raises ListingUnreadable."""
    if not isinstance(reply, list):
        raise ListingUnreadable(f"core.tcp_list: no list but {type(reply).__name__}")
    found = {}
    for row in reply:
        ip = canonical_ip(_text(row, "src_ip"))
        port, own = row.get("src_port"), row.get("dst_port")
        if ip is None or not isinstance(port, int) or not isinstance(own, int):
            raise ListingUnreadable("core.tcp_list: a connection without its ends")
        if 0 < port <= 65535:
            found[(ip, port)] = own
    return found


def read_dialogs(reply: Any) -> list[ListedDialog]:
    """Of `dlg.list`. Raises ListingUnreadable."""
    if not isinstance(reply, list):
        raise ListingUnreadable(f"dlg.list: no list but {type(reply).__name__}")
    found = []
    for row in reply:
        call_id, caller, callee = (_text(row, n) for n in ("call-id", "from_uri", "to_uri"))
        number, state = row.get("h_id"), row.get("state")
        if not isinstance(number, int) or not isinstance(state, int):
            raise ListingUnreadable("dlg.list: a dialog without h_id or state")
        found.append(ListedDialog(call_id, str(number), caller or None, callee or None, state))
    return found


def _listed(table: str, aor: str, row: dict[str, Any]) -> ListedContact:
    fields = {name: value for name, value in row.items() if value != _UNSET}
    return ListedContact(table, aor, fields)


def _all(parent: Any, name: str, each: str) -> list[dict[str, Any]]:
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
