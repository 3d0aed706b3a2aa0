"""Readers of the contacts that MI lists: `ul_dump`, and `ul_show_contact` of one user.

Pure. Three dialects: JSON-RPC (3.x), mi_json of 2.4, and the text of 2.4's mi_fifo (listing_text).
"""

from typing import Any

from producers.opensips import listing_text
from producers.opensips.listed_contact import ListedContact
from producers.sip_proxy.errors import ListingUnreadable
from producers.sip_proxy.listing import field_rows, field_text, table_name


def read_contacts(reply: Any) -> list[ListedContact]:
    """`ul_dump` in any dialect: the decoded 3.x result or 2.4 JSON, or 2.4's text.

    Raises ListingUnreadable.
    """
    if isinstance(reply, str):
        return listing_text.read_contacts(reply)
    if isinstance(reply, dict) and "Domains" in reply:
        return _contacts_of_result(reply)
    if isinstance(reply, dict) and "Domain" in reply:
        return _contacts_of_tree(reply)
    raise ListingUnreadable(f"ul_dump: not a list of domains but {type(reply).__name__}")


def read_user(reply: Any, table: str) -> list[ListedContact]:
    """`ul_show_contact` of one user of `table`, in any dialect. Raises ListingUnreadable."""
    if isinstance(reply, str):
        return listing_text.read_user(reply, table)
    if isinstance(reply, dict) and "Contacts" in reply:
        return _contacts_of_result({"Domains": [{"name": table, "AORs": [reply]}]})
    if isinstance(reply, dict) and "AOR" in reply:
        return _contacts_of_tree({"Domain": [{"value": table, "children": reply}]})
    raise ListingUnreadable(f"ul_show_contact: not a user but {type(reply).__name__}")


def _contacts_of_result(reply: dict[str, Any]) -> list[ListedContact]:
    found = []
    for domain in field_rows(reply, "Domains"):
        table = table_name(domain, "name")
        for record in field_rows(domain, "AORs"):
            for row in field_rows(record, "Contacts"):
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
    for domain in field_rows(reply, "Domain"):
        table = table_name(domain, "value")
        for record in _children(domain, "AOR"):
            for row in _children(record, "Contact"):
                children = row.get("children")
                if not isinstance(children, dict):
                    raise ListingUnreadable("a contact without fields")
                fields = {name: text for name, text in children.items() if isinstance(text, str)}
                place = table, field_text(record, "value"), field_text(row, "value")
                found.append(ListedContact(*place, fields))
    return found


def _children(node: dict[str, Any], name: str) -> list[dict[str, Any]]:
    children = node.get("children", {})
    if not isinstance(children, dict):
        raise ListingUnreadable(f"no list of {name}")
    return field_rows(children, name) if name in children else []
