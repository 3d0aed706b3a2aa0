"""MI's commands about contacts: all of them, one user's, and the live connections."""

from producers.opensips.listed_contact import ListedContact, is_gone
from producers.opensips.listing import read_contacts, read_user
from producers.opensips.mi_replies import read_connections
from producers.sip_proxy.errors import MiRefused
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.user_listings import UserListing

_NOT_FOUND = "AOR not found"


def query_contacts(mi: Mi) -> tuple[list[ListedContact], set[str] | None]:
    """The contacts that the server uses, and its live connections' peers, None if not known.

    Raises MiError.
    """
    rows = [row for row in read_contacts(mi.call("ul_dump")) if not is_gone(row)]
    return rows, query_connections(mi)  # after the contacts, so that one just made is in both


def query_connections(mi: Mi) -> set[str] | None:
    """The live connections' peers; None where it has no TCP, or does not know the command.

    Raises MiError.
    """
    try:
        return read_connections(mi.call("list_tcp_conns"))
    except MiRefused:
        return None


def query_user(mi: Mi, user: UserListing) -> list[ListedContact]:
    """What usrloc holds of the user, from its database too (ul_mi.c), with contacts that it no
    longer uses (`is_gone`). Raises MiError.
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
