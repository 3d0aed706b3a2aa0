"""Asks a node itself what it lists, read-only, as its producer does for snapshots.

The answers are read by the producers' own code, so that a row means the same to both; nothing of
what they know, kept or published is used.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from local.auditing.listing import Listing, Peer, Row
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
from producers.kamailio import lister as kamailio_lister
from producers.kamailio import snapshot as kamailio_snapshot
from producers.kamailio.settings import KamailioSettings
from producers.opensips import lister as opensips_lister
from producers.opensips import snapshot as opensips_snapshot
from producers.opensips.context import Received, Translated
from producers.opensips.errors import MiError
from producers.opensips.mi import open_mi
from producers.opensips.settings import OpenSipsSettings
from producers.opensips.storage import Usrloc
from schemas.codec import InvalidRecord
from schemas.vocabulary import Transport

# Of records that leave this process nowhere.
_BOOT = "audit"
Connections = Callable[[], Mapping[Peer, int] | None]


class NotAudited(Exception):
    """The node gave no complete listing: nothing is known of its bindings. The message says why."""


class Registrar(Protocol):
    """`label` is the node's name, or where it is asked until that is known."""

    @property
    def label(self) -> str: ...

    def ask(self) -> Listing:
        """Raises NotAudited."""


def no_kernel() -> None:
    """For nodes whose kernel is elsewhere."""


class FreeSwitch:
    """`sofia xmlstatus profile NAME reg` of each profile, over a connection of its own."""

    def __init__(self, settings: FreeSwitchSettings, connections: Connections = no_kernel) -> None:
        self._settings = settings
        self._connections = connections
        self.is_named = settings.node is not None
        self.label = settings.node or f"{settings.host}:{settings.port}"

    def ask(self) -> Listing:
        """Raises NotAudited."""
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
            raise NotAudited("does not tell its switchname; give it a name")
        self.label = switch.name
        at = switch.clock.now()
        profiles = self._settings.profiles
        asked = profiles or read_profiles(socket.api(PROFILES_COMMAND))
        context = self._settings.context()
        whole = freeswitch_snapshot.Snapshot(_BOOT, switch.name, _BOOT, 0, at)
        rows: list[Row | None] = []
        for profile in asked:
            of = whole.of_registrar(profile, profile, context.mode_of(profile))
            for row in rows_of_node(socket.api(rows_command(profile)), switch.own_name):
                with _unreadable(rows):
                    rows.append(Row(freeswitch_snapshot.registration_row(of, row, 0).event))
        for client in _verto_clients(socket):
            registrar = registrar_of(client.connection.profile)
            of = whole.of_registrar(registrar, registrar, "ask")
            with _unreadable(rows):
                rows.append(Row(freeswitch_snapshot.verto_row(of, client, 0, None).event))
        only = frozenset(profiles) if profiles else None
        return _listing(switch.name, at, rows, only, self._connections())


def _verto_clients(socket: EventSocket) -> list[Client]:
    """None where the switch has no mod_verto. Raises ListingUnreadable, ConnectionLost."""
    try:
        if socket.api(IS_LOADED_COMMAND).strip() != "true":
            return []
    except CommandRefused:
        return []
    return read_verto(socket.api(VERTO_COMMAND)).clients


class OpenSips:
    """`ul_dump` and `list_tcp_conns` over MI."""

    def __init__(self, settings: OpenSipsSettings, connections: Connections = no_kernel) -> None:
        self._settings = settings
        self._connections = connections
        self._mi = open_mi(settings)
        self.label = settings.node

    def ask(self) -> Listing:
        """Raises NotAudited."""
        node, mi = self._settings.node, self._mi
        if mi is None:
            raise NotAudited("opensips.mi_url and mi_fifo are not set: there is nobody to ask")
        if self._settings.usrloc is Usrloc.DATABASE:
            raise NotAudited("usrloc keeps its contacts in a database: ul_dump lists none")
        began = Received(datetime.now(UTC), 0)
        try:
            contacts, peers = opensips_lister.ask_contacts(mi)
        except MiError as error:
            raise NotAudited(f"{type(error).__name__}: {error}") from error
        if not contacts and self._settings.usrloc is Usrloc.AUTO:
            raise NotAudited("ul_dump is empty; set opensips.usrloc = memory if that is the truth")
        context = self._settings.context(_BOOT)
        rows: list[Row | None] = []
        for one in contacts:
            of = opensips_snapshot.begin(context, began, one.domain)
            with _unreadable(rows):
                found = opensips_snapshot.row(of, one, 0, context, peers)
                listed = found or opensips_snapshot.row(of, one, 0, context, None)
                rows.append(_row(listed, ended=found is None))
        return _listing(node, began.at, rows, None, self._connections())


class Kamailio:
    """`ul.dump` and `core.tcp_list` by JSON-RPC."""

    def __init__(self, settings: KamailioSettings, connections: Connections = no_kernel) -> None:
        self._settings = settings
        self._connections = connections
        url = settings.rpc_url
        self._rpc = kamailio_lister.open_rpc(url, settings) if url else None
        self.label = settings.node

    def ask(self) -> Listing:
        """Raises NotAudited."""
        settings = self._settings
        if self._rpc is None:
            raise NotAudited("kamailio.rpc_url is not set: there is nobody to ask")
        began = Received(datetime.now(UTC), 0)
        try:
            tables, peers = kamailio_lister.ask_contacts(self._rpc)
        except MiError as error:
            raise NotAudited(f"{type(error).__name__}: {error}") from error
        context = settings.context(_BOOT)
        rows: list[Row | None] = []
        for table, contacts in tables.items():
            of = kamailio_snapshot.Snapshot(context, _BOOT, began, table)
            refused: list[Any] = []
            for one in kamailio_snapshot.read(contacts, context, began.at, refused.append):
                with _unreadable(rows):
                    found = kamailio_snapshot.record(of, one, 0, peers)
                    listed = found or kamailio_snapshot.record(of, one, 0, None)
                    assert listed is not None, "without connections every binding makes a row"
                    event = listed.event
                    if event.transport is Transport.UDP and "Received" not in one.contact.fields:
                        event.remote = None  # only the contact's own text: the events know better
                    rows.append(Row(event, ended=found is None))
            rows += [None] * len(refused)
        return _listing(settings.node, began.at, rows, None, self._connections())


def _row(listed: Translated | None, *, ended: bool) -> Row:
    assert listed is not None, "without a list of connections every contact makes a row"
    return Row(listed.event, ended)


@contextmanager
def _unreadable(rows: list[Row | None]) -> Iterator[None]:
    """A row that no record can be made of is counted: None stands for it."""
    try:
        yield
    except InvalidRecord:
        rows.append(None)


def _listing(
    node: str, at: datetime, rows: list[Row | None], profiles: Any, connections: Any
) -> Listing:
    readable = [row for row in rows if row is not None]
    return Listing(node, at, readable, len(rows) - len(readable), profiles, connections)
