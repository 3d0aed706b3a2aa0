"""Asks a FreeSWITCH for its bindings, read-only, with the commands of its producer's snapshots.

The answers are parsed by the producers' own code, so that a row means the same to both. Nothing
that a producer holds or has published is used.
"""

from operate.audit.listing import Listing, Row
from operate.audit.registrar import BOOT, AskKernel, NotAudited, Rows, no_kernel
from producers.freeswitch import snapshot as freeswitch_snapshot
from producers.freeswitch.client import EventSocket, event_socket
from producers.freeswitch.errors import CommandRefused, EventSocketError
from producers.freeswitch.listing import (
    PROFILES_COMMAND,
    read_profiles,
    rows_command,
    rows_of_node,
)
from producers.freeswitch.listing import ListingUnreadable as SwitchListingUnreadable
from producers.freeswitch.settings import FreeSwitchSettings
from producers.freeswitch.switch import Switch
from producers.freeswitch.verto import registrar_of
from producers.freeswitch.verto_listing import (
    IS_LOADED_COMMAND,
    VERTO_COMMAND,
    Client,
    read_verto,
)


class FreeSwitch:
    """Asks for `sofia xmlstatus profile NAME reg` of each profile, over its own connection."""

    def __init__(self, settings: FreeSwitchSettings, ask_kernel: AskKernel = no_kernel) -> None:
        self._settings = settings
        self._ask_kernel = ask_kernel
        self.is_named = settings.node is not None
        self.label = settings.node or f"{settings.host}:{settings.port}"

    def ask(self) -> Listing:
        """The node's complete listing. Raises NotAudited."""
        socket = event_socket(self._settings, lambda _: None)
        try:
            socket.connect()
            return self._list(socket)
        except (EventSocketError, SwitchListingUnreadable) as error:
            raise NotAudited(f"{type(error).__name__}: {error}") from error
        finally:
            socket.stop()

    def _list(self, socket: EventSocket) -> Listing:
        switch = Switch(self._settings.node)
        switch.ask(socket)
        if switch.name is None:
            raise NotAudited("it has no switchname; name the node")
        self.label = switch.name
        at = switch.clock.now()
        profiles = self._settings.profiles
        asked = profiles or read_profiles(socket.api(PROFILES_COMMAND))
        context = self._settings.context()
        whole = freeswitch_snapshot.Snapshot(BOOT, switch.name, BOOT, 0, at)
        rows = Rows()
        for profile in asked:
            of = whole.of_registrar(profile, profile, context.mode_of(profile))
            for row in rows_of_node(socket.api(rows_command(profile)), switch.own_name):
                with rows.reading(row.user, row.contact):
                    event = freeswitch_snapshot.registration_row(of, row, 0).event
                    rows.readable.append(Row(event))
        for client in _verto_clients(socket):
            registrar = registrar_of(client.connection.profile)
            of = whole.of_registrar(registrar, registrar, "ask")
            with rows.reading(registrar, client):
                event = freeswitch_snapshot.verto_row(of, client, 0, None).event
                rows.readable.append(Row(event))
        only = frozenset(profiles) if profiles else None
        kernel = self._ask_kernel()
        return Listing(
            *(switch.name, at, rows.readable, rows.unreadable, only),
            connections=kernel.cookies if kernel else None,
            own=frozenset(kernel.own) if kernel else frozenset(),
        )


def _verto_clients(socket: EventSocket) -> list[Client]:
    """The switch's Verto clients, none without mod_verto.

    Raises ListingUnreadable, ConnectionLost.
    """
    try:
        if socket.api(IS_LOADED_COMMAND).strip() != "true":
            return []
    except CommandRefused:
        return []
    return read_verto(socket.api(VERTO_COMMAND)).clients
