"""Lists the Verto clients of a switch, publishes the snapshots, and learns its domains."""

from collections.abc import Iterable
from dataclasses import asdict, replace

from producers.freeswitch import snapshot as snapshots
from producers.freeswitch.client import EventSocket
from producers.freeswitch.errors import CommandRefused
from producers.freeswitch.intake import Intake
from producers.freeswitch.listing import ListingUnreadable, is_profile
from producers.freeswitch.snapshot import Snapshot
from producers.freeswitch.verto import registrar_of
from producers.freeswitch.verto_clients import Connection
from producers.freeswitch.verto_listing import (
    IS_LOADED_COMMAND,
    VERTO_COMMAND,
    Client,
    VertoListing,
    read_verto,
)
from producers.refused import payload_of
from schemas.codec import InvalidRecord
from schemas.vocabulary import RegistrationKind as Kind


class VertoLister:
    """Raises CommandRefused, ListingUnreadable, ConnectionLost from its methods."""

    def __init__(self, socket: EventSocket, intake: Intake) -> None:
        self._socket = socket
        self._intake = intake
        self._clients = intake.context.verto

    @property
    def is_loaded(self) -> bool:
        """Whether the switch has mod_verto."""
        try:
            return self._socket.api(IS_LOADED_COMMAND).strip() == "true"
        except CommandRefused:
            return False

    def ports(self) -> list[int]:
        """The ports that mod_verto listens on; none where it is not loaded."""
        try:
            return sorted(read_verto(self._socket.api(VERTO_COMMAND)).ports)
        except (CommandRefused, ListingUnreadable):
            return []

    def list(self) -> None:
        """Publish a snapshot of each Verto profile, in step with the events before it.

        A client leaves the list before its verto::client_disconnect (client_thread in mod_verto.c).
        """
        began = self._intake.switch.snapshot("verto")
        listing = read_verto(self._socket.api(VERTO_COMMAND))
        self._learn(listing)
        profiles = {
            name: began.of_registrar(f"verto-{name}", registrar_of(name), "ask")
            for name in listing.transports
            if is_profile(name)
        }
        self._mark(profiles.values(), Kind.SNAPSHOT_BEGAN)
        listed: set[tuple[Connection, str]] = set()
        for index, client in enumerate(listing.clients):
            if client.connection.profile in profiles:
                snapshot = profiles[client.connection.profile]
                listed.add((client.connection, self._publish(snapshot, client, index)))
        self._mark(profiles.values(), Kind.SNAPSHOT_ENDED)
        self._correct(began, listed)

    def _learn(self, listing: VertoListing) -> None:
        for name, transports in listing.transports.items():
            if len(transports) == 1:
                self._clients.transports[name] = next(iter(transports))
        for client in listing.clients:
            session = self._clients.sessions.get(client.connection)
            if session is not None:
                self._clients.learn(client.connection.profile, session.login, client.name)

    def _publish(self, snapshot: Snapshot, client: Client, index: int) -> str:
        """The AOR it was published under; empty where no record can be made of it."""
        session = self._clients.sessions.get(client.connection)
        try:
            record = snapshots.verto_row(
                snapshot, client, index, session.session_id if session else None
            )
        except InvalidRecord as error:
            self._intake.refuse(payload_of(asdict(client)), error.reason, error.field)
            return ""
        if session is not None and session.aor is None:
            self._clients.remember(client.connection, session._replace(aor=record.key))
        self._intake.publish(self._intake.kernel.add_cookies([record]))
        return record.key

    def _correct(self, began: Snapshot, listed: set[tuple[Connection, str]]) -> None:
        """End the bindings of users that a login was wrongly taken for."""
        connections = {connection for connection, _ in listed}
        for connection, session in list(self._clients.sessions.items()):
            if connection in connections and (connection, session.aor) not in listed:
                del self._clients.sessions[connection]
                registrar = registrar_of(connection.profile)
                of_user = replace(
                    began.of_registrar(f"verto-{session.session_id}", registrar, "ask"),
                    aor=session.aor,
                )
                mark = snapshots.registration_mark(of_user, Kind.SNAPSHOT_ENDED, [])
                self._intake.publish([mark])

    def _mark(self, profiles: Iterable[Snapshot], kind: Kind) -> None:
        for snapshot in profiles:
            self._intake.publisher.publish_everywhere(*snapshots.registration_mark(snapshot, kind))
