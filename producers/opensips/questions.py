"""What MI is asked of contacts: all of them, one user's, and whose connections live."""

from producers.opensips import snapshot
from producers.opensips.listing import ListedContact, read_connections, read_contacts, read_user
from producers.sip_proxy.errors import MiRefused
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.user_listings import UserListing

_NOT_FOUND = "AOR not found"


def ask_contacts(mi: Mi) -> tuple[list[ListedContact], set[str] | None]:
    """The contacts the server counts on, and its live connections' peers, None if not known.

    Raises MiError.
    """
    rows = [row for row in read_contacts(mi.call("ul_dump")) if not snapshot.is_gone(row)]
    return rows, ask_connections(mi)  # after the contacts, so that one just made is in both


def ask_connections(mi: Mi) -> set[str] | None:
    """The live connections' peers; None where it has no TCP, or does not know the command.

    Raises MiError.
    """
    try:
        return read_connections(mi.call("list_tcp_conns"))
    except MiRefused:
        return None


def ask_user(mi: Mi, user: UserListing) -> list[ListedContact]:
    """What usrloc holds of the user, from its database too (ul_mi.c), with what it counts on no
    more (`snapshot.is_gone`). Raises MiError.
    """
    try:
        reply = mi.call("ul_show_contact", {"table_name": user.table, "aor": user.name})
    except MiRefused as error:
        if _NOT_FOUND in str(error):
            return []
        raise
    if isinstance(reply, dict) and _NOT_FOUND in str(reply.get("error", "")):
        return []  # mi_json of 2.4, with the status 200
    return read_user(reply, user.table)
