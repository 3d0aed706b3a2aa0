"""Reads `ul_dump` in the text of 2.4's mi_fifo: indented lines `Key:: value`.

Pure. The text is not escaped: a User-Agent or Attr folded over lines is in it as it came, and may
look like a contact of its own. But then it stands in the middle of the real one, or leaves its
fields there twice: a listing with such a contact is refused as a whole. docs/opensips.md recommends
mi_json.
"""

from producers.opensips.listed_contact import ListedContact
from producers.sip_proxy.errors import ListingUnreadable
from producers.sip_proxy.listing import table_name

# What 2.4 writes of every contact (usrloc's ul_mi.c).
_FIELDS = frozenset(
    ("ContactID", "Expires", "Callid", "Cseq", "User-agent", "State", "Flags", "Cflags", "Methods")
)


def read_contacts(reply: str) -> list[ListedContact]:
    """Domains are not indented, AORs by one tab, contacts by two. Raises ListingUnreadable."""
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
        if depth < 3 and found and not _is_complete(found[-1]):
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
                raise ListingUnreadable(f"a contact has {key[:40]} twice")
            found[-1].fields[key] = value
    if found and not _is_complete(found[-1]):
        raise ListingUnreadable("a contact is incomplete")
    return found


def read_user(reply: str, table: str) -> list[ListedContact]:
    """`ul_show_contact`: the contacts of one user of `table`. Raises ListingUnreadable."""
    status, newline, body = reply.partition("\n")
    lines = "".join(f"\t{line}\n" for line in body.rstrip("\n").split("\n"))
    return read_contacts(f"{status}{newline}Domain:: {table}\n{lines}\n\n")


def _is_complete(contact: ListedContact) -> bool:
    return contact.fields.keys() >= _FIELDS
