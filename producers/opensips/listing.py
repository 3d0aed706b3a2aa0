"""What the server lists when asked: contacts, live connections, dialogs, and its own start.

Pure. Three dialects: JSON-RPC (3.x), mi_json of 2.4, and the text of 2.4's mi_fifo. That text is
not safe: a User-Agent or Attr folded over lines stands in it as it came. So a listing with a
contact that is not whole is refused (docs/opensips.md says to use mi_json).
"""

import re
from dataclasses import dataclass, field
from typing import Any

from producers.sip_proxy.call_records import ListedDialog
from producers.sip_proxy.errors import ListingUnreadable
from producers.sip_proxy.listing import field_text, table_name
from producers.uri_addresses import canonical_ip

_SPACES = re.compile(r"\s+")
# What 2.4 writes of every contact (usrloc's ul_mi.c).
_WHOLE = frozenset(
    ("ContactID", "Expires", "Callid", "Cseq", "User-agent", "State", "Flags", "Cflags", "Methods")
)


@dataclass(frozen=True, slots=True)
class ListedContact:
    """One contact of `ul_dump`; `fields` as the 3.x reply names them, values as text."""

    domain: str
    aor: str
    contact: str
    fields: dict[str, str] = field(default_factory=dict)


def read_contacts(reply: Any) -> list[ListedContact]:
    """`ul_dump` in any dialect: the decoded 3.x result or 2.4 JSON, or 2.4's text.

    Raises ListingUnreadable.
    """
    if isinstance(reply, str):
        return _contacts_offield_text(reply)
    if isinstance(reply, dict) and "Domains" in reply:
        return _contacts_of_result(reply)
    if isinstance(reply, dict) and "Domain" in reply:
        return _contacts_of_tree(reply)
    raise ListingUnreadable(f"ul_dump: not a list of domains but {type(reply).__name__}")


def read_user(reply: Any, table: str) -> list[ListedContact]:
    """`ul_show_contact` of one user of `table`, in any dialect. Raises ListingUnreadable."""
    if isinstance(reply, str):
        status, newline, body = reply.partition("\n")
        lines = "".join(f"\t{line}\n" for line in body.rstrip("\n").split("\n"))
        return _contacts_offield_text(f"{status}{newline}Domain:: {table}\n{lines}\n\n")
    if isinstance(reply, dict) and "Contacts" in reply:
        return _contacts_of_result({"Domains": [{"name": table, "AORs": [reply]}]})
    if isinstance(reply, dict) and "AOR" in reply:
        return _contacts_of_tree({"Domain": [{"value": table, "children": reply}]})
    raise ListingUnreadable(f"ul_show_contact: not a user but {type(reply).__name__}")


def read_connections(reply: Any) -> set[str] | None:
    """Peers of `list_tcp_conns` (`127.0.0.1:46002`); None where the dialect is not readable.

    Raises ListingUnreadable when it is of the known form, but broken.
    """
    if not isinstance(reply, dict) or "Connections" not in reply:
        return None
    return {field_text(row, "Remote") for row in _rows(reply, "Connections")}


def read_ends(reply: Any) -> dict[tuple[str, int], int] | None:
    """Of each connection of `list_tcp_conns` the peer, and the server's port; None where the
    dialect is not readable. Raises ListingUnreadable."""
    if not isinstance(reply, dict) or "Connections" not in reply:
        return None
    found = {}
    for row in _rows(reply, "Connections"):
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
    return _rows(reply, "Dialogs")


def listed_dialog(row: dict[str, Any]) -> ListedDialog:
    """Raises ListingUnreadable."""
    state = row.get("state")
    if not isinstance(state, int):
        raise ListingUnreadable("a dialog without state")
    named = (row.get("from_uri"), row.get("to_uri"))
    caller, callee = (uri if isinstance(uri, str) and uri else None for uri in named)
    call_id, tag = field_text(row, "callid"), field_text(row, "caller_tag")
    return ListedDialog(call_id, tag, caller, callee, state)


def read_start(reply: Any) -> str | None:
    """When the server started, in its own words (`uptime`); None where it does not say."""
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


def _rows(reply: Any, name: str) -> list[dict[str, Any]]:
    rows = reply.get(name) if isinstance(reply, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ListingUnreadable(f"no complete list of {name}")
    return rows


def _contacts_of_result(reply: dict[str, Any]) -> list[ListedContact]:
    found = []
    for domain in _rows(reply, "Domains"):
        table = table_name(domain, "name")
        for record in _rows(domain, "AORs"):
            for row in _rows(record, "Contacts"):
                fields = {
                    name: str(value)
                    for name, value in row.items()
                    if isinstance(value, str | int) and not isinstance(value, bool)
                }
                place = table, field_text(record, "AOR"), field_text(row, "Contact")
                found.append(ListedContact(*place, fields))
    return found


def _contacts_of_tree(reply: dict[str, Any]) -> list[ListedContact]:
    """2.4's mi_json: `{"value": …, "attributes": …, "children": …}` at each level."""
    found = []
    for domain in _rows(reply, "Domain"):
        table = table_name(domain, "value")
        for record in _children(domain, "AOR"):
            for row in _children(record, "Contact"):
                children = row.get("children")
                if not isinstance(children, dict):
                    raise ListingUnreadable("a contact says nothing")
                fields = {name: text for name, text in children.items() if isinstance(text, str)}
                place = table, field_text(record, "value"), field_text(row, "value")
                found.append(ListedContact(*place, fields))
    return found


def _children(node: dict[str, Any], name: str) -> list[dict[str, Any]]:
    children = node.get("children", {})
    if not isinstance(children, dict):
        raise ListingUnreadable(f"no list of {name}")
    return _rows(children, name) if name in children else []


def _contacts_offield_text(reply: str) -> list[ListedContact]:
    """Indented lines `Key:: value`: domains at no depth, AORs at one tab, contacts at two.

    A folded header may look like a contact of its own, but then it stands in the middle of the
    real one, or leaves its fields there twice.
    """
    status, newline, body = reply.partition("\n")
    if not newline or not status.startswith("200 ") or not reply.endswith("\n\n"):
        raise ListingUnreadable(f"not a complete reply: {status[:80]!r}")
    found: list[ListedContact] = []
    domain = aor = ""
    for line in body.split("\n"):
        depth = len(line) - len(line.lstrip("\t"))
        key, separator, value = line[depth:].partition("::")
        value = value.removeprefix(" ")
        if not separator:
            continue  # an empty line, or the rest of a folded value
        if depth < 3 and found and not _is_whole(found[-1]):
            break  # a folded value that looks like an AOR's line, or a contact's
        if depth == 0 and key == "Domain":
            domain = table_name({key: value.partition(" ")[0]}, key)
        elif depth == 1 and key == "AOR":
            aor = value
        elif depth == 2 and key == "Contact":
            if not domain:
                raise ListingUnreadable("a contact of no table")
            found.append(ListedContact(domain, aor, value.rpartition(" Q=")[0] or value, {}))
        elif depth == 3 and found:
            if key in found[-1].fields:
                raise ListingUnreadable(f"a contact says {key[:40]} twice")
            found[-1].fields[key] = value
    if found and not _is_whole(found[-1]):
        raise ListingUnreadable("a contact is not whole")
    return found


def _is_whole(contact: ListedContact) -> bool:
    return contact.fields.keys() >= _WHOLE
