"""Asks the switch for listings, one at a time, and counts their outcomes."""

from collections.abc import Callable

from producers.freeswitch.channel_lister import ChannelLister
from producers.freeswitch.client import EventSocket
from producers.freeswitch.errors import CommandRefused
from producers.freeswitch.intake import Intake
from producers.freeswitch.listing import PROFILES_COMMAND, ListingUnreadable, is_profile, read_ports
from producers.freeswitch.registration_lister import RegistrationLister
from producers.freeswitch.settings import FreeSwitchSettings
from producers.freeswitch.uncertain_users import UncertainUser
from producers.freeswitch.verto_lister import VertoLister
from runtime import logs, metrics

log = logs.get(__name__)


class Lister:
    """One for each connection. Its methods raise ConnectionLost; other failures are logged."""

    def __init__(self, socket: EventSocket, intake: Intake, settings: FreeSwitchSettings) -> None:
        self._socket = socket
        self._intake = intake
        self._switch = intake.switch
        self._registrations = RegistrationLister(socket, intake, settings.profiles)
        self._channels = ChannelLister(socket, intake)
        self._verto = VertoLister(socket, intake)
        self._failed_before = False
        # The switch sends nothing else on this connection while it makes a listing.
        self.busy = False

    def list_node(self) -> None:
        """Publish snapshots of each profile's registrations, of Verto clients, and of calls."""
        if not self._switch.lives:
            return
        self._intake.table.forget_coexisting()
        self._attempt("registrations", self._registrations.list_node)
        self.list_verto()
        self._attempt("calls", self._channels.list)

    def list_verto(self) -> None:
        """Publish a snapshot of the Verto clients; none where the switch has no mod_verto."""
        if self._verto.is_loaded:
            self._attempt("verto", self._verto.list)

    def list_user(self, user: UncertainUser) -> None:
        """Publish a snapshot of one user's bindings, and the ends that were held back for it."""
        asked = self._switch.lives and is_profile(user.profile)
        if not asked or not self._attempt("user", lambda: self._registrations.list_user(user)):
            self._intake.publish([held.record for held in user.held])

    def ports(self) -> list[int]:
        """The ports of the running profiles; none where the switch does not answer."""
        try:
            return read_ports(self._socket.api(PROFILES_COMMAND))
        except (CommandRefused, ListingUnreadable):
            return []

    def verto_ports(self) -> list[int]:
        """The ports of the Verto profiles; none where the switch has no mod_verto."""
        return self._verto.ports()

    def _attempt(self, what: str, listing: Callable[[], None]) -> bool:
        """Whether it succeeded."""
        outcome = "ok"
        self.busy = True
        try:
            listing()
            self._failed_before = False
        except (CommandRefused, ListingUnreadable) as error:
            outcome = "failed"
            if not self._failed_before:  # a recording refuses every listing: one line is enough
                log.warning("listing failed: no snapshot", what=what, reason=str(error))
            self._failed_before = True
        finally:
            self.busy = False
        labels = {"source": "freeswitch", "node": self._intake.node, "outcome": outcome}
        metrics.SNAPSHOTS.add(1, labels)
        return outcome == "ok"
