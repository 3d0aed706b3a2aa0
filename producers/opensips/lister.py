"""Queries MI: which process the server is, its contacts, single users, its dialogs."""

from producers.opensips.contact_lister import ContactLister
from producers.opensips.intake import Intake
from producers.opensips.listed_rows import ListedRows
from producers.opensips.mi_replies import listed_dialogs, read_ends, read_start
from producers.opensips.party_lister import PartyLister
from producers.opensips.user_lister import UserLister
from producers.sip_proxy.call_lister import CallLister
from producers.sip_proxy.edge_lister import EdgeLister
from producers.sip_proxy.errors import ListingUnreadable, MiError, MiUnknown
from producers.sip_proxy.listing_outcomes import ListingOutcomes
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.mi_commands import KnownCommands
from runtime import logs

log = logs.get(__name__)

_CONTACTS = "contacts"


class Lister:
    """Used in one thread; the intake's lock is never held during a command."""

    def __init__(self, mi: Mi, intake: Intake) -> None:
        mi = self._mi = KnownCommands(mi, lambda: intake.context.boot)
        self._intake = intake
        self._outcomes = outcomes = ListingOutcomes(intake.source, intake.node, self._heard)
        rows = ListedRows(intake, outcomes)
        self._users = UserLister(mi, intake, rows, outcomes)
        self._contacts = ContactLister(mi, intake, rows, self._users, outcomes)
        self._edge = EdgeLister(mi, "list_tcp_conns", read_ends, intake, intake.kernel)
        self._calls = CallLister(
            mi, "dlg_list", listed_dialogs, intake, outcomes, lists_all=self._lists_all_calls
        )
        self._parties = PartyLister(mi, intake)
        self._has_other_calls = False

    @property
    def answers(self) -> bool:
        """Whether the server answered the last command."""
        return self._outcomes.answers

    @property
    def waits(self) -> bool:
        """Whether users are still to be listed."""
        return self._users.waits

    def identify(self) -> None:
        """Query when the server started: which process it is, and that it lives."""
        asked = self._intake.ticks.now().seq
        try:
            start = read_start(self._mi.call("uptime"))
            if start is None:
                raise ListingUnreadable("uptime: no time of the start")
        except MiError as error:
            self._outcomes.failed(error, _CONTACTS)
            return
        self._outcomes.answers = True
        version = self._version() if self._intake.server.version is None else None
        with self._intake.lock:
            self._intake.identified(start, version, asked)

    def list_contacts(self) -> bool:
        """Publish a snapshot of every location table, or of the clients' connections where the
        server is a proxy without usrloc. Returns whether it could be taken."""
        try:
            try:
                self._contacts.list_all()
            except MiUnknown:
                self._edge.list_connections()
        except MiError as error:
            self._outcomes.failed(error, _CONTACTS)
            self._outcomes.count_snapshot(succeeded=False)
            return False
        self._outcomes.succeeded(_CONTACTS)
        self._outcomes.count_snapshot(succeeded=True)
        return True

    def list_users(self) -> None:
        """Publish an exact snapshot of each user whose bindings are not certain."""
        self._users.list_users()

    def list_calls(self) -> None:
        """Publish a snapshot of the dialogs."""
        self._calls.list_calls()

    def name_parties(self) -> None:
        """Query the parties of dialogs that no event named."""
        self._parties.name_parties()

    def _heard(self) -> None:
        with self._intake.lock:
            self._intake.server.heard()

    def _lists_all_calls(self) -> bool:
        """Calls that accounting reported and that are no dialogs are in no listing."""
        has_others = self._intake.context.dialogs.has_others()
        if has_others and not self._has_other_calls:
            reason = "accounting reported a call that is no dialog"
            log.warning("calls are not listed", reason=reason)
        self._has_other_calls = has_others
        return not has_others

    def _version(self) -> str | None:
        try:
            reply = self._mi.call("version")
        except MiError:
            return None
        server = reply.get("Server") if isinstance(reply, dict) else None
        return server if isinstance(server, str) else None
