"""What MI is asked for: which process the server is, its contacts, single users, its dialogs."""

from producers.opensips.call_lister import CallLister
from producers.opensips.contact_lister import CONTACTS, ContactLister
from producers.opensips.intake import Intake
from producers.opensips.listed_rows import ListedRows
from producers.opensips.listing import read_start
from producers.opensips.listing_failures import ListingFailures
from producers.opensips.user_lister import UserLister
from producers.sip_proxy.errors import ListingUnreadable, MiError
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.mi_commands import KnownCommands
from producers.translated import Translated


class Lister:
    """In one thread; the intake's lock is held only while records go out, never while MI thinks."""

    def __init__(self, mi: Mi, intake: Intake) -> None:
        mi = self._mi = KnownCommands(mi, lambda: intake.context.boot)
        self._intake = intake
        self._failures = ListingFailures(intake)
        rows = ListedRows(intake, self._failures)
        self._users = UserLister(mi, intake, rows, self._failures)
        self._contacts = ContactLister(mi, intake, rows, self._users, self._failures)
        self._calls = CallLister(mi, intake, self._failures.failed, self._everywhere)

    @property
    def answers(self) -> bool:
        """Whether the server answers."""
        return self._failures.answers

    @property
    def waits(self) -> bool:
        """Whether users are still to be asked for."""
        return self._users.waits

    def identify(self) -> None:
        """Ask when the server started: which process it is, and that it lives."""
        asked = self._intake.ticks.now().seq
        try:
            start = read_start(self._mi.call("uptime"))
            if start is None:
                raise ListingUnreadable("uptime: no time of the start")
        except MiError as error:
            self._failures.failed(error, CONTACTS)
            return
        self._failures.answers = True
        version = self._version() if self._intake.server.version is None else None
        with self._intake.lock:
            self._intake.identified(start, version, asked)

    def list_contacts(self) -> bool:
        """A snapshot of every location table; whether it could be taken."""
        return self._contacts.list_contacts()

    def list_users(self) -> None:
        """An exact snapshot of each user whose bindings are not certain."""
        self._users.list_users()

    def list_calls(self) -> None:
        """A snapshot of the dialogs."""
        self._calls.list_calls()

    def name_parties(self) -> None:
        """Ask for the parties of dialogs that no event named."""
        self._calls.name_parties()

    def _everywhere(self, mark: Translated) -> None:
        self._intake.publisher.publish_everywhere(mark.topic, mark.key, mark.event)

    def _version(self) -> str | None:
        try:
            reply = self._mi.call("version")
        except MiError:
            return None
        server = reply.get("Server") if isinstance(reply, dict) else None
        return server if isinstance(server, str) else None
