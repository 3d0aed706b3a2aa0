"""Asks the server by JSON-RPC for its contacts, connections and dialogs, for snapshots of them."""

from collections.abc import Callable

from producers.kamailio.contact_lister import ContactLister
from producers.kamailio.intake import Intake
from producers.kamailio.listing import read_dialogs, read_ends
from producers.kamailio.settings import KamailioSettings
from producers.sip_proxy.call_lister import CallLister
from producers.sip_proxy.edge_lister import EdgeLister
from producers.sip_proxy.errors import MiError, MiUnknown
from producers.sip_proxy.listing_outcomes import ListingOutcomes
from producers.sip_proxy.mi import HttpMi, Mi
from producers.sip_proxy.mi_commands import KnownCommands
from producers.sip_proxy.user_listings import UserListing

_CONTACTS, _USER = "contacts", "user"


def open_rpc(url: str, settings: KamailioSettings) -> Mi:
    """OpenSIPS' 3.x management interface and jsonrpcs are the same JSON-RPC over HTTP."""
    return HttpMi(url, "3.x", settings.rpc_timeout_seconds)


class Lister:
    """Used in the producer's listing threads."""

    def __init__(self, rpc: Mi, intake: Intake) -> None:
        rpc = KnownCommands(rpc, lambda: intake.context.boot)
        self._outcomes = outcomes = ListingOutcomes(intake.source, intake.node)
        self._contacts = ContactLister(rpc, intake)
        self._edge = EdgeLister(rpc, "core.tcp_list", read_ends, intake, intake.kernel)
        self._calls = CallLister(rpc, "dlg.list", read_dialogs, intake, outcomes)

    def list_contacts(self) -> bool:
        """Publish a snapshot of every location table, or of the clients' connections where the
        server is a proxy without usrloc. Returns whether it could be taken."""
        return self._attempt(_CONTACTS, self._list_contacts)

    def list_user(self, user: UserListing) -> bool:
        """Publish an exact snapshot of one user's bindings. Returns whether it could be taken."""
        return self._attempt(_USER, lambda: self._contacts.list_user(user))

    def list_calls(self) -> None:
        """Publish a snapshot of the dialogs."""
        self._calls.list_calls()

    def _list_contacts(self) -> None:
        try:
            self._contacts.list_all()
        except MiUnknown:
            self._edge.list_connections()

    def _attempt(self, what: str, listing: Callable[[], None]) -> bool:
        try:
            listing()
        except MiError as error:
            self._outcomes.failed(error, what)
            self._outcomes.count_snapshot(succeeded=False)
            return False
        self._outcomes.succeeded(what)
        self._outcomes.count_snapshot(succeeded=True)
        return True
